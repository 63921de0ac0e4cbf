"""How soon a waiter is told: from the moment at which the service marked the job done, to the return of the wait."""

import statistics
import time

import pytest
from qiskit import QuantumCircuit
from qiskit.providers.jobstatus import JobStatus

JOBS = 50


@pytest.mark.benchmark(group="notice of the end of a job, by push")
def test_notice_by_push(benchmark, device, report):
    """Wait for 50 jobs of a third of a second. The rounds are delays in seconds, not run times."""
    delays = []

    def wait_for_one():
        circuit = QuantumCircuit(1, 1)
        circuit.measure(0, 0)
        job = device.run(circuit, shots=600 + len(delays), rep_delay=500e-6)
        while job.status() is JobStatus.QUEUED:
            pass
        job.wait_for_final_state()
        noticed = time.time()
        job.refresh()
        delays.append(noticed - dict(job.state.metrics.timestamps)["finished"].timestamp())

    benchmark.pedantic(wait_for_one, rounds=JOBS, iterations=1)
    milliseconds = sorted(delay * 1e3 for delay in delays)
    median, worst = statistics.median(milliseconds), milliseconds[-1]
    report(f"notice by push, median of {JOBS} jobs", median, "ms", note=f"{worst:.1f} ms at worst", aim="5 ms")
