"""One database that a store is in: opening it, transactions in it, and what its trouble means.

SQLite is one file for its owner alone, in WAL mode, so that readers and a writer do not wait for one another.
"""

from __future__ import annotations

import errno
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sql
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    OperationalError,
    SQLAlchemyError,
)

from ibm_circuit_job.errors import JobStoreDamagedError, JobStoreError
from ibm_circuit_job.store import forks, schema

_T = TypeVar("_T")

LOCK_SECONDS: Final = 30.0
"""How long a transaction waits for those of others."""
SHORT_LOCK_SECONDS: Final = 0.05
"""How long one waits that is not patient: it is done again later, and nobody is to wait for it."""
CONNECT_SECONDS: Final = 10
"""How long a server of PostgreSQL may take to let somebody in."""
_TRIES: Final = 5
"""How often a transaction that others got in the way of is begun."""


class Damaged(Exception):  # noqa: N818 - named for what it says
    """What was read within a transaction is not what was saved; the message says what."""


class _Replaced(Exception):  # noqa: N818
    """The file that was opened is not the one any more that is there."""


class Database:
    """A database, opened, with the tables of a store in it.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql+psycopg://...``, or the path of a file.

    Raises:
        JobStoreError: If it cannot be opened, is of another program, or of a newer version.
        JobStoreDamagedError: If it is damaged.
    """

    def __init__(self, url: str | os.PathLike[str]) -> None:
        self.url = _checked(url)
        self.name = _shown(self.url)
        """Where it is, without any credentials."""
        self._opened: tuple[int, int] | None = None
        """Which file it is that was opened."""
        self._is_closed = False
        self._of_parent: list[sql.Pool] = []
        if self.is_sqlite:
            self._engine = sql.create_engine(self.url, hide_parameters=True, connect_args={"timeout": LOCK_SECONDS})
            sql.event.listen(self._engine, "connect", _set_up)
            sql.event.listen(self._engine, "begin", _begin)
        else:
            with self._clear("open the store", "at"):
                # What the URL says of them counts.
                limits = {name: value for name, value in _silence().items() if name not in self.url.query}
                self._engine = sql.create_engine(
                    self.url, hide_parameters=True, pool_pre_ping=True, connect_args=limits
                )
        self._close = weakref.finalize(self, self._engine.dispose)
        forks.watch(self)
        with self._clear("open the store", "at"), self._unforked():
            self._open()

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def _file(self) -> Path:
        return Path(str(self.url.database))

    @contextmanager
    def _connected(self) -> Iterator[sql.Connection]:
        """A connection to the database that was opened; after it was closed, to what is there."""
        with self._unforked():
            if self.is_sqlite and _identity_of(self._file) != self._opened:
                if not self._is_closed:
                    # What is there may have a log of writes beside it that belongs to the one that is gone.
                    raise _Replaced
                self._open()
            self._is_closed = False
            with self._engine.connect() as connection:
                yield connection

    def _unforked(self) -> AbstractContextManager[None]:
        return forks.unforked(self.name) if self.is_sqlite else nullcontext()

    def _open(self) -> None:
        if self.is_sqlite:
            _make_for_owner(self._file)
        try:
            # Before anything is changed: it may be somebody else's.
            with self._engine.begin() as connection:
                found = schema.version_of(connection)
            if self.is_sqlite:
                _close_to_others(self._file)
                with self._engine.connect() as connection:
                    connection.execution_options(in_transaction=False)
                    _use_wal(connection)
            if found < len(schema.MIGRATIONS):
                with self._engine.connect() as connection, self._writing(connection, synced=True, patient=True):
                    schema.migrate(connection)
        except schema.NotOurs as wrong:
            raise JobStoreError(f"could not open the store at {self.name}: {wrong}") from None
        if self.is_sqlite:
            self._opened = _identity_of(self._file)

    def close(self) -> None:
        """Close all connections. The next transaction opens what is there then."""
        self.disconnect()
        self._is_closed = True

    def disconnect(self) -> None:
        """Close all connections that are not in use."""
        self._engine.dispose()

    def forget_connections(self) -> None:
        """Leave the connections to the process that opened them, of which this one is a fork."""
        # Not even by the garbage collector, which would close them for the parent too.
        self._of_parent.append(self._engine.pool)
        self._engine.dispose(close=False)

    @contextmanager
    def reading(self, doing: str, *, patient: bool = True) -> Iterator[sql.Connection]:
        """A transaction that sees one moment of the store, and changes nothing.

        Args:
            doing: What it is for, as in ``"read job abc"``.
            patient: Whether to wait for a program that lets nobody read.

        Raises:
            JobStoreError: If the database is in trouble.
        """
        with self._clear(doing), self._connected() as connection:
            connection.execution_options(patient=patient)
            if not self.is_sqlite:
                # Else each query sees what others have written before it.
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    def write(
        self, doing: str, work: Callable[[sql.Connection], _T], *, synced: bool = True, patient: bool = True
    ) -> _T:
        """Do some work in one transaction, wholly or not at all; again where others got in its way.

        Args:
            doing: What it is for, as in ``"keep job abc"``.
            work: The work.
            synced: Whether it is to survive a power cut, and not only the death of the process.
            patient: Whether to wait for the transactions of others.

        Raises:
            JobStoreError: If the database is in trouble; then nothing is changed.
        """
        with self._clear(doing):
            for _ in range(_TRIES - 1):
                try:
                    with self._connected() as connection, self._writing(connection, synced=synced, patient=patient):
                        return work(connection)
                except (IntegrityError, OperationalError) as error:
                    if not _is_passing(error):
                        raise
            with self._connected() as connection, self._writing(connection, synced=synced, patient=patient):
                return work(connection)

    @contextmanager
    def _writing(self, connection: sql.Connection, *, synced: bool, patient: bool) -> Iterator[None]:
        connection.execution_options(writes=True, synced=synced, patient=patient)
        with connection.begin():
            if not self.is_sqlite:
                patience = LOCK_SECONDS if patient else SHORT_LOCK_SECONDS
                connection.exec_driver_sql(f"SET LOCAL lock_timeout TO {patience * 1000:.0f}")
                connection.exec_driver_sql(f"SET LOCAL synchronous_commit TO {'ON' if synced else 'OFF'}")
            yield

    @contextmanager
    def _clear(self, doing: str, where: str = "in the store at") -> Iterator[None]:
        """Let trouble of the database be told as trouble of the store, in words of which none is secret."""
        failed = f"could not {doing} {where} {self.name}"
        try:
            yield
        except SQLAlchemyError as error:
            trouble = _trouble(failed, error)
        except Damaged as error:
            trouble = JobStoreDamagedError(f"{failed}: {error}")
        except UnicodeDecodeError as error:
            # SQLAlchemy reads the names of the tables by itself.
            trouble = JobStoreDamagedError(f"{failed}: the file is damaged ({error.reason}); {_RESTORE}")
        except UnicodeEncodeError:
            trouble = JobStoreError(f"{failed}: expected texts without lone surrogates")
        except _Replaced:
            trouble = JobStoreError(
                f"{failed}: the file that was opened was removed, or another was put in its place; close the store, "
                "then it opens what is there"
            )
        except forks.Inherited:
            trouble = JobStoreError(
                f"{failed}: this process was forked while the store was in use, and cannot use it; fork before that, "
                "or start processes that are not forks"
            )
        except ImportError as error:
            trouble = JobStoreError(f"{failed}: {error}; install ibm-circuit-job[postgresql]")
        else:
            return
        try:
            raise trouble
        finally:
            # Not with what led to it: a driver's error has the connection, and all that it was opened with.
            trouble.__context__ = None


def _silence() -> dict[str, int]:
    """How long libpq bears a server that says nothing: by default for hours, where it went away without a word."""
    return {
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 4,
        "tcp_user_timeout": 30_000,
    }


_EXPECTED: Final = "expected the path of a file, sqlite:///FILE, or postgresql+psycopg://USER@HOST/DATABASE"


def _checked(url: Any) -> sql.URL:
    if isinstance(url, str) and url.startswith((":memory:", "file:")):
        # SQLite has its own meaning for these, where they are taken for a file's name by others.
        raise JobStoreError(f"{_EXPECTED}, got a database that is no file, or a URL of another kind")
    if isinstance(url, os.PathLike) or (isinstance(url, str) and url and "://" not in url):
        return sql.URL.create("sqlite", database=_whole_path(url))
    found = _read(url)
    if found is None:
        # What it was may hold a password.
        raise JobStoreError(f"{_EXPECTED}, got something else as the URL of a store")
    if found.drivername in {"postgresql", "postgresql+psycopg"}:
        if "@" in f"{found.host}{found.database}":
            # That would be the end of a password, and be shown.
            raise JobStoreError(f"{_EXPECTED}, got one with an @ too many; in a user's name or password it is %40")
        return found.set(drivername="postgresql+psycopg")
    if found.drivername not in {"sqlite", "sqlite+pysqlite"}:
        raise JobStoreError(f"{_EXPECTED}, got a URL of {found.drivername!r}")
    if not found.database or found.database == ":memory:" or found.query:
        raise JobStoreError(f"{_EXPECTED}, got a database that is no file")
    return sql.URL.create("sqlite", database=_whole_path(found.database))


def _read(url: Any) -> sql.URL | None:
    try:
        if isinstance(url, str):
            # A driver's error would repeat all that cannot be encoded, a password included.
            url.encode()
        return sql.make_url(url)
    except (ArgumentError, TypeError, ValueError):
        return None


def _whole_path(path: str | os.PathLike[str]) -> str:
    try:
        whole = str(Path(path).expanduser().absolute())
    except (RuntimeError, TypeError) as error:
        raise JobStoreError(f"could not open the store at {path!s}: {error}") from None
    if "\0" in whole:
        raise JobStoreError(f"could not open the store at {whole!r}: no name of a file has a null character")
    return whole


def _shown(url: sql.URL) -> str:
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return f"{url.host or 'localhost'}{f':{url.port}' if url.port else ''}/{url.database or ''}"


def _identity_of(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _make_for_owner(file: Path) -> None:
    """Make a file, and the folders above it, that nobody but their owner can read; where it is there, look at it.

    A file that is there is not opened: when this process closes it, SQLite's locks on it are gone, whoever of the
    process holds them, and another process that thinks itself alone takes away what was written last.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _making, suppress(FileExistsError):
            # Made here, since SQLite would let others read it; the files beside it are like it.
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        size = file.stat().st_size
        if not file.is_file():
            raise IsADirectoryError(errno.EISDIR, "it is a folder, or the like")
        if not os.access(file, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _unusable(file, error) from None
    if 0 < size < _LEAST:
        # SQLite would take a file of one byte for an empty one.
        raise JobStoreDamagedError(
            f"could not open the store at {file}: the file is damaged, or none of a store ({size} bytes); {_RESTORE}"
        )


_making: Final = threading.Lock()
_LEAST: Final = 512
"""The bytes of the smallest database."""


def _close_to_others(file: Path) -> None:
    """Make a file that was open to others its owner's alone, and those beside it."""
    try:
        for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
            part = file.with_name(name)
            if part.exists() and part.stat().st_mode & 0o077:
                part.chmod(0o600)
    except FileNotFoundError:
        # Those beside it go with the last process that has it open.
        pass
    except OSError as error:
        raise _unusable(file, error) from None


def _unusable(file: Path, error: OSError) -> JobStoreError:
    return JobStoreError(
        f"could not open the store at {file}: {error.strerror}; "
        "expected a file of your own, in a folder in which you may make files"
    )


def _set_up(connection: Any, _: object) -> None:
    """Prepare a new connection to SQLite. Nothing of the file is read here, for that may have to wait for others."""
    # So that it begins transactions when we say, and not when it thinks.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")


def _use_wal(connection: sql.Connection) -> None:
    """Have readers and a writer not wait for one another, from now on; as it was where the file system cannot do it."""
    deadline = time.monotonic() + LOCK_SECONDS
    while connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal":
        try:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        except OperationalError as error:
            # For this alone SQLite does not wait by itself, where another process does the same at that moment.
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin(connection: sql.Connection) -> None:
    """Begin a transaction of SQLite."""
    options = connection.get_execution_options()
    patience = LOCK_SECONDS if options.get("patient", True) else SHORT_LOCK_SECONDS
    _set(connection, "busy_timeout", f"{patience * 1000:.0f}")
    if not options.get("in_transaction", True):
        return
    if not options.get("writes"):
        connection.exec_driver_sql("BEGIN")
        return
    _set(connection, "synchronous", "FULL" if options["synced"] else "NORMAL")
    # With the lock of writers from the start: one that first reads may find that somebody else has written meanwhile.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _set(connection: sql.Connection, name: str, value: str) -> None:
    """Set something of a connection, unless it is so already."""
    if connection.info.get(name) != value:
        connection.exec_driver_sql(f"PRAGMA {name} = {value}")
        connection.info[name] = value


def _is_passing(error: DBAPIError) -> bool:
    """Whether a transaction failed because of another one, and will do when it is begun again."""
    # A deadlock, or transactions that PostgreSQL cannot put in a row; and two that made or deleted one body at once.
    return isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", None) in {"40001", "40P01"}


def _trouble(failed: str, error: SQLAlchemyError) -> JobStoreError:
    words = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()
    said = words[0] if words else type(error).__name__
    for known, meaning, right, kind in _MEANINGS:
        if known in said:
            return kind(f"{failed}: {meaning} ({said}); {right}")
    return JobStoreError(f"{failed}: {said}")


_RESTORE: Final = "put a copy of it in its place, or move it away and begin a new one"
_OTHER_FILE: Final = "give yourself the right to write to it and its folder, or choose another file"
_MEANINGS: Final = (
    ("locked", "another program holds it", "try again when that one is done", JobStoreError),
    ("lock timeout", "another program holds it", "try again when that one is done", JobStoreError),
    ("disk is full", "there is no space left for it", "make some, or choose another file", JobStoreError),
    ("No space left", "there is no space left for it", "make some", JobStoreError),
    ("readonly", "it cannot be written to", _OTHER_FILE, JobStoreError),
    ("unable to open", "its folder cannot be used", _OTHER_FILE, JobStoreError),
    ("disk I/O error", "the disk refused", "see what the system says of the disk, or choose another", JobStoreError),
    ("not a database", "the file is damaged, or none of a store", _RESTORE, JobStoreDamagedError),
    ("malformed", "the file is damaged", _RESTORE, JobStoreDamagedError),
    ("decode to UTF-8", "the file is damaged", _RESTORE, JobStoreDamagedError),
    ("no such table", "the file is damaged", _RESTORE, JobStoreDamagedError),
)
"""What the words of SQLite and PostgreSQL mean, and what would help."""
