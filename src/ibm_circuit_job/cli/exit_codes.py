"""The exit codes of the commands, for scripts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from qiskit.providers.jobstatus import JobStatus

FAILED: Final = 1
"""The command could not do it: the account, the network, the service or the store refused; one sentence says why."""
USAGE: Final = 2
"""An argument is wrong, or the first letters of an ID fit several jobs."""
JOB_FAILED: Final = 3
"""The job has ended with ERROR."""
JOB_CANCELLED: Final = 4
"""The job was cancelled."""
NOT_ENDED: Final = 5
"""The job had not ended when the time of --timeout was over."""
LEFT_TO_CHANGE: Final = 6
"""A program that was rewritten has lines that have to be changed by hand."""
INTERRUPTED: Final = 130
"""Ctrl-C has ended the command. The job goes on."""

_OF_STATUS: Final[Mapping[JobStatus, int]] = {
    JobStatus.ERROR: JOB_FAILED,
    JobStatus.CANCELLED: JOB_CANCELLED,
}


def of_jobs(statuses: Iterable[JobStatus]) -> int:
    """Return the exit code for jobs that have ended: 0 where all are DONE; a failed job counts before a cancelled one.

    Example:
        >>> from qiskit.providers.jobstatus import JobStatus
        >>> of_jobs([JobStatus.DONE, JobStatus.CANCELLED, JobStatus.ERROR]), of_jobs([JobStatus.DONE])
        (3, 0)
    """
    codes = {_OF_STATUS[status] for status in statuses if status in _OF_STATUS}
    return min(codes, default=0)
