"""The classic object against a scripted service: what it asks, what it keeps, what it raises."""

from concurrent.futures import ThreadPoolExecutor
from unittest.mock import MagicMock

import pytest
from qiskit.providers import JobV1
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import (
    IBMCircuitJob,
    IBMJobApiError,
    IBMJobError,
    IBMJobFailureError,
    IBMJobInvalidStateError,
    IBMJobNotFoundError,
    IBMJobTimeoutError,
)
from ibm_circuit_job.clients.foreign import adapted
from ibm_circuit_job.errors import Refused, Unreachable
from ibm_circuit_job.testing import ScriptedClient

RESULT = b"""{"backend_name": "b", "backend_version": "1", "job_id": "a", "success": true, "results": [
    {"shots": 3, "success": true, "header": {"name": "c", "memory_slots": 1, "creg_sizes": [["c", 1]]},
     "data": {"counts": {"0x1": 3}}}]}"""
DOWN = Unreachable("read job a", "http://x", "no route")
CONFLICT = Refused("cancel job a", "http://x", 409, "Too late.")


def reply(status, **more):
    body = '{"id": "a", "created": "2024-02-03T10:11:12Z", "tags": ["x"], "state": {"status": "%s"%s}}'
    return (body % (status, "".join(f', "{name}": "{value}"' for name, value in more.items()))).encode()


def job_of(client, **given):
    return IBMCircuitJob(backend=None, api_client=None, job_id="a", runtime_client=client, **given)


def asked(client):
    return [method for method, _ in client.calls]


def test_is_a_job_of_qiskit():
    job = job_of(ScriptedClient())
    assert isinstance(job, JobV1)
    assert job.version == 1
    assert job.job_id() == "a"


def test_status_asks_once_per_call_until_the_end():
    client = ScriptedClient([reply("Queued"), reply("Running"), reply("Completed")])
    job = job_of(client)
    assert [job.status() for _ in range(5)] == [
        JobStatus.QUEUED,
        JobStatus.RUNNING,
        JobStatus.DONE,
        JobStatus.DONE,
        JobStatus.DONE,
    ]
    assert asked(client) == ["job_get"] * 3


@pytest.mark.parametrize(
    ("status", "done", "running", "cancelled", "final"),
    [
        ("Queued", False, False, False, False),
        ("Running", False, True, False, False),
        ("Completed", True, False, False, True),
        ("Cancelled", False, False, True, True),
        ("Failed", False, False, False, True),
    ],
)
def test_questions_about_the_status(status, done, running, cancelled, final):
    job = job_of(ScriptedClient([reply(status)]))
    assert (job.done(), job.running(), job.cancelled(), job.in_final_state()) == (done, running, cancelled, final)


def test_final_status_given_at_construction_is_not_asked_for():
    client = ScriptedClient([reply("Running")])
    assert job_of(client, status="Completed").status() is JobStatus.DONE
    assert client.calls == []


def test_unknown_status_is_logged_once_and_waited_out(caplog):
    client = ScriptedClient([reply("Pondering deeply"), reply("Pondering deeply"), reply("Completed")])
    job = job_of(client)
    assert not job.in_final_state()
    job.wait_for_final_state(timeout=30)
    assert job.done()
    assert [record.message.count("Pondering deeply") for record in caplog.records] == [1]


def test_wait_outlives_trouble_that_may_pass():
    client = ScriptedClient([DOWN, b"<html>down</html>", b'{"id": "a", "sta', reply("Completed")])
    job = job_of(client)
    job.wait_for_final_state(timeout=30)
    assert job.done()


def test_wait_ends_at_once_where_there_is_no_such_job():
    with pytest.raises(IBMJobNotFoundError, match="404"):
        job_of(ScriptedClient()).wait_for_final_state(timeout=30)


def test_wait_that_times_out_says_what_the_trouble_was():
    with pytest.raises(IBMJobTimeoutError, match=r"within 1 seconds.*no route"):
        job_of(ScriptedClient([DOWN])).wait_for_final_state(timeout=1)


def test_result_is_read_once_and_kept():
    client = ScriptedClient([reply("Completed")], results=[RESULT])
    job = job_of(client)
    assert job.result().get_counts() == {"1": 3}
    assert job.result() is job.result()
    assert asked(client).count("job_results") == 1


def test_result_is_read_once_by_many_threads():
    client = ScriptedClient([reply("Completed")], results=[RESULT])
    job = job_of(client)
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda _: job.result(), range(32)))
    assert len({id(result) for result in results}) == 1
    assert asked(client).count("job_results") == 1


def test_failed_second_reading_keeps_what_was_kept():
    client = ScriptedClient([reply("Completed")], results=[RESULT, DOWN])
    job = job_of(client)
    kept = job.result()
    with pytest.raises(IBMJobTimeoutError, match="no route"):
        job.result(timeout=1, refresh=True)
    assert job.result() is kept


def test_error_page_in_place_of_a_result_is_waited_out():
    job = job_of(ScriptedClient([reply("Completed")], results=[b"<html>down</html>", RESULT]))
    assert job.result().get_counts() == {"1": 3}


def test_error_page_does_not_replace_a_result_that_was_read():
    job = job_of(ScriptedClient([reply("Completed")], results=[RESULT, b"<html>down</html>"]))
    kept = job.result()
    with pytest.raises(IBMJobTimeoutError, match="got HTML"):
        job.result(timeout=1, refresh=True)
    assert job.result() is kept
    assert job.state.payload.raw == RESULT


def test_reply_about_another_job_is_refused():
    with pytest.raises(IBMJobApiError, match="id: expected 'a', got 'b'"):
        job_of(ScriptedClient([b'{"id": "b"}'])).status()


@pytest.mark.parametrize("timeout", ["5", float("nan"), True])
def test_timeout_that_is_no_number_is_refused(timeout):
    with pytest.raises(IBMJobInvalidStateError, match="expected timeout to be a number of seconds"):
        job_of(ScriptedClient([reply("Completed")])).wait_for_final_state(timeout)


def test_reason_that_cannot_be_looked_for_now_is_an_api_error():
    job = job_of(ScriptedClient([reply("Failed")], results=[DOWN]))
    with pytest.raises(IBMJobApiError, match="no route"):
        job.error_message()


def test_failed_job_without_any_reason_says_so():
    assert job_of(ScriptedClient([reply("Failed")])).error_message() == "The service gave no reason."


def test_result_that_is_none_is_an_api_error_that_says_so():
    job = job_of(ScriptedClient([reply("Completed")], results=[b"{}"]))
    with pytest.raises(IBMJobApiError, match="expected a field 'results'"):
        job.result()


def test_result_of_a_failed_job_raises_its_reason():
    job = job_of(ScriptedClient([reply("Failed", reason="Too many shots.", reason_code=1517)]))
    with pytest.raises(IBMJobFailureError, match=r"Error code 1517; Too many shots\."):
        job.result()


def test_reason_is_looked_for_in_the_results_text():
    client = ScriptedClient([reply("Failed", reason="Error")], results=[b"qiskit.JobError: 'Out of memory.'"])
    assert job_of(client).error_message() == "Out of memory."


def test_job_that_did_not_fail_has_no_error_message():
    client = ScriptedClient([reply("Completed")])
    assert job_of(client).error_message() is None
    assert "job_results" not in asked(client)


def test_result_of_a_cancelled_job_is_an_invalid_state():
    with pytest.raises(IBMJobInvalidStateError, match="cancelled"):
        job_of(ScriptedClient([reply("Cancelled")])).result()


def test_accepted_cancel_counts_until_the_service_says_otherwise():
    job = job_of(ScriptedClient([reply("Running"), reply("Running"), reply("Completed")], results=[RESULT]))
    assert job.cancel()
    assert job.cancelled()
    assert job.status() is JobStatus.CANCELLED
    assert job.status() is JobStatus.DONE
    assert job.result().get_counts() == {"1": 3}


def test_cancel_of_a_job_that_ended_is_an_invalid_state():
    job = job_of(ScriptedClient([reply("Completed")], cancels=[CONFLICT]))
    with pytest.raises(IBMJobInvalidStateError, match=r"409: Too late\."):
        job.cancel()


def test_cancel_of_a_job_that_was_cancelled_elsewhere_is_true():
    assert job_of(ScriptedClient([reply("Cancelled")], cancels=[CONFLICT])).cancel()


def test_cancel_without_a_network_is_a_job_error():
    with pytest.raises(IBMJobError, match="no route"):
        job_of(ScriptedClient([reply("Running")], cancels=[DOWN])).cancel()


def test_refresh_learns_everything_and_consumes_nothing():
    client = ScriptedClient([reply("Completed")], metrics=[b'{"usage": {"quantum_seconds": 2}}'])
    job = job_of(client)
    job.refresh()
    assert job.state.metrics.quantum_seconds == 2.0
    assert asked(client) == ["job_get", "job_metadata"]


def test_tags_and_creation_date_are_asked_for_once():
    client = ScriptedClient([reply("Running")])
    job = job_of(client)
    assert job.tags() == ["x"]
    assert job.creation_date().utcoffset() is not None
    assert job.creation_date().timestamp() == 1706955072
    assert asked(client) == ["job_get"]


def test_what_the_constructor_was_told_is_not_asked_for():
    client = ScriptedClient()
    job = job_of(client, creation_date="2024-02-03T10:11:12Z", tags=["y"])
    assert job.tags() == ["y"]
    assert job.creation_date().timestamp() == 1706955072
    assert client.calls == []


def test_creation_date_that_is_no_time_is_refused():
    with pytest.raises(IBMJobInvalidStateError, match="creation_date"):
        job_of(ScriptedClient(), creation_date="noon")


def test_submit_is_not_supported():
    with pytest.raises(NotImplementedError, match=r"IBMBackend\.run"):
        job_of(ScriptedClient()).submit()


def test_service_that_is_down_is_an_api_error_with_its_own_words():
    refusal = Refused("read job a", "http://x", 503, "Maintenance until noon.")
    with pytest.raises(IBMJobApiError, match=r"Maintenance until noon\."):
        job_of(ScriptedClient([refusal])).status()


def test_mock_is_not_mistaken_for_a_client_with_a_stream():
    assert not adapted(MagicMock()).offers_stream


def test_error_of_a_foreign_client_is_recognised_by_its_shape():
    class ForeignError(Exception):
        status_code = 404
        message = "Gone."

    client = MagicMock()
    client.job_get.side_effect = ForeignError
    with pytest.raises(IBMJobNotFoundError, match=r"404: Gone\."):
        job_of(client).status()


def test_bug_of_a_foreign_client_is_not_hidden():
    client = MagicMock()
    client.job_get.side_effect = ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        job_of(client).status()
