"""Stores as versions 1 to 3 wrote them, all with the same jobs. ``stores/`` has their rows, and an archive."""

import json
from pathlib import Path

import sqlalchemy as sql

STORES = Path(__file__).parent / "stores"
ARCHIVE = STORES / "archive_of_format_1"
SINCE_VERSION_2 = {"is_awaited", "result_is_gone"}
LISTINGS = {
    "moment": (),
    "service": ("service",),
    "status": ("status",),
    "backend": ("backend",),
    "program": ("program",),
    "session": ("session_id",),
}
"""The indexes of version 3, each over these columns, the moment and the ID."""


def tables_of(version):
    """The tables of a version, which are not to change with those of today."""
    made, text, number, seconds = sql.MetaData(), sql.String, sql.BigInteger, sql.Double
    is_third = version > 2
    jobs = [
        sql.Column("job_id", text, primary_key=True),
        sql.Column("service", text),
        sql.Column("record", sql.Text, nullable=False),
        sql.Column("status", text),
        sql.Column("has_ended", sql.Boolean, nullable=False),
        sql.Column("backend" if is_third else "backend_digest", text),
        sql.Column("created", number),
        sql.Column("first_seen", number, nullable=False),
        sql.Column("inputs_at", number),
        sql.Column("inputs_sha256", text, sql.ForeignKey("bodies.sha256")),
        sql.Column("has_result", sql.Boolean, nullable=False),
        sql.Column("payload_at", number),
        sql.Column("payload_sha256", text, sql.ForeignKey("bodies.sha256")),
        sql.Column("is_awaited", sql.Boolean, nullable=False),
        sql.Column("result_is_gone", sql.Boolean, nullable=False),
    ]
    new = [
        *(sql.Column(name, text) for name in ("program", "session_id", "instance")),
        *(sql.Column(name, seconds) for name in ("usage_seconds", "queued_seconds", "run_seconds")),
        *(sql.Column(name, number) for name in ("inputs_stamp", "payload_stamp")),
        sql.Column("moment", number, nullable=False),
        sql.Column("unfinished", sql.Boolean, nullable=False),
    ]
    columns = [column for column in jobs if version > 1 or column.name not in SINCE_VERSION_2]
    table = sql.Table("jobs", made, *columns, *(new if is_third else ()))
    if is_third:
        for name, looked_for in LISTINGS.items():
            sql.Index(f"jobs_by_{name}", *(table.c[column] for column in (*looked_for, "moment", "job_id")))
        sql.Index("jobs_by_inputs", table.c.inputs_sha256)
        sql.Index("jobs_by_payload", table.c.payload_sha256)
        unfinished = table.c.unfinished.is_(True)
        columns = (table.c.moment, table.c.job_id)
        sql.Index("jobs_unfinished", *columns, sqlite_where=unfinished, postgresql_where=unfinished)
    else:
        sql.Index("jobs_by_moment", sql.func.coalesce(table.c.created, table.c.first_seen), table.c.job_id)
    tag = "tag" if is_third else "tag_digest"
    sql.Table(
        "tags",
        made,
        sql.Column("job_id", text, sql.ForeignKey("jobs.job_id"), primary_key=True),
        sql.Column(tag, text, primary_key=True),
        *([sql.Column("moment", number, nullable=False)] if is_third else []),
        sql.Index("jobs_by_tag", *([tag, "moment", "job_id"] if is_third else [tag])),
    )
    sql.Table(
        "history",
        made,
        sql.Column("job_id", text, sql.ForeignKey("jobs.job_id"), primary_key=True),
        sql.Column("number", sql.Integer, primary_key=True),
        sql.Column("digest", text, nullable=False),
        sql.Column("record", sql.Text),
        sql.Column("slot", text),
        sql.Column("observed_at", number, nullable=False),
        *([sql.Column("stamp", number)] if is_third else []),
        sql.Column("sha256", text, sql.ForeignKey("bodies.sha256")),
        sql.UniqueConstraint("job_id", "digest"),
        sql.Index("history_by_body", "sha256"),
    )
    sql.Table("bodies", made, sql.Column("sha256", text, primary_key=True), sql.Column("size", number, nullable=False))
    sql.Table(
        "body_parts",
        made,
        sql.Column("sha256", text, sql.ForeignKey("bodies.sha256", ondelete="CASCADE"), primary_key=True),
        sql.Column("part", sql.Integer, primary_key=True),
        sql.Column("data", sql.LargeBinary, nullable=False),
    )
    sql.Table("store_version", made, sql.Column("version", sql.Integer, primary_key=True))
    return made


def make_older(url, version):
    """Make a store of an older version, with jobs of all kinds, at the URL of an empty database."""
    rows = json.loads((STORES / f"version_{max(version, 2)}.json").read_text())
    tables = tables_of(version)
    engine = sql.create_engine(url)
    with engine.begin() as connection:
        tables.create_all(connection)
        for name in ("bodies", "jobs", "tags", "history", "body_parts"):
            columns = tables.tables[name].columns.keys()
            for row in rows[name]:
                if "data" in row:
                    row["data"] = bytes.fromhex(row["data"])
                connection.execute(sql.insert(tables.tables[name]), {key: row[key] for key in row if key in columns})
        for number in range(1, version + 1):
            connection.execute(sql.insert(tables.tables["store_version"]).values(version=number))
    engine.dispose()
