"""One wait for a job's end: what each thing that happens in it means."""

from datetime import UTC, datetime

import pytest
from qiskit.providers.jobstatus import JobStatus
from returns.result import Failure, Success

from ibm_circuit_job import Job, JobDetails, StatusReport, WaitPolicy
from ibm_circuit_job.errors import GaveUpWaiting, NoResult, TimeUp
from ibm_circuit_job.state import waiting
from ibm_circuit_job.state.course import LONGEST_CALL, SHORTEST_CALL, Course
from ibm_circuit_job.state.waiting import Finished, GaveUp, Listen, Poll, TimedOut, Trouble, Wait

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
TROUBLE = NoResult("read job a")


def job(status=None, details=None):
    return Job("a", None if status is None else StatusReport(NOON, status, status.name), details)


QUEUED, RUNNING, DONE = (job(each) for each in (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.DONE))


def begun(known=QUEUED, timeout=None, *, offers_stream=False):
    return Course.begun(known, WaitPolicy(), timeout, 0.0, offers_stream=offers_stream, seed=0.0)


def test_job_that_has_ended_needs_no_request():
    assert begun(DONE).next_step(DONE, 0.0) == Finished()


def test_end_that_another_thread_saw_ends_the_wait():
    assert begun().next_step(DONE, 1.0) == Finished()


def test_timeout_names_the_last_trouble():
    course = begun(timeout=5.0).after_polling(QUEUED, TROUBLE, 1.0)
    assert course.next_step(QUEUED, 5.0) == TimedOut()
    assert course.failure(QUEUED, TimedOut(), 5.0) == TimeUp("see job a end", 5.0, TROUBLE)
    assert begun(timeout=5.0).failure(QUEUED, TimedOut(), 5.0) == TimeUp("see job a end", 5.0, None)


def test_timeout_of_zero_is_named():
    assert begun(timeout=0.0).failure(QUEUED, TimedOut(), 0.0) == TimeUp("see job a end", 0.0, None)


@pytest.mark.parametrize(("count", "failure"), [(1, TROUBLE), (2, GaveUpWaiting("job a", TROUBLE, 2, 7.0))])
def test_trouble_that_came_once_is_the_failure_itself(count, failure):
    assert begun().failure(QUEUED, GaveUp(Trouble(2.0, TROUBLE, count)), 9.0) == failure


def test_wait_begins_with_what_is_known():
    expected = job(JobStatus.RUNNING, JobDetails(NOON, usage_estimate=30.0))
    for known, wait in {
        QUEUED: Wait(7.0, seed=0.25),
        DONE: Wait(7.0, seed=0.25, ended=True),
        RUNNING: Wait(7.0, seed=0.25, running_since=7.0),
        expected: Wait(7.0, seed=0.25, running_since=7.0, running_for=30.0),
    }.items():
        assert Course.begun(known, WaitPolicy(), None, 7.0, offers_stream=False, seed=0.25).wait == wait
    assert begun().after_polling(expected, None, 7.0).wait.running_for == 30.0


def test_caller_who_wants_the_first_status_polls_first():
    course = begun(offers_stream=True)
    assert isinstance(course.next_step(QUEUED, 0.0), Listen)
    assert course.looking_first().next_step(QUEUED, 0.0) == Poll(0.0)
    after = course.looking_first().after_polling(QUEUED, None, 0.0)
    assert isinstance(after.next_step(QUEUED, 0.0), Listen)
    assert (after.policy, after.timeout) == (course.policy, course.timeout)


@pytest.mark.parametrize(
    ("timeout", "now", "listen", "call"),
    [
        (None, 0.0, None, LONGEST_CALL),
        (100.0, 0.0, 100.0, LONGEST_CALL),
        (100.0, 90.0, 10.0, 10.0),
        (5.0, 9.0, SHORTEST_CALL, SHORTEST_CALL),
    ],
)
def test_calls_last_until_the_deadline_at_most(timeout, now, listen, call):
    course = begun(timeout=timeout)
    assert (course.stream_seconds(now), course.call_seconds(now)) == (listen, call)


def test_closed_stream_is_followed_by_a_poll_at_once():
    course = begun(offers_stream=True).after_polling(QUEUED, None, 0.0)
    assert isinstance(course.next_step(QUEUED, 0.0), Listen)
    assert course.after_listening(Success(True), 1.0).next_step(QUEUED, 1.0) == Poll(0.0)


@pytest.mark.parametrize(
    ("heard", "after"),
    [
        (Success(True), waiting.after_stream_closed),
        (Success(False), waiting.after_stream_quiet),
        (Failure(TROUBLE), waiting.after_stream_failed),
    ],
)
def test_what_was_heard_decides_what_follows(heard, after):
    course = begun(RUNNING, offers_stream=True).after_listening(Failure(TROUBLE), 0.5)
    assert course.after_listening(heard, 1.0).wait == after(course.wait, 1.0)


def test_poll_says_whether_the_job_runs_or_has_ended():
    assert begun().after_polling(RUNNING, None, 1.0).wait.running
    assert begun().after_polling(DONE, None, 1.0).wait.ended


def test_place_in_the_queue_is_asked_for_a_listener():
    assert begun().wants_metrics(QUEUED, 0.0, has_listener=True)
    assert not begun().wants_metrics(RUNNING, 0.0, has_listener=True)
    assert not begun().after_polling(QUEUED, TROUBLE, 0.0).wants_metrics(QUEUED, 0.0, has_listener=True)


def test_estimate_is_asked_for_again_as_the_wait_grows():
    course = begun().after_polling(QUEUED, None, 0.0)
    assert not course.wants_metrics(QUEUED, 1.0, has_listener=False)
    assert course.wants_metrics(QUEUED, 60.0, has_listener=False)
    told = course.after_measuring(500.0, 60.0)
    assert told.wait.expected_start == 560.0
    assert not told.wants_metrics(QUEUED, 74.0, has_listener=False)
    assert told.wants_metrics(QUEUED, 75.0, has_listener=False)
    untold = course.after_measuring(None, 60.0)
    assert not untold.wants_metrics(QUEUED, 61.0, has_listener=False)
    assert untold.wants_metrics(QUEUED, 1e6, has_listener=False)
