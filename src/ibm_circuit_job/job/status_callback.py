"""StatusCallback: the callback of a wait for one job or for many, and its last call for each handle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from attrs import define, field
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.state.job import Job
from ibm_circuit_job.wire import queries

_Seen: TypeAlias = tuple[JobStatus | None, int | None]
"""A status, and a place in the queue."""


class _Handle(Protocol):
    """A handle on a job."""

    @property
    def state(self) -> Job: ...


@define
class StatusCallback:
    """A callback, and the status and place that it was last called with for each handle."""

    callback: Callable[..., object]
    """Called as ``callback(job_id, status, job, queue_info=...)``."""
    last: dict[int, _Seen] = field(factory=dict)

    def call_if_changed(self, job: _Handle) -> None:
        """Call the callback if the job's status or its place in the queue differs from the last call."""
        seen = (queries.status(job.state), queries.queue_position(job.state))
        before = self.last.get(id(job))
        self.last[id(job)] = seen
        if seen[0] is not None and seen != before:
            self.callback(job.state.job_id, seen[0], job, queue_info=queries.queue_info(job.state, None))
