"""Job: all that is known of one job.

A Job is a record of facts, field by field the newest. It knows nothing of servers, clocks or threads:
``transitions`` make a new Job from an old one and a fact, ``queries`` answer questions about it, and ``wire``
takes it to JSON and back.
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
    """All that is known of one job: of each field the newest value, and when it was seen.

    There is a slot for each kind of fact, in which stands what was said field by field: what a reply did not say is
    there from the replies before. ``job.backend``, ``job.tags``, ``job.created`` ... read it; a field of which nothing
    was said is ``None``. ``print(job)`` shows it in a few lines.

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
        >>> job.is_final, job.tags
        (False, ())
    """

    job_id: str = field(validator=and_(instance_of(str), min_len(1)))
    """The ID that the service gave to the job."""
    status: StatusReport | None = field(default=None, validator=instance_of((StatusReport, NoneType)))
    """The report that holds; see ``transitions`` for which one that is."""
    details: JobDetails | None = field(default=None, validator=instance_of((JobDetails, NoneType)))
    """What was said of the job itself."""
    metrics: JobMetrics | None = field(default=None, validator=instance_of((JobMetrics, NoneType)))
    """What was measured."""
    inputs: JobInputs | None = field(default=None, validator=instance_of((JobInputs, NoneType)))
    """The newest inputs."""
    payload: ResultPayload | None = field(default=None, validator=instance_of((ResultPayload, NoneType)))
    """The newest result that arrived in full."""

    @property
    def is_final(self) -> bool:
        """Whether the job has ended, as far as is known: DONE, ERROR or CANCELLED."""
        return self.status is not None and self.status.is_final

    @property
    def is_confirmed_final(self) -> bool:
        """Whether the service itself said that the job has ended, which a cancel that it accepted is not."""
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
        """The job's name: what the service said last, or what it was given here after that."""
        return None if self.details is None else self.details.name

    @property
    def tags(self) -> tuple[str, ...]:
        """The job's tags: what the service said last, or accepted after that; empty where none are known."""
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
        """The time that the job is expected to occupy the quantum computer, in seconds."""
        return None if self.details is None else self.details.usage_estimate

    @property
    def private(self) -> bool | None:
        """Whether the result can be read only once."""
        return None if self.details is None else self.details.private

    @property
    def facts(self) -> tuple[Fact, ...]:
        """The facts that this record holds: of each kind what was said, field by field.

        Example:
            >>> Job("cq1x").facts
            ()
        """
        slots = (self.status, self.details, self.metrics, self.inputs, self.payload)
        return tuple(fact for fact in slots if fact is not None)

    @property
    def stamp(self) -> int | None:
        """The stamp of the newest fact; ``None`` where nothing is known."""
        return max((fact.stamp for fact in self.facts), default=None)

    def __repr__(self) -> str:
        slots = ("status", "details", "metrics", "inputs", "payload")
        held = (f", {slot}={fact!r}" for slot in slots if (fact := getattr(self, slot)) is not None)
        return f"Job({self.job_id!r}{''.join(held)})"

    def __str__(self) -> str:
        """A few lines for people; times in UTC."""
        return "\n".join(_lines(self))

    def _repr_html_(self) -> str:
        """The record as a notebook shows it; times in the machine's zone."""
        from ibm_circuit_job.state.shown import job_view  # noqa: PLC0415 - loaded with the first HTML
        from ibm_circuit_job.views.html import job_html  # noqa: PLC0415

        return job_html(job_view(self.job_id, self.status, self.details, self.metrics))


def _lines(job: Job) -> Iterator[str]:
    yield f"Job {job.job_id}"
    if job.status is not None:
        report = job.status
        said = "assumed" if report.assumed else f"the service says {report.server_status!r}"
        yield f"  status   {report.status.name}, {said}, seen {_shown(report.observed_at)}"
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
    yield from (f"  {label:<8} {said}" for label, said in known.items() if said)
    if job.metrics is not None and job.metrics.timestamps:
        yield f"  steps    {', '.join(f'{step} {_shown(at)}' for step, at in job.metrics.timestamps)}"
    for label, body in (("inputs", job.inputs), ("result", job.payload)):
        if body is not None:
            yield f"  {label:<8} {len(body.raw):,} bytes"


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


BODIES: Final[Mapping[str, type[Body]]] = {"inputs": JobInputs, "payload": ResultPayload}
"""Slot of a record -> the kind of body in it."""


def slot_of(body: Body) -> str:
    """Return the slot of a record that a body belongs into."""
    return "inputs" if isinstance(body, JobInputs) else "payload"


def _read_older(kind: Any) -> None:
    """Let a record be unpickled that was pickled when it had tags and a name of its own beside the details."""
    set_state = kind.__setstate__

    def set_older_state(job: Any, state: Any) -> None:
        set_state(job, state)
        details = job.details
        for slot, name in (("retagged", "tags"), ("renamed", "name")):
            given = state.get(slot)
            if given is not None:
                said: Any = {name: getattr(given, name)}
                fact = JobDetails(given.observed_at, stamp=given.stamp, **said)
                details = fact if details is None else joined(details, fact)
        object.__setattr__(job, "details", details)

    kind.__setstate__ = set_older_state


_read_older(Job)
