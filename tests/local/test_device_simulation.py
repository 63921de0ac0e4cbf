"""Circuits on a device: on the qubits that they use, by the method that fits, with the counts that Aer has."""

import math
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

from ibm_circuit_job.local.device_simulation import run_on_device, why_cannot_run
from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.heron import line

HERON = DEVICES["local_heron"]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SHOTS = 4000
ROW = FIRST, SECOND, THIRD = 7, 17, 27
"""Qubits of which each is coupled to the next."""


def ran(*circuits, device=HERON, shots=SHOTS, seed=5, memory=False, memory_mb=2000):
    assert [why_cannot_run(device, NOON, circuit, memory_mb) for circuit in circuits] == [None] * len(circuits)
    return run_on_device(device, NOON, circuits, shots=shots, memory=memory, seed=seed, memory_mb=memory_mb)


def methods(result):
    return [each.metadata["method"] for each in result.results]


def alike(one, other, shots=SHOTS):
    """Whether two counts agree within 5 sigma, outcome by outcome."""
    sigma = {each: math.sqrt(max(1.0, one.get(each, 0) + other.get(each, 0))) for each in one | other}
    assert sum(one.values()) == sum(other.values()) == shots
    return all(abs(one.get(each, 0) - other.get(each, 0)) <= 5 * width for each, width in sigma.items())


def random_circuit(seed, *, clifford):
    """A circuit of the device's own gates on three qubits in a row."""
    chance = np.random.default_rng(seed)
    circuit = QuantumCircuit(HERON.qubits, 3)
    qubits = (FIRST, SECOND, THIRD)
    for _ in range(12):
        angle = chance.integers(0, 4) * math.pi / 2 if clifford else chance.uniform(0, 6)
        for qubit in qubits:
            getattr(circuit, chance.choice(["sx", "x", "id"]))(qubit)
            getattr(circuit, chance.choice(["rx", "rz"]))(angle, qubit)
        pair = qubits[:2] if chance.random() < 0.5 else qubits[1:]
        circuit.cz(*pair) if chance.random() < 0.5 else circuit.rzz(chance.integers(0, 2) * math.pi / 2, *pair)
    circuit.measure(qubits, range(3))
    return circuit


@cache
def noise_of_row():
    """The noise of the three qubits, by Aer's own functions, from the figures of the device."""
    noise, places = NoiseModel(), {qubit: index for index, qubit in enumerate(ROW)}
    properties = HERON.properties(NOON)
    for gate in properties["gates"]:
        figures = {figure["name"]: figure["value"] for figure in gate["parameters"]}
        width = len(gate["qubits"])
        if set(gate["qubits"]) <= set(ROW) and gate["gate"] not in {"measure", "reset"}:
            error = depolarizing_error(figures["gate_error"] * 2**width / (2**width - 1), width)
            noise.add_quantum_error(error, gate["gate"], [places[qubit] for qubit in gate["qubits"]])
    for qubit, index in places.items():
        figures = {figure["name"]: figure["value"] for figure in properties["qubits"][qubit]}
        missed, false = figures["prob_meas0_prep1"], figures["prob_meas1_prep0"]
        noise.add_readout_error(ReadoutError([[1 - false, false], [missed, 1 - missed]]), [index])
    return noise


def by_aer(circuit):
    """The counts of Aer for the same circuit on three qubits."""
    small = QuantumCircuit(3, 3)
    for instruction in circuit.data:
        qubits = [ROW.index(circuit.find_bit(qubit).index) for qubit in instruction.qubits]
        small.append(instruction.operation, qubits, [circuit.find_bit(bit).index for bit in instruction.clbits])
    simulator = AerSimulator(noise_model=noise_of_row(), method="density_matrix", max_parallel_threads=1)
    return simulator.run(small, shots=SHOTS, seed_simulator=11).result().get_counts()


@pytest.mark.parametrize(("clifford", "method"), [(True, "stabilizer"), (False, "density_matrix")])
@pytest.mark.parametrize("seed", range(3))
def test_counts_are_those_of_aer_with_the_same_noise(seed, clifford, method):
    circuit = random_circuit(seed, clifford=clifford)
    result = ran(circuit)
    assert methods(result) == [method]
    assert alike(result.get_counts(), by_aer(circuit))


def test_strong_noise_is_that_of_aer():
    circuit = random_circuit(4, clifford=True)
    repeated = circuit.copy_empty_like()
    for _ in range(20):
        repeated.compose(circuit.remove_final_measurements(inplace=False), inplace=True)
    repeated.measure([FIRST, SECOND, THIRD], range(3))
    result = ran(repeated)
    assert methods(result) == ["stabilizer"]
    assert alike(result.get_counts(), by_aer(repeated))


def test_measurement_and_reset_amid_a_stabilizer_circuit():
    circuit = QuantumCircuit(HERON.qubits, 3)
    circuit.sx(FIRST)
    circuit.measure(FIRST, 0)
    circuit.cz(FIRST, SECOND)
    circuit.reset(FIRST)
    circuit.measure(FIRST, 1)
    circuit.sx(FIRST)
    circuit.measure(FIRST, 2)
    circuit.measure(FIRST, 1)
    result = ran(circuit)
    assert methods(result) == ["stabilizer"]
    assert alike(result.get_counts(), by_aer(circuit))


def test_delays_err_alike_by_every_method():
    circuit = QuantumCircuit(HERON.qubits, 1)
    circuit.sx(FIRST)
    circuit.delay(20, FIRST, unit="us")
    circuit.sx(FIRST)
    circuit.measure(FIRST, 0)
    other = circuit.copy_empty_like()
    other.rz(1e-6, FIRST)
    other.compose(circuit, inplace=True)
    one, two = ran(circuit), ran(other)
    assert methods(one) + methods(two) == ["stabilizer", "density_matrix"]
    assert alike(one.get_counts(), two.get_counts())
    assert 20 < one.get_counts()["0"] < SHOTS / 4


def test_dynamic_circuit_errs_inside_its_branches():
    circuit = QuantumCircuit(HERON.qubits, 2)
    circuit.sx(FIRST)
    circuit.measure(FIRST, 0)
    with circuit.if_test((0, 1)) as otherwise:
        for _ in range(21):
            circuit.x(SECOND)
        circuit.delay(10, SECOND, unit="us")
    with otherwise:
        circuit.rx(math.pi / 2, SECOND)
    circuit.measure(SECOND, 1)
    stabilizer = ran(circuit, shots=400)
    other = circuit.copy_empty_like()
    other.rz(1e-3, FIRST)
    other.compose(circuit, inplace=True)
    vector = ran(other, shots=400)
    assert methods(stabilizer) + methods(vector) == ["stabilizer", "statevector"]
    for counts in (stabilizer.get_counts(), vector.get_counts()):
        assert 150 < counts["11"] < 250
        assert sum(counts.values()) == 400


def test_hundred_qubits_of_a_stabilizer_circuit_run():
    qubits = line(100)
    circuit = QuantumCircuit(HERON.qubits, 100)
    circuit.sx(qubits[0])
    for one, other in pairwise(qubits):
        for turn in range(2):
            circuit.rz(math.pi / 2, other)
            circuit.sx(other)
            circuit.rz(math.pi / 2, other)
            if turn == 0:
                circuit.cz(one, other)
    circuit.measure(qubits, range(100))
    result = ran(circuit)
    assert methods(result) == ["stabilizer"]
    # A GHZ state: many shots err, but where they begin they are all 0 or all 1.
    ends = [counted[-3:] for counted, times in result.get_counts().items() for _ in range(times)]
    assert ends.count("000") + ends.count("111") > 0.9 * SHOTS
    assert 0.4 < ends.count("111") / SHOTS < 0.6


def test_matrix_product_state_serves_wide_shallow_circuits():
    qubits = line(40)
    circuit = QuantumCircuit(HERON.qubits, 40)
    for qubit in qubits:
        circuit.rx(0.3, qubit)
    for one, other in pairwise(qubits):
        circuit.cz(one, other)
    circuit.measure(qubits, range(40))
    result = ran(circuit, shots=5)
    assert methods(result) == ["matrix_product_state"]
    assert sum(result.get_counts().values()) == 5


def test_what_no_method_can_simulate_is_refused_with_the_reason():
    qubits = line(60)
    circuit = QuantumCircuit(HERON.qubits, 60)
    for layer in range(40):
        for qubit in qubits:
            circuit.rx(0.3, qubit)
        for one, other in zip(qubits[layer % 2 :: 2], qubits[1 + layer % 2 :: 2], strict=False):
            circuit.cz(one, other)
    circuit.measure(qubits, range(60))
    why = why_cannot_run(HERON, NOON, circuit, 1000)
    assert "no method can simulate its 60 qubits in 744 MB" in why
    assert "Clifford gates only, and not rx(0.3)" in why
    assert "a state vector needs 17592186044417 MB" in why


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda circuit: circuit.h(0), "it has no h, but cz"),
        (lambda circuit: circuit.cz(0, 5), r"it has no cz on qubits (0, 5)"),
        (lambda circuit: circuit.rzz(2.0, 0, 1), "rzz with angles from 0 to pi/2 only, got 2.0"),
    ],
)
def test_circuit_of_other_instructions_is_refused(change, why):
    circuit = QuantumCircuit(HERON.qubits, 1)
    change(circuit)
    said = why_cannot_run(HERON, NOON, circuit, 1000)
    assert why in said
    assert "Transpile the circuit for this backend" in said


def test_circuit_wider_than_the_device_is_refused():
    assert "has 157 qubits; local_heron has 156" in why_cannot_run(HERON, NOON, QuantumCircuit(157), 1000)


def test_circuits_of_one_job_come_back_in_order_each_with_its_own_seed():
    one, other, third = (QuantumCircuit(HERON.qubits, 1, name=name) for name in "abc")
    for circuit, qubit in ((one, FIRST), (other, SECOND), (third, FIRST)):
        circuit.sx(qubit)
        circuit.measure(qubit, 0)
    result = ran(one, other, third, memory=True)
    assert [each.header.name if hasattr(each.header, "name") else each.header["name"] for each in result.results] == [
        *"abc"
    ]
    memories = [result.get_memory(index) for index in range(3)]
    assert memories[0] != memories[2] != memories[1] != memories[0]
    assert memories == [ran(one, other, third, memory=True).get_memory(index) for index in range(3)]


def test_header_says_the_qubits_that_were_submitted():
    circuit = QuantumCircuit(HERON.qubits, 1)
    circuit.x(FIRST)
    circuit.measure(FIRST, 0)
    said = ran(circuit).to_dict()["results"][0]["header"]
    assert (said["n_qubits"], said["memory_slots"], said["qreg_sizes"]) == (156, 1, [["q", 156]])


def test_circuit_without_measurements_has_no_counts():
    circuit = QuantumCircuit(HERON.qubits)
    circuit.x(FIRST)
    assert "counts" not in ran(circuit).data(0)
