"""Gates that depend on bits."""
from qiskit import QuantumCircuit, QuantumRegister, ClassicalRegister, IBMQ, transpile

qr = QuantumRegister(3, name="q")
crz = ClassicalRegister(1, name="crz")
crx = ClassicalRegister(1, name="crx")
out = ClassicalRegister(1, name="out")
qc = QuantumCircuit(qr, crz, crx, out)
qc.x(0)
qc.barrier()
qc.h(1)
qc.cnot(1, 2)
qc.cx(0, 1)
qc.h(0)
qc.measure(0, 0)
qc.measure(1, 1)


def bob_gates(qc, qubit, crz, crx):
    # Here we use c_if to control our gates with a classical bit instead of a qubit
    qc.x(qubit).c_if(crx, 1)  # Apply gates if the registers
    qc.z(qubit).c_if(crz, 1)  # are in the state '1'


bob_gates(qc, 2, crz, crx)
qc.measure(2, out[0])

provider = IBMQ.load_account()
backend = provider.get_backend('local_simulator')
counts = backend.run(transpile(qc, backend), shots=30, dynamic=True).result().get_counts()
