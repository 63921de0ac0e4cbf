"""The noise of a device: what its calibration says, as Aer simulates it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import Delay
from qiskit_aer.noise import NoiseModel, ReadoutError, RelaxationNoisePass, depolarizing_error

from ibm_circuit_job.local.devices import measured


def noise_model(calibration: Mapping[str, Any]) -> NoiseModel:
    """Return the errors of gates and of readout.

    Args:
        calibration: The reply to ``GET /backends/NAME/properties``. Its ``gate_error`` is one minus the average
            fidelity of the gate, as randomized benchmarking measures it.
    """
    model = NoiseModel(basis_gates=["cx", "id", "rz", "sx", "x"])
    for gate in calibration["gates"]:
        error = measured(gate["parameters"])["gate_error"]
        if error > 0:
            width = len(gate["qubits"])
            # A depolarized qubit has lost its state with this probability, and is right by chance all the same.
            lost = error * 2**width / (2**width - 1)
            model.add_quantum_error(depolarizing_error(lost, width), gate["gate"], gate["qubits"])
    for index, qubit in enumerate(calibration["qubits"]):
        value = measured(qubit)
        down, up = value["prob_meas0_prep1"], value["prob_meas1_prep0"]
        model.add_readout_error(ReadoutError([[1 - up, up], [down, 1 - down]]), [index])
    return model


def relaxing(circuit: QuantumCircuit, calibration: Mapping[str, Any], dt: float) -> QuantumCircuit:
    """Return a circuit whose qubits decay during its delays, by T1 and T2; the same one if it has no delays.

    Args:
        circuit: A circuit on the qubits of the device.
        calibration: The reply to ``GET /backends/NAME/properties``.
        dt: The seconds of the unit ``dt``.
    """
    delays = [each.operation for each in circuit.data if each.name == "delay"]
    if not delays or not all(isinstance(delay.duration, (int, float)) for delay in delays):
        return circuit
    values = [measured(qubit) for qubit in calibration["qubits"]]
    times = ([value[name] for value in values] for name in ("T1", "T2"))
    relaxed: QuantumCircuit = RelaxationNoisePass(*times, dt=dt, op_types=Delay)(circuit)
    return relaxed
