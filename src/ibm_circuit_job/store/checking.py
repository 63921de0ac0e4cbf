"""Checking a whole store: what is damaged in it, also where no listing and no job shows it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import sqlalchemy as sql
from attrs import frozen

from ibm_circuit_job.errors import JobStoreDamagedError
from ibm_circuit_job.state.facts import micros_of
from ibm_circuit_job.store import schema, seals
from ibm_circuit_job.store.bodies import raw_of, references_in
from ibm_circuit_job.store.database import Database
from ibm_circuit_job.store.merging import history_of
from ibm_circuit_job.store.payloads import where
from ibm_circuit_job.store.records import columns_of, derived_columns, read_record, record_in, service_columns, tag_rows
from ibm_circuit_job.store.trouble import Damaged
from ibm_circuit_job.wire.values import whole_text

_Rows: TypeAlias = Sequence[sql.RowMapping]


@frozen
class StoreReport:
    """What :meth:`RecordStore.check` found.

    Example:
        >>> StoreReport("jobs.sqlite", jobs=1, facts=2, bodies=0, damage=("the tags of a",)).is_sound
        False
    """

    location: str
    """Where the store is."""
    jobs: int
    """How many jobs it has."""
    facts: int
    """How many facts their histories have."""
    bodies: int
    """How many bodies of inputs and results it has."""
    damage: tuple[str, ...]
    """What is damaged, a line for each."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damage


def checked(database: Database) -> StoreReport:
    """Read all of a store.

    Raises:
        JobStoreError: If it cannot be read at all.
    """
    counts, damage = dict.fromkeys(("jobs", "facts", "bodies"), 0), list[str]()
    steps: tuple[Callable[[], Iterable[str]], ...] = (
        lambda: _damage_of_file(database),
        lambda: _damage_of_jobs(database, counts),
        lambda: _damage_of_bodies(database, counts),
        lambda: _damage_of_orphans(database),
    )
    for step in steps:
        try:
            # One by one: what was found stays, whatever comes after it.
            for line in step():
                damage.append(line)
        except JobStoreDamagedError as error:
            # So damaged that the rest of it cannot be read.
            damage.append(str(error))
    return StoreReport(database.name, **counts, damage=tuple(damage))


def _damage_of_file(database: Database) -> list[str]:
    """What SQLite finds in the pages of its file, and in its indexes. A server of PostgreSQL checks its own."""
    if not database.is_sqlite:
        return []
    pragma = "PRAGMA integrity_check"
    found = database.read("check the store", lambda connection: connection.exec_driver_sql(pragma).scalars().all())
    return [f"the file is damaged: {line}" for line in found if line != "ok"]


def _listed(database: Database, column: Any) -> list[Any]:
    return _selected(database, sql.select(column).distinct().order_by(column))


def _selected(database: Database, query: sql.Select[Any]) -> list[Any]:
    return database.read("check the store", lambda connection: [*connection.execute(query).scalars()])


def _damage_of_jobs(database: Database, counts: dict[str, int]) -> Iterator[str]:
    for job_id in _listed(database, schema.jobs.c.job_id):
        counts["jobs"] += 1
        # A transaction for each, so that others can write meanwhile.
        facts, found = database.read(f"check job {job_id!r}", partial(_checked_job, job_id))
        counts["facts"] += facts
        yield from found


def _checked_job(job_id: str, connection: sql.Connection) -> tuple[int, list[str]]:
    """How many facts a job has, and what of it is damaged."""
    row = connection.execute(_ROW, {"of_job": job_id}).mappings().first()
    facts = history_of(connection, job_id)
    tags = connection.execute(_TAGS, {"of_job": job_id}).mappings().all()
    return len(facts), [] if row is None else [*_damage_of_job(job_id, row, facts, tags)]


_ROW: Final = sql.select(schema.jobs).where(schema.jobs.c.job_id == sql.bindparam("of_job"))
_TAGS: Final = sql.select(schema.tags).where(schema.tags.c.job_id == sql.bindparam("of_job"))


def _damage_of_job(job_id: str, row: sql.RowMapping, facts: _Rows, tags: _Rows) -> Iterator[str]:
    shown = whole_text(str(job_id))
    try:
        job, references = record_in(row), references_in(row)
    except Damaged as damage:
        yield f"the record of job {shown} is damaged: {damage}"
    else:
        copies: dict[str, Any] = {**columns_of(job), "instance": service_columns(row["service"])["instance"]}
        copies |= derived_columns({**row, **copies})
        wrong = sorted(name for name, value in copies.items() if row[name] != value)
        if {(tag["tag"], tag["moment"]) for tag in tags} != {(tag["tag"], row["moment"]) for tag in tag_rows(job, 0)}:
            wrong.append("tags")
        if wrong:
            yield f"what is listed of job {shown} is damaged: it is not what its record says: {', '.join(wrong)}"
        there = {(fact["slot"], fact["sha256"]) for fact in facts}
        for slot in (slot for slot in references if (slot, references[slot].sha256) not in there):
            yield f"the history of job {shown} is damaged: it lacks the {slot} of its record"
    yield from _damage_of_history(job_id, row["history_digest"], facts)


def _damage_of_history(job_id: str, history_digest: object, facts: _Rows) -> Iterator[str]:
    for fact in facts:
        try:
            seals.check_fact(fact)
            if fact["slot"] is None and _micros_of_fact(fact["record"]) != fact["observed_at"]:
                yield f"the history of job {whole_text(job_id)} is damaged: when fact {fact['number']} was seen"
        except Damaged as damage:
            yield str(damage)
    try:
        seals.check_history(job_id, history_digest, facts)
    except Damaged as damage:
        yield str(damage)


def _micros_of_fact(record: object) -> int:
    [fact] = read_record(record).facts
    return micros_of(fact.observed_at)


def _damage_of_bodies(database: Database, counts: dict[str, int]) -> Iterator[str]:
    for sha256 in _listed(database, schema.bodies.c.sha256):
        counts["bodies"] += 1
        raw = database.read("check the store", partial(raw_of, sha256=sha256)) if isinstance(sha256, str) else None
        if raw is None or hashlib.sha256(raw).hexdigest() != sha256:
            place = database.read("check the store", partial(where, sha256=sha256))
            yield f"a body is damaged: it is not what its SHA-256 says ({place!r})"


def _damage_of_orphans(database: Database) -> Iterator[str]:
    """What belongs to no job, or to no body."""
    jobs, bodies = schema.jobs.c.job_id, schema.bodies.c.sha256
    for column, known, what in (
        (schema.history.c.job_id, jobs, "a history"),
        (schema.tags.c.job_id, jobs, "a tag"),
        (schema.history.c.sha256, bodies, "a body of a history"),
        (schema.body_parts.c.sha256, bodies, "a part of a body"),
    ):
        query = sql.select(column).distinct().where(column.is_not(None), column.not_in(sql.select(known)))
        for name in _selected(database, query):
            yield f"{what} is damaged: that of which it is is missing ({name!r})"
