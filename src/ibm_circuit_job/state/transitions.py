"""Everything that can happen to a Job: pure functions (Job, fact) -> Job.

The rules:

1. Every transition is a join with a Job that holds nothing but the new fact. Joins are commutative, associative
   and idempotent, so facts may come late, twice, in any order and by any way.
2. A status: final beats not final. Of two final ones, what the service said beats what we assumed; then DONE
   beats ERROR beats CANCELLED; then the later. Of two that are not final, the later.
3. Every other field: the later, by the stamp of the fact. A fact that does not say a field leaves it as it was.
4. Where all that is equal, the larger in a fixed order of content; so that there is always exactly one answer.
5. A transition that changes nothing returns the very object that it was given.

No clock is read here: the time at which something was seen comes with the fact, and :func:`after` takes the time of
now from its caller.
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
    """Return what is known from both records together: the join, slot by slot.

    Args:
        job: One record.
        other: Another record of the same job.

    Returns:
        The join. It is ``job`` itself where ``other`` adds nothing.

    Raises:
        ValueError: If the two are records of different jobs.

    Example:
        >>> from datetime import UTC, datetime
        >>> from qiskit.providers.jobstatus import JobStatus
        >>> from ibm_circuit_job import Job, StatusReport
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> done = Job("a", StatusReport(noon, JobStatus.DONE, "Completed"))
        >>> late_news = Job("a", StatusReport(noon.replace(hour=13), JobStatus.RUNNING, "Running"))
        >>> merge(late_news, done) == merge(done, late_news) == done
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
    """Return the join of a record with any number of others of the same job.

    Raises:
        ValueError: If one of them is a record of a different job.

    Example:
        >>> from ibm_circuit_job import Job
        >>> merge_all(Job("a"), [Job("a"), Job("a")])
        Job('a')
    """
    return reduce(merge, others, job)


def refresh(job: Job, *facts: Fact) -> Job:
    """Return the job after facts of any kind were learned, such as those of one reply.

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
    """Return the job after a status was reported.

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
    """Return the job after the body of its result has arrived in full.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job, ResultPayload
        >>> cache_result(Job("a"), ResultPayload(datetime(2024, 2, 3, tzinfo=UTC), b"{}")).payload.raw
        b'{}'
    """
    return merge(job, Job(job.job_id, payload=payload))


def attach_inputs(job: Job, inputs: JobInputs) -> Job:
    """Return the job after the parameters of its submission were read, or sent.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job, JobInputs
        >>> attach_inputs(Job("a"), JobInputs(datetime(2024, 2, 3, tzinfo=UTC), b"{}")).inputs.raw
        b'{}'
    """
    return merge(job, Job(job.job_id, inputs=inputs))


def mark_cancelled(job: Job, observed_at: datetime) -> Job:
    """Return the job after the service accepted to cancel it.

    That it is cancelled then is an assumption of ours: a final status that the service reports beats it.

    Args:
        job: The job.
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
    """Return the job after its tags were replaced on the service.

    Args:
        job: The job.
        tags: All the tags that it has now.
        observed_at: When the service accepted them, an aware time.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job
        >>> retag(Job("a"), ["bell"], datetime(2024, 2, 3, tzinfo=UTC)).tags
        ('bell',)
    """
    return _learn(job, JobTags(observed_at, tags))


def rename(job: Job, name: str, observed_at: datetime) -> Job:
    """Return the job after it was given a name.

    Args:
        job: The job.
        name: Its name from now on.
        observed_at: When it was named, an aware time.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job
        >>> rename(Job("a"), "bell", datetime(2024, 2, 3, tzinfo=UTC)).name
        'bell'
    """
    return _learn(job, JobName(observed_at, name))


def after(seen: Job, known: Job, now: datetime) -> Job:
    """Return what was seen just now, stamped so that it comes after all that is known.

    It does already, unless a clock was set back, or what is known came from a machine whose clock is ahead.

    Args:
        seen: What was seen.
        known: What was known before that.
        now: The wall time of the machine that has seen it.

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
    """Return what was seen just now, as :func:`after` does, where the newest stamp is known and not the record.

    Args:
        seen: What was seen.
        newest: The newest stamp that was known before that; ``None`` where nothing was known.
        now: The wall time of the machine that has seen it.
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
    """Return what is known of a job and not kept yet, as a record of its own; ``None`` where that is nothing.

    That the service said the same thing again, and when, is no news. Bodies of results are left out: who keeps them
    does so before anything else is done with them.

    Args:
        kept: What is kept of it.
        known: What is known of it.

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
        status=_new(kept.status, known.status),
        details=_new(kept.details, known.details),
        metrics=_new(kept.metrics, known.metrics),
        inputs=_new(kept.inputs, known.inputs),
    )
    return found if found.facts else None


def _new(kept: _F | None, known: _F | None) -> _F | None:
    """The fact, where it says something else than the one that is kept."""
    if known is None or known is kept:
        return None
    if kept is None:
        return known
    times: dict[str, Any] = {"observed_at": kept.observed_at, "stamp": kept.stamp}
    if not isinstance(kept, Body):
        times["earlier"] = kept.earlier
    return None if evolve(known, **times) == kept else known


def _stronger(held: StatusReport | None, seen: StatusReport | None) -> StatusReport | None:
    """Rule 2; rules 3 and 4 where the two are of equal strength."""
    if held is not None and seen is not None and held.strength != seen.strength:
        return held if held.strength > seen.strength else seen
    return _joined(held, seen)


def _joined(held: _R | None, seen: _R | None) -> _R | None:
    """Rules 3 and 4, field by field; the held one where the other adds nothing."""
    if held is seen or seen is None:
        return held
    return seen if held is None else joined(held, seen)


def _newer(held: _B | None, seen: _B | None) -> _B | None:
    """Rules 3 and 4 for a body, which is one field; the held one where the two are equal."""
    if held is seen or seen is None:
        return held
    if held is None:
        return seen
    if held == seen:
        return held
    times = [(body.stamp, body.observed_at) for body in (held, seen)]
    # The order of the hashes is the same on every machine. To work them out takes as long as reading the bodies.
    is_held = times[0] > times[1] if times[0] != times[1] else held.sha256 > seen.sha256
    return held if is_held else seen
