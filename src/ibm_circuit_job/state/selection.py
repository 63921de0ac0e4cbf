"""The filters of ``IBMProvider.jobs()``: its arguments, checked, and a record that tests one job.

The service applies the filters that its query has. :meth:`WantedJobs.fits` applies the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from attrs import frozen
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.errors import IBMBackendValueError
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.status import FINAL_RANK
from ibm_circuit_job.state.tag_limits import checked_tags

CIRCUIT_PROGRAMS: Final = frozenset({"circuit-runner", "qasm3-runner", "sampler", "executor"})
"""The programs that ``run()`` submits to. Their results are counts, except for executor jobs of other clients."""


@frozen
class WantedJobs:
    """The filters of a listing. A job must pass all of them."""

    statuses: frozenset[JobStatus] | None = None
    """The statuses that a job may have; ``None`` for any."""
    pending: bool | None = None
    """The service's query parameter ``pending``: True for jobs that have not ended, False for jobs that have."""
    created_after: datetime | None = None
    """The earliest creation time, UTC; inclusive."""
    created_before: datetime | None = None
    """The latest creation time, UTC; inclusive."""
    tags: tuple[str, ...] | None = None
    """The tags that a job must have, all of them."""

    def fits(self, job: Job) -> bool:
        """Return whether a job of the service's listing is a circuit job with one of the statuses."""
        program = None if job.details is None else job.details.program
        if program is not None and program not in CIRCUIT_PROGRAMS:
            return False
        return self.statuses is None or (job.status is not None and job.status.status in self.statuses)


def wanted_jobs(
    limit: Any,
    skip: Any,
    status: Any,
    start_datetime: Any,
    end_datetime: Any,
    job_tags: Any,
) -> WantedJobs:
    """Return the filters for the arguments of ``IBMProvider.jobs()``.

    Args:
        limit: How many jobs to return; ``None`` for all.
        skip: How many jobs to leave out at the beginning.
        status: ``"pending"``, ``"completed"``, a ``JobStatus``, its name, or a list of these; ``None`` for any.
        start_datetime: The earliest creation time; local time if it has no zone.
        end_datetime: The latest creation time; local time if it has no zone.
        job_tags: A list of tags, all of which a job must have.

    Raises:
        IBMBackendValueError: If an argument is wrong; the message says what would be right.

    Example:
        >>> wanted_jobs(10, 0, "RUNNING", None, None, None).pending
        True
    """
    if limit is not None and (type(limit) is not int or limit < 0):
        raise IBMBackendValueError(f"expected limit to be a whole number from 0 up, or None for all, got {limit!r}")
    if type(skip) is not int or skip < 0:
        raise IBMBackendValueError(f"expected skip to be a whole number from 0 up, got {skip!r}")
    statuses, pending = _wanted_statuses(status)
    return WantedJobs(
        statuses,
        pending,
        _moment("start_datetime", start_datetime),
        _moment("end_datetime", end_datetime),
        tuple(checked_tags(job_tags)) or None,
    )


def wanted_text(name: str, text: Any) -> str | None:
    """Return the text of a search argument; ``None`` for ``None``.

    Args:
        name: The name of the argument, for the error message.
        text: Its value.

    Raises:
        IBMBackendValueError: If *text* is not a string, or contains a lone surrogate.
    """
    try:
        return None if text is None else str.encode(text).decode()
    except (TypeError, UnicodeEncodeError):
        raise IBMBackendValueError(
            f"expected {name} to be a string of whole characters, or None, got {text!r}"
        ) from None


def _wanted_statuses(status: Any) -> tuple[frozenset[JobStatus] | None, bool | None]:
    if status is None:
        return None, None
    if isinstance(status, str) and status.lower() in {"pending", "completed"}:
        return None, status.lower() == "pending"
    listed = [status] if isinstance(status, (str, JobStatus)) else status
    if not isinstance(listed, Sequence) or not listed:
        raise _wrong_status(status)
    statuses = frozenset(_status(each, status) for each in listed)
    if statuses <= FINAL_RANK.keys():
        return statuses, False
    return statuses, None if statuses & FINAL_RANK.keys() else True


def _status(each: Any, given: Any) -> JobStatus:
    if isinstance(each, JobStatus):
        return each
    if isinstance(each, str) and each.upper() in JobStatus.__members__:
        return JobStatus[each.upper()]
    raise _wrong_status(given)


def _wrong_status(status: Any) -> IBMBackendValueError:
    return IBMBackendValueError(
        "expected status to be 'pending', 'completed', a JobStatus, the name of one, or a list of these, "
        f"got {status!r}"
    )


def _moment(name: str, moment: Any) -> datetime | None:
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise IBMBackendValueError(f"expected {name} to be a datetime or None, got {moment!r}")
    try:
        return moment.astimezone(UTC)
    except (OverflowError, ValueError):
        raise IBMBackendValueError(f"expected {name} to be between the years 1 and 9999 UTC, got {moment}") from None
