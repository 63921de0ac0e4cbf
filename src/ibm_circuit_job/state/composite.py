"""Composite jobs: the tags that mark their parts, and the status of a group of jobs.

Until 2023 the archived client split a long list of circuits over several jobs. It gave all of them the same tag
``ibm_composite_job_id_...``, and each of them a tag ``ibm_composite_job_indexes:JOB:JOBS:FIRST:LAST``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final

from attrs import frozen
from qiskit.providers.jobstatus import JobStatus

ID_PREFIX: Final = "ibm_composite_job_id_"
"""The beginning of the ID of every composite job."""
_TAG_PREFIX: Final = "ibm_composite_job_"
_INDEXES: Final = re.compile(r"ibm_composite_job_indexes:(\d{1,9}):(\d{1,9}):(\d{1,9}):(\d{1,9})")


@frozen
class PlaceInComposite:
    """The place of one job in its composite job."""

    index: int
    """The index of the job, from 0."""
    total: int
    """How many jobs the composite job has."""
    first: int
    """The index of the job's first circuit among all circuits, from 0."""
    last: int
    """The index of the job's last circuit among all circuits, from 0; this circuit is included."""


def place_in_composite(tags: Iterable[str]) -> PlaceInComposite | None:
    """Return the place of a job with these tags in its composite job; ``None`` if no tag gives one.

    Example:
        >>> place_in_composite(["vqe", "ibm_composite_job_indexes:1:3:75:149"])
        PlaceInComposite(index=1, total=3, first=75, last=149)
    """
    for tag in tags:
        if found := _INDEXES.fullmatch(tag):
            return PlaceInComposite(*map(int, found.groups()))
    return None


def own_tags(tags: Iterable[str]) -> list[str]:
    """Return the tags that the user gave, without those of the archived client.

    Example:
        >>> own_tags(["vqe", "ibm_composite_job_indexes:1:3:75:149", "ibm_composite_job_id_af1_"])
        ['vqe']
    """
    return [tag for tag in tags if not tag.startswith(_TAG_PREFIX)]


_BY_DISTANCE_FROM_DONE: Final = (
    JobStatus.INITIALIZING,
    JobStatus.VALIDATING,
    JobStatus.QUEUED,
    JobStatus.RUNNING,
    JobStatus.ERROR,
    JobStatus.CANCELLED,
    JobStatus.DONE,
)


def status_of_all(statuses: Collection[JobStatus]) -> JobStatus:
    """Return the status of a group of jobs.

    It is the status of the job that is furthest from its end. If all jobs have ended, ERROR comes before CANCELLED, and
    CANCELLED before DONE.

    Raises:
        ValueError: If *statuses* is empty.

    Example:
        >>> from qiskit.providers.jobstatus import JobStatus
        >>> status_of_all([JobStatus.DONE, JobStatus.RUNNING, JobStatus.ERROR]).name
        'RUNNING'
    """
    if not statuses:
        raise ValueError("expected at least one status, got none")
    return min(statuses, key=_BY_DISTANCE_FROM_DONE.index)
