"""Values as HTML for notebooks: fragments without scripts, in the colours of the surrounding page.

Every text is escaped by Jinja2, shortened, and freed from characters that a page cannot show. A status is a word and a
mark, so it is readable without colours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from functools import cache
from heapq import nlargest
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from ibm_circuit_job.views import live
from ibm_circuit_job.views.records import (
    BackendView,
    CountsView,
    JobView,
    ProviderView,
    QueueView,
    ResultView,
    StoreView,
)
from ibm_circuit_job.views.words import LARGEST, in_utc, in_zone, lines, printable, seconds

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

MOST_ROWS: Final = 50
"""The most jobs that a table shows."""
MOST_OUTCOMES: Final = 8
"""The most outcomes of a circuit that are shown; these are the most frequent ones."""
_MOST_WORDS: Final = 24
"""The most tags, gates or backends that are shown."""

_MARKS: Final = {
    "INITIALIZING": ("◌", "waits"),
    "VALIDATING": ("◌", "waits"),
    "QUEUED": ("◔", "waits"),
    "RUNNING": ("▶", "runs"),
    "DONE": ("✓", "done"),
    "CANCELLED": ("⊘", "ended"),
    "ERROR": ("✗", "failed"),
}
"""Status -> (mark, CSS class of the colour)."""


def job_html(job: JobView, zone: tzinfo | None = None) -> str:
    """Return a job as HTML.

    Args:
        job: The job.
        zone: The time zone of the times; the machine's zone by default. The title of each time has it in UTC.

    Example:
        >>> from ibm_circuit_job.views.records import JobView
        >>> "QUEUED" in job_html(JobView("a", status="QUEUED"))
        True
    """
    return rendered("job.html", zone, job=job)


def jobs_html(jobs: Sequence[JobView], zone: tzinfo | None = None, *, number: int | None = None) -> str:
    """Return jobs as an HTML table with one row for each job.

    Args:
        jobs: The jobs; the first ``MOST_ROWS`` of them are shown.
        zone: As for :func:`job_html`.
        number: How many jobs there are in all; by default the number of *jobs*.

    Example:
        >>> from ibm_circuit_job.views.records import JobView
        >>> jobs_html([JobView("a"), JobView("b")]).count("<tr>")
        3
    """
    total = len(jobs) if number is None else number
    return rendered("jobs.html", zone, jobs=jobs[:MOST_ROWS], number=total)


def live_html(jobs: Sequence[JobView], now: datetime, zone: tzinfo | None = None) -> str:
    """Return the progress of jobs as an HTML table with one row for each job.

    Args:
        jobs: The jobs; the first ``MOST_ROWS`` of them are shown.
        now: The time, aware, up to which elapsed times are counted.
        zone: As for :func:`job_html`.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job.views.records import JobView
        >>> "job is queued" in live_html([JobView("a", status="QUEUED")], datetime(2024, 2, 3, 12, tzinfo=UTC))
        True
    """
    rows = [(job, live.row(job, now, zone)) for job in jobs[:MOST_ROWS]]
    ended = sum(map(live.has_ended, jobs))
    return rendered("live.html", zone, rows=rows, heads=live.HEADS, number=len(jobs), ended=ended)


def queue_html(queue: QueueView, zone: tzinfo | None = None) -> str:
    """Return the place of a job in the queue as HTML; *zone* as for :func:`job_html`.

    Example:
        >>> from ibm_circuit_job.views.records import QueueView
        >>> "place 3" in queue_html(QueueView("a", position=3))
        True
    """
    return rendered("queue.html", zone, queue=queue)


def result_html(result: ResultView) -> str:
    """Return a result as HTML: the counts of its first circuits as bars.

    Example:
        >>> from ibm_circuit_job.views.records import CountsView, ResultView
        >>> "510" in result_html(ResultView("a", circuits=[CountsView("bell", {"00": 510})], number_of_circuits=1))
        True
    """
    return rendered("result.html", None, result=result)


def provider_html(provider: ProviderView) -> str:
    """Return an account as HTML.

    Example:
        >>> from ibm_circuit_job.views.records import ProviderView
        >>> "ibm_x" in provider_html(ProviderView("https://ibm.example", backends=["ibm_x"]))
        True
    """
    return rendered("provider.html", None, provider=provider)


def backend_html(backend: BackendView, zone: tzinfo | None = None) -> str:
    """Return a backend as HTML; *zone* as for :func:`job_html`.

    Example:
        >>> from ibm_circuit_job.views.records import BackendView
        >>> "5 qubits" in backend_html(BackendView("local_5q", num_qubits=5))
        True
    """
    return rendered("backend.html", zone, backend=backend)


def store_html(store: StoreView) -> str:
    """Return a store as HTML.

    Example:
        >>> from ibm_circuit_job.views.records import StoreView
        >>> "jobs.sqlite" in store_html(StoreView("jobs.sqlite"))
        True
    """
    return rendered("store.html", None, store=store)


def rendered(template: str, zone: tzinfo | None, **values: Any) -> str:
    """Return a template of ``views/templates``, filled with escaped values.

    Args:
        template: The file name of the template.
        zone: The time zone of the times; ``None`` for the machine's zone.
        **values: The values by their names in the template.

    Example:
        >>> from ibm_circuit_job.views.records import StoreView
        >>> "&lt;i&gt;" in rendered("store.html", None, store=StoreView("<i>"))
        True
    """
    return _environment().get_template(template).render(zone=zone, **values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - loaded with the first HTML

    environment = Environment(
        loader=PackageLoader("ibm_circuit_job.views"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["most_words"] = _MOST_WORDS
    environment.filters |= {
        "bars": _bars,
        "colour": lambda status: _MARKS.get(status, ("", "unknown"))[1],
        "durations": _durations,
        "in_url": lambda text: quote(printable(text), safe=""),
        "in_utc": in_utc,
        "in_zone": in_zone,
        "lines": _lines,
        "mark": lambda status: _MARKS.get(status, ("?", ""))[0],
        "seconds": seconds,
    }
    return environment


def _shown(value: Any) -> Any:
    """The text of a value on a page. Jinja2 calls this for each expression, and escapes the returned text."""
    if isinstance(value, bool) or value is None or hasattr(value, "__html__"):
        return value
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < LARGEST else "very many"
    return printable(value) if isinstance(value, str) else value


def _lines(text: str) -> Markup:
    """A text of several lines, escaped. ``_shown`` does not change it."""
    from markupsafe import escape  # noqa: PLC0415 - Jinja2 installs it

    return escape(lines(text))


def _durations(steps: Sequence[tuple[str, datetime]]) -> Iterator[tuple[str, datetime, float | None]]:
    """Each step with its time, and the seconds since the step before; ``None`` for the first step."""
    before = None
    for step, moment in steps[:_MOST_WORDS]:
        yield step, moment, None if before is None else (moment - before).total_seconds()
        before = moment


def _bars(circuit: CountsView) -> list[tuple[str, int, float]]:
    """The most frequent outcomes, each with its count and the width of its bar in percent."""
    chosen = nlargest(MOST_OUTCOMES, circuit.counts.items(), key=lambda item: item[1])
    largest = max((count for _, count in chosen), default=0)
    return [(outcome, count, 100 * count / largest if largest > 0 else 0.0) for outcome, count in chosen]
