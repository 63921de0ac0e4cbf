"""Values as text for terminals: the repr of a job, rows of a list, bars of counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from heapq import nlargest
from typing import Final

from ibm_circuit_job.views import words
from ibm_circuit_job.views.records import CountsView, JobView


def job_words(job: JobView) -> str:
    """Return a job in a few words: its status and its place, or its backend and its name if no status is known.

    Example:
        >>> from ibm_circuit_job.views.records import JobView
        >>> job_words(JobView("a", status="QUEUED", place=3, backend="ibm_x"))
        'QUEUED, place 3'
        >>> job_words(JobView("a", backend="ibm_x", name="bell"))
        "status unknown, backend 'ibm_x', name 'bell'"
    """
    place = None if job.place is None else f"place {job.place}"
    if job.status is not None:
        known = [job.status, place]
    else:
        backend = None if job.backend is None else f"backend {job.backend!r}"
        name = None if job.name is None else f"name {job.name!r}"
        known = ["status unknown", place, backend, name]
    return ", ".join(words for words in known if words is not None)


_GONE: Final = "service gone"


def status_words(job: JobView) -> str:
    """Return a job's status for a list; ``"submitted"`` if no status is known since the submission.

    Example:
        >>> from ibm_circuit_job.views.records import JobView
        >>> status_words(JobView("a", status="DONE"))
        'DONE'
        >>> status_words(JobView("a", status="QUEUED", service_is_gone=True))
        'QUEUED, service gone'
    """
    known = job.status or ("submitted" if job.submitted is not None else None)
    gone = _GONE if job.service_is_gone else None
    return ", ".join(words for words in (known, gone) if words is not None)


def service_words(service: str | None) -> str:
    """Return a service in a word: ``"local"``, or the host of its URL; empty for ``None``.

    Args:
        service: The name of the service in a store: ``"this machine"``, or a URL with or without an instance.

    Example:
        >>> service_words("https://quantum.cloud.ibm.com crn:v1:x"), service_words("this machine"), service_words(None)
        ('quantum.cloud.ibm.com', 'local', '')
    """
    if service is None:
        return ""
    if service == "this machine":
        return "local"
    return service.partition(" ")[0].partition("://")[2].partition("/")[0]


def time_words(moment: datetime, zone: tzinfo | None = None) -> str:
    """Return the time of day of a moment, to the millisecond.

    Args:
        moment: An aware time.
        zone: The time zone of the text; the machine's zone by default.

    Example:
        >>> from datetime import UTC, datetime
        >>> time_words(datetime(2024, 2, 3, 12, 0, 0, 250_000, tzinfo=UTC), UTC)
        '12:00:00.250'
    """
    try:
        local = moment.astimezone(zone)
    except (OverflowError, ValueError, OSError):
        local = moment
    return f"{local:%H:%M:%S}.{local.microsecond // 1000:03}"


def steps_words(steps: Sequence[tuple[str, datetime]], zone: tzinfo | None = None) -> str:
    """Return the steps of a job: the time of the first step, then for each step the time since the one before.

    Args:
        steps: (step, aware time), the earliest first.
        zone: The time zone of the first time; the machine's zone by default.

    Example:
        >>> from datetime import UTC, datetime
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> steps_words([("created", noon), ("running", noon.replace(second=2, microsecond=500_000))], UTC)
        'created 12:00:00.000, running +2.500 s'
    """

    def parts() -> Iterator[str]:
        before: datetime | None = None
        for step, moment in steps:
            since = time_words(moment, zone) if before is None else since_words(before, moment)
            yield f"{step} {since}"
            before = moment

    return ", ".join(parts())


def since_words(before: datetime, moment: datetime) -> str:
    """Return the time between two moments: in seconds with three decimals, or from a minute on in rounded units.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> since_words(noon, noon + timedelta(seconds=0.25)), since_words(noon, noon + timedelta(minutes=2))
        ('+0.250 s', '+2 min 0 s')
    """
    passed = (moment - before).total_seconds()
    return f"+{words.seconds(passed)}" if passed >= 60 else f"{passed:+.3f} s"


def job_cells(job: JobView) -> Mapping[str, str]:
    """Return the cells of a job in a list: column -> text. Times are in the machine's zone.

    Example:
        >>> from ibm_circuit_job.views.records import JobView
        >>> job_cells(JobView("a", status="QUEUED", place=3, tags=["bell", "x"]))["tags"]
        'bell, x'
    """
    created = job.created or job.submitted
    return {
        "job": job.job_id,
        "created": "" if created is None else words.in_zone(created, None)[: len("2024-02-03 12:00")],
        "status": _GONE if job.service_is_gone else status_words(job),
        "place": "" if job.place is None else str(job.place),
        "backend": job.backend or "",
        "tags": ", ".join(job.tags),
        "service": service_words(job.service),
        "usage": "" if job.usage is None else words.seconds(job.usage),
        "name": job.name or "",
    }


_WIDEST_BAR: Final = 40
"""How many blocks the bar of the most frequent outcome has."""
_MOST_BARS: Final = 16
"""How many outcomes are shown."""


def count_bars(circuit: CountsView) -> tuple[list[str], int]:
    """Return the counts of a circuit as lines with bars, and how many outcomes have no line.

    The 16 most frequent outcomes have lines, sorted by their bits.

    Example:
        >>> from ibm_circuit_job.views.records import CountsView
        >>> count_bars(CountsView("bell", {"00": 2, "11": 1}))[0][1]
        '11  ████████████████████                      1'
    """
    chosen = dict(nlargest(_MOST_BARS, circuit.counts.items(), key=lambda item: item[1]))
    most, widest = max(chosen.values(), default=0), max(map(len, chosen), default=0)

    def bar(count: int) -> str:
        return "█" * (max(1, round(_WIDEST_BAR * count / most)) if count > 0 else 0)

    lines = [f"{outcome:<{widest}}  {bar(count):<{_WIDEST_BAR}}  {count}" for outcome, count in sorted(chosen.items())]
    return lines, len(circuit.counts) - len(chosen)
