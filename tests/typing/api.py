"""The types of the public interface. This file is only type-checked, never run."""

from concurrent.futures import Future
from datetime import datetime
from typing import assert_type

from qiskit import QuantumCircuit
from qiskit.providers.jobstatus import JobStatus
from qiskit.result import Result as QiskitResult

from ibm_circuit_job import IBMBackend, IBMCircuitJob, IBMProvider, Job, JobMetrics, apply_status, merge, refresh
from ibm_circuit_job.state.facts import StatusReport

provider = IBMProvider.local()
assert_type(provider, IBMProvider)
backend = provider.get_backend("local_simulator")
assert_type(backend, IBMBackend)
job = backend.run(QuantumCircuit(1), shots=10, job_tags=["tag"])
assert_type(job, IBMCircuitJob)
assert_type(job.status(), JobStatus)
assert_type(job.result(timeout=1.0), QiskitResult)
assert_type(job.result(progress=True), QiskitResult)
assert_type(job.future(), Future[QiskitResult])
assert_type(job.cancel(), bool)
assert_type(job.tags(), list[str])
assert_type(job.creation_date(), datetime)
assert_type(job.error_message(), str | None)
assert_type(job.state, Job)

record = job.state
assert_type(merge(record, record), Job)
assert_type(refresh(record, JobMetrics(datetime.now())), Job)  # noqa: DTZ005 - never run
report = StatusReport(datetime.now(), JobStatus.DONE, "Completed")  # noqa: DTZ005 - never run
assert_type(apply_status(record, report), Job)


async def awaited(waited_for: IBMCircuitJob) -> None:
    """Await a job."""
    assert_type(await waited_for, QiskitResult)
