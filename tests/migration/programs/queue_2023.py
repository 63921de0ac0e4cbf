"""qiskit-ibm-provider: the queue, and a callback."""
from qiskit import QuantumCircuit, transpile
from qiskit.providers.jobstatus import JobStatus
from qiskit_ibm_provider import IBMProvider, least_busy

provider = IBMProvider()
backend = least_busy(provider.backends(simulator=False, operational=True, min_num_qubits=2))

qc = QuantumCircuit(1)
qc.x(0)
qc.measure_all()
job = backend.run(transpile(qc, backend, optimization_level=1), shots=100)
info = job.queue_info()
if info is not None:
    print(info.position, info.estimated_start_time)

heard = []
job.wait_for_final_state(timeout=60, wait=1, callback=lambda job_id, status, job, **kwargs: heard.append(status))
ended = job.status() == JobStatus.DONE and job.in_final_state()
counts = job.result().get_counts()
