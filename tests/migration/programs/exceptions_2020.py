"""Exceptions of jobs, by their names."""
from qiskit import IBMQ, QuantumCircuit, execute
from qiskit.providers.ibmq.exceptions import IBMQAccountError
from qiskit.providers.ibmq.job import IBMQJobApiError, IBMQJobInvalidStateError
from qiskit.providers.ibmq.job.exceptions import IBMQJobTimeoutError as TooLate

try:
    provider = IBMQ.load_account()
except IBMQAccountError as ex:
    print(ex)
    raise

backend = provider.get_backend('local_simulator')
caught = []
try:
    provider.backends.retrieve_job('no such job')
except IBMQJobApiError as ex:
    caught.append(type(ex).__name__)

qc = QuantumCircuit(1, 1)
qc.measure(0, 0)
job = execute(qc, backend=backend, shots=10)
try:
    job.wait_for_final_state(timeout=60)
except TooLate:
    caught.append('late')
try:
    job.cancel()
except IBMQJobInvalidStateError as ex:
    caught.append(type(ex).__name__)
