"""Backends that the service is given: by name, as a pair of files, or as a backend of qiskit.

They become the documents that IBM's API gives of a backend, so that the service's process needs nothing else.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
from attrs import frozen

from ibm_circuit_job.errors import IBMError
from ibm_circuit_job.local.calibrations import calibration_id
from ibm_circuit_job.local.device import Device
from ibm_circuit_job.local.devices import BY_DEFAULT
from ibm_circuit_job.local.target_documents import configuration_of, properties_of

Given: TypeAlias = "str | Sequence[str | os.PathLike[str]] | Any"
"""A name, paths of files, or a backend of qiskit."""

_DEFAULTS: Final = {device.name: device for device in BY_DEFAULT}
_LONG_AGO: Final = datetime(2016, 5, 4, tzinfo=UTC)
"""The date of a calibration that says none; no device is older."""


class NoDevice(IBMError):  # noqa: N818 - named for what it says
    """What was given is no device; the message says why."""


class Documents(msgspec.Struct, frozen=True):
    """A device on its way to the service's process."""

    name: str = ""
    """The name of a backend that the service has by default; empty for others."""
    configuration: msgspec.Raw = msgspec.Raw(b"null")
    """The reply to ``GET /backends/NAME/configuration``."""
    properties: list[msgspec.Raw] = []
    """Replies to ``GET /backends/NAME/properties``: one for each calibration."""


@frozen
class GivenDevice(Device):
    """A device that is what its documents say."""

    said: bytes = b"{}"
    """The configuration, as JSON."""
    calibrations: tuple[tuple[datetime, bytes], ...] = ()
    """The calibrations, as JSON, with their dates; the oldest first."""

    @property
    def is_simulator(self) -> bool:
        """Whether its configuration says so."""
        return bool(self.configuration().get("simulator"))

    def configuration(self) -> dict[str, Any]:
        """Return the reply to ``GET /backends/NAME/configuration``."""
        return msgspec.json.decode(self.said, type=dict[str, Any])

    def properties(self, moment: datetime) -> dict[str, Any]:
        """Return the newest calibration that is not newer than a moment; the oldest where all are newer."""
        if not self.calibrations:
            return {}
        date = self.calibrated_at(moment)
        return msgspec.json.decode(dict(self.calibrations)[date], type=dict[str, Any])

    def calibrated_at(self, moment: datetime) -> datetime:
        """Return the date of the calibration that holds at a moment."""
        dates = [date for date, _ in self.calibrations] or [_LONG_AGO]
        return max((date for date in dates if date <= moment), default=dates[0])

    def calibration(self, given: str, now: datetime) -> datetime | None:
        """Return the date of the calibration of that ID; ``None`` if there is none."""
        del now
        return next((date for date, _ in self.calibrations if calibration_id(self.name, date) == given), None)


def documents_of(given: Given) -> Documents:
    """Return the documents of a device.

    Args:
        given: The name of a backend that the service has by default; or that of a fake backend of
            ``qiskit-ibm-runtime``, such as ``fake_fez`` or ``FakeFez``, where that package is installed; or paths of
            files with a configuration and its properties, as IBM's API gives them, one file for each calibration;
            or a ``BackendV2``.

    Raises:
        NoDevice: If it is none of these, or a file cannot be read.

    Example:
        >>> from ibm_circuit_job.local.given_devices import documents_of
        >>> documents_of("local_heron").name
        'local_heron'
        >>> documents_of("ibm_nowhere")
        Traceback (most recent call last):
        ...
        ibm_circuit_job.local.given_devices.NoDevice: expected a device to be one of local_simulator, local_5q, \
local_27q, local_heron, ibmq_qasm_simulator, a fake backend of qiskit-ibm-runtime, paths of files, or a BackendV2; \
got 'ibm_nowhere'
    """
    found: Documents | None = None
    if isinstance(given, str):
        found = Documents(given) if given in _DEFAULTS else _fake(given)
    elif isinstance(given, Sequence) and given and all(isinstance(each, str | os.PathLike) for each in given):
        configuration, *properties = (_read(Path(each)) for each in given)
        found = Documents("", configuration, properties)
    elif hasattr(given, "target") and hasattr(given, "name"):
        found = _of_backend(given)
    if found is None:
        raise NoDevice(
            f"expected a device to be one of {', '.join(_DEFAULTS)}, a fake backend of qiskit-ibm-runtime, paths of "
            f"files, or a BackendV2; got {given!r}"
        )
    device_of(found)
    return found


def device_of(documents: Documents) -> Device:
    """Return the device that documents describe.

    Raises:
        NoDevice: If they describe none.
    """
    if documents.name:
        return _DEFAULTS[documents.name]
    try:
        said = msgspec.json.decode(documents.configuration, type=dict[str, Any])
        name, qubits = said["backend_name"], said["n_qubits"]
        pairs = tuple((pair[0], pair[1]) for pair in said.get("coupling_map") or ())
        dated = sorted((_date(properties), bytes(properties)) for properties in documents.properties)
    except (msgspec.MsgspecError, LookupError, TypeError, ValueError) as error:
        raise NoDevice(f"expected a configuration and properties as IBM's API gives them: {error}") from None
    if not isinstance(name, str) or not name or type(qubits) is not int or qubits < 1:
        raise NoDevice(f"expected backend_name to be a text and n_qubits a number, got {name!r} and {qubits!r}")
    return GivenDevice(name, qubits, pairs, bytes(documents.configuration), tuple(dated))


def devices_of(documents: Iterable[Documents]) -> list[Device]:
    """Return the devices that documents describe.

    Raises:
        NoDevice: If two have the same name, or one is none.
    """
    devices = [device_of(each) for each in documents]
    names = [device.name for device in devices]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not names:
        raise NoDevice(f"expected devices of different names, got {', '.join(twice)} twice" if twice else "no device")
    return devices


def _date(properties: bytes) -> datetime:
    said = msgspec.json.decode(properties, type=dict[str, Any])
    if not isinstance(said.get("gates"), list) or not isinstance(said.get("qubits"), list):
        raise TypeError("properties without the lists gates and qubits")
    date = said.get("last_update_date")
    if date is None:
        return _LONG_AGO
    found = datetime.fromisoformat(date)
    # IDs have seconds.
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)


def _read(path: Path) -> msgspec.Raw:
    try:
        return msgspec.Raw(msgspec.json.encode(msgspec.json.decode(path.read_bytes(), type=dict[str, Any])))
    except OSError as error:
        raise NoDevice(f"the file {path} cannot be read: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise NoDevice(f"the file {path} is not a JSON object: {error}") from None


def _fake(name: str) -> Documents | None:
    """The documents of a fake backend, without loading the package."""
    short = name.lower().removeprefix("fake").lstrip("_").removesuffix("v2")
    if not short.isalnum() or (package := importlib.util.find_spec("qiskit_ibm_runtime")) is None:
        return None
    for root in package.submodule_search_locations or ():
        folder = Path(root) / "fake_provider" / "backends" / short
        configuration, properties = (folder / f"{kind}_{short}.json" for kind in ("conf", "props"))
        if configuration.exists():
            return _renamed(Documents("", _read(configuration), [_read(properties)]), f"fake_{short}")
    return None


def _renamed(documents: Documents, name: str) -> Documents:
    said = msgspec.json.decode(documents.configuration, type=dict[str, Any]) | {"backend_name": name}
    return Documents("", msgspec.Raw(msgspec.json.encode(said)), documents.properties)


def _of_backend(backend: Any) -> Documents:
    """The documents of a backend: those that it has, or those that its target says."""
    documents: list[Mapping[str, Any]] = []
    for name in ("configuration", "properties"):
        described = getattr(backend, name, None)
        said: Any = described() if callable(described) else None
        if hasattr(said, "to_dict"):
            documents.append(said.to_dict())
    if len(documents) < 2:
        documents = [configuration_of(backend), properties_of(backend)]
    configuration, properties = documents
    return Documents("", _raw({**configuration, "backend_name": backend.name}), [_raw(_plain(properties))])


def _raw(document: Mapping[str, Any]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(_plain(document)))


def _plain(value: Any) -> Any:
    """A document in values that JSON has."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, complex):
        return [value.real, value.imag]
    return value.item() if hasattr(value, "item") else value
