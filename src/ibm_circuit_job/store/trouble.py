"""What the errors of SQLite and PostgreSQL mean, and what would help."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from attrs import frozen
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from ibm_circuit_job.errors import JobStoreDamagedError, JobStoreError

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
_LOCKED: Final = _Meaning("another program holds it", "try again when that one is done")
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
_BY_SQLSTATE: Final[Mapping[str, _Meaning]] = {
    "55P03": _LOCKED,
    "53100": _FULL,
    "25006": _Meaning("it cannot be written to", "ask for the right to write to it, or for the primary server"),
    "42P01": _Meaning("a table of it is gone", "restore it from a backup, or choose another", JobStoreDamagedError),
    "42501": _Meaning("its tables are not yours to use", "ask their owner for the right to read and write them"),
}
"""SQLSTATE -> what it means (appendix A of PostgreSQL's manual)."""
_BY_WORDS: Final = (
    ("no such table", _DAMAGED),
    ("no such column", _DAMAGED),
    ("decode to UTF-8", _DAMAGED),
)
"""What SQLite says with a code for anything, or Python in its place -> what it means."""


def store_error(failed: str, error: SQLAlchemyError) -> JobStoreError:
    """Return what to raise for an error of a database.

    Args:
        failed: What did not work, as in ``"could not keep job abc"``.
        error: The error.
    """
    words = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()
    said = words[0] if words else type(error).__name__
    meaning = _meaning_of(error, said)
    if meaning is None:
        return JobStoreError(f"{failed}: {said}")
    return meaning.kind(f"{failed}: {meaning.what} ({said}); {meaning.remedy}")


def _meaning_of(error: SQLAlchemyError, said: str) -> _Meaning | None:
    orig = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(orig, sqlite3.Error):
        by_code = _BY_SQLITE_CODE.get(_sqlite_code(orig))
        return by_code or next((meaning for words, meaning in _BY_WORDS if words in said), None)
    return _BY_SQLSTATE.get(getattr(orig, "sqlstate", None) or "")


def _sqlite_code(error: sqlite3.Error) -> int:
    """The primary result code; that of no trouble where Python itself raised the error."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & 0xFF


def is_locked(error: SQLAlchemyError) -> bool:
    """Return whether another program holds a lock that was waited for in vain."""
    return _meaning_of(error, "") is _LOCKED


def is_passing(error: DBAPIError) -> bool:
    """Return whether a transaction failed because of another one, and will do when it is begun again."""
    # A deadlock, or transactions that PostgreSQL cannot put in a row; and two that made or deleted one body at once.
    return isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", None) in {"40001", "40P01"}
