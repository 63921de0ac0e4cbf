"""Job: the record of all that is known of one job.

A record has the newest value of each field. It uses no server, clock or thread. ``transitions`` makes a new record from
an old one and a fact, ``wire.queries`` answers questions about a record, and ``wire.records`` writes it as JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import NoneType
from typing import Any, Final

from attrs import field, frozen
from attrs.validators import and_, instance_of, min_len

from ibm_circuit_job.state.facts import Body, Fact, JobDetails, JobInputs, JobMetrics, ResultPayload, StatusReport
from ibm_circuit_job.state.registers import joined


@frozen(repr=False)
class Job:
    """The record of all that is known of one job: the newest value of each field, and when it was seen.

    A record has one slot for each kind of fact. If a reply lacks a field, the slot has the value from an earlier reply.
    ``job.backend``, ``job.tags``, ``job.created`` ... read the slots. An unknown field is ``None``.
    ``print(job)`` shows a record in a few lines.

    A record is deeply immutable, hashable, comparable and picklable. Any number of threads, processes or machines can
    collect facts about one job, each in a record of its own. :func:`~ibm_circuit_job.merge` joins these records in any
    order, with the same outcome.

    Raises:
        ValueError: If ``job_id`` is empty.
        TypeError: If ``job_id`` is not a string, or a slot has a fact of the wrong kind.

    Example:
        >>> from datetime import UTC, datetime
        >>> from qiskit.providers.jobstatus import JobStatus
        >>> from ibm_circuit_job import StatusReport
        >>> seen = StatusReport(datetime(2024, 2, 3, tzinfo=UTC), JobStatus.RUNNING, "Running")
        >>> job = Job("cq1x", status=seen)
        >>> job.is_final, job.tags
        (False, ())
    """

    job_id: str = field(validator=and_(instance_of(str), min_len(1)))
    """The ID that the service gave to the job."""
    status: StatusReport | None = field(default=None, validator=instance_of((StatusReport, NoneType)))
    """The status report that won all merges; ``transitions`` has the rule."""
    details: JobDetails | None = field(default=None, validator=instance_of((JobDetails, NoneType)))
    """The fields of the job itself."""
    metrics: JobMetrics | None = field(default=None, validator=instance_of((JobMetrics, NoneType)))
    """The fields that the service measured."""
    inputs: JobInputs | None = field(default=None, validator=instance_of((JobInputs, NoneType)))
    """The newest inputs."""
    payload: ResultPayload | None = field(default=None, validator=instance_of((ResultPayload, NoneType)))
    """The newest result that arrived in full."""

    @property
    def is_final(self) -> bool:
        """Whether the known status is final: DONE, ERROR or CANCELLED."""
        return self.status is not None and self.status.is_final

    @property
    def is_confirmed_final(self) -> bool:
        """Whether the service itself reported a final status. That it accepted a cancel is not such a report."""
        return self.status is not None and self.status.is_final and not self.status.assumed

    @property
    def backend(self) -> str | None:
        """The name of the backend that runs the job."""
        return None if self.details is None else self.details.backend

    @property
    def program(self) -> str | None:
        """The program that the service runs: ``circuit-runner``, ``sampler`` ..."""
        return None if self.details is None else self.details.program

    @property
    def created(self) -> datetime | None:
        """When the job was created, UTC."""
        return None if self.details is None else self.details.created

    @property
    def name(self) -> str | None:
        """The job's name: the last one that the service reported or that was given here."""
        return None if self.details is None else self.details.name

    @property
    def tags(self) -> tuple[str, ...]:
        """The job's tags: the last ones that the service reported or accepted; empty if none are known."""
        return () if self.details is None else self.details.tags or ()

    @property
    def session_id(self) -> str | None:
        """The session that the job belongs to."""
        return None if self.details is None else self.details.session_id

    @property
    def run_mode(self) -> str | None:
        """How the job is scheduled: ``fairshare``, ``dedicated`` ..."""
        return None if self.details is None else self.details.run_mode

    @property
    def usage_estimate(self) -> float | None:
        """The quantum time that the job is expected to take, in seconds."""
        return None if self.details is None else self.details.usage_estimate

    @property
    def private(self) -> bool | None:
        """Whether the result can be read only once; ``None`` if no reply contained it."""
        return None if self.details is None else self.details.private

    @property
    def facts(self) -> tuple[Fact, ...]:
        """The facts of this record: at most one of each kind, in the order of the slots.

        Example:
            >>> Job("cq1x").facts
            ()
        """
        slots = (self.status, self.details, self.metrics, self.inputs, self.payload)
        return tuple(fact for fact in slots if fact is not None)

    @property
    def stamp(self) -> int | None:
        """The stamp of the newest fact; ``None`` if the record has no facts."""
        return max((fact.stamp for fact in self.facts), default=None)

    def __repr__(self) -> str:
        slots = ("status", "details", "metrics", "inputs", "payload")
        known = (f", {slot}={fact!r}" for slot in slots if (fact := getattr(self, slot)) is not None)
        return f"Job({self.job_id!r}{''.join(known)})"

    def __str__(self) -> str:
        """Return the record as a few lines of text; times are in UTC."""
        return "\n".join(_lines(self))

    def _repr_html_(self) -> str:
        """Return the record as HTML for a notebook; times are in the machine's zone."""
        from ibm_circuit_job.state.shown import job_view  # noqa: PLC0415 - loaded with the first HTML
        from ibm_circuit_job.views.html import job_html  # noqa: PLC0415

        return job_html(job_view(self.job_id, self.status, self.details, self.metrics))


def _lines(job: Job) -> Iterator[str]:
    yield f"Job {job.job_id}"
    if job.status is not None:
        report = job.status
        source = "assumed" if report.assumed else f"the service says {report.server_status!r}"
        yield f"  status   {report.status.name}, {source}, seen {_shown(report.observed_at)}"
        if report.reason:
            yield f"  reason   {report.reason}"
    created = None if job.created is None else _shown(job.created)
    known = {
        "created": created,
        "backend": job.backend,
        "program": job.program,
        "name": job.name,
        "tags": ", ".join(job.tags),
        "session": job.session_id,
    }
    yield from (f"  {label:<8} {value}" for label, value in known.items() if value)
    if job.metrics is not None and job.metrics.timestamps:
        yield f"  steps    {', '.join(f'{step} {_shown(at)}' for step, at in job.metrics.timestamps)}"
    for label, body in (("inputs", job.inputs), ("result", job.payload)):
        if body is not None:
            yield f"  {label:<8} {len(body.raw):,} bytes"


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


BODIES: Final[Mapping[str, type[Body]]] = {"inputs": JobInputs, "payload": ResultPayload}
"""Slot of a record -> the kind of body in that slot."""


def slot_of(body: Body) -> str:
    """Return the slot of a record for a body: ``"inputs"`` or ``"payload"``."""
    return "inputs" if isinstance(body, JobInputs) else "payload"


def _read_older(kind: Any) -> None:
    """Make a record read pickles of older versions, which had slots ``retagged`` and ``renamed`` too."""
    set_state = kind.__setstate__

    def set_older_state(job: Any, state: Any) -> None:
        set_state(job, state)
        details = job.details
        for slot, name in (("retagged", "tags"), ("renamed", "name")):
            given = state.get(slot)
            if given is not None:
                value: Any = {name: getattr(given, name)}
                fact = JobDetails(given.observed_at, stamp=given.stamp, **value)
                details = fact if details is None else joined(details, fact)
        object.__setattr__(job, "details", details)

    kind.__setstate__ = set_older_state


_read_older(Job)
