"""From a circuit to its counts, and what can happen on the way."""

from collections import deque

import pytest
from known_circuits import flipped
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.exceptions import QiskitError
from qiskit.providers.jobstatus import JobStatus
from qiskit_ibm_provider.exceptions import IBMBackendApiError, IBMBackendValueError
from qiskit_ibm_provider.job.exceptions import (
    IBMJobFailureError,
    IBMJobInvalidStateError,
    IBMJobTimeoutError,
)
from waiting import ended


def test_bell_circuit_gives_its_counts(simulator, bell):
    job = simulator.run(bell, shots=1000)
    result = job.result(timeout=60)
    counts = result.get_counts()
    assert set(counts) == {"00", "11"}
    assert sum(counts.values()) == 1000
    assert (result.success, result.backend_name, result.job_id) == (True, "local_simulator", job.job_id())
    assert job.status() is JobStatus.DONE
    assert job.done()


def test_transpiled_circuit_gives_noisy_counts_on_a_device(device, bell):
    ready = transpile(bell, device, optimization_level=1, seed_transpiler=1)
    counts = ended(device.run(ready, shots=2000, rep_delay=0.0)).result().get_counts()
    assert counts["00"] + counts["11"] > 1700
    assert set(counts) == {"00", "01", "10", "11"}


def test_transpiled_circuit_runs_on_the_large_device(provider):
    device = provider.get_backend("local_27q")
    chain = QuantumCircuit(6)
    chain.h(0)
    for qubit in range(5):
        chain.cx(qubit, qubit + 1)
    chain.measure_all()
    ready = transpile(chain, device, optimization_level=2, seed_transpiler=1)
    counts = ended(device.run(ready, shots=500, rep_delay=0.0)).result().get_counts()
    assert counts["000000"] + counts["111111"] > 250


def test_several_circuits_keep_their_order(simulator):
    job = simulator.run([flipped(3, number) for number in range(8)], shots=10)
    assert ended(job).result().get_counts() == [{f"{number:03b}": 10} for number in range(8)]


def test_counts_can_be_asked_for_by_the_name_of_a_circuit(simulator):
    result = ended(simulator.run([flipped(2, 1), flipped(2, 2)], shots=10)).result()
    assert result.get_counts("flipped 2") == {"10": 10}


def test_registers_are_kept_apart(simulator):
    first, second = ClassicalRegister(2, "first"), ClassicalRegister(1, "second")
    circuit = QuantumCircuit(QuantumRegister(3), first, second)
    circuit.x([0, 2])
    circuit.measure([0, 1], first)
    circuit.measure(2, second[0])
    assert ended(simulator.run(circuit, shots=10)).result().get_counts() == {"1 01": 10}


def test_memory_holds_each_shot_in_its_order(simulator, bell):
    result = ended(simulator.run(bell, shots=50, memory=True)).result()
    memory = result.get_memory()
    assert len(memory) == 50
    assert {outcome: memory.count(outcome) for outcome in set(memory)} == result.get_counts()


def test_memory_is_not_there_unless_asked_for(simulator, bell):
    with pytest.raises(QiskitError, match="No memory"):
        ended(simulator.run(bell, shots=5)).result().get_memory()


def test_default_is_four_thousand_shots(simulator, bell):
    assert sum(ended(simulator.run(bell)).result().get_counts().values()) == 4000


def test_seed_gives_the_same_counts_again(simulator, bell):
    first, second = (ended(simulator.run(bell, seed_simulator=7)).result().get_counts() for _ in range(2))
    assert first == second


def test_noise_model_is_applied(simulator):
    aer_like = {
        "errors": [
            {
                "type": "roerror",
                "operations": ["measure"],
                "probabilities": [[0.0, 1.0], [1.0, 0.0]],
                "gate_qubits": [[0]],
            }
        ]
    }
    job = simulator.run(flipped(1, 0), shots=10, noise_model=aer_like)
    assert ended(job).result().get_counts() == {"1": 10}


def test_header_comes_back_with_the_result(simulator, bell):
    result = ended(simulator.run(bell, shots=1, header={"note": "x", "deep": {"er": [1]}})).result()
    assert result.header.to_dict() == {"note": "x", "deep": {"er": [1]}}


def test_initial_circuit_goes_before_each_circuit(simulator):
    before = QuantumCircuit(1)
    before.x(0)
    job = simulator.run(flipped(1, 1), shots=10, dynamic=True, init_circuit=before)
    assert ended(job).result().get_counts() == {"0": 10}


def test_control_flow_runs_through_qasm3_runner(simulator, provider):
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    job = simulator.run(circuit, shots=10)
    assert ended(job).result().get_counts() == {"11": 10}
    assert provider._runtime_client.job_get(job.job_id())["program"]["id"] == "qasm3-runner"


def test_dynamic_sends_any_circuit_through_qasm3_runner(simulator, provider, bell):
    job = simulator.run(bell, dynamic=True, shots=10)
    assert sum(ended(job).result().get_counts().values()) == 10
    assert provider._runtime_client.job_get(job.job_id())["program"]["id"] == "qasm3-runner"


def test_job_goes_from_queued_over_running_to_done(slow, until):
    job = slow(1)
    seen = [job.status()]
    until(lambda: seen.append(job.status()) or seen[-1] is JobStatus.DONE)
    order = list(dict.fromkeys(seen))
    assert order in ([JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.DONE], [JobStatus.RUNNING, JobStatus.DONE])


def test_wait_ends_with_the_job(slow):
    job = slow(1)
    job.wait_for_final_state(timeout=60)
    assert job.in_final_state()
    assert job.done()


def test_wait_that_takes_too_long_times_out(slow):
    with pytest.raises(IBMJobTimeoutError):
        slow(20).wait_for_final_state(timeout=1, wait=1)


def test_queued_job_can_be_cancelled(slow, until):
    first = slow(20)
    until(first.running)
    second = slow(20)
    assert second.status() is JobStatus.QUEUED
    assert second.cancel()
    assert second.cancelled()
    with pytest.raises(IBMJobInvalidStateError, match="cancelled"):
        second.result()


def test_running_job_can_be_cancelled(provider, slow, until):
    job = slow(20)
    until(job.running)
    assert job.cancel()
    assert provider.retrieve_job(job.job_id()).status() is JobStatus.CANCELLED


def test_cancel_of_a_job_that_is_done_is_refused(simulator, bell):
    job = simulator.run(bell)
    ended(job)
    with pytest.raises(IBMJobInvalidStateError, match="cannot be cancelled"):
        job.cancel()


def test_failed_job_says_why(simulator, mystery):
    job = simulator.run(mystery)
    with pytest.raises(IBMJobFailureError, match="'mystery' is not supported by local_simulator"):
        ended(job).result()
    assert job.status() is JobStatus.ERROR
    assert job.error_message() == "Error code 1517; Instruction 'mystery' is not supported by local_simulator."


def test_retrieved_failed_job_says_why_too(simulator, provider, mystery):
    job = simulator.run(mystery)
    ended(job)
    assert "'mystery'" in provider.retrieve_job(job.job_id()).error_message()


def test_circuit_that_was_not_transpiled_fails_on_a_device(device, bell):
    job = device.run(bell, shots=10)
    ended(job)
    assert "is not supported by local_5q: it has no h" in job.error_message()


def test_job_that_is_done_has_no_error_message(simulator, bell):
    job = simulator.run(bell)
    ended(job).result()
    assert job.error_message() is None


def test_circuit_that_is_too_large_is_refused(device):
    with pytest.raises(IBMBackendValueError, match="6 qubits"):
        device.run(flipped(6, 0))


def test_too_many_circuits_are_refused(simulator):
    with pytest.raises(IBMBackendValueError, match="301"):
        simulator.run([flipped(1, 0)] * 301)


def test_unknown_program_is_refused(simulator, bell):
    with pytest.raises(IBMBackendApiError, match="no-such-program"):
        simulator.run(bell, program_id="no-such-program")


def test_result_can_be_read_again(simulator, bell):
    job = simulator.run(bell)
    first = ended(job).result()
    assert job.result(refresh=True).get_counts() == first.get_counts()


def test_result_at_a_url_is_followed(strict, bell):
    backend = strict.get_backend("local_simulator")
    job = backend.run(bell, shots=10)
    assert sum(ended(job).result().get_counts().values()) == 10
    assert '"url"' in strict._runtime_client.job_results(job.job_id())


def test_rate_limit_is_told(strict, bell):
    backend = strict.get_backend("local_simulator")
    with pytest.raises(IBMBackendApiError, match=r"429.*Only 3 jobs may be submitted a minute"):
        deque((backend.run(bell, shots=1) for _ in range(4)), maxlen=0)


def test_job_in_a_session_of_a_device_bears_its_id(provider, device, ones):
    session = device.open_session(max_time=300)
    try:
        job = device.run(ones, shots=10)
        assert ended(job).result().get_counts()
        reply = provider._runtime_client.job_get(job.job_id())
        assert reply["session_id"] == session.session_id
        listed = provider._runtime_client.jobs_get(session_id=session.session_id)["jobs"]
        assert [each["id"] for each in listed] == [job.job_id()]
    finally:
        device.close_session()


def test_closed_session_takes_no_more_jobs(provider, device, ones):
    session = device.open_session()
    device.close_session()
    with pytest.raises(Exception, match="closed"):
        provider._runtime_client.program_run(
            program_id="circuit-runner",
            backend_name="local_5q",
            params={"circuits": [ones]},
            session_id=session.session_id,
        )


def test_cancelled_session_cancels_the_jobs_that_wait(device, slow, until):
    first = slow(20)
    until(first.running)
    device.open_session()
    try:
        job = slow(20)
        assert job.status() is JobStatus.QUEUED
    finally:
        device.cancel_session()
    assert job.status() is JobStatus.CANCELLED


def test_session_of_the_simulator_runs_jobs(simulator, bell):
    with simulator.open_session():
        assert sum(ended(simulator.run(bell, shots=10)).result().get_counts().values()) == 10
    simulator.cancel_session()
