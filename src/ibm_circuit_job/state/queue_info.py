"""QueueInfo: the place of a job in the queue, and when it is expected to run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from attrs import field, fields_dict, frozen


@frozen(init=False)
class QueueInfo:
    """The place of a job in the queue, and when it is expected to run. Unknown values are ``None``.

    Args:
        job_id: The job's ID.
        position: The job's place in the queue; 1 is next.
        status: The service's own status string.
        estimated_start_time: When the job is expected to start: a datetime, or ISO 8601 text, which is in UTC unless it
            names a zone.
        estimated_complete_time: When the job is expected to end, in the same form.
        hub_priority: The dynamic priority of the job's hub.
        group_priority: The dynamic priority of the job's group.
        project_priority: The dynamic priority of the job's project.
        **more: Further values, which become attributes. ``position_in_queue`` sets ``position``, and
            ``estimated_completion_time`` sets ``estimated_complete_time``: these are the service's names.

    Raises:
        ValueError: If a text is not a time in ISO 8601.

    Example:
        >>> QueueInfo(job_id="a", position=3, status="Queued")
        QueueInfo(job_id='a', position=3, status='Queued')
    """

    job_id: str
    """The job's ID."""
    position: int | None = None
    """The job's place in the queue; 1 is next."""
    status: str | None = None
    """The service's own status string."""
    estimated_start_time: datetime | None = None
    """When the job is expected to start, in the requested time zone."""
    estimated_complete_time: datetime | None = None
    """When the job is expected to end, in the requested time zone."""
    hub_priority: float | None = None
    """The dynamic priority of the job's hub."""
    group_priority: float | None = None
    """The dynamic priority of the job's group."""
    project_priority: float | None = None
    """The dynamic priority of the job's project."""
    _more: tuple[tuple[str, Any], ...] = field(default=(), hash=False)

    def __init__(
        self,
        job_id: str = "",
        position: int | None = None,
        status: str | None = None,
        estimated_start_time: datetime | str | None = None,
        estimated_complete_time: datetime | str | None = None,
        hub_priority: float | None = None,
        group_priority: float | None = None,
        project_priority: float | None = None,
        **more: Any,
    ) -> None:
        position = more.pop("position_in_queue", position)
        end = more.pop("estimated_completion_time", estimated_complete_time)
        self.__attrs_init__(
            job_id,
            position,
            status,
            _moment(estimated_start_time),
            _moment(end),
            hub_priority,
            group_priority,
            project_priority,
            tuple(sorted(more.items())),
        )

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            for other, value in self._more:
                if other == name:
                    return value
        raise AttributeError(f"the queue information has no {name!r}")

    def __repr__(self) -> str:
        known = {name: getattr(self, name) for name in fields_dict(QueueInfo) if name != "_more"}
        arguments = ", ".join(f"{name}={value!r}" for name, value in known.items() if value is not None)
        return f"QueueInfo({arguments})"

    def _repr_html_(self) -> str:
        """Return HTML for a notebook; times are in the machine's zone."""
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
        """Return the known values as lines of text.

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


def _moment(given: datetime | str | None) -> datetime | None:
    if not isinstance(given, str):
        return given
    moment = datetime.fromisoformat(given)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
