"""The simulators in Python."""
from qiskit import BasicAer, QuantumCircuit, execute

qc = QuantumCircuit(1, 1)
qc.x(0)
state = execute(qc, BasicAer.get_backend('statevector_simulator')).result().get_statevector()
qc.measure(0, 0)
backend = BasicAer.get_backend('qasm_simulator')
counts = execute(qc, backend, shots=14).result().get_counts()
