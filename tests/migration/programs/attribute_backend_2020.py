"""Backends as attributes of the provider."""
from qiskit import IBMQ, QuantumCircuit, execute

IBMQ.load_account()
provider = IBMQ.get_provider()
sim = provider.backends.ibmq_qasm_simulator
five = provider.backend.ibmq_ourense

qc = QuantumCircuit(1, 1)
qc.x(0)
qc.measure(0, 0)
counts = execute(qc, sim, shots=15).result().get_counts()
names = sim.name(), five.name()
