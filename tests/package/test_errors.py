"""Failures say what happened, and become the documented exceptions."""

import pytest
from qiskit.providers.exceptions import JobError, JobTimeoutError

from ibm_circuit_job.errors import (
    IBMAccountError,
    IBMBackendApiError,
    IBMBackendValueError,
    IBMJobApiError,
    IBMJobError,
    IBMJobNotFoundError,
    IBMJobTimeoutError,
    Refused,
    TimeUp,
    Unreachable,
    Unreadable,
    describe,
    to_exception,
)

REFUSED = Refused("read job a", "http://x/jobs/a", 503, "Down for an hour.", "1234", "trace-1")


def test_refusal_repeats_the_words_of_the_server():
    assert describe(REFUSED) == (
        "could not read job a: the service at http://x/jobs/a answered 503: "
        "Down for an hour. (code 1234, trace trace-1)"
    )


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (Unreachable("log in", "http://x", "no route"), "could not log in: no answer from http://x: no route"),
        (
            Unreadable("job reply", "state.status", "expected a string, got 3"),
            "could not read the job reply: state.status: expected a string, got 3",
        ),
        (
            TimeUp("see job a end", 2.0, Unreachable("read job a", "http://x", "no route")),
            (
                "could not see job a end within 2 seconds; the last trouble on the way: "
                "could not read job a: no answer from http://x: no route"
            ),
        ),
    ],
)
def test_each_failure_is_one_sentence(failure, sentence):
    assert describe(failure) == sentence


@pytest.mark.parametrize(
    ("status", "can_retry"),
    [(400, False), (401, False), (404, False), (409, False), (429, True), (500, True), (501, False), (503, True)],
)
def test_only_what_may_pass_can_be_retried(status, can_retry):
    assert Refused("read job a", "http://x", status).can_retry is can_retry


def test_exception_is_of_the_kind_that_the_caller_documents():
    assert type(to_exception(REFUSED)) is IBMJobApiError
    assert type(to_exception(REFUSED, IBMBackendApiError)) is IBMBackendApiError
    assert type(to_exception(REFUSED, IBMAccountError)) is IBMAccountError


def test_missing_job_is_told_from_other_refusals():
    assert type(to_exception(Refused("read job a", "http://x", 404))) is IBMJobNotFoundError
    assert type(to_exception(Refused("read job a", "http://x", 404), IBMJobError)) is IBMJobError


def test_timeout_is_qiskits_own_timeout_too():
    error = to_exception(TimeUp("see job a end", 2.0))
    assert isinstance(error, IBMJobTimeoutError)
    assert isinstance(error, JobTimeoutError)
    assert isinstance(error, JobError)


def test_wrong_argument_is_a_value_error_too():
    assert issubclass(IBMBackendValueError, ValueError)


def test_message_of_an_exception_is_not_in_quotes():
    assert str(IBMJobError("no luck")) == "no luck"
