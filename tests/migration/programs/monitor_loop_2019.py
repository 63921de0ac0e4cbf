"""A loop of one's own over status and place in the queue."""
import time

from qiskit import IBMQ, QuantumCircuit, execute
from qiskit.providers import JobStatus
from qiskit.providers.jobstatus import JOB_FINAL_STATES

IBMQ.load_account()
provider = IBMQ.get_provider(hub='ibm-q', group='open', project='main')
device = provider.get_backend('ibmqx4')

qc = QuantumCircuit(1, 1)
qc.x(0)
qc.measure(0, 0)

job = execute(qc, device, shots=100)
lapse = 0
while job.status() not in JOB_FINAL_STATES:
    print('Status @ {} steps'.format(lapse), job.status(), job.queue_position())
    time.sleep(0.1)
    lapse += 1
is_done = job.status() is JobStatus.DONE
name = device.name()
counts = job.result().get_counts()
