"""The members of a handle that return its result."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from qiskit.providers.jobstatus import JobStatus
from qiskit.result import Result as QiskitResult
from returns.result import Failure as Bad

from ibm_circuit_job import effects
from ibm_circuit_job.errors import IBMError, IBMJobFailureError, IBMJobInvalidStateError
from ibm_circuit_job.job import parts
from ibm_circuit_job.job.arguments import checked_timeout
from ibm_circuit_job.job.status_members import StatusMembers
from ibm_circuit_job.threads.background import aside
from ibm_circuit_job.wire import queries

if TYPE_CHECKING:
    from qiskit.primitives.containers import PrimitiveResult

    from ibm_circuit_job.job.result_reader import ResultReader
    from ibm_circuit_job.job.result_waiter import Wanted
    from ibm_circuit_job.state.waiting import GaveUp, TimedOut
    from ibm_circuit_job.wire.results.executor import ExecutorResult
    from ibm_circuit_job.wire.results.noise_learner import NoiseLearnerResult


class ResultMembers(StatusMembers):
    """The result of a job, in both of its forms."""

    def result(
        self, timeout: float | None = None, refresh: bool = False, *, partial: bool = False, progress: bool = False
    ) -> QiskitResult:
        """Wait until the job has ended, and return its result.

        The result is read from the service once and kept: that of a private job can be read only once. Trouble on the
        way to it is waited out by :attr:`wait_policy`. Source: ``GET /jobs/ID/results``.

        Jobs of ``circuit-runner``, ``qasm3-runner`` and ``sampler`` have counts, or memory, and those of ``executor``
        whose items hold bits. A circuit whose data cannot be read does not cost the others: to ask for its counts
        raises a ``QiskitError``. To learn the names of the circuits may take a second request.

        Args:
            timeout: Seconds for all of it: until the job has ended, and its result has arrived and is decoded;
                ``None`` for as long as it takes. When the time is up, a body that is under way is read to its end in
                the background, and the next call has it.
            refresh: Read the result from the service again. What was kept stays until it has arrived.
            partial: Of a job that failed, return what there is of a result: its ``success`` is False, and to ask for
                the counts of a circuit that failed raises a ``QiskitError``.
            progress: Until the job has ended, show how it is, as :func:`~ibm_circuit_job.job_monitor` does. After
                Ctrl-C a line says how to come back to the job.

        Returns:
            The result.

        Raises:
            IBMJobInvalidStateError: If the job was cancelled; or if its result has no counts, such as that of an
                ``estimator``: then :meth:`primitive_result` returns it, without another request.
            IBMJobFailureError: If the job failed; the message holds the service's reason. With ``partial``, if it
                left nothing.
            IBMJobTimeoutError: If the job has not ended in time, or its result has not arrived.
            IBMJobApiError: If the service refused for good, was in trouble for longer than the policy's patience, or
                has no result a minute after the job was seen to have ended, such as where it was read elsewhere.
            JobStoreDamagedError: If the store has the result, and it is damaged, and the service has none.
        """
        found: QiskitResult = self._result_of(
            self._reader, timeout, refresh=refresh, partial=partial, progress=progress
        )
        return found

    def __await__(self) -> Generator[Any, None, QiskitResult]:
        """``await job`` is ``await job.result_async()``. A task that is cancelled ends its wait, and not the job.

        Example:
            >>> from ibm_circuit_job import IBMCircuitJob
            >>> import asyncio
            >>> from ibm_circuit_job.testing import ScriptedClient
            >>> body = b'{"backend_name": "b", "backend_version": "1", "job_id": "a", "success": true, "results": []}'
            >>> client = ScriptedClient([b'{"id": "a", "state": {"status": "Completed"}}'], results=[body])
            >>> async def waited(job):
            ...     return await job
            >>> asyncio.run(waited(IBMCircuitJob(None, None, "a", runtime_client=client))).success
            True
        """
        return self.result_async().__await__()

    def future(self) -> Future[QiskitResult]:
        """Return the future of :meth:`result`, for ``concurrent.futures.wait()`` and the like.

        The first call starts a thread that waits for the job; until it has failed, later calls return the same future.
        It counts as running, so its ``cancel()`` returns False; :meth:`cancel` cancels the job. The end of the program
        does not wait for it. For many jobs, :func:`~ibm_circuit_job.as_completed` takes fewer threads and requests.

        Returns:
            The future. Its ``exception()`` is what :meth:`result` raises.

        Example:
            >>> from ibm_circuit_job import IBMCircuitJob
            >>> from ibm_circuit_job.testing import ScriptedClient
            >>> body = b'{"backend_name": "b", "backend_version": "1", "job_id": "a", "success": true, "results": []}'
            >>> client = ScriptedClient([b'{"id": "a", "state": {"status": "Completed"}}'], results=[body])
            >>> job = IBMCircuitJob(None, None, "a", runtime_client=client)
            >>> job.future() is job.future(), job.future().result(timeout=60).success
            (True, True)
        """
        return self._future.get(self.result)

    async def result_async(
        self, timeout: float | None = None, refresh: bool = False, *, partial: bool = False
    ) -> QiskitResult:
        """Wait until the job has ended, and return its result, while the event loop goes on; see :meth:`result`.

        A body that is under way is read to its end, and the next call has it, also where the task is cancelled.

        Example:
            >>> from ibm_circuit_job import IBMCircuitJob
            >>> import asyncio
            >>> from ibm_circuit_job.testing import ScriptedClient
            >>> body = b'{"backend_name": "b", "backend_version": "1", "job_id": "a", "success": true, "results": []}'
            >>> client = ScriptedClient([b'{"id": "a", "state": {"status": "Completed"}}'], results=[body])
            >>> asyncio.run(IBMCircuitJob(None, None, "a", runtime_client=client).result_async()).success
            True
        """
        found: QiskitResult = await self._result_of_async(self._reader, timeout, refresh=refresh, partial=partial)
        return found

    def primitive_result(
        self, timeout: float | None = None
    ) -> PrimitiveResult[Any] | ExecutorResult | NoiseLearnerResult:
        """Wait until the job has ended, and return its result as the primitives' programs gave it.

        The result is read from the service once, for this method and :meth:`result` together.

        Args:
            timeout: As with :meth:`result`.

        Returns:
            A ``PrimitiveResult`` for ``sampler`` and ``estimator``, and for the ``executor`` jobs that the client-side
            ``Sampler`` and ``Estimator`` of qiskit-ibm-runtime made; an :class:`~ibm_circuit_job.ExecutorResult` for
            other ``executor`` jobs; a :class:`~ibm_circuit_job.NoiseLearnerResult` for noise learners. A pub that
            cannot be read does not cost the others: to ask for its data raises an ``IBMJobApiError``.

        Raises:
            IBMJobInvalidStateError: If the job was cancelled; or if its result is a qiskit ``Result``, which
                :meth:`result` returns, or of a program that this library does not know.
            IBMJobFailureError: If the job failed; the message holds the service's reason.
            IBMJobTimeoutError: If the job has not ended in time, or its result has not arrived.
            IBMJobApiError: As with :meth:`result`.
            JobStoreDamagedError: If the store has the result, and it is damaged, and the service has none.

        Example:
            >>> from ibm_circuit_job import IBMCircuitJob
            >>> from ibm_circuit_job.testing import ScriptedClient
            >>> body = b'{"results": [{"data": {"evs": 0.5, "stds": 0.1}, "metadata": {}}], "metadata": {}}'
            >>> client = ScriptedClient([b'{"id": "a", "state": {"status": "Completed"}}'], results=[body])
            >>> job = IBMCircuitJob(None, None, "a", runtime_client=client)
            >>> float(job.primitive_result()[0].data.evs)
            0.5
        """
        found: PrimitiveResult[Any] | ExecutorResult | NoiseLearnerResult = self._result_of(self._primitives, timeout)
        return found

    async def primitive_result_async(
        self, timeout: float | None = None
    ) -> PrimitiveResult[Any] | ExecutorResult | NoiseLearnerResult:
        """Return the same as :meth:`primitive_result`, while the event loop goes on.

        Example:
            >>> from ibm_circuit_job import IBMCircuitJob
            >>> import asyncio
            >>> from ibm_circuit_job.testing import ScriptedClient
            >>> body = b'{"results": [{"data": {"evs": 0.5, "stds": 0.1}, "metadata": {}}], "metadata": {}}'
            >>> client = ScriptedClient([b'{"id": "a", "state": {"status": "Completed"}}'], results=[body])
            >>> job = IBMCircuitJob(None, None, "a", runtime_client=client)
            >>> float(asyncio.run(job.primitive_result_async())[0].data.evs)
            0.5
        """
        found: PrimitiveResult[Any] | ExecutorResult | NoiseLearnerResult = await self._result_of_async(
            self._primitives, timeout
        )
        return found

    def _result_of(
        self,
        reader: ResultReader,
        timeout: float | None,
        *,
        refresh: bool = False,
        partial: bool = False,
        progress: bool = False,
    ) -> Any:
        """The result in the form of one reader, once the job has ended."""
        began = self._cell.clock.monotonic()
        kept = None if refresh else reader.known()
        if kept is not None:
            self._cell.catch_up(insisting=True)
            return kept
        if progress:
            with parts.progress.Progress([self._cell]) as shown:
                self.wait_for_final_state(timeout, callback=shown.heard)
        else:
            self.wait_for_final_state(timeout)
        wanted, limit = self._wanted_result(reader, timeout, began, refresh=refresh, partial=partial)
        return parts.result_waiter.read(wanted, self.wait_policy, limit, began)

    async def _result_of_async(
        self, reader: ResultReader, timeout: float | None, *, refresh: bool = False, partial: bool = False
    ) -> Any:
        """The same, while the event loop goes on."""
        began = self._cell.clock.monotonic()
        kept = None if refresh else reader.known()
        if kept is not None:
            await aside(lambda: self._cell.catch_up(insisting=True))
            return kept
        await self.wait_for_final_state_async(timeout)
        wanted, limit = self._wanted_result(reader, timeout, began, refresh=refresh, partial=partial)
        return await parts.result_waiter.read_async(wanted, self.wait_policy, limit, began)

    def _wanted_result(
        self,
        reader: ResultReader,
        timeout: float | None,
        began: float,
        *,
        refresh: bool = False,
        partial: bool = False,
    ) -> tuple[Wanted[Any], float | None]:
        """What is to be read now that the job has ended, and the seconds for all of the call, from *began* on."""
        limit = checked_timeout(timeout)
        ended_at, clock = self._cell.ended_at, self._cell.clock
        seconds_ago = 0.0 if ended_at is None else (clock.now() - ended_at).total_seconds()
        wanted = parts.result_waiter.Wanted(
            self.state.job_id,
            (reader, refresh, partial),
            reader.tries,
            lambda: self._try_result(reader, refresh=refresh, partial=partial),
            lambda step, seconds: self._without_result(reader, step, seconds, partial=partial),
            clock.monotonic() - seconds_ago,
            clock,
            to_its_end=self.store is not None,
        )
        if partial or queries.status(self.state) is not JobStatus.ERROR:
            return wanted, limit
        # What is missing of a failed job is the reason alone. The wait for the job does not count against it.
        from ibm_circuit_job.state.reading import COMES_WITHIN  # noqa: PLC0415 - loaded with the first handle

        longest = self._cell.clock.monotonic() - began + COMES_WITHIN
        return wanted, longest if limit is None else min(limit, longest)

    def _try_result(self, reader: ResultReader, *, refresh: bool, partial: bool) -> Any:
        from ibm_circuit_job.state.reading import Missed  # noqa: PLC0415 - loaded with the first handle

        # What has arrived before, and could not be written then, is looked for in the store.
        self._cell.catch_up(insisting=True)
        status = queries.status(self.state)
        if status is JobStatus.CANCELLED:
            why = queries.error_message(self.state)
            said = "" if why is None else f": {why}"
            raise IBMJobInvalidStateError(f"job {self.state.job_id} was cancelled, so it has no result{said}")
        if status is JobStatus.ERROR:
            left = reader.read_partial(again=refresh) if partial else None
            if left is not None:
                return left
            match effects.perform(reader.find_reason(prompt=True)):
                case Bad(failure):
                    return Missed(failure)
            raise self._failed()
        return reader.read(again=refresh)

    def _without_result(
        self, reader: ResultReader, step: TimedOut | GaveUp, seconds: float | None, *, partial: bool
    ) -> IBMError | None:
        """Say why there is no result, where there is anything to add to the trouble on the way to it."""
        from ibm_circuit_job.state.waiting import GaveUp  # noqa: PLC0415 - loaded with the first handle

        if queries.status(self.state) is JobStatus.ERROR and not partial:
            return self._failed()
        return reader.error(step.trouble, seconds) if isinstance(step, GaveUp) else None

    def _failed(self) -> IBMJobFailureError:
        return IBMJobFailureError(f"job {self.state.job_id} failed: {queries.error_message(self._cell.failed)}")
