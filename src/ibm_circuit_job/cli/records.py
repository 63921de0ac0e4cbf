"""The commands about a store alone, without requests: ``history``, ``check``, ``delete``, ``export``, ``import``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, assert_never

import typer
from attrs import asdict

from ibm_circuit_job.account.job_store import JobStore
from ibm_circuit_job.cli import terminal
from ibm_circuit_job.cli.shown import iso
from ibm_circuit_job.cli.stores import JobId, JobIds, Store, opened, read_store, saved_id
from ibm_circuit_job.errors import JobStoreDamagedError
from ibm_circuit_job.state.facts import (
    Fact,
    JobDetails,
    JobInputs,
    JobMetrics,
    JobName,
    JobTags,
    ResultPayload,
    StatusReport,
)
from ibm_circuit_job.views import words
from ibm_circuit_job.views.text import since_words, steps_words, time_words
from ibm_circuit_job.views.words import number_of_jobs


def history(
    job_id: JobId,
    store: Store = None,
    as_json: terminal.JsonList = False,
) -> None:
    """Show the facts of a saved job, in the order in which they arrived.

    Each line has the time of the fact, and the time since the line before.

    Example: ibm-circuit-job history cq1x
    """
    with read_store(store) as found:
        facts = [] if found is None else found.history(saved_id(found, job_id))
    if not facts:
        terminal.fail(f"job {job_id} is not saved")
    if as_json:
        terminal.show_json(
            [{"seen": iso(fact.observed_at), "kind": type(fact).__name__, "said": in_short(fact)} for fact in facts]
        )
        return
    for line in _lines(facts):
        print(terminal.printable(line))


def _lines(facts: Sequence[Fact]) -> Iterator[str]:
    """A line for each fact: its time, the time since the fact before, and its content in a few words."""
    before = facts[0].observed_at
    day = None
    for fact in facts:
        at = fact.observed_at
        date = words.in_zone(at, None)[: len("2024-02-03")]
        since = "" if day is None else since_words(before, at)
        yield f"{date if date != day else '':<10}  {time_words(at)}  {since:<10}  {in_short(fact)}"
        before, day = at, date


def in_short(fact: Fact) -> str:  # noqa: PLR0911 - one for each kind of fact
    """Return the content of a fact in a few words.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job.state.facts import JobName
        >>> in_short(JobName(datetime(2024, 2, 3, tzinfo=UTC), "bell"))
        'name bell'
    """
    match fact:
        case StatusReport():
            return f"status {fact.status.name}" + (f": {fact.reason}" if fact.reason else "")
        case JobDetails():
            said = {"backend": fact.backend, "program": fact.program, "name": fact.name}
            if fact.tags is not None:
                said["tags"] = ", ".join(fact.tags) or "none"
            return f"details: {', '.join(f'{what} {value}' for what, value in said.items() if value) or 'others'}"
        case JobMetrics():
            place = "" if fact.position_in_queue is None else f"place {fact.position_in_queue}"
            return f"metrics: {', '.join(said for said in (steps_words(fact.timestamps), place) if said) or 'others'}"
        case JobInputs():
            return f"inputs of {len(fact.raw)} bytes"
        case ResultPayload():
            return f"result of {len(fact.raw)} bytes"
        case JobTags():
            return f"tags {', '.join(fact.tags)}"
        case JobName():
            return f"name {fact.name}"
        case _:
            assert_never(fact)


def check(
    store: Store = None,
    as_json: terminal.JsonObject = False,
) -> None:
    """Read everything in the store, and list what is damaged. The exit code is 1 if anything is damaged.

    Example: ibm-circuit-job check
    """
    with opened(store) as found:
        report = found.check()
    if as_json:
        terminal.show_json({**asdict(report), "is_sound": report.is_sound})
    else:
        for line in report.damage:
            print(terminal.printable(line))
        print(
            f"{number_of_jobs(report.jobs)}, {report.facts} facts, {report.bodies} bodies; {len(report.damage)} damaged"
        )
    if not report.is_sound:
        raise typer.Exit(1)


def delete(job_ids: JobIds, store: Store = None) -> None:
    """Delete jobs and their results from the store. A result that exists only in this store is lost.

    Example: ibm-circuit-job delete cq1x
    """
    with opened(store) as found:
        wanted = list(dict.fromkeys(_whole(found, job_id) for job_id in job_ids))
        for job_id in wanted:
            found.delete(job_id)
    print(f"{number_of_jobs(len(wanted))} deleted")


def _whole(store: JobStore, given: str) -> str:
    """The ID of a job to delete. If its record is damaged, the letters must be the whole ID, since facts may remain."""
    with suppress(JobStoreDamagedError):
        if not store.ids_like(given, 1) and store.record(given) is None:
            terminal.fail(f"job {given} is not saved")
        return saved_id(store, given)
    return given


def export(
    folder: Annotated[Path, typer.Argument(help="The new folder.")],
    store: Store = None,
) -> None:
    """Write the saved jobs to files in a new folder: the records as JSON lines, and the bodies of the results.

    Example: ibm-circuit-job export archive
    """
    with opened(store) as found:
        count = found.export(folder)
    print(f"{number_of_jobs(count)} exported to {terminal.printable(str(folder))}")


def import_(
    folder: Annotated[Path, typer.Argument(help="The folder that was exported.")],
    store: Store = None,
) -> None:
    """Merge exported jobs into the store.

    Example: ibm-circuit-job import archive
    """
    with JobStore(store) as found:
        count = found.import_(folder)
    print(f"{number_of_jobs(count)} imported")
