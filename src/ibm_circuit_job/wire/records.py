"""From a record to JSON and back: one strict cattrs converter, whose errors name the path of the wrong field.

JSON of an older version of the library is read. JSON of a newer one is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from operator import eq
from typing import Any, Final, TypeVar, get_args, get_origin

import msgspec
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn
from cattrs.preconf.msgspec import make_converter
from cattrs.v import transform_error
from qiskit.providers.jobstatus import JobStatus
from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job.errors import Unreadable
from ibm_circuit_job.state.facts import (
    Earlier,
    Fact,
    JobDetails,
    JobInputs,
    JobMetrics,
    JobName,
    JobTags,
    ResultPayload,
    StatusReport,
)
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.transitions import refresh
from ibm_circuit_job.wire import documents
from ibm_circuit_job.wire.values import shown, texts_of

_T = TypeVar("_T")


FORMAT: Final = 2
"""The version of the JSON that :func:`to_json` writes. Version 1 had a time for each fact, but none for its fields."""


def _exactly(kind: type[_T], name: str) -> Callable[[Any, type], _T]:
    def check(value: Any, _: type) -> _T:
        if type(value) is kind:
            return value
        raise TypeError(f"expected {name}, got {shown(value)}")

    return check


def _exact_number(value: Any, _: type) -> float:
    if type(value) in {int, float}:
        return float(value)
    raise TypeError(f"expected a number, got {shown(value)}")


def _exact_list(value: Any, target: Any) -> Any:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, got {shown(value)}")
    kinds = get_args(get_args(target)[0])
    if not kinds:
        return texts_of(value, target)
    return tuple(tuple(_records.structure(item, kind) for item, kind in zip(row, kinds, strict=True)) for row in value)


def _exact_earlier(value: Any, _: Any) -> tuple[Earlier, ...]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, got {shown(value)}")
    return tuple(_records.structure(group, Earlier) for group in value)


def _is_tuple(target: Any) -> bool:
    return get_origin(target) is tuple


def _exact_status(value: Any, _: type) -> JobStatus:
    if isinstance(value, str) and value in JobStatus.__members__:
        return JobStatus[value]
    raise ValueError(f"expected the name of a JobStatus, got {shown(value)}")


def _record_converter() -> Converter:
    # Another program may have written the JSON, so each field is checked, and an error names the path.
    converter: Converter = make_converter(forbid_extra_keys=True)
    converter.register_unstructure_hook(JobStatus, lambda status: status.name)
    converter.register_structure_hook(JobStatus, _exact_status)
    converter.register_structure_hook_func(partial(eq, int | str | None), lambda code, _: code)
    converter.register_structure_hook_func(_is_tuple, _exact_list)
    for kind, name in ((str, "a string"), (bool, "true or false"), (int, "a whole number")):
        converter.register_structure_hook(kind, _exactly(kind, name))
    converter.register_structure_hook(float, _exact_number)
    converter.register_structure_hook_func(partial(eq, tuple[Earlier, ...]), _exact_earlier)
    # Registered before Job, because the hook of Job is made from this one.
    plain_payload = make_dict_unstructure_fn(ResultPayload, converter)
    converter.register_unstructure_hook(ResultPayload, partial(_with_sha256, plain_payload))
    for record in (StatusReport, JobDetails, JobMetrics, JobInputs, Job):
        converter.register_unstructure_hook(
            record, make_dict_unstructure_fn(record, converter, _cattrs_omit_if_default=True)
        )
    converter.register_structure_hook(
        ResultPayload, make_dict_structure_fn(ResultPayload, converter, _cattrs_forbid_extra_keys=False)
    )
    return converter


def _with_sha256(unstructured: Callable[[ResultPayload], dict[str, Any]], payload: ResultPayload) -> dict[str, Any]:
    """The fields of a payload, and the SHA-256 by which :func:`from_json` checks its bytes."""
    fields = unstructured(payload)
    stamp = fields.pop("stamp")
    return {**fields, "sha256": payload.sha256, "stamp": stamp}


_records = _record_converter()


def to_json(job: Job) -> bytes:
    """Return a record as JSON. :func:`from_json` makes an equal record from it.

    The bytes of inputs and results are written as base64.

    Example:
        >>> from ibm_circuit_job import Job
        >>> to_json(Job("a"))
        b'{"format":2,"job":{"job_id":"a"}}'
    """
    return msgspec.json.encode({"format": FORMAT, "job": _records.unstructure(job)})


def from_json(body: bytes) -> Result[Job, Unreadable]:
    """Return the record that :func:`to_json` wrote.

    Returns:
        The record. Or an ``Unreadable``, if the JSON has a newer format or another form, or if the bytes of the result
        do not match their SHA-256.

    Example:
        >>> from ibm_circuit_job import Job
        >>> from_json(to_json(Job("a"))).unwrap() == Job("a")
        True
    """
    return documents.value(body, _WHAT).bind(_job)


_WHAT: Final = "stored job"


def _job(stored: Any) -> Result[Job, Unreadable]:
    if not isinstance(stored, Mapping) or stored.get("format") not in _FORMATS:
        got = stored.get("format") if isinstance(stored, Mapping) else stored
        return Bad(Unreadable(_WHAT, "format", f"expected {FORMAT} or before, got {shown(got)}"))
    slots = stored.get("job")
    given: list[Fact] = []
    try:
        if stored["format"] == 1 and isinstance(slots, Mapping):
            given = [
                _records.structure(slots[slot], kind) for slot, kind in _GIVEN.items() if slots.get(slot) is not None
            ]
            slots = {slot: fact for slot, fact in slots.items() if slot not in _GIVEN}
        job = _records.structure(slots, Job)
    except Exception as error:  # noqa: BLE001 - cattrs groups errors of every kind
        return Bad(_explained(error))
    if job.payload is not None and stored["job"]["payload"].get("sha256") != job.payload.sha256:
        return Bad(Unreadable(_WHAT, "job.payload.raw", "expected the bytes that sha256 names, got others"))
    return Success(refresh(job, *given))


_FORMATS: Final = (1, FORMAT)
_GIVEN: Final[Mapping[str, type[JobTags | JobName]]] = {"retagged": JobTags, "renamed": JobName}
"""The slots that only version 1 had: changes of the user, which are part of the details since."""


def _explained(error: Exception) -> Unreadable:
    """The first error that cattrs found, with its path."""
    first = transform_error(error, path="job", format_exception=_words)[0]
    message, _, path = first.rpartition(" @ ")
    return Unreadable(_WHAT, path, message)


def _words(error: BaseException, _: type | None) -> str:
    if isinstance(error, KeyError):
        return f"expected a field {shown(error.args[0])}, which is missing"
    if isinstance(error, RecursionError):
        return "expected a document of reasonable depth, got one that is nested too deep"
    return str(error)
