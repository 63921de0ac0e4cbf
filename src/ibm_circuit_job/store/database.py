"""The database of a store: it is opened here, and every transaction runs here within a time limit.

A transaction is a function of a connection. It runs in a worker thread, and its caller waits for it until a deadline.
So a server that does not answer blocks no program for longer than that, and Ctrl-C works at once.

A transaction that other transactions or a lost connection interrupt is repeated. This is safe: every transaction of a
store merges or deletes, and doing that twice has the same effect as doing it once.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sql
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from ibm_circuit_job.errors import JobStoreDamagedError, JobStoreError, JobStoreUnavailableError
from ibm_circuit_job.store import forks, migration, postgresql, sqlite
from ibm_circuit_job.store.file import close_to_others, identity_of, is_missing, make_for_owner
from ibm_circuit_job.store.payloads import NotThatPlace, Payloads
from ibm_circuit_job.store.trouble import RESTORE, Damaged, LoggedTroubles, Passing, passing, store_error
from ibm_circuit_job.store.url import shown, store_url
from ibm_circuit_job.store.writing import Writing
from ibm_circuit_job.threads.calls import Abandoned, Call, Overdue, call_within

_T = TypeVar("_T")

TIMEOUT: Final = 30.0
"""The default timeout of a transaction in seconds, with all its waits for locks and connections."""
UNWAITED_SECONDS: Final = 1.0
"""The longest time in seconds for a transaction that must not wait for others, since a poll waits for it."""
_UNWAITED_LOCK_SECONDS: Final = 0.05
"""The seconds for which such a transaction waits for a lock."""
_MIGRATION_SECONDS: Final = 3600.0
"""The timeout in seconds for a migration, which reads the whole store."""
_BYTES_PER_SECOND: Final = 1_000_000
"""The slowest speed at which bodies are written; large bodies get more time by it."""
_TRIES: Final = 5
"""The most tries of a transaction that conflicts with others."""
_PAUSES: Final = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)
"""The seconds to wait before each new try after the connection was lost. The last one is repeated."""
POOL_SIZE: Final = 20
"""The default for the most connections that are open at once, one for each thread that uses the store."""
_IDLE_CONNECTIONS: Final = 5
"""The most idle connections that stay open."""


class _Replaced(Exception):  # noqa: N818
    """The file at this path is not the one that was opened: it was replaced or removed."""


class Database:
    """A database with the tables of a store in it.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql+psycopg://...``, or the path of a file.
        create: Whether to create a store if there is none.
        timeout: The timeout of a transaction in seconds, with all its waits.
        pool_size: The most connections that are open at once.
        pool_timeout: The longest wait for a free connection in seconds; ``None`` for nearly all of *timeout*.
        at_once: Whether to open the database now, or with the first transaction.
        payloads: The place outside of the database for bodies; ``None`` for the one that the database names.

    Raises:
        JobStoreError: If the database cannot be opened, belongs to another program, or is newer than this version;
            if there is none, and *create* is false.
        JobStoreUnavailableError: If the database cannot be reached now.
        JobStoreDamagedError: If the database is damaged.
    """

    def __init__(
        self,
        url: str | os.PathLike[str] | sql.URL,
        *,
        create: bool = True,
        timeout: float = TIMEOUT,
        pool_size: int = POOL_SIZE,
        pool_timeout: float | None = None,
        at_once: bool = True,
        payloads: Any = None,
    ) -> None:
        self.payloads = Payloads(payloads)
        """The place for bodies outside of the database."""
        self.url = store_url(url)
        self.create = create
        self.timeout = timeout
        self.pool_size = pool_size
        self.pool_timeout = pool_timeout
        self.name = shown(self.url)
        """The path of the file, or the URL, without credentials."""
        self.location = os.path.realpath(self.name) if self.is_sqlite else self.name
        """The same as ``name``, with symbolic links resolved."""
        self._file_opened: tuple[int, int] | None = None
        """The identity of the file that was opened."""
        self._is_wal = False
        """Whether SQLite uses its write-ahead log, so that readers and a writer do not block each other."""
        self._is_closed = True
        """Whether the next transaction may open another file."""
        self._was_open = False
        """Whether it was opened before. Only then is it worth waiting for a server that cannot be reached."""
        self.troubles = LoggedTroubles()
        """The failures that are in the log already."""
        self._failed_to_write = False
        """Whether the last transaction that failed was one that writes."""
        self._of_parent: list[sql.Pool] = []
        with self._as_store_errors("open the store", "at"):
            self._engine = self._new_engine()
        weakref.finalize(self, self._engine.dispose)
        forks.watch(self)
        if at_once:
            try:
                self._guarded("open the store", self._opened, Writing.SYNCED, where="at")
            except BaseException:
                self.disconnect()
                raise

    def _new_engine(self) -> sql.Engine:
        sizes: dict[str, Any] = {
            "poolclass": sql.QueuePool,
            "pool_size": min(self.pool_size, _IDLE_CONNECTIONS),
            "max_overflow": max(self.pool_size - _IDLE_CONNECTIONS, 0),
            "pool_timeout": _inside(self.timeout) if self.pool_timeout is None else self.pool_timeout,
            "pool_use_lifo": True,
        }
        if self.is_sqlite:
            arguments: dict[str, Any] = {"timeout": _inside(self.timeout), "check_same_thread": False}
            engine = sql.create_engine(self.url, hide_parameters=True, connect_args=arguments, **sizes)
            sqlite.listen(engine)
        else:
            arguments = postgresql.connect_arguments(self.url, self.timeout)
            # No column is an hstore, and to look for that type takes a query of each engine.
            sizes["use_native_hstore"] = False
            engine = sql.create_engine(self.url, hide_parameters=True, connect_args=arguments, **sizes)
            postgresql.listen(engine)
        return engine

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file of SQLite."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def _file(self) -> Path:
        return Path(str(self.url.database))

    # Transactions

    def read(
        self, doing: str, work: Callable[[sql.Connection], _T], *, how: Writing = Writing.SYNCED, size: int = 0
    ) -> _T:
        """Run a function in a transaction that reads one state of the store. It must change nothing.

        Args:
            doing: What the transaction does, as in ``"read job abc"``. Error messages say it.
            work: The function. It runs in another thread, and again if the connection is lost.
            how: Whether to wait for other transactions.
            size: The bytes of bodies that are read or saved. Each million adds a second to the timeout.

        Raises:
            JobStoreUnavailableError: If the database cannot be read now.
            JobStoreError: If anything else is wrong with the database.
        """

        def transaction(call: Call[_T]) -> _T:
            with self._connected(call, how) as connection:
                patience = self._patience(call, how)
                connection.execution_options(patience=patience, payloads=self.payloads)
                if not self.is_sqlite:
                    # By default each query of a transaction would see what others have committed meanwhile.
                    connection.execution_options(isolation_level="REPEATABLE READ")
                with connection.begin():
                    self._limit(connection, call, patience, is_synced=False)
                    migration.check_version(connection)
                    return work(connection)

        return self._guarded(doing, transaction, how, size=size)

    def write(
        self, doing: str, work: Callable[[sql.Connection], _T], *, how: Writing = Writing.SYNCED, size: int = 0
    ) -> _T:
        """Run a function in one transaction that writes. It is repeated if it conflicts with others.

        Args:
            doing: What the transaction does, as in ``"save job abc"``. Error messages say it.
            work: The function; it must be safe to repeat. It runs in another thread.
            how: Whether the change must survive a power cut, and whether to wait for other transactions.
            size: The bytes of bodies to write. Each million adds a second to the timeout.

        Raises:
            JobStoreUnavailableError: If the database cannot be written to now.
            JobStoreError: If anything else is wrong with the database. Nothing is changed then.
        """

        def transaction(call: Call[_T]) -> _T:
            with self._connected(call, how) as connection, self._begun(connection, call, how):
                migration.check_version(connection)
                done = work(connection)
                # After the deadline the caller has got an error, so nothing may be written.
                call.check()
                return done

        return self._guarded(doing, transaction, how, size=size, writes=True)

    def without_connection(
        self, doing: str, work: Callable[[], _T], *, how: Writing = Writing.SYNCED, size: int = 0
    ) -> _T:
        """Run a function that prepares a transaction and needs no connection, with the timeout of a transaction.

        Args:
            doing: What the transaction does, as in ``"save job abc"``. Error messages say it.
            work: The function. It runs in another thread.
            how: As for :meth:`write`.
            size: The bytes of bodies to write. Each million adds a second to the timeout.

        Raises:
            JobStoreUnavailableError: If the function does not end in time.
        """
        return self._guarded(doing, lambda _call: work(), how, size=size, writes=True)

    def _guarded(
        self,
        doing: str,
        transaction: Callable[[Call[_T]], _T],
        how: Writing,
        *,
        where: str = "in the store at",
        size: int = 0,
        writes: bool = False,
    ) -> _T:
        """Run a transaction within the timeout, and raise any error as an error of the store."""
        seconds = self.timeout if how is Writing.SYNCED else min(self.timeout, UNWAITED_SECONDS)
        seconds += size / _BYTES_PER_SECOND
        try:
            with self._as_store_errors(doing, where):
                done: _T = call_within(seconds, partial(self._repeated, transaction, how is Writing.SYNCED))
        except JobStoreError:
            self._failed_to_write = writes
            raise
        self.troubles.succeeded(writes=writes)
        return done

    def _repeated(self, transaction: Callable[[Call[_T]], _T], is_patient: bool, call: Call[_T]) -> _T:
        """Run a transaction, again after each error that may pass, until the deadline of the call."""
        conflicts = cuts = 0
        while True:
            pause = 0.0
            try:
                return transaction(call)
            except forks.SteppedAside:
                pass
            except DBAPIError as error:
                call.check()
                match passing(error):
                    case Passing.CONFLICT if conflicts < _TRIES - 1:
                        conflicts += 1
                    case Passing.CUT if is_patient or not cuts:
                        pause = _PAUSES[min(cuts, len(_PAUSES) - 1)]
                        cuts += 1
                    case Passing.BUSY | Passing.AWAY as kind if is_patient and (kind is Passing.BUSY or self._was_open):
                        cuts += 1
                        pause = _PAUSES[min(cuts, len(_PAUSES) - 1)]
                    case _:
                        raise
                if pause > _inside(call.left()):
                    raise
                call.trouble = error
            time.sleep(pause)
            call.check()

    @contextmanager
    def _connected(self, call: Call[Any], how: Writing) -> Iterator[sql.Connection]:
        """A connection to the database that was opened. After a close, the file that is there now is opened."""
        with self._unforked():
            is_other = self._is_other_file()
            if is_other and not self._is_closed:
                # The write-ahead log at this path may belong to the file that is gone.
                raise _Replaced
            if is_other or not self._was_open:
                self._open(call, how)
            self._is_closed = False
            with self._stoppable(call) as connection:
                yield connection

    @contextmanager
    def _stoppable(self, call: Call[Any]) -> Iterator[sql.Connection]:
        pool = self._engine.pool
        try:
            with self._engine.connect() as connection:
                stop = (sqlite if self.is_sqlite else postgresql).stop_of(connection)
                with call.stopped_by(stop):
                    yield connection
        finally:
            if self._engine.pool is not pool:
                # The store was closed meanwhile, and the connection is back in a pool that is not used any more.
                pool.dispose()

    @contextmanager
    def _begun(self, connection: sql.Connection, call: Call[Any], how: Writing) -> Iterator[None]:
        def on_wait() -> None:
            call.check()
            forks.step_aside()

        patience, is_synced = self._patience(call, how), how is not Writing.SOON
        connection.execution_options(
            writes=True,
            is_synced=is_synced,
            patience=patience,
            is_wal=self._is_wal,
            on_wait=on_wait,
            payloads=self.payloads,
        )
        with connection.begin():
            self._limit(connection, call, patience, is_synced=is_synced)
            yield

    def _patience(self, call: Call[Any], how: Writing) -> float:
        """The seconds to wait for a lock."""
        return _inside(call.left()) if how is Writing.SYNCED else _UNWAITED_LOCK_SECONDS

    def _limit(self, connection: sql.Connection, call: Call[Any], patience: float, *, is_synced: bool) -> None:
        if not self.is_sqlite:
            # Longer than the lock timeout, so that the server's error names the lock.
            seconds = (call.left() + _inside(call.left())) / 2
            postgresql.limit(connection, lock_seconds=patience, seconds=seconds, is_synced=is_synced)

    def _unforked(self) -> AbstractContextManager[None]:
        return forks.unforked(self.location) if self.is_sqlite else nullcontext()

    # Opening and closing

    def _opened(self, call: Call[None]) -> None:
        with self._unforked():
            self._open(call, Writing.SYNCED)
            self._is_closed = False

    def _open(self, call: Call[Any], how: Writing) -> None:
        if self.is_sqlite:
            if not self.create and is_missing(self._file):
                raise self._none_there()
            make_for_owner(self._file)
        try:
            # Look before any change: the database may belong to another program.
            with self._stoppable(call) as connection:
                patience = self._patience(call, how)
                connection.execution_options(patience=patience)
                with connection.begin():
                    self._limit(connection, call, patience, is_synced=False)
                    found = migration.version_of(connection)
            if found == 0 and not self.create:
                raise self._none_there()
            if self.is_sqlite:
                close_to_others(self._file)
                with self._stoppable(call) as connection:
                    connection.execution_options(in_transaction=False)
                    self._is_wal = sqlite.use_wal(connection)
            if found < len(migration.MIGRATIONS):
                self._migrate(call)
            self._settle_payloads(call, how)
        except (migration.NotOurs, NotThatPlace) as wrong:
            raise JobStoreError(f"could not open the store at {self.name}: {wrong}") from None
        if self.is_sqlite:
            self._file_opened = identity_of(self._file)
        self._was_open = True

    def _migrate(self, call: Call[Any]) -> None:
        call.deadline = time.monotonic() + _MIGRATION_SECONDS
        with self._stoppable(call) as connection, self._begun(connection, call, Writing.SYNCED):
            migration.migrate(connection)
            call.check()
        if self._is_wal:
            # The write-ahead log has all changes, and may be as large as the store. Empty it.
            with self._stoppable(call) as connection, suppress(OperationalError):
                connection.execution_options(in_transaction=False, patience=_UNWAITED_LOCK_SECONDS)
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def _settle_payloads(self, call: Call[Any], how: Writing) -> None:
        """Save the given place for payloads in the database, or check that the database has the same one."""
        self.payloads.forget()
        if not self.payloads.is_given:
            return
        with self._stoppable(call) as connection:
            connection.execution_options(patience=self._patience(call, how))
            with connection.begin():
                if self.payloads.is_settled(connection):
                    return
        self.payloads.prepare()
        with self._stoppable(call) as connection, self._begun(connection, call, Writing.SYNCED):
            self.payloads.settle(connection)

    def _none_there(self) -> JobStoreError:
        return JobStoreError(f"expected the URL of a store, or the path of its file; there is no store at {self.name}")

    @property
    def is_replaced(self) -> bool:
        """Whether the file that was opened has been removed or replaced by another."""
        return not self._is_closed and self._is_other_file()

    def _is_other_file(self) -> bool:
        return self.is_sqlite and identity_of(str(self.url.database)) != self._file_opened

    def listener(self) -> postgresql.Listener:
        """Return a separate connection on which PostgreSQL sends notices.

        Raises:
            Exception: If the connection fails: any error of the driver.
        """
        return postgresql.Listener(self._engine.dialect, self.url, self.timeout)

    def close(self) -> None:
        """Close all connections. The next transaction opens the database that is there then."""
        self.disconnect()
        self._is_closed = True

    def disconnect(self) -> None:
        """Close all connections; those that are in use, at the end of their transactions."""
        pool = self._engine.pool
        self._engine.dispose()
        # A transaction may have ended before the engine got another pool.
        pool.dispose()

    def forget_connections(self) -> None:
        """In a forked child, drop the connections of the parent without closing them."""
        # Without this reference, the garbage collector would close them, and so close them for the parent too.
        self._of_parent.append(self._engine.pool)
        self._engine.dispose(close=False)

    # Trouble

    def was_logged(self, error: JobStoreError) -> bool:
        """Return whether the same failure is in the log already, whatever was tried; record that it is there now."""
        what = str(error).partition(f" {self.name}: ")[2]
        if not what:
            # An error about an argument does not name the database.
            return False
        return self.troubles.was_logged(what, of_writing=self._failed_to_write)

    @contextmanager
    def _as_store_errors(self, doing: str, where: str = "in the store at") -> Iterator[None]:
        """Raise errors of the database as errors of the store, whose messages contain no secrets."""
        try:
            yield
        except _TROUBLE as error:
            trouble = _error_of_store(f"could not {doing} {where} {self.name}", error)
        else:
            return
        try:
            raise trouble
        finally:
            # Without the driver's error, which refers to the connection and so to its password.
            trouble.__context__ = None


def _inside(seconds: float) -> float:
    """The part of *seconds* for which a lock may be awaited. It ends first, so that the database names the lock."""
    return max(seconds / 2, min(seconds - 0.5, seconds * 0.9))


_TROUBLE: Final = (
    *(SQLAlchemyError, Damaged, UnicodeError, _Replaced, forks.Inherited, ImportError, migration.Migrated, Overdue),
    Abandoned,
)


def _error_of_store(failed: str, error: Exception) -> JobStoreError:  # noqa: PLR0911 - one for each kind of error
    """The error of the store to raise for any error of *_TROUBLE*."""
    match error:
        case SQLAlchemyError():
            return store_error(failed, error)
        case Overdue(last=SQLAlchemyError() as last):
            return store_error(failed, last, JobStoreUnavailableError)
        case Overdue() | Abandoned():
            return JobStoreUnavailableError(
                f"{failed}: the database did not answer in time ({error}); try again later, "
                "or open the store with a longer timeout"
            )
        case Damaged():
            return JobStoreDamagedError(f"{failed}: {error}")
        case UnicodeDecodeError():
            # SQLAlchemy decodes the names of the tables.
            return JobStoreDamagedError(f"{failed}: the file is damaged ({error.reason}); {RESTORE}")
        case UnicodeEncodeError():
            return JobStoreError(f"{failed}: expected texts without lone surrogates")
        case _Replaced():
            return JobStoreError(
                f"{failed}: the file that was opened was removed, or another was put in its place; close the store "
                "to use the file that is there now"
            )
        case forks.Inherited():
            return JobStoreError(
                f"{failed}: this process was forked while the store was in use, and cannot use it; fork before the "
                'first use, or start processes by the method "spawn"'
            )
        case ImportError():
            return JobStoreError(f"{failed}: {error}; install ibm-circuit-job[postgresql]")
        case _:
            return JobStoreError(f"{failed}: {error}")
