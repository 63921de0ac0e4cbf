"""The bodies of inputs and results as they lie in a store: once each, under their SHA-256, compressed and in parts.

A record and a history do not hold them, but say which body it is, and when it was seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, Final

import sqlalchemy as sql
import zstandard
from attrs import frozen
from sqlalchemy.dialects import postgresql, sqlite

from ibm_circuit_job.errors import JobStoreError
from ibm_circuit_job.state.facts import MOST_BYTES, ResultPayload
from ibm_circuit_job.store import archive, schema
from ibm_circuit_job.store.archive import Body
from ibm_circuit_job.store.database import Damaged

_PART: Final = 16 * 1024 * 1024
"""How many bytes of a compressed body go into one row."""
_LEVEL: Final = 2
"""How hard Zstandard tries. At this level it finds that counts and memory hold the same shots: 91 MB become 26 MB."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@frozen
class Reference:
    """Which body it is that a record leaves out."""

    kind: type[Body]
    observed_at: datetime
    sha256: str


@frozen
class Packed:
    """A body as it is kept."""

    size: int
    parts: tuple[bytes, ...]


SLOTS: Final = {kind: slot for slot, kind in archive.KINDS.items()}
"""The kind of a body -> its slot of a record."""


def slot_of(fact: Body) -> str:
    """Return the slot of a record that a body belongs into."""
    return SLOTS[type(fact)]


def sha256_of(fact: Body) -> str:
    """Return what a body is known by."""
    return fact.sha256 if isinstance(fact, ResultPayload) else hashlib.sha256(fact.raw).hexdigest()


def digest_of(text: str) -> str:
    """Return what a text is looked for by: of one length, and of signs that any database takes."""
    return hashlib.sha256(text.encode()).hexdigest()


def micros_of(moment: datetime) -> int:
    """Return the microseconds since 1970, UTC."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_of(micros: int) -> datetime:
    """Return the time that :func:`micros_of` made a number of."""
    return _EPOCH + timedelta(microseconds=micros)


def reference_in(row: sql.RowMapping) -> Reference:
    """Return which body a row of a history is."""
    kind = archive.KINDS.get(row["slot"])
    if kind is None:
        raise Damaged(f"the history of job {row['job_id']} is damaged: expected a kind of body, got {row['slot']!r}")
    return _seen(row, kind, "observed_at", "sha256")


def _seen(row: sql.RowMapping, kind: type[Body], moment: str, sha256: str) -> Reference:
    try:
        return Reference(kind, moment_of(row[moment]), row[sha256])
    except (OverflowError, TypeError):
        raise Damaged(f"what is kept of job {row['job_id']} is damaged: expected a time, got {row[moment]!r}") from None


def references_in(row: sql.RowMapping) -> dict[type[Body], Reference]:
    """Return which bodies the record of a job leaves out."""
    return {
        kind: _seen(row, kind, f"{slot}_at", f"{slot}_sha256")
        for slot, kind in archive.KINDS.items()
        if row[f"{slot}_sha256"] is not None
    }


def pack(raw: bytes) -> Packed:
    """Return a body as it is kept.

    Raises:
        JobStoreError: If it is larger than any that is read again.
    """
    if len(raw) > MOST_BYTES:
        raise JobStoreError(f"expected a body of at most {MOST_BYTES} bytes, got {len(raw)}")
    packed = zstandard.ZstdCompressor(level=_LEVEL).compress(raw)
    return Packed(len(raw), tuple(packed[start : start + _PART] for start in range(0, len(packed), _PART)))


def raw_of(connection: sql.Connection, sha256: str) -> bytes | None:
    """Return the bytes of a body, unchecked; ``None`` where they are not there, or cannot be decompressed."""
    bodies, parts = schema.bodies, schema.body_parts
    size = connection.execute(sql.select(bodies.c.size).where(bodies.c.sha256 == sha256)).scalar()
    query = sql.select(parts.c.data).where(parts.c.sha256 == sha256).order_by(parts.c.part)
    try:
        return _unpacked(b"".join(connection.execute(query).scalars()), size)
    except (TypeError, zstandard.ZstdError):
        return None


def _unpacked(packed: bytes, size: Any) -> bytes | None:
    """What a body holds; ``None`` where it is not of a size. A damaged one may claim any, and hold any other."""
    if size > MOST_BYTES or zstandard.frame_content_size(packed) != size:
        return None
    # Piece by piece, so that there is never more of it than there is in it, nor than it says.
    raw = BytesIO()
    for piece in zstandard.ZstdDecompressor().read_to_iter(packed):
        if raw.tell() + len(piece) > size:
            return None
        raw.write(piece)
    return raw.getvalue() if raw.tell() == size else None


def put(connection: sql.Connection, bodies: Mapping[str, bytes], packed: Mapping[str, Packed]) -> None:
    """Write the bodies that were found not to be there, and those that somebody has deleted since."""
    if not bodies:
        return
    table, parts = schema.bodies, schema.body_parts
    # Nobody deletes those that are there until this is done.
    there: set[str] = set()
    for wanted in portions(sorted(bodies)):
        of_bodies = sql.select(table.c.sha256).where(table.c.sha256.in_(wanted)).order_by(table.c.sha256)
        there.update(connection.execute(of_bodies.with_for_update(read=True, key_share=True)).scalars())
    for sha256 in sorted(packed.keys() | (bodies.keys() - there)):
        body = packed.get(sha256) or pack(bodies[sha256])
        insert_new(connection, table, [{"sha256": sha256, "size": body.size}])
        # One after the other, where two have the same body: the second is to see the parts of the first.
        connection.execute(sql.select(table).where(table.c.sha256 == sha256).with_for_update(key_share=True))
        # Those of a body that was damaged are replaced.
        connection.execute(sql.delete(parts).where(parts.c.sha256 == sha256))
        rows = [{"sha256": sha256, "part": part, "data": data} for part, data in enumerate(body.parts)]
        connection.execute(sql.insert(parts), rows)


def insert_new(connection: sql.Connection, table: sql.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, but for those that are there."""
    insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(insert(table).on_conflict_do_nothing(), rows)


_AT_ONCE: Final = 500
"""How many IDs go into one question; databases have limits."""


def portions(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield texts in portions of which each can go into one question."""
    listed = list(texts)
    return (listed[start : start + _AT_ONCE] for start in range(0, len(listed), _AT_ONCE))
