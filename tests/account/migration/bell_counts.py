"""Run a Bell pair and print its counts."""

from qiskit import QuantumCircuit, transpile
from qiskit.providers.jobstatus import JobStatus
from qiskit_ibm_provider import IBMProvider

provider = IBMProvider()
print([backend.name for backend in provider.backends()])
backend = provider.get_backend("local_simulator")

bell = QuantumCircuit(2, 2, name="bell")
bell.h(0)
bell.cx(0, 1)
bell.measure([0, 1], [0, 1])

job = backend.run(transpile(bell, backend), shots=1000, job_tags=["bell", "migration"])
print("job", job.job_id(), "on", job.backend().name)
result = job.result()
counts = result.get_counts()
assert job.status() is JobStatus.DONE
assert job.error_message() is None
print("counts", sorted(counts), sum(counts.values()))
