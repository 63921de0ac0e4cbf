"""The bodies of inputs and results in a store. Each is saved once, under its SHA-256, compressed and in parts.

The parts of a body are rows. If the store has a place for payloads, a body is one object there; see ``payloads``.

Records and histories contain no bodies. They refer to a body by its SHA-256 and the time at which it was seen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from io import SEEK_END, BytesIO
from tempfile import SpooledTemporaryFile, gettempdir
from typing import IO, Any, Final

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
from ibm_circuit_job.store.statements import insert_new, is_among, portions, texts
from ibm_circuit_job.store.trouble import Damaged

_PART: Final = 16 * 1024 * 1024
"""The most bytes of a compressed body in one row."""
_MOST_IN_MEMORY: Final = _PART
"""The most bytes of compressed bodies in memory. Larger ones go to a temporary file."""
_LEVEL: Final = 2
"""The level of Zstandard. At 2 it finds that counts and memory repeat the same shots: 91 MB become 26 MB."""


@frozen
class Reference:
    """Refers to a body, in place of its bytes."""

    kind: type[Body]
    stamp: int
    observed_at: datetime
    sha256: str

    @property
    def order(self) -> tuple[int, datetime, str]:
        """The sort key of bodies of one kind. The record refers to the largest."""
        return self.stamp, self.observed_at, self.sha256


@frozen
class Packed:
    """A compressed body, as a range of a file."""

    size: int
    """The number of bytes before compression."""
    file: IO[bytes]
    """The file, which has other bodies too."""
    start: int
    """The offset of the first byte in the file."""
    stop: int
    """The offset after the last byte."""

    @property
    def parts(self) -> Iterator[bytes]:
        """The compressed bytes in parts, one for each row."""
        for start in range(self.start, self.stop, _PART):
            self.file.seek(start)
            yield self.file.read(min(_PART, self.stop - start))


def reference_in(row: sql.RowMapping) -> Reference:
    """Return the reference to a body in a row of a history.

    Raises:
        Damaged: If the row names no kind of body, no SHA-256 or no time.
    """
    kind = BODIES.get(row["slot"])
    if kind is None:
        raise Damaged(f"the history of job {row['job_id']} is damaged: expected a kind of body, got {row['slot']!r}")
    return _seen(row, kind, "observed_at", "stamp", "sha256")


def _seen(row: Row, kind: type[Body], moment: str, stamp: str, sha256: str) -> Reference:
    if not isinstance(row[sha256], str) or not row[sha256].isascii():
        raise Damaged(f"a body of job {row['job_id']} is damaged: expected a SHA-256, got {row[sha256]!r}")
    try:
        return Reference(
            kind, row[moment] if row[stamp] is None else row[stamp] + 0, moment_of(row[moment]), row[sha256]
        )
    except (OverflowError, TypeError):
        raise Damaged(f"a body of job {row['job_id']} is damaged: expected a time, got {row[moment]!r}") from None


def references_in(row: Row) -> dict[str, Reference]:
    """Return the references to the bodies of a job, by slot.

    Raises:
        Damaged: If a SHA-256 or a time is none.
    """
    return {
        slot: _seen(row, kind, f"{slot}_at", f"{slot}_stamp", f"{slot}_sha256")
        for slot, kind in BODIES.items()
        if row[f"{slot}_sha256"] is not None
    }


def packing_file() -> IO[bytes]:
    """Return a file for :func:`pack`: in memory while it is small, then an unnamed temporary file."""
    return SpooledTemporaryFile(max_size=_MOST_IN_MEMORY)


def pack(raw: bytes, file: IO[bytes]) -> Packed:
    """Compress a body and append it to a file, piece by piece.

    Args:
        raw: The body, at most ``MOST_BYTES`` bytes.
        file: The file; see :func:`packing_file`.

    Raises:
        JobStoreError: If the body is too large to be loaded again, or there is no space for the file.
    """
    if len(raw) > MOST_BYTES:
        raise JobStoreError(f"expected a body of at most {MOST_BYTES} bytes, got {len(raw)}")
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    try:
        start = file.seek(0, SEEK_END)
        compressor.copy_stream(BytesIO(raw), file, size=len(raw))
        return Packed(len(raw), file, start, file.tell())
    except OSError as error:
        raise JobStoreError(
            f"could not compress a body of {len(raw)} bytes into a temporary file in {gettempdir()}: {error.strerror}; "
            "make space there, or name another folder in TMPDIR"
        ) from None


def put_all(place: Place, packed: Mapping[str, Packed]) -> None:
    """Write compressed bodies to a place for payloads.

    Args:
        place: The place.
        packed: SHA-256 -> compressed body.

    Raises:
        JobStoreUnavailableError: If the place cannot be reached.
    """
    for sha256, body in packed.items():
        place.put(payloads.name_of(sha256), body.parts)


def raw_of(connection: sql.Connection, sha256: str) -> bytes | None:
    """Return the bytes of a body, unchecked; ``None`` if they are missing or cannot be decompressed."""
    for packed in _found(connection, [sha256]):
        raw = BytesIO()
        # getvalue() does not copy the buffer.
        return raw.getvalue() if packed.unpack(raw.write) else None
    return None


def missing_or_damaged(connection: sql.Connection, bodies: Mapping[str, bytes]) -> set[str]:
    """Return the SHA-256 of each body that the store lacks, or has with other bytes.

    Args:
        connection: The transaction.
        bodies: SHA-256 -> body, uncompressed.
    """
    there = {
        sha256 for some in portions(bodies) for sha256 in connection.execute(_IDS, {"sha256s": texts(some)}).scalars()
    }
    sound = set[str]()
    for some in _of_few_bytes(sorted(there), bodies):
        sound.update(packed.sha256 for packed in _found(connection, some) if packed.equals(bodies[packed.sha256]))
    return bodies.keys() - sound


def _of_few_bytes(sha256s: Sequence[str], bodies: Mapping[str, bytes]) -> Iterator[list[str]]:
    """Divide bodies into portions that fit into memory together."""
    for some in portions(sha256s):
        portion: list[str] = []
        size = 0
        for sha256 in some:
            size += len(bodies[sha256])
            if portion and size > _PART:
                yield portion
                portion, size = [], len(bodies[sha256])
            portion.append(sha256)
        yield portion


class _Different(Exception):  # noqa: N818 - named for what it says
    """A body in the store differs from the one that it is compared with."""


def body_of(connection: sql.Connection, reference: Reference) -> Body | None:
    """Return a body; ``None`` if it is missing, or does not match its SHA-256."""
    raw = raw_of(connection, reference.sha256)
    if raw is None:
        return None
    body = reference.kind(reference.observed_at, raw, stamp=reference.stamp)
    return body if body.sha256 == reference.sha256 else None


class _Found:
    """A body in the store, as a file that Zstandard reads. One part is in memory at a time."""

    def __init__(self, connection: sql.Connection, row: Any) -> None:
        self.sha256: str = row.sha256
        self._connection = connection
        self._size, self._part, self._number, self._at = row.size, row.data, 0, 0
        if self._part is None:
            self._part = payloads.packed_of(connection, row.sha256, row.size)

    def unpack(self, take: Callable[[bytes], object]) -> bool:
        """Decompress the body piece by piece, and return whether it is complete.

        A damaged body may claim any size. No more is decompressed than it claims, and at most ``MOST_BYTES``.
        """
        seen = 0
        file: Any = self
        try:
            if self._size > MOST_BYTES or zstandard.frame_content_size(self._part) != self._size:
                return False
            for piece in zstandard.ZstdDecompressor().read_to_iter(file):
                seen += len(piece)
                if seen > self._size:
                    return False
                take(piece)
        except (TypeError, zstandard.ZstdError):
            return False
        return bool(seen == self._size)

    def equals(self, raw: bytes) -> bool:
        """Return whether the body is equal to these bytes."""
        whole, seen = memoryview(raw), 0

        def compare(piece: bytes) -> None:
            nonlocal seen
            if whole[seen : seen + len(piece)] != piece:
                raise _Different
            seen += len(piece)

        try:
            return self.unpack(compare) and seen == len(raw)
        except _Different:
            return False

    def read(self, size: int) -> bytes:
        """Return the next compressed bytes, at most *size* of them; none at the end."""
        if self._at >= len(self._part):
            wanted = {"sha256": self.sha256, "part": self._number + 1}
            self._part = self._connection.execute(_PART_OF, wanted).scalar() or b""
            self._number, self._at = self._number + 1, 0
        self._at += size
        piece: bytes = self._part[self._at - size : self._at]
        return piece


def _found(connection: sql.Connection, sha256s: Iterable[str]) -> Iterator[_Found]:
    """The bodies that the store has, among these."""
    rows = connection.execute(_FIRST_PARTS, {"sha256s": texts(sha256s)}).all()
    return (_Found(connection, row) for row in rows)


def lock_bodies(connection: sql.Connection, references: sql.Select[Any] | Sequence[str]) -> None:
    """Lock bodies in the order in which saving locks them, so that there is no deadlock.

    Args:
        connection: The transaction. It locks the row of the job after this call.
        references: The SHA-256 of each body, or a query that selects them.
    """
    bodies = schema.bodies.c
    chosen = sql.select(bodies.sha256).where(bodies.sha256.in_(references)).order_by(bodies.sha256)
    connection.execute(chosen.with_for_update())


def delete_unreferenced(connection: sql.Connection, sha256s: Collection[str]) -> None:
    """Delete the bodies to which no history refers.

    Args:
        connection: The transaction; it has locked the rows of these bodies, but for those that were saved meanwhile.
        sha256s: The SHA-256 of each body.
    """
    table, history = schema.bodies, schema.history
    for wanted in portions(sorted(sha256s)):
        # Else two transactions that delete the last two jobs with a body would both find that the other job has it.
        lock_bodies(connection, wanted)
        used = set(connection.execute(sql.select(history.c.sha256).where(history.c.sha256.in_(wanted))).scalars())
        unused = [sha256 for sha256 in wanted if sha256 not in used]
        payloads.note_unused(connection, unused)
        connection.execute(sql.delete(table).where(table.c.sha256.in_(unused)))


def put(connection: sql.Connection, bodies: Mapping[str, bytes], packed: Mapping[str, Packed], file: IO[bytes]) -> None:
    """Write the bodies that the store lacks, and replace those that are damaged.

    Args:
        connection: The transaction.
        bodies: SHA-256 -> body, of all bodies to save.
        packed: SHA-256 -> compressed body, for each that :func:`missing_or_damaged` has returned.
        file: The file for bodies to compress now, since another transaction has deleted them in the meantime.
    """
    table, parts = schema.bodies, schema.body_parts
    place = payloads.payloads_of(connection).look(connection) if bodies else None
    for wanted in portions(sorted(bodies)):
        # The lock prevents that others delete these bodies before this transaction ends.
        there = set(connection.execute(_LOCKED_IDS, {"sha256s": texts(wanted)}).scalars())
        missing = [sha256 for sha256 in wanted if sha256 not in there]
        new = {sha256: packed.get(sha256) or pack(bodies[sha256], file) for sha256 in missing}
        made = insert_new(connection, table, [{"sha256": sha256, "size": body.size} for sha256, body in new.items()])
        written = {sha256: body for sha256, body in new.items() if sha256 in made}
        # A packed body without a new row is damaged, or another transaction has just inserted it: write it again.
        mended = [sha256 for sha256 in wanted if sha256 in packed and sha256 not in made]
        if mended:
            # Locked, so that of two transactions that mend the same body the second sees the parts of the first.
            connection.execute(_MENDED_IDS, {"sha256s": texts(mended)})
            connection.execute(_DELETED_PARTS, {"sha256s": texts(mended)})
            written |= {sha256: packed[sha256] for sha256 in mended}
        if place is not None:
            for sha256, body in written.items():
                payloads.use(connection, place, sha256, body.parts)
            continue
        rows: list[dict[str, Any]] = []
        left = _PART
        for sha256, body in sorted(written.items()):
            for part, data in enumerate(body.parts):
                if rows and len(data) > left:
                    connection.execute(sql.insert(parts), rows)
                    rows, left = [], _PART
                rows.append({"sha256": sha256, "part": part, "data": data})
                left -= len(data)
        if rows:
            connection.execute(sql.insert(parts), rows)


_OF_BODIES: Final = is_among(schema.bodies.c.sha256, "sha256s")
_IDS: Final = sql.select(schema.bodies.c.sha256).where(_OF_BODIES)
_LOCKED_IDS: Final = _IDS.order_by(schema.bodies.c.sha256).with_for_update(read=True, key_share=True)
_MENDED_IDS: Final = _IDS.order_by(schema.bodies.c.sha256).with_for_update(key_share=True)
_DELETED_PARTS: Final = sql.delete(schema.body_parts).where(is_among(schema.body_parts.c.sha256, "sha256s"))
_PART_OF: Final = sql.select(schema.body_parts.c.data).where(
    schema.body_parts.c.sha256 == sql.bindparam("sha256"), schema.body_parts.c.part == sql.bindparam("part")
)
_FIRST_PARTS: Final = (
    sql.select(schema.bodies.c.sha256, schema.bodies.c.size, schema.body_parts.c.data)
    .outerjoin(
        schema.body_parts, sql.and_(schema.body_parts.c.sha256 == schema.bodies.c.sha256, schema.body_parts.c.part == 0)
    )
    .where(_OF_BODIES)
)
