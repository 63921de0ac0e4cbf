"""Qiskit 0.20: a token in the program, and a provider that is asked for later."""
import os

from qiskit import IBMQ, QuantumCircuit, transpile

provider = IBMQ.enable_account(os.environ['MY_TOKEN'], url=os.environ['MY_URL'], hub='ibm-q', group='open', project='main')
other = IBMQ.get_provider()

qc = QuantumCircuit(1)
qc.x(0)
qc.measure_all()
backend = other.get_backend('local_simulator')
counts = backend.run(transpile(qc, backend), shots=20).result().get_counts()
IBMQ.disable_account()
