"""Job: all that is known of one job.

A Job is a record of facts, slot by slot the best one so far. It knows nothing of servers, clocks or threads:
``transitions`` make a new Job from an old one and a fact, ``queries`` answer questions about it, and ``wire``
takes it to JSON and back.
"""

from __future__ import annotations

from attrs import field, frozen
from attrs.validators import and_, instance_of, min_len, optional

from ibm_circuit_job.state.facts import (
    Fact,
    JobDetails,
    JobInputs,
    JobMetrics,
    ResultPayload,
    StatusReport,
)


@frozen
class Job:
    """All that is known of one job: for each kind of fact the best so far, or ``None``.

    A Job is deeply immutable, hashable, comparable and picklable. Any number of threads, processes or machines
    may collect facts about one job, each in a Job of its own, and :func:`~ibm_circuit_job.merge` them in any
    order: all end with the same record.

    Raises:
        ValueError: If ``job_id`` is empty.
        TypeError: If ``job_id`` is no string, or a slot holds something else than its kind of fact.

    Example:
        >>> from datetime import UTC, datetime
        >>> from qiskit.providers.jobstatus import JobStatus
        >>> seen = StatusReport(datetime(2024, 2, 3, tzinfo=UTC), JobStatus.RUNNING, "Running")
        >>> job = Job("cq1x", status=seen)
        >>> job.in_final_state, job.tags
        (False, ())
    """

    job_id: str = field(validator=and_(instance_of(str), min_len(1)))
    """The ID that the service gave to the job."""
    status: StatusReport | None = field(default=None, validator=optional(instance_of(StatusReport)))
    """The report that holds; see ``transitions`` for which one that is."""
    details: JobDetails | None = field(default=None, validator=optional(instance_of(JobDetails)))
    """The newest details."""
    metrics: JobMetrics | None = field(default=None, validator=optional(instance_of(JobMetrics)))
    """The newest metrics."""
    inputs: JobInputs | None = field(default=None, validator=optional(instance_of(JobInputs)))
    """The newest inputs."""
    payload: ResultPayload | None = field(default=None, validator=optional(instance_of(ResultPayload)))
    """The newest result that arrived in full."""

    @property
    def in_final_state(self) -> bool:
        """Whether the job has ended, as far as is known: DONE, ERROR or CANCELLED."""
        return self.status is not None and self.status.is_final

    @property
    def tags(self) -> tuple[str, ...]:
        """The job's tags, as far as is known."""
        return () if self.details is None else self.details.tags

    @property
    def facts(self) -> tuple[Fact, ...]:
        """The facts that this record holds.

        Example:
            >>> Job("cq1x").facts
            ()
        """
        slots = (self.status, self.details, self.metrics, self.inputs, self.payload)
        return tuple(fact for fact in slots if fact is not None)
