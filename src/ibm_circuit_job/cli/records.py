"""The commands about what a store has, which ask no service: ``history``, ``check``, ``delete``, ``export`` ..."""

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
    """Show what was learned of a job that is saved on this machine, in the order in which it came.

    Each line has the time at which it was seen, and how long after the line before that was.

    Example: ibm-circuit-job history cq1x
    """
    with read_store(store) as found:
        facts = [] if found is None else found.history(saved_id(found, job_id))
    if not facts:
        terminal.fail(f"nothing is kept of job {job_id}")
    if as_json:
        terminal.show_json(
            [{"seen": iso(fact.observed_at), "kind": type(fact).__name__, "said": in_short(fact)} for fact in facts]
        )
        return
    for line in _told(facts):
        print(terminal.printable(line))


def _told(facts: Sequence[Fact]) -> Iterator[str]:
    """A line for each fact: when it was seen, how long after the one before, and what it says."""
    before = facts[0].observed_at
    day = None
    for fact in facts:
        at = fact.observed_at
        date = words.in_zone(at, None)[: len("2024-02-03")]
        since = "" if day is None else since_words(before, at)
        yield f"{date if date != day else '':<10}  {time_words(at)}  {since:<10}  {in_short(fact)}"
        before, day = at, date


def in_short(fact: Fact) -> str:  # noqa: PLR0911 - one for each kind of fact
    """Return what a fact says, in a few words.

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
    """Read all that is saved on this machine, and say what is damaged. Exit code 1 if anything is.

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
    """Delete jobs and their results from the store. What only this store has is gone then.

    Example: ibm-circuit-job delete cq1x
    """
    with opened(store) as found:
        wanted = list(dict.fromkeys(_whole(found, job_id) for job_id in job_ids))
        for job_id in wanted:
            found.delete(job_id)
    print(f"{number_of_jobs(len(wanted))} deleted")


def _whole(store: JobStore, given: str) -> str:
    """The ID of a job that is to be deleted; one whose record is damaged, or missing, may have left its history."""
    with suppress(JobStoreDamagedError):
        if not store.ids_like(given, 1) and store.record(given) is None:
            terminal.fail(f"nothing is kept of job {given}")
        return saved_id(store, given)
    return given


def export(
    folder: Annotated[Path, typer.Argument(help="The folder to make.")],
    store: Store = None,
) -> None:
    """Write the jobs that are saved on this machine to files: JSON lines, and the bodies of their results.

    Example: ibm-circuit-job export archive
    """
    with opened(store) as found:
        count = found.export(folder)
    print(f"{number_of_jobs(count)} exported to {terminal.printable(str(folder))}")


def import_(
    folder: Annotated[Path, typer.Argument(help="The folder that was exported.")],
    store: Store = None,
) -> None:
    """Merge exported jobs into those that are saved on this machine.

    Example: ibm-circuit-job import archive
    """
    with JobStore(store) as found:
        count = found.import_(folder)
    print(f"{number_of_jobs(count)} imported")
