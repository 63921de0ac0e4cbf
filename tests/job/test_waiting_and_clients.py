"""Waiting with a callback, and jobs over clients that are not ours: doubles that can do little, mocks, foreign ones."""

from fractions import Fraction
from functools import partial
from types import SimpleNamespace
from unittest.mock import MagicMock

import msgspec
import numpy as np
import pytest
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import IBMCircuitJob, IBMJobApiError, IBMJobInvalidStateError, IBMJobTimeoutError, WaitPolicy
from ibm_circuit_job.errors import Unreachable
from ibm_circuit_job.testing import ScriptedClient

RESULT = {
    "backend_name": "b",
    "job_id": "a",
    "success": True,
    "results": [{"shots": 3, "success": True, "header": {"memory_slots": 1}, "data": {"counts": {"0x1": 3}}}],
}
PROMPT = WaitPolicy(shortest_pause=0.001, longest_pause=0.001)


def reply(status):
    return b'{"id": "a", "state": {"status": "%s"}}' % status.encode()


def job_of(client, **given):
    job = IBMCircuitJob(None, None, "a", runtime_client=client, **given)
    job.wait_policy = PROMPT
    return job


# Waiting


class Heard:
    """A callback that writes down what it hears."""

    def __init__(self):
        self.news = []

    def __call__(self, job_id, status, job, *, queue_info):
        self.news.append((job_id, status.name, job, None if queue_info is None else queue_info.position))


def test_callback_gets_each_change_of_status_and_position_only():
    statuses = ["Queued", "Queued", "Queued", "Running", "Running", "Completed"]
    positions = [b'{"position_in_queue": %d}' % place for place in (2, 2, 1)]
    job = job_of(ScriptedClient([reply(status) for status in statuses], metrics=[*positions, b"{}"]))
    heard = Heard()
    assert job.wait_for_final_state(callback=heard) is None
    assert heard.news == [
        ("a", "QUEUED", job, 2),
        ("a", "QUEUED", job, 1),
        ("a", "RUNNING", job, None),
        ("a", "DONE", job, None),
    ]


def test_callback_hears_the_status_of_a_job_that_has_ended_once():
    heard = Heard()
    job = job_of(ScriptedClient(), status="Completed")
    job.wait_for_final_state(callback=heard)
    assert heard.news == [("a", "DONE", job, None)]


def test_unreadable_queue_position_does_not_end_the_wait():
    client = ScriptedClient([reply("Queued"), reply("Completed")], metrics=[Unreachable("x", "http://x", "no route")])
    heard = Heard()
    job_of(client).wait_for_final_state(callback=heard)
    assert [status for _, status, _, _ in heard.news] == ["QUEUED", "DONE"]


def test_error_of_a_callback_is_not_hidden():
    def fail(*_, **__):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        job_of(ScriptedClient([reply("Queued")])).wait_for_final_state(callback=fail)


def test_wait_sets_the_pause_between_two_polls(monkeypatch):
    pauses = []
    monkeypatch.setattr("ibm_circuit_job.effects.sleep", pauses.append)
    job_of(ScriptedClient([reply("Queued")] * 3 + [reply("Completed")])).wait_for_final_state(wait=50)
    assert [round(pause) for pause in pauses] == [0, 50, 50, 50]


@pytest.mark.parametrize("wait", [0, -1, "5", True, float("nan"), float("inf"), 1e10, 10**400])
def test_wait_that_is_no_number_of_seconds_is_refused(wait):
    with pytest.raises(IBMJobInvalidStateError, match="expected wait to be a number of seconds"):
        job_of(ScriptedClient([reply("Completed")])).wait_for_final_state(wait=wait)


@pytest.mark.parametrize(
    "timeout", [None, float("inf"), 10**400, 30, 30.5, np.int64(30), np.float32(30), Fraction(61, 2)]
)
def test_timeout_may_be_any_number_of_seconds_or_none(timeout):
    job = job_of(ScriptedClient([reply("Running"), reply("Completed")]))
    assert job.wait_for_final_state(timeout) is None
    assert job.done()


@pytest.mark.parametrize("timeout", [0, -5])
def test_no_time_at_all_is_time_for_one_look(timeout):
    client = ScriptedClient([reply("Running")])
    with pytest.raises(IBMJobTimeoutError):
        job_of(client).wait_for_final_state(timeout)
    assert len(client.calls) == 1
    job_of(ScriptedClient([reply("Completed")])).wait_for_final_state(timeout)


class Streaming(ScriptedClient):
    """A client with a stream, which the service closes when the job ends."""

    listened = 0

    def job_stream(self, job_id, seconds):
        self.listened += 1
        return True


def test_stream_is_listened_to_where_the_client_has_one():
    client = Streaming([reply("Completed")])
    job = job_of(client)
    job.wait_for_final_state(timeout=30)
    assert job.done()
    assert (client.listened, len(client.calls)) == (1, 1)


# Clients that are not ours


class OnlyJobGet:
    """A double that knows one thing, and takes nothing but the ID."""

    def __init__(self, *statuses):
        self.statuses = list(statuses)

    def job_get(self, job_id):
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return {"id": job_id, "state": {"status": status}, "tags": ["x"], "params": {"shots": 10, "header": {"n": 1}}}


def test_double_that_can_do_one_thing_is_asked_for_that():
    job = job_of(OnlyJobGet("Queued", "Running", "Completed"))
    assert job.status() is JobStatus.QUEUED
    assert job.tags() == ["x"]
    job.wait_for_final_state(timeout=30)
    assert job.done()
    assert job.error_message() is None
    job.refresh()
    assert (job.backend_options(), job.header(), job.circuits()) == ({"shots": 10}, {"n": 1}, [])
    assert job.properties() is None


@pytest.mark.parametrize(
    ("ask", "method"),
    [
        (lambda job: job.result(), "job_results"),
        (lambda job: job.metrics(), "job_metadata"),
        (lambda job: job.logs(), "job_logs"),
        (lambda job: job.update_tags(["y"]), "update_tags"),
    ],
)
def test_missing_method_of_a_double_is_a_named_api_error(ask, method):
    with pytest.raises(IBMJobApiError, match=rf"a OnlyJobGet, has no method {method}\(\)"):
        ask(job_of(OnlyJobGet("Completed")))


def test_double_that_only_takes_tags_is_taken_at_its_word():
    class OnlyTags:
        def update_tags(self, job_id, tags):
            return None

    job = job_of(OnlyTags(), tags=["old"])
    assert job.update_tags(["new"]) == ["new"]
    assert job.tags() == ["new"]


def test_double_whose_method_is_no_plain_function_is_asked():
    def job_get(status, job_id):
        return {"id": job_id, "state": {"status": status}}

    assert job_of(SimpleNamespace(job_get=partial(job_get, "Running"))).running()
    assert job_of(SimpleNamespace(job_get=lambda job_id: job_get("Running", job_id))).running()


def mock(**answers):
    client = MagicMock()
    client.job_get.return_value = {"id": "a", "state": {"status": "Completed"}, "created": "2024-02-03T10:00:00Z"}
    client.job_metadata.return_value = {"usage": {"quantum_seconds": 2}}
    client.job_results.return_value = RESULT
    client.job_cancel.return_value = None
    client.configure_mock(**answers)
    return client


def test_mock_serves_as_a_client():
    job = job_of(mock())
    job.wait_for_final_state(timeout=30)
    assert job.result().get_counts() == {"1": 3}
    assert job.usage() == 2.0
    assert job.tags() == []
    assert job.circuits() == []
    assert job_of(mock()).cancel() is True
    assert job_of(mock()).update_tags(["x"]) == ["x"]


def test_mock_is_polled_and_never_listened_to():
    client = mock()
    client.job_get.side_effect = [
        {"id": "a", "state": {"status": status}} for status in ("Queued", "Running", "Completed")
    ]
    job_of(client).wait_for_final_state(timeout=30)
    assert client.job_get.call_count == 3
    client.job_stream.assert_not_called()


def test_unconfigured_mock_is_an_api_error_and_not_a_status():
    with pytest.raises(IBMJobApiError, match="expected"):
        job_of(MagicMock()).status()


@pytest.mark.parametrize("body", [RESULT, msgspec.json.encode(RESULT), msgspec.json.encode(RESULT).decode()])
def test_result_of_a_foreign_client_may_be_decoded_or_not(body):
    assert job_of(mock(**{"job_results.return_value": body})).result().get_counts() == {"1": 3}


def test_job_of_another_class_is_taken_over():
    client = mock()
    theirs = SimpleNamespace(
        job_id=lambda: "a",
        _api_client=client,
        _backend=(backend := object()),
        _tags=("x",),
        _session_id="s",
        _creation_date=None,
    )
    job = IBMCircuitJob.from_runtime_job(theirs)
    assert (job.job_id(), job.tags(), job.session_id, job.backend()) == ("a", ["x"], "s", backend)
    client.job_get.assert_not_called()
    assert job.result().get_counts() == {"1": 3}


@pytest.mark.parametrize("theirs", [None, "a", SimpleNamespace(job_id=lambda: "a"), SimpleNamespace(_api_client=1)])
def test_what_is_no_job_of_another_class_is_refused(theirs):
    with pytest.raises(IBMJobInvalidStateError, match="expected a job of qiskit-ibm-runtime"):
        IBMCircuitJob.from_runtime_job(theirs)
