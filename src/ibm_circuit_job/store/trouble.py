"""What the errors of SQLite and PostgreSQL mean, and what would help."""

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

RESTORE: Final = "put a copy of it in its place, or move it away and begin a new one"
"""What helps where a file is damaged."""


class Damaged(Exception):  # noqa: N818 - named for what it says
    """What was read within a transaction is not what was saved; the message says what."""


@frozen
class _Meaning:
    what: str
    """What is the matter."""
    remedy: str
    """What would help."""
    kind: type[JobStoreError] = JobStoreError


_OTHER_FILE: Final = "give yourself the right to write to it and its folder, or choose another file"
_LOCKED: Final = _Meaning(
    "another program or thread holds it", "try again when that one is done", JobStoreUnavailableError
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
    sqlite3.SQLITE_IOERR: _Meaning("the disk refused", "see what the system says of the disk, or choose another"),
    sqlite3.SQLITE_NOTADB: _Meaning("the file is damaged, or none of a store", RESTORE, JobStoreDamagedError),
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
}
"""Primary result code -> what it means (sqlite.org/rescode.html)."""
_BUSY: Final = _Meaning(
    "the server takes no more connections", "try again, or close programs that use it", JobStoreUnavailableError
)
_AWAY: Final = _Meaning(
    "the server cannot be reached", "see that it runs, and try again when it does", JobStoreUnavailableError
)
_SCHEMA: Final = "ask for the right CREATE on it, or name one of yours with ?options=-csearch_path%3DNAME in the URL"
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
    "3F000": _Meaning("its search_path names no schema that is there", _SCHEMA),
    "42P01": _Meaning(
        "a table of it is gone, or not in the search_path", "restore it, or choose another", JobStoreDamagedError
    ),
    "42501": _Meaning("its tables are not yours to use", "ask their owner for the right to read and write them"),
}
"""SQLSTATE -> what it means (appendix A of PostgreSQL's manual)."""
_NO_SCHEMA: Final = _Meaning("its schema is not yours to make tables in", _SCHEMA)
_NO_PASSWORD: Final = _Meaning(
    "it asks for a password",
    "give it in the URL, in PGPASSWORD or in ~/.pgpass; a store that was pickled comes without its own",
)
_LACKING_WORDS: Final = "no password supplied"
_BUSY_WORDS: Final = ("too many clients", "connection slots", "too many connections")
_STARTING_WORDS: Final = ("starting up", "shutting down", "recovery mode", "not yet accepting")
"""What a server says that refuses connections for now, in English. libpq gives no SQLSTATE with it."""
_BY_WORDS: Final = (
    ("no such table", _DAMAGED),
    ("no such column", _DAMAGED),
    ("decode to UTF-8", _DAMAGED),
)
"""What SQLite says with a code for anything, or Python in its place -> what it means."""


_FORGOTTEN_AFTER: Final = 60.0
"""Seconds without a trouble after which it is told again. Where threads write, successes alternate with failures."""


@define
class _Told:
    seen_at: float
    """When it was seen last."""
    is_of_writing: bool
    """Whether it was trouble of writing, which is not over where reading succeeds."""
    is_over: bool = False
    """Whether something has succeeded since then."""


class ToldTroubles:
    """Which troubles of a store are in the log, so that each of them is told once.

    Args:
        monotonic: Returns the seconds of a clock that never goes back.

    Example:
        >>> now = [0.0]
        >>> troubles = ToldTroubles(lambda: now[0])
        >>> troubles.was_told("it is locked", of_writing=True), troubles.was_told("it is locked", of_writing=True)
        (False, True)
        >>> troubles.succeeded(writes=True)
        >>> now[0] = 60.0
        >>> troubles.was_told("it is locked", of_writing=True)
        False
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._told: dict[str, _Told] = {}

    def was_told(self, what: str, *, of_writing: bool) -> bool:
        """Return whether a trouble was told before and is not forgotten, and note that it is told now."""
        now = self._monotonic()
        # Replaced as a whole, for other threads look at it.
        known = {
            each: told
            for each, told in [*self._told.items()]
            if not told.is_over or now - told.seen_at < _FORGOTTEN_AFTER
        }
        self._told = known | {what: _Told(now, of_writing)}
        return what in known

    def succeeded(self, *, writes: bool) -> None:
        """Note that something was read, or written: then trouble may be over."""
        for told in [*self._told.values()]:
            told.is_over = told.is_over or writes or not told.is_of_writing


class Passing(enum.Enum):
    """Trouble after which a transaction that is begun again may do."""

    CONFLICT = "conflict"
    """Another transaction got in its way."""
    CUT = "cut"
    """Its connection was cut."""
    BUSY = "busy"
    """The server takes no connection just now: it has too many, or starts, or stops."""
    AWAY = "away"
    """There is no server, perhaps for a moment."""


def store_error(failed: str, error: SQLAlchemyError, least: type[JobStoreError] = JobStoreError) -> JobStoreError:
    """Return what to raise for an error of a database.

    Args:
        failed: What did not work, as in ``"could not keep job abc"``.
        error: The error.
        least: The exception where nothing more is known.
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
    """The primary result code; that of no trouble where Python itself raised the error."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & 0xFF


def is_locked(error: SQLAlchemyError) -> bool:
    """Return whether another program holds a lock that was waited for in vain."""
    return _meaning_of(error, "") is _LOCKED


def passing(error: DBAPIError) -> Passing | None:
    """Return why a transaction that failed may do when it is begun again; ``None`` where that would not help."""
    # A deadlock, or transactions that PostgreSQL cannot put in a row; and two that made or deleted one body at once.
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
    # Of a server that could be reached and refused, libpq repeats the severity.
    is_refusal = "FATAL" in said or _LACKING_WORDS in said
    return Passing.AWAY if not state and isinstance(error, OperationalError) and not is_refusal else None
