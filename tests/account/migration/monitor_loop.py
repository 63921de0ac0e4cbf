"""Watch two jobs on a device until they end: where they stand in the queue, when they ran, what they gave."""

import time

from qiskit import QuantumCircuit, transpile
from qiskit.providers.jobstatus import JOB_FINAL_STATES, JobStatus
from qiskit_ibm_provider import IBMProvider

provider = IBMProvider()
backend = provider.backends(simulator=False, min_num_qubits=5, operational=True)[0]

circuit = QuantumCircuit(1, 1)
circuit.x(0)
circuit.measure(0, 0)
ready = transpile(circuit, backend)
jobs = [backend.run(ready, shots=2000) for _ in range(2)]

for job in reversed(jobs):
    seen = []
    while True:
        status = job.status()
        if status is JobStatus.QUEUED:
            position = job.queue_position(refresh=True)
            info = job.queue_info()
            if info is not None and position is not None:
                print(f"queued, position {position}")
        if status not in seen:
            seen.append(status)
            print(status.name)
        if status in JOB_FINAL_STATES:
            break
        time.sleep(0.1)
    steps = job.time_per_step()
    assert job.creation_date() <= max(moment for moment in steps.values() if moment)
    print("more ones than zeros", job.result().get_counts()["1"] > 1500)
