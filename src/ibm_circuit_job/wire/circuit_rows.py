"""Rows of tables, made from a record without a request: one for each circuit of a job, or one for each shot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice, repeat
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
"""The largest integer that a column of a table can have."""


@frozen
class CircuitRow:
    """One circuit of a job, with the known values of the job. Unknown values are ``None``."""

    job_id: str
    """The job's ID."""
    circuit: str | None = None
    """The name of the circuit."""
    backend: str | None = None
    """The name of the backend."""
    tags: tuple[str, ...] = ()
    """The job's tags."""
    shots: int | None = None
    """How many times the circuit was run."""
    created: datetime | None = None
    """When the job was created, UTC."""
    queue_seconds: float | None = None
    """Seconds from the creation of the job until it ran."""
    run_seconds: float | None = None
    """Seconds that the job ran."""
    usage_seconds: float | None = None
    """Seconds of quantum time that the service charges for the job, all circuits together; ``None`` while pending."""
    counts: Mapping[str, int] | None = None
    """Outcome -> how many times it was measured; ``None`` if there is no result, or it has no counts."""
    status: str | None = None
    """The name of the job's ``JobStatus``."""
    calibration: str | None = None
    """The ID of the calibration that the job was submitted with."""


def circuit_rows(job: Job) -> Iterator[CircuitRow]:
    """Yield a row for each circuit of a job and each set of its parameters.

    A job without counts has a single row. A circuit whose counts cannot be read has a row without counts.

    Args:
        job: The record, with the bodies of its inputs and its result if they are known.

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
    for index, circuit in enumerate(_circuits(row, found)):
        yield evolve(circuit, counts=_counts(found, index))


@frozen
class ShotRows:
    """Some shots of one circuit of a job: a row of a table for each."""

    circuit: CircuitRow
    """The circuit, without its counts."""
    number: int
    """The index of the circuit in the job, from 0."""
    first: int | None
    """The index of the first of these shots, from 0; ``None`` if only counts are known, which have no order."""
    outcomes: Sequence[str]
    """The outcome of each shot."""


def shot_rows(job: Job) -> Iterator[ShotRows]:
    """Yield the shots of each circuit of a job, at most :data:`MOST_SHOTS_AT_ONCE` at a time.

    If a result has counts but no outcomes of single shots, each outcome is repeated as many times as it was counted. A
    circuit without counts has no rows, and a job without a result has none.

    Args:
        job: The record, with the bodies of its inputs and its result if they are known.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job, ResultPayload
        >>> circuit = '{"shots": 3, "success": true, "data": {"counts": {"0x0": 1, "0x1": 2}}}'
        >>> body = f'{{"backend_name": "b", "job_id": "a", "success": true, "results": [{circuit}]}}'.encode()
        >>> job = Job("a", payload=ResultPayload(datetime.now(UTC), body))
        >>> [(shots.number, shots.first, shots.outcomes) for shots in shot_rows(job)]
        [(0, None, ('0', '1', '1'))]
    """
    found = _result(job)
    if found is None:
        return
    for index, circuit in enumerate(_circuits(_of_job(job), found)):
        memory = _memory(found, index)
        outcomes = iter(_counted(_counts(found, index) or {}) if memory is None else memory)
        first = 0
        while some := tuple(islice(outcomes, MOST_SHOTS_AT_ONCE)):
            yield ShotRows(circuit, index, None if memory is None else first, some)
            first += len(some)


MOST_SHOTS_AT_ONCE: Final = 50_000
"""The most shots of one :class:`ShotRows`."""
_MOST_COUNTED: Final = 100_000_000
"""The most shots that counts are expanded to. A damaged result may claim any number."""


def _counted(counts: Mapping[str, int]) -> Iterator[str]:
    """Each outcome, repeated as many times as it was counted."""
    if sum(counts.values()) <= _MOST_COUNTED:
        for outcome, count in counts.items():
            yield from repeat(outcome, count)


def _circuits(row: CircuitRow, result: Any) -> Iterator[CircuitRow]:
    """The circuits of a result, without their counts."""
    for experiment in result.results:
        shots = _countable(getattr(experiment, "shots", None))
        yield evolve(row, circuit=circuit_name(experiment), shots=row.shots if shots is None else shots)


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
    """The ``Result`` of a job, or the part of it that a failed job has; ``None`` if there are no counts."""
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


def _memory(result: Any, index: int) -> list[str] | None:
    """The outcome of each shot of a circuit; ``None`` if the result has none, or they are not bits."""
    try:
        found = list(result.get_memory(index))
    except Exception:  # noqa: BLE001 - as for counts
        return None
    return found if found and all(isinstance(outcome, str) for outcome in found) else None


def _countable(number: Any) -> int | None:
    """A count as an integer; ``None`` if the value is not a count, or exceeds a column of a table."""
    is_number = isinstance(number, Real) and not isinstance(number, bool)
    return int(number) if is_number and 0 <= number <= _MOST and number == int(number) else None


def _names(job: Job) -> list[str]:
    return [circuit.name for circuit in queries.circuits(job)]
