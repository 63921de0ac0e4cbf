"""Reads a file with settings of the service, in TOML or JSON. They have the names of ``LocalService``'s arguments."""

from __future__ import annotations

import tomllib
from typing import Annotated, Any

import msgspec

from ibm_circuit_job.local import faults
from ibm_circuit_job.local.api_forms import SUNSETS
from ibm_circuit_job.local.given_devices import NoDevice, devices_of, documents_of
from ibm_circuit_job.local.instances import NoInstances, read_instances

_Positive = Annotated[float, msgspec.Meta(gt=0, le=1e9)]


class NoSettings(ValueError):  # noqa: N818 - named for what it says
    """A file is not a valid file of settings; the message says why."""


class _Settings(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    # Not the token: it is read from a separate file, so that a file of settings can be shown to others.
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] | msgspec.UnsetType = msgspec.UNSET
    host: str | msgspec.UnsetType = msgspec.UNSET
    data: str | msgspec.UnsetType = msgspec.UNSET
    workers: Annotated[int, msgspec.Meta(ge=1)] | msgspec.UnsetType = msgspec.UNSET
    executor: str | msgspec.UnsetType = msgspec.UNSET
    seed: Annotated[int, msgspec.Meta(ge=0)] | msgspec.UnsetType = msgspec.UNSET
    rate_limit: Annotated[int, msgspec.Meta(ge=1)] | msgspec.UnsetType = msgspec.UNSET
    results_at_url: Annotated[int, msgspec.Meta(ge=0)] | msgspec.UnsetType = msgspec.UNSET
    token_seconds: Annotated[int, msgspec.Meta(ge=1)] | msgspec.UnsetType = msgspec.UNSET
    faults: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    memory_mb: Annotated[int, msgspec.Meta(ge=256)] | msgspec.UnsetType = msgspec.UNSET
    job_seconds: _Positive | msgspec.UnsetType = msgspec.UNSET
    idle_seconds: _Positive | msgspec.UnsetType = msgspec.UNSET
    allowed_hosts: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    devices: list[str | list[str]] | msgspec.UnsetType = msgspec.UNSET
    instances: list[dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET
    usage_seconds: Annotated[float, msgspec.Meta(ge=0, le=1e9)] | msgspec.UnsetType = msgspec.UNSET
    withdrawn_versions: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


def read_settings(content: bytes) -> dict[str, Any]:
    """Return the settings in a file, as arguments of ``ServerSettings``.

    Args:
        content: The bytes of the file: TOML, or a JSON object.

    Raises:
        NoSettings: If the file cannot be read, or a setting is unknown or not valid; the message names the setting.

    Example:
        >>> read_settings(b"port = 8080")
        {'port': 8080}
    """
    try:
        is_json = content.lstrip()[:1] == b"{"
        given = msgspec.json.decode(content) if is_json else tomllib.loads(content.decode())
        settings = msgspec.convert(given, _Settings)
        found = {name: value for name, value in msgspec.structs.asdict(settings).items() if value is not msgspec.UNSET}
        if "instances" in found:
            found["instances"] = read_instances(found["instances"])
        if "devices" in found:
            found["devices"] = tuple(devices_of([documents_of(each) for each in found["devices"]]))
        unknown = [each for each in found.get("withdrawn_versions", ()) if each not in SUNSETS]
        if unknown:
            raise NoSettings(f"expected withdrawn_versions to be a list of {', '.join(SUNSETS)}, got {unknown[0]!r}")
        if "faults" in found:
            found["faults"] = faults.read_plan(msgspec.json.encode(found["faults"]))
    except (
        msgspec.MsgspecError,
        ValueError,
        TypeError,
        RecursionError,
        NoDevice,
        NoInstances,
        faults.NoFaultPlan,
    ) as error:
        raise NoSettings(f"expected settings of the service in TOML or JSON: {error}") from None
    return found
