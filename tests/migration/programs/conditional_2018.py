"""A gate that depends on a measurement, on the simulator at home and on the one in the cloud."""
from qiskit import QuantumRegister, ClassicalRegister, QuantumCircuit, execute
from qiskit import Aer, IBMQ

IBMQ.load_accounts()
q = QuantumRegister(2, 'q')
c0 = ClassicalRegister(1, 'c0')
c1 = ClassicalRegister(1, 'c1')
qc = QuantumCircuit(q, c0, c1)
qc.x(q[0])
qc.measure(q[0], c0[0])
qc.x(q[1]).c_if(c0, 1)
qc.measure(q[1], c1[0])
at_home = execute(qc, Aer.get_backend('qasm_simulator'), shots=20).result().get_counts()
counts = execute(qc, IBMQ.get_backend('ibmq_qasm_simulator'), shots=20).result().get_counts()
