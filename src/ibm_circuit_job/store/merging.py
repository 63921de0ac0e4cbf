"""Merge facts into the records and histories of jobs in a store, within one transaction.

Jobs are merged in portions. For each portion, one statement reads the rows, Python merges them, and one statement
writes each table. So a portion takes about ten statements, however many jobs are in it.

Two transactions that save the same jobs do not deadlock. A transaction first inserts the jobs that the store lacks, in
the order of their IDs. Another transaction that inserts one of these jobs waits until the first one has ended. Then the
transaction locks the rows of the other jobs, in the same order. It inserts no job after it has locked rows, except one
that was deleted in the meantime.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

import sqlalchemy as sql
from attrs import frozen

from ibm_circuit_job.state import registers
from ibm_circuit_job.state.facts import Body, Fact, ResultPayload, StatusReport, micros_of
from ibm_circuit_job.state.job import Job, slot_of
from ibm_circuit_job.state.transitions import after_stamp, merge_all, refresh
from ibm_circuit_job.store import schema, seals
from ibm_circuit_job.store.bodies import Reference, body_of, reference_in, references_in
from ibm_circuit_job.store.records import columns_of, derived_columns, read_record, record_in, service_columns, tag_rows
from ibm_circuit_job.store.statements import insert, insert_new, is_among, portions, texts, update
from ibm_circuit_job.store.trouble import Damaged
from ibm_circuit_job.wire import records, results

MOST_FACTS: Final = 1000
"""The length of a history, without bodies, above which old facts are removed if they no longer affect the record."""


@frozen
class Saving:
    """The facts of one save."""

    facts: Mapping[str, Sequence[Fact]]
    """Job ID -> facts."""
    service: str | None
    """The service that has the jobs; ``None`` if unknown."""
    now: datetime | None
    """The present time if the facts have just been observed, so that they are the newest; ``None`` for older facts."""
    results: Collection[tuple[str, str]]
    """The job ID and SHA-256 of each body that is a result, from :func:`results_among`. To check a large body takes
    seconds, so it is done before the transaction."""


def merge_in(connection: sql.Connection, saving: Saving) -> dict[str, str]:
    """Merge facts into the records of their jobs, and append them to the histories.

    Args:
        connection: The transaction.
        saving: The facts.

    Returns:
        Job ID -> description of the damage, for each job that cannot be restored from its history. Nothing is
        written for these jobs.
    """
    damaged: dict[str, str] = {}
    left = sorted(saving.facts)
    while left:
        # A single job can be locked before anything is inserted, since this transaction has no other locks.
        locked = _locked_rows(connection, left) if len(left) == 1 else {}
        there = locked or _known(connection, left)
        done = set[str]()
        for portion in portions(job_id for job_id in left if job_id not in there):
            done |= _make(connection, saving, portion, damaged)
        for portion in portions(job_id for job_id in left if job_id not in done):
            rows = locked or _locked_rows(connection, portion)
            _change(connection, saving, rows, damaged)
            done |= rows.keys()
        # Repeat for jobs that were deleted between the query and the lock.
        left = [job_id for job_id in left if job_id not in done]
    return damaged


def _make(connection: sql.Connection, saving: Saving, job_ids: Sequence[str], damaged: dict[str, str]) -> set[str]:
    """Insert new jobs, and return the IDs of the jobs that need no further work.

    Jobs that another transaction has inserted in the meantime are not among them.
    """
    merges = _merges(connection, saving, {job_id: _new_row(job_id) for job_id in job_ids}, damaged)
    made = insert_new(connection, schema.jobs, [{**each.row, **each.values} for each in merges])
    ours = [each for each in merges if each.job.job_id in made]
    _write_facts(connection, ours)
    insert(connection, schema.tags, [tag for each in ours for tag in tag_rows(each.job, each.values["moment"])])
    _bound_histories(connection, ours)
    return made | (damaged.keys() & set(job_ids))


def _change(
    connection: sql.Connection, saving: Saving, rows: Mapping[str, sql.RowMapping], damaged: dict[str, str]
) -> None:
    """Update jobs whose rows are locked."""
    merges = _merges(connection, saving, rows, damaged)
    _write_facts(connection, merges)
    # Only changed columns are set: SQLite updates the index of every column that is set, even to the same value.
    changes = sorted((tuple(each.changed), each.job.job_id, each.changed) for each in merges if each.changed)
    for _, alike in groupby(changes, key=lambda change: change[0]):
        update(connection, schema.jobs, [{"job_id": job_id, **changed} for _, job_id, changed in alike])
    retagged = [each for each in merges if each.has_new_tags]
    if retagged:
        connection.execute(_UNTAG, {"job_ids": texts(each.job.job_id for each in retagged)})
        insert(connection, schema.tags, [tag for each in retagged for tag in tag_rows(each.job, each.values["moment"])])
    _bound_histories(connection, merges)


@frozen
class _Merge:
    """The changes to write for one job."""

    row: seals.Row
    """The row as it is in the store."""
    job: Job
    """The merged record."""
    values: Mapping[str, Any]
    """The values of all columns that a merge can change."""
    changed: Mapping[str, Any]
    """The values of the columns that this merge changes."""
    has_new_tags: bool
    """Whether the rows in ``tags`` must be replaced."""
    facts: Sequence[Mapping[str, Any]]
    """The rows to append to its history."""


def _merges(
    connection: sql.Connection, saving: Saving, rows: Mapping[str, seals.Row], damaged: dict[str, str]
) -> list[_Merge]:
    """The merges of the jobs that can be read. The damage of the others is added to *damaged*."""
    found: list[tuple[seals.Row, seals.Row, Job, Sequence[Fact]]] = []
    for job_id, row in rows.items():
        try:
            sound, saved = _sound_row(connection, row)
            found.append((row, sound, saved, _stamped(saving, sound, saved)))
        except Damaged as damage:
            damaged[job_id] = str(damage)
    histories = {saved.job_id: [_history_row(saved.job_id, fact) for fact in facts] for *_, saved, facts in found}
    appended = _appended(connection, histories)
    return [_merge(saving, row, sound, saved, facts, appended[saved.job_id]) for row, sound, saved, facts in found]


def _stamped(saving: Saving, row: seals.Row, saved: Job) -> Sequence[Fact]:
    """The facts to merge into a job. Facts that have just been observed get stamps after all that are in the store."""
    facts = saving.facts[saved.job_id]
    if saving.now is None:
        return facts
    stamps = [saved.stamp, *(reference.stamp for reference in references_in(row).values())]
    newest = max((stamp for stamp in stamps if stamp is not None), default=None)
    return after_stamp(refresh(Job(saved.job_id), *facts), newest, saving.now).facts


def _merge(
    saving: Saving,
    found: seals.Row,
    row: seals.Row,
    saved: Job,
    facts: Sequence[Fact],
    appended: Sequence[Mapping[str, Any]],
) -> _Merge:
    bodies = [fact for fact in facts if isinstance(fact, Body)]
    job = refresh(saved, *(fact for fact in facts if not isinstance(fact, Body)))
    service = min(filter(None, (row["service"], saving.service)), key=_by_precision, default=None)
    values = {
        "record": records.to_json(job).decode(),
        **columns_of(job),
        **_body_columns(_joined_references(references_in(row), bodies)),
        "has_result": row["has_result"] or any((saved.job_id, body.sha256) in saving.results for body in bodies),
        "first_seen": min([row["first_seen"], *(micros_of(fact.observed_at) for fact in facts)]),
        "is_awaited": row["is_awaited"] or not job.is_confirmed_final or any(map(_is_awaited, facts)),
        **service_columns(service),
        "result_is_gone": row["result_is_gone"],
        "history_digest": seals.with_facts(row["history_digest"], appended),
    }
    values |= derived_columns({**row, **values})
    values["digest"] = seals.digest_of_job({**row, **values})
    changed = {name: value for name, value in values.items() if found[name] != value}
    has_new_tags = row is not found or job.tags != saved.tags or bool(job.tags and "moment" in changed)
    return _Merge(row, job, values, changed, has_new_tags, appended)


def results_among(facts: Mapping[str, Sequence[Fact]]) -> frozenset[tuple[str, str]]:
    """Return the job ID and the SHA-256 of each body that is the result of a job.

    Args:
        facts: Job ID -> facts.
    """
    return frozenset(
        (job_id, fact.sha256)
        for job_id, learned in facts.items()
        for fact in learned
        if isinstance(fact, Body) and _is_result(fact, job_id)
    )


def give_up_result(connection: sql.Connection, job_id: str) -> None:
    """Record that the result of a job is no longer available from the service."""
    row = connection.execute(_ROW, {"of_job": job_id}).mappings().first()
    # A damaged row is restored from its history when the job is saved.
    if row is None or seals.digest_of_job(row) != row["digest"]:
        return
    values: dict[str, Any] = {"result_is_gone": True}
    values |= derived_columns({**row, **values})
    values["digest"] = seals.digest_of_job({**row, **values})
    update(connection, schema.jobs, [{"job_id": job_id, **values}])


def _known(connection: sql.Connection, job_ids: Iterable[str]) -> set[str]:
    """The IDs of the jobs that the store has, among these."""
    known = set[str]()
    for portion in portions(job_ids):
        known.update(connection.execute(_IDS, {"job_ids": texts(portion)}).scalars())
    return known


def _locked_rows(connection: sql.Connection, job_ids: Sequence[str]) -> dict[str, sql.RowMapping]:
    """The rows of the jobs that the store has, locked until this transaction ends."""
    return {row["job_id"]: row for row in connection.execute(_ROWS, {"job_ids": texts(job_ids)}).mappings()}


def _new_row(job_id: str) -> dict[str, Any]:
    """The row of a job without facts."""
    row: dict[str, Any] = {
        **dict.fromkeys(column.name for column in schema.jobs.columns),
        "job_id": job_id,
        "record": records.to_json(Job(job_id)).decode(),
        "has_result": False,
        "first_seen": _NEVER,
        "is_awaited": False,
        "result_is_gone": False,
        "history_digest": seals.NO_HISTORY,
    }
    return {**row, "digest": seals.digest_of_job(row)}


def _joined_references(saved: Mapping[str, Reference], arrived: Sequence[Body]) -> Mapping[str, Reference]:
    """The references of a job by slot, after more bodies have arrived: the newest reference of each slot."""
    references = dict(saved)
    for body in arrived:
        seen, slot = Reference(type(body), body.stamp, body.observed_at, body.sha256), slot_of(body)
        references[slot] = max(references.get(slot, seen), seen, key=lambda reference: reference.order)
    return references


def _is_result(body: Body, job_id: str) -> bool:
    """Whether a body is the result of a job. A link to the result, or an error page, is not."""
    return isinstance(body, ResultPayload) and results.is_result(body, job_id)


def _by_precision(service: str) -> tuple[bool, str]:
    """The sort key of names of services: names with an instance come first."""
    return " " not in service, service


def _is_awaited(fact: Fact) -> bool:
    """Whether a fact shows that the result may be awaited: the job had not ended, or a result reply arrived."""
    return isinstance(fact, ResultPayload) or (isinstance(fact, StatusReport) and not fact.is_final)


_NEVER: Final = micros_of(datetime.max.replace(tzinfo=UTC))

# Built once, since SQLAlchemy takes longer to build a statement than to execute it.
_OF_JOBS: Final = is_among(schema.jobs.c.job_id, "job_ids")
_ROW: Final = sql.select(schema.jobs).where(schema.jobs.c.job_id == sql.bindparam("of_job")).with_for_update()
_ROWS: Final = sql.select(schema.jobs).where(_OF_JOBS).order_by(schema.jobs.c.job_id).with_for_update()
_IDS: Final = sql.select(schema.jobs.c.job_id).where(_OF_JOBS)
_UNTAG: Final = sql.delete(schema.tags).where(is_among(schema.tags.c.job_id, "job_ids"))
_OF_HISTORIES: Final = is_among(schema.history.c.job_id, "job_ids")
_LAST: Final = (
    sql.select(schema.history.c.job_id, sql.func.max(schema.history.c.number), sql.literal(""))
    .where(_OF_HISTORIES)
    .group_by(schema.history.c.job_id)
)
_KNOWN_FACTS: Final = sql.select(schema.history.c.job_id, sql.literal(0), schema.history.c.digest).where(
    _OF_HISTORIES, is_among(schema.history.c.digest, "digests")
)
_NUMBERS_AND_DIGESTS: Final = sql.union_all(_LAST, _KNOWN_FACTS)


def _sound_row(connection: sql.Connection, row: seals.Row) -> tuple[seals.Row, Job]:
    """Return a locked row and its record. A damaged row is restored from its history.

    Raises ``Damaged`` if the history is damaged as well.
    """
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
        raise Damaged(f"the record of job {job_id} is damaged, and so is its history: {said}; {damage}") from None
    bodies = [body for _, reference in seen for body in [body_of(connection, reference)] if body is not None]
    # The newest reference of each slot, since later entries of the dict replace earlier ones.
    references = dict(sorted(seen, key=lambda each: each[1].order))
    return {
        **row,
        "record": records.to_json(job).decode(),
        # No fact has the service, so the value in the row stays if it is valid.
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


def _appended(
    connection: sql.Connection, histories: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, list[dict[str, Any]]]:
    """The rows to append to histories, with their numbers. Facts that a history already has are left out."""
    digests = [row["digest"] for rows in histories.values() for row in rows]
    last: dict[str, int] = {}
    known = set[tuple[str, str]]()
    if digests:
        asked = {"job_ids": texts(job_id for job_id, rows in histories.items() if rows), "digests": texts(digests)}
        for job_id, number, digest in connection.execute(_NUMBERS_AND_DIGESTS, asked):
            if digest:
                known.add((job_id, digest))
            else:
                last[job_id] = number
    appended: dict[str, list[dict[str, Any]]] = {}
    for job_id, rows in histories.items():
        new = {row["digest"]: row for row in rows if (job_id, row["digest"]) not in known}
        appended[job_id] = [
            {**row, "number": last.get(job_id, 0) + number} for number, row in enumerate(new.values(), 1)
        ]
    return appended


def _write_facts(connection: sql.Connection, merges: Iterable[_Merge]) -> None:
    insert(connection, schema.history, [row for each in merges for row in each.facts])


def _bound_histories(connection: sql.Connection, merges: Iterable[_Merge]) -> None:
    """Delete old facts from the histories that have become too long."""
    for each in merges:
        if not each.facts or each.facts[-1]["number"] <= MOST_FACTS:
            continue
        dropped = _dropped(connection, each.job)
        if dropped:
            digest = seals.with_facts(each.values["history_digest"], dropped, removed=True)
            values = {**each.values, "history_digest": digest}
            values = {"history_digest": digest, "digest": seals.digest_of_job({**each.row, **values})}
            update(connection, schema.jobs, [{"job_id": each.job.job_id, **values}])


def _dropped(connection: sql.Connection, job: Job) -> Sequence[sql.RowMapping]:
    """Delete old facts of a history, and return their rows. Facts that affect the record, and bodies, stay."""
    table = schema.history
    small = sql.and_(table.c.job_id == job.job_id, table.c.slot.is_(None))
    oldest_kept = connection.execute(
        sql.select(table.c.number).where(small).order_by(table.c.number.desc()).limit(1).offset(MOST_FACTS - 1)
    ).scalar()
    if oldest_kept is None:
        return []
    older = connection.execute(sql.select(table).where(small, table.c.number < oldest_kept)).mappings().all()
    # A damaged row stays, so that a check of the store finds it.
    dropped = [row for row in older if seals.digest_of_fact(row) == row["digest"] and not _counts(row["record"], job)]
    for numbers in portions(row["number"] for row in dropped):
        connection.execute(sql.delete(table).where(table.c.job_id == job.job_id, table.c.number.in_(numbers)))
    return dropped


def _counts(record: object, job: Job) -> bool:
    """Whether a field of the merged record comes from this fact. Without it, the record could not be restored."""
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
    """Return the rows of the history of a job, in the order in which they were saved."""
    table = schema.history
    query = sql.select(table).where(table.c.job_id == job_id).order_by(table.c.number)
    return connection.execute(query).mappings().all()
