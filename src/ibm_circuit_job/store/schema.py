"""The tables of a store, and the steps by which an older store becomes a newer one.

Times are whole microseconds since 1970, UTC, so that they are ordered and exact in any database. Texts that a service
or a user chose are kept within JSON, or as digests where they are looked for: a database may refuse some of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sql
from sqlalchemy.schema import CreateIndex

tables: Final = sql.MetaData()

jobs: Final = sql.Table(
    "jobs",
    tables,
    sql.Column("job_id", sql.String, primary_key=True),
    # The service that has the job, where that is known.
    sql.Column("service", sql.String),
    # The Job as JSON, but for the bodies of its inputs and its result.
    sql.Column("record", sql.Text, nullable=False),
    # What is looked for: copies of what the record says.
    sql.Column("status", sql.String),
    sql.Column("has_ended", sql.Boolean, nullable=False),
    sql.Column("backend_digest", sql.String),
    sql.Column("created", sql.BigInteger),
    sql.Column("first_seen", sql.BigInteger, nullable=False),
    # Where the bodies are that the record leaves out, and when they were seen.
    sql.Column("inputs_at", sql.BigInteger),
    sql.Column("inputs_sha256", sql.String, sql.ForeignKey("bodies.sha256")),
    # Whether one of the bodies is a result, and not where it lies, or a page that says that there is none now.
    sql.Column("has_result", sql.Boolean, nullable=False),
    sql.Column("payload_at", sql.BigInteger),
    sql.Column("payload_sha256", sql.String, sql.ForeignKey("bodies.sha256")),
    # Whether it was seen before it had ended, or something has arrived of its result, so that somebody waits for that.
    sql.Column("is_awaited", sql.Boolean, nullable=False),
    # Whether its result was read by somebody else, and can be read only once.
    sql.Column("result_is_gone", sql.Boolean, nullable=False),
)
moment: Final = sql.func.coalesce(jobs.c.created, jobs.c.first_seen)
"""When a job was created, as far as anybody knows: what listings are ordered by."""
_by_moment: Final = sql.Index("jobs_by_moment", moment, jobs.c.job_id)
tags: Final = sql.Table(
    "tags",
    tables,
    sql.Column("job_id", sql.String, sql.ForeignKey("jobs.job_id"), primary_key=True),
    sql.Column("tag_digest", sql.String, primary_key=True),
    sql.Index("jobs_by_tag", "tag_digest"),
)
history: Final = sql.Table(
    "history",
    tables,
    sql.Column("job_id", sql.String, sql.ForeignKey("jobs.job_id"), primary_key=True),
    sql.Column("number", sql.Integer, primary_key=True),
    # Of the fact, so that no fact stands twice in the history of a job.
    sql.Column("digest", sql.String, nullable=False),
    # A Job that holds the fact and nothing else, as JSON; or which body it is, and when it was seen.
    sql.Column("record", sql.Text),
    sql.Column("slot", sql.String),
    sql.Column("observed_at", sql.BigInteger, nullable=False),
    sql.Column("sha256", sql.String, sql.ForeignKey("bodies.sha256")),
    sql.UniqueConstraint("job_id", "digest"),
    sql.Index("history_by_body", "sha256"),
)
bodies: Final = sql.Table(
    "bodies",
    tables,
    sql.Column("sha256", sql.String, primary_key=True),
    sql.Column("size", sql.BigInteger, nullable=False),
)
body_parts: Final = sql.Table(
    "body_parts",
    tables,
    sql.Column("sha256", sql.String, sql.ForeignKey("bodies.sha256", ondelete="CASCADE"), primary_key=True),
    sql.Column("part", sql.Integer, primary_key=True),
    # All parts together are one frame of Zstandard.
    sql.Column("data", sql.LargeBinary, nullable=False),
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def digest_of(text: str) -> str:
    """Return what a text is looked for by: of one length, and of signs that any database takes."""
    return hashlib.sha256(text.encode()).hexdigest()


def micros_of(moment: datetime) -> int:
    """Return the microseconds since 1970, UTC."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_of(micros: int) -> datetime:
    """Return the time that :func:`micros_of` made a number of."""
    return _EPOCH + timedelta(microseconds=micros)


_version: Final = sql.Table("store_version", sql.MetaData(), sql.Column("version", sql.Integer, primary_key=True))


def _make_tables(connection: sql.Connection) -> None:
    tables.create_all(connection)


def _add_what_is_awaited(connection: sql.Connection) -> None:
    _add_columns(connection, "jobs", is_awaited="BOOLEAN NOT NULL DEFAULT TRUE")
    _add_columns(connection, "jobs", result_is_gone="BOOLEAN NOT NULL DEFAULT FALSE")
    # The listings were ordered by another one.
    connection.execute(CreateIndex(_by_moment, if_not_exists=True))


def _add_columns(connection: sql.Connection, table: str, **kinds: str) -> None:
    """Add columns that an older store lacks; in a new one they are there from the first step."""
    there = {column["name"] for column in sql.inspect(connection).get_columns(table)}
    for name, kind in kinds.items():
        if name not in there:
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")


MIGRATIONS: list[Callable[[sql.Connection], None]] = [_make_tables, _add_what_is_awaited]
"""What makes version 1 of an empty database, version 2 of version 1, and so on. The first makes the tables as they are
today, and each of the others adds what a store of the version before it lacks."""


class NotOurs(Exception):  # noqa: N818 - named for what it says
    """The database is of another program, or of a newer version; the message says which."""


def version_of(connection: sql.Connection) -> int:
    """Return the version of a store; 0 where there is none yet.

    Raises:
        NotOurs: If the database is of another program, or of a newer version.
    """
    names = set(sql.inspect(connection).get_table_names())
    if _version.name not in names:
        # A database of PostgreSQL may be shared, a file is not.
        others = names if connection.dialect.name == "sqlite" else names & {*tables.tables}
        if others:
            raise NotOurs("it is a database of another program")
        return 0
    found = connection.execute(sql.select(sql.func.max(_version.c.version))).scalar()
    if found is None:
        return 0
    if type(found) is not int or found < 0:
        # SQLite keeps anything anywhere.
        raise NotOurs(f"it is a database of another program, or damaged: its version is {found!r}")
    if found > len(MIGRATIONS):
        raise NotOurs(
            f"it has version {found}, and this version of ibm-circuit-job knows versions up to "
            f"{len(MIGRATIONS)}; use a newer one"
        )
    return found


def migrate(connection: sql.Connection) -> None:
    """Make a store of an empty database, or bring an older store up to date, within one transaction.

    Raises:
        NotOurs: If the database is of another program, or of a newer version.
    """
    if connection.dialect.name == "postgresql":
        # Two processes that create it at once: the second waits for the first.
        connection.execute(sql.select(sql.func.pg_advisory_xact_lock(_LOCK)))
    found = version_of(connection)
    _version.create(connection, checkfirst=True)
    for number, step in enumerate(MIGRATIONS[found:], start=found + 1):
        step(connection)
        connection.execute(sql.insert(_version).values(version=number))


_LOCK: Final = 0x69626D6A6F62
"""The number of the lock that PostgreSQL holds while a store is made."""
