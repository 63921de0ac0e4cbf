"""Errors of SQLite and PostgreSQL: what each means, what helps, and whether to try the transaction again."""

from __future__ import annotations

import enum
import sqlite3
import time
from collections.abc import Callable, Mapping
from typing import Final

from attrs import define, frozen
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ibm_circuit_job.errors import JobStoreDamagedError, JobStoreError, JobStoreUnavailableError

RESTORE: Final = "restore it from a copy, or move it away and begin a new one"
"""The advice for a damaged file."""


class Damaged(Exception):  # noqa: N818 - named for what it says
    """Data in the store differ from what was saved. The message says which."""


@frozen
class _Meaning:
    what: str
    """What is wrong."""
    remedy: str
    """What to do next."""
    kind: type[JobStoreError] = JobStoreError
    """The exception to raise."""


_OTHER_FILE: Final = "get permission to write to it and its folder, or choose another file"
_LOCKED: Final = _Meaning(
    "another program or thread has locked it", "try again when that one is done", JobStoreUnavailableError
)
_FULL: Final = _Meaning("there is no space left for it", "make some, or choose another place")
_READ_ONLY: Final = _Meaning("it cannot be written to", _OTHER_FILE)
_DAMAGED: Final = _Meaning("the file is damaged", RESTORE, JobStoreDamagedError)

_BY_SQLITE_CODE: Final[Mapping[int, _Meaning]] = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: _Meaning(
        "it cannot be opened", f"{_OTHER_FILE}; or close files, if this process has too many open"
    ),
    sqlite3.SQLITE_IOERR: _Meaning("the disk failed", "check the disk, or choose another one"),
    sqlite3.SQLITE_NOTADB: _Meaning("the file is damaged, or not a store", RESTORE, JobStoreDamagedError),
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
}
"""Primary result code -> what it means (sqlite.org/rescode.html)."""
_BUSY: Final = _Meaning(
    "the server accepts no more connections", "try again, or close programs that use it", JobStoreUnavailableError
)
_AWAY: Final = _Meaning(
    "the server cannot be reached", "check that it runs, and try again then", JobStoreUnavailableError
)
_SCHEMA: Final = "ask for the right CREATE on it, or name your own with ?options=-csearch_path%3DNAME in the URL"
_BY_SQLSTATE: Final[Mapping[str, _Meaning]] = {
    "55P03": _LOCKED,
    "57014": _Meaning(
        "it took too long", "try again, or open the store with a longer timeout", JobStoreUnavailableError
    ),
    "53300": _BUSY,
    "53100": _FULL,
    "25006": _Meaning("it cannot be written to", "ask for the right to write to it, or for the primary server"),
    "22P05": _Meaning("its encoding lacks a character", "use a database that was made with ENCODING 'UTF8'"),
    "22021": _Meaning("a text does not fit its encoding", "use a database that was made with ENCODING 'UTF8'"),
    "3F000": _Meaning("its search_path names no schema that exists", _SCHEMA),
    "42P01": _Meaning(
        "a table is missing, or not in the search_path", "restore it, or choose another store", JobStoreDamagedError
    ),
    "42501": _Meaning("you may not use its tables", "ask their owner for the right to read and write them"),
}
"""SQLSTATE -> what it means (appendix A of PostgreSQL's manual)."""
_NO_SCHEMA: Final = _Meaning("you may not create tables in its schema", _SCHEMA)
_NO_PASSWORD: Final = _Meaning(
    "it requires a password",
    "give it in the URL, in PGPASSWORD or in ~/.pgpass; the pickle of a store does not contain it",
)
_LACKING_WORDS: Final = "no password supplied"
_BUSY_WORDS: Final = ("too many clients", "connection slots", "too many connections")
_STARTING_WORDS: Final = ("starting up", "shutting down", "recovery mode", "not yet accepting")
"""Parts of the English messages of a server that refuses connections for now. libpq reports no SQLSTATE for it."""
_BY_WORDS: Final = (
    ("no such table", _DAMAGED),
    ("no such column", _DAMAGED),
    ("decode to UTF-8", _DAMAGED),
)
"""Parts of messages of SQLite or Python without a code of their own -> what they mean."""


_FORGOTTEN_SECONDS: Final = 60.0
"""The seconds since a failure was last seen after which it is logged again, if anything has succeeded meanwhile. With
several threads, successes and failures alternate."""


@define
class _Logged:
    seen_at: float
    """When it was last seen, in seconds of the monotonic clock."""
    is_of_writing: bool
    """Whether a write failed. A read that succeeds does not end such a failure."""
    is_over: bool = False
    """Whether a transaction has succeeded since then."""


class LoggedTroubles:
    """The failures of a store that are in the log, so that each is logged once.

    Args:
        monotonic: Returns the seconds of a monotonic clock.

    Example:
        >>> now = [0.0]
        >>> troubles = LoggedTroubles(lambda: now[0])
        >>> troubles.was_logged("it is locked", of_writing=True), troubles.was_logged("it is locked", of_writing=True)
        (False, True)
        >>> troubles.succeeded(writes=True)
        >>> now[0] = 60.0
        >>> troubles.was_logged("it is locked", of_writing=True)
        False
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._logged: dict[str, _Logged] = {}

    def was_logged(self, what: str, *, of_writing: bool) -> bool:
        """Return whether a failure is in the log already, and record that it is there now.

        Args:
            what: The description of the failure.
            of_writing: Whether a write failed.
        """
        now = self._monotonic()
        # The whole dict is replaced, since other threads read it.
        known = {
            each: logged
            for each, logged in [*self._logged.items()]
            if not logged.is_over or now - logged.seen_at < _FORGOTTEN_SECONDS
        }
        self._logged = known | {what: _Logged(now, of_writing)}
        return what in known

    def succeeded(self, *, writes: bool) -> None:
        """Record that a transaction has succeeded, so that failures may be over.

        Args:
            writes: Whether the transaction was a writing one. A reading one does not end failures of writing.
        """
        for logged in [*self._logged.values()]:
            logged.is_over = logged.is_over or writes or not logged.is_of_writing


class Passing(enum.Enum):
    """The reasons for which a failed transaction may succeed if it is tried again."""

    CONFLICT = "conflict"
    """The transaction conflicted with another one."""
    CUT = "cut"
    """The connection was lost."""
    BUSY = "busy"
    """The server accepts no connection now: it has too many, or is starting or stopping."""
    AWAY = "away"
    """The server cannot be reached, perhaps only for a moment."""


def store_error(failed: str, error: SQLAlchemyError, least: type[JobStoreError] = JobStoreError) -> JobStoreError:
    """Return the exception to raise for an error of a database.

    Args:
        failed: What failed, as in ``"could not save job abc"``.
        error: The error.
        least: The class of the exception for an error that is not known here.
    """
    words = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()
    said = words[0] if words else type(error).__name__
    meaning = _meaning_of(error, said)
    if meaning is None:
        return least(f"{failed}: {said}")
    return meaning.kind(f"{failed}: {meaning.what} ({said}); {meaning.remedy}")


def _meaning_of(error: SQLAlchemyError, said: str) -> _Meaning | None:
    orig = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(orig, sqlite3.Error):
        by_code = _BY_SQLITE_CODE.get(_sqlite_code(orig))
        return by_code or next((meaning for words, meaning in _BY_WORDS if words in said), None)
    if isinstance(error, PoolTimeoutError):
        return _Meaning("too many threads use it", "try again when one of them is done", JobStoreUnavailableError)
    state = _sqlstate(error)
    if state == "42501" and "schema" in said:
        return _NO_SCHEMA
    match passing(error) if isinstance(error, DBAPIError) else None:
        case Passing.BUSY:
            return _BUSY if any(words in str(orig) for words in _BUSY_WORDS) else _AWAY
        case Passing.AWAY | Passing.CUT:
            return _AWAY
        case _:
            return _NO_PASSWORD if state is None and _LACKING_WORDS in str(orig) else _BY_SQLSTATE.get(state or "")


def _sqlstate(error: SQLAlchemyError) -> str | None:
    state: str | None = getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None
    return state


def _sqlite_code(error: sqlite3.Error) -> int:
    """The primary result code; ``SQLITE_OK`` for an error that Python itself raised."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & 0xFF


def is_locked(error: SQLAlchemyError) -> bool:
    """Return whether the error means that the wait for another program's lock was too long."""
    return _meaning_of(error, "") is _LOCKED


def passing(error: DBAPIError) -> Passing | None:
    """Return why a failed transaction may succeed if it is tried again; ``None`` if another try would not help."""
    # A deadlock, a serialization failure, or two transactions that inserted or deleted the same body at once.
    state = _sqlstate(error) or ""
    if isinstance(error, IntegrityError) or state in {"40001", "40P01"}:
        return Passing.CONFLICT
    if isinstance(error.orig, sqlite3.Error):
        return None
    said = str(error.orig)
    if state in {"53300", "57P03"} or (not state and any(words in said for words in (*_BUSY_WORDS, *_STARTING_WORDS))):
        return Passing.BUSY
    if state in {"57P01", "57P02", "57P05"} or state.startswith("08") or error.connection_invalidated:
        return Passing.CUT
    # If the server was reached and refused, the message of libpq contains the severity.
    is_refusal = "FATAL" in said or _LACKING_WORDS in said
    return Passing.AWAY if not state and isinstance(error, OperationalError) and not is_refusal else None
