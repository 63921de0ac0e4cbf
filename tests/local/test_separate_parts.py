"""Parts of a circuit that nothing connects: what belongs together, and that the joined outcomes are those of Aer."""

import math
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit_aer import AerSimulator

from ibm_circuit_job.local.device_noise import noise_model
from ibm_circuit_job.local.device_simulation import run_on_device, why_cannot_run
from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.execution import Task
from ibm_circuit_job.local.heron import line
from ibm_circuit_job.local.programs.sweeps import Sweep, run_sweeps
from ibm_circuit_job.local.separate_parts import TOGETHER, separate_parts

HERON = DEVICES["local_heron"]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SHOTS = 1500
WIDE = 10
"""More qubits than are simulated together in any case, and few enough for Aer to simulate all of them."""


def ran(circuit, *, seed=5, shots=SHOTS):
    assert why_cannot_run(HERON, NOON, circuit, 2000) is None
    return run_on_device(HERON, NOON, [circuit], shots=shots, memory=True, seed=seed, memory_mb=2000)


def empty(bits=WIDE, *registers):
    return QuantumCircuit(QuantumRegister(HERON.qubits, "q"), *(registers or [ClassicalRegister(bits, "c")]))


def angled(circuit, qubits, angle=0.7):
    for qubit in qubits:
        circuit.rx(angle, qubit)


@cache
def aer():
    """Aer with the noise of ten qubits of the device."""
    calibration, qubits = HERON.properties(NOON), set(line(WIDE))
    gates = [gate for gate in calibration["gates"] if qubits.issuperset(gate["qubits"])]
    return AerSimulator(noise_model=noise_model(calibration | {"gates": gates}), max_parallel_threads=1)


def bits_of(memory):
    """The outcomes as an array of shots x bits, the bit of index 0 first."""
    return np.array([[int(bit) for bit in reversed(outcome.replace(" ", ""))] for outcome in memory])


def apart(one, other):
    """By how many sigma the means of all bits, and those of all pairs of bits, differ at most."""

    def means(bits):
        signs = 1 - 2 * bits
        return (signs.T @ np.concatenate([signs, np.ones((len(signs), 1))], axis=1)) / len(signs)

    mine, yours = means(one), means(other)
    mean = (mine + yours) / 2
    sigma = np.sqrt(np.maximum(1 - mean**2, 1 / len(one)) * (1 / len(one) + 1 / len(other)))
    return float((np.abs(mine - yours) / sigma).max())


def pairs_and_idle_ones():
    """Two pairs with angles, entangled within, and six qubits that are measured only."""
    circuit, qubits = empty(), line(WIDE)
    for first, second in (qubits[:2], qubits[4:6]):
        angled(circuit, (first, second))
        circuit.cz(first, second)
        angled(circuit, (second,))
    circuit.x(qubits[8])
    circuit.sx(qubits[9])
    circuit.measure(qubits, range(WIDE))
    return circuit


def joined_by_a_condition():
    """What is measured in one part decides in another one, far away."""
    circuit, qubits = empty(), line(WIDE)
    angled(circuit, qubits[:1], 1.1)
    circuit.measure(qubits[0], 0)
    angled(circuit, qubits[2:4])
    with circuit.if_test((0, 1)):
        circuit.x(qubits[7])
    circuit.measure(qubits[1:], range(1, WIDE))
    return circuit


def joined_by_a_register():
    """A switch reads a register whose bits two parts have written."""
    first, rest = ClassicalRegister(2, "first"), ClassicalRegister(WIDE - 2, "rest")
    circuit, qubits = empty(WIDE, first, rest), line(WIDE)
    angled(circuit, qubits[:2], 1.3)
    circuit.measure(qubits[0], first[0])
    circuit.measure(qubits[1], first[1])
    angled(circuit, qubits[3:6])
    circuit.cz(*qubits[3:5])
    with circuit.switch(first) as case:
        with case(3):
            circuit.x(qubits[9])
        with case(1):
            circuit.sx(qubits[9])
    circuit.measure(qubits[2:], rest)
    return circuit


def measured_twice_into_one_bit():
    """The later measurement into a bit replaces the earlier one of another part."""
    circuit, qubits = empty(), line(WIDE)
    circuit.x(qubits[0])
    circuit.measure(qubits[0], 0)
    angled(circuit, qubits[2:4])
    circuit.measure(qubits[1:], range(1, WIDE))
    circuit.measure(qubits[2], 0)
    return circuit


CIRCUITS = [pairs_and_idle_ones, joined_by_a_condition, joined_by_a_register, measured_twice_into_one_bit]


@pytest.mark.parametrize("make", CIRCUITS, ids=lambda make: make.__name__)
def test_joined_outcomes_are_those_of_aer(make):
    circuit = make()
    result = ran(circuit)
    assert ", " in result.results[0].metadata["method"]
    theirs = aer().run(circuit, shots=SHOTS, seed_simulator=11, memory=True).result()
    assert apart(bits_of(result.get_memory()), bits_of(theirs.get_memory())) <= 5
    assert sum(result.get_counts().values()) == SHOTS


def test_registers_have_their_bits_in_the_joined_counts():
    left, right = ClassicalRegister(3, "left"), ClassicalRegister(5, "right")
    circuit, qubits = empty(8, left, right), line(8)
    circuit.rx(math.pi - 1e-3, qubits[0])
    circuit.x(qubits[7])
    circuit.measure(qubits, [*left, *right])
    counts = ran(circuit).get_counts()
    assert max(counts, key=counts.get) == "10000 001"


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (pairs_and_idle_ones, [{2, 3, 6, 7, 8, 9}, {0, 1, 4, 5}]),
        (joined_by_a_condition, [{1, 4, 5, 6, 8, 9}, {0, 2, 3, 7}]),
        (joined_by_a_register, [{2, 6, 7, 8}, {0, 1, 3, 4, 5, 9}]),
        (measured_twice_into_one_bit, [{1, 4, 5, 6, 7, 8, 9}, {0, 2, 3}]),
    ],
)
def test_parts_are_what_instructions_and_bits_connect(make, parts):
    qubits = line(WIDE)
    found = separate_parts(make(), sorted(qubits), is_pauli=True)
    assert [{qubits.index(qubit) for qubit in part} for part in found] == parts


def test_branches_are_no_part_of_the_stabilizer_circuit():
    circuit = QuantumCircuit(9, 9)
    circuit.measure(range(9), range(9))
    with circuit.if_test((0, 1)):
        circuit.x(8)
    assert separate_parts(circuit, range(9), is_pauli=True) == [(1, 2, 3, 4, 5, 6, 7), (0, 8)]


def test_delay_needs_pauli_errors_to_be_a_stabilizer_circuit():
    circuit = QuantumCircuit(9, 9)
    circuit.delay(100, 4)
    circuit.measure(range(9), range(9))
    assert separate_parts(circuit, range(9), is_pauli=True) == [tuple(range(9))]
    assert separate_parts(circuit, range(9), is_pauli=False) == [(0, 1, 2, 3, 5, 6, 7, 8), (4,)]


def test_few_qubits_are_one_part():
    circuit = QuantumCircuit(TOGETHER, TOGETHER)
    circuit.rx(0.3, 0)
    circuit.measure(range(TOGETHER), range(TOGETHER))
    assert separate_parts(circuit, range(TOGETHER), is_pauli=True) == [tuple(range(TOGETHER))]


def test_all_156_qubits_run_where_few_are_entangled_by_angles():
    circuit = empty(HERON.qubits)
    angled(circuit, line(5))
    for one, other in pairwise(line(5)):
        circuit.cz(one, other)
    angled(circuit, line(5))
    circuit.measure(range(HERON.qubits), range(HERON.qubits))
    result = ran(circuit, shots=100)
    assert result.results[0].metadata["method"].startswith("stabilizer, ")
    assert {len(outcome) for outcome in result.get_memory()} == {HERON.qubits}


def two_coins():
    circuit = QuantumCircuit(2, 2)
    circuit.h([0, 1])
    circuit.measure([0, 1], [0, 1])
    return circuit


@pytest.mark.parametrize(("name", "make"), [("local_heron", pairs_and_idle_ones), ("local_simulator", two_coins)])
def test_outcomes_of_a_seed_do_not_depend_on_chunks(name, make):
    task = Task("x", name, "executor", b"{}", NOON, 7, None)
    sets = np.empty((5, 0))
    by_size = [run_sweeps(task, [Sweep(make(), sets, 50, size)], None).outcomes[0] for size in (None, 2, 1)]
    assert all((each == by_size[0]).all() for each in by_size)
    assert len({each.tobytes() for each in by_size[0]}) == 5
