"""What the service must not forget: its jobs, results, tags, sessions and tokens, in an SQLite file.

One connection, held by the service's event loop, and an exclusive lock on the file, so that no second service runs the
same jobs. What a method has written when it returns survives the death of the process. A method that writes raises
:class:`NotWritten` if it cannot.
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
"""Columns that tables of earlier versions do not have; an earlier version leaves them empty."""
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


# Made once: to build a statement takes longer than to execute it. Its values are given as parameters.
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
    """Something could not be written down, and what is there is as it was; the message says why."""


@define(eq=False)
class JobRecord:
    """One job of the service, without what may be large: its parameters and its result."""

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
    """Whether there is a body to be read."""
    was_read: bool = False
    """Whether the result of a private job was read, and is gone."""
    estimate: float | None = None
    """How many seconds its backend takes for it; ``None`` for a simulator."""
    client: str | None = None
    """What the client said of itself, as in ``qiskit-version-2/qiskit-2.6.2/ibm-circuit-job/0.1.0``."""
    cost: int | None = None
    """The most seconds that it may be charged; the service's own limit by default."""
    calibration_id: str | None = None
    """The calibration that it asked for; the newest by default."""
    instance: str | None = None
    """The instance (CRN) that pays for it; the first one by default."""
    charged: float | None = None
    """Seconds that it is charged; ``None`` until it has ended."""
    workers: list[str] = field(factory=list)
    """The names of the workers that have executed it, one for each try."""
    is_oldest: bool | None = None
    """Whether it was aged: only the account's API of the legacy dialect has it, see ``oldest_api``."""


_R = TypeVar("_R", bound=JobRecord)


class Records:
    """The jobs of a service, and what else it must not forget.

    Args:
        folder: Where they are kept. It is made, for its owner alone, where it is not there.

    Raises:
        RecordsUnavailable: If the folder cannot be used, another service uses it, or a newer version wrote it.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = folder / "service.sqlite"
            # Made here, since SQLite would let others read it; the files beside it are like it.
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
            # Also where it was there, and open to others.
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
            # The death of the process loses nothing; a power cut may lose the last moments, but not the file.
            connection.exec_driver_sql("PRAGMA synchronous = NORMAL")
            found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            if found > FORMAT:
                raise RecordsUnavailable(f"it was written by a newer version (format {found}, expected {FORMAT})")
            # A write takes the lock, and keeps it.
            connection.exec_driver_sql(f"PRAGMA user_version = {FORMAT}")
            connection.commit()
        _tables.create_all(self._engine)
        with self._engine.begin() as connection:
            there = {row.name for row in connection.exec_driver_sql("PRAGMA table_info(jobs)")}
            for column in _LATER:
                if column.name not in there:
                    # The names and types stand above; nothing of them was given by anyone.
                    connection.exec_driver_sql(f"ALTER TABLE jobs ADD COLUMN {column.name} {column.type}")

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def jobs(self, kind: type[_R]) -> Iterator[_R]:
        """Return all jobs, in the order of their submission."""
        with self._engine.connect() as connection:
            for row in connection.execute(sql.select(_jobs).order_by(_jobs.c.number)).mappings():
                yield _record(row, kind)

    def add(self, job: JobRecord, params: bytes) -> None:
        """Keep a new job."""
        with self._writing() as connection:
            connection.execute(_ADD_PARAMS, {"job_id": job.id, "body": params})
            connection.execute(_ADD_JOB, _row(job))

    def update(self, job: JobRecord, result: bytes | None = None) -> None:
        """Keep what has changed of a job, and its result with it."""
        with self._writing() as connection:
            if result is not None:
                connection.execute(_REPLACE_RESULT, {"job_id": job.id, "body": result})
            connection.execute(_UPDATE_JOB, _row(job) | {"of_job": job.id})

    def delete(self, job: JobRecord) -> None:
        """Forget a job."""
        with self._writing() as connection:
            for table in (_params, _results):
                connection.execute(sql.delete(table).where(table.c.job_id == job.id))
            connection.execute(sql.delete(_jobs).where(_jobs.c.id == job.id))

    def params(self, job: JobRecord) -> bytes:
        """Return the parameters with which a job was submitted."""
        return self._body(_params, job) or b"{}"

    def result(self, job: JobRecord) -> bytes | None:
        """Return the body of a job's result."""
        return self._body(_results, job)

    def sizes(self, job: JobRecord) -> tuple[int, int | None]:
        """Return how many bytes the parameters of a job have, and its result; ``None`` where there is no result."""
        with self._engine.connect() as connection:
            params, result = (
                connection.execute(sql.select(sql.func.length(table.c.body)).where(table.c.job_id == job.id)).scalar()
                for table in (_params, _results)
            )
        return params or 0, result

    def forget_result(self, job: JobRecord) -> None:
        """Delete the result of a private job that was read."""
        read = {"has_result": False, "was_read": True}
        with self._writing() as connection:
            connection.execute(sql.delete(_results).where(_results.c.job_id == job.id))
            connection.execute(_UPDATE_JOB, _row(job) | read | {"of_job": job.id})
        job.has_result, job.was_read = False, True

    def setting(self, name: str, default: str) -> str:
        """Return what is kept under a name; the default is kept where nothing is."""
        with self._writing() as connection:
            kept = connection.execute(sql.select(_settings.c.value).where(_settings.c.name == name)).scalar()
            if kept is None:
                connection.execute(sql.insert(_settings).values(name=name, value=default))
            return default if kept is None else str(kept)

    def keep_setting(self, name: str, value: str) -> None:
        """Keep something under a name."""
        with self._writing() as connection:
            connection.execute(sql.insert(_settings).prefix_with("OR REPLACE").values(name=name, value=value))

    def settings(self, prefix: str) -> dict[str, str]:
        """Return all that is kept under names that begin like this, by the rest of the name."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                sql.select(_settings).where(_settings.c.name.startswith(prefix, autoescape=True))
            ).all()
        return {name.removeprefix(prefix): value for name, value in rows}

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sql.Connection]:
        """A transaction that is written when the block ends.

        Raises:
            NotWritten: If it cannot be, as on a full disk.
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
