"""What the waiting policy promises, over waits of any length, on a simulated clock."""

import random
import statistics

import pytest
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


@given(st.floats(0.1, 3_000.0))
@example(50_000.0)
def test_end_is_noticed_with_a_delay_of_a_share_of_the_wait(ends_at):
    noticed, step, _ = polled(ends_at)
    assert step == Finished()
    policy = WaitPolicy()
    assert noticed - ends_at <= min(max(policy.shortest_pause, policy.share * ends_at), policy.longest_pause) + 1e-6


LATENCY = 0.05
"""Seconds that a request takes in the simulation of whole waits."""
THEIR_PAUSE = 0.5
"""Seconds between two requests of the official client: ``RuntimeJobV2.wait_for_final_state`` of 0.51."""


def seen(policy, queued, runs, chance, *, says_how_long=False):
    """How late the end of a job is seen, after how many requests, and the last pause while it was queued."""
    wait, now, in_queue = Wait(0.0, seed=chance.random()), 0.0, 0.0
    while not isinstance(step := next_step(policy, wait, now), Finished):
        assert isinstance(step, Poll)
        at = now + step.after + LATENCY / 2
        if wait.running_since is None:
            in_queue = step.after
        now = at + LATENCY / 2
        expected = runs * chance.uniform(0.7, 2.0) if says_how_long else None
        running = queued <= at < queued + runs
        wait = after_poll(wait, now, ended=at >= queued + runs, running=running, running_for=expected)
    return now - queued - runs, wait.polls, in_queue


@pytest.mark.parametrize("says_how_long", [False, True], ids=["no estimate", "estimate"])
@pytest.mark.parametrize(
    ("waited", "jobs", "late", "share"),
    [(10.0, 60, 0.5, 1.5), (60.0, 60, 1.0, 0.6), (3600.0, 20, 2.0, 0.12), (86_400.0, 3, 8.0, 0.06)],
    ids=["10 s", "a minute", "an hour", "a day"],
)
def test_end_is_seen_early_with_few_requests(waited, jobs, late, share, says_how_long):
    chance = random.Random(7)
    lengths = [(waited * chance.uniform(0.8, 1.2), chance.uniform(4.0, 14.0)) for _ in range(jobs)]
    found = [
        seen(WaitPolicy(), max(0.0, whole - runs), min(runs, whole), chance, says_how_long=says_how_long)
        for whole, runs in lengths
    ]
    assert statistics.median(delay for delay, _, _ in found) <= late
    theirs = sum(whole / (THEIR_PAUSE + LATENCY) for whole, _ in lengths)
    assert sum(polls for _, polls, _ in found) <= share * theirs
    # One that ended between two polls is seen after the pause of the queue, and no later.
    assert all(
        delay <= max(pause, WaitPolicy().share * runs) + 2 * LATENCY
        for (delay, _, pause), (_, runs) in zip(found, lengths, strict=True)
    )


@given(st.floats(0.0, 1000.0), st.floats(0.0, 1000.0))
def test_waiter_stops_at_the_deadline_or_at_the_end(ends_at, deadline):
    stopped, step, _ = polled(ends_at, deadline)
    assert stopped <= deadline + 1e-6
    assert step == (Finished() if ends_at <= stopped else TimedOut())


@given(st.floats(0.1, 1000.0), st.sets(st.integers(1, 30)))
def test_trouble_does_not_end_a_wait(ends_at, failing):
    _, step, _ = polled(ends_at, fails=lambda number: number in failing)
    assert step == Finished()
