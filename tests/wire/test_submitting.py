"""Whether a job may be the one that was submitted; the world around it is in ``property_tests``."""

import base64
import zlib
from datetime import UTC, datetime, timedelta

import pytest

from ibm_circuit_job import Job, JobDetails
from ibm_circuit_job.errors import NoResult, Refused, SubmissionUnknown, Unreachable
from ibm_circuit_job.wire import submitting
from ibm_circuit_job.wire.submitting import GiveUp, NotFound, Pause, Send, Submission, SubmissionPolicy

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
DOING = "submit a job to b"
WANTED = {"program": "sampler", "backend": "b", "tags": ["x"], "private": False, "not_before": NOON}
POLICY = SubmissionPolicy()
NEW = Submission(DOING)


def lost(failure):
    return submitting.after_failure(POLICY, NEW, 0.0, failure)


@pytest.mark.parametrize(
    ("said", "may_be"),
    [
        ({}, True),
        ({"program": "sampler", "backend": "b", "tags": ["x"], "private": False, "created": NOON}, True),
        ({"program": "estimator"}, False),
        ({"backend": "c"}, False),
        ({"created": NOON - timedelta(seconds=1)}, False),
        ({"tags": []}, False),
        ({"private": True}, False),
    ],
)
def test_candidate_is_one_of_which_nothing_differs(said, may_be):
    assert submitting.is_candidate(Job("a", details=JobDetails(NOON, **said)), **WANTED) is may_be


def test_job_of_which_nothing_is_known_is_a_candidate():
    assert submitting.is_candidate(Job("a"), **WANTED)


def packed(data, level=9):
    return base64.b64encode(zlib.compress(data, level)).decode().encode()


@pytest.mark.parametrize(
    ("sent", "served", "same"),
    [
        (b"page", b"page", True),
        (b"{", b"{}", False),
        (b'{"a": [1, {"b": 2}]}', b'{"a": [1.0, {"b": 2, "c": null}]}', True),
        (b'{"a": [1]}', b'{"a": [1, 2]}', False),
        (b'{"a": 1}', b'{"a": true}', False),
        (b'{"a": "x"}', b'{"a": "y"}', False),
        (b'{"a": "x"}', b'{"a": 1}', False),
        (b'["' + packed(b"a" * 99, 9) + b'"]', b'["' + packed(b"a" * 99, 0) + b'"]', True),
        (b'["' + packed(b"a") + b'"]', b'["' + packed(b"b") + b'"]', False),
        (b'["' + base64.b64encode(zlib.compress(b"a")[:-4]) + b'"]', b'["' + packed(b"a") + b'"]', False),
    ],
)
def test_params_are_the_same_if_they_say_the_same(sent, served, same):
    assert submitting.are_same_params(sent, served) is same


def test_pause_of_another_submission_delays_this_one():
    held = submitting.after_pause_of_another(NEW, 1.0, 6.0)
    assert submitting.next_submission_step(held, 2.0) == Pause(4.0, is_paced=True)
    assert submitting.next_submission_step(held, 6.0) == Send()
    assert submitting.after_pause_of_another(held, 2.0, 3.0) == held


@pytest.mark.parametrize(("status", "looks"), [(503, 2), (504, 5), (408, 5), (524, 5)])
def test_gateway_that_timed_out_is_looked_behind_longer(status, looks):
    submission = lost(Refused(DOING, "http://x", status))
    for look in range(looks):
        assert submission.is_lost, look
        submission = submitting.after_look(POLICY, submission, 10.0, NotFound())
    assert submitting.next_submission_step(submission, 99.0) == Send()


def test_pause_beyond_the_patience_ends_it_with_the_limit():
    refusal = Refused(DOING, "http://x", 429, "Slow down.", retry_after=1e5)
    (failure,) = (submitting.after_failure(POLICY, NEW, 0.0, refusal).outcome.failure,)
    assert failure.message.startswith("Slow down. run() waits 3600 seconds in all")


def test_failure_that_sent_nothing_ends_it():
    assert submitting.after_failure(POLICY, NEW, 0.0, NoResult(DOING)).outcome == GiveUp(NoResult(DOING))


def test_listing_that_is_refused_for_good_ends_it_unknown():
    submission = lost(Unreachable(DOING, "http://x", "reset"))
    ended = submitting.after_listing_trouble(POLICY, submission, 1.0, Refused("list jobs", "http://x", 403))
    assert isinstance(ended.outcome.failure, SubmissionUnknown)
