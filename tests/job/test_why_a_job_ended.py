"""Why a job failed, or was cancelled: reason, code, advice, and jobs that ran longer than allowed."""

import json
import pickle

import pytest
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import IBMCircuitJob, IBMJobFailureError, IBMJobInvalidStateError, effects
from ibm_circuit_job.testing import ScriptedClient


def job_that(**said):
    reply = json.dumps({"id": "a", **said}).encode()
    return IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient([reply]))


def test_error_message_has_reason_code_and_advice():
    state = {"status": "Failed", "reason": "Too many shots.", "reason_code": 1517, "reason_solution": "Use fewer."}
    job = job_that(state=state)
    assert job.error_message() == "Error code 1517; Too many shots. Use fewer."
    with pytest.raises(IBMJobFailureError, match=r"1517; Too many shots\. Use fewer\."):
        job.result()
    assert job.state.status.reason_solution == "Use fewer."


def test_advice_stands_beside_what_the_results_text_says():
    reply = b'{"id": "a", "state": {"status": "Failed", "reason_solution": "Ask."}}'
    client = ScriptedClient([reply], results=[b"JobError: 'no qubits'"])
    message = IBMCircuitJob(None, None, "a", runtime_client=client).error_message()
    assert "no qubits" in message
    assert message.endswith(" Ask.")


class SlowToFail:
    """A client of a job that fails after two minutes, and whose reason takes twenty seconds to read."""

    def __init__(self):
        self.late, self.seconds, self.monotonic = 0.0, [120.0], effects.monotonic

    def clock(self):
        return self.monotonic() + self.late

    def job_get(self, job_id, exclude_params=True):
        self.late += self.seconds.pop() if self.seconds else 0.0
        return b'{"id": "a", "state": {"status": "Failed"}}'

    def job_results(self, job_id):
        self.late += 20.0
        return b"JobError: 'Too hot.'"


def test_reason_is_read_however_long_the_job_took(monkeypatch):
    client = SlowToFail()
    monkeypatch.setattr(effects, "monotonic", client.clock)
    with pytest.raises(IBMJobFailureError, match="Too hot"):
        IBMCircuitJob(None, None, "a", runtime_client=client).result()


RAN_TOO_LONG = [
    {"state": {"status": "Cancelled", "reason_code": 1305}},
    {"state": {"status": "Cancelled", "reason_code": "1305"}},
    {"state": {"status": "Failed", "reason_code": 1305}},
    {"state": {"status": "failed", "reasonCode": "1305"}},
    {"state": {"status": "Cancelled"}, "status": "Cancelled - Ran too long"},
    {"state": {"status": "Failed"}, "status": "CANCELLED - RAN TOO LONG"},
    {"state": {"status": "Cancelled"}, "status": "cancelled_ran_too_long"},
    {"state": {"status": "Cancelled"}, "status": "Canceled: ran too long"},
    {"state": {"status": "Cancelled - Ran Too Long"}},
    {"status": "Cancelled - Ran too long"},
    {"status": "Canceled-Ran-Too-Long"},
]


@pytest.mark.parametrize("said", RAN_TOO_LONG, ids=repr)
def test_job_that_ran_too_long_is_cancelled_and_says_why(said):
    job = job_that(**said)
    assert job.status() is JobStatus.CANCELLED
    assert "longer than its maximum execution time" in job.error_message()
    with pytest.raises(IBMJobInvalidStateError, match=r"was cancelled.*longer than its maximum execution time"):
        job.result()


def test_words_of_the_service_come_first():
    state = {"status": "Cancelled", "reason": "Ran 3 h.", "reason_code": 1305, "reason_solution": "Use fewer shots."}
    job = job_that(state=state, status="Cancelled - Ran too long")
    assert job.error_message() == "Error code 1305; Ran 3 h. Use fewer shots."
    with pytest.raises(IBMJobInvalidStateError, match=r"Ran 3 h\. Use fewer shots\."):
        job.result()


@pytest.mark.parametrize(
    "said", [{"state": {"status": "Cancelled"}}, {"state": {"status": "Cancelled", "reason": "By you."}}]
)
def test_job_that_the_user_cancelled_has_no_error_message(said):
    job = job_that(**said)
    assert job.status() is JobStatus.CANCELLED
    assert job.error_message() is None
    with pytest.raises(IBMJobInvalidStateError, match=r"was cancelled, so it has no result$"):
        job.result()


@pytest.mark.parametrize("status", ["Running", "Queued"])
def test_code_of_a_job_that_goes_on_ends_nothing(status):
    assert job_that(state={"status": status, "reason_code": 1305}).error_message() is None


def test_reason_survives_a_pickle_and_json():
    job = job_that(state={"status": "Cancelled", "reason_code": 1305, "reason_solution": "Use fewer."})
    job.status()
    assert pickle.loads(pickle.dumps(job)).error_message() == job.error_message()
