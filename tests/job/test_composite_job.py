"""Composite jobs of the archived client, read from jobs with its tags."""

import pytest
from qiskit import QuantumCircuit
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import IBMCompositeJob, IBMJob, IBMJobInvalidStateError, IBMJobNotFoundError
from ibm_circuit_job.state.composite import status_of_all

ID = "ibm_composite_job_id_af12_"


@pytest.fixture(scope="module")
def parts(simulator):
    """Two jobs of three circuits, submitted in the other order."""
    circuits = []
    for ones in range(3):
        circuit = QuantumCircuit(2, 2)
        for qubit in range(ones):
            circuit.x(qubit)
        circuit.measure([0, 1], [0, 1])
        circuits.append(circuit)
    second = simulator.run(circuits[2], shots=5, job_tags=["vqe", ID, "ibm_composite_job_indexes:1:2:2:2"])
    first = simulator.run(circuits[:2], shots=5, job_tags=["vqe", ID, "ibm_composite_job_indexes:0:2:0:1"])
    return first, second


def test_composite_job_is_retrieved_with_its_sub_jobs(provider, parts):
    job = provider.backend.retrieve_job(ID)
    assert isinstance(job, IBMCompositeJob)
    assert isinstance(job, IBMJob)
    assert [each.job_id() for each in job.sub_jobs()] == [each.job_id() for each in parts]
    assert job.sub_job(2).job_id() == parts[1].job_id()
    assert (job.job_id(), job.tags()) == (ID, ["vqe"])
    result = job.result(timeout=60)
    assert result.get_counts() == [{"00": 5}, {"01": 5}, {"11": 5}]
    assert (result.job_id, result.success, job.status()) == (ID, True, JobStatus.DONE)
    assert len(job.circuits()) == 3
    assert job.report().splitlines()[:2] == [f"Composite job {ID}: DONE", "    DONE: 2"]
    assert job.error_message() is None
    assert not job.cancel()


def test_composite_job_with_a_missing_part_names_it(parts):
    with pytest.raises(IBMJobInvalidStateError, match="has 2 jobs, of which those with the indexes 0 are missing"):
        IBMCompositeJob.from_jobs(ID, parts[1:])


def test_composite_job_that_is_not_there_is_not_found(provider):
    with pytest.raises(IBMJobNotFoundError, match="no job with this tag"):
        provider.backend.retrieve_job("ibm_composite_job_id_other_")
    with pytest.raises(IBMJobNotFoundError, match=r"provider\.backend\.retrieve_job"):
        provider.retrieve_job(ID)


def test_circuit_without_a_job_and_a_second_run_are_refused(parts):
    job = IBMCompositeJob(ID, parts)
    with pytest.raises(IBMJobInvalidStateError, match="from 0 to 2, got 3"):
        job.sub_job(3)
    with pytest.raises(IBMJobInvalidStateError, match="only read"):
        job.rerun_failed()


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([JobStatus.DONE, JobStatus.DONE], JobStatus.DONE),
        ([JobStatus.DONE, JobStatus.CANCELLED], JobStatus.CANCELLED),
        ([JobStatus.ERROR, JobStatus.CANCELLED], JobStatus.ERROR),
        ([JobStatus.ERROR, JobStatus.QUEUED, JobStatus.RUNNING], JobStatus.QUEUED),
    ],
)
def test_group_has_the_status_of_the_job_furthest_from_its_end(statuses, expected):
    assert status_of_all(statuses) is expected
