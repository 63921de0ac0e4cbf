"""The version of a store, and the steps that migrate an older store to the present version.

All steps run in one transaction, so a process that is killed during a migration leaves the store unchanged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, TypeAlias

import msgspec
import sqlalchemy as sql
from qiskit.providers.jobstatus import JobStatus
from sqlalchemy.schema import CreateIndex, CreateTable

from ibm_circuit_job.state.facts import Fact, JobDetails, JobMetrics, JobName, JobTags, StatusReport
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.transitions import merge, refresh
from ibm_circuit_job.store import schema, seals
from ibm_circuit_job.store.records import columns_of, derived_columns, read_record, service_columns, tag_rows
from ibm_circuit_job.store.trouble import Damaged
from ibm_circuit_job.wire import records

_logger: Final = logging.getLogger(__name__)
_JOBS_AT_ONCE: Final = 1000
"""The number of jobs that are read, changed and written at once."""
_JOBS_PER_LOG_LINE: Final = 10_000
"""The number of jobs after which the log reports the progress."""


def _make_tables(connection: sql.Connection) -> None:
    """Make the tables and indexes of a new store.

    Not by ``create_all``, which looks for each table first, and makes each text anew: that took half of the time in
    which a store is created.
    """
    for statement in _statements_that_make(schema.tables, _backend(connection)):
        connection.exec_driver_sql(statement)


def _backend(connection: sql.Connection) -> str:
    return f"{connection.dialect.name}+{connection.dialect.driver}"


@cache
def _statements_that_make(tables: sql.MetaData, backend: str) -> list[str]:
    """The statements that make the tables; for PostgreSQL, which takes several at once, all in one text."""
    made_for = sql.make_url(f"{backend}://").get_dialect()()
    made: list[str] = []
    for table in tables.sorted_tables:
        made.append(str(CreateTable(table, if_not_exists=True).compile(dialect=made_for)))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        made += [str(CreateIndex(index, if_not_exists=True).compile(dialect=made_for)) for index in indexes]
    return made if made_for.name == "sqlite" else [";".join(made)]


def _add_what_is_awaited(connection: sql.Connection) -> None:
    _add_columns(connection, "jobs", is_awaited="BOOLEAN NOT NULL DEFAULT TRUE")
    _add_columns(connection, "jobs", result_is_gone="BOOLEAN NOT NULL DEFAULT FALSE")


def _add_columns_of_filters(connection: sql.Connection) -> None:
    """Copy fields that queries filter by into columns, join records field by field, and add an index per listing."""
    if "moment" in _columns_of(connection, "jobs"):
        return
    for name in ("jobs_by_moment", "jobs_by_tag"):
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS {name}")
    # The column had a digest. Programs of the old version do not find it any more, so they cannot write here.
    connection.exec_driver_sql("ALTER TABLE jobs RENAME COLUMN backend_digest TO backend")
    text, seconds, whole = "VARCHAR", "DOUBLE PRECISION", "BIGINT"
    _add_columns(
        connection,
        "jobs",
        **dict.fromkeys(("program", "session_id", "instance"), text),
        **dict.fromkeys(("usage_seconds", "queued_seconds", "run_seconds"), seconds),
        **dict.fromkeys(("inputs_stamp", "payload_stamp"), whole),
        moment="BIGINT NOT NULL DEFAULT 0",
        unfinished="BOOLEAN NOT NULL DEFAULT FALSE",
    )
    _add_columns(connection, "history", stamp=whole)
    connection.exec_driver_sql("DROP TABLE tags")
    connection.execute(CreateTable(schema.tags))
    _fill(connection)
    for table in (schema.jobs, schema.tags):
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            connection.execute(CreateIndex(index))


def _columns_of(connection: sql.Connection, table: str) -> set[str]:
    return {column["name"] for column in sql.inspect(connection).get_columns(table)}


def _add_columns(connection: sql.Connection, table: str, **kinds: str) -> None:
    """Add columns to a table of an older store. In a new store the first step has made them."""
    there = _columns_of(connection, table)
    for name, kind in kinds.items():
        if name not in there:
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")


def _add_digests(connection: sql.Connection) -> None:
    """Add a digest of each job's row, and a digest of its history."""
    if "digest" in _columns_of(connection, "jobs"):
        return
    _add_columns(connection, "jobs", history_digest="VARCHAR", digest="VARCHAR")
    jobs, history = schema.jobs, schema.history
    key = _key_of_row(connection)
    change = sql.update(jobs).where(key == sql.bindparam("of_row"))
    columns = [jobs.c[name] for name in seals.SEALED]
    for rows in _rows(connection, columns, key):
        facts: dict[str, list[seals.Row]] = {}
        of_jobs = (
            sql.select(history.c.job_id, history.c.number, history.c.digest)
            .join_from(jobs, history, history.c.job_id == jobs.c.job_id)
            .where(key >= rows[0]["row_key"], key <= rows[-1]["row_key"])
        )
        for fact in connection.execute(of_jobs).mappings():
            facts.setdefault(fact["job_id"], []).append(fact)
        sealed = [
            {**row, "history_digest": seals.with_facts(seals.NO_HISTORY, facts.get(row["job_id"], []))} for row in rows
        ]
        connection.execute(
            change,
            [
                {
                    "of_row": row["row_key"],
                    "history_digest": row["history_digest"],
                    "digest": seals.digest_of_job(row),
                }
                for row in sealed
            ],
        )


def _add_place_of_payloads(connection: sql.Connection) -> None:
    """Add the tables for the place of payloads, and for payloads to delete there."""
    schema.tables.create_all(connection, tables=[schema.settings, schema.unused_bodies])


def _add_leases(connection: sql.Connection) -> None:
    """Add the tables of leases; see ``leases``."""
    for table in (schema.watchers, schema.leases):
        table.create(connection, checkfirst=True)


MIGRATIONS: list[Callable[[sql.Connection], None]] = [
    _make_tables,
    _add_what_is_awaited,
    _add_columns_of_filters,
    _add_digests,
    _add_place_of_payloads,
    _add_leases,
]
"""The steps: the first makes a store of the present version from an empty database, the second makes version 2 from
version 1, and so on. Each of these adds what a store of the version before it lacks."""


class NotOurs(Exception):  # noqa: N818 - named for what it says
    """The database belongs to another program, or to a newer version. The message says which."""


_TABLE_NAMES: Final = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'",
    "postgresql": (
        "SELECT relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace "
        "WHERE relkind IN ('r', 'p') AND nspname <> 'pg_catalog' AND pg_catalog.pg_table_is_visible(pg_class.oid)"
    ),
}
"""The query for the names of the tables that statements without a schema find, by dialect."""
_VERSION: Final = f"SELECT max(version) FROM {schema.version.name}"  # noqa: S608 - of constants


def version_of(connection: sql.Connection) -> int:
    """Return the version of a store; 0 if the database has no store yet.

    Raises:
        NotOurs: If the database belongs to another program, or to a newer version.
    """
    # Not by an Inspector, whose query is compiled anew for each store: that took a quarter of the time of opening one.
    names = set(connection.exec_driver_sql(_TABLE_NAMES[connection.dialect.name]).scalars())
    if schema.version.name not in names:
        # Other programs may have tables in a database of PostgreSQL, but not in a store's file.
        others = names if connection.dialect.name == "sqlite" else names & {*schema.tables.tables}
        if others:
            raise NotOurs("it is a database of another program; name another file or database")
        return 0
    found = connection.exec_driver_sql(_VERSION).scalar()
    if found is None:
        return 0
    if type(found) is not int or found < 0:
        # SQLite does not check the types of values.
        raise NotOurs(f"it is a database of another program, or damaged: its version is {found!r}")
    if found > len(MIGRATIONS):
        raise NotOurs(_newer(found))
    return found


def _newer(found: int) -> str:
    return (
        f"it has version {found}, and this version of ibm-circuit-job reads versions up to {len(MIGRATIONS)}; "
        "use a newer version of ibm-circuit-job"
    )


class Migrated(Exception):  # noqa: N818 - named for what it says
    """A newer version has migrated the store since this process opened it."""


def check_version(connection: sql.Connection) -> None:
    """Check that no newer version has migrated the store since it was opened.

    No process can migrate the store before the transaction ends. SQLite has one writer at a time. In PostgreSQL, this
    query locks the table of the version until the transaction ends.

    Raises:
        Migrated: If a newer version has migrated the store.
    """
    if connection.dialect.name == "sqlite":
        # This is in the header of the file, which SQLite reads for each transaction anyway.
        found = connection.exec_driver_sql("PRAGMA user_version").scalar()
    else:
        found = connection.exec_driver_sql(_VERSION).scalar()
    if type(found) is int and found > len(MIGRATIONS):
        raise Migrated(f"a newer version has migrated it since it was opened: {_newer(found)}")


def migrate(connection: sql.Connection) -> None:
    """Create a store in an empty database, or migrate an older store, within the transaction of *connection*.

    Raises:
        NotOurs: If the database belongs to another program, or to a newer version.
    """
    if connection.dialect.name == "postgresql":
        # If two processes create the store at once, the second one waits here.
        connection.execute(sql.select(sql.func.pg_advisory_xact_lock(_LOCK)))
    found = version_of(connection)
    for statement in _statements_that_make(schema.version.metadata, _backend(connection)):
        connection.exec_driver_sql(statement)
    if connection.dialect.name == "postgresql":
        # Waits for transactions that have checked the version, and blocks those that are about to.
        connection.exec_driver_sql("LOCK TABLE store_version IN ACCESS EXCLUSIVE MODE")
    if connection.dialect.name == "sqlite":
        # With the default cache, pages are written to the log repeatedly: the rows of one job are on many pages.
        connection.exec_driver_sql(f"PRAGMA cache_size = -{_CACHE_KILOBYTES}")
    for step in MIGRATIONS[found:] if found else MIGRATIONS[:1]:
        step(connection)
    reached = ", ".join(f"({number})" for number in range(found + 1, len(MIGRATIONS) + 1))
    if reached:
        connection.exec_driver_sql(f"INSERT INTO {schema.version.name} (version) VALUES {reached}")  # noqa: S608 - numbers
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA user_version = {len(MIGRATIONS)}")
        # The connection is used again. With the large cache, the first large body would fill that memory.
        connection.exec_driver_sql(f"PRAGMA cache_size = {_DEFAULT_CACHE}")


_CACHE_KILOBYTES: Final = 256 * 1024
"""The memory in kilobytes that SQLite may use for its cache during a migration."""
_DEFAULT_CACHE: Final = -2000
"""The default of SQLite for ``cache_size``; a negative number counts kilobytes."""
_LOCK: Final = 0x69626D6A6F62
"""The number of PostgreSQL's advisory lock for creating and migrating a store."""


# From version 2 to 3


def _fill(connection: sql.Connection) -> None:
    """Fill the new columns of all jobs from their records and histories, in portions.

    SQL alone cannot do this: SQLite and PostgreSQL share no function for a SHA-256, PostgreSQL reads no JSON with null
    characters, and one damaged record would stop the statement.
    """
    jobs = schema.jobs
    count = connection.execute(sql.select(sql.func.count()).select_from(jobs)).scalar_one()
    is_long = count > _JOBS_PER_LOG_LINE
    if is_long:
        _logger.warning("Migrating the store to a new version, once: %d jobs", count)
    done = 0
    connection.execute(sql.update(jobs).where(jobs.c.service.is_(None)).values(service=""))
    key = _key_of_row(connection)
    change = sql.update(jobs).where(key == sql.bindparam("of_row"))
    for rows, facts in _portions(connection, key):
        filled = [_filled(row, facts.get(row["job_id"], [])) for row in rows]
        for kind in {frozenset(values) for values, _ in filled}:
            alike = [
                {**values, "of_row": row["row_key"]}
                for row, (values, _) in zip(rows, filled, strict=True)
                if values.keys() == kind
            ]
            connection.execute(change, alike)
        tags = [tag for values, job in filled if job is not None for tag in tag_rows(job, values["moment"])]
        if tags:
            connection.execute(sql.insert(schema.tags), tags)
        done += len(rows)
        if is_long and done // _JOBS_PER_LOG_LINE > (done - len(rows)) // _JOBS_PER_LOG_LINE:
            _logger.info("Migrating the store to a new version: %d of %d jobs done", done, count)


def _portions(connection: sql.Connection, key: Any) -> Iterator[tuple[list[sql.RowMapping], dict[str, list[str]]]]:
    """Yield rows of jobs, with the facts of their histories, by job, that may have more fields than the record."""
    jobs, history = schema.jobs, schema.history
    old = [column for column in jobs.c if column.name not in _NEW]
    for rows in _rows(connection, old, key):
        facts: dict[str, list[str]] = {}
        small = (
            sql.select(history.c.job_id, history.c.record)
            .join_from(jobs, history, history.c.job_id == jobs.c.job_id)
            .where(key >= rows[0]["row_key"], key <= rows[-1]["row_key"], history.c.slot.is_(None))
        )
        for job_id, record in connection.execute(small):
            if isinstance(record, str) and _kind_of(record):
                facts.setdefault(job_id, []).append(record)
        yield rows, facts


def _key_of_row(connection: sql.Connection) -> Any:
    """The column that sorts the rows of jobs in the order of the file."""
    return sql.literal_column("jobs.rowid") if connection.dialect.name == "sqlite" else schema.jobs.c.job_id


def _rows(connection: sql.Connection, columns: Sequence[Any], key: Any) -> Iterator[list[sql.RowMapping]]:
    """Yield the rows of all jobs in portions, each row with its key."""
    query = sql.select(*columns, key.label("row_key")).order_by(key).limit(_JOBS_AT_ONCE)
    last: Any = None
    while rows := list(connection.execute(query if last is None else query.where(key > last)).mappings()):
        yield rows
        last = rows[-1]["row_key"]


_NEW: Final = frozenset(
    {"program", "session_id", "instance", "moment", "unfinished", "inputs_stamp", "payload_stamp"}
    | {"usage_seconds", "queued_seconds", "run_seconds", "history_digest", "digest"}
)
"""The columns that versions 3 and 4 have added."""


def _kind_of(record: str) -> str | None:
    """The kind of a fact with fields that a newer fact of its kind may lack; ``None`` for other facts.

    The search in the JSON text is safe: inside a JSON string, quotes have a backslash.
    """
    for sign in ('"details":{', '"metrics":{'):
        if sign in record:
            return sign
    has_reason = '"reason":"' in record or ('"reason_code":' in record and '"reason_code":null' not in record)
    return "reason" if has_reason else None


def _filled(row: sql.RowMapping, history: list[str]) -> tuple[dict[str, Any], Job | None]:
    """The new values of a row, and its record; ``None`` if the record is damaged, so that no column copies it."""
    service = row["service"] if isinstance(row["service"], str) and row["service"].isprintable() else None
    values: dict[str, Any] = {
        "instance": service_columns(service)["instance"],
        "inputs_stamp": row["inputs_at"],
        "payload_stamp": row["payload_at"],
    }
    said = _said(row["record"])
    try:
        saved = _record(row["record"], said)
    except Damaged:
        # The record is restored from the history when the job is saved.
        return {**values, **derived_columns({**row})}, None
    job = _joined(saved, said, history)
    if job is not saved:
        values["record"] = records.to_json(job).decode()
    values |= columns_of(job)
    return {**values, **derived_columns({**row, **values})}, job if job.job_id == row["job_id"] else None


def _joined(saved: Job, said: _Said | None, history: list[str]) -> Job:
    """The record, merged with its history. Before version 3, a record had only the newest fact of each kind."""
    job = saved
    for text in history:
        before = _said(text)
        if said is None or before is None or _says_more(before, said):
            try:
                job = merge(job, _record(text, before))
            except (Damaged, ValueError):
                # Only this fact is lost.
                continue
    return job


def _says_more(before: _Said, newest: _Said) -> bool:
    """Whether a fact has a field that the newest fact of its kind lacks."""
    for slot in ("status", "details", "metrics"):
        old, new = before.get(slot), newest.get(slot)
        if old is None:
            continue
        if new is None:
            return True
        for name, value in old.items():
            if name in _OF_PAIRS:
                if not {key for key, _ in value} <= {key for key, text in new[name] if text != "null"}:
                    return True
            elif value is not None and new[name] is None:
                return True
    return False


_OF_PAIRS: Final = ("unknown", "timestamps")
"""The fields that are lists of pairs of a name and a value. Each name counts as a field."""
_Said: TypeAlias = Mapping[str, Any]
"""The decoded JSON of a record: slot -> fact."""


def _said(text: Any) -> _Said | None:
    """The decoded JSON of a record in the format of versions 1 and 2; ``None`` for any other text."""
    try:
        whole = msgspec.json.decode(text)
        said: _Said = whole["job"]
        if whole["format"] == 1 and all(isinstance(said[slot], dict | None) for slot in _KINDS):
            return said
    except Exception:  # noqa: BLE001 - read_record() raises the error for this text
        return None
    return None


def _record(text: Any, said: _Said | None) -> Job:
    """Return a record; quickly if its JSON is already decoded."""
    if said is None:
        return read_record(text)
    try:
        facts = [_fact(kind, dict(said[slot])) for slot, kind in _KINDS.items() if said[slot] is not None]
        return refresh(Job(said["job_id"]), *facts)
    except Exception:  # noqa: BLE001 - as above
        return read_record(text)


_KINDS: Final[Mapping[str, type[Any]]] = {
    "status": StatusReport,
    "details": JobDetails,
    "metrics": JobMetrics,
    "retagged": JobTags,
    "renamed": JobName,
}
_MOMENTS: Final = ("observed_at", "created", "estimated_start", "estimated_completion")


def _fact(kind: type[Any], said: dict[str, Any]) -> Fact:
    for name in _MOMENTS:
        if said.get(name) is not None:
            said[name] = datetime.fromisoformat(said[name])
    if kind is StatusReport:
        said["status"] = JobStatus[said["status"]]
    if kind is JobMetrics:
        said["timestamps"] = [(step, datetime.fromisoformat(at)) for step, at in said["timestamps"]]
    fact: Fact = kind(**said)
    return fact
