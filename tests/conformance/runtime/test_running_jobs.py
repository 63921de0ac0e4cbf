"""From circuits to their bits, and what can happen on the way."""

from collections import deque

import numpy as np
import pytest
from known_circuits import flipped
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import Parameter
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime.exceptions import (
    IBMRuntimeError,
    RuntimeInvalidStateError,
    RuntimeJobFailureError,
    RuntimeJobNotFound,
    RuntimeJobTimeoutError,
)


@pytest.fixture
def rotated():
    """A circuit with two parameters: each is the angle of the qubit of its number."""
    circuit = QuantumCircuit(2)
    circuit.rx(Parameter("a"), 0)
    circuit.rx(Parameter("b"), 1)
    circuit.measure_all()
    return circuit


def test_bell_circuit_gives_its_counts(simulator, bell, sample):
    job = sample(simulator, bell, shots=1000)
    result = job.result(timeout=60)
    counts = result[0].data.meas.get_counts()
    assert set(counts) == {"00", "11"}
    assert sum(counts.values()) == 1000
    assert job.status() == "DONE"
    assert job.done()
    assert not job.errored()


def test_transpiled_circuit_gives_noisy_counts_on_a_device(device, bell, sample):
    ready = transpile(bell, device, optimization_level=1, seed_transpiler=1)
    counts = sample(device, ready, shots=2000, execution={"rep_delay": 0.0}).result()[0].data.meas.get_counts()
    assert counts["00"] + counts["11"] > 1700
    assert set(counts) == {"00", "01", "10", "11"}


def test_circuit_of_a_pass_manager_runs_on_the_large_device(service, sample):
    device = service.backend("local_27q")
    chain = QuantumCircuit(6)
    chain.h(0)
    for qubit in range(5):
        chain.cx(qubit, qubit + 1)
    chain.measure_all()
    ready = generate_preset_pass_manager(backend=device, optimization_level=2, seed_transpiler=1).run(chain)
    counts = sample(device, ready, shots=500, execution={"rep_delay": 0.0}).result()[0].data.meas.get_counts()
    assert counts["000000"] + counts["111111"] > 250


def test_several_circuits_keep_their_order(simulator, sample):
    result = sample(simulator, *(flipped(3, number) for number in range(8)), shots=10).result()
    assert [pub.data.meas.get_counts() for pub in result] == [{f"{number:03b}": 10} for number in range(8)]


def test_registers_are_kept_apart(simulator, sample):
    first, second = ClassicalRegister(2, "first"), ClassicalRegister(1, "second")
    circuit = QuantumCircuit(QuantumRegister(3), first, second)
    circuit.x([0, 2])
    circuit.measure([0, 1], first)
    circuit.measure(2, second[0])
    data = sample(simulator, circuit, shots=10).result()[0].data
    assert data.first.get_counts() == {"01": 10}
    assert data.second.get_counts() == {"1": 10}
    assert sample(simulator, circuit, shots=10).result()[0].join_data().get_counts() == {"101": 10}


def test_register_of_more_than_a_byte_keeps_its_bits_in_order(simulator, sample):
    data = sample(simulator, flipped(19, 0b1000000000100000011), shots=3).result()[0].data
    assert data.meas.get_counts() == {"1000000000100000011": 3}
    assert data.meas.get_bitstrings() == ["1000000000100000011"] * 3


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        ([np.pi, 0], ()),
        ([[np.pi, 0]], (1,)),
        ([[np.pi, 0], [0, np.pi], [np.pi, np.pi]], (3,)),
        (np.zeros((2, 3, 2)), (2, 3)),
        ({"a": [0, np.pi], "b": [0, 0]}, (2,)),
        ({"a": np.zeros((2, 3)), "b": np.ones((2, 3))}, (2, 3)),
    ],
)
def test_parameters_of_any_shape_give_bits_of_that_shape(simulator, sample, rotated, values, shape):
    bits = sample(simulator, (rotated, values), shots=5).result()[0].data.meas
    assert bits.shape == shape
    assert bits.num_shots == 5


def test_parameters_go_to_where_they_belong(simulator, sample, rotated):
    values = {"a": [[0, 0, 0], [np.pi, np.pi, np.pi]], "b": [[0, np.pi, 0], [0, np.pi, 0]]}
    bits = sample(simulator, (rotated, values), shots=5).result()[0].data.meas
    found = [[next(iter(bits.get_counts((row, column)))) for column in range(3)] for row in range(2)]
    assert found == [["00", "10", "00"], ["01", "11", "01"]]


@pytest.mark.parametrize(
    ("values", "shape"),
    [(None, ()), ([], ()), ((), ()), ([()], (1,)), ([(), (), ()], (3,)), (np.zeros((2, 2, 0)), (2, 2))],
)
def test_circuit_without_parameters_may_be_asked_for_many_times(simulator, sample, bell, values, shape):
    bits = sample(simulator, (bell, values), shots=5).result()[0].data.meas
    assert bits.shape == shape


def test_shots_can_be_given_in_each_way(simulator, sample, bell):
    assert sample(simulator, bell).result()[0].data.meas.num_shots == 4096
    assert sample(simulator, bell, default_shots=11).result()[0].data.meas.num_shots == 11
    assert sample(simulator, bell, shots=12).result()[0].data.meas.num_shots == 12
    result = sample(simulator, (bell, None, 13), (bell, None, 14)).result()
    assert [pub.data.meas.num_shots for pub in result] == [13, 14]


def test_metadata_of_the_circuit_comes_back(simulator, sample, bell):
    bell.metadata = {"note": "x"}
    result = sample(simulator, bell, shots=1).result()
    assert result[0].metadata["circuit_metadata"] == {"note": "x"}
    assert result.metadata["version"] == 2


def test_control_flow_runs(simulator, sample):
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    assert sample(simulator, circuit, shots=10).result()[0].data.c.get_counts() == {"11": 10}


def test_job_goes_from_queued_over_running_to_done(slow, until):
    job = slow(1)
    seen = [job.status()]
    until(lambda: seen.append(job.status()) or seen[-1] == "DONE")
    assert list(dict.fromkeys(seen)) in (["QUEUED", "RUNNING", "DONE"], ["RUNNING", "DONE"])


def test_wait_ends_with_the_job(slow):
    job = slow(1)
    job.wait_for_final_state(timeout=60)
    assert job.in_final_state()


def test_wait_that_takes_too_long_times_out(slow):
    with pytest.raises(RuntimeJobTimeoutError):
        slow(20).wait_for_final_state(timeout=0.5)


def test_queued_job_can_be_cancelled(service, slow, until):
    first = slow(20)
    until(first.running)
    second = slow(20)
    assert second.status() == "QUEUED"
    second.cancel()
    assert second.cancelled()
    assert service.job(second.job_id()).status() == "CANCELLED"
    with pytest.raises(RuntimeInvalidStateError, match="cancelled"):
        second.result()


def test_running_job_can_be_cancelled(service, slow, until):
    job = slow(20)
    until(job.running)
    job.cancel()
    assert service.job(job.job_id()).status() == "CANCELLED"


def test_cancel_of_a_job_that_is_done_is_refused(simulator, bell, sample):
    job = sample(simulator, bell)
    job.wait_for_final_state(timeout=60)
    with pytest.raises(RuntimeInvalidStateError, match="cannot be cancelled"):
        job.cancel()


def test_failed_job_says_why(simulator, mystery, sample):
    job = sample(simulator, mystery)
    with pytest.raises(RuntimeJobFailureError, match="Error code 1517; Instruction 'mystery' is not supported"):
        job.result(timeout=60)
    assert job.status() == "ERROR"
    assert job.errored()
    assert "'mystery' is not supported by local_simulator" in job.error_message()


def test_retrieved_failed_job_says_why_too(service, simulator, mystery, sample):
    job = sample(simulator, mystery)
    job.wait_for_final_state(timeout=60)
    assert "'mystery'" in service.job(job.job_id()).error_message()


def test_job_that_is_done_has_no_error_message(simulator, bell, sample):
    job = sample(simulator, bell)
    job.result(timeout=60)
    assert job.error_message() is None


def test_unknown_kind_of_outcome_is_refused(simulator, bell, sample):
    job = sample(simulator, bell, experimental={"execution": {"meas_type": "smells"}})
    with pytest.raises(RuntimeJobFailureError, match=r"meas_type|experimental"):
        job.result(timeout=60)


def test_private_job_hides_its_inputs_and_gives_its_result_once(service, simulator, bell, sample):
    job = sample(simulator, bell, shots=10, private=True)
    assert job.private
    assert not job.inputs
    assert job.result(timeout=60)[0].data.meas.num_shots == 10
    # The second answer is 204, without a body.
    assert not service.job(job.job_id()).result()
    assert service.job(job.job_id()).private


def test_result_can_be_read_again(service, simulator, bell, sample):
    job = sample(simulator, bell, shots=10)
    counts = job.result(timeout=60)[0].data.meas.get_counts()
    assert service.job(job.job_id()).result()[0].data.meas.get_counts() == counts


def test_deleted_job_is_gone(service, simulator, bell, sample):
    job = sample(simulator, bell)
    job.wait_for_final_state(timeout=60)
    service.delete_job(job.job_id())
    with pytest.raises(RuntimeJobNotFound):
        service.job(job.job_id())
    with pytest.raises(RuntimeJobNotFound):
        service.delete_job(job.job_id())


def test_jobs_that_wait_or_run_cannot_be_deleted(service, device, ones, sample, until):
    options = {"execution": {"rep_delay": 500e-6}}
    first, second = (sample(device, ones, shots=40_000, **options) for _ in range(2))
    until(first.running)
    for job in (second, first):
        with pytest.raises(IBMRuntimeError, match="400 Client Error"):
            service.delete_job(job.job_id())
        job.cancel()
        service.delete_job(job.job_id())
        with pytest.raises(RuntimeJobNotFound):
            service.job(job.job_id())
    assert sample(device, ones, shots=10).result(timeout=60)


def test_rate_limit_is_told(strict, bell, sample):
    backend = strict.backend("local_simulator")
    with pytest.raises(IBMRuntimeError, match=r"429.*Only 3 jobs may be submitted a minute"):
        deque((sample(backend, bell, shots=1) for _ in range(4)), maxlen=0)
