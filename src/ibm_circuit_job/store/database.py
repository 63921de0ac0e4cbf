"""One database that a store is in: opening it, and transactions in it.

SQLite is one file for its owner alone, in WAL mode, so that readers and a writer do not wait for one another.
"""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sql
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from ibm_circuit_job.errors import JobStoreDamagedError, JobStoreError
from ibm_circuit_job.store import forks, migration
from ibm_circuit_job.store.file import close_to_others, identity_of, is_missing, make_for_owner
from ibm_circuit_job.store.pool import IdlePool
from ibm_circuit_job.store.trouble import RESTORE, Damaged, is_locked, is_passing, store_error
from ibm_circuit_job.store.url import shown, store_url

_T = TypeVar("_T")

LOCK_SECONDS: Final = 30.0
"""How long a transaction waits for those of others."""
SHORT_LOCK_SECONDS: Final = 0.05
"""How long one waits that is not patient: it is done again later, and no caller is to wait for it."""
_DEAF_SECONDS: Final = 0.25
"""How long SQLite waits by itself: it heeds no Ctrl-C meanwhile."""
CONNECT_SECONDS: Final = 10
"""How long a server of PostgreSQL may take to accept a connection."""
_TRIES: Final = 5
"""How often a transaction that others got in the way of is begun."""


class _Replaced(Exception):  # noqa: N818
    """The file that was opened is not the one any more that is there."""


class Database:
    """A database, opened, with the tables of a store in it.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql+psycopg://...``, or the path of a file.
        create: Whether to make a store where there is none.

    Raises:
        JobStoreError: If it cannot be opened, is of another program, or of a newer version; if there is none.
        JobStoreDamagedError: If it is damaged.
    """

    def __init__(self, url: str | os.PathLike[str], *, create: bool = True) -> None:
        self.url = store_url(url)
        self.create = create
        self.name = shown(self.url)
        """Where it is, without any credentials."""
        self.location = os.path.realpath(self.name) if self.is_sqlite else self.name
        """The same, with no links in it."""
        self._opened: tuple[int, int] | None = None
        """Which file it is that was opened."""
        self._is_wal = False
        """Whether readers and a writer do not wait for one another."""
        self._is_closed = False
        self._of_parent: list[sql.Pool] = []
        if self.is_sqlite:
            self._engine = sql.create_engine(
                self.url, hide_parameters=True, poolclass=IdlePool, connect_args={"timeout": LOCK_SECONDS}
            )
            sql.event.listen(self._engine, "connect", _configure)
            sql.event.listen(self._engine, "begin", _begin)
            sql.event.listen(self._engine.pool, "invalidate", _roll_back)
        else:
            with self._as_store_errors("open the store", "at"):
                # What the URL says of them counts.
                limits = {name: value for name, value in _silence().items() if name not in self.url.query}
                self._engine = sql.create_engine(
                    self.url, hide_parameters=True, pool_pre_ping=True, connect_args=limits
                )
        self._close = weakref.finalize(self, self._engine.dispose)
        forks.watch(self)
        with self._as_store_errors("open the store", "at"), self._unforked():
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
            if self.is_sqlite and identity_of(self._file) != self._opened:
                if not self._is_closed:
                    # What is there may have a log of writes beside it that belongs to the one that is gone.
                    raise _Replaced
                self._open()
            self._is_closed = False
            with self._engine.connect() as connection:
                driver = connection.connection.dbapi_connection
                try:
                    yield connection
                except BaseException:
                    if self.is_sqlite:
                        _roll_back(driver)
                    raise

    def _unforked(self) -> AbstractContextManager[None]:
        return forks.unforked(self.name) if self.is_sqlite else nullcontext()

    def _open(self) -> None:
        if self.is_sqlite:
            if not self.create and is_missing(self._file):
                raise self._none_there()
            make_for_owner(self._file)
        try:
            # Before anything is changed: it may be another program's.
            with self._engine.begin() as connection:
                found = migration.version_of(connection)
            if found == 0 and not self.create:
                raise self._none_there()
            if self.is_sqlite:
                close_to_others(self._file)
                with self._engine.connect() as connection:
                    connection.execution_options(in_transaction=False)
                    self._is_wal = _use_wal(connection)
            if found < len(migration.MIGRATIONS):
                self._migrate()
        except migration.NotOurs as wrong:
            raise JobStoreError(f"could not open the store at {self.name}: {wrong}") from None
        if self.is_sqlite:
            self._opened = identity_of(self._file)

    def _migrate(self) -> None:
        with self._engine.connect() as connection, self._begun(connection, synced=True, patient=True):
            migration.migrate(connection)
        if self._is_wal:
            # All that was changed is in the log of writes, which may be as large as the store.
            with self._engine.connect() as connection, suppress(OperationalError):
                connection.execution_options(in_transaction=False, patient=False)
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def _none_there(self) -> JobStoreError:
        return JobStoreError(f"expected the URL of a store, or the path of its file; there is none at {self.name}")

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
            patient: Whether to wait for a program that lets no other read.

        Raises:
            JobStoreError: If the database is in trouble.
        """
        with self._as_store_errors(doing), self._connected() as connection:
            connection.execution_options(patient=patient)
            if not self.is_sqlite:
                # Else each query sees what others have written before it.
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                migration.check_version(connection)
                yield connection

    def write(
        self, doing: str, work: Callable[[sql.Connection], _T], *, synced: bool = True, patient: bool | None = None
    ) -> _T:
        """Do some work in one transaction, wholly or not at all; again where others got in its way.

        Args:
            doing: What it is for, as in ``"keep job abc"``.
            work: The work.
            synced: Whether it is to survive a power cut, and not only the death of the process.
            patient: Whether to wait for the transactions of others; by default where it is synced.

        Raises:
            JobStoreError: If the database is in trouble; then nothing is changed.
        """
        patient = synced if patient is None else patient
        with self._as_store_errors(doing):
            for _ in range(_TRIES - 1):
                try:
                    with self._connected() as connection, self._writing(connection, synced=synced, patient=patient):
                        return work(connection)
                except (IntegrityError, OperationalError) as error:
                    if not is_passing(error):
                        raise
            with self._connected() as connection, self._writing(connection, synced=synced, patient=patient):
                return work(connection)

    @contextmanager
    def _writing(self, connection: sql.Connection, *, synced: bool, patient: bool) -> Iterator[None]:
        with self._begun(connection, synced=synced, patient=patient):
            migration.check_version(connection)
            yield

    @contextmanager
    def _begun(self, connection: sql.Connection, *, synced: bool, patient: bool) -> Iterator[None]:
        connection.execution_options(writes=True, synced=synced, patient=patient, is_wal=self._is_wal)
        with connection.begin():
            if not self.is_sqlite:
                patience = LOCK_SECONDS if patient else SHORT_LOCK_SECONDS
                connection.exec_driver_sql(f"SET LOCAL lock_timeout TO {patience * 1000:.0f}")
                connection.exec_driver_sql(f"SET LOCAL synchronous_commit TO {'ON' if synced else 'OFF'}")
            yield

    @contextmanager
    def _as_store_errors(self, doing: str, where: str = "in the store at") -> Iterator[None]:
        """Let trouble of the database be told as trouble of the store, in words of which none is secret."""
        try:
            yield
        except _TROUBLE as error:
            trouble = _told(f"could not {doing} {where} {self.name}", error)
        else:
            return
        try:
            raise trouble
        finally:
            # Not with what led to it: a driver's error has the connection, and all that it was opened with.
            trouble.__context__ = None


_TROUBLE: Final = (
    *(SQLAlchemyError, Damaged, UnicodeError, _Replaced, forks.Inherited, ImportError, migration.Migrated),
    *(AssertionError, RuntimeError),
)


def _told(failed: str, error: Exception) -> BaseException:  # noqa: PLR0911 - one for each kind of trouble
    """What to raise for trouble."""
    match error:
        case SQLAlchemyError():
            return store_error(failed, error)
        case Damaged():
            return JobStoreDamagedError(f"{failed}: {error}")
        case UnicodeDecodeError():
            # SQLAlchemy reads the names of the tables by itself.
            return JobStoreDamagedError(f"{failed}: the file is damaged ({error.reason}); {RESTORE}")
        case UnicodeEncodeError():
            return JobStoreError(f"{failed}: expected texts without lone surrogates")
        case _Replaced():
            return JobStoreError(
                f"{failed}: the file that was opened was removed, or another was put in its place; close the store, "
                "then it opens what is there"
            )
        case migration.Migrated():
            return JobStoreError(f"{failed}: {error}")
        case forks.Inherited():
            return JobStoreError(
                f"{failed}: this process was forked while the store was in use, and cannot use it; fork before that, "
                "or start processes that are not forks"
            )
        case ImportError():
            return JobStoreError(f"{failed}: {error}; install ibm-circuit-job[postgresql]")
        case _:
            # Ctrl-C that came in the middle of what SQLAlchemy did, which that takes for a mistake of its caller.
            return error.__context__ if isinstance(error.__context__, KeyboardInterrupt) else error


def _silence() -> dict[str, int]:
    """How long libpq bears a server that says nothing: by default for hours, where it went away without a word."""
    return {
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 4,
        "tcp_user_timeout": 30_000,
    }


def _configure(connection: Any, _: object) -> None:
    """Prepare a new connection to SQLite. Nothing of the file is read here, for that may have to wait for others."""
    # So that it begins transactions when we say, and not when it thinks.
    connection.isolation_level = None
    # A text that is damaged hides none of the others: who reads it finds out.
    connection.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
    connection.execute("PRAGMA foreign_keys = ON")


def _roll_back(connection: Any, *_: object) -> None:
    """End what Ctrl-C has broken off, before the connection is closed.

    As long as anybody has a statement of it that is not done, such as the traceback has, a connection that is closed
    lives on, and so does its lock.
    """
    # One that was closed has nothing to end.
    with suppress(sqlite3.ProgrammingError):
        connection.rollback()


def _use_wal(connection: sql.Connection) -> bool:
    """Have readers and a writer not wait for one another, from now on; return whether the file system can do that."""
    deadline = time.monotonic() + LOCK_SECONDS
    while connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal":
        try:
            return bool(connection.exec_driver_sql("PRAGMA journal_mode = WAL").scalar() == "wal")
        except OperationalError as error:
            # For this alone SQLite does not wait by itself, where another process does the same at that moment.
            if not is_locked(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    return True


def _begin(connection: sql.Connection) -> None:
    """Begin a transaction of SQLite."""
    options = connection.get_execution_options()
    patience = LOCK_SECONDS if options.get("patient", True) else SHORT_LOCK_SECONDS
    if not options.get("writes"):
        _set_patience(connection, patience)
        if options.get("in_transaction", True):
            connection.exec_driver_sql("BEGIN")
        return
    synchronous = "FULL" if options["synced"] else "NORMAL"
    if connection.info.get("synchronous") != synchronous:
        _set_patience(connection, patience)
        _set_pragma(connection, "synchronous", synchronous)
    _begin_to_write(connection, patience)
    if not options["is_wal"]:
        # To commit, it has to wait for those that read.
        _set_patience(connection, patience)


def _begin_to_write(connection: sql.Connection, patience: float) -> None:
    """Begin with the lock of writers: a transaction that first reads may find that another has written meanwhile."""
    deadline = time.monotonic() + patience
    _set_patience(connection, min(patience, _DEAF_SECONDS))
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError as error:
            if not is_locked(error) or time.monotonic() > deadline:
                raise
        else:
            return


def _set_patience(connection: sql.Connection, seconds: float) -> None:
    """Have SQLite wait so long for the locks of others."""
    _set_pragma(connection, "busy_timeout", f"{seconds * 1000:.0f}")


def _set_pragma(connection: sql.Connection, name: str, value: str) -> None:
    """Set something of a connection, unless it is so already."""
    if connection.info.get(name) != value:
        connection.exec_driver_sql(f"PRAGMA {name} = {value}")
        connection.info[name] = value
