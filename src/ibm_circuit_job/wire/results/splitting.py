"""The body of a ``Result`` split into its experiments, each field of which stays the bytes that it came as."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ibm_circuit_job.wire.results.kinds import CLASSIC

_ABSENT: Final = msgspec.Raw(b"")

Split = tuple[dict[str, Any], list[dict[str, Any]]]
"""The fields of a body but for its experiments, and the fields of each experiment. A field is raw JSON, or read
already; ``data``, where they are an object, have raw fields."""


class _Experiment(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of nearly every experiment: with them known, one pass over the body reads all but its data."""

    data: dict[str, msgspec.Raw]
    date: Any = _ABSENT
    header: msgspec.Raw = _ABSENT
    meas_level: Any = _ABSENT
    meas_return: Any = _ABSENT
    metadata: msgspec.Raw = _ABSENT
    name: Any = _ABSENT
    seed: Any = _ABSENT
    seed_simulator: Any = _ABSENT
    shots: Any = _ABSENT
    status: Any = _ABSENT
    success: Any = _ABSENT
    time_taken: Any = _ABSENT


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of nearly every ``Result``."""

    results: list[_Experiment]
    backend_name: Any = _ABSENT
    backend_version: Any = _ABSENT
    client_version: Any = _ABSENT
    date: Any = _ABSENT
    error_message: Any = _ABSENT
    execution_id: Any = _ABSENT
    header: msgspec.Raw = _ABSENT
    job_id: Any = _ABSENT
    metadata: msgspec.Raw = _ABSENT
    qobj_id: Any = _ABSENT
    status: Any = _ABSENT
    success: Any = _ABSENT
    time_taken: Any = _ABSENT


_body = msgspec.json.Decoder(_Body)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_experiments = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])

_OTHER = re.compile(rb'\s*\{\s*"(?:data"|schema_version"|__type__"\s*:\s*"(?!Result"))')
"""How the bodies of other programs begin, most of them. They are not passed over in vain."""


def split(raw: bytes | msgspec.Raw) -> Split | None:
    """Return the fields of the body of a ``Result`` without its experiments, and the fields of each experiment.

    Args:
        raw: The body.

    Returns:
        Both; ``None`` where the body is of another kind, or not well-formed.

    Example:
        >>> fields, experiments = split(b'{"job_id": "a", "results": [{"shots": 4, "data": {"counts": {}}}]}')
        >>> fields["job_id"], bytes(experiments[0]["data"]["counts"])
        ('a', b'{}')
        >>> split(b'{"results": [{"data": {"evs": 0.5}}]}') is None
        True
    """
    if _OTHER.match(memoryview(raw)[:200]):
        return None
    try:
        body = _body.decode(raw)
    except msgspec.ValidationError:
        return _split_by_field(raw)
    except (ValueError, RecursionError):
        return None
    fields = _present(body)
    return _classic(fields, [_present(experiment) for experiment in fields.pop("results")])


def _present(struct: msgspec.Struct) -> dict[str, Any]:
    """The fields that were there."""
    found = msgspec.structs.asdict(struct)
    return {name: value for name, value in found.items() if value is not _ABSENT}


def _split_by_field(raw: bytes | msgspec.Raw) -> Split | None:
    """The same in three passes, whatever the names of the fields are."""
    try:
        fields: dict[str, Any] = _fields.decode(raw)
        if bytes(fields.get("__type__", b"")) == b'"Result"':
            return split(fields["__value__"])
        listed: list[dict[str, Any]] = _experiments.decode(fields.pop("results"))
        for experiment in listed:
            if bytes(memoryview(experiment.get("data", b""))[:1]) == b"{":
                experiment["data"] = _fields.decode(experiment["data"])
    except (KeyError, ValueError, RecursionError):
        return None
    return _classic(fields, listed)


def _classic(fields: dict[str, Any], experiments: list[dict[str, Any]]) -> Split | None:
    return None if CLASSIC.isdisjoint(fields) else (fields, experiments)


def are_plain(data: Mapping[str, msgspec.Raw]) -> bool:
    """Return whether well-formed data can be read for certain, and hold no typed value.

    Example:
        >>> import msgspec
        >>> are_plain({"counts": msgspec.Raw(b'{"0x1": 3}')})
        True
        >>> are_plain({"memory": msgspec.Raw(b'{"__type__": "ndarray", "__value__": []}')})
        False
    """
    return all(_is_plain(name, text) for name, text in data.items())


def _is_plain(name: str, raw: msgspec.Raw) -> bool:
    # Names that Python, or the service's own JSON, gives a meaning.
    if name.startswith("_") or name == "self":
        return False
    try:
        text = str(memoryview(raw), "ascii")
    except UnicodeDecodeError:
        return False
    # Escapes may be damaged. One character is found ten times as fast as several.
    return "\\" not in text and ("_" not in text or "__type__" not in text)
