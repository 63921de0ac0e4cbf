"""The page of the local service: a frame without jobs, and fragments that the page inserts into it.

The fragments have no scripts, no styles and no event handlers, so the page's Content-Security-Policy can forbid them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any, Final

from ibm_circuit_job.views.html import rendered
from ibm_circuit_job.views.live import has_ended
from ibm_circuit_job.views.page_records import CouplingView, DeviceView, QubitView, WholeJobView
from ibm_circuit_job.views.records import JobView

SPACING: Final = 46
"""The distance of two neighbouring qubits, in units of the drawing."""
_MARGIN: Final = 26
"""The margin around the qubits, in units of the drawing."""


def frame_html() -> str:
    """Return the page without jobs: its head, empty places for the fragments, and the form for the token.

    Example:
        >>> "<script" in frame_html() and "onclick" not in frame_html()
        True
    """
    return rendered("page.html", None)


def stylesheet() -> str:
    """Return the stylesheet of the page, which includes the styles of notebooks.

    Example:
        >>> ".icj-pill" in stylesheet()
        True
    """
    return rendered("page.css", None)


def job_list_html(jobs: Sequence[JobView], others: int = 0, zone: tzinfo | None = None) -> str:
    """Return the list of jobs as HTML.

    Args:
        jobs: The shown jobs, the newest first.
        others: How many further jobs there are.
        zone: The time zone of the times; the machine's zone by default.

    Example:
        >>> from ibm_circuit_job.views.records import JobView
        >>> "1 queued" in job_list_html([JobView("a", status="QUEUED")])
        True
    """
    numbers = Counter(job.status for job in jobs)
    return rendered("page_jobs.html", zone, jobs=jobs, numbers=numbers, others=others, is_final=has_ended)


def whole_job_html(whole: WholeJobView, now: datetime, zone: tzinfo | None = None) -> str:
    """Return one job with its circuits, counts, timeline, metrics and log as HTML.

    Args:
        whole: The job.
        now: The time, aware, at which the timeline of a job that has not ended stops.
        zone: As for :func:`job_list_html`.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job.views.page_records import WholeJobView
        >>> from ibm_circuit_job.views.records import JobView
        >>> "cq1x" in whole_job_html(WholeJobView(JobView("cq1x")), datetime.now(UTC))
        True
    """
    job = whole.job
    return rendered("page_job.html", zone, whole=whole, job=job, has_ended=has_ended(job), spans=spans(job, now))


def device_list_html(devices: Sequence[DeviceView], zone: tzinfo | None = None) -> str:
    """Return the devices with their queues as HTML; *zone* as for :func:`job_list_html`.

    Example:
        >>> from ibm_circuit_job.views.page_records import DeviceView
        >>> "local_5q" in device_list_html([DeviceView("local_5q", 5)])
        True
    """
    return rendered("page_devices.html", zone, devices=devices, size=_size, place=_place)


def spans(job: JobView, now: datetime) -> list[tuple[str, float, float, float]]:
    """Return the parts of a job's timeline: (name, duration in seconds, start in percent, width in percent).

    Args:
        job: The job, with the steps ``created``, ``running`` and ``finished`` as far as they are known.
        now: The time, aware, at which the last part stops if the job has not ended.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> from ibm_circuit_job.views.records import JobView
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> running, finished = noon + timedelta(seconds=3), noon + timedelta(seconds=4)
        >>> steps = [("created", noon), ("running", running), ("finished", finished)]
        >>> spans(JobView("a", steps=steps), noon)
        [('queued', 3.0, 0.0, 75.0), ('running', 1.0, 75.0, 25.0)]
    """
    when = dict(job.steps)
    created, running = when.get("created"), when.get("running")
    end = when.get("finished", None if has_ended(job) else now)
    if created is None or end is None or end <= created:
        return []
    whole = (end - created).total_seconds()
    begun = min(max(running or end, created), end)
    waited = (begun - created).total_seconds()
    parts = [("queued", waited, 0.0, 100 * waited / whole)]
    if running is not None:
        parts.append(("running", whole - waited, 100 * waited / whole, 100 * (whole - waited) / whole))
    return parts


def _size(device: DeviceView) -> tuple[int, int]:
    """The width and the height of a device's drawing."""
    right, down = (max((getattr(qubit, axis) for qubit in device.qubits), default=0.0) for axis in "xy")
    return tuple(round(far * SPACING) + 2 * _MARGIN for far in (right, down))  # type: ignore[return-value]


def _place(device: DeviceView, qubit: QubitView | CouplingView) -> Any:
    """The coordinates of a qubit, ``(x, y)``, or of the ends of a coupling, ``(x1, y1, x2, y2)``."""
    if isinstance(qubit, QubitView):
        return round(qubit.x * SPACING) + _MARGIN, round(qubit.y * SPACING) + _MARGIN
    first, second = (device.qubits[number] for number in (qubit.first, qubit.second))
    return (*_place(device, first), *_place(device, second))
