"""The body of a ``Result`` split into its experiments, each field of which stays the bytes that it came as."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from ibm_circuit_job.wire.results.kinds import CLASSIC

_ABSENT: Final = msgspec.Raw(b"")

_Experiment = dict[str, msgspec.Raw]


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of nearly every ``Result``: with them known, one pass finds the experiments and all else."""

    results: list[_Experiment]
    backend_name: msgspec.Raw = _ABSENT
    backend_version: msgspec.Raw = _ABSENT
    client_version: msgspec.Raw = _ABSENT
    date: msgspec.Raw = _ABSENT
    error_message: msgspec.Raw = _ABSENT
    execution_id: msgspec.Raw = _ABSENT
    header: msgspec.Raw = _ABSENT
    job_id: msgspec.Raw = _ABSENT
    metadata: msgspec.Raw = _ABSENT
    qobj_id: msgspec.Raw = _ABSENT
    status: msgspec.Raw = _ABSENT
    success: msgspec.Raw = _ABSENT
    time_taken: msgspec.Raw = _ABSENT


_body = msgspec.json.Decoder(_Body)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_experiments = msgspec.json.Decoder(list[_Experiment])

_OTHER = re.compile(rb'\s*\{\s*"(?:data"|schema_version"|__type__"\s*:\s*"(?!Result"))')
"""How the bodies of other programs begin, most of them. They are not passed over in vain."""


def split(raw: bytes | msgspec.Raw) -> tuple[dict[str, msgspec.Raw], list[_Experiment]] | None:
    """Return the fields of the body of a ``Result`` without its experiments, and the fields of each experiment.

    Args:
        raw: The body.

    Returns:
        Both, each field as raw JSON; ``None`` where the body is of another kind, or not well-formed.

    Example:
        >>> fields, experiments = split(b'{"job_id": "a", "results": [{"shots": 4, "data": {"counts": {}}}]}')
        >>> bytes(fields["job_id"]), bytes(experiments[0]["data"])
        (b'"a"', b'{"counts": {}}')
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
    found = {name: getattr(body, name) for name in body.__struct_fields__ if name != "results"}
    return _classic({name: text for name, text in found.items() if bytes(memoryview(text)[:1])}, body.results)


def _split_by_field(raw: bytes | msgspec.Raw) -> tuple[dict[str, msgspec.Raw], list[_Experiment]] | None:
    """The same in two passes, whatever the names of the fields are."""
    try:
        fields = _fields.decode(raw)
        if bytes(fields.get("__type__", b"")) == b'"Result"':
            return split(fields["__value__"])
        return _classic(fields, _experiments.decode(fields.pop("results")))
    except (KeyError, ValueError, RecursionError):
        return None


def _classic(fields: dict[str, Any], experiments: list[_Experiment]) -> Any:
    return None if CLASSIC.isdisjoint(fields) else (fields, experiments)


def is_plain(text: bytes) -> bool:
    """Return whether well-formed JSON is an object that can be read for certain, and holds no typed value.

    Example:
        >>> is_plain(b'{"counts": {"0x1": 3}}'), is_plain(b'{"memory": {"__type__": "ndarray", "__value__": []}}')
        (True, False)
    """
    return text.startswith(b"{") and text.isascii() and not any(sign in text for sign in _NOT_PLAIN)


_NOT_PLAIN: Final = (b"\\", b'"_', b'"self"')
"""An escape, which may be damaged, and names that Python or the service's own JSON gives a meaning."""
