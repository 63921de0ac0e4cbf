"""Check a whole store for damage, including damage that no listing and no job shows."""

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
    """The result of :meth:`RecordStore.check`: what a store has, and what is damaged.

    Example:
        >>> StoreReport("jobs.sqlite", jobs=1, facts=2, bodies=0, damage=("the tags of a",)).is_sound
        False
    """

    location: str
    """Where the store is: the path of its file, or its URL without credentials."""
    jobs: int
    """The number of jobs."""
    facts: int
    """The number of facts in all histories."""
    bodies: int
    """The number of bodies of inputs and results."""
    damage: tuple[str, ...]
    """A line for each thing that is damaged."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damage


def checked(database: Database) -> StoreReport:
    """Read a whole store, and return a report of what is damaged.

    Args:
        database: The database of the store.

    Raises:
        JobStoreError: If the store cannot be read at all.
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
            # Line by line, so that a later error does not lose what was found.
            for line in step():
                damage.append(line)
        except JobStoreDamagedError as error:
            # The rest of this step cannot be read.
            damage.append(str(error))
    return StoreReport(database.name, **counts, damage=tuple(damage))


def _damage_of_file(database: Database) -> list[str]:
    """The damage that SQLite finds in the pages and indexes of its file. PostgreSQL checks its own files."""
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
        # One transaction for each job, so that others can write in between.
        facts, found = database.read(f"check job {job_id!r}", partial(_checked_job, job_id))
        counts["facts"] += facts
        yield from found


def _checked_job(job_id: str, connection: sql.Connection) -> tuple[int, list[str]]:
    """The number of facts of a job, and a line for each damage."""
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
            yield f"the columns of job {shown} are damaged: they differ from its record: {', '.join(wrong)}"
        there = {(fact["slot"], fact["sha256"]) for fact in facts}
        for slot in (slot for slot in references if (slot, references[slot].sha256) not in there):
            yield f"the history of job {shown} is damaged: it lacks the {slot} of its record"
    yield from _damage_of_history(job_id, row["history_digest"], facts)


def _damage_of_history(job_id: str, history_digest: object, facts: _Rows) -> Iterator[str]:
    for fact in facts:
        try:
            seals.check_fact(fact)
            if fact["slot"] is None and _micros_of_fact(fact["record"]) != fact["observed_at"]:
                yield f"the history of job {whole_text(job_id)} is damaged: the time of fact {fact['number']}"
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
            yield f"a body is damaged: it does not match its SHA-256 ({place!r})"


def _damage_of_orphans(database: Database) -> Iterator[str]:
    """Rows that belong to a job or a body that is missing."""
    jobs, bodies = schema.jobs.c.job_id, schema.bodies.c.sha256
    for column, known, what in (
        (schema.history.c.job_id, jobs, "a history"),
        (schema.tags.c.job_id, jobs, "a tag"),
        (schema.history.c.sha256, bodies, "a body of a history"),
        (schema.body_parts.c.sha256, bodies, "a part of a body"),
    ):
        query = sql.select(column).distinct().where(column.is_not(None), column.not_in(sql.select(known)))
        for name in _selected(database, query):
            yield f"{what} is damaged: the job or body that it belongs to is missing ({name!r})"
