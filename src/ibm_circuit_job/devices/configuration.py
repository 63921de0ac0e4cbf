"""What a backend is, and whether it is up: the records that stand where qiskit's ``models`` of them stood.

Qiskit 2 dropped its ``BackendConfiguration`` and ``BackendStatus``, and programs ask for them still. A record keeps the
service's document as JSON text, so that it is frozen, hashable and picklable. A field is decoded when it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Final, TypeVar

from attrs import field, fields_dict, frozen
from attrs.validators import ge, instance_of

from ibm_circuit_job.devices.documents import (
    Misread,
    PartwiseReading,
    Reader,
    field_of,
    from_json,
    list_of,
    moment_of,
    object_of,
    optional,
    readable,
    unreadable,
)
from ibm_circuit_job.devices.parts import GateConfig, UchannelLO
from ibm_circuit_job.errors import IBMBackendApiError
from ibm_circuit_job.state.field_values import JsonText, unknown_fields
from ibm_circuit_job.wire.values import flag_of, integer_of, number_of, shown, text_of

_T = TypeVar("_T")


# Reading one field


def _times(factor: float) -> Reader[float]:
    def read(value: Any, kind: type) -> float:
        # By multiplication, so that the figures are those of qiskit 1 to the last digit.
        return number_of(number_of(value, kind) * factor, kind)

    return read


_nanoseconds: Final = _times(1e-9)
_microseconds: Final = _times(1e-6)
_gigahertz: Final = _times(1e9)


def _fresh(read: Reader[tuple[_T, ...]]) -> Reader[list[_T]]:
    """What a caller is given is a list, as it was in qiskit 1, and the caller's own."""
    return lambda value, kind: list(read(value, kind))


def _hamiltonian(value: Any, _: type) -> dict[str, Any]:
    """A Hamiltonian; its variables, where it has any, in hertz. Those that are no numbers stay as they are."""
    said = object_of(value)
    if said.get("vars") is None:
        return dict(said)
    in_hertz = {
        name: _gigahertz(variable, float) if isinstance(variable, (int, float)) else variable
        for name, variable in field_of(said, "vars", object_of).items()
    }
    return {**said, "vars": in_hertz}


def _as_it_is(value: Any, _: type) -> Any:
    return value


def _names(values: Any, _: type) -> list[str]:
    """Names of a list; what is no text among them is left out."""
    if not isinstance(values, (list, tuple)):
        raise TypeError(f"expected a list, got {shown(values)}")
    return readable(values, text_of)


_ranges: Final = _fresh(list_of(_fresh(list_of(_gigahertz))))

_READERS: Final[Mapping[str, Reader[Any]]] = {
    "rep_times": _fresh(list_of(_microseconds)),
    "qubit_lo_range": _ranges,
    "meas_lo_range": _ranges,
    "channel_bandwidth": _ranges,
    "hamiltonian": _hamiltonian,
    "u_channel_lo": _fresh(list_of(_fresh(list_of(UchannelLO.read)))),
}
"""How fields are read that have no property of their own, and are not given as they are."""

_NONE_WHERE_ABSENT: Final = frozenset({"meas_levels", "meas_kernels", "discriminators"})
"""Fields without a property that the official client answers with ``None`` where the document does not have them."""

MOST_QUBITS: Final = 100_000
"""No device has more qubits; a larger number is a mistake, and would fill the memory."""


def _number_of_qubits(value: Any, kind: type) -> int:
    number = integer_of(value, kind)
    if not 0 <= number <= MOST_QUBITS:
        raise ValueError(f"expected a number from 0 to {MOST_QUBITS}, got {number}")
    return number


_REQUIRED: Final[Mapping[str, Reader[object]]] = {
    "backend_name": text_of,
    "n_qubits": _number_of_qubits,
    "basis_gates": _names,
}
"""The fields without which a document describes no backend."""

_DOCUMENT: Final = "configuration of the backend"


@frozen(repr=False)
class BackendConfiguration:
    """What a backend is: every field of the service's document is an attribute, as of qiskit 1's class of that name.

    Times are in seconds and frequencies in hertz, as they were there; the service's own units are in :meth:`to_dict`.
    Lists and dictionaries are made anew each time, so that to change one changes nothing here. An attribute that the
    document has not raises an ``AttributeError``; a documented one is ``None``, false or empty instead.

    A field of the wrong type raises an ``IBMBackendApiError`` that names it, when it is asked for.

    Example:
        >>> said = {"backend_name": "ibm_x", "n_qubits": 5, "basis_gates": ["cx"], "dt": 0.5, "sample": "X"}
        >>> configuration = BackendConfiguration.from_dict(said)
        >>> configuration
        BackendConfiguration('ibm_x', 5 qubits)
        >>> configuration.dt, configuration.sample, configuration.max_shots
        (5e-10, 'X', None)
    """

    _fields: tuple[tuple[str, JsonText], ...] = field(converter=unknown_fields, alias="fields")
    """The document: (name, JSON text), sorted by name."""

    def __repr__(self) -> str:
        return f"BackendConfiguration({self.backend_name!r}, {self.n_qubits} qubit{'' if self.n_qubits == 1 else 's'})"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> BackendConfiguration:
        """Read the service's document.

        Args:
            data: The dictionary, in the service's units; it is left as it is.

        Raises:
            IBMBackendApiError: If ``backend_name``, ``n_qubits`` or ``basis_gates`` is missing or of the wrong type, or
                if ``n_qubits`` is not from 0 to 100,000.

        Example:
            >>> BackendConfiguration.from_dict({"backend_name": "ibm_x", "n_qubits": "many", "basis_gates": []})
            Traceback (most recent call last):
            ibm_circuit_job.errors.IBMBackendApiProtocolError: could not read the configuration of the backend: \
n_qubits: expected a number, got 'many'
        """
        try:
            said = object_of(data)
            missing = [name for name in _REQUIRED if said.get(name) is None]
            if missing:
                raise Misread("", f"expected fields that are missing: {', '.join(missing)}")  # noqa: TRY301
            for name, read in _REQUIRED.items():
                field_of(said, name, read)
        except Misread as wrong:
            raise unreadable(_DOCUMENT, wrong) from None
        # A field that cannot be written as JSON costs itself alone.
        return cls(PartwiseReading().others("", said, frozenset()))

    def to_dict(self) -> dict[str, Any]:
        """Return the service's document as it came, in the service's units."""
        return from_json(self._fields)

    @cached_property
    def _text_by_name(self) -> Mapping[str, JsonText]:
        return dict(self._fields)

    def _read(self, name: str, read: Reader[_T]) -> _T:
        text = self._text_by_name.get(name, "null")
        try:
            return field_of({name: json.loads(text)}, name, read)
        except Misread as wrong:
            raise unreadable(_DOCUMENT, wrong) from None

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or a default where the service does not say it, or says it in a way that cannot be read.

        Example:
            >>> said = {"backend_name": "ibm_x", "n_qubits": 5, "basis_gates": ["cx"], "max_shots": "many"}
            >>> configuration = BackendConfiguration.from_dict(said)
            >>> configuration.get("max_shots", 4000), configuration.get("n_qubits")
            (4000, 5)
        """
        try:
            found = getattr(self, name)
        except (AttributeError, IBMBackendApiError):
            return default
        return default if found is None else found

    def __getattr__(self, name: str) -> Any:
        # What Python itself looks for begins with an underscore, and may be looked for before there are any fields.
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._text_by_name:
            return self._read(name, optional(_READERS.get(name, _as_it_is), None))
        if name in _NONE_WHERE_ABSENT:
            return None
        close = get_close_matches(name, [known for known in dir(self) if not known.startswith("_")])
        raise AttributeError(
            f"the configuration of {self.backend_name} has no {name!r}"
            + (f"; did you mean {' or '.join(close)}?" if close else "")
        )

    def __contains__(self, name: object) -> bool:
        """Return whether the service's document has a field of that name: ``"n_qubits" in configuration``."""
        return name in self._text_by_name

    def __dir__(self) -> Iterable[str]:
        return {*object.__dir__(self), *self._text_by_name}

    @property
    def backend_name(self) -> str:
        """The backend's name."""
        return self._read("backend_name", text_of)

    @property
    def backend_version(self) -> str | None:
        """The backend's version: ``"1.0.0"``."""
        return self._read("backend_version", optional(text_of, None))

    @property
    def n_qubits(self) -> int:
        """How many qubits it has."""
        return self._read("n_qubits", integer_of)

    @property
    def num_qubits(self) -> int:
        """The same as ``n_qubits``."""
        return self.n_qubits

    @property
    def basis_gates(self) -> list[str]:
        """The names of the gates that it runs. What is no name among them is left out."""
        return self._read("basis_gates", _names)

    @property
    def gates(self) -> list[GateConfig]:
        """The gates that it runs, with the qubits that each acts on; empty where the service does not say.

        A gate that cannot be read is left out.
        """
        return self._read("gates", lambda value, _: readable(value, GateConfig.read))

    @property
    def coupling_map(self) -> list[list[int]] | None:
        """The pairs of qubits that two-qubit gates act on; ``None`` where any pair will do."""
        return self._read("coupling_map", optional(_fresh(list_of(_fresh(list_of(integer_of)))), None))

    @property
    def simulator(self) -> bool:
        """Whether it is a simulator; false where the service does not say."""
        return self._read("simulator", optional(flag_of, False))

    @property
    def max_shots(self) -> int | None:
        """How often a circuit can be run in one job."""
        return self._read("max_shots", optional(integer_of, None))

    @property
    def max_experiments(self) -> int | None:
        """How many circuits a job may hold."""
        return self._read("max_experiments", optional(integer_of, None))

    @property
    def dt(self) -> float | None:
        """The time step of its control, in seconds."""
        return self._read("dt", optional(_nanoseconds, None))

    @property
    def dtm(self) -> float | None:
        """The time step of its measurement, in seconds."""
        return self._read("dtm", optional(_nanoseconds, None))

    @property
    def sample_rate(self) -> float | None:
        """The rate of its control signals, in hertz: one sample for each ``dt``."""
        return 1.0 / self.dt if self.dt else None

    @property
    def meas_map(self) -> list[list[int]]:
        """The groups of qubits that are measured together; empty where the service does not say."""
        return self._read("meas_map", optional(_fresh(list_of(_fresh(list_of(integer_of)))), None)) or []

    @property
    def online_date(self) -> datetime | None:
        """When it went online, in UTC."""
        return self._read("online_date", optional(moment_of, None))

    @property
    def rep_delay_range(self) -> list[float] | None:
        """The shortest and the longest delay between two shots, in seconds."""
        return self._read("rep_delay_range", optional(_fresh(list_of(_microseconds)), None))

    @property
    def default_rep_delay(self) -> float | None:
        """The delay between two shots unless a job says otherwise, in seconds."""
        return self._read("default_rep_delay", optional(_microseconds, None))

    @property
    def dynamic_reprate_enabled(self) -> bool:
        """Whether a job may set the delay between two shots; false where the service does not say."""
        return self._read("dynamic_reprate_enabled", optional(flag_of, False))

    @property
    def supported_instructions(self) -> list[str]:
        """The names of the instructions that it runs, gates included; empty where the service does not say."""
        return self._read("supported_instructions", optional(_names, None)) or []

    @property
    def supported_features(self) -> list[str]:
        """What it can do besides: ``qasm3`` ...; empty where the service does not say."""
        return self._read("supported_features", optional(_names, None)) or []


def _not_negative(value: Any, kind: type) -> int:
    number = integer_of(value, kind)
    if number < 0:
        raise ValueError(f"expected a whole number from 0, got {number}")
    return number


def _status_text(value: Any, kind: type) -> str:
    """A status, which in listings of the platform is an object with a name."""
    return text_of(value.get("name", "") if isinstance(value, Mapping) else value, kind)


@frozen
class BackendStatus:
    """Whether a backend is up, and how many jobs wait for it, with the fields of qiskit 1's class of that name.

    Example:
        >>> BackendStatus.from_reply({"state": True, "status": "active", "length_queue": 3}, "ibm_x").pending_jobs
        3
    """

    backend_name: str = field(validator=instance_of(str))
    """The backend's name."""
    backend_version: str = field(validator=instance_of(str))
    """The backend's version."""
    operational: bool = field(validator=instance_of(bool))
    """Whether it takes jobs. Where the message is ``internal``, it takes them and runs none."""
    pending_jobs: int = field(validator=[instance_of(int), ge(0)])
    """How many jobs wait for it."""
    status_msg: str = field(validator=instance_of(str))
    """The service's own word: ``active``, ``maintenance`` ..."""
    _more: tuple[tuple[str, JsonText], ...] = field(default=(), alias="more", eq=False, repr=False)
    """What else the reply has, which are attributes as well: (name, JSON text), sorted by name."""

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            for other, text in self._more:
                if other == name:
                    return json.loads(text)
        raise AttributeError(f"the status of {self.backend_name} has no {name!r}")

    @classmethod
    def from_reply(cls, data: Mapping[str, Any], backend_name: str = "") -> BackendStatus:
        """Read what the service said.

        Args:
            data: The reply to ``GET /backends/NAME/status`` in either dialect, an entry of the platform's list of
                backends, or what the official clients make of a reply. Only the status itself must be there: how
                long the queue is, and the version, need not be.
            backend_name: The name that was asked for: a reply need not hold it.

        Raises:
            IBMBackendApiError: If a part is of the wrong type, or the reply says nothing of a status; the message names
                the path to it.

        Example:
            >>> reply = {"name": "ibm_x", "status": {"name": "online", "reason": "available"}, "queue_length": 3}
            >>> status = BackendStatus.from_reply(reply)
            >>> status.operational, status.pending_jobs, status.status_msg
            (True, 3, 'online')
        """
        try:
            said = object_of(data)
            spelt = {name: _spelling_in(said, spellings) for name, spellings in _SPELLINGS.items()}
            message = field_of(said, spelt["status_msg"], optional(_status_text, ""))
            if said.get(spelt["operational"]) is None and not message:
                raise Misread(".state", "expected true or false, got nothing")  # noqa: TRY301
            return cls(
                backend_name=field_of(said, spelt["backend_name"], optional(text_of, backend_name)),
                backend_version=field_of(said, "backend_version", optional(text_of, "")),
                # A list of the platform names the status, and has no flag.
                operational=field_of(said, spelt["operational"], optional(flag_of, message.lower() == "online")),
                pending_jobs=max(0, field_of(said, spelt["pending_jobs"], optional(integer_of, 0))),
                status_msg=message,
                more=PartwiseReading().others("", said, frozenset(fields_dict(cls))),
            )
        except Misread as wrong:
            raise unreadable("status of the backend", wrong) from None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> BackendStatus:
        """Read what :meth:`to_dict` returned.

        Raises:
            IBMBackendApiError: If a part is missing or of the wrong type; the message names it.
        """
        try:
            said = object_of(data)
            return cls(
                backend_name=field_of(said, "backend_name", text_of),
                backend_version=field_of(said, "backend_version", text_of),
                operational=field_of(said, "operational", flag_of),
                pending_jobs=field_of(said, "pending_jobs", _not_negative),
                status_msg=field_of(said, "status_msg", text_of),
                more=PartwiseReading().others("", said, frozenset(fields_dict(cls))),
            )
        except Misread as wrong:
            raise unreadable("status of the backend", wrong) from None

    def to_dict(self) -> dict[str, Any]:
        """Return it as a dictionary, with the names of its fields.

        Example:
            >>> BackendStatus("ibm_x", "1.0.0", True, 3, "active").to_dict()["pending_jobs"]
            3
        """
        return {name: getattr(self, name) for name in fields_dict(BackendStatus) if name != "_more"}


_SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "backend_name": ("backend_name", "name"),
    "operational": ("state", "operational"),
    "pending_jobs": ("length_queue", "queue_length", "pending_jobs"),
    "status_msg": ("status", "status_msg"),
}
"""How the fields of a status are spelt: by the service, in its lists, and by the official clients."""


def _spelling_in(said: Mapping[str, Any], spellings: tuple[str, ...]) -> str:
    """The spelling that is used; the service's own where none is."""
    return next((name for name in spellings if said.get(name) is not None), spellings[0])
