"""The tables of a store.

Times are whole microseconds since 1970, UTC, so that they are ordered and exact in any database. Texts that a service
or a user chose stand within JSON. Where a query looks for one, :func:`key_of` says what the column has: a database may
refuse some texts, and an index has no room for long ones.

Each listing has an index of its own: the column that it looks for, then the moment, then the ID. So the first jobs of a
listing are read in their order, and no others, whatever the size of the store. ``migration`` makes a store of an older
version like this.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sql

tables: Final = sql.MetaData()

jobs: Final = sql.Table(
    "jobs",
    tables,
    sql.Column("job_id", sql.String, primary_key=True),
    # The service that has the job; empty where it is not known.
    sql.Column("service", sql.String),
    # The Job as JSON, but for the bodies of its inputs and its result.
    sql.Column("record", sql.Text, nullable=False),
    # Copies of what the record says, for queries. Of texts, the key; empty where it does not say.
    sql.Column("status", sql.String),
    sql.Column("has_ended", sql.Boolean, nullable=False),
    sql.Column("backend", sql.String),
    sql.Column("program", sql.String),
    sql.Column("session_id", sql.String),
    # The instance, of which the service's name says it: the CRN, or hub/group/project.
    sql.Column("instance", sql.String),
    sql.Column("created", sql.BigInteger),
    sql.Column("first_seen", sql.BigInteger, nullable=False),
    # When the job was created; where that is not known, when it was first seen. Listings are in this order.
    sql.Column("moment", sql.BigInteger, nullable=False),
    # The seconds of quantum time that the service charges for; those between two steps: created, running, finished.
    sql.Column("usage_seconds", sql.Double),
    sql.Column("queued_seconds", sql.Double),
    sql.Column("run_seconds", sql.Double),
    # Where the bodies are that the record leaves out, when they were seen, and the stamps that order them.
    sql.Column("inputs_at", sql.BigInteger),
    sql.Column("inputs_stamp", sql.BigInteger),
    sql.Column("inputs_sha256", sql.String, sql.ForeignKey("bodies.sha256")),
    # Whether one of the bodies is a result, and not where it lies, or a page that says that there is none now.
    sql.Column("has_result", sql.Boolean, nullable=False),
    sql.Column("payload_at", sql.BigInteger),
    sql.Column("payload_stamp", sql.BigInteger),
    sql.Column("payload_sha256", sql.String, sql.ForeignKey("bodies.sha256")),
    # Whether it was seen before it had ended, or something has arrived of its result, so that a caller waits for that.
    sql.Column("is_awaited", sql.Boolean, nullable=False),
    # Whether its result was read by another program, and can be read only once.
    sql.Column("result_is_gone", sql.Boolean, nullable=False),
    # Whether it has not ended, or its result is awaited and not here.
    sql.Column("unfinished", sql.Boolean, nullable=False),
    # Of the rows of its history, and of this row; see ``seals``.
    sql.Column("history_digest", sql.String),
    sql.Column("digest", sql.String),
    # Each listing: what it looks for, in its order.
    *(
        sql.Index(f"jobs_by_{name}", *columns, "moment", "job_id")
        for name, columns in {
            "moment": (),
            "service": ("service",),
            "status": ("status",),
            "backend": ("backend",),
            "program": ("program",),
            "session": ("session_id",),
        }.items()
    ),
    # A body that is deleted is looked for in these.
    sql.Index("jobs_by_inputs", "inputs_sha256"),
    sql.Index("jobs_by_payload", "payload_sha256"),
)
is_unfinished: Final = jobs.c.unfinished.is_(True)
"""The condition of the index of unfinished jobs. A query that is to use it says it in these words."""
sql.Index("jobs_unfinished", jobs.c.moment, jobs.c.job_id, sqlite_where=is_unfinished, postgresql_where=is_unfinished)
tags: Final = sql.Table(
    "tags",
    tables,
    sql.Column("job_id", sql.String, sql.ForeignKey("jobs.job_id"), primary_key=True),
    # The key of the tag.
    sql.Column("tag", sql.String, primary_key=True),
    # That of the job.
    sql.Column("moment", sql.BigInteger, nullable=False),
    sql.Index("jobs_by_tag", "tag", "moment", "job_id"),
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
    # The stamp of a body, where it is not that of the time at which it was seen.
    sql.Column("stamp", sql.BigInteger),
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
settings: Final = sql.Table(
    "settings",
    tables,
    # ``payloads``: the URL of the place outside of the database in which bodies lie that have no parts here.
    sql.Column("name", sql.String, primary_key=True),
    sql.Column("value", sql.Text, nullable=False),
)
unused_bodies: Final = sql.Table(
    "unused_bodies",
    tables,
    # Of a payload that is to be deleted from that place, as no row refers to it any more.
    sql.Column("sha256", sql.String, primary_key=True),
)
watchers: Final = sql.Table(
    "job_watchers",
    tables,
    # A process that waits for jobs, and when it was last known to live: seconds by the clock of the database.
    sql.Column("watcher", sql.String, primary_key=True),
    sql.Column("renewed", sql.Double, nullable=False),
)
leases: Final = sql.Table(
    "job_leases",
    tables,
    # Which of them asks the service for a job that several wait for; see ``state.watching``.
    sql.Column("job_id", sql.String, primary_key=True),
    sql.Column("watcher", sql.String, nullable=False),
    sql.Index("leases_by_watcher", "watcher"),
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


version: Final = sql.Table("store_version", sql.MetaData(), sql.Column("version", sql.Integer, primary_key=True))
"""The versions that a store has had; the largest is the one that it has."""


def digest_of(text: str) -> str:
    """Return the SHA-256 of a text, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def key_of(text: str | None) -> str:
    """Return what a column that is looked for has of a text: the text itself, or its digest; empty for ``None``.

    Any database takes what is printable and ASCII. What is not, or is long, is looked for by its digest.

    Example:
        >>> key_of("ibm_torino"), key_of("naïve")[:12], key_of(None)
        ('ibm_torino', 'sha256:f86fd', '')
    """
    if text is None:
        return ""
    # A text that looks like a digest is one, so that no two texts have one key; an empty one is not "not said".
    is_plain = text.isascii() and text.isprintable() and 0 < len(text) <= _LONGEST_KEY
    return text if is_plain and not text.startswith(_DIGEST) else f"{_DIGEST}{digest_of(text)}"


def is_digest(key: str) -> bool:
    """Return whether a key is the digest of a text, and not the text itself.

    Example:
        >>> is_digest(key_of("naïve")), is_digest(key_of("ibm_torino"))
        (True, False)
    """
    return key.startswith(_DIGEST)


_DIGEST: Final = "sha256:"
_LONGEST_KEY: Final = 200


def moment_of(micros: int) -> datetime:
    """Return the time of so many microseconds since 1970, UTC."""
    return _EPOCH + timedelta(microseconds=micros)
