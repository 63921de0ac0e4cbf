"""The examples of the documented interface, in words of our own, run as their readers would run them."""

import pytest
from qiskit import QuantumCircuit, qasm3
from qiskit.exceptions import QiskitError
from qiskit.providers import JobError
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import IBMCircuitJob, IBMJobApiError
from ibm_circuit_job.errors import Unreachable
from ibm_circuit_job.testing import ScriptedClient

RUNNING = b'{"id": "a", "state": {"status": "Running"}}'
FAILED = b'{"id": "a", "state": {"status": "Failed", "reason": "Too hot."}}'
HALF = b"""{"backend_name": "b", "job_id": "a", "success": true, "results": [
    {"shots": 3, "success": true, "header": {"name": "good", "memory_slots": 1}, "data": {"counts": {"0x1": 3}}},
    {"shots": 3, "success": false, "header": {"name": "bad", "memory_slots": 1}, "data": {}}]}"""
DOWN = Unreachable("read job a", "http://x", "no route")


def job_of(*replies, **more):
    return IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient(replies, **more))


@pytest.mark.parametrize(
    ("job", "printed"),
    [
        (job_of(RUNNING), "It runs\n"),
        (job_of(FAILED), ""),
        (job_of(DOWN), "That did not work: could not read job a: no answer from http://x: no route\n"),
    ],
    ids=["running", "failed", "down"],
)
def test_status_is_asked_and_trouble_is_caught(job, printed, capsys):
    try:
        status = job.status()  # asks the server
        if status is JobStatus.RUNNING:
            print("It runs")
    except IBMJobApiError as error:
        print(f"That did not work: {error}")
    assert capsys.readouterr().out == printed


def test_status_that_could_not_be_read_can_be_asked_for_again():
    job = job_of(DOWN, RUNNING)
    try:
        status = job.status()
    except IBMJobApiError:
        status = job.status()
    assert status is JobStatus.RUNNING


def show_result(job):
    try:
        result = job.result()  # returns when the job has ended
        print(f"Finished, with {result.get_counts()}")
    except JobError as error:
        print(f"No result: {error}")


def test_result_blocks_until_the_job_has_ended(simulator, bell, capsys):
    show_result(simulator.run(bell, shots=10, seed_simulator=1))
    assert capsys.readouterr().out.startswith("Finished, with {'")


def test_result_of_a_failed_job_is_a_job_error_of_qiskit(device, capsys):
    impossible = QuantumCircuit(1, 1)
    impossible.h(0)
    job = device.run(qasm3.dumps(impossible))
    show_result(job)
    assert capsys.readouterr().out == f"No result: job {job.job_id()} failed: {job.error_message()}\n"


def test_circuit_that_failed_in_a_partial_result_has_no_counts(capsys):
    result = job_of(FAILED, results=[HALF]).result(partial=True)
    assert not result.success
    for name in ("good", "bad"):
        try:
            print(name, result.get_counts(name))
        except QiskitError:
            print(name, "failed")
    assert capsys.readouterr().out == "good {'1': 3}\nbad failed\n"


def test_steps_of_a_job_are_times_with_the_zone_of_the_machine(simulator, bell):
    job = simulator.run(bell, shots=1)
    job.wait_for_final_state()
    steps = job.time_per_step()
    assert list(steps) == ["created", "running", "finished"]
    assert list(steps.values()) == sorted(steps.values())
    assert all(moment.utcoffset() == moment.astimezone().utcoffset() for moment in steps.values())


def test_creation_date_is_a_method_and_the_rest_attributes(simulator, bell):
    job = simulator.run(bell, shots=1)
    job.refresh()
    assert job.creation_date() == job.time_per_step()["created"]
    assert (job.hub, job.group, job.project) == ("ibm-q", "open", "main")


def test_job_is_submitted_by_the_backend_and_not_by_itself(simulator, bell):
    with pytest.raises(NotImplementedError, match="run"):
        simulator.run(bell, shots=1).submit()


def test_options_of_a_job_are_among_those_of_its_backend(simulator, bell):
    options = simulator.run(bell, shots=10, memory=True).backend_options()
    known = set(dict(simulator.options))
    assert {"shots", "memory"} <= set(options) & known


def test_wait_ends_with_the_job(simulator, bell):
    job = simulator.run(bell, shots=1)
    assert job.wait_for_final_state(timeout=60) is None
    assert job.status() is JobStatus.DONE
