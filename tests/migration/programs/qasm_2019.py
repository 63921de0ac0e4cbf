"""OpenQASM in and out, and gates of that time."""
from qiskit import QuantumCircuit, IBMQ, execute

qc = QuantumCircuit.from_qasm_str('OPENQASM 2.0; include "qelib1.inc"; qreg q[3]; creg c[3]; x q[0];')
qc.iden(0)
qc.u3(3.141592653589793, 0, 3.141592653589793, 1)
qc.u2(0, 3.141592653589793, 2)
qc.u2(0, 3.141592653589793, 2)
qc.toffoli(0, 1, 2)
qc.measure([0, 1, 2], [0, 1, 2])
text = qc.qasm()

provider = IBMQ.load_account()
counts = execute(qc, provider.get_backend('ibmq_qasm_simulator'), shots=9).result().get_counts()
