"""The members of a handle that request the status, wait until the job has ended, and cancel it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from qiskit.providers.jobstatus import JobStatus
from returns.result import Success

from ibm_circuit_job import effects
from ibm_circuit_job.errors import IBMJobInvalidStateError, is_answer, to_exception
from ibm_circuit_job.job import parts
from ibm_circuit_job.job.arguments import checked_timeout, paced
from ibm_circuit_job.job.handle import Handle
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.status import UNKNOWN
from ibm_circuit_job.wire import queries


class StatusMembers(Handle):
    """The status of a job: requesting it, waiting for a final one, cancelling."""

    def status(self) -> JobStatus:
        """Return the job's status, from one request without the circuits.

        A final status costs no request. Source: ``GET /jobs/ID?exclude_params=true``.

        Returns:
            The status. A status string that this version of the library does not know counts as not final.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        if not self.state.is_confirmed_final:
            self._cell.request_job()
        else:
            self._cell.save_pending()
        return queries.status(self.state) or UNKNOWN

    def refresh(self) -> None:
        """Request the job and its metrics again. The result is never read.

        The handle may have more attributes afterwards. Source: ``GET /jobs/ID?exclude_params=true`` and
        ``GET /jobs/ID/metrics``.

        Raises:
            IBMJobApiError: If the service refused or could not be reached. The handle does not change then.
        """
        self._cell.request_all()

    def wait_for_final_state(
        self,
        timeout: float | None = None,
        wait: float | None = None,
        callback: Callable[..., object] | None = None,
    ) -> None:
        """Wait until the job has ended.

        The wait listens to the service's push stream if there is one. Else it polls, with pauses that grow with the
        time waited. Errors that may pass, such as a lost connection, do not end the wait.

        Args:
            timeout: Seconds to wait; ``None`` for as long as it takes.
            wait: Seconds between two polls, instead of the pauses of :attr:`wait_policy`.
            callback: Called as ``callback(job_id, status, job, queue_info=...)`` with the first status, and with each
                change of the status or of the place in the queue. ``queue_info`` is ``None`` if the service says
                nothing useful. Accept ``**kwargs``, because later versions may pass more arguments.

        Raises:
            IBMJobTimeoutError: If the job has not ended after ``timeout`` seconds.
            IBMJobInvalidStateError: If ``timeout`` or ``wait`` is no number of seconds.
            IBMJobApiError: If the service refused for good, or gave no good reply for a day.

        Example:
            >>> from ibm_circuit_job import IBMCircuitJob
            >>> from ibm_circuit_job.testing import ScriptedClient
            >>> replies = [b'{"id": "a", "state": {"status": "%s"}}' % status for status in (b"Queued", b"Completed")]
            >>> job = IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient(replies))
            >>> job.wait_for_final_state(callback=lambda job_id, status, job, queue_info: print(job_id, status.name))
            a QUEUED
            a DONE
        """
        limit = checked_timeout(timeout)
        parts.waiter.wait(self._cell, paced(self.wait_policy, wait), limit, self._reporting(callback))

    async def wait_for_final_state_async(
        self,
        timeout: float | None = None,
        wait: float | None = None,
        callback: Callable[..., object] | None = None,
    ) -> None:
        """Wait until the job has ended, without blocking the event loop; see :meth:`wait_for_final_state`.

        Example:
            >>> from ibm_circuit_job import IBMCircuitJob
            >>> import asyncio
            >>> from ibm_circuit_job.testing import ScriptedClient
            >>> client = ScriptedClient([b'{"id": "a", "state": {"status": "Completed"}}'])
            >>> job = IBMCircuitJob(None, None, "a", runtime_client=client)
            >>> asyncio.run(job.wait_for_final_state_async())
            >>> job.state.is_final
            True
        """
        limit = checked_timeout(timeout)
        await parts.waiter.wait_async(self._cell, paced(self.wait_policy, wait), limit, self._reporting(callback))

    def _reporting(self, callback: Callable[..., object] | None) -> Callable[[], None] | None:
        if callback is None:
            return None
        return partial(parts.status_callback.StatusCallback(callback).call_if_changed, self)

    def cancel(self) -> bool:
        """Request that the service cancels the job.

        The service may finish the job all the same; its later status says so. Source: ``POST /jobs/ID/cancel``.

        Returns:
            True if the service accepted, or the job was cancelled before; False if the service replies that it did
            not cancel the job.

        Raises:
            IBMJobInvalidStateError: If the job has ended, or its state allows no cancelling.
            IBMJobApiError: If the service refused for another reason, or could not be reached. It is an
                ``IBMJobError``.
        """
        if queries.status(self.state) is JobStatus.CANCELLED:
            return True
        if self.state.is_confirmed_final:
            raise IBMJobInvalidStateError(f"job {self.state.job_id} cannot be cancelled: it has ended")
        asked = effects.perform(effects.request_cancel(self._cell.client, self.state.job_id, clock=self._cell.clock))
        match asked:
            case Success(None):
                return False
            case Success(accepted):
                from ibm_circuit_job.state.transitions import mark_cancelled  # noqa: PLC0415 - loaded with a handle

                self._cell.observe(mark_cancelled(Job(self.state.job_id), accepted))
                return True
        failure = asked.failure()
        if not is_answer(failure, 409):
            raise to_exception(failure)
        if self.status() is JobStatus.CANCELLED:
            return True
        raise to_exception(failure, IBMJobInvalidStateError)

    def error_message(self) -> str | None:
        """Return why the job failed, or ``None``.

        Returns:
            The service's reason with its code and its advice; without a reason, the text of the result. ``None``
            unless the job failed, or was cancelled because it ran longer than allowed.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        if self.status() is not JobStatus.ERROR:
            return queries.error_message(self.state)
        return effects.value(self._reader.find_reason().map(queries.error_message))
