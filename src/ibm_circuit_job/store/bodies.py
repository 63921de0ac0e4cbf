"""The bodies of inputs and results as they lie in a store: once each, under their SHA-256, compressed and in parts.

The parts of a body are rows. Where the store has a place for payloads, they are one object there; see ``payloads``.

A record and a history do not hold them, but say which body it is, and when it was seen.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from io import BytesIO
from typing import Any, Final

import sqlalchemy as sql
import zstandard
from attrs import frozen

from ibm_circuit_job.errors import JobStoreError
from ibm_circuit_job.state.facts import MOST_BYTES, Body
from ibm_circuit_job.state.job import BODIES
from ibm_circuit_job.store import payloads, schema
from ibm_circuit_job.store.places import Place
from ibm_circuit_job.store.schema import moment_of
from ibm_circuit_job.store.seals import Row
from ibm_circuit_job.store.statements import insert_new, portions
from ibm_circuit_job.store.trouble import Damaged

_PART: Final = 16 * 1024 * 1024
"""How many bytes of a compressed body go into one row."""
_LEVEL: Final = 2
"""How hard Zstandard tries. At this level it finds that counts and memory hold the same shots: 91 MB become 26 MB."""


@frozen
class Reference:
    """Which body it is that a record leaves out."""

    kind: type[Body]
    stamp: int
    observed_at: datetime
    sha256: str

    @property
    def order(self) -> tuple[int, datetime, str]:
        """What orders bodies: that with the largest is the one that the record has."""
        return self.stamp, self.observed_at, self.sha256


@frozen
class Packed:
    """A body as it is kept."""

    size: int
    parts: tuple[bytes, ...]


def reference_in(row: sql.RowMapping) -> Reference:
    """Return which body a row of a history is."""
    kind = BODIES.get(row["slot"])
    if kind is None:
        raise Damaged(f"the history of job {row['job_id']} is damaged: expected a kind of body, got {row['slot']!r}")
    return _seen(row, kind, "observed_at", "stamp", "sha256")


def _seen(row: Row, kind: type[Body], moment: str, stamp: str, sha256: str) -> Reference:
    if not isinstance(row[sha256], str) or not row[sha256].isascii():
        raise Damaged(f"what is kept of job {row['job_id']} is damaged: expected a SHA-256, got {row[sha256]!r}")
    try:
        return Reference(
            kind, row[moment] if row[stamp] is None else row[stamp] + 0, moment_of(row[moment]), row[sha256]
        )
    except (OverflowError, TypeError):
        raise Damaged(f"what is kept of job {row['job_id']} is damaged: expected a time, got {row[moment]!r}") from None


def references_in(row: Row) -> dict[str, Reference]:
    """Return which bodies the record of a job leaves out: slot -> body."""
    return {
        slot: _seen(row, kind, f"{slot}_at", f"{slot}_stamp", f"{slot}_sha256")
        for slot, kind in BODIES.items()
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


def put_all(place: Place, packed: Mapping[str, Packed]) -> None:
    """Write bodies to the place that a store has for them.

    Raises:
        JobStoreUnavailableError: If it cannot be reached.
    """
    for sha256, body in packed.items():
        place.put(payloads.name_of(sha256), body.parts)


def raw_of(connection: sql.Connection, sha256: str) -> bytes | None:
    """Return the bytes of a body, unchecked; ``None`` where they are not there, or cannot be decompressed.

    Raises:
        JobStoreUnavailableError: If it lies in a place that cannot be reached.
    """
    bodies, parts = schema.bodies, schema.body_parts
    size = connection.execute(sql.select(bodies.c.size).where(bodies.c.sha256 == sha256)).scalar()
    query = sql.select(parts.c.data).where(parts.c.sha256 == sha256).order_by(parts.c.part)
    try:
        packed = b"".join(connection.execute(query).scalars())
        return _unpacked(packed or payloads.packed_of(connection, sha256, size), size)
    except (TypeError, zstandard.ZstdError):
        return None


def body_of(connection: sql.Connection, reference: Reference) -> Body | None:
    """Return a body; ``None`` where it is not there, or is not what its SHA-256 says."""
    raw = raw_of(connection, reference.sha256)
    if raw is None:
        return None
    body = reference.kind(reference.observed_at, raw, stamp=reference.stamp)
    return body if body.sha256 == reference.sha256 else None


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


def delete_unreferenced(connection: sql.Connection, sha256s: Collection[str]) -> None:
    """Delete those bodies, locked by this transaction, that no history refers to."""
    table, history = schema.bodies, schema.history
    for wanted in portions(sorted(sha256s)):
        used = set(connection.execute(sql.select(history.c.sha256).where(history.c.sha256.in_(wanted))).scalars())
        unused = [sha256 for sha256 in wanted if sha256 not in used]
        payloads.note_unused(connection, unused)
        connection.execute(sql.delete(table).where(table.c.sha256.in_(unused)))


def put(connection: sql.Connection, bodies: Mapping[str, bytes], packed: Mapping[str, Packed]) -> None:
    """Write the bodies that were found not to be there, and those that were deleted since."""
    if not bodies:
        return
    table, parts = schema.bodies, schema.body_parts
    # Those that are there are not deleted until this is done.
    there: set[str] = set()
    for wanted in portions(sorted(bodies)):
        of_bodies = sql.select(table.c.sha256).where(table.c.sha256.in_(wanted)).order_by(table.c.sha256)
        there.update(connection.execute(of_bodies.with_for_update(read=True, key_share=True)).scalars())
    place = payloads.payloads_of(connection).look(connection)
    for sha256 in sorted(packed.keys() | (bodies.keys() - there)):
        body = packed.get(sha256) or pack(bodies[sha256])
        insert_new(connection, table, [{"sha256": sha256, "size": body.size}])
        # One after the other, where two have the same body: the second is to see the parts of the first.
        connection.execute(sql.select(table).where(table.c.sha256 == sha256).with_for_update(key_share=True))
        # Those of a body that was damaged are replaced.
        connection.execute(sql.delete(parts).where(parts.c.sha256 == sha256))
        if place is not None:
            payloads.use(connection, place, sha256, body.parts)
            continue
        rows = [{"sha256": sha256, "part": part, "data": data} for part, data in enumerate(body.parts)]
        connection.execute(sql.insert(parts), rows)
