"""Plain values in, matplotlib ``Figure`` out: when jobs were queued and ran, and what was used.

A ``Figure`` is made without pyplot, so nothing is shown and nothing is left behind. It needs the extra ``plot``. What a
colour says, a hatch or a word says as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure

from ibm_circuit_job.views.records import JobView

_QUEUED: Final[Mapping[str, Any]] = {"label": "queued", "facecolor": "white", "edgecolor": "C0", "hatch": "////"}
_RUNNING: Final[Mapping[str, Any]] = {"label": "running", "facecolor": "C0", "edgecolor": "C0"}
_WIDTH: Final = 8.0
_ROW: Final = 0.28
_ROOM: Final = 0.9
_MOST_INCHES: Final = 200.0
"""What a picture may be high; more jobs have lower rows."""
_LONGEST: Final = 40
"""How many characters of a name are shown."""
_FINAL: Final = frozenset({"DONE", "ERROR", "CANCELLED"})


def timeline(views: Sequence[JobView], now: datetime) -> Figure:
    """Return a picture of when jobs were queued and ran, with axes for each backend, in UTC.

    Args:
        views: The jobs.
        now: The end of what goes on, an aware time.

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
    heights = [len(listed) * _ROW + _ROOM for listed in by_backend.values()] or [_ROOM]
    figure = Figure(figsize=(_WIDTH, min(sum(heights) + _ROOM, _MOST_INCHES)), layout="constrained")
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
    """A text on one line that leaves room for the picture beside it."""
    line = "".join(sign if sign.isprintable() else " " for sign in text)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _spans(view: JobView, now: datetime) -> list[tuple[Mapping[str, Any], datetime, datetime]]:
    """When a job was queued and when it ran, as far as the steps say; what goes on lasts until now."""
    steps = {step.lower(): moment for step, moment in view.steps}
    created, running = steps.get("created", view.created), steps.get("running")
    ended = steps.get("finished", steps.get("completed", steps.get("failed", steps.get("cancelled"))))
    until = ended or (None if view.status in _FINAL else now)
    found = [(_QUEUED, created, running or until), (_RUNNING, running, until)]
    return [(kind, begin, end) for kind, begin, end in found if begin is not None and end is not None and begin <= end]


def usage(seconds: Mapping[str, float], by: str) -> Figure:
    """Return a picture of quantum time by groups, as bars with their seconds.

    Args:
        seconds: Name of a group -> seconds.
        by: What the groups are.

    Example:
        >>> usage({"bell": 2.5}, "tag").axes[0].get_xlabel()
        'quantum time (s)'
    """
    figure = Figure(figsize=(_WIDTH, min(len(seconds) * _ROW + 2 * _ROOM, _MOST_INCHES)), layout="constrained")
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
