"""Composite jobs: which jobs belong to one, and what a group of jobs is doing. The archived client wrote the tags.

Until 2023 it split a long list of circuits over several jobs. Each has the tag ``ibm_composite_job_id_...``, the same
for all of them, and the tag ``ibm_composite_job_indexes:JOB:JOBS:FIRST:LAST``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final

from attrs import frozen
from qiskit.providers.jobstatus import JobStatus

ID_PREFIX: Final = "ibm_composite_job_id_"
"""What the ID of a composite job begins with."""
_TAG_PREFIX: Final = "ibm_composite_job_"
_INDEXES: Final = re.compile(r"ibm_composite_job_indexes:(\d{1,9}):(\d{1,9}):(\d{1,9}):(\d{1,9})")


@frozen
class PlaceInComposite:
    """Which part of a composite job a job is."""

    index: int
    """Its place among the jobs, from 0."""
    total: int
    """How many jobs there are."""
    first: int
    """The place of its first circuit among all circuits, from 0."""
    last: int
    """The place of its last circuit among all circuits."""


def place_in_composite(tags: Iterable[str]) -> PlaceInComposite | None:
    """Return which part of a composite job a job with these tags is; ``None`` where no tag says it.

    Example:
        >>> place_in_composite(["vqe", "ibm_composite_job_indexes:1:3:75:149"])
        PlaceInComposite(index=1, total=3, first=75, last=149)
    """
    for tag in tags:
        if found := _INDEXES.fullmatch(tag):
            return PlaceInComposite(*map(int, found.groups()))
    return None


def own_tags(tags: Iterable[str]) -> list[str]:
    """Return those tags that the user gave.

    Example:
        >>> own_tags(["vqe", "ibm_composite_job_indexes:1:3:75:149", "ibm_composite_job_id_af1_"])
        ['vqe']
    """
    return [tag for tag in tags if not tag.startswith(_TAG_PREFIX)]


_FIRST_THAT_COUNTS: Final = (
    JobStatus.INITIALIZING,
    JobStatus.VALIDATING,
    JobStatus.QUEUED,
    JobStatus.RUNNING,
    JobStatus.ERROR,
    JobStatus.CANCELLED,
    JobStatus.DONE,
)


def status_of_all(statuses: Collection[JobStatus]) -> JobStatus:
    """Return the status of a group of jobs: that of the one that is furthest from its end; an error counts then.

    Raises:
        ValueError: If there is none.

    Example:
        >>> from qiskit.providers.jobstatus import JobStatus
        >>> status_of_all([JobStatus.DONE, JobStatus.RUNNING, JobStatus.ERROR]).name
        'RUNNING'
    """
    if not statuses:
        raise ValueError("expected at least one status, got none")
    return min(statuses, key=_FIRST_THAT_COUNTS.index)
