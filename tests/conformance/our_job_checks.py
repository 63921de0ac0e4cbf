"""Our IBMCircuitJob on top of a client that is not ours: the same checks for each of the official ones.

``submit``, ``submit_failing``, ``slow``, ``their_client``, ``client_of`` and ``header_of_submit`` are fixtures of the
client's own folder.
"""

import time

import pytest
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import (
    IBMCircuitJob,
    IBMJobApiError,
    IBMJobFailureError,
    IBMJobInvalidStateError,
    IBMJobNotFoundError,
    IBMJobTimeoutError,
    JobStore,
)

NOBODY = "http://127.0.0.1:9"
"""Where nobody listens."""


def by_constructor(job, client):
    return IBMCircuitJob(backend=job.backend(), api_client=None, job_id=job.job_id(), runtime_client=client)


def by_takeover(job, _):
    return IBMCircuitJob.from_runtime_job(job)


class OurJobChecks:
    tells_place = True
    """Whether the service tells a job's place in the queue, as IBM Quantum Platform does not."""

    @pytest.fixture(params=[by_constructor, by_takeover], ids=["constructor", "from_runtime_job"])
    def ours(self, request, their_client):
        """Our handle on a job of theirs, made in either way."""
        return lambda job: request.param(job, their_client)

    @pytest.fixture
    def stranger(self, their_client):
        return IBMCircuitJob(backend=None, api_client=None, job_id="no-such-job", runtime_client=their_client)

    def test_result_has_the_counts(self, ours, submit):
        result = ours(submit()).result(timeout=60)
        counts = result.get_counts()
        assert set(counts) <= {"00", "11"}
        assert sum(counts.values()) == 100
        assert result.success

    def test_result_is_that_which_their_job_has(self, ours, submit, counts_of):
        theirs = submit()
        assert ours(theirs).result(timeout=60).get_counts() == counts_of(theirs)

    def test_job_on_their_client_is_kept_with_its_result(self, ours, submit, tmp_path):
        job = ours(submit())
        with JobStore(tmp_path / "jobs.sqlite") as store:
            job.keep_in(store)
            counts = job.result(timeout=60).get_counts()
            [back] = store.jobs()
            assert (back.client, back.result().get_counts(), back.done()) == (None, counts, True)

    def test_wait_ends_when_the_job_is_done(self, ours, submit):
        job = ours(submit())
        job.wait_for_final_state(timeout=60)
        assert job.status() is JobStatus.DONE
        assert (job.done(), job.running(), job.cancelled(), job.errored(), job.in_final_state()) == (
            True,
            False,
            False,
            False,
            True,
        )

    def test_wait_tells_a_callback_of_each_status(self, ours, slow):
        seen = []
        job = ours(slow(1))
        job.wait_for_final_state(timeout=60, callback=lambda _, status, __, **___: seen.append(status))
        assert seen[-1] is JobStatus.DONE
        assert JobStatus.RUNNING in seen or JobStatus.QUEUED in seen

    def test_timeout_of_a_wait_is_honoured(self, ours, slow):
        job = ours(slow(20))
        began = time.monotonic()
        with pytest.raises(IBMJobTimeoutError, match=r"0\.5 seconds"):
            job.wait_for_final_state(timeout=0.5)
        assert time.monotonic() - began < 3

    def test_running_job_can_be_cancelled(self, ours, slow, until):
        job = ours(slow(20))
        until(job.running)
        assert job.cancel()
        assert job.cancelled()
        with pytest.raises(IBMJobInvalidStateError, match="cancelled"):
            job.result(timeout=10)

    def test_queued_job_has_a_position_and_can_be_cancelled(self, ours, slow, until):
        first = ours(slow(20))
        until(first.running)
        second = ours(slow(20))
        assert second.status() is JobStatus.QUEUED
        assert second.queue_position() == (1 if self.tells_place else None)
        assert second.cancel()
        assert second.cancelled()

    def test_cancel_of_a_job_that_is_done_is_refused(self, ours, submit):
        theirs = submit()
        ours(theirs).wait_for_final_state(timeout=60)
        with pytest.raises(IBMJobInvalidStateError, match="cannot be cancelled"):
            ours(theirs).cancel()

    def test_tags_are_those_of_the_submission_and_can_be_replaced(self, ours, submit_tagged):
        job = ours(submit_tagged(["one", "two"]))
        assert sorted(job.tags()) == ["one", "two"]
        assert sorted(job.update_tags(["three", "four"])) == ["four", "three"]
        job.refresh()
        assert sorted(job.tags()) == ["four", "three"]
        assert job.update_tags([]) == []

    def test_failed_job_says_why(self, ours, submit_failing):
        job = ours(submit_failing())
        with pytest.raises(IBMJobFailureError, match="'mystery' is not supported by local_simulator"):
            job.result(timeout=60)
        assert job.status() is JobStatus.ERROR
        assert "Error code 1517; " in job.error_message()

    def test_job_that_is_done_has_no_error_message(self, ours, submit):
        job = ours(submit())
        job.result(timeout=60)
        assert job.error_message() is None

    def test_metrics_and_times_are_those_of_the_run(self, ours, submit):
        job = ours(submit())
        job.result(timeout=60)
        steps = job.time_per_step()
        assert steps["created"] <= steps["running"] <= steps["finished"]
        assert job.creation_date() == steps["created"]
        assert abs(job.creation_date().timestamp() - time.time()) < 300
        assert set(job.metrics()["timestamps"]) == {"created", "running", "finished"}
        assert job.usage() >= 0

    def test_client_version_is_known(self, ours, submit):
        assert any("qiskit" in name for name in ours(submit()).client_version)

    def test_usage_of_a_device_is_estimated(self, ours, slow):
        assert ours(slow(2)).usage_estimation["quantum_seconds"] == pytest.approx(2, abs=0.5)

    def test_circuits_are_those_of_the_submission(self, ours, submit, bell):
        (circuit,) = ours(submit()).circuits()
        assert circuit.count_ops() == bell.count_ops()
        assert circuit.num_clbits == 2

    def test_header_and_options_are_those_of_the_submission(self, ours, submit, header_of_submit):
        job = ours(submit())
        assert job.header() == header_of_submit
        options = job.backend_options()
        assert options
        assert not {"header", "circuits"} & set(options)

    def test_properties_of_a_device_are_those_of_the_day(self, ours, slow):
        job = ours(slow(0.05))
        job.result(timeout=60)
        properties = job.properties()
        assert 50e-6 < properties.t1(0) < 250e-6
        assert properties.gate_error("cx", [0, 1]) > 0
        assert properties.last_update_date <= job.creation_date()

    def test_simulator_has_no_properties(self, ours, submit):
        assert ours(submit()).properties() is None

    def test_job_that_has_ended_has_no_queue_info(self, ours, submit):
        job = ours(submit())
        job.result(timeout=60)
        assert job.queue_info() is None

    def test_logs_are_there_when_the_job_has_ended(self, ours, submit, slow):
        running = ours(slow(20))
        assert running.logs() == ""
        job = ours(submit())
        job.wait_for_final_state(timeout=60)
        assert "Completed" in job.logs()

    def test_record_outlives_the_connection(self, ours, submit):
        job = ours(submit())
        counts = job.result(timeout=60).get_counts()
        kept = IBMCircuitJob.from_state(job.state)
        assert kept.result().get_counts() == counts
        assert kept.status() is JobStatus.DONE

    @pytest.mark.parametrize("ask", ["status", "result", "refresh", "creation_date", "circuits", "metrics"])
    def test_unknown_job_is_not_found(self, stranger, ask):
        with pytest.raises(IBMJobNotFoundError, match="no-such-job"):
            getattr(stranger, ask)()

    @pytest.mark.filterwarnings("ignore:Unable to retrieve IBM Cloud access token")
    def test_wrong_token_is_an_api_error(self, submit, client_of):
        job = IBMCircuitJob(None, None, submit().job_id(), runtime_client=client_of(token="not-the-token"))
        with pytest.raises(IBMJobApiError, match=r"401|[Nn]ot authori[sz]ed") as raised:
            job.status()
        assert "not-the-token" not in str(raised.value)

    def test_dead_network_is_an_api_error(self, client_of):
        job = IBMCircuitJob(None, None, "a", runtime_client=client_of(url=NOBODY))
        with pytest.raises(IBMJobApiError, match="read job a"):
            job.status()
