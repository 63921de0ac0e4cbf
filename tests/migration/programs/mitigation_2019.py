"""Readout errors mitigated by hand, with a matrix of calibration circuits."""
import numpy as np
from qiskit import IBMQ, QuantumCircuit, execute
from qiskit.tools.monitor import job_monitor

IBMQ.load_account()
provider = IBMQ.get_provider(hub='ibm-q')
device = provider.get_backend('ibmq_vigo')


def prepared(label):
    qc = QuantumCircuit(2, 2, name='cal_' + label)
    for qubit, bit in enumerate(reversed(label)):
        if bit == '1':
            qc.x(qubit)
    qc.measure([0, 1], [0, 1])
    return qc


labels = ['00', '01', '10', '11']
bell = QuantumCircuit(2, 2, name='bell')
bell.h(0)
bell.cx(0, 1)
bell.measure([0, 1], [0, 1])

shots = 400
job = execute([prepared(label) for label in labels] + [bell], device, shots=shots)
job_monitor(job, quiet=True)
result = job.result()
M = np.array([[result.get_counts('cal_' + was).get(seen, 0) / shots for was in labels] for seen in labels])
raw = np.array([result.get_counts('bell').get(label, 0) / shots for label in labels])
mitigated = np.linalg.solve(M, raw)
