"""Saves the jobs, results, sessions and tokens of the service, in an SQLite file.

The event loop of the service has the only connection, with an exclusive lock on the file. So no second service can run
the same jobs. When a method that writes returns, its change is saved, even if the process dies right after. If the
change cannot be saved, the method raises :class:`NotWritten`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import sqlalchemy as sql
from attrs import define, field
from sqlalchemy.pool import StaticPool

FORMAT: Final = 1
"""The version of the tables."""

_tables: Final = sql.MetaData()
_LATER: Final = (
    sql.Column("cost", sql.Integer),
    sql.Column("calibration_id", sql.String),
    sql.Column("instance", sql.String),
    sql.Column("charged", sql.Float),
    sql.Column("workers", sql.String),
    sql.Column("is_oldest", sql.Boolean),
)
"""Columns that later versions added. They are nullable, since an earlier version does not fill them."""
_jobs: Final = sql.Table(
    "jobs",
    _tables,
    sql.Column("number", sql.Integer, primary_key=True),
    sql.Column("id", sql.String, unique=True, nullable=False),
    sql.Column("backend", sql.String, nullable=False),
    sql.Column("program", sql.String, nullable=False),
    sql.Column("tags", sql.String, nullable=False),
    sql.Column("session_id", sql.String),
    sql.Column("private", sql.Boolean, nullable=False),
    sql.Column("created", sql.String, nullable=False),
    sql.Column("status", sql.String, nullable=False),
    sql.Column("reason", sql.String),
    sql.Column("reason_code", sql.Integer),
    sql.Column("running", sql.String),
    sql.Column("finished", sql.String),
    sql.Column("has_result", sql.Boolean, nullable=False),
    sql.Column("was_read", sql.Boolean, nullable=False),
    sql.Column("estimate", sql.Float),
    sql.Column("client", sql.String),
    *_LATER,
)
_params: Final = sql.Table(
    "params",
    _tables,
    sql.Column("job_id", sql.String, primary_key=True),
    sql.Column("body", sql.LargeBinary, nullable=False),
)
_results: Final = sql.Table(
    "results",
    _tables,
    sql.Column("job_id", sql.String, primary_key=True),
    sql.Column("body", sql.LargeBinary, nullable=False),
)
_settings: Final = sql.Table(
    "settings", _tables, sql.Column("name", sql.String, primary_key=True), sql.Column("value", sql.String)
)


# Built once, since building a statement takes longer than executing it. The values are its parameters.
_ADD_JOB: Final = sql.insert(_jobs)
_ADD_PARAMS: Final = sql.insert(_params)
_REPLACE_RESULT: Final = sql.insert(_results).prefix_with("OR REPLACE")
_UPDATE_JOB: Final = sql.update(_jobs).where(_jobs.c.id == sql.bindparam("of_job"))
_BODY_OF: Final = {
    table: sql.select(table.c.body).where(table.c.job_id == sql.bindparam("of_job")) for table in (_params, _results)
}


class RecordsUnavailable(OSError):  # noqa: N818 - named for what it says
    """The folder cannot be used; the message says why."""


class NotWritten(Exception):  # noqa: N818 - named for what it says
    """A change could not be saved, and nothing was changed; the message says why."""


@define(eq=False)
class JobRecord:
    """One job of the service, without its parameters and its result, which may be large. Times are in UTC."""

    id: str
    backend: str
    program: str
    tags: list[str]
    session_id: str | None
    private: bool
    created: datetime
    status: str = "Queued"
    reason: str | None = None
    reason_code: int | None = None
    running: datetime | None = None
    finished: datetime | None = None
    has_result: bool = False
    """Whether there is a result that can be read."""
    was_read: bool = False
    """Whether the result of a private job was read, and is deleted."""
    estimate: float | None = None
    """The seconds that its device takes for it, as estimated from its parameters; ``None`` for a simulator."""
    client: str | None = None
    """The header of its client, as in ``qiskit-version-2/qiskit-2.6.2/ibm-circuit-job/0.1.0``."""
    cost: int | None = None
    """The most seconds that it may be charged; ``None`` for the limit of the service."""
    calibration_id: str | None = None
    """The calibration with which it is simulated; ``None`` for the newest."""
    instance: str | None = None
    """The instance (CRN) that pays for it; ``None`` for the first one."""
    charged: float | None = None
    """Seconds that it is charged; ``None`` until it has ended."""
    workers: list[str] = field(factory=list)
    """The names of the workers that executed it, one for each try."""
    is_oldest: bool | None = None
    """Whether it is one of the oldest kind, which only the account API of Classic has; see ``oldest_api``."""


_R = TypeVar("_R", bound=JobRecord)


class Records:
    """The saved jobs and settings of a service.

    Args:
        folder: The folder with the file. A missing folder is created, and only its owner can read it.

    Raises:
        RecordsUnavailable: If the folder cannot be used, another service uses it, or a newer version wrote it.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = folder / "service.sqlite"
            # SQLite would create a file that others can read. Its other files get the permissions of this one.
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
            # For a file that existed before, and that others could read.
            file.chmod(0o600)
        except OSError as error:
            raise RecordsUnavailable(f"the folder {folder} cannot be used: {error.strerror}") from None
        self._engine = sql.create_engine(
            sql.URL.create("sqlite", database=str(file)),
            poolclass=StaticPool,
            connect_args={"timeout": 0.2, "check_same_thread": False},
        )
        try:
            self._open()
        except sql.exc.OperationalError as error:
            self.close()
            why = "another service uses it" if "locked" in str(error.orig) else str(error.orig)
            raise RecordsUnavailable(f"the folder {folder} cannot be used: {why}") from None
        except (sql.exc.DatabaseError, RecordsUnavailable) as error:
            self.close()
            why = str(error.orig) if isinstance(error, sql.exc.DatabaseError) else str(error)
            raise RecordsUnavailable(f"the folder {folder} cannot be used: {why}") from None

    def _open(self) -> None:
        with self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA locking_mode = EXCLUSIVE")
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            # A process that dies loses nothing. A power cut may lose the last changes, but does not damage the file.
            connection.exec_driver_sql("PRAGMA synchronous = NORMAL")
            found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            if found > FORMAT:
                raise RecordsUnavailable(f"it was written by a newer version (format {found}, expected {FORMAT})")
            # The first write acquires the lock; in exclusive mode, the connection does not release it.
            connection.exec_driver_sql(f"PRAGMA user_version = {FORMAT}")
            connection.commit()
        _tables.create_all(self._engine)
        with self._engine.begin() as connection:
            existing = {row.name for row in connection.exec_driver_sql("PRAGMA table_info(jobs)")}
            for column in _LATER:
                if column.name not in existing:
                    # No injection: the names and types are constants of this module.
                    connection.exec_driver_sql(f"ALTER TABLE jobs ADD COLUMN {column.name} {column.type}")

    def close(self) -> None:
        """Close the file, and release its lock."""
        self._engine.dispose()

    def jobs(self, kind: type[_R]) -> Iterator[_R]:
        """Return all jobs as records of a class, in the order of their submission."""
        with self._engine.connect() as connection:
            for row in connection.execute(sql.select(_jobs).order_by(_jobs.c.number)).mappings():
                yield _record(row, kind)

    def add(self, job: JobRecord, params: bytes) -> None:
        """Save a new job and its parameters."""
        with self._writing() as connection:
            connection.execute(_ADD_PARAMS, {"job_id": job.id, "body": params})
            connection.execute(_ADD_JOB, _row(job))

    def update(self, job: JobRecord, result: bytes | None = None) -> None:
        """Save a job that has changed, and its result if one is given."""
        with self._writing() as connection:
            if result is not None:
                connection.execute(_REPLACE_RESULT, {"job_id": job.id, "body": result})
            connection.execute(_UPDATE_JOB, _row(job) | {"of_job": job.id})

    def delete(self, job: JobRecord) -> None:
        """Delete a job, its parameters and its result."""
        with self._writing() as connection:
            for table in (_params, _results):
                connection.execute(sql.delete(table).where(table.c.job_id == job.id))
            connection.execute(sql.delete(_jobs).where(_jobs.c.id == job.id))

    def params(self, job: JobRecord) -> bytes:
        """Return the parameters with which a job was submitted."""
        return self._body(_params, job) or b"{}"

    def result(self, job: JobRecord) -> bytes | None:
        """Return the bytes of the result of a job; ``None`` if it has none."""
        return self._body(_results, job)

    def sizes(self, job: JobRecord) -> tuple[int, int | None]:
        """Return the number of bytes of a job's parameters and of its result (``None`` if it has none)."""
        with self._engine.connect() as connection:
            params, result = (
                connection.execute(sql.select(sql.func.length(table.c.body)).where(table.c.job_id == job.id)).scalar()
                for table in (_params, _results)
            )
        return params or 0, result

    def delete_result(self, job: JobRecord) -> None:
        """Delete the result of a private job that was read."""
        read = {"has_result": False, "was_read": True}
        with self._writing() as connection:
            connection.execute(sql.delete(_results).where(_results.c.job_id == job.id))
            connection.execute(_UPDATE_JOB, _row(job) | read | {"of_job": job.id})
        job.has_result, job.was_read = False, True

    def setting(self, name: str, default: str) -> str:
        """Return the saved value of a setting; if there is none, save the default and return it."""
        with self._writing() as connection:
            saved = connection.execute(sql.select(_settings.c.value).where(_settings.c.name == name)).scalar()
            if saved is None:
                connection.execute(sql.insert(_settings).values(name=name, value=default))
            return default if saved is None else str(saved)

    def save_setting(self, name: str, value: str) -> None:
        """Save the value of a setting."""
        with self._writing() as connection:
            connection.execute(sql.insert(_settings).prefix_with("OR REPLACE").values(name=name, value=value))

    def settings(self, prefix: str) -> dict[str, str]:
        """Return the saved settings whose name starts with *prefix*: the rest of the name -> the value."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                sql.select(_settings).where(_settings.c.name.startswith(prefix, autoescape=True))
            ).all()
        return {name.removeprefix(prefix): value for name, value in rows}

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sql.Connection]:
        """Yield a connection in a transaction, which is committed at the end of the block.

        Raises:
            NotWritten: If the transaction cannot be committed, for example on a full disk.
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except sql.exc.SQLAlchemyError as error:
            why = error.orig if isinstance(error, sql.exc.DBAPIError) else error
            raise NotWritten(str(why)) from error

    def _body(self, table: sql.Table, job: JobRecord) -> bytes | None:
        with self._engine.connect() as connection:
            body = connection.execute(_BODY_OF[table], {"of_job": job.id}).scalar()
        return None if body is None else bytes(body)


def _row(job: JobRecord) -> dict[str, Any]:
    times = {
        name: None if moment is None else moment.isoformat()
        for name, moment in (("created", job.created), ("running", job.running), ("finished", job.finished))
    }
    return {
        "id": job.id,
        "backend": job.backend,
        "program": job.program,
        "tags": msgspec.json.encode(job.tags).decode(),
        "session_id": job.session_id,
        "private": job.private,
        "status": job.status,
        "reason": job.reason,
        "reason_code": job.reason_code,
        "has_result": job.has_result,
        "was_read": job.was_read,
        "estimate": job.estimate,
        "client": job.client,
        "cost": job.cost,
        "calibration_id": job.calibration_id,
        "instance": job.instance,
        "charged": job.charged,
        "workers": msgspec.json.encode(job.workers).decode(),
        "is_oldest": job.is_oldest,
        **times,
    }


def _record(row: Any, kind: type[_R]) -> _R:
    fields = {name: value for name, value in row.items() if name != "number"}
    fields["tags"] = msgspec.json.decode(fields["tags"], type=list[str])
    fields["workers"] = msgspec.json.decode(fields["workers"] or "[]", type=list[str])
    for name in ("created", "running", "finished"):
        text = fields[name]
        fields[name] = None if text is None else datetime.fromisoformat(text).astimezone(UTC)
    return kind(**fields)
