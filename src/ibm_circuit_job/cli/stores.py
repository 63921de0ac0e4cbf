"""The store of a command: its option, how it is opened, and how a job in it is found by the first letters of its ID."""

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
        help="The path of a store's file, or the URL of a store in PostgreSQL; by default the value of the variable "
        "IBM_CIRCUIT_JOB_STORE, else a file in the user's data folder.",
    ),
]
"""The option ``--store``."""


def complete_id(incomplete: str) -> list[str]:
    """Return the IDs in the default store that begin with some letters, for the completion of the shell."""
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
    """Open an existing store and return it. A missing store is not created, since the name is probably a mistake.

    Raises:
        JobStoreError: If the store does not exist, or cannot be opened.
    """
    return JobStore(store, create=False)


@contextmanager
def read_store(store: str | None) -> Iterator[JobStore | None]:
    """Return a context with the store; with ``None`` if the option names none and the default store does not exist.

    Raises:
        JobStoreError: If the store cannot be opened, or the option names one that does not exist.
    """
    if store is None and _is_missing(default_url()):
        yield None
        return
    with opened(store) as there:
        yield there


@contextmanager
def written_store(store: str | None) -> Iterator[JobStore | None]:
    """Return a context with the store in which replies are saved. The default store is created if it does not exist.

    The context has ``None`` if IBM_CIRCUIT_JOB_STORE turns the store off. With a warning, it also has ``None`` if the
    default store cannot be created.

    Raises:
        JobStoreError: If an existing store cannot be opened, or the option names one that does not exist.
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
        terminal.warn(f"replies are not saved: {error}")
        yield None
        return
    with there:
        yield there


def _is_missing(url: str | None) -> bool:
    """Whether there is no default store, or its file does not exist."""
    return url is None or ("://" not in url and not Path(url).exists())


def whole_id(store: JobStore | None, given: str) -> str | None:
    """Return the ID of the job that begins with the given letters; ``None`` if the store has none.

    Exits with 2 if several jobs begin with them.
    """
    found = [] if store is None or not given else store.ids_like(given, _MOST_SHOWN + 1)
    if given in found:
        return given
    if len(found) > 1:
        ambiguous(given, found)
    return found[0] if found else None


_MOST_SHOWN = 10
"""The most IDs in the message about an ambiguous ID."""


def ambiguous(given: str, found: list[str]) -> NoReturn:
    """Print which jobs begin with the given letters, and exit with 2."""
    named = ", ".join(found[:_MOST_SHOWN]) + (" ..." if len(found) > _MOST_SHOWN else "")
    terminal.fail(f"several jobs begin with {given!r}: {named}; give more letters", exit_codes.USAGE)


def saved_id(store: JobStore | None, given: str) -> str:
    """Return the ID of the job that begins with the given letters. Exits with 1 if there is none, with 2 if several."""
    found = whole_id(store, given)
    if found is None:
        terminal.fail(f"job {given} is not saved")
    return found
