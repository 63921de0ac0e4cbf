"""The commands about one job or several: ``show``, ``status``, ``wait``, ``result``, ``cancel`` and ``tag``.

A command looks for a job in the store first. It sends a request only if the store does not have the answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer
from attrs import frozen
from qiskit.exceptions import QiskitError
from qiskit.providers.jobstatus import JobStatus
from qiskit.result import Result

from ibm_circuit_job import wait_all
from ibm_circuit_job.account.job_store import JobStore
from ibm_circuit_job.cli import exit_codes, terminal
from ibm_circuit_job.cli.services import Account, Choice, InstanceOption, Services, Url
from ibm_circuit_job.cli.shown import iso, job_document, view_of
from ibm_circuit_job.cli.stores import JobId, JobIds, Store, ambiguous, whole_id, written_store
from ibm_circuit_job.errors import (
    IBMAccountError,
    IBMJobApiError,
    IBMJobFailureError,
    IBMJobInvalidStateError,
    IBMJobNotFoundError,
    IBMJobTimeoutError,
)
from ibm_circuit_job.job.circuit_job import IBMCircuitJob
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.views import words
from ibm_circuit_job.views.records import CountsView, JobView
from ibm_circuit_job.views.text import status_words, steps_words
from ibm_circuit_job.wire import inputs, queries
from ibm_circuit_job.wire.results.header import circuit_name
from ibm_circuit_job.wire.shots import shots_of

Timeout = Annotated[
    float | None, typer.Option(min=0, help="Seconds to wait; by default without a limit.", show_default=False)
]
"""The option ``--timeout``."""


@frozen
class Jobs:
    """The store and the services in which a command looks for jobs."""

    store: JobStore | None
    services: Services

    def record(self, given: str) -> tuple[str, Job | None, str | None]:
        """Return the ID of a job, its record in the store, and the name of its service there.

        Exits with 2 if several jobs begin with the given letters.
        """
        job_id = whole_id(self.store, given)
        if job_id is None or self.store is None:
            return given, None, None
        return job_id, self.store.record(job_id), self.service_of(job_id)

    def service_of(self, job_id: str) -> str | None:
        """Return the name of a job's service in the store."""
        return None if self.store is None else self.store.services_of([job_id]).get(job_id)

    def view(self, record: Job) -> JobView:
        """Return the view of a job, which commands print."""
        return view_of(record, self.service_of(record.job_id), self.services)

    def handle(self, given: str) -> IBMCircuitJob:
        """Return a handle on a job, with a connection to its service.

        Args:
            given: The ID of the job, or its first letters.

        Raises:
            IBMAccountError: If there is no account for the service, or the service does not run any more.
            IBMJobApiError: If the service refused or could not be reached, or has no such job.
        """
        job_id, record, service = self.record(given)
        if record is not None:
            try:
                return self.services.of(record, service).retrieve_job(job_id)
            except IBMAccountError as error:
                raise IBMAccountError(f"{error}{_seen_last(record)}") from None
            except IBMJobNotFoundError:
                self.services.record_absence(record)
                if not self.services.is_gone(record, service):
                    raise
                raise IBMAccountError(f"{self.services.why_gone(record)}{_seen_last(record)}") from None
        try:
            provider = self.services.chosen()
        except IBMAccountError as error:
            terminal.fail(f"job {given} is not saved, and its service cannot be asked: {error}")
        try:
            return provider.retrieve_job(given)
        except IBMJobNotFoundError as error:
            found = [job for job in provider.jobs(_NEWEST_JOBS) if job.job_id().startswith(given)]
            if len(found) > 1:
                ambiguous(given, [job.job_id() for job in found])
            if found:
                return found[0]
            terminal.fail(f"job {given} is not saved, and the service has no such job: {error}")


_NEWEST_JOBS = 200
"""The number of newest jobs of a service whose IDs are compared with the given letters: one page of its list."""


def _seen_last(record: Job) -> str:
    known = queries.status(record)
    return "; its status is not known" if known is None else f"; its last known status is {known.name}"


@contextmanager
def looked_for(account: str | None, url: str | None, instance: str | None, store: str | None) -> Iterator[Jobs]:
    """Return a context with the store and the services of a command, from its options."""
    with written_store(store) as opened, Services(Choice(account, url, instance), opened) as services:
        yield Jobs(opened, services)


def show(
    job_id: JobId,
    offline: Annotated[bool, typer.Option("--offline", help="Show the saved record, and send no request.")] = False,
    account: Account = None,
    url: Url = None,
    instance: InstanceOption = None,
    store: Store = None,
    as_json: terminal.JsonObject = False,
) -> None:
    """Show the record of a job, with the names of its circuits. If the job has not ended, it is requested first.

    Example: ibm-circuit-job show cq1x
    """
    with looked_for(account, url, instance, store) as jobs:
        whole, record, service = jobs.record(job_id)
        if record is None and offline:
            terminal.fail(f"job {job_id} is not saved")
        if record is None or not (offline or _is_complete(record) or jobs.services.is_gone(record, service)):
            try:
                handle = jobs.handle(whole)
                handle.refresh()
                whole, record = handle.job_id(), handle.state
                service = jobs.service_of(whole)
            except (IBMAccountError, IBMJobApiError) as error:
                if record is None:
                    raise
                # If the job has ended, the record lacks only the times of its steps, so there is no warning.
                if not record.is_confirmed_final:
                    terminal.warn(f"this is the saved record: {error}")
        saved = None if jobs.store is None else jobs.store.load(whole)
        full = saved or record
        view = view_of(record if saved is None else saved, service, jobs.services)
    names = [name for name, _ in inputs.named_bindings(full)] or [each.name for each in inputs.circuits(full)]
    if as_json:
        steps = {step: iso(moment) for step, moment in view.steps}
        terminal.show_json(
            job_document(view)
            | {"circuits": names, "shots": shots_of(full), "steps": steps, "has_result": full.payload is not None}
        )
        return
    terminal.show_rows(("", ""), [(what, said) for what, said in _lines(view, full, names) if said])


def _is_complete(record: Job) -> bool:
    """Whether the service cannot add anything to the saved record."""
    return record.is_confirmed_final and record.metrics is not None


def _lines(view: JobView, job: Job, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The lines of ``show``, as pairs of a name and a text. The text is empty where it is not known."""
    created = view.created or view.submitted
    shots = shots_of(job)
    yield "job", view.job_id
    yield "status", status_words(view)
    yield "why", queries.error_message(job) or view.reason or ""
    yield "place", "" if view.place is None else str(view.place)
    yield "starts", "" if view.expected_start is None else words.in_zone(view.expected_start, None)
    yield "ends", "" if view.expected_end is None else words.in_zone(view.expected_end, None)
    yield "name", view.name or ""
    yield "backend", view.backend or ""
    yield "program", view.program or ""
    yield "service", view.service or ""
    yield "created", "" if created is None else words.in_zone(created, None)
    yield "steps", steps_words(view.steps)
    yield "circuits", ", ".join(names)
    yield "shots", "" if shots is None else str(shots)
    yield "usage", "" if view.usage is None else words.seconds(view.usage)
    yield "tags", ", ".join(view.tags)
    yield "session", view.session_id or ""
    yield "private", "yes" if view.private else ""
    yield "result", "saved" if job.payload is not None else ""


def status(
    job_id: JobId,
    account: Account = None,
    url: Url = None,
    instance: InstanceOption = None,
    store: Store = None,
    as_json: terminal.JsonObject = False,
) -> None:
    """Request the status of a job from its service. If the job has ended, the saved status is printed.

    Example: ibm-circuit-job status cq1x
    """
    with looked_for(account, url, instance, store) as jobs:
        whole, record, _ = jobs.record(job_id)
        if record is None or not record.is_confirmed_final:
            handle = jobs.handle(whole)
            if not handle.state.is_final:
                handle.status()
            record = handle.state
        view = jobs.view(record)
    if as_json:
        terminal.show_json(job_document(view))
    else:
        print(terminal.printable(status_words(view)))


def wait(
    job_ids: JobIds,
    timeout: Timeout = None,
    account: Account = None,
    url: Url = None,
    instance: InstanceOption = None,
    store: Store = None,
    as_json: terminal.JsonList = False,
) -> None:
    """Wait until jobs have ended. The exit code is 0 for DONE, 3 for ERROR, 4 for CANCELLED, 5 if not in time.

    Example: ibm-circuit-job wait cq1x --timeout 600 && ibm-circuit-job result cq1x
    """
    with looked_for(account, url, instance, store) as jobs, interruptible("wait", job_ids):
        handles = [jobs.handle(job_id) for job_id in dict.fromkeys(job_ids)]
        code, is_live = 0, terminal.console.is_terminal and not as_json
        try:
            wait_all(handles, timeout, callback=None if is_live else _print_status, progress=is_live)
        except IBMJobTimeoutError as error:
            terminal.warn(str(error))
            code = exit_codes.NOT_ENDED
        records = [handle.state for handle in handles]
        views = [jobs.view(record) for record in records]
    if as_json:
        terminal.show_json([job_document(view) for view in views])
    elif not is_live:
        for view in views:
            print(f"{view.job_id}\t{status_words(view)}")
    for record in records:
        why = queries.error_message(record)
        if why is not None:
            terminal.warn(f"job {record.job_id}: {why}")
    raise typer.Exit(code or exit_codes.of_jobs(known for each in records if (known := queries.status(each))))


def _print_status(job_id: str, status: JobStatus, _: IBMCircuitJob, **__: Any) -> None:
    """Print the present status of a job."""
    terminal.note(f"job {job_id}: {status.name}")


@contextmanager
def interruptible(command: str, job_ids: Sequence[str]) -> Iterator[None]:
    """Return a context in which Ctrl-C ends a command with 130, and prints how to run it again."""
    try:
        yield
    except KeyboardInterrupt:
        again = " ".join([terminal.command_line(), command, *job_ids])
        terminal.fail(f"interrupted; the jobs on the service go on. To come back: {again}", exit_codes.INTERRUPTED)


def result(
    job_id: JobId,
    timeout: Timeout = None,
    account: Account = None,
    url: Url = None,
    instance: InstanceOption = None,
    store: Store = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object with all counts as JSON.")] = False,
) -> None:
    """Print the counts of a job. If its result is not saved, wait for it and save it.

    Each circuit is a line of JSON, or bars on a terminal. The exit code of a job without a result is 3 for ERROR, 4 for
    CANCELLED, 5 if the job has not ended in time.

    Example: ibm-circuit-job result cq1x --json
    """
    with looked_for(account, url, instance, store) as jobs, interruptible("result", [job_id]):
        whole, record, _ = jobs.record(job_id)
        found = None if record is None else _saved_result(jobs, record)
        if found is None:
            whole, found = _awaited_result(jobs, whole, timeout)
    try:
        counts = [found.get_counts(number) for number in range(len(found.results))]
    except QiskitError as error:
        terminal.fail(f"the result of job {whole} is saved, but has no counts: {error.message}")
    names = [circuit_name(each) for each in found.results]
    if as_json:
        terminal.show_json(
            {
                "job_id": whole,
                "backend": found.backend_name,
                "success": found.success,
                "circuits": names,
                "shots": [each.shots for each in found.results],
                "counts": counts,
            }
        )
    elif terminal.console.is_terminal:
        terminal.show_counts(CountsView(*each) for each in zip(names, counts, strict=True))
    else:
        for each in counts:
            print(json.dumps(each))


def _saved_result(jobs: Jobs, record: Job) -> Result | None:
    """The saved result of a job; ``None`` if it must be requested from the service."""
    if jobs.store is None:
        return None
    try:
        # A handle without a connection waits for the store alone, without a limit of time.
        return IBMCircuitJob.from_store(jobs.store, record).result()
    except (IBMJobFailureError, IBMJobInvalidStateError) as error:
        _end_without(record, error)
    except IBMJobApiError:
        return None


def _awaited_result(jobs: Jobs, given: str, timeout: float | None) -> tuple[str, Result]:
    try:
        handle = jobs.handle(given)
    except IBMAccountError as error:
        terminal.fail(f"the result of job {given} is not saved: {error}")
    try:
        return handle.job_id(), handle.result(timeout)
    except IBMJobTimeoutError as error:
        terminal.fail(str(error), exit_codes.NOT_ENDED)
    except (IBMJobFailureError, IBMJobInvalidStateError) as error:
        _end_without(handle.state, error)


def _end_without(record: Job, error: Exception) -> NoReturn:
    """Print why a job has no result, and exit with the code of its status."""
    known = queries.status(record)
    code = 0 if known is None else exit_codes.of_jobs([known])
    terminal.fail(str(error), code or exit_codes.FAILED)


def cancel(
    job_ids: JobIds,
    account: Account = None,
    url: Url = None,
    instance: InstanceOption = None,
    store: Store = None,
) -> None:
    """Request the cancellation of jobs. The exit code is 1 if one of them has ended already.

    Example: ibm-circuit-job cancel cq1x
    """
    code = 0
    with looked_for(account, url, instance, store) as jobs:
        for job_id in dict.fromkeys(job_ids):
            handle = jobs.handle(job_id)
            try:
                accepted = handle.cancel()
            except IBMJobInvalidStateError as error:
                terminal.warn(str(error))
                accepted = False
            if accepted:
                print(f"job {handle.job_id()} is cancelled")
            else:
                code = exit_codes.FAILED
    raise typer.Exit(code)


def tag(
    job_id: JobId,
    tags: Annotated[list[str] | None, typer.Argument(help="The tags to add.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="A tag to remove; may be given several times.")] = None,
    account: Account = None,
    url: Url = None,
    instance: InstanceOption = None,
    store: Store = None,
    as_json: terminal.JsonObject = False,
) -> None:
    """Add tags to a job, or remove some, and print the tags that it has then.

    Example: ibm-circuit-job tag cq1x bell calibrated --remove draft
    """
    with looked_for(account, url, instance, store) as jobs:
        handle = jobs.handle(job_id)
        handle.refresh()
        before = handle.tags()
        wanted = [each for each in dict.fromkeys([*before, *(tags or ())]) if each not in (remove or ())]
        now = before if wanted == before else handle.update_tags(wanted)
        whole = handle.job_id()
    if as_json:
        terminal.show_json({"job_id": whole, "tags": now})
    else:
        print(terminal.printable(", ".join(now)))
