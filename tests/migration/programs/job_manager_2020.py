"""More circuits than a job took: the job manager."""
from qiskit import IBMQ, QuantumCircuit, transpile
from qiskit.providers.ibmq.managed import IBMQJobManager

provider = IBMQ.load_account()
backend = provider.get_backend('ibmq_qasm_simulator')

circuits = []
for flips in range(6):
    qc = QuantumCircuit(3, 3)
    for qubit in range(3):
        if flips >> qubit & 1:
            qc.x(qubit)
    qc.measure(range(3), range(3))
    circuits.append(qc)
circuits = transpile(circuits, backend=backend)

# Submit them all.
job_manager = IBMQJobManager()
job_set = job_manager.run(circuits, backend=backend, name='flips', max_experiments_per_job=3, shots=10)
print(job_set.statuses())
results = job_set.results()
counts = [results.get_counts(i) for i in range(len(circuits))]
tags = job_set.jobs()[0].tags()
