"""From the body of a ``circuit-runner`` or ``qasm3-runner`` job, the JSON of ``Result.to_dict()``, to a ``Result``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from qiskit.result.models import ExperimentResult
from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job.errors import OtherForm, Unreadable
from ibm_circuit_job.wire import documents, typed_json
from ibm_circuit_job.wire.results import splitting
from ibm_circuit_job.wire.results.decoded import DecodedResult
from ibm_circuit_job.wire.results.header import give_header
from ibm_circuit_job.wire.results.lazy_data import LazyData, OfJson
from ibm_circuit_job.wire.typed_json import Unbuilt

_Read = tuple[ExperimentResult, str | None]
"""An experiment, and why it cannot be read."""


def of_body(raw: bytes) -> Result[DecodedResult, Unreadable | OtherForm] | None:
    """Return the ``Result`` of a body. The data of its experiments are decoded at the first access.

    One pass over the body finds everything that makes an experiment unreadable. So ``success`` of the result and of
    each experiment is right from the start.

    Returns:
        As :func:`of_fields`; ``None`` if the body has another kind, or must be decoded as a whole.
    """
    split = splitting.split(raw)
    if split is None:
        return None
    fields, experiments = split
    reader = typed_json.PartsReader()
    try:
        return _assembled(
            {name: reader.value(field) for name, field in fields.items()},
            [_lazy_experiment(each, index, reader) for index, each in enumerate(experiments)],
        )
    except (ValueError, RecursionError):
        return None


def of_fields(body: Any) -> Result[DecodedResult, Unreadable | OtherForm]:
    """Return the ``Result`` with these fields.

    An experiment that cannot be read, or that failed, has ``success`` False and a ``status`` with the reason.

    Returns:
        The ``Result``; an ``Unreadable`` if no experiment can be read.
    """
    if not isinstance(body, Mapping):
        return Bad(Unreadable("result", "", f"expected an object, got a {type(body).__name__}"))
    if not isinstance(body.get("results"), list):
        return Bad(Unreadable("result", "results", "expected a field 'results', which is missing"))
    return _assembled(body, [_experiment(fields, index) for index, fields in enumerate(body["results"])])


def _assembled(fields: Mapping[str, Any], read: list[_Read]) -> Result[DecodedResult, Unreadable | OtherForm]:
    problems = [problem for _, problem in read if problem is not None]
    if problems and len(problems) == len(read):
        return Bad(Unreadable("result", "results", problems[0]))
    try:
        result = DecodedResult.from_dict({**fields, "results": []})
    except Exception as error:  # noqa: BLE001 - qiskit raises anything
        return Bad(Unreadable("result", "", f"expected the form of qiskit's Result.to_dict(): {error}"))
    result.results = [experiment for experiment, _ in read]
    result.success = result.success and not problems
    return Success(_with_status(result))


def _lazy_experiment(fields: Mapping[str, Any], index: int, reader: typed_json.PartsReader) -> _Read:
    """An experiment whose data are decoded at the first access, if they are plain; else a decoded experiment."""
    data = fields.get("data")
    read: dict[str, Any] = {}
    source = None
    try:
        read |= {name: reader.value(field) for name, field in fields.items() if name != "data"}
        if isinstance(data, dict) and read.get("success") is True and splitting.are_plain(data):
            source, read["data"] = OfJson(data), {}
        elif isinstance(data, dict):
            read["data"] = reader.value({name: documents.decoded(text) for name, text in data.items()})
        elif data is not None:
            read["data"] = reader.value(data)
    except ValueError as error:
        return _unreadable(read, index, str(error))
    experiment, problem = _experiment(read, index)
    if source is not None and problem is None:
        experiment.data = LazyData(source)
    return experiment, problem


def _experiment(fields: Any, index: int) -> _Read:
    try:
        return ExperimentResult.from_dict(_completed(fields)), None
    except Exception as error:  # noqa: BLE001 - qiskit checks nothing and raises anything
        problem = f"expected a field {error}, which is missing" if isinstance(error, KeyError) else str(error)
    return _unreadable(fields, index, problem)


def _unreadable(fields: Any, index: int, problem: str) -> _Read:
    """A failed experiment in place of one that cannot be read, with its header if that is readable."""
    header = fields.get("header") if isinstance(fields, Mapping) else None
    named = {"header": header} if isinstance(header, Mapping) else {}
    status = f"experiment {index} cannot be read: {problem}"
    empty = {"shots": 0, "success": False, "data": {}, "status": status}
    return ExperimentResult.from_dict({**empty, **named}), problem


def _with_status(result: DecodedResult) -> DecodedResult:
    """The result, after each failed experiment got a status: qiskit needs one for the message of its error."""
    for part in (result, *result.results):
        give_header(part)
    failed = [experiment for experiment in result.results if not experiment.success]
    for part in (result, *failed) if failed else ():
        status = getattr(part, "status", None)
        part.status = ("" if status is None else str(status)) or "no status"
    return result


def _damaged(fields: Any) -> Iterator[Unbuilt]:
    """The parts of the data of an experiment that could not be built."""
    data = fields.get("data") if isinstance(fields, Mapping) else None
    for part in (data, *(data.values() if isinstance(data, Mapping) else ())):
        if isinstance(part, Unbuilt):
            yield part


def _completed(fields: Any) -> dict[str, Any]:
    """The fields of an experiment; those of a failed one are completed with the fields that qiskit requires."""
    if not isinstance(fields, Mapping):
        raise TypeError(f"expected an object, got a {type(fields).__name__}")
    for part in _damaged(fields):
        raise ValueError(part.problem)
    data = fields.get("data")
    if fields.get("success") is True:
        return dict(fields)
    return {"status": "ERROR", **fields, "shots": fields.get("shots") or 0, "success": False, "data": data or {}}
