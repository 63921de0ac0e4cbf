"""The versions of a store, and the steps by which an older store becomes one of this version.

All steps that a store needs are one transaction: a process that is killed in the midst leaves the store as it was.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
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
_AT_ONCE: Final = 1000
"""How many jobs are read before they are written."""
_WORTH_A_LINE: Final = 10_000
"""How many jobs take so long that a line in the log says how many are done."""


def _make_tables(connection: sql.Connection) -> None:
    schema.tables.create_all(connection)


def _add_what_is_awaited(connection: sql.Connection) -> None:
    _add_columns(connection, "jobs", is_awaited="BOOLEAN NOT NULL DEFAULT TRUE")
    _add_columns(connection, "jobs", result_is_gone="BOOLEAN NOT NULL DEFAULT FALSE")


def _add_what_is_looked_for(connection: sql.Connection) -> None:
    """Copy into columns what queries look for, join the records field by field, and make an index for each listing."""
    if "moment" in _columns_of(connection, "jobs"):
        return
    for name in ("jobs_by_moment", "jobs_by_tag"):
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS {name}")
    # It was a digest. A program of the version before finds it no more, and so writes nothing here.
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
    """Add columns that an older store lacks; in a new one they are there from the first step."""
    there = _columns_of(connection, table)
    for name, kind in kinds.items():
        if name not in there:
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")


def _add_digests(connection: sql.Connection) -> None:
    """Add the digest of each job's row, and that of its history."""
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
    """Add the tables that say in which place payloads lie, and which of them are to be deleted there."""
    schema.tables.create_all(connection, tables=[schema.settings, schema.unused_bodies])


def _add_leases(connection: sql.Connection) -> None:
    """Add the tables that say which process asks the service for a job that several wait for."""
    for table in (schema.watchers, schema.leases):
        table.create(connection, checkfirst=True)


MIGRATIONS: list[Callable[[sql.Connection], None]] = [
    _make_tables,
    _add_what_is_awaited,
    _add_what_is_looked_for,
    _add_digests,
    _add_place_of_payloads,
    _add_leases,
]
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
    if schema.version.name not in names:
        # A database of PostgreSQL may be shared, a file is not.
        others = names if connection.dialect.name == "sqlite" else names & {*schema.tables.tables}
        if others:
            raise NotOurs("it is a database of another program")
        return 0
    found = connection.execute(sql.select(sql.func.max(schema.version.c.version))).scalar()
    if found is None:
        return 0
    if type(found) is not int or found < 0:
        # SQLite keeps anything anywhere.
        raise NotOurs(f"it is a database of another program, or damaged: its version is {found!r}")
    if found > len(MIGRATIONS):
        raise NotOurs(_newer(found))
    return found


def _newer(found: int) -> str:
    return (
        f"it has version {found}, and this version of ibm-circuit-job knows versions up to {len(MIGRATIONS)}; "
        "use a newer one"
    )


class Migrated(Exception):  # noqa: N818 - named for what it says
    """A newer version has migrated the store since it was opened; the message says so."""


def check_version(connection: sql.Connection) -> None:
    """Refuse a transaction in a store that a newer version has migrated since it was opened.

    While the transaction lasts, no other process can migrate the store: SQLite has one writer, and in PostgreSQL the
    lock of the table that was read here lasts as long.

    Raises:
        Migrated: If that is so.
    """
    if connection.dialect.name == "sqlite":
        # In the header of the file, which is read anyway.
        found = connection.exec_driver_sql("PRAGMA user_version").scalar()
    else:
        found = connection.exec_driver_sql("SELECT max(version) FROM store_version").scalar()
    if type(found) is int and found > len(MIGRATIONS):
        raise Migrated(f"a newer version has migrated it since it was opened: {_newer(found)}")


def migrate(connection: sql.Connection) -> None:
    """Make a store of an empty database, or bring an older store up to date, within one transaction.

    Raises:
        NotOurs: If the database is of another program, or of a newer version.
    """
    if connection.dialect.name == "postgresql":
        # Two processes that create it at once: the second waits for the first.
        connection.execute(sql.select(sql.func.pg_advisory_xact_lock(_LOCK)))
    found = version_of(connection)
    schema.version.create(connection, checkfirst=True)
    if connection.dialect.name == "postgresql":
        # Transactions of others that have looked at the version end first, and those that want to wait.
        connection.exec_driver_sql("LOCK TABLE store_version IN ACCESS EXCLUSIVE MODE")
    if connection.dialect.name == "sqlite":
        # Else each page is written to the log again and again: rows of one job lie far apart in each table and index.
        connection.exec_driver_sql(f"PRAGMA cache_size = -{_CACHE_KILOBYTES}")
    for number, step in enumerate(MIGRATIONS[found:], start=found + 1):
        step(connection)
        connection.execute(sql.insert(schema.version).values(version=number))
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA user_version = {len(MIGRATIONS)}")
        # The connection is used on: else the first large body that it saves would fill that memory.
        connection.exec_driver_sql(f"PRAGMA cache_size = {_DEFAULT_CACHE}")


_CACHE_KILOBYTES: Final = 256 * 1024
"""How much memory SQLite may use while it migrates a store."""
_DEFAULT_CACHE: Final = -2000
"""How much SQLite uses by default, as it counts it."""
_LOCK: Final = 0x69626D6A6F62
"""The number of the lock that PostgreSQL holds while a store is made."""


# From version 2 to 3


def _fill(connection: sql.Connection) -> None:
    """Fill the columns of all jobs from their records and histories, so many at once.

    A database cannot do it by itself: none has a SHA-256 of its own in SQL that both know, PostgreSQL reads no JSON
    with null characters, and one damaged record would end the statement.
    """
    jobs = schema.jobs
    count = connection.execute(sql.select(sql.func.count()).select_from(jobs)).scalar_one()
    is_long = count > _WORTH_A_LINE
    if is_long:
        _logger.warning("The store is brought up to date, once: %d jobs", count)
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
        if is_long and done // _WORTH_A_LINE > (done - len(rows)) // _WORTH_A_LINE:
            _logger.info("The store is brought up to date: %d of %d jobs", done, count)


def _portions(connection: sql.Connection, key: Any) -> Iterator[tuple[list[sql.RowMapping], dict[str, list[str]]]]:
    """Yield the rows of some jobs, and by job the facts of their histories that may say more than the record."""
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
    """What orders the rows of jobs as they lie."""
    return sql.literal_column("jobs.rowid") if connection.dialect.name == "sqlite" else schema.jobs.c.job_id


def _rows(connection: sql.Connection, columns: Sequence[Any], key: Any) -> Iterator[list[sql.RowMapping]]:
    """Yield the rows of all jobs, so many at once, each with its key."""
    query = sql.select(*columns, key.label("row_key")).order_by(key).limit(_AT_ONCE)
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
    """Which kind of fact it is that says what a newer one of its kind need not say; ``None`` for the others.

    No text of a service is taken for such a sign: within JSON, its quotes have a backslash.
    """
    for sign in ('"details":{', '"metrics":{'):
        if sign in record:
            return sign
    has_reason = '"reason":"' in record or ('"reason_code":' in record and '"reason_code":null' not in record)
    return "reason" if has_reason else None


def _filled(row: sql.RowMapping, history: list[str]) -> tuple[dict[str, Any], Job | None]:
    """The columns of a row that change, and its record; ``None`` where that is damaged, so that no column copies it."""
    service = row["service"] if isinstance(row["service"], str) and row["service"].isprintable() else None
    values: dict[str, Any] = {
        "instance": service_columns(service)["instance"],
        "inputs_stamp": row["inputs_at"],
        "payload_stamp": row["payload_at"],
    }
    said = _said(row["record"])
    try:
        kept = _record(row["record"], said)
    except Damaged:
        # It is made anew of the history when the job is saved.
        return {**values, **derived_columns({**row})}, None
    job = _joined(kept, said, history)
    if job is not kept:
        values["record"] = records.to_json(job).decode()
    values |= columns_of(job)
    return {**values, **derived_columns({**row, **values})}, job if job.job_id == row["job_id"] else None


def _joined(kept: Job, said: _Said | None, history: list[str]) -> Job:
    """The record with what its history says beside it: until version 3 a record had of each kind the newest fact."""
    job = kept
    for text in history:
        before = _said(text)
        if said is None or before is None or _says_more(before, said):
            try:
                job = merge(job, _record(text, before))
            except (Damaged, ValueError):
                # It costs itself alone.
                continue
    return job


def _says_more(before: _Said, newest: _Said) -> bool:
    """Whether a fact says a field of which the newest of its kind says nothing."""
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
"""The fields that are pairs of a name and a value, of which each is a field of its own."""
_Said: TypeAlias = Mapping[str, Any]
"""What the JSON of a record says, by slot."""


def _said(text: Any) -> _Said | None:
    """What a record says that is of the format of versions 1 and 2; ``None`` for any other text."""
    try:
        whole = msgspec.json.decode(text)
        said: _Said = whole["job"]
        if whole["format"] == 1 and all(isinstance(said[slot], dict | None) for slot in _KINDS):
            return said
    except Exception:  # noqa: BLE001 - what is wrong is said by the one that reads any
        return None
    return None


def _record(text: Any, said: _Said | None) -> Job:
    """Return a record: quickly, where it is known what it says."""
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
