"""Tags that are added and replaced."""
from qiskit import IBMQ, QuantumCircuit, execute

provider = IBMQ.load_account()
backend = provider.get_backend('local_simulator')
qc = QuantumCircuit(1, 1)
qc.measure(0, 0)
job = execute(qc, backend, shots=5, job_tags=['one'], job_share_level='hub')
job.update_tags(additional_tags=['two'])
both = job.tags()
job.update_tags(replacement_tags=['three'])
replaced = job.tags()
job.update_name('mine')
