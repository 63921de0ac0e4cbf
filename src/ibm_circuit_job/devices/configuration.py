"""BackendConfiguration and BackendStatus: frozen records that replace the classes of these names in qiskit 1.

Qiskit 2 has removed its classes, and programs still use them. A configuration has the service's document as JSON text,
so it is frozen, hashable and picklable. A field is decoded when it is read.
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
        # Multiplied, as in qiskit 1, so that the figures are equal to the last digit.
        return number_of(number_of(value, kind) * factor, kind)

    return read


_nanoseconds: Final = _times(1e-9)
_microseconds: Final = _times(1e-6)
_gigahertz: Final = _times(1e9)


def _fresh(read: Reader[tuple[_T, ...]]) -> Reader[list[_T]]:
    """Return a reader that makes a new list each time, as callers may change it. Qiskit 1 had lists as well."""
    return lambda value, kind: list(read(value, kind))


def _hamiltonian(value: Any, _: type) -> dict[str, Any]:
    """A Hamiltonian, with its variables in hertz. Variables that are no numbers stay as they are."""
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
    """The texts in a list. Other elements are left out."""
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
"""The readers of fields that have no property, and are converted."""

_NONE_WHERE_ABSENT: Final = frozenset({"meas_levels", "meas_kernels", "discriminators"})
"""Fields without a property that are ``None`` if the document lacks them, as in the official client."""

MOST_QUBITS: Final = 100_000
"""The most qubits of a backend. A larger number is a mistake, and would fill the memory."""


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
    """The configuration of a backend (``GET /backends/NAME/configuration``), as in qiskit 1.

    Every field of the document is an attribute. Times are in seconds and frequencies in hertz; :meth:`to_dict` has the
    service's units. Each access makes new lists and dictionaries, so a change to one has no effect here.

    If the document lacks a field, the attribute raises an ``AttributeError``; a documented one is ``None``, false or
    empty instead. If a field has the wrong type, its attribute raises an ``IBMBackendApiError`` that names it.

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
        """Return the configuration in a document of the service.

        Args:
            data: The document, in the service's units; it is not changed.

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
        # Only a field that cannot be written as JSON is lost.
        return cls(PartwiseReading().others("", said, frozenset()))

    def to_dict(self) -> dict[str, Any]:
        """Return the service's document, unchanged and in the service's units."""
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
        """Return an attribute; *default* if the document lacks the field, or the field cannot be read.

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
        # Python itself looks up names with an underscore, even before there are any fields.
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
        """The number of qubits."""
        return self._read("n_qubits", integer_of)

    @property
    def num_qubits(self) -> int:
        """The same as ``n_qubits``."""
        return self.n_qubits

    @property
    def basis_gates(self) -> list[str]:
        """The names of the gates that the backend runs. Elements that are no text are left out."""
        return self._read("basis_gates", _names)

    @property
    def gates(self) -> list[GateConfig]:
        """The gates that the backend runs, with their qubits; empty if unknown. Unreadable gates are left out."""
        return self._read("gates", lambda value, _: readable(value, GateConfig.read))

    @property
    def coupling_map(self) -> list[list[int]] | None:
        """The pairs of qubits on which two-qubit gates act; ``None`` if they act on any pair."""
        return self._read("coupling_map", optional(_fresh(list_of(_fresh(list_of(integer_of)))), None))

    @property
    def simulator(self) -> bool:
        """Whether the backend is a simulator; false if unknown."""
        return self._read("simulator", optional(flag_of, False))

    @property
    def max_shots(self) -> int | None:
        """The most shots of a circuit in one job; ``None`` if unknown."""
        return self._read("max_shots", optional(integer_of, None))

    @property
    def max_experiments(self) -> int | None:
        """The most circuits in one job; ``None`` if unknown."""
        return self._read("max_experiments", optional(integer_of, None))

    @property
    def dt(self) -> float | None:
        """The time step of control signals, in seconds; ``None`` if unknown."""
        return self._read("dt", optional(_nanoseconds, None))

    @property
    def dtm(self) -> float | None:
        """The time step of measurement signals, in seconds; ``None`` if unknown."""
        return self._read("dtm", optional(_nanoseconds, None))

    @property
    def sample_rate(self) -> float | None:
        """The sample rate of control signals, in hertz: ``1 / dt``; ``None`` if unknown."""
        return 1.0 / self.dt if self.dt else None

    @property
    def meas_map(self) -> list[list[int]]:
        """The groups of qubits that are measured together; empty if unknown."""
        return self._read("meas_map", optional(_fresh(list_of(_fresh(list_of(integer_of)))), None)) or []

    @property
    def online_date(self) -> datetime | None:
        """When the backend went online, in UTC; ``None`` if unknown."""
        return self._read("online_date", optional(moment_of, None))

    @property
    def rep_delay_range(self) -> list[float] | None:
        """The shortest and the longest delay between two shots, in seconds; ``None`` if unknown."""
        return self._read("rep_delay_range", optional(_fresh(list_of(_microseconds)), None))

    @property
    def default_rep_delay(self) -> float | None:
        """The default delay between two shots, in seconds; ``None`` if unknown."""
        return self._read("default_rep_delay", optional(_microseconds, None))

    @property
    def dynamic_reprate_enabled(self) -> bool:
        """Whether a job may set the delay between two shots; false if unknown."""
        return self._read("dynamic_reprate_enabled", optional(flag_of, False))

    @property
    def supported_instructions(self) -> list[str]:
        """The names of the instructions that the backend runs, with its gates; empty if unknown."""
        return self._read("supported_instructions", optional(_names, None)) or []

    @property
    def supported_features(self) -> list[str]:
        """The names of other features, as ``qasm3``; empty if unknown."""
        return self._read("supported_features", optional(_names, None)) or []


def _not_negative(value: Any, kind: type) -> int:
    number = integer_of(value, kind)
    if number < 0:
        raise ValueError(f"expected a whole number from 0, got {number}")
    return number


def _status_text(value: Any, kind: type) -> str:
    """The text of a status. In lists of IBM Quantum Platform, a status is an object with a name."""
    return text_of(value.get("name", "") if isinstance(value, Mapping) else value, kind)


@frozen
class BackendStatus:
    """The status of a backend (``GET /backends/NAME/status``), with the fields of this class in qiskit 1.

    Example:
        >>> BackendStatus.from_reply({"state": True, "status": "active", "length_queue": 3}, "ibm_x").pending_jobs
        3
    """

    backend_name: str = field(validator=instance_of(str))
    """The backend's name."""
    backend_version: str = field(validator=instance_of(str))
    """The backend's version."""
    operational: bool = field(validator=instance_of(bool))
    """Whether the backend accepts jobs. If the message is ``internal``, it accepts jobs and runs none."""
    pending_jobs: int = field(validator=[instance_of(int), ge(0)])
    """The number of jobs in its queue."""
    status_msg: str = field(validator=instance_of(str))
    """The service's text, as ``active`` or ``maintenance``."""
    _more: tuple[tuple[str, JsonText], ...] = field(default=(), alias="more", eq=False, repr=False)
    """The other fields of the reply: (name, JSON text), sorted by name. Each is an attribute as well."""

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            for other, text in self._more:
                if other == name:
                    return json.loads(text)
        raise AttributeError(f"the status of {self.backend_name} has no {name!r}")

    @classmethod
    def from_reply(cls, data: Mapping[str, Any], backend_name: str = "") -> BackendStatus:
        """Return the status in a reply of the service.

        Args:
            data: The reply to ``GET /backends/NAME/status`` of either channel, an entry of a list of backends, or the
                same as converted by an official client. Only the status is required; the version and the length of
                the queue are optional.
            backend_name: The name of the backend, for replies without it.

        Raises:
            IBMBackendApiError: If a field has the wrong type, or the status is missing. The message names its path.

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
                # Entries of lists of IBM Quantum Platform have a text, and no flag.
                operational=field_of(said, spelt["operational"], optional(flag_of, message.lower() == "online")),
                pending_jobs=max(0, field_of(said, spelt["pending_jobs"], optional(integer_of, 0))),
                status_msg=message,
                more=PartwiseReading().others("", said, frozenset(fields_dict(cls))),
            )
        except Misread as wrong:
            raise unreadable("status of the backend", wrong) from None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> BackendStatus:
        """Return the status in a dictionary from :meth:`to_dict`.

        Raises:
            IBMBackendApiError: If a field is missing or has the wrong type. The message names it.
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
        """Return the status as a dictionary: name of the field -> value.

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
"""The spellings of the fields of a status: in a reply, in a list, and in the official clients."""


def _spelling_in(said: Mapping[str, Any], spellings: tuple[str, ...]) -> str:
    """The spelling that a document uses; that of the service if it uses none."""
    return next((name for name in spellings if said.get(name) is not None), spellings[0])
