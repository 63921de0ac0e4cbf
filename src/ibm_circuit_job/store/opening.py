"""OpenStore: a store that is open, where it is, and what its handles share in memory."""

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

_BACK_OFF_SECONDS: Final = 10.0
"""How long nothing is written that is not to wait, after that went wrong."""
_LONGEST_SECONDS: Final = 86_400
"""The longest timeout: a day."""
_LARGEST_POOL: Final = 1000
"""More connections than a server of PostgreSQL takes: by default 100 in all."""


def default_url() -> str | None:
    """Return where jobs are kept by default: what ``IBM_CIRCUIT_JOB_STORE`` says, else in the user's data folder.

    ``None`` where the variable says ``none``.
    """
    said = os.environ.get("IBM_CIRCUIT_JOB_STORE")
    if said:
        return None if said.lower() == "none" else said
    import platformdirs  # noqa: PLC0415 - for those that need the default

    return str(Path(platformdirs.user_data_dir("ibm-circuit-job", appauthor=False)) / "jobs.sqlite")


class OpenStore:
    """A store that is open; ``RecordStore`` has the arguments, and what is done with it."""

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
            raise JobStoreError("expected the URL of a store: IBM_CIRCUIT_JOB_STORE says that there is none by default")
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
        """Which process asks for the jobs that several wait for; ``None`` where each asks for itself."""
        self._results_held = results_held
        self._held: deque[tuple[object, object]] = deque(maxlen=results_held)
        self._backs_off_until = 0.0
        self._closings = 0

    @property
    def location(self) -> str:
        """Where it is, without any credentials: the path of a file, with no links, or ``HOST/DATABASE``.

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
        """The URL of the folder or object store that gets the bodies of inputs and results; ``None`` for the database.

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
        # Without its secrets: they are found again where the copy is used.
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
        """A copy of a store. It is opened when it is first used, so that trouble is raised there."""
        copy = cls.__new__(cls)
        settings: dict[str, Any] = {"create": create, "pool_size": pool_size, "pool_timeout": pool_timeout}
        database = Database(with_secrets(url), timeout=timeout, **settings, at_once=False)
        copy._set_up(database, results_held, share_waits=share_waits)  # noqa: SLF001 - of this class
        return copy

    @property
    def is_replaced(self) -> bool:
        """Whether the file was removed, or another is in its place. Nothing is written then until it is closed."""
        return self._database.is_replaced

    @property
    def opened(self) -> tuple[int, bool]:
        """What changes where another database may be open: after :meth:`close`, or when the file is replaced."""
        return self._closings, self._database.is_replaced

    def close(self) -> None:
        """Close all connections to the database. What comes after opens one again."""
        self._closings += 1
        self._database.close()

    def was_told(self, error: JobStoreError) -> bool:
        """Return whether trouble of the store was in the log before, and note that it is now.

        Damage is trouble of one job. It is always new.
        """
        if isinstance(error, JobStoreDamagedError):
            return False
        is_repeated = isinstance(error, JobStoreUnavailableError) and error.is_repeated
        return is_repeated or self._database.was_told(error)

    # For the handles

    def hold(self, result: object, body: object = None) -> None:
        """Have a decoded result in memory, until as many others as are held were asked for.

        Args:
            result: The result.
            body: What it was decoded from, if not given before: the only copy, should the database be removed.
        """
        held = [*self._held]
        body = next((known for each, known in held if each is result), None) if body is None else body
        # Two threads at once may drop one, which then is decoded again.
        self._held = deque((*(each for each in held if each[0] is not result), (result, body)), self._results_held)

    def back_off(self) -> None:
        """Leave the database alone for a while, where no caller is to wait for it; what waits for a job is not to."""
        self._backs_off_until = time.monotonic() + _BACK_OFF_SECONDS

    def check_back_off(self, doing: str) -> None:
        """Refuse what is not to wait for a database that was in trouble just now.

        Raises:
            JobStoreUnavailableError: If it was.
        """
        if time.monotonic() < self._backs_off_until:
            trouble = JobStoreUnavailableError(
                f"could not {doing} in the store at {self._database.name}: it was in trouble just now"
            )
            trouble.is_repeated = True
            raise trouble

    def end_back_off(self) -> None:
        """Try again with the next that is to be written."""
        self._backs_off_until = 0.0


def _check_seconds(name: str, seconds: Any) -> None:
    if type(seconds) not in {int, float} or not 0 < seconds <= _LONGEST_SECONDS:
        raise JobStoreError(
            f"expected {name} to be a number of seconds above 0, and at most {_LONGEST_SECONDS}, got {seconds!r}"
        )
