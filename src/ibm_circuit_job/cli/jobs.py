"""The commands about many jobs: ``jobs``, ``resume`` and ``prune``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Final

import typer

from ibm_circuit_job.account.job_store import JobStore
from ibm_circuit_job.cli import exit_codes, terminal
from ibm_circuit_job.cli.services import Account, Choice, InstanceOption, Services, Url
from ibm_circuit_job.cli.shown import job_document, show_jobs, view_of, views_of
from ibm_circuit_job.cli.stores import Store, read_store, written_store
from ibm_circuit_job.clients.foreign import THIS_MACHINE
from ibm_circuit_job.errors import IBMError
from ibm_circuit_job.job.circuit_job import IBMCircuitJob
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.store.retention import PruneReport
from ibm_circuit_job.views.records import JobView
from ibm_circuit_job.views.words import number_of_jobs

_PORTION: Final = 200
"""The number of records that are read from the store at once."""


def jobs(
    status: Annotated[
        str | None, typer.Option(help="Only jobs with this status: pending, completed, DONE, ERROR ...")
    ] = None,
    backend: Annotated[str | None, typer.Option(help="Only jobs of this backend.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only jobs with this tag; may be given several times.")] = None,
    local: Annotated[
        bool | None,
        typer.Option(
            "--local/--hardware",
            help="Only jobs of services on this machine, or of all other services.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most jobs to list.")] = 20,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="First request the status of the jobs that have not ended.")
    ] = False,
    account: Account = None,
    url: Url = None,
    instance: InstanceOption = None,
    store: Store = None,
    as_json: terminal.JsonList = False,
) -> None:
    """List the jobs that are saved on this machine, or all jobs of an account, the newest first.

    If the output goes to another program, each job is a line: ID, time of creation, status, backend and tags, separated
    by tabs.

    Example: ibm-circuit-job jobs --status pending --refresh
    """
    choice = Choice(account, url, instance)
    if choice.is_made and local is not None:
        terminal.fail(
            "expected either an account or --local or --hardware, got both; an account has one service only",
            exit_codes.USAGE,
        )
    sends_requests = choice.is_made or refresh
    with (written_store if sends_requests else read_store)(store) as opened, Services(choice, opened) as services:
        if choice.is_made:
            listed = services.chosen().jobs(limit + 1, 0, backend, status, job_tags=tag)
            views = [view_of(job.state, services.chosen().service, services) for job in listed]
        else:
            if refresh and opened is not None:
                ask_all(opened, services)
            views = [] if opened is None else _found(opened, services, local, limit + 1, backend, status, tag)
        is_empty = not views and (opened is None or not opened.records(limit=1))
    if len(views) > limit:
        terminal.note(f"These are the newest {limit}; there are more, see --limit.")
        views = views[:limit]
    if as_json:
        terminal.show_json([job_document(view) for view in views])
    elif is_empty:
        terminal.note("No jobs yet")
    elif not views:
        terminal.note("No job fits the options.")
    else:
        show_jobs(views)


def _found(
    store: JobStore,
    services: Services,
    local: bool | None,
    limit: int,
    backend: str | None,
    status: str | None,
    tags: list[str] | None,
) -> list[JobView]:
    """The jobs of a store that fit, the newest first."""
    if local is None:
        return views_of(store.records(limit, backend_name=backend, status=status, job_tags=tags), store, services)
    fitting = (
        view
        for portion in _portions(store, backend_name=backend, status=status, job_tags=tags)
        for view in views_of(portion, store, services)
        if (view.service == THIS_MACHINE) is local
    )
    return list(islice(fitting, limit))


def _portions(store: JobStore, **filters: object) -> Iterator[list[Job]]:
    """The records of a store, in portions of ``_PORTION``."""
    found = store.records(_PORTION, 0, **filters)  # type: ignore[arg-type]
    skip = 0
    while found:
        yield found
        skip += len(found)
        found = store.records(_PORTION, skip, **filters)  # type: ignore[arg-type]


def ask_all(store: JobStore, services: Services) -> list[IBMCircuitJob]:
    """Request the status of the jobs of a store that have not ended, and return handles on them.

    A warning is printed for each service that cannot be asked, and for jobs whose service is gone.
    """
    handles: dict[str, IBMCircuitJob] = {}
    unfinished = store.unfinished()
    named = store.services_of(record.job_id for record in unfinished)
    asked: set[int] = set()
    warnings: set[str] = set()
    gone = 0
    for record in unfinished:
        service = named.get(record.job_id)
        if services.is_gone(record, service):
            gone += 1
            continue
        try:
            provider = services.of(record, service)
            if id(provider) not in asked:
                asked.add(id(provider))
                handles.update({job.job_id(): job for job in provider.resume()})
        except IBMError as error:
            if str(error) not in warnings:
                terminal.warn(str(error))
            warnings.add(str(error))
            continue
        if service == THIS_MACHINE and record.job_id not in handles:
            services.record_absence(record)
            gone += services.is_gone(record, service)
    if gone:
        were = "was" if gone == 1 else "were"
        terminal.warn(
            f"{number_of_jobs(gone)} {were} on a service on this machine that does not run any more; "
            "prune --delete deletes them"
        )
    return list(handles.values())


def resume(
    account: Account = None,
    url: Url = None,
    instance: InstanceOption = None,
    store: Store = None,
    as_json: terminal.JsonList = False,
) -> None:
    """Request the status of the saved jobs that have not ended, and save the results of those that have ended since.

    A job whose service cannot be asked is listed with its last known status, and a warning.

    Example: ibm-circuit-job resume
    """
    with written_store(store) as opened, Services(Choice(account, url, instance), opened) as services:
        if opened is None:
            terminal.fail("expected a store, IBM_CIRCUIT_JOB_STORE turns it off; give one with --store")
        before = [record.job_id for record in opened.unfinished()]
        for job in ask_all(opened, services):
            if job.state.is_final:
                _save_result(job)
        known = opened.records_of(before)
        views = views_of([known[job_id] for job_id in before if job_id in known], opened, services)
    if as_json:
        terminal.show_json([job_document(view) for view in views])
    elif not views:
        terminal.note("All jobs have ended, and their results are saved.")
    else:
        show_jobs(views)


def _save_result(job: IBMCircuitJob) -> None:
    try:
        job.result()
    except IBMError as error:
        terminal.warn(str(error))


def prune(
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete the jobs; without this option they are only listed.")
    ] = False,
    older_than: Annotated[float, typer.Option(min=0, max=365_000, help="Only jobs older than so many days.")] = 0.0,
    status: Annotated[str | None, typer.Option(help="Only jobs with this status: completed, DONE, ERROR ...")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only jobs with this tag; may be given several times.")] = None,
    of_all: Annotated[
        bool,
        typer.Option("--all", help="The jobs of all services, if they have ended and are not private."),
    ] = False,
    results_only: Annotated[
        bool, typer.Option("--results-only", help="Delete the results, and not the records of the jobs.")
    ] = False,
    store: Store = None,
    as_json: terminal.JsonList = False,
) -> None:
    """List the saved jobs of services on this machine, and delete them with --delete. Jobs on hardware remain.

    Jobs are listed if they have ended, or if their service does not run any more. With --all, the jobs of all services
    are listed if they have ended; private jobs, and jobs whose result is not saved yet, remain.

    Example: ibm-circuit-job prune --older-than 7 --delete
    """
    age = timedelta(days=older_than)
    report = PruneReport((), 0, is_dry_run=not delete)
    views: list[JobView] = []
    with read_store(store) as opened, Services(Choice()) as services:
        if opened is not None:
            trials = None if of_all else [*_trials(opened, services, datetime.now(UTC) - age)]
            report = opened.prune(
                older_than=age,
                status=status,
                tags=tag,
                among=trials,
                results_only=results_only,
                unfinished=not of_all,
                private=not of_all,
            )
            known = opened.records_of(report.jobs)
            views = views_of([known[job_id] for job_id in report.jobs if job_id in known], opened, services)
            if delete:
                report = opened.prune(
                    among=report.jobs,
                    results_only=results_only,
                    unfinished=not of_all,
                    private=not of_all,
                    dry_run=False,
                )
    if as_json:
        terminal.show_json([{**job_document(view), "deleted": delete} for view in views])
        return
    if not delete:
        show_jobs(views)
    of = "results of " if results_only else ""
    number = f"{of}{number_of_jobs(len(report.jobs))}{'' if of_all else ' of services on this machine'}"
    size = f"{report.bytes:,} bytes of inputs and results"
    terminal.note(f"{number} deleted, {size}" if delete else f"{number}, {size}; --delete deletes them")


def _trials(store: JobStore, services: Services, before: datetime) -> Iterator[str]:
    """The IDs of the jobs of services on this machine that have ended, or whose service does not run."""
    for portion in _portions(store, end_datetime=before):
        for view in views_of(portion, store, services):
            if view.service == THIS_MACHINE and not (view.status not in _ENDED and services.runs_at(view.service_url)):
                yield view.job_id


_ENDED: Final = frozenset({"DONE", "ERROR", "CANCELLED"})
