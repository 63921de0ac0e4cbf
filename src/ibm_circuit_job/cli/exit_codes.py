"""The exit codes of the commands, for scripts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from qiskit.providers.jobstatus import JobStatus

FAILED: Final = 1
"""The command failed because of the account, the network, the service or the store. One sentence gives the reason."""
USAGE: Final = 2
"""An argument is wrong, or several jobs begin with the given letters."""
JOB_FAILED: Final = 3
"""The job has ended with ERROR."""
JOB_CANCELLED: Final = 4
"""The job was cancelled."""
NOT_ENDED: Final = 5
"""The job did not end within the time of --timeout."""
LEFT_TO_CHANGE: Final = 6
"""Some lines of a rewritten program must be changed by hand."""
INTERRUPTED: Final = 130
"""Ctrl-C ended the command. The job goes on."""

_OF_STATUS: Final[Mapping[JobStatus, int]] = {
    JobStatus.ERROR: JOB_FAILED,
    JobStatus.CANCELLED: JOB_CANCELLED,
}


def of_jobs(statuses: Iterable[JobStatus]) -> int:
    """Return the exit code for jobs that have ended: 3 if one is ERROR, else 4 if one is CANCELLED, else 0.

    Example:
        >>> from qiskit.providers.jobstatus import JobStatus
        >>> of_jobs([JobStatus.DONE, JobStatus.CANCELLED, JobStatus.ERROR]), of_jobs([JobStatus.DONE])
        (3, 0)
    """
    codes = {_OF_STATUS[status] for status in statuses if status in _OF_STATUS}
    return min(codes, default=0)
