"""From the body of a ``circuit-runner`` or ``qasm3-runner`` job, which is a ``Result.to_dict()``, to a ``Result``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job.errors import OtherForm, Unreadable
from ibm_circuit_job.wire.results.decoded import DecodedResult
from ibm_circuit_job.wire.results.header import give_header
from ibm_circuit_job.wire.typed_json import Unbuilt


def of_fields(body: Any) -> Result[DecodedResult, Unreadable | OtherForm]:
    """Return the ``Result`` of its fields.

    An experiment that cannot be read has ``success`` False and a ``status`` that says why; so has a failed one of which
    the service says no more than that.

    Returns:
        The ``Result``; an ``Unreadable`` where no experiment can be read.
    """
    if not isinstance(body, Mapping):
        return Bad(Unreadable("result", "", f"expected an object, got a {type(body).__name__}"))
    if not isinstance(body.get("results"), list):
        return Bad(Unreadable("result", "results", "expected a field 'results', which is missing"))
    if any(map(_is_damaged, body["results"])):
        return _experiment_by_experiment(dict(body))
    try:
        return Success(_with_status(DecodedResult.from_dict(dict(body))))
    except Exception:  # noqa: BLE001 - qiskit checks nothing, and trips over anything
        return _experiment_by_experiment(dict(body))


def _experiment_by_experiment(body: dict[str, Any]) -> Result[DecodedResult, Unreadable | OtherForm]:
    from qiskit.result.models import ExperimentResult  # noqa: PLC0415 - costly

    found: list[Any] = []
    problems: list[str] = []
    for index, fields in enumerate(body["results"]):
        try:
            found.append(ExperimentResult.from_dict(_completed(fields)))
        except Exception as error:  # noqa: BLE001 - qiskit trips over anything
            missing = isinstance(error, KeyError)
            problems.append(f"expected a field {error}, which is missing" if missing else str(error))
            status = f"experiment {index} cannot be read: {problems[-1]}"
            header = fields.get("header") if isinstance(fields, Mapping) else None
            kept = {"header": header} if isinstance(header, Mapping) else {}
            found.append(
                ExperimentResult.from_dict({"shots": 0, "success": False, "data": {}, "status": status, **kept})
            )
    if problems and len(problems) == len(found):
        return Bad(Unreadable("result", "results", problems[0]))
    try:
        result = DecodedResult.from_dict({**body, "results": []})
    except Exception as error:  # noqa: BLE001 - qiskit trips over anything
        return Bad(Unreadable("result", "", f"expected the form of qiskit's Result.to_dict(): {error}"))
    result.results = found
    result.success = result.success and not problems
    return Success(_with_status(result))


def _with_status(result: DecodedResult) -> DecodedResult:
    """A result whose failed experiments have a status: of none at all qiskit cannot make the error that it raises."""
    for part in (result, *result.results):
        give_header(part)
    failed = [experiment for experiment in result.results if not experiment.success]
    for part in (result, *failed) if failed else ():
        part.status = str(getattr(part, "status", None) or "no status")
    return result


def _is_damaged(fields: Any) -> bool:
    return next(_damaged(fields), None) is not None


def _damaged(fields: Any) -> Iterator[Unbuilt]:
    """The parts of the data of an experiment that could not be built."""
    data = fields.get("data") if isinstance(fields, Mapping) else None
    for part in (data, *(data.values() if isinstance(data, Mapping) else ())):
        if isinstance(part, Unbuilt):
            yield part


def _completed(fields: Any) -> dict[str, Any]:
    """The fields of an experiment; of one that failed with those that qiskit needs."""
    if not isinstance(fields, Mapping):
        raise TypeError(f"expected an object, got a {type(fields).__name__}")
    for part in _damaged(fields):
        raise ValueError(part.problem)
    data = fields.get("data")
    if fields.get("success") is True:
        return dict(fields)
    return {"status": "ERROR", **fields, "shots": fields.get("shots") or 0, "success": False, "data": data or {}}
