"""Everything that can happen to a record: pure functions (Job, fact) -> Job.

The rules:

1. Every transition is a join with a record that has only the new fact. Joins are commutative, associative and
   idempotent, so facts may arrive late, twice and in any order.
2. Status: a final status beats one that is not. Of two final ones, a reported status beats an assumed one; then DONE
   beats ERROR, and ERROR beats CANCELLED; then the later one wins. Of two that are not final, the later one wins.
3. Every other field: the later value wins, by the stamp of its fact. A fact that lacks a field leaves it unchanged.
4. If all of that is equal, the larger content in a fixed order wins. So there is always exactly one answer.
5. A transition that changes nothing returns the same object.

No function reads a clock. A fact contains its own time, and :func:`after` takes the current time as an argument.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import reduce
from typing import Any, TypeVar, assert_never

from attrs import evolve
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.state.facts import (
    Body,
    Fact,
    JobDetails,
    JobInputs,
    JobMetrics,
    JobName,
    JobTags,
    ResultPayload,
    StatusReport,
    micros_of,
)
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.registers import joined

_F = TypeVar("_F", StatusReport, JobDetails, JobMetrics, JobInputs, ResultPayload)
_R = TypeVar("_R", StatusReport, JobDetails, JobMetrics)
_B = TypeVar("_B", JobInputs, ResultPayload)


def merge(job: Job, other: Job) -> Job:
    """Return the join of two records of one job: all that is known from both together.

    Args:
        job: One record.
        other: Another record of the same job.

    Returns:
        The join. It is ``job`` itself if ``other`` adds nothing.

    Raises:
        ValueError: If the two are records of different jobs.

    Example:
        >>> from datetime import UTC, datetime
        >>> from qiskit.providers.jobstatus import JobStatus
        >>> from ibm_circuit_job import Job, StatusReport
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> done = Job("a", StatusReport(noon, JobStatus.DONE, "Completed"))
        >>> late = Job("a", StatusReport(noon.replace(hour=13), JobStatus.RUNNING, "Running"))
        >>> merge(late, done) == merge(done, late) == done
        True
    """
    if job is other:
        return job
    if job.job_id != other.job_id:
        raise ValueError(f"expected two records of one job, got jobs {job.job_id!r} and {other.job_id!r}")
    status = _stronger(job.status, other.status)
    details = _joined(job.details, other.details)
    metrics = _joined(job.metrics, other.metrics)
    inputs = _newer(job.inputs, other.inputs)
    payload = _newer(job.payload, other.payload)
    if (
        status is job.status
        and details is job.details
        and metrics is job.metrics
        and inputs is job.inputs
        and payload is job.payload
    ):
        return job
    return Job(job.job_id, status, details, metrics, inputs, payload)


def merge_all(job: Job, others: Iterable[Job]) -> Job:
    """Return the join of a record with any number of other records of the same job.

    Args:
        job: One record.
        others: Other records of the same job.

    Raises:
        ValueError: If one of them is a record of a different job.

    Example:
        >>> from ibm_circuit_job import Job
        >>> merge_all(Job("a"), [Job("a"), Job("a")])
        Job('a')
    """
    return reduce(merge, others, job)


def refresh(job: Job, *facts: Fact) -> Job:
    """Return the record after new facts, such as those of one reply.

    Args:
        job: The record.
        *facts: Facts of any kind, in any order.

    Example:
        >>> from datetime import UTC, datetime
        >>> from qiskit.providers.jobstatus import JobStatus
        >>> from ibm_circuit_job import Job, JobDetails, StatusReport
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> refresh(Job("a"), StatusReport(noon, JobStatus.DONE, "Completed"), JobDetails(noon, tags=["x"])).tags
        ('x',)
    """
    return reduce(_learn, facts, job)


def _learn(job: Job, fact: Fact) -> Job:  # noqa: PLR0911 - one for each kind of fact
    match fact:
        case StatusReport():
            return apply_status(job, fact)
        case JobDetails():
            return merge(job, Job(job.job_id, details=fact))
        case JobMetrics():
            return merge(job, Job(job.job_id, metrics=fact))
        case JobInputs():
            return attach_inputs(job, fact)
        case ResultPayload():
            return cache_result(job, fact)
        case JobTags():
            return merge(job, Job(job.job_id, details=JobDetails(fact.observed_at, tags=fact.tags, stamp=fact.stamp)))
        case JobName():
            return merge(job, Job(job.job_id, details=JobDetails(fact.observed_at, name=fact.name, stamp=fact.stamp)))
        case _:
            assert_never(fact)


def apply_status(job: Job, report: StatusReport) -> Job:
    """Return the record after a status report.

    Args:
        job: The record.
        report: The report. It changes nothing if a report in the record is stronger.

    Example:
        >>> from datetime import UTC, datetime
        >>> from qiskit.providers.jobstatus import JobStatus
        >>> from ibm_circuit_job import Job, StatusReport
        >>> report = StatusReport(datetime(2024, 2, 3, tzinfo=UTC), JobStatus.DONE, "Completed")
        >>> job = apply_status(Job("a"), report)
        >>> job.is_final, apply_status(job, report) is job
        (True, True)
    """
    status = _stronger(job.status, report)
    return job if status is job.status else Job(job.job_id, status, job.details, job.metrics, job.inputs, job.payload)


def cache_result(job: Job, payload: ResultPayload) -> Job:
    """Return the record after the body of its result has arrived in full.

    Args:
        job: The record.
        payload: The body.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job, ResultPayload
        >>> cache_result(Job("a"), ResultPayload(datetime(2024, 2, 3, tzinfo=UTC), b"{}")).payload.raw
        b'{}'
    """
    return merge(job, Job(job.job_id, payload=payload))


def attach_inputs(job: Job, inputs: JobInputs) -> Job:
    """Return the record after the parameters of the job were sent, or read from a reply.

    Args:
        job: The record.
        inputs: The parameters.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job, JobInputs
        >>> attach_inputs(Job("a"), JobInputs(datetime(2024, 2, 3, tzinfo=UTC), b"{}")).inputs.raw
        b'{}'
    """
    return merge(job, Job(job.job_id, inputs=inputs))


def mark_cancelled(job: Job, observed_at: datetime) -> Job:
    """Return the record after the service accepted a cancel.

    The status CANCELLED is then assumed: a final status that the service reports later, or reported before, beats it.

    Args:
        job: The record.
        observed_at: When the service accepted, an aware time.

    Example:
        >>> from datetime import UTC, datetime
        >>> from qiskit.providers.jobstatus import JobStatus
        >>> from ibm_circuit_job import Job, StatusReport
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> cancelled = mark_cancelled(Job("a"), noon)
        >>> cancelled.status.status.name, cancelled.status.assumed
        ('CANCELLED', True)
        >>> apply_status(cancelled, StatusReport(noon, JobStatus.DONE, "Completed")).status.status.name
        'DONE'
    """
    return apply_status(job, StatusReport(observed_at, JobStatus.CANCELLED, "Cancelled", assumed=True))


def retag(job: Job, tags: Iterable[str], observed_at: datetime) -> Job:
    """Return the record after the service replaced the tags of the job.

    Args:
        job: The record.
        tags: All tags that the job has now.
        observed_at: When the service accepted them, an aware time.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job
        >>> retag(Job("a"), ["bell"], datetime(2024, 2, 3, tzinfo=UTC)).tags
        ('bell',)
    """
    return _learn(job, JobTags(observed_at, tags))


def rename(job: Job, name: str, observed_at: datetime) -> Job:
    """Return the record after the user named the job.

    Args:
        job: The record.
        name: The new name.
        observed_at: When the job was named, an aware time.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job
        >>> rename(Job("a"), "bell", datetime(2024, 2, 3, tzinfo=UTC)).name
        'bell'
    """
    return _learn(job, JobName(observed_at, name))


def after(seen: Job, known: Job, now: datetime) -> Job:
    """Return new facts with stamps that are later than all stamps of a record.

    Stamps change only if the clock was set back, or if the record came from a machine whose clock is ahead. Without the
    change, a merge would prefer the older facts.

    Args:
        seen: A record of the facts that arrived just now.
        known: The record before that.
        now: The current wall time of this machine, an aware time.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job, JobTags
        >>> noon, before = (datetime(2024, 2, 3, hour, tzinfo=UTC) for hour in (12, 11))
        >>> job = refresh(Job("a"), JobTags(noon, ["first"]))
        >>> seen = refresh(Job("a"), JobTags(before, ["second"]))
        >>> merge(job, seen).tags, merge(job, after(seen, job, before)).tags
        (('first',), ('second',))
    """
    return after_stamp(seen, known.stamp, now)


def after_stamp(seen: Job, newest: int | None, now: datetime) -> Job:
    """Return new facts as :func:`after` does, for a caller that has only the newest stamp of the record.

    Args:
        seen: A record of the facts that arrived just now.
        newest: The newest stamp before that, in microseconds since 1970; ``None`` if nothing was known.
        now: The current wall time of this machine, an aware time.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job, JobTags
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> seen = refresh(Job("a"), JobTags(noon, ["bell"]))
        >>> after_stamp(seen, seen.stamp + 5, noon).stamp - seen.stamp
        6
    """
    if newest is None or newest < micros_of(now):
        return seen
    later = newest + 1
    return Job(
        seen.job_id,
        _stamped(seen.status, later),
        _stamped(seen.details, later),
        _stamped(seen.metrics, later),
        _stamped(seen.inputs, later),
        _stamped(seen.payload, later),
    )


def _stamped(fact: _F | None, stamp: int) -> _F | None:
    return fact if fact is None or fact.stamp >= stamp else evolve(fact, stamp=stamp)


def news(kept: Job, known: Job) -> Job | None:
    """Return the facts of a record that are not saved yet, as a record of their own; ``None`` if all are saved.

    A fact that differs only in its time is not returned. Results are not returned either: they are saved separately, as
    soon as they arrive.

    Args:
        kept: The record as it is saved.
        known: The record in memory.

    Example:
        >>> from datetime import UTC, datetime
        >>> from qiskit.providers.jobstatus import JobStatus
        >>> from ibm_circuit_job import Job, StatusReport
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> queued, again = (StatusReport(noon.replace(minute=m), JobStatus.QUEUED, "Queued") for m in (0, 1))
        >>> news(Job("a", queued), Job("a", again)) is None
        True
        >>> news(Job("a"), Job("a", queued)).status is queued
        True
    """
    found = Job(
        known.job_id,
        status=_unless_same(kept.status, known.status),
        details=_unless_same(kept.details, known.details),
        metrics=_unless_same(kept.metrics, known.metrics),
        inputs=_unless_same(kept.inputs, known.inputs),
    )
    return found if found.facts else None


def _unless_same(saved: _F | None, known: _F | None) -> _F | None:
    """The fact in memory; ``None`` if it differs from the saved one only in its times."""
    if known is None or known is saved:
        return None
    if saved is None:
        return known
    times: dict[str, Any] = {"observed_at": saved.observed_at, "stamp": saved.stamp}
    if not isinstance(saved, Body):
        times["earlier"] = saved.earlier
    return None if evolve(known, **times) == saved else known


def _stronger(known: StatusReport | None, seen: StatusReport | None) -> StatusReport | None:
    """Apply rule 2, and rules 3 and 4 to reports of equal strength."""
    if known is not None and seen is not None and known.strength != seen.strength:
        return known if known.strength > seen.strength else seen
    return _joined(known, seen)


def _joined(known: _R | None, seen: _R | None) -> _R | None:
    """Apply rules 3 and 4 field by field; return *known* itself if *seen* adds nothing."""
    if known is seen or seen is None:
        return known
    return seen if known is None else joined(known, seen)


def _newer(known: _B | None, seen: _B | None) -> _B | None:
    """Apply rules 3 and 4 to a body, which is a single field; return *known* itself if both are equal."""
    if known is seen or seen is None:
        return known
    if known is None:
        return seen
    if known == seen:
        return known
    times = [(body.stamp, body.observed_at) for body in (known, seen)]
    # Hashes have the same order on every machine. Only equal times need them, because they take as long as a read.
    is_known_newer = times[0] > times[1] if times[0] != times[1] else known.sha256 > seen.sha256
    return known if is_known_newer else seen
