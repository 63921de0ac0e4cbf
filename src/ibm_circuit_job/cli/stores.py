"""The store of a command: its option, how it is opened, and how a job in it is named by its first letters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ibm_circuit_job.account.job_store import JobStore
from ibm_circuit_job.cli import exit_codes, terminal
from ibm_circuit_job.errors import IBMError, JobStoreError
from ibm_circuit_job.store.opening import default_url

Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="The path of a store's file, or the URL of a store in PostgreSQL; by default what IBM_CIRCUIT_JOB_STORE "
        "says, else in the user's data folder.",
    ),
]
"""The option ``--store``."""


def complete_id(incomplete: str) -> list[str]:
    """Return the IDs of the jobs of the default store that begin so, for the completion of the shell."""
    with suppress(IBMError), read_store(None) as store:
        if store is not None:
            return store.ids_like(incomplete, 50) if incomplete else [each.job_id for each in store.records(limit=50)]
    return []


JobId = Annotated[
    str, typer.Argument(metavar="JOB", help="The job's ID, or its first letters.", autocompletion=complete_id)
]
"""The argument of a command about one job."""
JobIds = Annotated[
    list[str], typer.Argument(metavar="JOB", help="Their IDs, or the first letters.", autocompletion=complete_id)
]
"""The argument of a command about any number of jobs."""


def opened(store: str | None) -> JobStore:
    """Return the store, opened. One that is not there is not made, for then its name was mistyped.

    Raises:
        JobStoreError: If it is not there, or cannot be opened.
    """
    return JobStore(store, create=False)


@contextmanager
def read_store(store: str | None) -> Iterator[JobStore | None]:
    """Return a context with the store; with ``None`` where none was named, and nothing was saved yet by default.

    Raises:
        JobStoreError: If it cannot be opened, or is one that was named and is not there.
    """
    if store is None and _is_missing(default_url()):
        yield None
        return
    with opened(store) as there:
        yield there


@contextmanager
def written_store(store: str | None) -> Iterator[JobStore | None]:
    """Return a context with the store in which the answers of a service are saved.

    The default one is made where it is not there; ``None`` where IBM_CIRCUIT_JOB_STORE says that there is none, and,
    with a warning, where the default one cannot be made.

    Raises:
        JobStoreError: If it is there and cannot be opened, or is one that was named and is not there.
    """
    default = default_url()
    if store is None and default is None:
        yield None
        return
    try:
        there = JobStore(store, create=store is None)
    except JobStoreError as error:
        if store is not None or not _is_missing(default):
            raise
        terminal.warn(f"nothing is saved: {error}")
        yield None
        return
    with there:
        yield there


def _is_missing(url: str | None) -> bool:
    """Whether a default store is none, or a file that is not there."""
    return url is None or ("://" not in url and not Path(url).exists())


def whole_id(store: JobStore | None, given: str) -> str | None:
    """Return the ID of the job of a store that is meant, by its ID or its first letters; ``None`` if none is.

    Exits with 2 where several jobs are meant.
    """
    found = [] if store is None or not given else store.ids_like(given, _MOST_SHOWN + 1)
    if given in found:
        return given
    if len(found) > 1:
        ambiguous(given, found)
    return found[0] if found else None


_MOST_SHOWN = 10
"""How many candidates are named."""


def ambiguous(given: str, found: list[str]) -> NoReturn:
    """Say which jobs begin with some letters, and exit with 2."""
    named = ", ".join(found[:_MOST_SHOWN]) + (" ..." if len(found) > _MOST_SHOWN else "")
    terminal.fail(f"several jobs begin with {given!r}: {named}; give more letters", exit_codes.USAGE)


def saved_id(store: JobStore | None, given: str) -> str:
    """Return the ID of the job of a store that is meant. Exits with 1 where there is none, with 2 if several are."""
    found = whole_id(store, given)
    if found is None:
        terminal.fail(f"nothing is kept of job {given}")
    return found
