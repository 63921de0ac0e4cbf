"""The tables of a store.

Times are whole microseconds since 1970, UTC, so that every database sorts them exactly. Texts that a service or a user
has chosen are inside JSON. A column that queries filter by has the :func:`key_of` such a text, since a database may
refuse some characters, and an index has no room for long texts.

Each listing has its own index: the column to filter by, then the time, then the ID. So only the first jobs of a listing
are read, in order, whatever the size of the store. ``migration`` changes an older store to these tables.
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
    # The service that has the job; empty if unknown.
    sql.Column("service", sql.String),
    # The Job as JSON, without the bodies of its inputs and its result.
    sql.Column("record", sql.Text, nullable=False),
    # Copies of fields of the record, for queries. Texts as their key; empty if unknown.
    sql.Column("status", sql.String),
    sql.Column("has_ended", sql.Boolean, nullable=False),
    sql.Column("backend", sql.String),
    sql.Column("program", sql.String),
    sql.Column("session_id", sql.String),
    # The instance, from the name of the service: the CRN, or hub/group/project.
    sql.Column("instance", sql.String),
    sql.Column("created", sql.BigInteger),
    sql.Column("first_seen", sql.BigInteger, nullable=False),
    # When the job was created; if unknown, when it was first seen. Listings are in this order.
    sql.Column("moment", sql.BigInteger, nullable=False),
    # Seconds: the quantum time that the service charges, from creation to start, and from start to end.
    sql.Column("usage_seconds", sql.Double),
    sql.Column("queued_seconds", sql.Double),
    sql.Column("run_seconds", sql.Double),
    # References to the bodies of the job: when each was seen, its stamp, and its SHA-256.
    sql.Column("inputs_at", sql.BigInteger),
    sql.Column("inputs_stamp", sql.BigInteger),
    sql.Column("inputs_sha256", sql.String, sql.ForeignKey("bodies.sha256")),
    # Whether one of the bodies is a result. A link to the result, or an error page, is not.
    sql.Column("has_result", sql.Boolean, nullable=False),
    sql.Column("payload_at", sql.BigInteger),
    sql.Column("payload_stamp", sql.BigInteger),
    sql.Column("payload_sha256", sql.String, sql.ForeignKey("bodies.sha256")),
    # Whether the job was seen before it had ended, or a result reply has arrived: a program wants the result.
    sql.Column("is_awaited", sql.Boolean, nullable=False),
    # Whether the result is no longer available, since it could be read only once.
    sql.Column("result_is_gone", sql.Boolean, nullable=False),
    # Whether the job has not ended, or its result is awaited and has not arrived.
    sql.Column("unfinished", sql.Boolean, nullable=False),
    # The digest of its history, and the digest of this row; see ``seals``.
    sql.Column("history_digest", sql.String),
    sql.Column("digest", sql.String),
    # One index for each listing.
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
    # The foreign keys of a body are checked by these indexes when it is deleted.
    sql.Index("jobs_by_inputs", "inputs_sha256"),
    sql.Index("jobs_by_payload", "payload_sha256"),
)
is_unfinished: Final = jobs.c.unfinished.is_(True)
"""The condition of the index of unfinished jobs. Only a query with exactly this condition uses the index."""
sql.Index("jobs_unfinished", jobs.c.moment, jobs.c.job_id, sqlite_where=is_unfinished, postgresql_where=is_unfinished)
tags: Final = sql.Table(
    "tags",
    tables,
    sql.Column("job_id", sql.String, sql.ForeignKey("jobs.job_id"), primary_key=True),
    # The key of the tag.
    sql.Column("tag", sql.String, primary_key=True),
    # The moment of the job.
    sql.Column("moment", sql.BigInteger, nullable=False),
    sql.Index("jobs_by_tag", "tag", "moment", "job_id"),
)
history: Final = sql.Table(
    "history",
    tables,
    sql.Column("job_id", sql.String, sql.ForeignKey("jobs.job_id"), primary_key=True),
    sql.Column("number", sql.Integer, primary_key=True),
    # The digest of the fact, so that a history has each fact once.
    sql.Column("digest", sql.String, nullable=False),
    # A fact: a Job with this fact only, as JSON. A body: its slot, when it was seen, its stamp and its SHA-256.
    sql.Column("record", sql.Text),
    sql.Column("slot", sql.String),
    sql.Column("observed_at", sql.BigInteger, nullable=False),
    # The stamp of a body, if it differs from ``observed_at``.
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
    # ``payloads``: the URL of the place outside of the database for bodies without parts in it.
    sql.Column("name", sql.String, primary_key=True),
    sql.Column("value", sql.Text, nullable=False),
)
unused_bodies: Final = sql.Table(
    "unused_bodies",
    tables,
    # A payload to delete from that place, since no row refers to it any more.
    sql.Column("sha256", sql.String, primary_key=True),
)
watchers: Final = sql.Table(
    "job_watchers",
    tables,
    # A process that waits for jobs, and when it last reported: seconds since 1970, UTC, by the clock of the database.
    sql.Column("watcher", sql.String, primary_key=True),
    sql.Column("renewed", sql.Double, nullable=False),
)
leases: Final = sql.Table(
    "job_leases",
    tables,
    # The watcher that sends requests for a job; see ``state.watching``.
    sql.Column("job_id", sql.String, primary_key=True),
    sql.Column("watcher", sql.String, nullable=False),
    sql.Index("leases_by_watcher", "watcher"),
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


version: Final = sql.Table("store_version", sql.MetaData(), sql.Column("version", sql.Integer, primary_key=True))
"""All versions that a store has had. The largest is its present version."""


def digest_of(text: str) -> str:
    """Return the SHA-256 of a text, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def key_of(text: str | None) -> str:
    """Return the value of a column for a text that queries filter by: the text or its digest; empty for ``None``.

    A text of at most 200 printable ASCII characters is its own key, since every database accepts it. Any other text is
    represented by its digest.

    Example:
        >>> key_of("ibm_torino"), key_of("naïve")[:12], key_of(None)
        ('ibm_torino', 'sha256:f86fd', '')
    """
    if text is None:
        return ""
    # A text that looks like a digest is replaced too, so that all keys differ; so is an empty text, which is not None.
    is_plain = text.isascii() and text.isprintable() and 0 < len(text) <= _LONGEST_KEY
    return text if is_plain and not text.startswith(_DIGEST) else f"{_DIGEST}{digest_of(text)}"


def is_digest(key: str) -> bool:
    """Return whether a key is the digest of a text, not the text itself.

    Example:
        >>> is_digest(key_of("naïve")), is_digest(key_of("ibm_torino"))
        (True, False)
    """
    return key.startswith(_DIGEST)


_DIGEST: Final = "sha256:"
_LONGEST_KEY: Final = 200


def moment_of(micros: int) -> datetime:
    """Return a time, in UTC, from microseconds since 1970, UTC."""
    return _EPOCH + timedelta(microseconds=micros)
