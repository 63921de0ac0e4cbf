"""The members of a handle that ask for the status, wait for the end, and cancel."""

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
    """The status of a job: asking for it, waiting for the end, cancelling."""

    def status(self) -> JobStatus:
        """Ask the service for the job's status, once and without the circuits. A final one is not asked for again.

        Returns:
            The status. One that this version of the library does not know counts as not final.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        if not self.state.is_confirmed_final:
            self._cell.ask()
        else:
            self._cell.catch_up()
        return queries.status(self.state) or UNKNOWN

    def refresh(self) -> None:
        """Ask the service for all that it says of the job. This never consumes a result.

        More attributes may be there afterwards.

        Raises:
            IBMJobApiError: If the service refused or could not be reached; nothing is changed then.
        """
        self._cell.ask_for_all()

    def wait_for_final_state(
        self,
        timeout: float | None = None,
        wait: float | None = None,
        callback: Callable[..., object] | None = None,
    ) -> None:
        """Wait until the job has ended.

        Where the service offers a push stream, the wait listens to it; else it polls, with pauses that grow with
        the time waited. Trouble that may pass does not end the wait.

        Args:
            timeout: Seconds to wait; ``None`` for as long as it takes.
            wait: Seconds between two polls, instead of the pauses of :attr:`wait_policy`.
            callback: Called as ``callback(job_id, status, job, queue_info=...)`` with each status that is seen, the
                first at once, and with each change of the place in the queue; ``queue_info`` is ``None`` where nothing
                useful is known. Take ``**kwargs``, as later versions may pass more.

        Raises:
            IBMJobTimeoutError: If the job has not ended by then.
            IBMJobInvalidStateError: If ``timeout`` or ``wait`` is no number of seconds.
            IBMJobApiError: If the service refused for good, or was in trouble for a day without one good reply.

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
        parts.waiter.wait(self._cell, paced(self.wait_policy, wait), limit, self._teller(callback))

    async def wait_for_final_state_async(
        self,
        timeout: float | None = None,
        wait: float | None = None,
        callback: Callable[..., object] | None = None,
    ) -> None:
        """Wait until the job has ended, while the event loop goes on; see :meth:`wait_for_final_state`.

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
        await parts.waiter.wait_async(self._cell, paced(self.wait_policy, wait), limit, self._teller(callback))

    def _teller(self, callback: Callable[..., object] | None) -> Callable[[], None] | None:
        return None if callback is None else partial(parts.telling.Teller(callback).tell, self)

    def cancel(self) -> bool:
        """Ask the service to cancel the job.

        Returns:
            True if the service accepted, or the job was cancelled before; False if it answers that it did not.
            A job that the service finishes all the same ends as the service says.

        Raises:
            IBMJobInvalidStateError: If the job is in a state that cannot be cancelled.
            IBMJobApiError: If the service refused otherwise, or could not be reached; it is an ``IBMJobError``.
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
        """Return why the job failed.

        Returns:
            The service's reason with its code and its advice, else what the results text says; ``None`` unless the job
            failed, or was cancelled because it ran longer than allowed.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        if self.status() is not JobStatus.ERROR:
            return queries.error_message(self.state)
        return effects.value(self._reader.find_reason().map(queries.error_message))
