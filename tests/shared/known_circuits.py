"""Circuits whose outcome is known, also where only an official client and qiskit 1 are installed."""

from qiskit import QuantumCircuit


def bell():
    circuit = QuantumCircuit(2, name="bell")
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def flipped(width, ones):
    """A circuit whose only outcome is the number whose bits are ones."""
    circuit = QuantumCircuit(width, name=f"flipped {ones}")
    for qubit in range(width):
        if ones >> qubit & 1:
            circuit.x(qubit)
    circuit.measure_all()
    return circuit


def endless():
    """Runs for ever: a loop whose condition always holds."""
    circuit = QuantumCircuit(2, 2)
    with circuit.while_loop((circuit.clbits[0], 0)):
        circuit.h(1)
        circuit.measure(0, 0)
    circuit.measure(1, 1)
    return circuit
