"""Algorithms on a QuantumInstance."""
from qiskit import Aer, IBMQ
from qiskit.algorithms import VQE
from qiskit.opflow import X, Z
from qiskit.utils import QuantumInstance

provider = IBMQ.load_account()
instance = QuantumInstance(provider.get_backend('ibmq_qasm_simulator'), shots=1024)
vqe = VQE(quantum_instance=instance)
