"""What a device is charged for: executions x (repetition delay + circuit time) of the circuits that ran."""

import numpy as np
import pytest
from ibm_quantum_schemas.common import CompressedQpyDataModel, CompressedTensorModel
from programs import NOON, outcome_of
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.classical import expr
from qiskit.result import Result

from ibm_circuit_job.local.charges import estimated_seconds
from ibm_circuit_job.local.device_time import circuit_seconds, device_seconds
from ibm_circuit_job.local.execution import Task
from ibm_circuit_job.wire import typed_json

DELAY = 400e-6
ONCE = 35.6e-9 + 860.4e-9
"""Seconds of an ``x`` and a measurement on ``local_5q``."""
LENGTHS = {("x", (0,)): 1.0, ("x", (3,)): 10.0, ("measure", (0,)): 5.0}


def flip(qubits=5):
    circuit = QuantumCircuit(qubits, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    return circuit


def seconds_of(program, params, backend="local_5q"):
    outcome = outcome_of(program, params, backend=backend)
    assert outcome.succeeded, outcome.reason
    return outcome.device_seconds


def quantum_program(circuit, values=None, *, shots=500, **options):
    array = np.empty((1, 0)) if values is None else values
    item = {
        "item_type": "circuit",
        "circuit_arguments": CompressedTensorModel.from_numpy(array).model_dump(mode="json"),
        "shape": [],
        "chunk_size": "auto",
    }
    circuits = CompressedQpyDataModel.from_python([circuit], qpy_version=16).model_dump(mode="json")
    return {
        "schema_version": "v2.0",
        "quantum_program": {"shots": shots, "items": [item], "circuits": circuits},
        "options": options,
    }


def pubs(*pubs, **options):
    return {"pubs": [[*pub] for pub in pubs], "version": 2, "support_qiskit": True, "options": options}


def test_circuit_runner_charges_each_circuit():
    params = {"circuits": [flip(), flip()], "shots": 300, "rep_delay": DELAY}
    assert seconds_of("circuit-runner", params) == pytest.approx(600 * (DELAY + ONCE), rel=1e-9)


@pytest.mark.parametrize("given", ["soon", 0.1, -1.0])
def test_circuit_runner_refuses_a_delay_the_device_has_not(given):
    outcome = outcome_of("circuit-runner", {"circuits": [flip()], "rep_delay": given}, backend="local_5q")
    assert not outcome.succeeded
    assert "rep_delay: expected" in outcome.reason


def test_sampler_charges_what_twirling_adds():
    twirling = {"enable_measure": True, "num_randomizations": 3, "shots_per_randomization": 100}
    execution = {"rep_delay": DELAY}
    plain = seconds_of("sampler", pubs([flip(), None, 200], execution=execution))
    twirled = seconds_of("sampler", pubs([flip(), None, 200], execution=execution, twirling=twirling))
    assert plain == pytest.approx(200 * (DELAY + ONCE), rel=1e-9)
    assert twirled == pytest.approx(300 * (DELAY + ONCE), rel=1e-3)


def test_executor_charges_each_set_of_parameters():
    circuit = QuantumCircuit(5, 1)
    circuit.rz(Parameter("a"), 0)
    circuit.x(0)
    circuit.measure(0, 0)
    params = quantum_program(circuit, np.zeros((4, 3, 1)), rep_delay=DELAY)
    assert seconds_of("executor", params) == pytest.approx(12 * 500 * (DELAY + ONCE), rel=1e-9)


def test_executor_charges_the_default_delay_of_the_device():
    assert seconds_of("executor", quantum_program(flip())) == pytest.approx(500 * (250e-6 + ONCE), rel=1e-9)


def test_delays_of_a_sweep_are_charged_as_they_are_run():
    circuit, wait = QuantumCircuit(5, 1), Parameter("wait")
    circuit.delay(wait, 0, unit="s")
    circuit.x(0)
    circuit.measure(0, 0)
    task = Task("job", "local_5q", "executor", b"{}", NOON)
    seconds = device_seconds(task, [(circuit, np.array([[1e-3], [2e-3]]), 10)], DELAY)
    assert seconds == pytest.approx(10 * (2 * (DELAY + ONCE) + 3e-3), rel=1e-9)


def test_estimator_charges_each_basis_and_its_calibration():
    circuit = QuantumCircuit(5)
    circuit.x(0)
    pub = [circuit, [{"IIIIZ": 1.0}, {"IIIIX": 1.0}], None, 0.1]
    execution = {"rep_delay": DELAY}
    plain = seconds_of("estimator", pubs(pub, execution=execution) | {"resilience_level": 0})
    assert plain == pytest.approx(200 * DELAY + 200 * ONCE, rel=1e-3)
    mitigated = seconds_of("estimator", pubs(pub, execution=execution) | {"resilience_level": 1})
    # Each basis, and the readout errors, by 32 randomizations of 4 shots.
    assert mitigated == pytest.approx(3 * 128 * DELAY, rel=0.01)


def test_noise_learner_charges_each_basis_and_depth():
    circuit = QuantumCircuit(5)
    circuit.cx(0, 1)
    options = {"layer_pair_depths": [0, 1], "num_randomizations": 2, "shots_per_randomization": 50}
    seconds = seconds_of("noise-learner", {"circuits": [circuit], "version": 2, "options": options})
    # Nine bases of two qubits at two depths.
    assert seconds == pytest.approx(9 * 2 * 2 * 50 * 250e-6, rel=0.02)


@pytest.mark.parametrize(("program", "params"), [("executor", quantum_program(flip())), ("sampler", pubs([flip()]))])
def test_simulator_is_not_charged_by_the_formula(program, params):
    assert seconds_of(program, params, "local_simulator") is None


# Before a job runs


@pytest.mark.parametrize(
    ("program", "params", "executions"),
    [
        ("circuit-runner", {"circuits": [flip(), flip()], "shots": 300}, 600),
        ("sampler", pubs([flip(), None, 200], [flip()]), 200 + 4096),
        ("executor", quantum_program(flip(), np.zeros((4, 3, 0))), 12 * 500),
        ("estimator", pubs([flip(), [{"IIIIZ": 1.0}], None, 0.1]), 100),
        ("noise-learner", {"circuits": [flip()]}, 0),
    ],
)
def test_estimate_is_executions_times_the_delay(program, params, executions):
    written = typed_json.encode(params)
    assert estimated_seconds("local_5q", program, written) == pytest.approx(executions * 250e-6)
    assert estimated_seconds("local_simulator", program, written) is None


@pytest.mark.parametrize("written", ["[]", '{"pubs": 5}', '{"pubs": [[1, 2, 0, 1e-320]]}', '{"quantum_program": 5}'])
@pytest.mark.parametrize("program", ["sampler", "estimator", "executor", "circuit-runner"])
def test_estimate_of_what_cannot_be_read_is_zero(program, written):
    assert estimated_seconds("local_5q", program, written.encode()) == 0


def test_estimate_has_the_delay_that_the_job_asks_for():
    for program, params, executions in (
        ("sampler", pubs([flip(), None, 200], execution={"rep_delay": DELAY}), 200),
        ("executor", quantum_program(flip(), rep_delay=DELAY), 500),
        ("circuit-runner", {"circuits": [flip()], "shots": 10, "rep_delay": DELAY}, 10),
    ):
        assert estimated_seconds("local_5q", program, typed_json.encode(params)) == pytest.approx(executions * DELAY)


# The time of a circuit


def test_branches_count_with_the_qubits_that_they_are_on():
    circuit = QuantumCircuit(4, 1)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)) as otherwise:
        circuit.x(0)
    with otherwise:
        circuit.x(3)
    assert circuit_seconds(circuit, LENGTHS, 1.0) == 15.0


def test_loop_counts_as_often_as_it_runs():
    circuit = QuantumCircuit(4, 1)
    with circuit.for_loop(range(3)):
        circuit.x(3)
        circuit.delay(2, 3, unit="dt")
    with circuit.while_loop(expr.lift(circuit.clbits[0])):
        circuit.x(3)
    assert circuit_seconds(circuit, LENGTHS, 0.5) == 3 * 11.0 + 10.0


@pytest.mark.parametrize(
    ("program", "params", "said"),
    [
        ("circuit-runner", {"circuits": [flip()], "rep_delay": DELAY}, lambda result: result.remarks["rep_delay"]),
        (
            "sampler",
            pubs([flip(), None, 10], execution={"rep_delay": DELAY}),
            lambda result: result[0].metadata["rep_delay"],
        ),
        (
            "estimator",
            pubs([QuantumCircuit(1), {"Z": 1.0}], execution={"rep_delay": DELAY}),
            lambda result: result[0].metadata["rep_delay"],
        ),
    ],
)
def test_simulator_says_that_it_has_no_delay(program, params, said):
    outcome = outcome_of(program, params, backend="local_simulator")
    assert outcome.succeeded, outcome.reason
    result = typed_json.decode(outcome.result, "result").unwrap()
    result = Result.from_dict(result) if isinstance(result, dict) else result
    assert said(result).startswith("not applied: ")
