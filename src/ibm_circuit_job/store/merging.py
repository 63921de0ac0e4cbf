"""Merging facts into what a store keeps of a job, and into its history, within one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sql

from ibm_circuit_job.state import registers
from ibm_circuit_job.state.facts import Body, Fact, ResultPayload, StatusReport, micros_of
from ibm_circuit_job.state.job import Job, slot_of
from ibm_circuit_job.state.transitions import after_stamp, merge_all, refresh
from ibm_circuit_job.store import schema
from ibm_circuit_job.store.bodies import Reference, references_in
from ibm_circuit_job.store.records import columns_of, derived_columns, read_record, service_columns, tag_rows
from ibm_circuit_job.store.schema import digest_of
from ibm_circuit_job.store.statements import insert_new
from ibm_circuit_job.store.trouble import Damaged
from ibm_circuit_job.wire import records, results

MOST_FACTS: Final = 1000
"""How many facts the history of a job holds, beside its bodies: the newest, and those that still count."""


def merge_in(
    connection: sql.Connection, job_id: str, facts: Sequence[Fact], service: str | None, now: datetime | None = None
) -> None:
    """Merge facts into what is kept of a job, and into its history.

    Args:
        connection: The transaction.
        job_id: The job's ID.
        facts: The facts.
        service: The service that has the job.
        now: Where the facts were seen just now, the wall time of the machine that has seen them.
    """
    row = _locked_row(connection, job_id)
    kept, is_sound = _locked_record(connection, row)
    references = references_in(row)
    if now is not None:
        stamps = [kept.stamp, *(reference.stamp for reference in references.values())]
        newest = max((stamp for stamp in stamps if stamp is not None), default=None)
        facts = after_stamp(refresh(Job(job_id), *facts), newest, now).facts
    bodies = [fact for fact in facts if isinstance(fact, Body)]
    job = refresh(kept, *(fact for fact in facts if not isinstance(fact, Body)))
    _add_to_history(connection, job, facts)
    values = {
        "record": records.to_json(job).decode(),
        **columns_of(job),
        **_body_columns(_joined_references(references, bodies)),
        "has_result": row["has_result"] or any(_is_result(body, job_id) for body in bodies),
        "first_seen": min([row["first_seen"], *(micros_of(fact.observed_at) for fact in facts)]),
        "is_awaited": row["is_awaited"] or not job.is_confirmed_final or any(map(_is_awaited, facts)),
        **service_columns(min(filter(None, (row["service"], service)), key=_by_precision, default=None)),
    }
    values |= derived_columns({**row, **values})
    changed = {name: value for name, value in values.items() if row[name] != value}
    if changed:
        connection.execute(_CHANGE, {"of_job": job_id, **changed})
    if not is_sound or job.tags != kept.tags or (job.tags and "moment" in changed):
        _replace_tags(connection, job, values["moment"])


def _locked_row(connection: sql.Connection, job_id: str) -> sql.RowMapping:
    """The row of a job, which no other transaction changes until this one ends; a new one where there is none."""
    row = connection.execute(_ROW, {"of_job": job_id}).mappings().first()
    while row is None:
        # Again, where it was there, and was deleted before it could be locked.
        stub = {
            "job_id": job_id,
            "record": records.to_json(Job(job_id)).decode(),
            "has_ended": False,
            "has_result": False,
            "first_seen": _NEVER,
            "moment": _NEVER,
            "is_awaited": False,
            "result_is_gone": False,
            "unfinished": True,
        }
        insert_new(connection, schema.jobs, [stub])
        row = connection.execute(_ROW, {"of_job": job_id}).mappings().first()
    return row


def _joined_references(kept: Mapping[str, Reference], arrived: Sequence[Body]) -> Mapping[str, Reference]:
    """Which bodies the record of a job leaves out, after some more have arrived."""
    references = dict(kept)
    for body in arrived:
        seen, slot = Reference(type(body), body.stamp, body.observed_at, body.sha256), slot_of(body)
        references[slot] = max(references.get(slot, seen), seen, key=lambda reference: reference.order)
    return references


def _is_result(body: Body, job_id: str) -> bool:
    """Whether a body is the result of a job, and not where it lies, or a page that says that there is none now."""
    return isinstance(body, ResultPayload) and results.is_result(body, job_id)


def _by_precision(service: str) -> tuple[bool, str]:
    """The order of what services are called: first those that name the instance."""
    return " " not in service, service


def _is_awaited(fact: Fact) -> bool:
    """Whether a fact says that the result may be waited for: the job had not ended, or something arrived."""
    return isinstance(fact, ResultPayload) or (isinstance(fact, StatusReport) and not fact.is_final)


_NEVER: Final = micros_of(datetime.max.replace(tzinfo=UTC))

# Made once: to make them takes longer than to execute them.
_OF_JOB: Final = schema.history.c.job_id == sql.bindparam("of_job")
_ROW: Final = sql.select(schema.jobs).where(schema.jobs.c.job_id == sql.bindparam("of_job")).with_for_update()
_CHANGE: Final = sql.update(schema.jobs).where(schema.jobs.c.job_id == sql.bindparam("of_job"))
_KNOWN: Final = sql.select(schema.history.c.digest).where(
    _OF_JOB, schema.history.c.digest.in_(sql.bindparam("digests", expanding=True))
)
_LAST: Final = sql.select(sql.func.max(schema.history.c.number)).where(_OF_JOB)
_APPEND: Final = sql.insert(schema.history)
_UNTAG: Final = sql.delete(schema.tags).where(schema.tags.c.job_id == sql.bindparam("of_job"))
_TAG: Final = sql.insert(schema.tags)


def _locked_record(connection: sql.Connection, row: sql.RowMapping) -> tuple[Job, bool]:
    """Return the record of a row that was just locked, and whether it is sound; if not, what the history has."""
    if type(row["first_seen"]) is not int or not isinstance(row["service"], str | None):
        raise Damaged(f"what is kept of job {row['job_id']} is damaged: expected a time and the name of a service")
    try:
        return read_record(row["record"]), True
    except Damaged as damage:
        said = str(damage)
    try:
        small = [read_record(fact["record"]) for fact in history_of(connection, row["job_id"]) if fact["slot"] is None]
    except Damaged:
        raise Damaged(f"the record of job {row['job_id']} is damaged, and its history, too: {said}") from None
    return merge_all(Job(row["job_id"]), small), False


def _body_columns(references: Mapping[str, Reference]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for slot, reference in references.items():
        values[f"{slot}_at"] = micros_of(reference.observed_at)
        values[f"{slot}_stamp"] = reference.stamp
        values[f"{slot}_sha256"] = reference.sha256
    return values


def _replace_tags(connection: sql.Connection, job: Job, moment: int) -> None:
    connection.execute(_UNTAG, {"of_job": job.job_id})
    rows = tag_rows(job, moment)
    if rows:
        connection.execute(_TAG, rows)


def _add_to_history(connection: sql.Connection, job: Job, facts: Sequence[Fact]) -> None:
    """Append the facts that are not in the history of a job yet, and bound it."""
    rows = {row["digest"]: row for row in (_history_row(job.job_id, fact) for fact in facts)}
    known = set(connection.execute(_KNOWN, {"of_job": job.job_id, "digests": list(rows)}).scalars())
    new = [row for digest, row in rows.items() if digest not in known]
    if not new:
        return
    last: int = connection.execute(_LAST, {"of_job": job.job_id}).scalar() or 0
    connection.execute(_APPEND, [{**row, "number": last + 1 + index} for index, row in enumerate(new)])
    if last + len(new) > MOST_FACTS:
        _bound(connection, job)


def _bound(connection: sql.Connection, job: Job) -> None:
    """Drop the oldest facts of a history that is too long: none that still counts, and no body."""
    table = schema.history
    small = sql.and_(table.c.job_id == job.job_id, table.c.slot.is_(None))
    oldest_kept = connection.execute(
        sql.select(table.c.number).where(small).order_by(table.c.number.desc()).limit(1).offset(MOST_FACTS - 1)
    ).scalar()
    if oldest_kept is None:
        return
    older = connection.execute(sql.select(table.c.number, table.c.record).where(small, table.c.number < oldest_kept))
    for number, record in older.all():
        if not _counts(record, job):
            connection.execute(sql.delete(table).where(table.c.job_id == job.job_id, table.c.number == number))


def _counts(record: object, job: Job) -> bool:
    """Whether a fact of the history says anything of what the record says, so that all others give it no more."""
    try:
        facts = read_record(record).facts
    except Damaged:
        return False
    known: dict[type, Any] = {type(fact): fact for fact in job.facts}
    found: tuple[Any, ...] = facts
    return any(type(fact) in known and registers.counts(fact, known[type(fact)]) for fact in found)


def _history_row(job_id: str, fact: Fact) -> dict[str, Any]:
    if isinstance(fact, Body):
        sha256, observed_at = fact.sha256, micros_of(fact.observed_at)
        stamp = None if fact.stamp == observed_at else fact.stamp
        digest = digest_of(f"{slot_of(fact)} {observed_at} {sha256}{'' if stamp is None else f' {stamp}'}")
        return {
            "job_id": job_id,
            "digest": digest,
            "record": None,
            "slot": slot_of(fact),
            "observed_at": observed_at,
            "stamp": stamp,
            "sha256": sha256,
        }
    record = records.to_json(refresh(Job(job_id), fact)).decode()
    return {
        "job_id": job_id,
        "digest": digest_of(record),
        "record": record,
        "slot": None,
        "observed_at": micros_of(fact.observed_at),
        "stamp": None,
        "sha256": None,
    }


def history_of(connection: sql.Connection, job_id: str) -> Sequence[sql.RowMapping]:
    """Return the rows of a job's history, in their order."""
    table = schema.history
    query = sql.select(table).where(table.c.job_id == job_id).order_by(table.c.number)
    return connection.execute(query).mappings().all()
