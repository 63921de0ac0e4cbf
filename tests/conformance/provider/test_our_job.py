"""Our IBMCircuitJob on top of the client of qiskit-ibm-provider."""

import pytest
from our_job_checks import OurJobChecks
from waiting import ended


class TestOurJob(OurJobChecks):
    @pytest.fixture
    def counts_of(self):
        return lambda theirs: ended(theirs).result().get_counts()

    @pytest.fixture
    def submit_tagged(self, submit):
        return lambda tags: submit(job_tags=tags)

    def test_options_hold_the_shots(self, ours, submit):
        assert ours(submit(shots=123)).backend_options()["shots"] == 123

    def test_memory_is_there_where_it_was_asked_for(self, ours, submit):
        assert len(ended(ours(submit(memory=True))).result().get_memory()) == 100
