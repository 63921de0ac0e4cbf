"""What a reader of a result does next, on a clock of the test's own."""

import pytest

from ibm_circuit_job.errors import NoResult, Refused, Unreachable, Unreadable
from ibm_circuit_job.state.reading import (
    Missed,
    Reading,
    after_another,
    after_found,
    after_missed,
    after_silence,
    next_try,
)
from ibm_circuit_job.state.waiting import Finished, GaveUp, Poll, TimedOut, Wait, WaitPolicy

POLICY = WaitPolicy(spread=0.0)
DOWN = Unreachable("read the result of job a", "http://x", "no route")
NONE = NoResult("read the result of job a")
PAGE = Refused("read the result of job a", "http://x", 404, "404 Not Found", by_service=False)
GONE = Refused("read the result of job a", "http://x", 404, "No such result.")
NO_RESULT = Unreadable("result", "results", "expected a field 'results', which is missing")


def reading(*failures, ended=0.0, deadline=None, every=1.0):
    """A reading that began at 0 s, and missed once each second."""
    found = Reading(Wait(0.0, deadline=deadline), ended)
    for number, failure in enumerate(failures):
        found = after_missed(found, number * every, failure if isinstance(failure, Missed) else Missed(failure))
    return found


def body(sha256, *, is_document):
    return Missed(Unreadable("result", "", f"not {sha256}"), sha256, is_document)


def test_result_is_tried_at_once_then_with_pauses_of_the_policy():
    assert next_try(POLICY, reading(), 0.0) == Poll(0.0)
    assert next_try(POLICY, reading(DOWN), 0.0) == Poll(0.35)
    assert next_try(POLICY, reading(*[DOWN] * 51), 50.0) == Poll(4.0)


def test_stream_is_not_listened_to_for_a_result():
    assert next_try(POLICY, Reading(Wait(0.0, offers_stream=True), 0.0), 0.0) == Poll(0.0)


def test_result_that_is_there_ends_the_reading():
    assert next_try(POLICY, after_found(reading(DOWN), 1.0), 1.0) == Finished()


def test_trouble_is_waited_out_until_the_deadline():
    assert next_try(POLICY, reading(DOWN, deadline=10.0), 9.95) == Poll(0.0)
    assert next_try(POLICY, reading(DOWN, deadline=10.0), 10.0) == TimedOut()


def test_trouble_is_waited_out_for_as_long_as_patience_lasts():
    down = reading(DOWN)
    assert isinstance(next_try(POLICY, down, 86_400.0), Poll)
    assert next_try(POLICY, down, 86_401.0) == GaveUp(down.wait.trouble)


def test_retry_after_of_a_busy_service_is_obeyed():
    busy = Refused("read the result of job a", "http://x", 429, retry_after=20.0)
    assert next_try(POLICY, reading(busy), 0.0) == Poll(20.0)


def test_refusal_of_the_service_itself_ends_the_reading_at_once():
    assert isinstance(next_try(POLICY, reading(GONE, deadline=10.0), 0.0), GaveUp)


def test_gateway_page_is_waited_out_until_the_deadline():
    assert isinstance(next_try(POLICY, reading(PAGE, deadline=7200.0), 7199.0), Poll)


def test_gateway_page_without_a_deadline_is_given_a_minute():
    pages = reading(PAGE, PAGE, every=30.0)
    assert next_try(POLICY, pages, 59.95) == Poll(0.0)
    assert next_try(POLICY, pages, 60.0) == GaveUp(pages.wait.trouble)


def test_page_after_a_long_outage_has_its_own_minute():
    outage = reading(*[DOWN] * 301, PAGE)
    assert isinstance(next_try(POLICY, outage, 301.0), Poll)
    assert next_try(POLICY, outage, 360.95) == Poll(0.0)
    assert isinstance(next_try(POLICY, outage, 361.0), GaveUp)


def test_result_comes_within_a_minute_of_the_end_of_the_job():
    assert isinstance(next_try(POLICY, reading(NONE, ended=-30.0), 29.9), Poll)
    assert isinstance(next_try(POLICY, reading(NONE, ended=-30.0), 30.0), GaveUp)
    assert isinstance(next_try(POLICY, reading(NONE, ended=-3600.0), 0.0), GaveUp)


def test_last_try_for_a_result_comes_when_the_minute_is_over():
    later = reading(*[NONE] * 59)
    assert next_try(POLICY, later, 58.0) == Poll(2.0)


def test_deadline_comes_before_the_minute_is_over():
    assert next_try(POLICY, reading(NONE, deadline=5.0), 5.0) == TimedOut()


def test_document_that_is_no_result_is_asked_for_once_more():
    first = body("1", is_document=True)
    assert isinstance(next_try(POLICY, reading(first), 0.0), Poll)
    assert isinstance(next_try(POLICY, reading(first, first), 1.0), GaveUp)


def test_trouble_between_two_equal_documents_changes_nothing():
    first = body("1", is_document=True)
    assert isinstance(next_try(POLICY, reading(first, DOWN), 1.0), Poll)
    assert isinstance(next_try(POLICY, reading(first, DOWN, first), 2.0), GaveUp)
    assert isinstance(next_try(POLICY, reading(first, first, DOWN), 2.0), Poll)


def test_documents_that_differ_are_asked_for_again():
    different = [body(str(number), is_document=True) for number in range(9)]
    assert isinstance(next_try(POLICY, reading(*different), 8.0), Poll)


def test_half_of_a_result_may_be_cut_off_in_the_same_place_again():
    half = body("1", is_document=False)
    assert isinstance(next_try(POLICY, reading(*[half] * 4), 3.0), Poll)
    assert isinstance(next_try(POLICY, reading(*[half] * 5), 4.0), GaveUp)


def test_try_that_goes_on_at_the_deadline_is_left_alone():
    assert next_try(POLICY, after_silence(reading(deadline=5.0), 5.0), 5.0) == TimedOut()


def test_end_of_a_try_of_somebody_else_makes_room_at_once():
    assert next_try(POLICY, after_another(reading(DOWN)), 0.0) == Poll(0.0)


@pytest.mark.parametrize("failure", [DOWN, PAGE, NONE, NO_RESULT])
def test_timeout_of_zero_still_tries_once(failure):
    assert next_try(POLICY, reading(deadline=0.0), 0.0) == Poll(0.0)
    assert next_try(POLICY, reading(failure, deadline=0.0), 0.0) == TimedOut()
