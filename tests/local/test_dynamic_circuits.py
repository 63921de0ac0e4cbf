"""Dynamic circuits on noisy devices, against Aer called directly with the same noise."""

import math
from datetime import UTC, datetime
from functools import cache

import pytest
from programs import body_of, outcome_of
from qiskit import QuantumCircuit, qasm3
from qiskit.circuit import ClassicalRegister, QuantumRegister
from qiskit.circuit.classical import expr, types
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error, pauli_error, thermal_relaxation_error

from ibm_circuit_job.local.device_simulation import run_on_device, why_cannot_run
from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.given_devices import device_of, documents_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SHOTS = 1000
WAIT = 20e-6
HERON = DEVICES["local_heron"]
GENERIC = device_of(
    documents_of(
        GenericBackendV2(
            4,
            basis_gates=["cz", "id", "rx", "rz", "sx", "x"],
            coupling_map=[(0, 1), (1, 2), (2, 3)],
            control_flow=True,
            seed=3,
        )
    )
)
ROWS = {"local_heron": (7, 17, 27), GENERIC.name: (1, 2, 3)}
"""Three qubits in a row on each device."""


def branches(circuit, q, wait):
    circuit.sx(q[0])
    circuit.measure(q[0], 0)
    with circuit.if_test((0, 1)) as otherwise:
        for _ in range(11):
            circuit.x(q[1])
        wait(circuit, q[1])
    with otherwise:
        circuit.sx(q[2])
        circuit.measure(q[2], 2)
    circuit.measure(q[1], 1)


def nested(circuit, q, wait):
    circuit.sx(q[0])
    circuit.measure(q[0], 0)
    with circuit.if_test((0, 0)):
        circuit.sx(q[1])
        circuit.measure(q[1], 1)
        with circuit.if_test((1, 1)):
            circuit.x(q[2])
            wait(circuit, q[2])
            circuit.cz(q[1], q[2])
    circuit.measure(q[2], 2)


def switched(circuit, q, wait):
    circuit.sx(q[0])
    circuit.sx(q[1])
    circuit.measure(q[0], 0)
    circuit.measure(q[1], 1)
    with circuit.switch(circuit.cregs[0]) as case:
        with case(0):
            circuit.x(q[2])
        with case(1, 2):
            circuit.sx(q[2])
        with case(case.DEFAULT):
            circuit.x(q[2])
            wait(circuit, q[2])
    circuit.measure(q[2], 2)


def repeated(circuit, q, wait):
    del wait
    circuit.measure(q[0], 0)
    with circuit.while_loop((0, 0)):
        circuit.sx(q[0])
        circuit.x(q[1])
        circuit.measure(q[0], 0)
    with circuit.for_loop(range(9)):
        circuit.x(q[2])
    circuit.measure(q[1], 1)
    circuit.measure(q[2], 2)


def reused(circuit, q, wait):
    circuit.x(q[0])
    circuit.measure(q[0], 0)
    circuit.reset(q[0])
    circuit.sx(q[0])
    wait(circuit, q[0])
    circuit.sx(q[0])
    circuit.cz(q[0], q[1])
    circuit.measure(q[0], 1)
    circuit.reset(q[0])
    circuit.measure(q[0], 2)


def expressed(circuit, q, wait):
    circuit.sx(q[0])
    circuit.measure(q[0], 0)
    circuit.sx(q[1])
    circuit.measure(q[1], 1)
    with circuit.if_test(expr.logic_and(circuit.clbits[0], expr.logic_not(circuit.clbits[1]))):
        circuit.x(q[2])
        wait(circuit, q[2])
    circuit.measure(q[2], 2)


def made(build, row, qubits, wait, *, clifford):
    circuit = QuantumCircuit(QuantumRegister(qubits, "q"), ClassicalRegister(3, "c"))
    if not clifford:
        for qubit in row:
            circuit.rx(0.7, qubit)
    build(circuit, row, wait)
    return circuit


def idle(into, qubit):
    into.delay(WAIT, qubit, unit="s")


def of_device(device, build, *, clifford):
    return made(build, ROWS[device.name], device.qubits, idle, clifford=clifford)


def ran(device, circuit):
    assert why_cannot_run(device, NOON, circuit, 1500) is None
    return run_on_device(device, NOON, [circuit], shots=SHOTS, memory=False, seed=5, memory_mb=1500)


@cache
def noise_of(device):
    """The noise of the three qubits, by Aer's own functions, and the error of a wait on each."""
    noise, places, properties = (
        NoiseModel(),
        {qubit: at for at, qubit in enumerate(ROWS[device.name])},
        device.properties(NOON),
    )
    for gate in properties["gates"]:
        error = {figure["name"]: figure["value"] for figure in gate["parameters"]}.get("gate_error")
        width = len(gate["qubits"])
        if set(gate["qubits"]) <= set(places) and gate["gate"] not in {"measure", "reset", "delay"} and error:
            of_gate = depolarizing_error(error * 2**width / (2**width - 1), width)
            noise.add_quantum_error(of_gate, gate["gate"], [places[qubit] for qubit in gate["qubits"]])
    waits = []
    for qubit, at in places.items():
        figures = {figure["name"]: figure["value"] for figure in properties["qubits"][qubit]}
        missed, false = figures["prob_meas0_prep1"], figures["prob_meas1_prep0"]
        noise.add_readout_error(ReadoutError([[1 - false, false], [missed, 1 - missed]]), [at])
        t1, t2 = figures["T1"] * 1e-6, min(figures["T2"], 2 * figures["T1"]) * 1e-6
        if device is HERON:
            flip = (1 - math.exp(-WAIT / t1)) / 4
            turn = (1 - math.exp(-WAIT / t2)) / 2 - flip
            waits.append(pauli_error([("X", flip), ("Y", flip), ("Z", turn), ("I", 1 - 2 * flip - turn)]))
        else:
            waits.append(thermal_relaxation_error(t1, t2, WAIT))
    return noise, waits


def by_aer(device, build, *, clifford):
    noise, waits = noise_of(device)

    def wait(into, qubit):
        into.append(waits[qubit].to_instruction(), [qubit])

    circuit = made(build, (0, 1, 2), 3, wait, clifford=clifford)
    simulator = AerSimulator(noise_model=noise, method="density_matrix", max_parallel_threads=1)
    return simulator.run(circuit, shots=SHOTS, seed_simulator=11).result().get_counts()


def alike(one, other):
    sigma = {each: math.sqrt(max(1.0, one.get(each, 0) + other.get(each, 0))) for each in one | other}
    assert sum(one.values()) == sum(other.values()) == SHOTS
    return all(abs(one.get(each, 0) - other.get(each, 0)) <= 5 * width for each, width in sigma.items())


EVERY = [branches, nested, switched, repeated, reused, expressed]


@pytest.mark.parametrize(
    ("device", "clifford", "build"),
    [
        *((HERON, True, build) for build in EVERY),
        *((GENERIC, False, build) for build in EVERY),
        # The method is that of the generic device, and the errors are those of the Clifford gates.
        (HERON, False, branches),
    ],
)
def test_counts_are_those_of_aer_with_the_same_noise(device, clifford, build):
    result = ran(device, of_device(device, build, clifford=clifford))
    assert (result.results[0].metadata["method"] == "stabilizer") == clifford
    assert alike(result.get_counts(), by_aer(device, build, clifford=clifford))


def counts_of(program, circuit, backend="local_heron"):
    body = body_of(program, {"circuits": [circuit], "shots": SHOTS}, backend=backend)
    [found] = body["results"]
    return {f"{int(outcome, 16):03b}": times for outcome, times in found["data"]["counts"].items()}


@pytest.mark.parametrize("build", [nested, reused])
def test_text_in_openqasm_3_runs_alike(build):
    text = qasm3.dumps(of_device(HERON, build, clifford=False))
    assert alike(counts_of("qasm3-runner", text), by_aer(HERON, build, clifford=False))


def test_text_that_defines_a_gate_of_the_device_runs():
    circuit = QuantumCircuit(HERON.qubits, 3)
    circuit.rx(1.0, 7)
    circuit.rzz(0.5, 7, 17)
    circuit.measure(7, 0)
    counts = counts_of("qasm3-runner", qasm3.dumps(circuit))
    assert abs(counts["001"] / SHOTS - math.sin(0.5) ** 2) < 0.06


def test_text_runs_on_a_device_without_control_flow():
    text = """OPENQASM 3.0; include "stdgates.inc"; qubit[5] q; bit[3] c;
    x q[0]; cx q[0], q[1]; c[0] = measure q[0]; reset q[0]; delay[2us] q[1];
    c[1] = measure q[1]; c[2] = measure q[0];"""
    counts = counts_of("qasm3-runner", text, "local_5q")
    assert counts["011"] > 0.85 * SHOTS
    refused = outcome_of("qasm3-runner", {"circuits": [f"{text} if (c[0]) {{ x q[0]; }}"]}, backend="local_5q")
    assert "it has no if_else, but cx" in refused.reason


def test_box_runs_as_what_is_in_it():
    def boxed(circuit, q, wait):
        with circuit.box():
            branches(circuit, q, wait)

    circuit = made(boxed, ROWS["local_heron"], HERON.qubits, lambda into, at: into.delay(5000, at), clifford=True)
    assert alike(counts_of("circuit-runner", circuit), by_aer(HERON, branches, clifford=True))


@pytest.mark.parametrize("backend", ["local_simulator", "local_heron"])
def test_variable_is_refused_by_its_name(backend):
    circuit = QuantumCircuit(3, 3)
    counter = circuit.add_var("counter", expr.lift(3, types.Uint(3)))
    with circuit.if_test(expr.equal(counter, 3)):
        circuit.x(0)
    circuit.measure(0, 0)
    refused = outcome_of("circuit-runner", {"circuits": [circuit]}, backend=backend)
    assert "cannot be simulated: it has the variable 'counter'" in refused.reason


def test_dynamic_circuit_too_wide_for_memory_is_refused_with_the_reason():
    circuit = QuantumCircuit(HERON.qubits, 1)
    for layer in range(30):
        for qubit in range(HERON.qubits):
            circuit.rx(0.3, qubit)
        for pair in HERON.coupling[layer % 3 :: 3]:
            circuit.cz(*pair)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)):
        circuit.x(1)
    why = why_cannot_run(HERON, NOON, circuit, 1000)
    assert "no method can simulate its 156 qubits in 744 MB" in why
    assert "a matrix product state may need" in why
