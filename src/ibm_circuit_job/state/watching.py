"""Which of several processes polls a job that all of them wait for: pure functions of what was read of its lease.

Processes that share a store share their waits. Each process has a row in the store, a *watcher*, which it renews every
:data:`RENEWAL_SECONDS`. A *lease* is a row that names the watcher that polls a job. The other processes read what the
process of this watcher saves.

The rules:

1. A job is free if it has no lease, or if the watcher of its lease was not renewed for :data:`LEASE_SECONDS`. A process
   that waits for a free job takes the lease and polls.
2. The clock of the database measures ages, because all processes share it. Each process also measures with its own
   monotonic clock for how long a renewal has stayed the same. So if the clock of the database is set back, nothing is
   delayed.
3. A process that could not read the lease for :data:`ALONE_SECONDS` polls by itself. So no wait depends on the
   database.
4. A wait promises the time of its next poll. A wait that is late by more than :data:`GRACE_SECONDS` loses its leases:
   its request may hang, or its caller may be busy with something else.

If a slow watcher counted as dead, two processes may poll the same job for a moment. That costs one request and does no
other harm, because both processes merge what they learn. Times are seconds of a monotonic clock of the process,
unless an attribute says otherwise.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from attrs import frozen

RENEWAL_SECONDS: Final = 1.5
"""How often a process renews its watcher, and reads the leases of the jobs that it waits for."""
LEASE_SECONDS: Final = 5.0
"""Seconds after which a watcher that was not renewed counts as dead."""
ALONE_SECONDS: Final = 8.0
"""Seconds after which a process that cannot read a lease polls by itself."""
GRACE_SECONDS: Final = 4.0
"""Seconds that a wait may be late with a promised poll."""


@frozen
class Lease:
    """The lease of a job, as a store has it."""

    watcher: str
    """The watcher of the process that polls the job."""
    renewed: float | None = None
    """When that watcher was last renewed, by the clock of the database; ``None`` if its row was deleted."""
    age: float | None = None
    """Seconds since ``renewed``, by the same clock; ``None`` if ``renewed`` is ``None``."""


@frozen
class Seen:
    """What a process has seen of the lease of one job."""

    lease: Lease | None
    """The lease; ``None`` if the job had none."""
    at: float
    """When the lease was last read."""
    since: float
    """When the lease was first read with its present ``watcher`` and ``renewed``."""


@frozen
class Ask:
    """Poll the job: this process has the lease, or cannot read it."""


@frozen
class TakeOver:
    """Take the lease, which is free, and poll the job."""


@frozen
class Follow:
    """Read what another process saves."""

    until: float
    """When this process polls by itself, if the lease cannot be read until then."""


Turn: TypeAlias = Ask | TakeOver | Follow
"""What a process does about a job: a closed union, for use with ``match``."""


def after_reading(seen: Seen | None, lease: Lease | None, now: float) -> Seen:
    """Return what a process has seen of a lease, after it was read once more.

    Args:
        seen: What was seen before; ``None`` at the first reading.
        lease: The lease as it was read; ``None`` if the job has none.
        now: The time just before the reading.

    Example:
        >>> first = after_reading(None, Lease("a", renewed=7.0, age=0.5), 100.0)
        >>> after_reading(first, Lease("a", renewed=7.0, age=2.5), 102.0).since
        100.0
        >>> after_reading(first, Lease("a", renewed=9.0, age=0.5), 102.0).since
        102.0
    """
    is_same = (
        seen is not None
        and seen.lease is not None
        and lease is not None
        and (seen.lease.watcher, seen.lease.renewed) == (lease.watcher, lease.renewed)
    )
    return Seen(lease, now, seen.since if is_same and seen is not None else now)


def next_turn(seen: Seen | None, watcher: str, now: float) -> Turn:
    """Return what a process does about a job that it waits for.

    Args:
        seen: What the process has seen of the job's lease; ``None`` if it could not read it yet.
        watcher: The watcher of the process.
        now: The time.

    Example:
        >>> seen = after_reading(None, Lease("a", renewed=7.0, age=0.5), 100.0)
        >>> next_turn(seen, "a", 101.0), next_turn(seen, "b", 101.0), next_turn(seen, "b", 105.1)
        (Ask(), Follow(until=108.0), TakeOver())
    """
    if seen is None or now - seen.at > ALONE_SECONDS:
        return Ask()
    if seen.lease is None:
        return TakeOver()
    if seen.lease.watcher == watcher:
        return Ask()
    return TakeOver() if _is_over(seen.lease, seen, now) else Follow(seen.at + ALONE_SECONDS)


def _is_over(lease: Lease, seen: Seen, now: float) -> bool:
    if lease.age is None or now - seen.since > LEASE_SECONDS:
        return True
    # A negative age means that the clock of the database was set back after the renewal.
    return not 0.0 <= lease.age + (now - seen.at) <= LEASE_SECONDS


def is_late(promised: float, now: float) -> bool:
    """Return whether a wait is so late with a promised poll that another process may take its lease.

    Args:
        promised: The promised time of the poll.
        now: The time.

    Example:
        >>> is_late(100.0, 103.0), is_late(100.0, 104.5)
        (False, True)
    """
    return now - promised > GRACE_SECONDS
