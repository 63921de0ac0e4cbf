"""A sweep of an angle: many circuits in one job."""
import numpy as np
from qiskit import IBMQ, QuantumCircuit, transpile
from qiskit.circuit import Parameter

provider = IBMQ.load_account()
backend = provider.get_backend('ibmq_qasm_simulator')

theta = Parameter('θ')
qc = QuantumCircuit(1, 1)
qc.ry(theta, 0)
qc.u1(0.1, 0)  # a phase
qc.measure(0, 0)

angles = np.linspace(0, np.pi, 5)
circuits = [qc.bind_parameters({theta: angle}) for angle in angles]
job = backend.run(transpile(circuits, backend=backend), shots=200, job_name='sweep', job_tags=['rabi'])
result = job.result()
excited = [result.get_counts(i).get('1', 0) / 200 for i in range(len(circuits))]
tags = job.tags()
