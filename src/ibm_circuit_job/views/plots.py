"""From plain values to a matplotlib ``Figure``: a timeline of jobs, and quantum time by groups.

A ``Figure`` is made without pyplot, so no window opens and pyplot has no reference to it. Matplotlib comes with the
extra ``plot``. Every difference in colour is also a difference in hatching or words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure

from ibm_circuit_job.views.live import has_ended
from ibm_circuit_job.views.records import JobView

_QUEUED: Final[Mapping[str, Any]] = {"label": "queued", "facecolor": "white", "edgecolor": "C0", "hatch": "////"}
_RUNNING: Final[Mapping[str, Any]] = {"label": "running", "facecolor": "C0", "edgecolor": "C0"}
_WIDTH_INCHES: Final = 8.0
_ROW_INCHES: Final = 0.28
_FRAME_INCHES: Final = 0.9
"""The height of titles and labels."""
_MOST_INCHES: Final = 200.0
"""The largest height of a figure. The rows of more jobs are lower."""
_LONGEST: Final = 40
"""How many characters of a name are shown."""


def timeline(views: Sequence[JobView], now: datetime) -> Figure:
    """Return a figure of the times at which jobs were queued and ran, with axes for each backend. Times are in UTC.

    Args:
        views: The jobs.
        now: The time, aware, at which the bars of unfinished jobs stop.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job.views.records import JobView
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> figure = timeline([JobView("cq1x", backend="ibm_x", created=noon)], noon)
        >>> [axes.get_title() for axes in figure.axes]
        ['ibm_x']
    """
    by_backend: dict[str, list[JobView]] = {}
    for view in sorted(views, key=lambda view: (view.backend or "", view.created or now, view.job_id)):
        by_backend.setdefault(view.backend or "backend not known", []).append(view)
    heights = [len(listed) * _ROW_INCHES + _FRAME_INCHES for listed in by_backend.values()] or [_FRAME_INCHES]
    figure = Figure(figsize=(_WIDTH_INCHES, min(sum(heights) + _FRAME_INCHES, _MOST_INCHES)), layout="constrained")
    grid = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)
    shown: dict[str, Any] = {}
    for axes, (backend, listed) in zip(grid[:, 0], by_backend.items(), strict=False):
        axes.set_title(_short(backend), parse_math=False)
        for row, view in enumerate(listed):
            for kind, begin, end in _spans(view, now):
                bar = axes.barh(row, (end - begin).total_seconds() / 86400, left=date2num(begin), height=0.6, **kind)
                shown.setdefault(str(kind["label"]), bar)
        axes.set_yticks(range(len(listed)), [_label(view) for view in listed], parse_math=False)
        axes.set_ylim(len(listed) - 0.5, -0.5)
    lowest = grid[-1, 0]
    if shown:
        locator = AutoDateLocator(tz=UTC)
        lowest.xaxis.set_major_locator(locator)
        lowest.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))
        lowest.set_xlabel("time (UTC)")
        figure.legend(shown.values(), shown.keys(), loc="outside upper right", ncols=2)
    else:
        lowest.set_xticks([])
        lowest.set_xlabel("when they ran is not known")
    return figure


def _label(view: JobView) -> str:
    return " ".join([_short(view.name or view.job_id[:8]), *([view.status] if view.status else [])])


def _short(text: str) -> str:
    """A text on one line, shortened so that it leaves space for the bars."""
    line = "".join(sign if sign.isprintable() else " " for sign in text)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _spans(view: JobView, now: datetime) -> list[tuple[Mapping[str, Any], datetime, datetime]]:
    """The times at which a job was queued and ran, as far as they are known. An unfinished one lasts until *now*."""
    steps = {step.lower(): moment for step, moment in view.steps}
    created, running = steps.get("created", view.created), steps.get("running")
    ended = steps.get("finished", steps.get("completed", steps.get("failed", steps.get("cancelled"))))
    until = ended or (None if has_ended(view) else now)
    found = [(_QUEUED, created, running or until), (_RUNNING, running, until)]
    return [(kind, begin, end) for kind, begin, end in found if begin is not None and end is not None and begin <= end]


def usage(seconds: Mapping[str, float], by: str) -> Figure:
    """Return a figure of the quantum time of groups, one bar with its seconds for each group.

    Args:
        seconds: Name of a group -> quantum time in seconds.
        by: What a group is, such as ``"tag"``; it labels the axis.

    Example:
        >>> usage({"bell": 2.5}, "tag").axes[0].get_xlabel()
        'quantum time (s)'
    """
    height = min(len(seconds) * _ROW_INCHES + 2 * _FRAME_INCHES, _MOST_INCHES)
    figure = Figure(figsize=(_WIDTH_INCHES, height), layout="constrained")
    axes = figure.subplots()
    if not seconds:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_xlabel("no usage is known")
        return figure
    names = [_short(name) or f"no {by}" for name in seconds]
    bars = axes.barh(range(len(names)), list(seconds.values()), color="C0")
    axes.bar_label(bars, [f"{value:.4g} s" for value in seconds.values()], padding=3)
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.margins(x=0.15)
    axes.invert_yaxis()
    axes.set_xlabel("quantum time (s)")
    axes.set_ylabel(by)
    return figure
