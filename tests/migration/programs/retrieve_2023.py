"""qiskit-ibm-provider 0.7: retrieve_job, jobs, and what is known of a job."""
from datetime import datetime, timedelta

from qiskit import QuantumCircuit, transpile
from qiskit_ibm_provider import IBMProvider
from qiskit_ibm_provider.job import job_monitor, IBMCircuitJob

provider = IBMProvider(instance='ibm-q/open/main')  # the open plan
backend = provider.get_backend('local_5q')

qc = QuantumCircuit(1)
qc.x(0)
qc.measure_all()
job = backend.run(transpile(qc, backend), shots=100, job_tags=['of 2023'])
job_monitor(job)

retrieved = provider.retrieve_job(job.job_id())
recent = provider.jobs(limit=3, start_datetime=datetime.now() - timedelta(days=1), job_tags=['of 2023'], backend_name='local_5q')
is_circuit_job = isinstance(retrieved, IBMCircuitJob)
steps = retrieved.time_per_step()
estimation = retrieved.usage_estimation
counts = retrieved.result().get_counts()
