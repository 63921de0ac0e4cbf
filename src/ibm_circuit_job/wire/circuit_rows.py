"""CircuitRow: what is known of one circuit of a job, as a row of a table. Nothing is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from numbers import Real
from typing import Any, Final

from attrs import evolve, frozen
from qiskit.providers.jobstatus import JobStatus
from returns.result import Success

from ibm_circuit_job.state import figures
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.wire import queries, results
from ibm_circuit_job.wire.results.header import circuit_name
from ibm_circuit_job.wire.shots import shots_of

_MOST: Final = 2**63 - 1
"""The largest whole number that a column of a table has."""


@frozen
class CircuitRow:
    """One circuit of a job with what is known of the job. What is not known is ``None``."""

    job_id: str
    """The job's ID."""
    circuit: str | None = None
    """The name of the circuit."""
    backend: str | None = None
    """The name of the backend."""
    tags: tuple[str, ...] = ()
    """The job's tags."""
    shots: int | None = None
    """How often the circuit was run."""
    created: datetime | None = None
    """When the job was created, UTC."""
    queue_seconds: float | None = None
    """Seconds from the creation of the job until it ran."""
    run_seconds: float | None = None
    """Seconds that the job ran."""
    usage_seconds: float | None = None
    """Seconds of quantum time that the service charges for the job, all circuits together; ``None`` while pending."""
    counts: Mapping[str, int] | None = None
    """Outcome -> how often it was measured; ``None`` where there is no result, or it has no counts."""
    status: str | None = None
    """The name of the job's ``JobStatus``."""
    calibration: str | None = None
    """The ID of the calibration that the job was submitted with."""


def circuit_rows(job: Job) -> Iterator[CircuitRow]:
    """Yield a row for each circuit of a job, and for each set of its parameters.

    A job without a result, or with one that has no counts, has one row. A circuit whose counts cannot be read has its
    row without them.

    Args:
        job: The job, with the bodies of its inputs and its result as far as they are known.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job, ResultPayload
        >>> circuit = '{"shots": 3, "success": true, "data": {"counts": {"0x1": 3}}, "header": {"name": "bell"}}'
        >>> body = f'{{"backend_name": "b", "job_id": "a", "success": true, "results": [{circuit}]}}'.encode()
        >>> job = Job("a", payload=ResultPayload(datetime.now(UTC), body))
        >>> [(row.circuit, row.counts) for row in circuit_rows(job)]
        [('bell', {'1': 3})]
    """
    row = _of_job(job)
    found = _result(job)
    if found is None:
        names = _names(job)
        yield evolve(row, circuit=names[0] if len(names) == 1 else None)
        return
    for index, experiment in enumerate(found.results):
        shots = getattr(experiment, "shots", None)
        yield evolve(
            row,
            circuit=circuit_name(experiment),
            shots=row.shots if (said := _countable(shots)) is None else said,
            counts=_counts(found, index),
        )


def _of_job(job: Job) -> CircuitRow:
    status = queries.status(job)
    calibration = queries.unknown_fields(job).get("calibration_id")
    return CircuitRow(
        job.job_id,
        backend=job.backend,
        tags=job.tags,
        shots=_countable(shots_of(job)),
        created=job.created,
        queue_seconds=figures.queued_seconds(job.metrics, job.details),
        run_seconds=figures.run_seconds(job.metrics),
        usage_seconds=None if queries.usage_is_pending(job) else queries.usage(job),
        status=None if status is None else status.name,
        calibration=calibration if isinstance(calibration, str) else None,
    )


def _result(job: Job) -> Any:
    """The ``Result`` of a job, or what a failed job left of it; ``None`` where there are no counts."""
    if job.payload is None or queries.status(job) is JobStatus.CANCELLED:
        return None
    named = queries.named_bindings(job) if results.lacks_names(job.payload) else []
    context = results.ResultContext(
        job.job_id, job.backend, tuple(name for name, _ in named), tuple(binding for _, binding in named)
    )
    match results.decode(job.payload, context):
        case Success(found) if found.results:
            return found
    return None


def _counts(result: Any, index: int) -> dict[str, int] | None:
    try:
        found = {str(outcome): _countable(count) for outcome, count in result.get_counts(index).items()}
    except Exception:  # noqa: BLE001 - qiskit raises anything where data are not what it expects; only this row lacks them
        return None
    counts = {outcome: count for outcome, count in found.items() if count is not None}
    return counts if len(counts) == len(found) else None


def _countable(number: Any) -> int | None:
    """A number of times; ``None`` for what is none, or more than a table has room for."""
    is_number = isinstance(number, Real) and not isinstance(number, bool)
    return int(number) if is_number and 0 <= number <= _MOST and number == int(number) else None


def _names(job: Job) -> list[str]:
    return [circuit.name for circuit in queries.circuits(job)]
