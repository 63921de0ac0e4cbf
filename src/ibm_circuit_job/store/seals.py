"""Digests of the rows of a store, which show whether a row was changed or removed by anything but the store.

Each row of ``jobs`` has a SHA-256 of its columns, without those that follow from others. Each row of ``history`` has a
SHA-256 of its fact. A second digest in the row of ``jobs`` covers its whole history: the sum, modulo 2**256, of one
SHA-256 for each row of the history, computed from the number and digest of that row. A row is added to the sum or
subtracted without reading the others. The sum changes if a row is removed, changed, repeated or exchanged.
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
"""The columns of ``jobs`` that the digest of a row covers. The others follow from them."""
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
    return digest_of_values(_sealed_values(row))


_sealed_values: Final = itemgetter(*SEALED)


def digest_of_values(values: Iterable[object]) -> str:
    """Return the digest of a row of ``jobs``, from the values of its columns in the order of :data:`SEALED`.

    Example:
        >>> from ibm_circuit_job.store.seals import SEALED
        >>> row = dict.fromkeys(SEALED)
        >>> digest_of_values([None] * len(SEALED)) == digest_of_job(row)
        True
    """
    # ascii() encodes any text, even a damaged one.
    return hashlib.sha256(ascii([*values]).encode()).hexdigest()


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
        history_digest: The digest of the history before the change.
        rows: The rows; each has a ``number`` and a ``digest``.
        removed: Whether the rows were removed, not added.

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
        # A damaged digest stays as it is, so that a check finds it.
        return history_digest
    return f"{(before - change if removed else before + change) % _MODULUS:064x}"


def check_fact(row: Row) -> None:
    """Check a row of ``history`` against its digest.

    Raises:
        Damaged: If the fact differs from the one that was saved.
    """
    if digest_of_fact(row) != row["digest"]:
        raise Damaged(
            f"the history of job {whole_text(row['job_id'])} is damaged: fact {row['number']} does not match its digest"
        )


def check_history(job_id: str, history_digest: object, rows: Iterable[Row]) -> None:
    """Check that a history has exactly the rows that were saved.

    Args:
        job_id: The job's ID.
        history_digest: The digest of the history in the row of the job; ``None`` if there is no such row.
        rows: The rows of the history.

    Raises:
        Damaged: If a row is missing, or was added by another program.
    """
    if with_facts(NO_HISTORY, rows) != (history_digest or NO_HISTORY):
        raise Damaged(
            f"the history of job {whole_text(job_id)} is damaged: a fact is missing, or another program added one"
        )
