"""What a waiter does next, on a clock of the test's own."""

import pytest

from ibm_circuit_job.errors import Refused, Unreachable
from ibm_circuit_job.state.waiting import (
    Finished,
    GaveUp,
    Listen,
    Poll,
    TimedOut,
    Wait,
    WaitPolicy,
    after_poll,
    after_stream_closed,
    after_stream_failed,
    after_stream_quiet,
    after_trouble,
    next_step,
)

POLICY = WaitPolicy(spread=0.0)
DOWN = Unreachable("read job a", "http://x", "no route")


def test_stream_comes_first():
    assert next_step(POLICY, Wait(0.0, offers_stream=True), 0.0) == Listen(60.0)


def test_client_without_stream_is_polled_at_once():
    assert next_step(POLICY, Wait(0.0), 0.0) == Poll(0.0)


def test_closed_stream_is_followed_by_a_poll_and_short_pauses():
    wait = after_stream_closed(Wait(0.0, offers_stream=True), 100.0)
    assert next_step(POLICY, wait, 100.0) == Poll(0.0)
    wait = after_poll(wait, 100.0, ended=False, running=True)
    assert next_step(POLICY, wait, 100.0) == Poll(0.01)
    wait = after_poll(wait, 100.01, ended=False, running=True)
    assert next_step(POLICY, wait, 100.01) == Poll(0.02)
    wait = after_poll(wait, 100.03, ended=True, running=False)
    assert next_step(POLICY, wait, 100.03) == Finished()


def test_refused_stream_is_tried_again_when_the_job_runs():
    wait = after_stream_failed(Wait(0.0, offers_stream=True), 0.0)
    assert next_step(POLICY, wait, 0.0) == Poll(0.0)
    queued = after_poll(wait, 0.0, ended=False, running=False)
    assert isinstance(next_step(POLICY, queued, 0.0), Poll)
    running = after_poll(wait, 0.0, ended=False, running=True)
    assert next_step(POLICY, running, 0.0) == Listen(60.0)


def test_stream_refused_to_a_running_job_causes_a_poll_at_once():
    running = after_poll(Wait(0.0, offers_stream=True), 300.0, ended=False, running=True)
    assert next_step(POLICY, after_stream_failed(running, 360.0), 360.0) == Poll(0.0)


def test_stream_refused_to_a_running_job_pauses_longer_each_time():
    running = after_poll(Wait(0.0, offers_stream=True), 0.0, ended=False, running=True)
    once = after_poll(after_stream_failed(running, 0.0), 0.0, ended=False, running=True)
    assert isinstance(next_step(POLICY, once, 4.9), Poll)
    assert isinstance(next_step(POLICY, once, 5.0), Listen)
    twice = after_stream_failed(once, 5.0)
    assert isinstance(next_step(POLICY, twice, 14.9), Poll)
    assert isinstance(next_step(POLICY, twice, 15.0), Listen)


def test_silent_stream_is_guarded_by_a_look_and_opened_again():
    wait = after_stream_quiet(Wait(0.0, offers_stream=True, running=True), 60.0)
    assert next_step(POLICY, wait, 60.0) == Poll(0.0)
    assert next_step(POLICY, after_poll(wait, 60.0, ended=False, running=True), 60.0) == Listen(60.0)


@pytest.mark.parametrize(("waited", "pause"), [(0.0, 0.1), (0.5, 0.1), (10.0, 1.0), (300.0, 30.0), (86_400.0, 30.0)])
def test_pauses_grow_with_the_time_waited_between_two_limits(waited, pause):
    wait = after_poll(Wait(0.0), waited, ended=False, running=False)
    assert next_step(POLICY, wait, waited) == Poll(pause)


def test_deadline_shortens_the_last_pause_before_a_last_poll():
    wait = after_poll(Wait(0.0, deadline=11.5), 11.0, ended=False, running=False)
    assert next_step(POLICY, wait, 11.0) == Poll(0.5)
    assert next_step(POLICY, after_poll(wait, 11.5, ended=False, running=False), 11.5) == TimedOut()
    assert next_step(POLICY, after_poll(wait, 11.5, ended=True, running=False), 11.5) == Finished()


def test_timeout_of_zero_still_looks_once():
    assert next_step(POLICY, Wait(0.0, deadline=0.0), 0.0) == Poll(0.0)


def test_passing_trouble_is_waited_out_for_the_patience():
    wait = after_trouble(after_poll(Wait(0.0), 0.0, ended=False, running=False), 1.0, DOWN)
    assert isinstance(next_step(POLICY, wait, 1.0), Poll)
    later = after_trouble(wait, 86_402.0, DOWN)
    assert next_step(POLICY, later, 86_402.0) == GaveUp(later.trouble)


def test_one_good_reply_ends_the_trouble():
    wait = after_poll(after_trouble(Wait(0.0), 1.0, DOWN), 2.0, ended=False, running=False)
    assert wait.trouble is None


def test_trouble_that_cannot_get_better_ends_the_wait_at_once():
    wait = after_trouble(Wait(0.0), 1.0, Refused("read job a", "http://x", 404))
    assert isinstance(next_step(POLICY, wait, 1.0), GaveUp)


def test_retry_after_is_obeyed():
    wait = after_trouble(Wait(0.0), 1.0, Refused("read job a", "http://x", 429, retry_after=20.0))
    assert next_step(POLICY, wait, 1.0) == Poll(20.0)


@pytest.mark.parametrize("name", ["shortest_pause", "longest_pause", "share"])
def test_pause_that_is_not_positive_is_refused(name):
    with pytest.raises(ValueError, match=name):
        WaitPolicy(**{name: 0.0})


def test_very_long_retry_after_is_cut_to_an_hour():
    wait = after_trouble(Wait(0.0), 1.0, Refused("read job a", "http://x", 429, retry_after=1e12))
    assert next_step(POLICY, wait, 1.0) == Poll(3600.0)
