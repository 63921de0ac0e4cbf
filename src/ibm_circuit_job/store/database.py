"""One database that a store is in: opening it, and the one way by which every transaction goes.

A transaction is a function of a connection. It runs on a worker thread, and its caller waits for it until the deadline:
so a silent server ends no program's patience, and Ctrl-C is heeded at once. What is safe to repeat is repeated: every
transaction of a store merges or deletes, so that doing it twice is doing it once.
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
from ibm_circuit_job.store.trouble import RESTORE, Damaged, Passing, ToldTroubles, passing, store_error
from ibm_circuit_job.store.url import shown, store_url
from ibm_circuit_job.store.writing import Writing
from ibm_circuit_job.threads.calls import Abandoned, Call, Overdue, call_within

_T = TypeVar("_T")

TIMEOUT: Final = 30.0
"""Seconds that a transaction may take by default, with all that it waits for."""
UNWAITED_SECONDS: Final = 1.0
"""Seconds that a transaction may take that waits for no other, at most: a poll waits for it."""
_UNWAITED_LOCK_SECONDS: Final = 0.05
"""Seconds that such a transaction waits for a lock."""
_MIGRATION_SECONDS: Final = 3600.0
"""Seconds that it may take to bring a store up to date, which reads all of it."""
_BYTES_PER_SECOND: Final = 1_000_000
"""How fast bodies are written, at least."""
_TRIES: Final = 5
"""How often a transaction that others got in the way of is begun."""
_PAUSES: Final = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Seconds before each new try, where the server was away; the last one again and again."""
POOL_SIZE: Final = 20
"""How many connections there are at most by default, while many threads use a store."""
_IDLE_CONNECTIONS: Final = 5
"""How many of them stay open."""


class _Replaced(Exception):  # noqa: N818
    """The file that was opened is not the one any more that is there."""


class Database:
    """A database with the tables of a store in it.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql+psycopg://...``, or the path of a file.
        create: Whether to make a store where there is none.
        timeout: Seconds that a transaction may take, with all that it waits for.
        pool_size: How many connections there are at most.
        pool_timeout: Seconds that a transaction may wait for a free connection; ``None`` for nearly all that it has.
        at_once: Whether to open it now; else the first transaction does.
        payloads: The place outside of the database for new bodies; ``None`` for what the database says.

    Raises:
        JobStoreError: If it cannot be opened, is of another program, or of a newer version; if there is none.
        JobStoreUnavailableError: If it cannot be reached now.
        JobStoreDamagedError: If it is damaged.
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
        """Where it has bodies that are not in the database."""
        self.url = store_url(url)
        self.create = create
        self.timeout = timeout
        self.pool_size = pool_size
        self.pool_timeout = pool_timeout
        self.name = shown(self.url)
        """Where it is, without any credentials."""
        self.location = os.path.realpath(self.name) if self.is_sqlite else self.name
        """The same, with no links in it."""
        self._file_opened: tuple[int, int] | None = None
        """Which file it is that was opened."""
        self._is_wal = False
        """Whether readers and a writer do not wait for one another."""
        self._is_closed = True
        """Whether the next transaction may find another file."""
        self._was_open = False
        """Whether it was ever opened: then a server that is away is worth waiting for."""
        self.troubles = ToldTroubles()
        """Which troubles are in the log."""
        self._failed_to_write = False
        """Whether the last transaction that failed was to write."""
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
            engine = sql.create_engine(self.url, hide_parameters=True, connect_args=arguments, **sizes)
            postgresql.listen(engine)
        return engine

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def _file(self) -> Path:
        return Path(str(self.url.database))

    # Transactions

    def read(
        self, doing: str, work: Callable[[sql.Connection], _T], *, how: Writing = Writing.SYNCED, size: int = 0
    ) -> _T:
        """Do some work in a transaction that sees one moment of the store, and changes nothing.

        Args:
            doing: What it is for, as in ``"read job abc"``.
            work: The work. It runs on another thread, and again where a connection was cut.
            how: How the transaction is written that it is a part of: whether to wait for others.
            size: How many bytes of bodies it is about; it may take a second more for each million.

        Raises:
            JobStoreUnavailableError: If the database cannot be read now.
            JobStoreError: If it is in other trouble.
        """

        def transaction(call: Call[_T]) -> _T:
            with self._connected(call, how) as connection:
                patience = self._patience(call, how)
                connection.execution_options(patience=patience, payloads=self.payloads)
                if not self.is_sqlite:
                    # Else each query sees what others have written before it.
                    connection.execution_options(isolation_level="REPEATABLE READ")
                with connection.begin():
                    self._limit(connection, call, patience, is_synced=False)
                    migration.check_version(connection)
                    return work(connection)

        return self._guarded(doing, transaction, how, size=size)

    def write(
        self, doing: str, work: Callable[[sql.Connection], _T], *, how: Writing = Writing.SYNCED, size: int = 0
    ) -> _T:
        """Do some work in one transaction, wholly or not at all; again where others got in its way.

        Args:
            doing: What it is for, as in ``"keep job abc"``.
            work: The work, safe to repeat. It runs on another thread.
            how: Whether it is to survive a power cut, and whether to wait for others.
            size: How many bytes of bodies it writes; it may take a second more for each million.

        Raises:
            JobStoreUnavailableError: If the database cannot be written to now.
            JobStoreError: If it is in other trouble; then nothing is changed.
        """

        def transaction(call: Call[_T]) -> _T:
            with self._connected(call, how) as connection, self._begun(connection, call, how):
                migration.check_version(connection)
                done = work(connection)
                # What its caller was told to have failed is not written any more.
                call.check()
                return done

        return self._guarded(doing, transaction, how, size=size, writes=True)

    def beside(self, doing: str, work: Callable[[], _T], *, how: Writing = Writing.SYNCED, size: int = 0) -> _T:
        """Do some work for a transaction that needs no connection, within the time that a transaction has.

        Args:
            doing: What it is for, as in ``"keep job abc"``.
            work: The work. It runs on another thread.
            how: How the transaction is written that it is for.
            size: How many bytes of bodies it is about; it may take a second more for each million.

        Raises:
            JobStoreUnavailableError: If it is not done in time.
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
        """The one way into the database."""
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
        """A connection to the database that was opened; after it was closed, to what is there."""
        with self._unforked():
            is_other = self._is_other_file()
            if is_other and not self._is_closed:
                # What is there may have a log of writes beside it that belongs to the one that is gone.
                raise _Replaced
            if is_other or not self._was_open:
                self._open(call, how)
            self._is_closed = False
            with self._stoppable(call) as connection:
                yield connection

    @contextmanager
    def _stoppable(self, call: Call[Any]) -> Iterator[sql.Connection]:
        with self._engine.connect() as connection:
            stop = (sqlite if self.is_sqlite else postgresql).stop_of(connection)
            with call.stopped_by(stop):
                yield connection

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
        """Seconds to wait for a lock."""
        return _inside(call.left()) if how is Writing.SYNCED else _UNWAITED_LOCK_SECONDS

    def _limit(self, connection: sql.Connection, call: Call[Any], patience: float, *, is_synced: bool) -> None:
        if not self.is_sqlite:
            # A little more than for the lock, so that the server names that.
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
            # Before anything is changed: it may be another program's.
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
            # All that was changed is in the log of writes, which may be as large as the store.
            with self._stoppable(call) as connection, suppress(OperationalError):
                connection.execution_options(in_transaction=False, patience=_UNWAITED_LOCK_SECONDS)
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def _settle_payloads(self, call: Call[Any], how: Writing) -> None:
        """Have the database remember the place that was given for payloads, or see that it has this one."""
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
        return JobStoreError(f"expected the URL of a store, or the path of its file; there is none at {self.name}")

    @property
    def is_replaced(self) -> bool:
        """Whether the file that was opened was removed, or another is in its place."""
        return not self._is_closed and self._is_other_file()

    def _is_other_file(self) -> bool:
        return self.is_sqlite and identity_of(str(self.url.database)) != self._file_opened

    def listener(self) -> postgresql.Listener:
        """Return a connection of its own on which PostgreSQL sends notices.

        Raises:
            Exception: If there can be none: an error of the driver.
        """
        return postgresql.Listener(self._engine.dialect, self.url, self.timeout)

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

    # Trouble

    def was_told(self, error: JobStoreError) -> bool:
        """Return whether the same trouble was told before, whatever was tried, and note that it is told now."""
        what = str(error).partition(f" {self.name}: ")[2]
        if not what:
            # Of an argument, and not of the database.
            return False
        return self.troubles.was_told(what, of_writing=self._failed_to_write)

    @contextmanager
    def _as_store_errors(self, doing: str, where: str = "in the store at") -> Iterator[None]:
        """Raise trouble of the database as trouble of the store, in words of which none is secret."""
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


def _inside(seconds: float) -> float:
    """How long locks may take of the time that is left: less, so that the database itself says what it waited for."""
    return max(seconds / 2, min(seconds - 0.5, seconds * 0.9))


_TROUBLE: Final = (
    *(SQLAlchemyError, Damaged, UnicodeError, _Replaced, forks.Inherited, ImportError, migration.Migrated, Overdue),
    Abandoned,
)


def _told(failed: str, error: Exception) -> JobStoreError:  # noqa: PLR0911 - one for each kind of trouble
    """What to raise for trouble."""
    match error:
        case SQLAlchemyError():
            return store_error(failed, error)
        case Overdue(last=SQLAlchemyError() as last):
            return store_error(failed, last, JobStoreUnavailableError)
        case Overdue() | Abandoned():
            return JobStoreUnavailableError(
                f"{failed}: the database did not answer in time ({error}); try again when it does, "
                "or open the store with a longer timeout"
            )
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
        case forks.Inherited():
            return JobStoreError(
                f"{failed}: this process was forked while the store was in use, and cannot use it; fork before that, "
                "or start processes that are not forks"
            )
        case ImportError():
            return JobStoreError(f"{failed}: {error}; install ibm-circuit-job[postgresql]")
        case _:
            return JobStoreError(f"{failed}: {error}")
