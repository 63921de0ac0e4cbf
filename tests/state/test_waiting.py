"""What a waiter does next, on a clock of the test's own."""

import math

import pytest

from ibm_circuit_job.errors import Refused, Unreachable
from ibm_circuit_job.state.waiting import (
    Finished,
    GaveUp,
    Listen,
    Poll,
    TimedOut,
    Trouble,
    Wait,
    WaitPolicy,
    after_estimate,
    after_poll,
    after_stream_closed,
    after_stream_failed,
    after_stream_quiet,
    after_trouble,
    next_step,
    wants_estimate,
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


@pytest.mark.parametrize("after", [after_stream_closed, after_stream_quiet])
@pytest.mark.parametrize("running", [False, True])
def test_end_of_a_stream_causes_a_poll_at_once_and_no_stream(after, running):
    polled = after_poll(Wait(0.0, offers_stream=True), 300.0, ended=False, running=running)
    wait = after(polled, 300.0)
    assert next_step(POLICY, wait, 300.0) == Poll(0.0)
    wait = after_poll(wait, 300.0, ended=False, running=False)
    assert isinstance(next_step(POLICY, wait, 300.0), Poll)


def test_stream_that_stays_open_ends_the_refusals():
    running = after_poll(Wait(0.0, offers_stream=True), 0.0, ended=False, running=True)
    refused = after_poll(after_stream_failed(after_stream_failed(running, 0.0), 5.0), 5.0, ended=False, running=True)
    assert isinstance(next_step(POLICY, refused, 14.9), Poll)
    opened = after_poll(after_stream_quiet(refused, 75.0), 75.0, ended=False, running=True)
    assert isinstance(next_step(POLICY, opened, 75.0), Listen)


def test_job_that_goes_on_after_its_stream_closed_has_the_usual_pauses():
    wait = after_stream_closed(Wait(0.0, offers_stream=True, running_since=0.0), 100.0)
    for polls in range(1, 13):
        wait = after_poll(wait, 100.0, ended=False, running=True)
        assert (wait.polls, wait.lagging, wait.refusals) == (polls, polls, 0)
    ended = after_poll(wait, 100.0, ended=True, running=False)
    wait = after_poll(wait, 100.0, ended=False, running=True)
    assert (wait.polls, wait.lagging, wait.refusals, ended.refusals) == (13, None, 1, 0)
    assert next_step(POLICY, wait, 100.0) == Poll(5.4)
    assert isinstance(next_step(POLICY, wait, 105.0), Listen)


def test_refused_stream_is_tried_again_when_the_job_runs():
    wait = after_stream_failed(Wait(0.0, offers_stream=True), 0.0)
    assert next_step(POLICY, wait, 0.0) == Poll(0.0)
    queued = after_poll(wait, 0.0, ended=False, running=False)
    assert isinstance(next_step(POLICY, queued, 0.0), Poll)
    running = after_poll(wait, 0.0, ended=False, running=True)
    assert next_step(POLICY, running, 0.0) == Listen(60.0)


def test_stream_refused_for_the_first_time_causes_a_poll_at_once():
    for is_running in (True, False):
        wait = after_poll(Wait(0.0, offers_stream=True), 300.0, ended=False, running=is_running)
        assert next_step(POLICY, after_stream_failed(wait, 300.0), 300.0) == Poll(0.0)


def test_stream_refused_to_a_running_job_pauses_longer_each_time():
    running = after_poll(Wait(0.0, offers_stream=True), 0.0, ended=False, running=True)
    once = after_poll(after_stream_failed(running, 0.0), 0.0, ended=False, running=True)
    assert next_step(POLICY, after_stream_failed(once, 0.0), 0.0) == Poll(0.35)
    assert isinstance(next_step(POLICY, once, 4.9), Poll)
    assert isinstance(next_step(POLICY, once, 5.0), Listen)
    twice = after_stream_failed(once, 5.0)
    assert isinstance(next_step(POLICY, twice, 14.9), Poll)
    assert isinstance(next_step(POLICY, twice, 15.0), Listen)


def test_silent_stream_is_guarded_by_a_look_and_opened_again():
    wait = after_stream_quiet(Wait(0.0, offers_stream=True, running_since=0.0), 60.0)
    assert next_step(POLICY, wait, 60.0) == Poll(0.0)
    assert next_step(POLICY, after_poll(wait, 60.0, ended=False, running=True), 60.0) == Listen(60.0)


@pytest.mark.parametrize(
    ("waited", "pause"),
    [(0.0, 0.35), (4.0, 0.35), (10.0, 0.8), (300.0, 5.4), (7_200.0, 5.4), (28_800.0, 10.8), (1e6, 30.0)],
)
def test_pauses_in_the_queue_grow_with_the_time_waited(waited, pause):
    wait = after_poll(Wait(0.0), waited, ended=False, running=False)
    assert next_step(POLICY, wait, waited) == Poll(pytest.approx(pause))


@pytest.mark.parametrize(("ran", "pause"), [(0.0, 0.35), (10.0, 0.8), (3_000.0, 5.4)])
def test_pauses_of_a_running_job_grow_with_the_time_it_ran(ran, pause):
    wait = after_poll(Wait(0.0), 3600.0, ended=False, running=True)
    wait = after_poll(wait, 3600.0 + ran, ended=False, running=True)
    assert next_step(POLICY, wait, 3600.0 + ran) == Poll(pytest.approx(pause))


def test_job_that_is_queued_again_has_the_pauses_of_the_queue():
    wait = after_poll(Wait(0.0), 3600.0, ended=False, running=True)
    wait = after_poll(wait, 3601.0, ended=False, running=False)
    assert next_step(POLICY, wait, 3601.0) == Poll(5.4)


@pytest.mark.parametrize(
    ("ran", "pause"), [(10.0, 0.8), (70.0, 5.4), (90.0, 2.0), (99.0, 0.35), (110.0, 2.0), (200.0, 5.4)]
)
def test_pauses_are_short_near_the_expected_end(ran, pause):
    wait = after_poll(Wait(0.0), 3600.0, ended=False, running=True, running_for=100.0)
    wait = after_poll(wait, 3600.0 + ran, ended=False, running=True, running_for=100.0)
    assert next_step(POLICY, wait, 3600.0 + ran) == Poll(pytest.approx(pause))


@pytest.mark.parametrize(("to_start", "pause"), [(1000.0, 30.0), (100.0, 20.0), (10.0, 5.4), (-10.0, 5.4)])
def test_pause_is_longer_while_the_start_is_far(to_start, pause):
    wait = after_poll(Wait(0.0), 3600.0, ended=False, running=False)
    wait = after_estimate(wait, 3600.0, 3600.0 + to_start)
    assert next_step(POLICY, wait, 3600.0) == Poll(pytest.approx(pause))


def test_time_is_that_since_the_wait_began():
    for began in (0.0, 1_000.0):
        assert next_step(POLICY, Wait(began, polled=began + 9.0), began + 9.0) == Poll(0.72)
        assert [wants_estimate(Wait(began), began + seconds) for seconds in (9.5, 10.0)] == [False, True]
        assert not wants_estimate(Wait(began, running_since=began), began + 10.0)
        asked = after_estimate(Wait(began), began + 400.0, None)
        assert [wants_estimate(asked, began + 400.0 + seconds) for seconds in (99.5, 100.0)] == [False, True]
        unsure = after_estimate(Wait(began), began + 10.0, None)
        assert [wants_estimate(unsure, began + 10.0 + seconds) for seconds in (59.5, 60.0)] == [False, True]
        told = after_estimate(Wait(began), began + 10.0, began + 500.0)
        assert [wants_estimate(told, began + 10.0 + seconds) for seconds in (9.5, 10.0)] == [False, True]


def test_pauses_are_spread_by_the_seed_and_the_golden_ratio():
    """So that waits that begin together do not poll together, nor one always at the same share of its pause."""
    policy = WaitPolicy(spread=0.5, share=0.1, steady_pause=100.0, longest_pause=100.0)
    for polls, share in {0: 0.25, 1: 0.868034, 2: 0.486068, 3: 0.104102}.items():
        wait = Wait(0.0, polled=100.0, polls=polls, seed=0.25)
        assert next_step(policy, wait, 100.0) == Poll(pytest.approx(10.0 * (1.0 - 0.5 * share)))


def test_prompt_asks_more_often_and_gentle_less_often():
    wait = after_poll(Wait(0.0), 3600.0, ended=False, running=False)
    pauses = [
        next_step(policy, wait, 3600.0).after for policy in (WaitPolicy.prompt(), WaitPolicy(), WaitPolicy.gentle())
    ]
    assert pauses == sorted(set(pauses))


def test_deadline_shortens_the_last_pause_before_a_last_poll():
    wait = after_poll(Wait(0.0, deadline=11.5), 11.0, ended=False, running=False)
    assert next_step(POLICY, wait, 11.0) == Poll(0.5)
    assert next_step(POLICY, after_poll(wait, 11.5, ended=False, running=False), 11.5) == TimedOut()
    assert next_step(POLICY, after_poll(wait, 11.5, ended=True, running=False), 11.5) == Finished()


@pytest.mark.parametrize(("deadline", "seconds"), [(None, 60.0), (100.0, 60.0), (10.0, 6.0), (3.0, 0.0)])
def test_stream_is_listened_to_until_the_deadline_at_most(deadline, seconds):
    assert next_step(POLICY, Wait(0.0, deadline=deadline, offers_stream=True), 4.0) == Listen(seconds)


def test_timeout_of_zero_still_looks_once():
    assert next_step(POLICY, Wait(0.0, deadline=0.0), 0.0) == Poll(0.0)


def test_passing_trouble_is_waited_out_for_the_patience():
    wait = after_trouble(after_poll(Wait(0.0), 0.0, ended=False, running=False), 1.0, DOWN)
    assert isinstance(next_step(POLICY, wait, 1.0), Poll)
    later = after_trouble(wait, 86_402.0, DOWN)
    assert next_step(POLICY, later, 86_402.0) == GaveUp(later.trouble)


def test_tries_of_a_trouble_are_counted_and_its_time_begins_with_the_first():
    wait = Wait(0.0, poll_now=True)
    for count in (1, 2, 3):
        wait = after_trouble(wait, 40.0 + count, DOWN)
        assert (wait.polls, wait.trouble) == (count, Trouble(41.0, DOWN, count))
    assert next_step(POLICY, wait, 43.0) == Poll(3.44)
    assert isinstance(next_step(POLICY, wait, 41.0 + POLICY.patience), Poll)
    assert next_step(POLICY, wait, 41.5 + POLICY.patience) == GaveUp(wait.trouble)


def test_one_good_reply_ends_the_trouble():
    wait = after_poll(after_trouble(Wait(0.0), 1.0, DOWN), 2.0, ended=False, running=False)
    assert wait.trouble is None


def test_trouble_that_cannot_get_better_ends_the_wait_at_once():
    wait = after_trouble(Wait(0.0), 1.0, Refused("read job a", "http://x", 404))
    assert isinstance(next_step(POLICY, wait, 1.0), GaveUp)


def test_retry_after_is_obeyed():
    wait = after_trouble(Wait(0.0), 1.0, Refused("read job a", "http://x", 429, retry_after=20.0))
    assert next_step(POLICY, wait, 1.0) == Poll(20.0)


@pytest.mark.parametrize("name", ["shortest_pause", "steady_pause", "longest_pause", "share"])
def test_pause_that_is_not_positive_is_refused(name):
    with pytest.raises(ValueError, match=name):
        WaitPolicy(**{name: 0.0})


@pytest.mark.parametrize("name", ["shortest_pause", "steady_pause", "longest_pause", "guard_pause", "share"])
@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_pause_that_no_clock_can_wait_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        WaitPolicy(**{name: value})


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("policy", [POLICY, WaitPolicy(share=1e308), WaitPolicy(longest_pause=1e6)])
def test_odd_estimates_and_a_clock_that_stands_still_give_pauses(running, policy):
    for expected in [None, 0.0, -1e300, 1e300, math.inf, -math.inf, math.nan]:
        wait = after_poll(Wait(0.0), 0.0, ended=False, running=running, running_for=expected)
        wait = after_estimate(wait, 0.0, expected)
        for now in (0.0, -5.0, 0.0):
            wait = after_poll(wait, now, ended=False, running=running, running_for=expected)
            pause = next_step(policy, wait, now).after
            assert policy.shortest_pause <= pause <= policy.longest_pause, expected


@pytest.mark.parametrize("ahead", [-100.0, 0.0, 36_000.0, math.inf, None])
def test_few_requests_ask_for_estimates_whatever_they_say(ahead):
    wait, asked = Wait(0.0), 0
    for now in range(0, 86_400, 20):
        wait = after_poll(wait, now, ended=False, running=False)
        if wants_estimate(wait, now):
            asked += 1
            wait = after_estimate(wait, now, None if ahead is None else now + ahead)
    assert 20 < asked < 50


def test_estimate_is_replaced_when_the_queue_moves_faster():
    wait = after_estimate(after_poll(Wait(0.0), 10.0, ended=False, running=False), 10.0, 36_000.0)
    assert wants_estimate(wait, 20.0)


def test_very_long_retry_after_is_cut_to_an_hour():
    wait = after_trouble(Wait(0.0), 1.0, Refused("read job a", "http://x", 429, retry_after=1e12))
    assert next_step(POLICY, wait, 1.0) == Poll(3600.0)
