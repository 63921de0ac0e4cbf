"""IBMJob: what a single job and a composite job have in common."""

from __future__ import annotations

from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.state.status import FINAL_RANK

MYPY = False
if MYPY:
    # mypy takes a constant of this name for true. To it qiskit's class is of any type, and so would be each attribute.
    class _QiskitJob:
        """What a handle has of ``JobV1``."""

        version: int
        metadata: dict[str, object]
        _job_id: str

        def __init__(self, backend: object, job_id: str, **kwargs: object) -> None: ...
        def job_id(self) -> str: ...
        def status(self) -> JobStatus: ...
else:
    from qiskit.providers import JobV1 as _QiskitJob


class IBMJob(_QiskitJob):
    """A job on IBM Quantum: an :class:`~ibm_circuit_job.IBMCircuitJob`, or an ``IBMCompositeJob`` of several.

    What it has are the questions about ``status()``, which each of the two answers in its own way.
    ``isinstance(job, IBMJob)`` is what programs ask with it.
    """

    def done(self) -> bool:
        """Return whether the job has run successfully; asks as :meth:`status` does."""
        return self.status() is JobStatus.DONE

    def running(self) -> bool:
        """Return whether the job runs now; asks as :meth:`status` does."""
        return self.status() is JobStatus.RUNNING

    def cancelled(self) -> bool:
        """Return whether the job was cancelled; asks as :meth:`status` does."""
        return self.status() is JobStatus.CANCELLED

    def errored(self) -> bool:
        """Return whether the job failed; asks as :meth:`status` does."""
        return self.status() is JobStatus.ERROR

    def in_final_state(self) -> bool:
        """Return whether the job has ended: DONE, ERROR or CANCELLED; asks as :meth:`status` does."""
        return self.status() in FINAL_RANK
