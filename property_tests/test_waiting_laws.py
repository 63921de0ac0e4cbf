"""What the waiting policy promises, over waits of any length, on a simulated clock."""

import math

from hypothesis import example, given
from hypothesis import strategies as st

from ibm_circuit_job.errors import Unreachable
from ibm_circuit_job.state.waiting import (
    Finished,
    Poll,
    TimedOut,
    Wait,
    WaitPolicy,
    after_poll,
    after_trouble,
    next_step,
)

TEN_DAYS = 864_000.0


def polled(ends_at, deadline=None, fails=lambda _: False):
    """Poll for a job that ends at a time; return when the waiter stopped, with what, after how many polls."""
    policy, wait, now, polls = WaitPolicy(), Wait(0.0, deadline=deadline), 0.0, 0
    while True:
        step = next_step(policy, wait, now)
        if not isinstance(step, Poll):
            return now, step, polls
        now += step.after
        polls += 1
        if fails(polls):
            wait = after_trouble(wait, now, Unreachable("read job a", "http://x", "no route"))
        else:
            wait = after_poll(wait, now, ended=now >= ends_at, running=True)


@given(st.floats(0.1, 20_000.0))
@example(TEN_DAYS)
def test_end_is_noticed_with_a_delay_of_a_tenth_of_the_wait(ends_at):
    noticed, step, _ = polled(ends_at)
    assert step == Finished()
    delay = noticed - ends_at
    assert delay <= min(max(0.1, 0.1 * ends_at), 30.0) + 1e-6


@given(st.floats(0.1, 300.0))
def test_number_of_polls_grows_with_the_logarithm_of_the_wait(ends_at):
    _, _, polls = polled(ends_at)
    # A pause is at least 0.09 of the time waited.
    assert polls <= 13 + math.log(max(ends_at, 1.0)) / math.log(1.09)


@given(st.floats(0.0, 1000.0), st.floats(0.0, 1000.0))
def test_waiter_stops_at_the_deadline_or_at_the_end(ends_at, deadline):
    stopped, step, _ = polled(ends_at, deadline)
    assert stopped <= deadline + 1e-6
    assert step == (Finished() if ends_at <= stopped else TimedOut())


@given(st.floats(0.1, 1000.0), st.sets(st.integers(1, 30)))
def test_trouble_does_not_end_a_wait(ends_at, failing):
    _, step, _ = polled(ends_at, fails=lambda number: number in failing)
    assert step == Finished()
