"""Everything from qiskit, a simulator at home and one of IBM."""
from qiskit import *
from qiskit.tools.visualization import circuit_drawer

circuit = QuantumCircuit(2, 2)
circuit.h(0)
circuit.cx(0, 1)
circuit.measure([0, 1], [0, 1])

simulator = Aer.get_backend('qasm_simulator')
at_home = execute(circuit, backend=simulator, shots=100, seed_simulator=1).result().get_counts()

provider = IBMQ.load_account()
qcomp = provider.get_backend('ibmq_qasm_simulator')
job = execute(circuit, backend=qcomp, shots=100)
counts = job.result().get_counts(circuit)
drawing = circuit_drawer(circuit)
