"""A backend that a call makes."""
import qiskit
from qiskit import QuantumCircuit
from qiskit import IBMQ as ibmq, execute as run_it

ibmq.load_account()


def simulator_of(provider, number_of_qubits):
    return min(provider.backends(simulator=True), key=lambda b: b.name())


qc = QuantumCircuit(1, 1)
qc.x(0)
qc.measure(0, 0)
job = run_it(qc, simulator_of(ibmq.get_provider(), 1), shots=7)
counts = job.result().get_counts()
