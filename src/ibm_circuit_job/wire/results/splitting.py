"""The body of a ``Result`` split into its experiments, whose fields stay raw JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ibm_circuit_job.wire.results.kinds import CLASSIC

_ABSENT: Final = msgspec.Raw(b"")

Split = tuple[dict[str, Any], list[dict[str, Any]]]
"""(fields of the body without its experiments, fields of each experiment).

A field is raw JSON, or decoded. If ``data`` is an object, it is a dictionary of raw fields.
"""


class _Experiment(msgspec.Struct, forbid_unknown_fields=True):
    """The usual fields of an experiment. Because they are known, one pass over the body reads all but its data."""

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
    """The usual fields of a ``Result``."""

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
"""The usual beginnings of the bodies of other programs, which are not split at all."""


def split(raw: bytes | msgspec.Raw) -> Split | None:
    """Return the fields of the body of a ``Result`` without its experiments, and the fields of each experiment.

    Args:
        raw: The body.

    Returns:
        Both; ``None`` if the body has another kind, or is not well-formed JSON.

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
    """The fields that the object has."""
    found = msgspec.structs.asdict(struct)
    return {name: value for name, value in found.items() if value is not _ABSENT}


def _split_by_field(raw: bytes | msgspec.Raw) -> Split | None:
    """The same as :func:`split` in three passes, for any names of fields."""
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
    """Return whether well-formed data contain no typed value and cannot fail to decode.

    Example:
        >>> import msgspec
        >>> are_plain({"counts": msgspec.Raw(b'{"0x1": 3}')})
        True
        >>> are_plain({"memory": msgspec.Raw(b'{"__type__": "ndarray", "__value__": []}')})
        False
    """
    return all(_is_plain(name, text) for name, text in data.items())


def _is_plain(name: str, raw: msgspec.Raw) -> bool:
    # These names have a meaning for Python, or in typed JSON.
    if name.startswith("_") or name == "self":
        return False
    try:
        text = str(memoryview(raw), "ascii")
    except UnicodeDecodeError:
        return False
    # Escapes may be damaged. The underscore is searched first, because one character is found ten times faster.
    return "\\" not in text and ("_" not in text or "__type__" not in text)
