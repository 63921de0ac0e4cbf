"""Job: all that is known of one job.

A Job is a record of facts, slot by slot the best one so far. It knows nothing of servers, clocks or threads:
``transitions`` make a new Job from an old one and a fact, ``queries`` answer questions about it, and ``wire``
takes it to JSON and back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NoReturn

from attrs import frozen

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
        >>> from ibm_circuit_job import StatusReport
        >>> seen = StatusReport(datetime(2024, 2, 3, tzinfo=UTC), JobStatus.RUNNING, "Running")
        >>> job = Job("cq1x", status=seen)
        >>> job.in_final_state, job.tags
        (False, ())
    """

    job_id: str
    """The ID that the service gave to the job."""
    status: StatusReport | None = None
    """The report that holds; see ``transitions`` for which one that is."""
    details: JobDetails | None = None
    """The newest details."""
    metrics: JobMetrics | None = None
    """The newest metrics."""
    inputs: JobInputs | None = None
    """The newest inputs."""
    payload: ResultPayload | None = None
    """The newest result that arrived in full."""
    retagged: JobTags | None = None
    """The newest tags that the service accepted from us."""
    renamed: JobName | None = None
    """The newest name that the job was given here."""

    def __attrs_post_init__(self) -> None:
        # One glance instead of six validators, since every transition makes a Job.
        if (
            type(self.job_id) is not str
            or not self.job_id
            or type(self.status) not in _STATUS
            or type(self.details) not in _DETAILS
            or type(self.metrics) not in _METRICS
            or type(self.inputs) not in _INPUTS
            or type(self.payload) not in _PAYLOAD
            or type(self.retagged) not in _RETAGGED
            or type(self.renamed) not in _RENAMED
        ):
            _refuse(self)

    @property
    def in_final_state(self) -> bool:
        """Whether the job has ended, as far as is known: DONE, ERROR or CANCELLED."""
        return self.status is not None and self.status.is_final

    @property
    def has_ended(self) -> bool:
        """Whether the service itself said that the job has ended, which a cancel that it accepted is not."""
        return self.status is not None and self.status.is_final and not self.status.assumed

    @property
    def tags(self) -> tuple[str, ...]:
        """The job's tags, as far as is known: what the service said last, or accepted after that."""
        said = None if self.details is None else self.details.tags
        if self.retagged is None or (said is not None and _is_newer(self.details, self.retagged)):
            return said or ()
        return self.retagged.tags

    @property
    def name(self) -> str | None:
        """The job's name, as far as is known: what the service said last, or what it was given here after that."""
        said = None if self.details is None else self.details.name
        if self.renamed is None or (said is not None and _is_newer(self.details, self.renamed)):
            return said
        return self.renamed.name

    @property
    def facts(self) -> tuple[Fact, ...]:
        """The facts that this record holds.

        Example:
            >>> Job("cq1x").facts
            ()
        """
        slots = (
            self.status,
            self.details,
            self.metrics,
            self.inputs,
            self.payload,
            self.retagged,
            self.renamed,
        )
        return tuple(fact for fact in slots if fact is not None)


BODIES: Final[Mapping[str, type[Body]]] = {"inputs": JobInputs, "payload": ResultPayload}
"""Slot of a record -> the kind of body in it."""


def slot_of(body: Body) -> str:
    """Return the slot of a record that a body belongs into."""
    return "inputs" if isinstance(body, JobInputs) else "payload"


_STATUS = (StatusReport, type(None))
_DETAILS = (JobDetails, type(None))
_METRICS = (JobMetrics, type(None))
_INPUTS = (JobInputs, type(None))
_PAYLOAD = (ResultPayload, type(None))
_RETAGGED = (JobTags, type(None))
_RENAMED = (JobName, type(None))


def _is_newer(details: JobDetails | None, given: JobTags | JobName) -> bool:
    """Whether a reply of the service came after something that was given to the job."""
    return details is not None and details.observed_at > given.observed_at


def _refuse(job: Job) -> NoReturn:
    """Say what is wrong with a record."""
    if not isinstance(job.job_id, str):
        raise TypeError(f"job_id: expected a string, got {job.job_id!r}")
    if not job.job_id:
        raise ValueError("job_id: expected the ID of a job, got an empty string")
    for slot, kinds in (
        ("status", _STATUS),
        ("details", _DETAILS),
        ("metrics", _METRICS),
        ("inputs", _INPUTS),
        ("payload", _PAYLOAD),
        ("retagged", _RETAGGED),
        ("renamed", _RENAMED),
    ):
        held = getattr(job, slot)
        if not isinstance(held, kinds):
            raise TypeError(f"{slot}: expected a {kinds[0].__name__} or None, got a {type(held).__name__}")
    raise TypeError(f"job_id: expected a string, got a {type(job.job_id).__name__}")
