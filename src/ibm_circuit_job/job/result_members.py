"""The members of a handle that wait for the job's result and return it."""

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

        The result is read from the service once, and is in memory or in the store from then on. The result of a
        private job can be read only once. Errors that may pass are retried by :attr:`wait_policy`. Source:
        ``GET /jobs/ID/results``.

        The programs ``circuit-runner``, ``qasm3-runner`` and ``sampler`` return counts or memory, and ``executor``
        does if its items return bits. If the data of one circuit cannot be read, the other circuits have theirs, and
        ``get_counts()`` for this circuit raises a ``QiskitError``. The names of the circuits may need a second request.

        Args:
            timeout: Seconds for the whole call: the job has to end, and its result to arrive and be decoded. ``None``
                for as long as it takes. After a timeout, a reply that has begun is read to its end in the background,
                and the next call returns it.
            refresh: Whether to read the result from the service again. The earlier one stays until the new one has
                arrived.
            partial: Whether to return what a failed job left of a result. Its ``success`` is False, and
                ``get_counts()`` for a circuit that failed raises a ``QiskitError``.
            progress: Whether to show the progress of the job, as :func:`~ibm_circuit_job.job_monitor` does. After
                Ctrl-C a line says how to come back to the job.

        Returns:
            The result.

        Raises:
            IBMJobInvalidStateError: If the job was cancelled. Also if its result has no counts, such as that of an
                ``estimator``: :meth:`primitive_result` returns it, without another request.
            IBMJobFailureError: If the job failed; the message contains the service's reason. With ``partial``, only if
                it left nothing.
            IBMJobTimeoutError: If the job has not ended in time, or its result has not arrived.
            IBMJobApiError: If the service refused for good, or failed for longer than the policy's patience. Also if
                it has no result a minute after the job has ended, for example because another program has read it.
            JobStoreDamagedError: If the result in the store is damaged, and the service has none.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> from qiskit import QuantumCircuit
            >>> circuit = QuantumCircuit(1)
            >>> circuit.measure_all()
            >>> with IBMProvider.local(store=None) as provider:
            ...     provider.get_backend("local_simulator").run(circuit, shots=10).result().get_counts()
            {'0': 10}
        """
        found: QiskitResult = self._result_of(
            self._reader, timeout, refresh=refresh, partial=partial, progress=progress
        )
        return found

    def __await__(self) -> Generator[Any, None, QiskitResult]:
        """Return the same as :meth:`result_async`, for ``await job``.

        Cancelling the task ends the wait, not the job.

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
        """Return a future of the result, for ``concurrent.futures.wait()`` and similar functions.

        The first call starts a daemon thread that calls :meth:`result`. Later calls return the same future, unless it
        has failed. The future counts as running, so its ``cancel()`` returns False; :meth:`cancel` cancels the job.
        For many jobs, :func:`~ibm_circuit_job.as_completed` needs fewer threads and requests.

        Returns:
            The future. Its ``exception()`` is the exception that :meth:`result` raises.

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
        """Wait until the job has ended, and return its result, without blocking the event loop; see :meth:`result`.

        A reply that has begun is read to its end even if the task is cancelled, and the next call returns it.

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
        """Wait until the job has ended, and return its result in the form of its primitive.

        The result is read from the service once, for this method and :meth:`result` together.

        Args:
            timeout: Seconds, as for :meth:`result`.

        Returns:
            A ``PrimitiveResult`` for ``sampler`` and ``estimator``, and for ``executor`` jobs of the client-side
            ``Sampler`` and ``Estimator`` of qiskit-ibm-runtime. An :class:`~ibm_circuit_job.ExecutorResult` for
            other ``executor`` jobs. A :class:`~ibm_circuit_job.NoiseLearnerResult` for noise learners. If one pub
            cannot be read, the other pubs have their data, and ``data`` of this pub raises an ``IBMJobApiError``.

        Raises:
            IBMJobInvalidStateError: If the job was cancelled. Also if its result is a qiskit ``Result``, which
                :meth:`result` returns, or if this library does not know the job's program.
            IBMJobFailureError: If the job failed; the message contains the service's reason.
            IBMJobTimeoutError: If the job has not ended in time, or its result has not arrived.
            IBMJobApiError: As for :meth:`result`.
            JobStoreDamagedError: If the result in the store is damaged, and the service has none.

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
        """Return the same as :meth:`primitive_result`, without blocking the event loop.

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
        """Wait until the job has ended, and return its result in the form that *reader* decodes."""
        began = self._cell.clock.monotonic()
        known = None if refresh else reader.known()
        if known is not None:
            self._cell.save_pending(ignore_back_off=True)
            return known
        if progress:
            with parts.progress.Progress([self._cell]) as shown:
                self.wait_for_final_state(timeout, callback=shown.on_change)
        else:
            self.wait_for_final_state(timeout)
        wanted, limit = self._wanted_result(reader, timeout, began, refresh=refresh, partial=partial)
        return parts.result_waiter.read(wanted, self.wait_policy, limit, began)

    async def _result_of_async(
        self, reader: ResultReader, timeout: float | None, *, refresh: bool = False, partial: bool = False
    ) -> Any:
        """Return the same as :meth:`_result_of`, without blocking the event loop."""
        began = self._cell.clock.monotonic()
        known = None if refresh else reader.known()
        if known is not None:
            await aside(lambda: self._cell.save_pending(ignore_back_off=True))
            return known
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
        """Return what to read now that the job has ended, and the seconds that the whole call may take."""
        limit = checked_timeout(timeout)
        ended_at, clock = self._cell.ended_at, self._cell.clock
        seconds_ago = 0.0 if ended_at is None else (clock.now() - ended_at).total_seconds()
        wanted = parts.result_waiter.Wanted(
            self.state.job_id,
            (reader, refresh, partial),
            reader.tries,
            lambda: self._try_result(reader, refresh=refresh, partial=partial),
            lambda step, seconds: self._error_without_result(reader, step, seconds, partial=partial),
            clock.monotonic() - seconds_ago,
            clock,
            to_its_end=self.store is not None,
        )
        if partial or queries.status(self.state) is not JobStatus.ERROR:
            return wanted, limit
        # Of a failed job only the reason is missing. It gets COMES_WITHIN seconds after the wait for the job.
        from ibm_circuit_job.state.reading import COMES_WITHIN  # noqa: PLC0415 - loaded with the first handle

        longest = self._cell.clock.monotonic() - began + COMES_WITHIN
        return wanted, longest if limit is None else min(limit, longest)

    def _try_result(self, reader: ResultReader, *, refresh: bool, partial: bool) -> Any:
        from ibm_circuit_job.state.reading import Missed  # noqa: PLC0415 - loaded with the first handle

        # A result that arrived earlier and could not be saved then is saved first.
        self._cell.save_pending(ignore_back_off=True)
        status = queries.status(self.state)
        if status is JobStatus.CANCELLED:
            why = queries.error_message(self.state)
            reason = "" if why is None else f": {why}"
            raise IBMJobInvalidStateError(f"job {self.state.job_id} was cancelled, so it has no result{reason}")
        if status is JobStatus.ERROR:
            left = reader.read_partial(again=refresh) if partial else None
            if left is not None:
                return left
            match effects.perform(reader.find_reason(prompt=True)):
                case Bad(failure):
                    return Missed(failure)
            raise self._failed()
        return reader.read(again=refresh)

    def _error_without_result(
        self, reader: ResultReader, step: TimedOut | GaveUp, seconds: float | None, *, partial: bool
    ) -> IBMError | None:
        """Return the error that says why there is no result; ``None`` if the last failure says it."""
        from ibm_circuit_job.state.waiting import GaveUp  # noqa: PLC0415 - loaded with the first handle

        if queries.status(self.state) is JobStatus.ERROR and not partial:
            return self._failed()
        return reader.error(step.trouble, seconds) if isinstance(step, GaveUp) else None

    def _failed(self) -> IBMJobFailureError:
        return IBMJobFailureError(f"job {self.state.job_id} failed: {queries.error_message(self._cell.failed)}")
