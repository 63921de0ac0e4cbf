"""IBMJob: the base class of handles on single jobs and on composite jobs."""

from __future__ import annotations

from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.state.status import FINAL_RANK

MYPY = False
if MYPY:
    # mypy takes a constant of this name for true. qiskit's class has no types, so all attributes would be Any.
    class _QiskitJob:
        """The members that handles inherit from ``JobV1``."""

        version: int
        metadata: dict[str, object]
        _job_id: str

        def __init__(self, backend: object, job_id: str, **kwargs: object) -> None: ...
        def job_id(self) -> str: ...
        def status(self) -> JobStatus: ...
else:
    from qiskit.providers import JobV1 as _QiskitJob


class IBMJob(_QiskitJob):
    """The base class of :class:`~ibm_circuit_job.IBMCircuitJob` and ``IBMCompositeJob``, for ``isinstance()``.

    Its members call ``status()``, which each of the two classes has.

    Example:
        >>> from ibm_circuit_job import IBMCircuitJob, Job
        >>> isinstance(IBMCircuitJob.from_state(Job("a")), IBMJob)
        True
    """

    def done(self) -> bool:
        """Return whether the job has run successfully. It may send a request; see :meth:`status`."""
        return self.status() is JobStatus.DONE

    def running(self) -> bool:
        """Return whether the job runs now. It may send a request; see :meth:`status`."""
        return self.status() is JobStatus.RUNNING

    def cancelled(self) -> bool:
        """Return whether the job was cancelled. It may send a request; see :meth:`status`."""
        return self.status() is JobStatus.CANCELLED

    def errored(self) -> bool:
        """Return whether the job failed. It may send a request; see :meth:`status`."""
        return self.status() is JobStatus.ERROR

    def in_final_state(self) -> bool:
        """Return whether the job has ended: DONE, ERROR or CANCELLED. It may send a request; see :meth:`status`."""
        return self.status() in FINAL_RANK
