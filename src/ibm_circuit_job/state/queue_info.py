"""QueueInfo: what a person wants to know of a job that waits."""

from __future__ import annotations

from datetime import datetime

from attrs import fields_dict, frozen


@frozen
class QueueInfo:
    """Where in the queue a job is, and when it is expected to run. What the service does not say is ``None``.

    Example:
        >>> QueueInfo(job_id="a", position=3, status="Queued")
        QueueInfo(job_id='a', position=3, status='Queued')
    """

    job_id: str
    """The job's ID."""
    position: int | None = None
    """Its place in the queue; 1 is next."""
    status: str | None = None
    """The service's own status string."""
    estimated_start_time: datetime | None = None
    """When it is expected to start, in the zone that was asked for."""
    estimated_complete_time: datetime | None = None
    """When it is expected to end, in the zone that was asked for."""
    hub_priority: float | None = None
    """The dynamic priority of its hub."""
    group_priority: float | None = None
    """The dynamic priority of its group."""
    project_priority: float | None = None
    """The dynamic priority of its project."""

    def __repr__(self) -> str:
        known = {name: getattr(self, name) for name in fields_dict(QueueInfo)}
        said = ", ".join(f"{name}={value!r}" for name, value in known.items() if value is not None)
        return f"QueueInfo({said})"

    def _repr_html_(self) -> str:
        """It as a notebook shows it; times in the machine's zone."""
        from ibm_circuit_job.views.html import queue_html  # noqa: PLC0415 - loaded with the first HTML
        from ibm_circuit_job.views.records import QueueView  # noqa: PLC0415

        priorities = {
            "Hub priority": self.hub_priority,
            "Group priority": self.group_priority,
            "Project priority": self.project_priority,
        }
        view = QueueView(
            self.job_id,
            position=self.position,
            status=self.status,
            expected_start=self.estimated_start_time,
            expected_end=self.estimated_complete_time,
            priorities=priorities.items(),
        )
        return queue_html(view)

    def format(self) -> str:
        """Return it as lines for a person.

        Example:
            >>> print(QueueInfo(job_id="a", position=3, status="Queued").format())
            Job a queue information:
                queue position: 3
                status: Queued
        """
        lines = [f"Job {self.job_id} queue information:"]
        for name, value in (
            ("queue position", self.position),
            ("status", self.status),
            ("estimated start time", self.estimated_start_time),
            ("estimated completion time", self.estimated_complete_time),
            ("hub priority", self.hub_priority),
            ("group priority", self.group_priority),
            ("project priority", self.project_priority),
        ):
            if value is not None:
                lines.append(f"    {name}: {value}")
        return "\n".join(lines)
