"""A Qobj, made of circuits and submitted."""
from qiskit import IBMQ, QuantumCircuit, Aer
from qiskit.compiler import transpile, assemble

IBMQ.load_account()
provider = IBMQ.get_provider(hub='ibm-q')
backend = provider.get_backend('ibmq_qasm_simulator')

qc = QuantumCircuit(2, 2)
qc.x([0, 1])
qc.measure([0, 1], [0, 1])
qobj = assemble(transpile(qc, backend=backend), backend=backend, shots=33)
job = backend.run(qobj)
counts = job.result().get_counts()

aer_sim = Aer.get_backend('aer_simulator')
at_home = aer_sim.run(assemble(qc)).result().get_counts()
