"""Jobs of another day, found by tag and by name."""
from qiskit import IBMQ, QuantumCircuit, execute

IBMQ.load_account()
provider = IBMQ.get_provider(hub='ibm-q')
backend = provider.get_backend('local_simulator')

qc = QuantumCircuit(1, 1)
qc.x(0)
qc.measure(0, 0)
first = execute(qc, backend, shots=10, job_tags=['retrieved'], job_name='first of all')
first.wait_for_final_state()

by_tag = [job.job_id() for job in provider.backends.jobs(limit=5, job_tags=['retrieved'])]
by_name = [job.job_id() for job in backend.jobs(limit=5, job_name='first of all')]
again = backend.retrieve_job(first.job_id())
for job in backend.jobs(limit=1):
    print(job.job_id(), job.status(), job.creation_date(), job.backend().name())
counts = again.result().get_counts()
