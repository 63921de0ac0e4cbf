"""The table of statuses: the meaning of each status string of the service, and the rank of final statuses.

The code, the diagram in the documentation and the tests read this table; nothing else defines a status.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from qiskit.providers.jobstatus import JobStatus

STATUS_OF: Final[Mapping[str, JobStatus]] = MappingProxyType(
    {
        "CREATING": JobStatus.INITIALIZING,
        "CREATED": JobStatus.INITIALIZING,
        "TRANSPILING": JobStatus.INITIALIZING,
        "TRANSPILED": JobStatus.INITIALIZING,
        "VALIDATING": JobStatus.VALIDATING,
        "VALIDATED": JobStatus.VALIDATING,
        "QUEUED": JobStatus.QUEUED,
        "PENDING_IN_QUEUE": JobStatus.QUEUED,
        "RUNNING": JobStatus.RUNNING,
        "COMPLETED": JobStatus.DONE,
        "CANCELLED": JobStatus.CANCELLED,
        "CANCELLED - RAN TOO LONG": JobStatus.CANCELLED,
        "FAILED": JobStatus.ERROR,
        "ERROR_CREATING_JOB": JobStatus.ERROR,
        "ERROR_VALIDATING_JOB": JobStatus.ERROR,
        "ERROR_TRANSPILING_JOB": JobStatus.ERROR,
        "ERROR_RUNNING_JOB": JobStatus.ERROR,
    }
)
"""Status string of the service, in upper case -> ``JobStatus``."""

FINAL_RANK: Final[Mapping[JobStatus, int]] = MappingProxyType(
    {JobStatus.CANCELLED: 1, JobStatus.ERROR: 2, JobStatus.DONE: 3}
)
"""Final status -> rank. If the service reported two final statuses for one job, the one of higher rank wins."""

UNKNOWN: Final = JobStatus.INITIALIZING
"""The meaning of a status string that is not in the table. It is not final, and does not claim that the job runs."""

RAN_TOO_LONG: Final = 1305
"""The reason code of a job that the service cancelled because it ran longer than allowed."""

RAN_TOO_LONG_REASON: Final = (
    "The job ran longer than its maximum execution time and was cancelled: its time limit was passed."
)
"""The reason of such a job, if the service gives none."""


@lru_cache(maxsize=1000)
def status_of(server_status: str) -> JobStatus:
    """Return the ``JobStatus`` of a status string of the service; upper and lower case do not count.

    Example:
        >>> status_of("Completed").name
        'DONE'
        >>> status_of("Levitating").name
        'INITIALIZING'
    """
    known = STATUS_OF.get(server_status.strip().upper())
    if known is not None:
        return known
    return JobStatus.CANCELLED if says_ran_too_long(server_status) else UNKNOWN


@lru_cache(maxsize=1000)
def is_known(server_status: str) -> bool:
    """Return whether the table has this status string, or a spelling of it.

    Example:
        >>> is_known("pending_in_queue"), is_known("Levitating")
        (True, False)
    """
    return server_status.strip().upper() in STATUS_OF or says_ran_too_long(server_status)


@lru_cache(maxsize=1000)
def says_ran_too_long(server_status: str) -> bool:
    """Return whether a status string means "ran too long", in any spelling.

    Example:
        >>> says_ran_too_long("Cancelled - Ran too long"), says_ran_too_long("CANCELED_RAN_TOO_LONG")
        (True, True)
        >>> says_ran_too_long("Cancelled")
        False
    """
    return _RAN_TOO_LONG.fullmatch(_NO_LETTER.sub("", server_status.lower())) is not None


_NO_LETTER: Final = re.compile(r"[^a-z]")
_RAN_TOO_LONG: Final = re.compile(r"(cancell?ed)?rantoolong")


def is_reason(text: str | None) -> bool:
    """Return whether a reason of the service has information. Some jobs have only the word ``Error``.

    Example:
        >>> is_reason("Too many shots."), is_reason("Error"), is_reason(None)
        (True, False, False)
    """
    return bool(text) and text != "Error"
