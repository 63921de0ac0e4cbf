"""Qiskit 0.6: the account is IBMQ itself, and execute() submits."""
from qiskit import ClassicalRegister, QuantumRegister, QuantumCircuit
from qiskit import execute, IBMQ

IBMQ.load_accounts()  # the token that was saved

q = QuantumRegister(2, 'q')
c = ClassicalRegister(2, 'c')
qc = QuantumCircuit(q, c)
qc.h(q[0])
qc.cx(q[0], q[1])
qc.measure(q, c)

backend = IBMQ.get_backend('ibmq_qasm_simulator')
job_exp = execute(qc, backend=backend, shots=128, max_credits=3)
counts = job_exp.result().get_counts(qc)
print(counts)
