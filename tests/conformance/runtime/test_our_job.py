"""Our IBMCircuitJob on top of the client of qiskit-ibm-runtime."""

import pytest
from our_job_checks import OurJobChecks

from ibm_circuit_job import IBMCircuitJob, IBMJobApiError
from ibm_circuit_job.state import reading


class TestOurJob(OurJobChecks):
    tells_place = False

    @pytest.fixture
    def counts_of(self):
        return lambda theirs: theirs.result(timeout=60)[0].data.meas.get_counts()

    @pytest.fixture
    def submit_tagged(self, submit):
        return lambda tags: submit(tags=tags)

    def test_private_job_gives_its_result_once_and_its_circuits(self, ours, submit):
        job = ours(submit(private=True))
        assert sum(job.result(timeout=60).get_counts().values()) == 100
        assert job.result() is job.result()
        assert job.private
        assert job.circuits() == []
        assert job.backend_options() == {}

    def test_private_result_read_elsewhere_is_reported_as_gone(self, submit, monkeypatch):
        # The service answers as if it were not there yet; here it is not waited for.
        monkeypatch.setattr(reading, "COMES_WITHIN", 1.0)
        theirs = submit(private=True)
        theirs.result(timeout=60)
        with pytest.raises(IBMJobApiError, match="read only once"):
            IBMCircuitJob.from_runtime_job(theirs).result(timeout=60)

    def test_retrieved_job_can_be_taken_over(self, service, submit):
        theirs = submit()
        job = IBMCircuitJob.from_runtime_job(service.job(theirs.job_id()))
        assert sum(job.result(timeout=60).get_counts().values()) == 100
