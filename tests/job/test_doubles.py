"""Handles and clients in tests of other programs: parts of them are replaced by mocks."""

from unittest import mock

import pytest
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import IBMCircuitJob
from ibm_circuit_job.testing import ScriptedClient


class Double:
    """A client whose replies have no ID."""

    def job_get(self, job_id, exclude_params=True):
        return {"state": {"status": "Completed"}, "program": {"id": "circuit-runner"}}


def test_method_of_a_handle_is_patched_and_restored():
    client = ScriptedClient([b'{"id": "a", "state": {"status": "Running"}}'])
    job = IBMCircuitJob(None, None, "a", runtime_client=client)
    with mock.patch.object(job, "status", return_value=JobStatus.DONE):
        assert job.status() is JobStatus.DONE
    assert job.status() is JobStatus.RUNNING
    with pytest.raises(AttributeError, match="cannot be assigned"):
        job.status = "DONE"
    with pytest.raises(AttributeError, match="cannot be assigned"):
        job.session_id = mock.Mock()


def test_replies_of_a_double_need_no_id():
    assert IBMCircuitJob(None, None, "a", runtime_client=Double()).status() is JobStatus.DONE


def test_methods_of_a_double_may_be_wrapped_by_mocks():
    client = Double()
    client.job_get = mock.Mock(wraps=client.job_get)
    assert IBMCircuitJob(None, None, "a", runtime_client=client).status() is JobStatus.DONE
    client.job_get.assert_called_once_with("a", exclude_params=True)
