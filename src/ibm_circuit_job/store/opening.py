"""OpenStore: an open store with its database, its location, and the results that its handles share in memory."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import sqlalchemy as sql

from ibm_circuit_job.errors import JobStoreDamagedError, JobStoreError, JobStoreUnavailableError
from ibm_circuit_job.store.database import POOL_SIZE, TIMEOUT, Database
from ibm_circuit_job.store.leases import Leases
from ibm_circuit_job.store.url import with_secrets, without_secrets

_BACK_OFF_FACTOR: Final = 10.0
"""How many times as long as a write took to fail nothing is written that must not wait."""
_LONGEST_BACK_OFF_SECONDS: Final = 10.0
"""The most seconds of that time."""
_LONGEST_SECONDS: Final = 86_400
"""The longest timeout in seconds: a day."""
_LARGEST_POOL: Final = 1000
"""The largest pool. A server of PostgreSQL accepts 100 connections by default."""


def default_url() -> str | None:
    """Return the URL or path of the default store; ``None`` if there is none.

    The environment variable ``IBM_CIRCUIT_JOB_STORE`` names it; ``none`` means no default store. If the variable is
    empty or not set, the store is a file in the user's data folder.
    """
    said = os.environ.get("IBM_CIRCUIT_JOB_STORE")
    if said:
        return None if said.lower() == "none" else said
    import platformdirs  # noqa: PLC0415 - only the default needs it

    return str(Path(platformdirs.user_data_dir("ibm-circuit-job", appauthor=False)) / "jobs.sqlite")


class OpenStore:
    """An open store. ``RecordStore`` documents the arguments."""

    def __init__(
        self,
        url: str | os.PathLike[str] | None = None,
        *,
        results_held: int | None = 4,
        create: bool = True,
        timeout: float = TIMEOUT,
        payloads: str | os.PathLike[str] | None = None,
        share_waits: bool = True,
        pool_size: int = POOL_SIZE,
        pool_timeout: float | None = None,
    ) -> None:
        if results_held is not None and (type(results_held) is not int or not 0 <= results_held <= sys.maxsize):
            raise JobStoreError(
                f"expected results_held to be a whole number from 0 to {sys.maxsize}, or None, got {results_held!r}"
            )
        chosen = default_url() if url is None else url
        if chosen is None:
            raise JobStoreError(
                "expected the URL of a store or the path of its file: there is no default, "
                "since IBM_CIRCUIT_JOB_STORE is 'none'"
            )
        _check_seconds("timeout", timeout)
        if pool_timeout is not None:
            _check_seconds("pool_timeout", pool_timeout)
        if type(pool_size) is not int or not 1 <= pool_size <= _LARGEST_POOL:
            raise JobStoreError(f"expected pool_size to be a whole number from 1 to {_LARGEST_POOL}, got {pool_size!r}")
        if type(share_waits) is not bool:
            raise JobStoreError(f"expected share_waits to be True or False, got {share_waits!r}")
        pool: dict[str, Any] = {"pool_size": pool_size, "pool_timeout": pool_timeout}
        database = Database(chosen, create=create, timeout=timeout, payloads=payloads, **pool)
        self._set_up(database, results_held, share_waits=share_waits)

    def _set_up(self, database: Database, results_held: int | None, *, share_waits: bool) -> None:
        self._database = database
        self.leases = Leases(database) if share_waits else None
        """The leases of shared waits; ``None`` if each process asks the service itself."""
        self._results_held = results_held
        self._decoded: deque[tuple[object, object]] = deque(maxlen=results_held)
        self._back_off_seconds = self._backs_off_until = 0.0
        self._closings = 0

    @property
    def location(self) -> str:
        """Where the store is: the path of its file, with links resolved, or ``HOST/DATABASE``; without credentials.

        Example:
            >>> import os
            >>> import tempfile
            >>> from ibm_circuit_job.store import RecordStore
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     os.path.basename(store.location)
            'jobs.sqlite'
        """
        return self._database.location

    @property
    def payloads(self) -> str | None:
        """The URL of the folder or object store for bodies of inputs and results; ``None`` for the database itself.

        Raises:
            JobStoreError: If the store cannot be read.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job.store import RecordStore
            >>> with RecordStore(f"{tempfile.mkdtemp()}/jobs.sqlite", payloads="memory://results") as store:
            ...     store.payloads
            'memory://results'
        """
        place = self._database.read("read the settings", partial(self._database.payloads.look, again=True))
        return None if place is None else place.url

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self._database.name!r})>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Callable[..., Self], tuple[Any, ...]]:
        database = self._database
        # Without secrets. The process that unpickles the copy looks them up again.
        url = without_secrets(database.url)
        shares_waits, pool = self.leases is not None, (database.pool_size, database.pool_timeout)
        unpickled = type(self)._unpickled  # noqa: SLF001 - of this class
        return unpickled, (url, self._results_held, database.create, database.timeout, shares_waits, *pool)

    @classmethod
    def _unpickled(
        cls,
        url: sql.URL,
        results_held: int | None,
        create: bool,
        timeout: float,
        share_waits: bool = True,
        pool_size: int = POOL_SIZE,
        pool_timeout: float | None = None,
    ) -> Self:
        """A copy of a store. The first use opens it, and raises errors."""
        copy = cls.__new__(cls)
        settings: dict[str, Any] = {"create": create, "pool_size": pool_size, "pool_timeout": pool_timeout}
        database = Database(with_secrets(url), timeout=timeout, **settings, at_once=False)
        copy._set_up(database, results_held, share_waits=share_waits)  # noqa: SLF001 - of this class
        return copy

    @property
    def is_replaced(self) -> bool:
        """Whether the file was removed or replaced by another. Nothing is written then before :meth:`close`."""
        return self._database.is_replaced

    @property
    def opened(self) -> tuple[int, bool]:
        """A value that changes when another database may be open: after :meth:`close`, or if the file was replaced."""
        return self._closings, self._database.is_replaced

    def close(self) -> None:
        """Close all connections to the database. The next call opens one again."""
        self._closings += 1
        self._database.close()

    def was_told(self, error: JobStoreError) -> bool:
        """Return whether the same failure of the store is in the log already, and record that it is there now.

        Always false for damage, which concerns one job.

        Args:
            error: The failure.
        """
        if isinstance(error, JobStoreDamagedError):
            return False
        is_repeated = isinstance(error, JobStoreUnavailableError) and error.is_repeated
        return is_repeated or self._database.was_logged(error)

    # For the handles

    def cache_decoded(self, result: object, body: object = None) -> None:
        """Cache a decoded result in memory, until ``results_held`` others were used after it.

        Args:
            result: The decoded result.
            body: The body that it was decoded from, unless an earlier call had it. It would be the only copy if the
                database were removed.
        """
        cached = [*self._decoded]
        body = next((known for each, known in cached if each is result), None) if body is None else body
        # If two threads do this at once, one result may be lost from the cache, and is decoded again.
        self._decoded = deque((*(each for each in cached if each[0] is not result), (result, body)), self._results_held)

    def back_off(self, took: float) -> None:
        """Refuse writes that must not wait, such as those while a program waits for a job, for a time.

        The time is ten times as long as the last write took to fail, and 10 seconds at most. So failures take at most a
        tenth of the time, and a lock that another program had for a moment delays the next write by half a second.

        Args:
            took: The seconds that the write took until it failed.
        """
        self._back_off_seconds = min(_BACK_OFF_FACTOR * took, _LONGEST_BACK_OFF_SECONDS)
        self._backs_off_until = time.monotonic() + self._back_off_seconds

    def check_back_off(self, doing: str) -> None:
        """Check that no write has failed just now.

        Args:
            doing: What the caller is about to do, as in ``"save jobs"``. The error message says it.

        Raises:
            JobStoreUnavailableError: If the time that :meth:`back_off` has set is not over.
        """
        if time.monotonic() < self._backs_off_until:
            trouble = JobStoreUnavailableError(
                f"could not {doing} in the store at {self._database.name}: "
                f"it failed less than {self._back_off_seconds:.1f} seconds ago"
            )
            trouble.is_repeated = True
            raise trouble

    def end_back_off(self) -> None:
        """Allow all writes again."""
        self._backs_off_until = 0.0


def _check_seconds(name: str, seconds: Any) -> None:
    if type(seconds) not in {int, float} or not 0 < seconds <= _LONGEST_SECONDS:
        raise JobStoreError(
            f"expected {name} to be a number of seconds above 0 and at most {_LONGEST_SECONDS}, got {seconds!r}"
        )
