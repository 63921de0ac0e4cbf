"""IBMCompositeJob: several jobs, to which the archived client distributed one list of circuits, as one job."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from qiskit import QuantumCircuit
from qiskit.providers.jobstatus import JobStatus
from qiskit.result import Result as QiskitResult

from ibm_circuit_job.errors import IBMJobApiError, IBMJobFailureError, IBMJobInvalidStateError
from ibm_circuit_job.job.circuit_job import IBMCircuitJob
from ibm_circuit_job.job.ibm_job import IBMJob
from ibm_circuit_job.job.monitor import wait_all
from ibm_circuit_job.job.watch import refresh_all
from ibm_circuit_job.state.composite import PlaceInComposite, own_tags, place_in_composite, status_of_all

if TYPE_CHECKING:
    from ibm_circuit_job.devices.described_backend import DescribedBackend


class IBMCompositeJob(IBMJob):
    """Several jobs, to which the archived client distributed one long list of circuits, as one job.

    ``IBMProvider.backend.retrieve_job("ibm_composite_job_id_...")`` returns one. It consists of existing jobs, which
    can be read and cancelled. ``run()`` does not submit composite jobs any more.

    Args:
        job_id: The ID of the composite job, which is a tag of its jobs.
        jobs: All of its jobs, in any order.

    Raises:
        IBMJobInvalidStateError: If there is no job, if a job has no tag with its place, or if jobs are missing.
    """

    def __init__(self, job_id: str, jobs: Iterable[IBMCircuitJob]) -> None:
        placed = _placed(job_id, jobs)
        self._jobs = [job for _, job in placed]
        self._places = [place for place, _ in placed]
        super().__init__(None, job_id)

    def __repr__(self) -> str:
        return f"<IBMCompositeJob({self.job_id()!r}, {len(self._jobs)} jobs)>"

    @classmethod
    def from_jobs(cls, job_id: str, jobs: Iterable[IBMCircuitJob], api_client: Any = None) -> IBMCompositeJob:
        """Return the composite job of these jobs.

        Args:
            job_id: The ID of the composite job.
            jobs: All of its jobs, in any order.
            api_client: Has no effect: each job has its own client.

        Raises:
            IBMJobInvalidStateError: As the constructor.
        """
        del api_client
        return cls(job_id, jobs)

    def sub_jobs(self, block_for_submit: bool = True) -> list[IBMCircuitJob]:
        """Return the jobs, in the order of their circuits.

        Args:
            block_for_submit: Has no effect: all jobs were submitted before.
        """
        del block_for_submit
        return list(self._jobs)

    def sub_job(self, circuit_index: int) -> IBMCircuitJob:
        """Return the job that runs a circuit.

        Args:
            circuit_index: The place of the circuit among all circuits, from 0.

        Raises:
            IBMJobInvalidStateError: If there is no such circuit.
        """
        for place, job in zip(self._places, self._jobs, strict=True):
            if place.first <= circuit_index <= place.last:
                return job
        raise IBMJobInvalidStateError(
            f"expected circuit_index to be from 0 to {self._places[-1].last}, got {circuit_index!r}"
        )

    def status(self) -> JobStatus:
        """Return the least advanced status of the jobs; ERROR if all have ended and one failed.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        refresh_all(self._jobs)
        return status_of_all([job.status() for job in self._jobs])

    def refresh(self) -> None:
        """Request each job and its metrics again.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        for job in self._jobs:
            job.refresh()

    def wait_for_final_state(
        self,
        timeout: float | None = None,
        wait: float | None = None,
        callback: Callable[..., object] | None = None,
    ) -> None:
        """Wait until all jobs have ended.

        Args:
            timeout: Seconds to wait; ``None`` for as long as it takes.
            wait: Has no effect: the jobs are polled together; see :func:`~ibm_circuit_job.wait_all`.
            callback: Called as ``callback(job_id, status, job, queue_info=...)`` for each of the jobs.

        Raises:
            IBMJobTimeoutError: If not all jobs have ended after ``timeout`` seconds.
            IBMJobApiError: If the service refused for good.
        """
        del wait
        wait_all(self._jobs, timeout, callback=callback)

    def result(
        self,
        timeout: float | None = None,
        wait: float | None = None,
        partial: bool = False,
        refresh: bool = False,
    ) -> QiskitResult:
        """Return one result with the experiments of all jobs, in the order of the circuits.

        Args:
            timeout: Seconds to wait for all jobs; ``None`` for as long as it takes.
            wait: Has no effect.
            partial: Whether to return what there is if jobs failed. A circuit without a result is then an experiment
                without counts, with the status ``"ERROR"``.
            refresh: Whether to read the results from the service again.

        Raises:
            IBMJobFailureError: If a job failed, and ``partial`` is false; or if no job has a result.
            IBMJobInvalidStateError: If a job was cancelled, and ``partial`` is false.
            IBMJobTimeoutError: If not all jobs have ended after ``timeout`` seconds.
            IBMJobApiError: If the service refused or could not be reached.
        """
        self.wait_for_final_state(timeout, wait)
        status = self.status()
        if not partial and status is JobStatus.CANCELLED:
            raise IBMJobInvalidStateError(
                f"could not read the result of job {self.job_id()}: a part of it was cancelled; "
                "result(partial=True) returns the others"
            )
        if not partial and status is JobStatus.ERROR:
            raise IBMJobFailureError(f"job {self.job_id()} failed: {self.error_message()}")
        found = [_result_of(job, partial=partial, refresh=refresh) for job in self._jobs]
        first = next((result for result in found if result is not None), None)
        if first is None:
            raise IBMJobFailureError(f"no part of job {self.job_id()} has a result: {self.error_message()}")
        document = first.to_dict() | {
            "job_id": self.job_id(),
            "success": status is JobStatus.DONE and all(result is not None and result.success for result in found),
            "status": "COMPLETED" if status is JobStatus.DONE else "PARTIAL COMPLETED",
        }
        document["results"] = [
            experiment
            for place, result in zip(self._places, found, strict=True)
            for experiment in _experiments(place, result, document["results"][0])
        ]
        return QiskitResult.from_dict(document)

    def cancel(self) -> bool:
        """Cancel all jobs that have not ended, and return whether the service accepted any of them.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        cancelled = [job.cancel() for job in self._jobs if not job.in_final_state()]
        return any(cancelled)

    def error_message(self) -> str | None:
        """Return why jobs failed, with a line for each; ``None`` if none failed.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        said = [
            f"circuits {place.first} to {place.last}, job {job.job_id()}: {message}"
            for place, job in zip(self._places, self._jobs, strict=True)
            if (message := job.error_message()) is not None
        ]
        return "\n".join(said) or None

    def report(self, detailed: bool = True) -> str:
        """Return a text about the statuses of the jobs.

        Args:
            detailed: Whether the text has a line for each job, after the lines for each status.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        overall = self.status()
        statuses = [job.status() for job in self._jobs]
        lines = [f"Composite job {self.job_id()}: {overall.name}"]
        lines += [f"    {status.name}: {statuses.count(status)}" for status in JobStatus if status in statuses]
        if detailed:
            lines += [
                f"    circuits {place.first} to {place.last}: job {job.job_id()}, {status.name}"
                for place, job, status in zip(self._places, self._jobs, statuses, strict=True)
            ]
        return "\n".join(lines)

    def backend(self) -> DescribedBackend:
        """Return the backend of the first job."""
        return self._jobs[0].backend()

    def name(self) -> str | None:
        """Return the name of the first job; all jobs have the same name."""
        return self._jobs[0].name()

    def tags(self) -> list[str]:
        """Return the user's tags, without those of the composite job."""
        return own_tags(self._jobs[0].tags())

    def creation_date(self) -> datetime:
        """Return when the first job was created, as an aware ``datetime`` in the machine's zone."""
        return min(job.creation_date() for job in self._jobs)

    def circuits(self) -> list[QuantumCircuit]:
        """Return the circuits of all jobs.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        return [circuit for job in self._jobs for circuit in job.circuits()]

    def submit(self) -> NoReturn:
        """Raise ``IBMJobInvalidStateError``: the jobs were submitted before.

        Raises:
            IBMJobInvalidStateError: Always.
        """
        raise IBMJobInvalidStateError("the jobs of a composite job were submitted; IBMBackend.run() submits a new one")

    def rerun_failed(self) -> NoReturn:
        """Raise ``IBMJobInvalidStateError``: run the circuits of the failed jobs with ``IBMBackend.run()``.

        Raises:
            IBMJobInvalidStateError: Always.
        """
        raise IBMJobInvalidStateError(
            "a composite job is only read; run the circuits of a failed part again: "
            "job.sub_job(0).circuits() with IBMBackend.run()"
        )


def _placed(job_id: str, jobs: Iterable[IBMCircuitJob]) -> list[tuple[PlaceInComposite, IBMCircuitJob]]:
    """Return the jobs with their places, in the order of the circuits, each once; raise if one is missing."""
    found: dict[int, tuple[PlaceInComposite, IBMCircuitJob]] = {}
    for job in jobs:
        place = place_in_composite(job.tags())
        if place is None:
            raise IBMJobInvalidStateError(
                f"expected each job of {job_id} to have a tag ibm_composite_job_indexes:..., {job.job_id()} has none"
            )
        found.setdefault(place.index, (place, job))
    if not found:
        raise IBMJobInvalidStateError(f"there is no job of {job_id}")
    total = max(place.total for place, _ in found.values())
    missing = sorted(set(range(total)) - found.keys())
    if missing:
        raise IBMJobInvalidStateError(
            f"composite job {job_id} has {total} jobs, of which those with the indexes "
            f"{', '.join(map(str, missing))} are missing"
        )
    return [found[index] for index in sorted(found)]


def _result_of(job: IBMCircuitJob, *, partial: bool, refresh: bool) -> QiskitResult | None:
    try:
        return job.result(partial=partial, refresh=refresh)
    except (IBMJobFailureError, IBMJobInvalidStateError):
        if not partial:
            raise
        return None
    except IBMJobApiError:
        # The result of an old job may be gone.
        if not partial or not job.in_final_state():
            raise
        return None


def _experiments(place: PlaceInComposite, result: QiskitResult | None, like: dict[str, Any]) -> list[Any]:
    if result is not None:
        return list(result.to_dict()["results"])
    without = {"shots": like.get("shots", 0), "meas_level": like.get("meas_level", 2)}
    return [without | {"success": False, "status": "ERROR", "data": {}} for _ in range(place.first, place.last + 1)]
