"""A client of anybody's is adapted once: what it can do, what it is asked, and what its exceptions mean."""

from unittest.mock import MagicMock

import pytest
from returns.io import IOFailure, IOSuccess

from ibm_circuit_job import IBMCircuitJob, Job, effects
from ibm_circuit_job.clients import ClientParameters, PlatformClient, RuntimeClient
from ibm_circuit_job.clients.foreign import adapted
from ibm_circuit_job.errors import Refused, Unreachable, Unreadable, Unsupported
from ibm_circuit_job.testing import ScriptedClient


class Answering:
    """A client with one method, which notes the keywords that it was given."""

    def __init__(self, answer=b"{}"):
        self.answer, self.given = answer, []

    def job_get(self, job_id, exclude_params=True):
        self.given.append((job_id, exclude_params))
        return self.answer


class Failing:
    def __init__(self, error):
        self.error = error

    def job_get(self, job_id):
        raise self.error


class ShapedError(Exception):
    def __init__(self, status, message="no such job"):
        super().__init__(message)
        self.status_code, self.message = status, message


def test_client_that_is_adapted_already_is_returned():
    client = adapted(ScriptedClient())
    assert adapted(client) is client


def test_handle_returns_the_client_that_it_was_given():
    client = ScriptedClient()
    assert IBMCircuitJob(None, None, "a", runtime_client=client).client is client
    assert IBMCircuitJob(None, None, "a", runtime_client=adapted(client)).client is client
    assert IBMCircuitJob(None, None, "a").client is None


def test_effect_takes_a_client_as_it_came_or_adapted():
    reply = b'{"id": "a", "state": {"status": "Running"}}'
    for wrap in (lambda client: client, adapted):
        seen = effects.perform(effects.fetch_job(wrap(ScriptedClient([reply])), "a")).unwrap()
        assert seen.status.server_status == "Running"


def test_mock_has_no_capability_that_its_class_lacks():
    client = adapted(MagicMock())
    assert (client.offers_stream, client.limits_tags, client.stores_names) == (False, False, False)
    assert (client.service, client.parameters, client.seconds_ahead) == (None, None, None)


def test_our_clients_say_what_their_service_can_do():
    parameters = ClientParameters("token", url="https://x.example/api", channel="ibm_quantum", instance="a/b/c")
    classic = adapted(RuntimeClient(parameters))
    assert (classic.offers_stream, classic.limits_tags) == (True, False)
    assert classic.parameters is parameters
    platform = adapted(PlatformClient(ClientParameters("token", url="http://127.0.0.1:1")))
    assert (platform.offers_stream, platform.limits_tags) == (False, True)


def test_service_is_read_anew_when_the_instance_changes():
    client = RuntimeClient(ClientParameters("token", url="https://x.example/api", channel="ibm_quantum"))
    used = adapted(client)
    assert used.service == "https://x.example/api"
    client.params = ClientParameters("token", url="https://x.example/api", channel="ibm_quantum", instance="a/b/c")
    assert used.service == "https://x.example/api a/b/c"


def test_client_whose_parameters_raise_has_no_service():
    class Broken:
        @property
        def params(self):
            raise ZeroDivisionError

    assert adapted(Broken()).service is None


def test_only_keywords_that_a_method_takes_are_passed():
    client = Answering()
    asked = adapted(client).ask("read job a", "job_get", "a", exclude_params=False, seconds=5.0, other=1)
    assert asked == IOSuccess(b"{}")
    assert client.given == [("a", False)]


def test_keyword_of_ours_goes_only_to_a_method_that_names_it():
    class TakesAny:
        def job_get(self, job_id, **given):
            return given

    asked = adapted(TakesAny()).ask("read job a", "job_get", "a", exclude_params=True, seconds=5.0)
    assert asked == IOSuccess({"exclude_params": True})


@pytest.mark.parametrize(
    ("client", "why"),
    [(None, "no connection to a service"), (Answering(), "a Answering, has no method job_logs()")],
)
def test_method_that_is_missing_is_a_failure_that_says_so(client, why):
    failure = effects.perform(effects.fetch_logs(client, "a")).failure()
    assert isinstance(failure, Unsupported)
    assert why in failure.message


def test_error_with_a_status_is_a_refusal_else_it_is_raised():
    def ask(error):
        return adapted(Failing(error)).ask("read job a", "job_get", "a")

    assert ask(ShapedError(404)) == IOFailure(Refused("read job a", "the service", 404, "no such job"))
    assert ask(ShapedError(7)) == IOFailure(Unreachable("read job a", "the service", "no such job"))
    assert ask(TimeoutError("slow")) == IOFailure(Unreachable("read job a", "the service", "slow"))
    with pytest.raises(ZeroDivisionError):
        ask(ZeroDivisionError())


def test_answer_with_a_status_of_a_refusal_is_one():
    class Answer:
        status_code = 503
        content = b"<html>busy</html>"

    failure = effects.perform(effects.fetch_job(Answering(Answer()), "a")).failure()
    assert (failure.http_status, failure.by_service) == (503, False)


def test_reply_about_another_job_is_unreadable():
    failure = effects.perform(effects.fetch_job(Answering(b'{"id": "b"}'), "a")).failure()
    assert failure == Unreadable("job reply", "id", "expected 'a', got 'b'")


def test_adapted_client_serves_a_whole_pipeline():
    client = adapted(ScriptedClient([b'{"id": "a", "state": {"status": "Completed"}}'], results=[b'{"results": []}']))
    ended = effects.wait_until_final(client, Job("a"))
    payload = effects.perform(ended.bind(lambda job: effects.fetch_result_of(client, job))).unwrap()
    assert payload.raw == b'{"results": []}'
