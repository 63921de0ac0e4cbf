"""Merging facts into what a store keeps of a job, and into its history, within one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sql

from ibm_circuit_job.state import registers
from ibm_circuit_job.state.facts import Body, Fact, ResultPayload, StatusReport, micros_of
from ibm_circuit_job.state.job import Job, slot_of
from ibm_circuit_job.state.transitions import after_stamp, merge_all, refresh
from ibm_circuit_job.store import schema, seals
from ibm_circuit_job.store.bodies import Reference, body_of, reference_in, references_in
from ibm_circuit_job.store.records import columns_of, derived_columns, read_record, record_in, service_columns, tag_rows
from ibm_circuit_job.store.statements import insert_new
from ibm_circuit_job.store.trouble import Damaged
from ibm_circuit_job.wire import records, results

MOST_FACTS: Final = 1000
"""How many facts the history of a job holds, beside its bodies: the newest, and those that still count."""


def merge_in(
    connection: sql.Connection,
    job_id: str,
    facts: Sequence[Fact],
    service: str | None,
    now: datetime | None = None,
    *,
    results_among: Collection[str],
) -> None:
    """Merge facts into what is kept of a job, and into its history.

    Args:
        connection: The transaction.
        job_id: The job's ID.
        facts: The facts.
        service: The service that has the job.
        now: Where the facts were seen just now, the wall time of the machine that has seen them.
        results_among: What :func:`results_among` says of the facts. A large body takes seconds to look at, in which no
            other transaction is to wait.
    """
    found = _locked_row(connection, job_id)
    row, kept = _sound_row(connection, found)
    references = references_in(row)
    if now is not None:
        stamps = [kept.stamp, *(reference.stamp for reference in references.values())]
        newest = max((stamp for stamp in stamps if stamp is not None), default=None)
        facts = after_stamp(refresh(Job(job_id), *facts), newest, now).facts
    bodies = [fact for fact in facts if isinstance(fact, Body)]
    job = refresh(kept, *(fact for fact in facts if not isinstance(fact, Body)))
    history_digest = _add_to_history(connection, job, facts, row["history_digest"])
    values = {
        "record": records.to_json(job).decode(),
        **columns_of(job),
        **_body_columns(_joined_references(references, bodies)),
        "has_result": row["has_result"] or any(body.sha256 in results_among for body in bodies),
        "first_seen": min([row["first_seen"], *(micros_of(fact.observed_at) for fact in facts)]),
        "is_awaited": row["is_awaited"] or not job.is_confirmed_final or any(map(_is_awaited, facts)),
        **service_columns(min(filter(None, (row["service"], service)), key=_by_precision, default=None)),
        "result_is_gone": row["result_is_gone"],
        "history_digest": history_digest,
    }
    values |= derived_columns({**row, **values})
    values["digest"] = seals.digest_of_job({**row, **values})
    changed = {name: value for name, value in values.items() if found[name] != value}
    if changed:
        connection.execute(_CHANGE, {"of_job": job_id, **changed})
    if row is not found or job.tags != kept.tags or (job.tags and "moment" in changed):
        _replace_tags(connection, job, values["moment"])


def results_among(facts: Iterable[Fact], job_id: str) -> frozenset[str]:
    """Return the SHA-256 of each body that is the result of a job."""
    return frozenset(fact.sha256 for fact in facts if isinstance(fact, Body) and _is_result(fact, job_id))


def give_up_result(connection: sql.Connection, job_id: str) -> None:
    """Note that the result of a job cannot be had any more."""
    row = connection.execute(_ROW, {"of_job": job_id}).mappings().first()
    # One that is damaged is made anew when the job is saved.
    if row is None or seals.digest_of_job(row) != row["digest"]:
        return
    values: dict[str, Any] = {"result_is_gone": True}
    values |= derived_columns({**row, **values})
    values["digest"] = seals.digest_of_job({**row, **values})
    connection.execute(_CHANGE, {"of_job": job_id, **values})


def _locked_row(connection: sql.Connection, job_id: str) -> sql.RowMapping:
    """The row of a job, which no other transaction changes until this one ends; a new one where there is none."""
    row = connection.execute(_ROW, {"of_job": job_id}).mappings().first()
    while row is None:
        # Again, where it was there, and was deleted before it could be locked.
        stub: dict[str, Any] = {
            **dict.fromkeys(seals.SEALED),
            "job_id": job_id,
            "record": records.to_json(Job(job_id)).decode(),
            "has_ended": False,
            "has_result": False,
            "first_seen": _NEVER,
            "moment": _NEVER,
            "is_awaited": False,
            "result_is_gone": False,
            "unfinished": True,
            "history_digest": seals.NO_HISTORY,
        }
        stub["digest"] = seals.digest_of_job(stub)
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


def _sound_row(connection: sql.Connection, row: sql.RowMapping) -> tuple[seals.Row, Job]:
    """Return a row that was just locked, or one made anew of the history where it is damaged; and its record."""
    try:
        return row, record_in(row)
    except Damaged as damage:
        said = str(damage)
    job_id: str = row["job_id"]
    facts = history_of(connection, job_id)
    try:
        for fact in facts:
            seals.check_fact(fact)
        job = merge_all(Job(job_id), [read_record(fact["record"]) for fact in facts if fact["slot"] is None])
        seen = [(fact["slot"], reference_in(fact)) for fact in facts if fact["slot"] is not None]
    except Damaged as damage:
        raise Damaged(f"the record of job {job_id} is damaged, and its history, too: {said}; {damage}") from None
    bodies = [body for _, reference in seen for body in [body_of(connection, reference)] if body is not None]
    # Of each slot the newest.
    references = dict(sorted(seen, key=lambda each: each[1].order))
    return {
        **row,
        "record": records.to_json(job).decode(),
        # What no fact says is as it is, if it can be.
        "service": row["service"] if isinstance(row["service"], str) and row["service"].isprintable() else None,
        "first_seen": min((fact["observed_at"] for fact in facts), default=_NEVER),
        **dict.fromkeys(name for name in seals.SEALED if name.startswith(("inputs_", "payload_"))),
        **_body_columns(references),
        "has_result": any(_is_result(body, job_id) for body in bodies),
        "is_awaited": not job.is_confirmed_final or any(map(_is_awaited, (*job.facts, *bodies))),
        "result_is_gone": False,
        "history_digest": seals.with_facts(seals.NO_HISTORY, facts),
    }, job


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


def _add_to_history(connection: sql.Connection, job: Job, facts: Sequence[Fact], history_digest: str) -> str:
    """Append the facts that are not in the history of a job yet, and bound it; return its digest."""
    rows = {row["digest"]: row for row in (_history_row(job.job_id, fact) for fact in facts)}
    known = set(connection.execute(_KNOWN, {"of_job": job.job_id, "digests": list(rows)}).scalars())
    new = [row for digest, row in rows.items() if digest not in known]
    if not new:
        return history_digest
    last: int = connection.execute(_LAST, {"of_job": job.job_id}).scalar() or 0
    numbered = [{**row, "number": last + 1 + index} for index, row in enumerate(new)]
    connection.execute(_APPEND, numbered)
    history_digest = seals.with_facts(history_digest, numbered)
    if last + len(new) > MOST_FACTS:
        return seals.with_facts(history_digest, _dropped(connection, job), removed=True)
    return history_digest


def _dropped(connection: sql.Connection, job: Job) -> Sequence[sql.RowMapping]:
    """Drop the oldest facts of a history that is too long: none that still counts, and no body."""
    table = schema.history
    small = sql.and_(table.c.job_id == job.job_id, table.c.slot.is_(None))
    oldest_kept = connection.execute(
        sql.select(table.c.number).where(small).order_by(table.c.number.desc()).limit(1).offset(MOST_FACTS - 1)
    ).scalar()
    if oldest_kept is None:
        return []
    older = connection.execute(sql.select(table).where(small, table.c.number < oldest_kept)).mappings().all()
    # One that is damaged stays, so that it is noticed.
    dropped = [row for row in older if seals.digest_of_fact(row) == row["digest"] and not _counts(row["record"], job)]
    for row in dropped:
        connection.execute(sql.delete(table).where(table.c.job_id == job.job_id, table.c.number == row["number"]))
    return dropped


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
        observed_at = micros_of(fact.observed_at)
        row: dict[str, Any] = {
            "job_id": job_id,
            "record": None,
            "slot": slot_of(fact),
            "observed_at": observed_at,
            "stamp": None if fact.stamp == observed_at else fact.stamp,
            "sha256": fact.sha256,
        }
    else:
        row = {
            "job_id": job_id,
            "record": records.to_json(refresh(Job(job_id), fact)).decode(),
            "slot": None,
            "observed_at": micros_of(fact.observed_at),
            "stamp": None,
            "sha256": None,
        }
    return {**row, "digest": seals.digest_of_fact(row)}


def history_of(connection: sql.Connection, job_id: str) -> Sequence[sql.RowMapping]:
    """Return the rows of a job's history, in their order."""
    table = schema.history
    query = sql.select(table).where(table.c.job_id == job_id).order_by(table.c.number)
    return connection.execute(query).mappings().all()
