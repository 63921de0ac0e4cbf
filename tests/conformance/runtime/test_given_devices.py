"""A device that the service was given as files, as the official client sees it: timing, faulty parts, queue, noise."""

import pytest
from qiskit import QuantumCircuit, transpile
from qiskit_ibm_runtime import SamplerV2
from qiskit_ibm_runtime.fake_provider import FakeFez

BROKEN = 3
"""The qubit that does not work there."""


@pytest.fixture(scope="module")
def fez(connect, services):
    return connect(services.given).backend("ibm_given")


def test_timing_constraints_are_those_of_the_file(fez):
    real = FakeFez().configuration()
    assert fez.configuration().timing_constraints == real.timing_constraints
    assert fez.target.pulse_alignment == real.timing_constraints["pulse_alignment"]
    assert (fez.dt, fez.num_qubits) == (real.dt, 156)


def test_faulty_qubit_is_left_out_of_the_target(fez):
    assert fez.properties().faulty_qubits() == [BROKEN]
    assert not fez.target["sx"].keys() & {(BROKEN,)}
    assert not any(BROKEN in pair for pair in fez.target["cz"])


def test_circuit_avoids_the_faulty_qubit_and_runs_with_noise(fez):
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    ready = transpile(circuit, fez, seed_transpiler=1)
    assert BROKEN not in {ready.find_bit(qubit).index for each in ready.data for qubit in each.qubits}
    counts = SamplerV2(mode=fez).run([ready], shots=4000).result(timeout=100)[0].data.meas.get_counts()
    assert 3000 < counts["00"] + counts["11"] < 4000


def test_queue_counts_the_jobs_of_that_device(fez, connect, services, until):
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    job = SamplerV2(mode=fez, options={"execution": {"rep_delay": 500e-6}}).run([circuit], shots=40_000)
    waiting = SamplerV2(mode=fez).run([circuit], shots=1)
    until(job.running)
    assert fez.status().pending_jobs == 2
    assert connect(services.given).backend("local_simulator").status().pending_jobs == 0
    job.cancel()
    assert waiting.result(timeout=100)
