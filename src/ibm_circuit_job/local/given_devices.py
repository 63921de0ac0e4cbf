"""Converts the setting ``devices`` to backends of the service: from names, files, or backends of qiskit.

Each becomes the two documents that IBM's API has for a backend, its configuration and its properties. So the process
of the service needs neither the files nor the packages from which they came.
"""

from __future__ import annotations

import difflib
import importlib.util
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from attrs import frozen

from ibm_circuit_job.errors import IBMError
from ibm_circuit_job.local.calibrations import calibration_id
from ibm_circuit_job.local.device import Device
from ibm_circuit_job.local.devices import BY_DEFAULT
from ibm_circuit_job.local.target_documents import configuration_of, properties_of

Given: TypeAlias = "str | Sequence[str | os.PathLike[str]] | Any"
"""A name, a list of paths, or a ``BackendV2`` of qiskit."""

_DEFAULTS: Final = {device.name: device for device in BY_DEFAULT}
_LONG_AGO: Final = datetime(2016, 5, 4, tzinfo=UTC)
"""The date of a calibration without a date: the first day of IBM's service, so that no device is older."""


class NoDevice(IBMError):  # noqa: N818 - named for what it says
    """A value is no valid device; the message says why."""


class Documents(msgspec.Struct, frozen=True):
    """The documents of a device, which are sent to the process of the service."""

    name: str = ""
    """The name of a default backend, which needs no documents; otherwise empty."""
    configuration: msgspec.Raw = msgspec.Raw(b"null")
    """The reply to ``GET /backends/NAME/configuration``."""
    properties: list[msgspec.Raw] = []
    """Replies to ``GET /backends/NAME/properties``, one for each calibration."""


@frozen
class GivenDevice(Device):
    """A device that is described by its documents."""

    configured: bytes = b"{}"
    """The configuration, as JSON."""
    calibrations: tuple[tuple[datetime, bytes], ...] = ()
    """The date (UTC) and the properties (JSON) of each calibration, the oldest first."""

    @property
    def is_simulator(self) -> bool:
        """Whether its configuration has the field ``simulator`` set."""
        return bool(self.configuration().get("simulator"))

    def configuration(self) -> dict[str, Any]:
        """Return the reply to ``GET /backends/NAME/configuration``."""
        return msgspec.json.decode(self.configured, type=dict[str, Any])

    def properties(self, moment: datetime) -> dict[str, Any]:
        """Return the properties of the last calibration before a time; of the first one if there is none before."""
        if not self.calibrations:
            return {}
        date = self.calibrated_at(moment)
        return msgspec.json.decode(dict(self.calibrations)[date], type=dict[str, Any])

    def calibrated_at(self, moment: datetime) -> datetime:
        """Return the date of the last calibration before a time; of the first one if there is none before."""
        dates = [date for date, _ in self.calibrations] or [_LONG_AGO]
        return max((date for date in dates if date <= moment), default=dates[0])

    def calibration(self, given: str, now: datetime) -> datetime | None:
        """Return the date of the calibration with this ID, in UTC; ``None`` if there is none."""
        del now
        return next((date for date, _ in self.calibrations if calibration_id(self.name, date) == given), None)


def documents_of(given: Given) -> Documents:
    """Return the documents of a device.

    Args:
        given: One of these: the name of a default backend; the name of a fake backend of ``qiskit-ibm-runtime``, such
            as ``fake_fez`` or ``FakeFez``, if that package is installed; a list of paths, first of a configuration,
            then of properties, one file for each calibration, as IBM's API returns them; a ``BackendV2``.

    Raises:
        NoDevice: If *given* is none of these, or a file cannot be read, or is no such document.

    Example:
        >>> from ibm_circuit_job.local.given_devices import documents_of
        >>> documents_of("local_heron").name
        'local_heron'
        >>> documents_of("ibm_nowhere")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        ibm_circuit_job.local.given_devices.NoDevice: expected a device to be one of local_simulator, local_5q, ...
    """
    if isinstance(given, str):
        found = Documents(given) if given in _DEFAULTS else _fake(given)
    elif isinstance(given, Sequence) and given and all(isinstance(each, str | os.PathLike) for each in given):
        found = _of_files(given)
    elif hasattr(given, "target") and hasattr(given, "name"):
        found = _of_backend(given)
    else:
        raise _no_device(given)
    device_of(found)
    return found


def _no_device(given: object) -> NoDevice:
    fakes = _fakes()
    known = [*_DEFAULTS, *fakes]
    close = difflib.get_close_matches(given.lower(), known, n=1, cutoff=0.75) if isinstance(given, str) else []
    meant = f"; did you mean {close[0]!r}?" if close else ""
    others = f"one of the {len(fakes)} fake backends of qiskit-ibm-runtime, such as fake_fez" if fakes else ""
    return NoDevice(
        f"expected a device to be one of {', '.join(_DEFAULTS)}, "
        f"{others or 'a fake backend of qiskit-ibm-runtime (which is not installed)'}, paths of files, or a BackendV2; "
        f"got {given!r}{meant}"
    )


def device_of(documents: Documents) -> Device:
    """Return the device that documents describe.

    Raises:
        NoDevice: If they are not valid.
    """
    if documents.name:
        return _DEFAULTS[documents.name]
    name, qubits, pairs = _configured(documents.configuration, "the configuration")
    dated = sorted((_date(each, "the properties", qubits), bytes(each)) for each in documents.properties)
    return GivenDevice(name, qubits, pairs, bytes(documents.configuration), tuple(dated))


class _Configuration(msgspec.Struct):
    backend_name: Annotated[str, msgspec.Meta(min_length=1)]
    n_qubits: Annotated[int, msgspec.Meta(ge=1)]
    basis_gates: list[str]
    coupling_map: list[tuple[int, int]] | None = None


def _configured(document: bytes, source: str) -> tuple[str, int, tuple[tuple[int, int], ...]]:
    """Return the name, the number of qubits and the coupled pairs of a configuration."""
    try:
        found = msgspec.json.decode(document, type=_Configuration)
    except msgspec.MsgspecError as error:
        raise NoDevice(f"expected {source} to be a reply of GET /backends/NAME/configuration: {error}") from None
    name = found.backend_name
    if "/" in name or not name.isprintable() or not name.strip(". "):
        # The name is a segment of the paths of requests, so a client could not request any other name.
        raise NoDevice(f"expected {source} to have a name of printable characters without '/', got {name!r}")
    return name, found.n_qubits, tuple(found.coupling_map or ())


class _Properties(msgspec.Struct):
    qubits: list[msgspec.Raw]
    gates: list[msgspec.Raw]
    last_update_date: str | None = None


def _date(document: bytes, source: str, qubits: int) -> datetime:
    """Return the date of a calibration, in UTC, after a check that it is of a device with so many qubits."""
    try:
        found = msgspec.json.decode(document, type=_Properties)
        date = _LONG_AGO if found.last_update_date is None else datetime.fromisoformat(found.last_update_date)
    except (msgspec.MsgspecError, ValueError) as error:
        raise NoDevice(f"expected {source} to be a reply of GET /backends/NAME/properties: {error}") from None
    if len(found.qubits) != qubits:
        raise NoDevice(f"expected {source} to have the {qubits} qubits of the configuration, got {len(found.qubits)}")
    # The ID of a calibration has its date in whole seconds.
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)


def devices_of(documents: Iterable[Documents]) -> list[Device]:
    """Return the devices that documents describe.

    Raises:
        NoDevice: If there is none, one is not valid, or two have the same name.
    """
    devices = [device_of(each) for each in documents]
    names = [device.name for device in devices]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not names:
        raise NoDevice(f"expected devices of different names, got {', '.join(twice)} twice" if twice else "no device")
    return devices


def _of_files(paths: Sequence[str | os.PathLike[str]]) -> Documents:
    """Return the documents in files: first the configuration, then properties."""
    names = [str(path) for path in paths if str(path) in _DEFAULTS]
    if names:
        raise NoDevice(f"expected paths of a configuration and its properties, got {names[0]!r}, a device by itself")
    configuration, *properties = (_read(Path(each)) for each in paths)
    _, qubits, _ = _configured(configuration, f"the file {paths[0]}, which comes first,")
    for path, each in zip(paths[1:], properties, strict=True):
        _date(each, f"the file {path}", qubits)
    return Documents("", configuration, properties)


def _read(path: Path) -> msgspec.Raw:
    try:
        return msgspec.Raw(msgspec.json.encode(msgspec.json.decode(path.read_bytes(), type=dict[str, Any])))
    except OSError as error:
        raise NoDevice(f"the file {path} cannot be read: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise NoDevice(f"the file {path} is not a JSON object: {error}") from None


def _fake(name: str) -> Documents:
    """Return the documents of a fake backend of ``qiskit-ibm-runtime``, without importing that package."""
    short = name.lower().removeprefix("fake").lstrip("_").removesuffix("v2")
    folder = _fakes().get(f"fake_{short}")
    if folder is None:
        raise _no_device(name)
    configuration, properties = (folder / f"{kind}_{short}.json" for kind in ("conf", "props"))
    return _renamed(Documents("", _read(configuration), [_read(properties)]), f"fake_{short}")


def _fakes() -> dict[str, Path]:
    """Return name -> folder of the fake backends of ``qiskit-ibm-runtime``; empty if it is not installed."""
    package = importlib.util.find_spec("qiskit_ibm_runtime")
    roots = () if package is None else package.submodule_search_locations or ()
    return {
        f"fake_{path.parent.name}": path.parent
        for root in roots
        for path in sorted((Path(root) / "fake_provider" / "backends").glob("*/conf_*.json"))
    }


def _renamed(documents: Documents, name: str) -> Documents:
    fields = msgspec.json.decode(documents.configuration, type=dict[str, Any]) | {"backend_name": name}
    return Documents("", msgspec.Raw(msgspec.json.encode(fields)), documents.properties)


def _of_backend(backend: Any) -> Documents:
    """Return the documents of a backend: those that it has, or, without both, documents made of its target."""
    documents: list[Mapping[str, Any]] = []
    for name in ("configuration", "properties"):
        method = getattr(backend, name, None)
        document: Any = method() if callable(method) else None
        if hasattr(document, "to_dict"):
            documents.append(document.to_dict())
    if len(documents) < 2:
        documents = [configuration_of(backend), properties_of(backend)]
    configuration, properties = documents
    return Documents("", _raw({**configuration, "backend_name": backend.name}), [_raw(_plain(properties))])


def _raw(document: Mapping[str, Any]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(_plain(document)))


def _plain(value: Any) -> Any:
    """Return a value in which everything is of a type that JSON has."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, complex):
        return [value.real, value.imag]
    return value.item() if hasattr(value, "item") else value
