"""Which of several processes asks the service for a job that all of them wait for: pure functions of what was seen.

Processes that share a store share the waits. Each has a row there, a *watcher*, which it renews every
:data:`RENEWAL_SECONDS`; a *lease* names the watcher that asks for a job. The others read what it saves. The rule:

1. A job that has no lease, or that of a watcher which was not renewed for :data:`LEASE_SECONDS`, is free: a process
   that waits for it takes the lease, and asks.
2. Age is measured by the clock of the database, which is one for all. A process also measures by its own monotonic
   clock how long it has seen the same renewal: so a clock of the database that is set back delays nothing.
3. A process that could not read the lease for :data:`ALONE_SECONDS` asks for itself: no wait depends on the database.
4. A wait promises when it asks again. One that is late by more than :data:`GRACE_SECONDS`, such as one whose request
   hangs, or whose caller does something else, loses its leases.

Two processes may ask at once for a moment: where a watcher was taken for dead that was only slow. That costs a request,
and nothing else, since what both learn is merged. Times are seconds of a monotonic clock of the process, unless said.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from attrs import frozen

RENEWAL_SECONDS: Final = 1.5
"""How often a process renews its watcher, and reads the leases of the jobs that it waits for."""
LEASE_SECONDS: Final = 5.0
"""A watcher that was not renewed for so long is taken for dead."""
ALONE_SECONDS: Final = 8.0
"""A process that could not read a lease for so long asks for itself."""
GRACE_SECONDS: Final = 4.0
"""How late a wait may be with what it promised."""


@frozen
class Lease:
    """The lease of a job, as a store has it."""

    watcher: str
    """The process that asks for the job."""
    renewed: float | None = None
    """When that process was last renewed, by the clock of the database; ``None`` where it has no row any more."""
    age: float | None = None
    """How many seconds ago that was, by the same clock."""


@frozen
class Seen:
    """What a process has seen of the lease of one job."""

    lease: Lease | None
    """The lease; ``None`` where the job had none."""
    at: float
    """When it was last read."""
    since: float
    """When this renewal of it was first read."""


@frozen
class Ask:
    """Ask the service: the lease is this process's, or cannot be read."""


@frozen
class TakeOver:
    """Take the lease, which is free, and ask."""


@frozen
class Follow:
    """Read what another process saves."""

    until: float
    """When to ask all the same, if the lease cannot be read until then."""


Turn: TypeAlias = Ask | TakeOver | Follow
"""What a process does about a job: a closed union, to be taken apart with ``match``."""


def after_reading(seen: Seen | None, lease: Lease | None, now: float) -> Seen:
    """Return what was seen of a lease after it was read once more.

    Args:
        seen: What was seen before.
        lease: The lease, as it was read.
        now: The time before it was read.

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
        seen: What it has seen of the job's lease; ``None`` where it could not be read yet.
        watcher: The process.
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
    # A renewal that lies ahead was made before the clock of the database was set back.
    return not 0.0 <= lease.age + (now - seen.at) <= LEASE_SECONDS


def is_late(promised: float, now: float) -> bool:
    """Return whether a wait has not asked when it promised to, so that others may.

    Args:
        promised: When it was to ask.
        now: The time.

    Example:
        >>> is_late(100.0, 103.0), is_late(100.0, 104.5)
        (False, True)
    """
    return now - promised > GRACE_SECONDS
