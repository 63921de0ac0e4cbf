"""Digests of the rows of a store, by which it notices that a row is not what was saved, or is gone.

A row of ``jobs`` has the SHA-256 of those of its columns that do not follow from others. A row of ``history`` has that
of its fact. The row of ``jobs`` has one more, of the whole history: the sum of the SHA-256s of number and digest of
each of its rows. A sum takes a row in or out without reading the others, and no row can be removed, changed, repeated
or put in the place of another without changing it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ibm_circuit_job.store.trouble import Damaged
from ibm_circuit_job.wire.values import whole_text

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

SEALED: Final = (
    *("job_id", "service", "record", "first_seen", "inputs_at", "inputs_stamp", "inputs_sha256", "has_result"),
    *("payload_at", "payload_stamp", "payload_sha256", "is_awaited", "result_is_gone", "history_digest"),
)
"""The columns of ``jobs`` that the digest of a row is of. The others follow from them."""
NO_HISTORY: Final = "0" * 64
"""The digest of a history without facts."""
_MODULUS: Final = 1 << 256
Row: TypeAlias = "Mapping[str, Any] | RowMapping"
"""A row of a table: column -> value."""


def digest_of_job(row: Row) -> str:
    """Return the digest of a row of ``jobs``.

    Example:
        >>> from ibm_circuit_job.store.seals import SEALED
        >>> row = dict.fromkeys(SEALED) | {"job_id": "cq1x"}
        >>> digest_of_job(row) == digest_of_job(row | {"job_id": "cq1y"})
        False
    """
    # In ASCII, whatever the database made of a damaged text.
    return hashlib.sha256(ascii([*_sealed_values(row)]).encode()).hexdigest()


_sealed_values: Final = itemgetter(*SEALED)


def digest_of_fact(row: Row) -> str:
    """Return the digest of the fact in a row of ``history``."""
    if row["slot"] is None:
        text = str(row["record"])
    else:
        stamp = "" if row["stamp"] is None else f" {row['stamp']}"
        text = f"{row['slot']} {row['observed_at']} {row['sha256']}{stamp}"
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def with_facts(history_digest: str, rows: Iterable[Row], *, removed: bool = False) -> str:
    """Return the digest of a history after some rows were added to it, or removed from it.

    Args:
        history_digest: The digest before.
        rows: The rows, of which each has a ``number`` and a ``digest``.
        removed: Whether they were removed.

    Example:
        >>> from ibm_circuit_job.store.seals import NO_HISTORY
        >>> rows = [{"number": 1, "digest": "a"}, {"number": 2, "digest": "b"}]
        >>> both = with_facts(NO_HISTORY, rows)
        >>> both == with_facts(with_facts(NO_HISTORY, rows[1:]), rows[:1])
        True
        >>> with_facts(both, rows, removed=True) == NO_HISTORY
        True
    """
    sums = (hashlib.sha256(f"{row['number']} {row['digest']}".encode(errors="surrogateescape")) for row in rows)
    change = sum(int.from_bytes(one.digest()) for one in sums)
    try:
        before = int(history_digest, 16)
    except (TypeError, ValueError):
        # Damaged. It stays so.
        return history_digest
    return f"{(before - change if removed else before + change) % _MODULUS:064x}"


def check_fact(row: Row) -> None:
    """Check a row of ``history`` against its digest.

    Raises:
        Damaged: If its fact is not the one that was saved.
    """
    if digest_of_fact(row) != row["digest"]:
        raise Damaged(
            f"the history of job {whole_text(row['job_id'])} is damaged: "
            f"fact {row['number']} is not what its digest says"
        )


def check_history(job_id: str, history_digest: object, rows: Iterable[Row]) -> None:
    """Check that all rows of a history are there, as they were saved.

    Args:
        job_id: The job's ID.
        history_digest: What the row of the job has; ``None`` where that is gone.
        rows: The rows of its history.

    Raises:
        Damaged: If one is gone, or there is one that was not saved.
    """
    if with_facts(NO_HISTORY, rows) != (history_digest or NO_HISTORY):
        raise Damaged(f"the history of job {whole_text(job_id)} is damaged: a fact is missing, or was put there since")
