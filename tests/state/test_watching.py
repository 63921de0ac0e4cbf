"""Whose turn it is to poll a job for which several processes wait."""

import pytest

from ibm_circuit_job.state.watching import (
    ALONE_SECONDS,
    GRACE_SECONDS,
    LEASE_SECONDS,
    Ask,
    Follow,
    Lease,
    Seen,
    TakeOver,
    after_reading,
    is_late,
    next_turn,
)

FRESH = Lease("other", renewed=7.0, age=0.5)


@pytest.mark.parametrize(
    ("lease", "since"),
    [
        (Lease("other", renewed=7.0, age=2.5), 100.0),
        (Lease("other", renewed=9.0, age=0.5), 102.0),
        (Lease("third", renewed=7.0, age=2.5), 102.0),
        (None, 102.0),
    ],
)
def test_lease_is_old_only_while_nobody_renews_it(lease, since):
    first = after_reading(None, FRESH, 100.0)
    assert first == Seen(FRESH, 100.0, 100.0)
    assert after_reading(first, lease, 102.0) == Seen(lease, 102.0, since)


def test_lease_that_was_not_there_is_new():
    assert after_reading(after_reading(None, None, 100.0), FRESH, 102.0) == Seen(FRESH, 102.0, 102.0)


@pytest.mark.parametrize(
    ("seen", "now", "turn"),
    [
        # Nothing was read yet, or for too long.
        (None, 100.0, Ask()),
        (Seen(FRESH, 100.0, 100.0), 100.0 + ALONE_SECONDS + 0.5, Ask()),
        (Seen(None, 100.0, 100.0), 100.0 + ALONE_SECONDS + 0.5, Ask()),
        # Nobody has it.
        (Seen(None, 100.0, 100.0), 100.0 + ALONE_SECONDS, TakeOver()),
        # This process has it, however old it is.
        (Seen(Lease("own", renewed=7.0, age=60.0), 100.0, 40.0), 101.0, Ask()),
        # Another one has it, and is alive as far as is known.
        (Seen(FRESH, 100.0, 100.0), 100.0, Follow(100.0 + ALONE_SECONDS)),
        (Seen(FRESH, 100.0, 98.0), 101.0, Follow(100.0 + ALONE_SECONDS)),
        (Seen(FRESH, 100.0, 100.0), 99.5 + LEASE_SECONDS, Follow(100.0 + ALONE_SECONDS)),
        # Another one had it, and was not renewed: by the clock of the database, or by this process's own.
        (Seen(FRESH, 100.0, 100.0), 99.75 + LEASE_SECONDS, TakeOver()),
        (Seen(FRESH, 104.0, 100.0), 100.5 + LEASE_SECONDS, TakeOver()),
        (Seen(FRESH, 104.0, 99.0), 99.0 + LEASE_SECONDS, Follow(104.0 + ALONE_SECONDS)),
        # Its row is gone, or the clock of the database was set back.
        (Seen(Lease("other"), 100.0, 100.0), 100.0, TakeOver()),
        (Seen(Lease("other", renewed=7.0, age=-0.5), 100.0, 100.0), 100.25, TakeOver()),
    ],
)
def test_turn_follows_from_what_was_read(seen, now, turn):
    assert next_turn(seen, "own", now) == turn


def test_wait_is_late_after_the_grace_alone():
    assert [is_late(100.0, 100.0 + GRACE_SECONDS + more) for more in (-0.5, 0.0, 0.5)] == [False, False, True]
