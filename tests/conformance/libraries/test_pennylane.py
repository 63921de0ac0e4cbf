"""PennyLane's device ``qiskit.remote`` on our backend, beside ``default.qubit``."""

import warnings

import numpy as np
import pennylane as qml
import pytest
from pennylane import numpy as qnp

SHOTS = 4000
ANGLES = qnp.array([0.7, 1.9], requires_grad=True)


def prepare(angles):
    qml.RX(angles[0], wires=0)
    qml.RY(angles[1], wires=1)
    qml.CNOT(wires=[0, 1])


def nodes(backend, measured, shots=SHOTS):
    """The same circuit on our backend, by shots, and on PennyLane's own simulator, exactly."""

    def circuit(angles):
        prepare(angles)
        return measured()

    ours = qml.QNode(circuit, qml.device("qiskit.remote", wires=2, backend=backend), diff_method="parameter-shift")
    return qml.set_shots(shots)(ours), qml.QNode(circuit, qml.device("default.qubit", wires=2))


OBSERVABLES = {
    "Z": lambda: qml.PauliZ(1),
    "X": lambda: qml.PauliX(1),
    "Z Z": lambda: qml.PauliZ(0) @ qml.PauliZ(1),
    "sum": lambda: qml.Hamiltonian([0.5, -1.0], [qml.PauliZ(0), qml.PauliX(0) @ qml.PauliY(1)]),
}


@pytest.mark.parametrize("name", OBSERVABLES)
def test_expectation_is_that_of_default_qubit(simulator, name):
    ours, exact = nodes(simulator, lambda: qml.expval(OBSERVABLES[name]()))
    assert float(ours(ANGLES)) == pytest.approx(float(exact(ANGLES)), abs=5 * 1.5 / np.sqrt(SHOTS))


def test_variance_is_that_of_default_qubit(simulator):
    ours, exact = nodes(simulator, lambda: qml.var(qml.PauliZ(0)))
    assert float(ours(ANGLES)) == pytest.approx(float(exact(ANGLES)), abs=5 * 2 / np.sqrt(SHOTS))


def test_probabilities_are_those_of_default_qubit(simulator):
    ours, exact = nodes(simulator, lambda: qml.probs(wires=[0, 1]))
    assert np.allclose(ours(ANGLES), exact(ANGLES), atol=5 * 0.5 / np.sqrt(SHOTS))


def test_samples_are_bits_of_the_right_wires(simulator):
    ours, _ = nodes(simulator, lambda: qml.sample(wires=[0, 1]))
    samples = np.asarray(ours(qnp.array([np.pi, 0.0])))
    assert samples.shape == (SHOTS, 2)
    assert samples.all()
    samples = np.asarray(ours(qnp.array([0.0, np.pi])))
    assert (samples == [0, 1]).all()


def test_counts_add_up_to_the_shots(simulator):
    ours, _ = nodes(simulator, lambda: qml.counts(wires=[0, 1]), shots=1000)
    counts = ours(ANGLES)
    assert sum(counts.values()) == 1000
    assert set(counts) <= {"00", "01", "10", "11"}
    assert counts["01"] > counts["11"]


def test_gradient_by_parameter_shift_is_that_of_default_qubit(simulator):
    ours, exact = nodes(simulator, lambda: qml.expval(qml.PauliZ(0) @ qml.PauliZ(1)))
    assert np.allclose(qml.grad(ours)(ANGLES), qml.grad(exact)(ANGLES), atol=5 / np.sqrt(2 * SHOTS))


def test_device_with_noise_is_near_default_qubit(device):
    ours, exact = nodes(device, lambda: qml.expval(qml.PauliZ(0) @ qml.PauliZ(1)))
    assert float(ours(ANGLES)) == pytest.approx(float(exact(ANGLES)), abs=0.15)
    assert np.allclose(qml.grad(ours)(ANGLES), qml.grad(exact)(ANGLES), atol=0.2)


def test_expectation_and_samples_may_be_wanted_together(simulator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, exact = nodes(simulator, lambda: (qml.expval(qml.PauliZ(0)), qml.probs(wires=[1])))
    value, probabilities = ours(ANGLES)
    exactly, distribution = exact(ANGLES)
    assert float(value) == pytest.approx(float(exactly), abs=5 / np.sqrt(SHOTS))
    assert np.allclose(probabilities, distribution, atol=5 * 0.5 / np.sqrt(SHOTS))


def test_examples_of_the_documentation_run(run_documented):
    run_documented("PennyLane")
