"""Qiskit 0.7: a token and a URL in the program."""
import os

from qiskit import IBMQ, QuantumCircuit, execute

IBMQ.enable_account(os.environ['MY_TOKEN'], os.environ['MY_URL'])
print("Available backends:", IBMQ.backends())

qc = QuantumCircuit(1, 1)
qc.x(0)
qc.measure(0, 0)
counts = execute(qc, IBMQ.get_backend('local_simulator'), shots=20).result().get_counts()
