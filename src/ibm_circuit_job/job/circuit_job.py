"""IBMCircuitJob: the classic object, with the documented members and nothing else.

What is known of the job, and where it is kept, is ``job_cell``'s business; how its result is read, ``result_reader``'s;
how one waits, ``waiter``'s. What a reply means is decided in ``state``, and what goes over the network stands in
``effects``. A member checks what it is given, asks these, and raises the documented exception.
"""

from __future__ import annotations

import logging
import math
import os
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial as bound
from numbers import Real
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self, TypeAlias

from attrs import evolve
from qiskit.providers import JobV1
from qiskit.providers.jobstatus import JobStatus
from qiskit.result import Result as QiskitResult
from returns.io import IOFailure, IOResult, IOSuccess
from returns.result import Failure as Bad
from returns.result import Success

from ibm_circuit_job import effects, wire
from ibm_circuit_job import job as parts
from ibm_circuit_job.clients.foreign import NOT_CONNECTED, adapted
from ibm_circuit_job.devices.attribute_errors import or_missing, property_again
from ibm_circuit_job.errors import (
    Failure,
    IBMError,
    IBMJobApiError,
    IBMJobFailureError,
    IBMJobInvalidStateError,
    JobStoreError,
    Unsupported,
    is_answer,
    to_exception,
)
from ibm_circuit_job.state.facts import JobName, JobTags
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.queue_info import QueueInfo
from ibm_circuit_job.state.status import FINAL_RANK, UNKNOWN
from ibm_circuit_job.state.tag_limits import excess_of_tags
from ibm_circuit_job.threads.background import aside
from ibm_circuit_job.threads.following import warn_of_unknown_status
from ibm_circuit_job.wire import queries, results

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.primitives.containers import PrimitiveResult

    from ibm_circuit_job.devices.described_backend import DescribedBackend
    from ibm_circuit_job.devices.properties import BackendProperties
    from ibm_circuit_job.effects import Clock
    from ibm_circuit_job.job.cell import JobCell
    from ibm_circuit_job.job.result_reader import ResultReader
    from ibm_circuit_job.job.result_waiter import Wanted
    from ibm_circuit_job.state.waiting import GaveUp, TimedOut, WaitPolicy
    from ibm_circuit_job.store import RecordStore
    from ibm_circuit_job.wire.results.executor import ExecutorResult
    from ibm_circuit_job.wire.results.noise_learner import NoiseLearnerResult

_News: TypeAlias = tuple[JobStatus | None, int | None]
"""A status, and a place in the queue."""

MANAGED_TAGS: Final = ("ibmq_jobset_", "ibm_composite_job_")
"""How tags begin that belong to the program that manages a set of jobs."""
_logger: Final = logging.getLogger(__name__)
_NAMED_HERE: Final = "The service keeps no names: that of job %s is known to this handle alone."
_ASSIGNABLE: Final = frozenset({"wait_policy", "metadata"})
"""Public attributes that are plain ones: ours, and qiskit's."""


class IBMCircuitJob(JobV1):
    """A job on IBM Quantum.

    ``IBMBackend.run()`` and ``IBMProvider.retrieve_job()`` make one. Any member may be called from any thread.

    What is known of the job costs no request: neither what the constructor was told, nor what the service said
    before. Fields of the service's replies that no member has are attributes: ``job.cost``, and ``job.cost_`` for
    those that fear that a later version has a member of that name. Neither they nor the members can be assigned.

    A handle can be pickled. It keeps what it knows, and drops its store, its connection and the token; until it gets
    others from ``IBMProvider.attach()`` it answers what it knows, and raises ``IBMJobApiError`` where it would have to
    ask.

    Args:
        backend: The backend that runs the job.
        api_client: The client of the account's side of the service.
        job_id: The ID that the service gave to the job.
        creation_date: When the job was created, ISO 8601; UTC where it names no zone.
        status: The service's status string. A final one is never asked for again.
        runtime_client: The client to ask about the job; ``api_client`` by default. Anything with some of the
            methods of :class:`~ibm_circuit_job.clients.JobClient` will do, such as the ``RuntimeClient`` of
            ``qiskit-ibm-provider`` or of ``qiskit-ibm-runtime``.
        kind: The kind of the job, as the service calls it; the attribute ``kind``.
        name: The job's name.
        time_per_step: When each step of the job began: step -> ISO 8601; UTC where it names no zone.
        result: The job's result, as a dictionary, JSON text or bytes.
        error: Why the job failed: ``{"message": ..., "code": ...}``.
        session_id: The session that the job belongs to.
        tags: The job's tags.
        run_mode: How the job is scheduled.
        client_info: The versions of the client that submitted the job: package -> version, or the service's text,
            ``"0.1.0,0.21.2"`` or ``"0.45.1"``.
        store: Where the job is kept, so that it outlives the process; see :meth:`keep_in`.
        clock: The clock that stamps what is seen and paces the waits, for tests; the machine's by default. The limit of
            a single request is always real time.
        **kwargs: More that is known of the job, as attributes.

    Raises:
        IBMJobInvalidStateError: If one of these cannot be read; the message says what would be right.

    Example:
        >>> from ibm_circuit_job.testing import ScriptedClient
        >>> client = ScriptedClient([b'{"id": "a", "state": {"status": "Running"}, "cost": 10}'])
        >>> job = IBMCircuitJob(backend=None, api_client=None, job_id="a", runtime_client=client)
        >>> job.status().name, job.cost
        ('RUNNING', 10)
    """

    def __init__(
        self,
        backend: DescribedBackend | None,
        api_client: Any,
        job_id: str,
        creation_date: str | None = None,
        status: str | None = None,
        runtime_client: Any = None,
        kind: str | None = None,
        name: str | None = None,
        time_per_step: dict[str, Any] | None = None,
        result: dict[str, Any] | None = None,
        error: dict[str, Any] | None = None,
        session_id: str | None = None,
        tags: list[str] | None = None,
        run_mode: str | None = None,
        client_info: dict[str, str] | None = None,
        *,
        store: RecordStore | None = None,
        clock: Clock | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(backend, job_id, **kwargs)
        used = clock or effects.SYSTEM_CLOCK
        now = used.now()
        try:
            given = wire.given.given_job(
                job_id,
                now,
                creation_date=creation_date,
                status=status,
                kind=kind,
                name=name,
                time_per_step=time_per_step,
                result=result,
                error=error,
                session_id=session_id,
                tags=tags,
                run_mode=run_mode,
                client_info=client_info,
            )
            failed = None if error is None else wire.given.given_error(now, error)
        except (TypeError, ValueError) as wrong:
            raise IBMJobInvalidStateError(str(wrong)) from None
        self._set_up(parts.cell.JobCell(given, failed, given, used), kwargs)
        self.connect(backend=backend, api_client=api_client, runtime_client=runtime_client)
        if given.status is not None:
            warn_of_unknown_status(given.status)
        if store is not None:
            self.keep_in(store)

    def _set_up(self, cell: JobCell, attributes: Mapping[str, Any]) -> None:
        from ibm_circuit_job.state.waiting import WaitPolicy  # noqa: PLC0415 - loaded with the first handle

        self.wait_policy = WaitPolicy()
        """How waits for this job are paced; any other may be set."""
        self._cell = cell
        self._reader = parts.result_reader.ResultReader(cell)
        self._primitives = self._reader.in_form(results.decode_primitive)
        self._api_client: Any = None
        self._find_backend: Callable[[Job], DescribedBackend | None] | None = None
        self._calibration: tuple[datetime | None, BackendProperties | None] | None = None
        self._inputs_kept_back = False
        self._told_of_name = False
        # The last of all, since from then on it is asked of each new name whether the service has it.
        self._attributes = dict(attributes)

    @classmethod
    def from_state(
        cls,
        state: Job,
        *,
        backend: DescribedBackend | None = None,
        api_client: Any = None,
        runtime_client: Any = None,
        store: RecordStore | None = None,
        find_backend: Callable[[Job], DescribedBackend | None] | None = None,
        clock: Clock | None = None,
    ) -> Self:
        """Return a handle on a job of which a record is there, such as one that was kept as JSON.

        Args:
            state: What is known of the job.
            backend: The backend that runs it.
            api_client: The client of the account's side of the service.
            runtime_client: The client to ask about the job; ``api_client`` by default.
            store: Where the job is kept from now on; see :meth:`keep_in`.
            find_backend: Finds the backend when it is asked for, by what is known of the job then.
            clock: The clock that stamps what is seen and paces the waits; the machine's by default.

        Example:
            >>> from ibm_circuit_job import Job
            >>> from ibm_circuit_job.testing import ScriptedClient
            >>> IBMCircuitJob.from_state(Job("a"), runtime_client=ScriptedClient())
            <IBMCircuitJob('a', status unknown)>
        """
        job = cls(backend, api_client, state.job_id, runtime_client=runtime_client, clock=clock)
        job._find_backend = find_backend
        job.learn(state)
        if store is not None:
            job.keep_in(store)
        return job

    @classmethod
    def from_store(
        cls,
        store: RecordStore,
        record: Job,
        *,
        backend: DescribedBackend | None = None,
        api_client: Any = None,
        runtime_client: Any = None,
        find_backend: Callable[[Job], DescribedBackend | None] | None = None,
    ) -> Self:
        """Return a handle on a job that a store keeps. ``JobStore.jobs()`` makes them; nothing is read or written here.

        Args:
            store: The store.
            record: What it keeps of the job; the bodies of its inputs and result are read when they are asked for.
            backend: The backend that runs it.
            api_client: The client of the account's side of the service.
            runtime_client: The client to ask about the job; ``api_client`` by default.
            find_backend: Finds the backend when it is asked for, by what is known of the job then.
        """
        job = cls.from_state(record, backend=backend, api_client=api_client, runtime_client=runtime_client)
        job._cell.keeper, job._find_backend = parts.keeper.Keeper(store, record), find_backend  # noqa: SLF001 - a handle of our own
        return job

    @classmethod
    def from_runtime_job(cls, job: Any) -> Self:
        """Return a handle on the job of another one: ``RuntimeJobV2`` of ``qiskit-ibm-runtime``, or the like.

        It asks with the client of that job, so that a program that has a session with the official package can wait for
        the job, and keep its result, with ours. Nothing is asked of the service here.

        Args:
            job: The job of ``service.job(...)`` or ``sampler.run(...)``, or the ``IBMCircuitJob`` of
                ``qiskit-ibm-provider``.

        Raises:
            IBMJobInvalidStateError: If it is no such job.

        Example:
            A job that has the parts that are needed, as those of the official package do:

            >>> from types import SimpleNamespace
            >>> from ibm_circuit_job.testing import ScriptedClient
            >>> theirs = SimpleNamespace(job_id=lambda: "a", _api_client=ScriptedClient(), _tags=["x"])
            >>> IBMCircuitJob.from_runtime_job(theirs).tags()
            ['x']
        """
        client = getattr(job, "_runtime_client", None) or getattr(job, "_api_client", None)
        job_id = getattr(job, "job_id", None)
        if client is None or not callable(job_id):
            raise IBMJobInvalidStateError(
                f"expected a job of qiskit-ibm-runtime, with its connection, got a {type(job).__name__}"
            )
        created, tags = getattr(job, "_creation_date", None), getattr(job, "_tags", None)
        return cls(
            getattr(job, "_backend", None),
            client,
            job_id(),
            creation_date=created,
            runtime_client=client,
            session_id=getattr(job, "_session_id", None),
            # The job of qiskit-ibm-provider does not know the tags of its own submission, and says that it has none.
            tags=list(tags) if tags else None,
        )

    def connect(
        self, *, backend: DescribedBackend | None = None, api_client: Any = None, runtime_client: Any = None
    ) -> None:
        """Give the handle a connection: the clients that it uses from now on. ``IBMProvider.attach()`` does it.

        Args:
            backend: The backend that runs the job.
            api_client: The client of the account's side of the service.
            runtime_client: The client to ask about the job; ``api_client`` by default.

        Example:
            >>> from ibm_circuit_job import Job
            >>> from ibm_circuit_job.testing import ScriptedClient
            >>> job = IBMCircuitJob.from_state(Job("a"))
            >>> job.connect(runtime_client=ScriptedClient([b'{"id": "a", "state": {"status": "Queued"}}']))
            >>> job.status().name
            'QUEUED'
        """
        self._cell.backend = backend
        self._find_backend = None
        self._api_client = api_client
        self._cell.client = adapted(api_client if runtime_client is None else runtime_client)

    def keep_in(self, store: RecordStore) -> None:
        """Keep the job in a store from now on: learn what is kept of it there, and save what is known.

        All that is learned is saved then. What cannot be asked for again is on the disk before anything else is done:
        the submission, tags and names that were given, and a result, of which no byte is looked at before. That the
        store is in trouble is a warning in the log, for the job goes on without it, and a result that has arrived is
        returned all the same.

        Args:
            store: The store. Where the job was kept in another one, its inputs and its result are brought along.

        Raises:
            JobStoreError: If it is no store.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job import JobStore
            >>> with tempfile.TemporaryDirectory() as folder, JobStore(f"{folder}/jobs.sqlite") as store:
            ...     IBMCircuitJob(None, None, "a", tags=["bell"]).keep_in(store)
            ...     [job.tags() for job in store.jobs()]
            [['bell']]
        """
        self._cell.keep_in(checked_store(store))

    @property
    def store(self) -> RecordStore | None:
        """Where the job is kept; ``None`` without a store."""
        return None if self._cell.keeper is None else self._cell.keeper.store

    def __repr__(self) -> str:
        from ibm_circuit_job.views.text import job_words  # noqa: PLC0415 - loaded with the first handle

        return f"<IBMCircuitJob({self.state.job_id!r}, {job_words(parts.shown.view_in_short(self._cell))})>"

    def _repr_html_(self) -> str:
        """All that is in memory of the job, as a notebook shows it."""
        from ibm_circuit_job.views.html import job_html  # noqa: PLC0415 - loaded with the first HTML

        return job_html(parts.shown.view_of(self._cell, self._reader))

    # Attributes

    def __getattr__(self, name: str) -> Any:
        # Only asked for what is no member; also before there are any fields, such as by ``copy``.
        again = property_again(self, name)
        if again is not None:
            return again[0]
        if not name.startswith("__") and "_attributes" in self.__dict__:
            found = self._fields()
            for field in (name, name.removesuffix("_")):
                if field in found:
                    return found[field]
        raise AttributeError(f"an IBMCircuitJob has no member {name!r}, and the service sent no such field beyond them")

    def __setattr__(self, name: str, value: Any) -> None:
        own = name in _ASSIGNABLE or name in self.__dict__ or "_attributes" not in self.__dict__
        if not own:
            if hasattr(type(self), name):
                raise AttributeError(f"{name!r} is a member of IBMCircuitJob, and cannot be assigned")
            if not {name, name.removesuffix("_")}.isdisjoint(self._fields()):
                raise AttributeError(f"{name!r} is what the service says of the job, and cannot be assigned")
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._fields()})

    def _fields(self) -> dict[str, Any]:
        """What the service and the constructor's arguments said beyond what any member answers."""
        return self._attributes | queries.unknown_fields(self._cell.given) | queries.unknown_fields(self.state)

    # Keeping and copying

    def __getstate__(self) -> dict[str, Any]:
        # The store stays behind, so that what it holds for the handle goes along.
        return self._kept_state(self._cell.complete_state())

    def _kept_state(self, state: Job) -> dict[str, Any]:
        own = {name: value for name, value in self.__dict__.items() if not name.startswith("_")}
        return {
            "given": self._cell.given,
            "given_error": self._cell.given_error,
            "state": state,
            "attributes": self._attributes,
            "own": own,
        }

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self._job_id = kept["state"].job_id
        cell = parts.cell.JobCell(kept["given"], kept["given_error"], kept["state"], effects.SYSTEM_CLOCK)
        self._set_up(cell, kept["attributes"])
        self.__dict__.update(kept["own"])
        self.connect()

    def __copy__(self) -> Self:
        copied = type(self).__new__(type(self))
        copied.__setstate__(self._kept_state(self.state))
        copied.connect(backend=self._cell.backend, api_client=self._api_client, runtime_client=self.client)
        copied._cell.keeper, copied._cell.clock = self._cell.keeper, self._cell.clock  # noqa: SLF001 - of this class
        copied._find_backend = self._find_backend  # noqa: SLF001 - of this class
        return copied

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        # What it knows is immutable, and a connection cannot be copied.
        return self.__copy__()

    def backend(self) -> DescribedBackend:
        """Return the backend that runs the job.

        Raises:
            IBMJobApiError: If the handle has none, such as one that was unpickled.
        """
        found = self._found_backend()
        if found is None:
            raise to_exception(Unsupported(f"return the backend of job {self.state.job_id}", NOT_CONNECTED))
        backend: DescribedBackend = found
        return backend

    def _found_backend(self) -> Any:
        if self._cell.backend is None and self._find_backend is not None:
            self._cell.backend = self._find_backend(self.state)
        return self._cell.backend

    @property
    def _backend(self) -> Any:
        """Where qiskit's own methods look for the backend."""
        return self._cell.backend

    @_backend.setter
    def _backend(self, backend: Any) -> None:
        # qiskit sets it, before there is anything of ours.
        if "_cell" in self.__dict__:
            self._cell.backend = backend

    @property
    def client(self) -> Any:
        """The client that is asked about the job; ``None`` where the handle has no connection."""
        return self._cell.client.original

    def learn(self, seen: Job) -> None:
        """Merge a record of the same job into what is known, such as one that another process has kept.

        Of each field the newest holds, by the stamps of the two records.

        Args:
            seen: The record.

        Raises:
            ValueError: If it is of another job.

        Example:
            >>> from ibm_circuit_job import Job
            >>> job = IBMCircuitJob.from_state(Job("a"))
            >>> job.learn(Job("a"))
        """
        self._cell.learn(seen)

    def observe(self, seen: Job) -> None:
        """Learn what was seen of the job just now: it comes after all that is known, also where a clock was set back.

        Args:
            seen: What was seen, such as what a reader of ``wire`` made of a reply.

        Raises:
            ValueError: If it is of another job.

        Example:
            >>> from ibm_circuit_job import Job
            >>> job = IBMCircuitJob.from_state(Job("a"))
            >>> job.observe(Job("a"))
        """
        self._cell.observe(seen)

    @property
    def state(self) -> Job:
        """All that is known of the job, as the frozen record that the pure functions take.

        With a store, the body of the result is left there: ``job.store.load(job.job_id())`` has it, too.
        """
        return self._cell.state

    def submit(self) -> NoReturn:
        """Not supported.

        Raises:
            NotImplementedError: Always; ``IBMBackend.run()`` submits jobs.
        """
        raise NotImplementedError("a job cannot be submitted again; use IBMBackend.run() to submit one")

    # The status

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
        *,
        wait: float | None = None,
        callback: Callable[..., object] | None = None,
    ) -> None:
        """Wait until the job has ended.

        Where the service offers a push stream, the wait listens to it; else it polls, with pauses that grow with
        the time waited. Trouble that may pass does not end the wait.

        Args:
            timeout: Seconds to wait; ``None`` for as long as it takes.
            wait: Seconds between two polls, instead of the pauses of :attr:`wait_policy`.
            callback: Called as ``callback(job_id, status, job, queue_info=...)`` with each status that is seen, and
                with each change of the place in the queue; ``queue_info`` is ``None`` where nothing useful is known.

        Raises:
            IBMJobTimeoutError: If the job has not ended by then.
            IBMJobInvalidStateError: If ``timeout`` or ``wait`` is no number of seconds.
            IBMJobApiError: If the service refused for good, or was in trouble for a day without one good reply.

        Example:
            >>> from ibm_circuit_job.testing import ScriptedClient
            >>> replies = [b'{"id": "a", "state": {"status": "%s"}}' % status for status in (b"Queued", b"Completed")]
            >>> job = IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient(replies))
            >>> job.wait_for_final_state(callback=lambda job_id, status, job, queue_info: print(job_id, status.name))
            a QUEUED
            a DONE
        """
        limit = checked_timeout(timeout)
        parts.waiter.wait(self._cell, _paced(self.wait_policy, wait), limit, self._teller(callback))

    async def wait_for_final_state_async(
        self,
        timeout: float | None = None,
        *,
        wait: float | None = None,
        callback: Callable[..., object] | None = None,
    ) -> None:
        """Wait until the job has ended, while the event loop goes on; see :meth:`wait_for_final_state`.

        Example:
            >>> import asyncio
            >>> from ibm_circuit_job.testing import ScriptedClient
            >>> client = ScriptedClient([b'{"id": "a", "state": {"status": "Completed"}}'])
            >>> job = IBMCircuitJob(None, None, "a", runtime_client=client)
            >>> asyncio.run(job.wait_for_final_state_async())
            >>> job.state.is_final
            True
        """
        limit = checked_timeout(timeout)
        await parts.waiter.wait_async(self._cell, _paced(self.wait_policy, wait), limit, self._teller(callback))

    def _teller(self, callback: Callable[..., object] | None) -> Callable[[], None] | None:
        """What tells a callback the status and the place in the queue, where they are others than before."""
        if callback is None:
            return None
        told: list[_News] = []

        def tell() -> None:
            told[:] = [self._tell(callback, told[0] if told else None)]

        return tell

    def _tell(self, callback: Callable[..., object], told: _News | None) -> _News:
        """Tell a callback the status and the place in the queue, where they are others than it was told before."""
        news = (queries.status(self.state), queries.queue_position(self.state))
        if news[0] is not None and news != told:
            callback(self.state.job_id, news[0], self, queue_info=queries.queue_info(self.state, None))
        return news

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

    # The result

    def result(self, timeout: float | None = None, refresh: bool = False, *, partial: bool = False) -> QiskitResult:
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
        began = self._cell.clock.monotonic()
        kept = None if refresh else self._reader.known()
        if kept is not None:
            self._cell.catch_up(insisting=True)
            return kept
        self.wait_for_final_state(timeout)
        wanted, limit = self._wanted_result(self._reader, timeout, began, refresh=refresh, partial=partial)
        return parts.result_waiter.read(wanted, self.wait_policy, limit, began)

    async def result_async(
        self, timeout: float | None = None, refresh: bool = False, *, partial: bool = False
    ) -> QiskitResult:
        """Wait until the job has ended, and return its result, while the event loop goes on; see :meth:`result`.

        A body that is under way is read to its end, and the next call has it, also where the task is cancelled.

        Example:
            >>> import asyncio
            >>> from ibm_circuit_job.testing import ScriptedClient
            >>> body = b'{"backend_name": "b", "backend_version": "1", "job_id": "a", "success": true, "results": []}'
            >>> client = ScriptedClient([b'{"id": "a", "state": {"status": "Completed"}}'], results=[body])
            >>> asyncio.run(IBMCircuitJob(None, None, "a", runtime_client=client).result_async()).success
            True
        """
        began = self._cell.clock.monotonic()
        kept = None if refresh else self._reader.known()
        if kept is not None:
            await aside(lambda: self._cell.catch_up(insisting=True))
            return kept
        await self.wait_for_final_state_async(timeout)
        wanted, limit = self._wanted_result(self._reader, timeout, began, refresh=refresh, partial=partial)
        return await parts.result_waiter.read_async(wanted, self.wait_policy, limit, began)

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
            >>> from ibm_circuit_job.testing import ScriptedClient
            >>> body = b'{"results": [{"data": {"evs": 0.5, "stds": 0.1}, "metadata": {}}], "metadata": {}}'
            >>> client = ScriptedClient([b'{"id": "a", "state": {"status": "Completed"}}'], results=[body])
            >>> job = IBMCircuitJob(None, None, "a", runtime_client=client)
            >>> float(job.primitive_result()[0].data.evs)
            0.5
        """
        began = self._cell.clock.monotonic()
        kept = self._primitives.known()
        if kept is not None:
            self._cell.catch_up(insisting=True)
            return kept
        self.wait_for_final_state(timeout)
        wanted, limit = self._wanted_result(self._primitives, timeout, began)
        return parts.result_waiter.read(wanted, self.wait_policy, limit, began)

    async def primitive_result_async(
        self, timeout: float | None = None
    ) -> PrimitiveResult[Any] | ExecutorResult | NoiseLearnerResult:
        """Return the same as :meth:`primitive_result`, while the event loop goes on.

        Example:
            >>> import asyncio
            >>> from ibm_circuit_job.testing import ScriptedClient
            >>> body = b'{"results": [{"data": {"evs": 0.5, "stds": 0.1}, "metadata": {}}], "metadata": {}}'
            >>> client = ScriptedClient([b'{"id": "a", "state": {"status": "Completed"}}'], results=[body])
            >>> job = IBMCircuitJob(None, None, "a", runtime_client=client)
            >>> float(asyncio.run(job.primitive_result_async())[0].data.evs)
            0.5
        """
        began = self._cell.clock.monotonic()
        kept = self._primitives.known()
        if kept is not None:
            await aside(lambda: self._cell.catch_up(insisting=True))
            return kept
        await self.wait_for_final_state_async(timeout)
        wanted, limit = self._wanted_result(self._primitives, timeout, began)
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

    # What the job is

    def name(self) -> str | None:
        """Return the job's name, or ``None`` if it has none.

        Raises:
            IBMJobApiError: If nothing is known of the job yet, and the service refused or could not be reached.
        """
        return self._cell.answer(lambda job: job.name)

    def update_name(self, name: str) -> str:
        """Give the job another name.

        The services of today keep no names: then the name is kept in the store; where there is none, on this handle
        alone, which one warning in the log says.

        Args:
            name: The new name.

        Returns:
            The new name.

        Raises:
            IBMJobInvalidStateError: If ``name`` is no string.
            IBMJobApiError: If the service could have kept it, and refused or could not be reached.
        """
        if type(name) is not str or not name:
            raise IBMJobInvalidStateError(f"expected name to be a string that is not empty, got {name!r}")
        put = effects.put_name(self._api_client, self.state.job_id, name, clock=self._cell.clock)
        try:
            self._cell.observe_facts(JobName(effects.value(put.lash(self._named_here)), name))
        except ValueError as wrong:
            raise IBMJobInvalidStateError(f"name: {wrong}") from None
        return name

    def _named_here(self, failure: Failure) -> IOResult[datetime, Failure]:
        """When the job was named where the service has no names; else why it was not."""
        if not isinstance(failure, Unsupported) and failure.http_status not in {404, 405, 501}:
            return IOFailure(failure)
        if not self._told_of_name and self._cell.keeper is None:
            self._told_of_name = True
            _logger.warning(_NAMED_HERE, self.state.job_id)
        return IOSuccess(self._cell.clock.now())

    def tags(self) -> list[str]:
        """Return the job's tags.

        Raises:
            IBMJobApiError: If they are not known yet, and the service refused or could not be reached.
        """
        known = self._cell.answer(_tags)
        return [] if known is None else list(known)

    def update_tags(self, new_tags: list[str]) -> list[str]:
        """Replace the job's tags.

        Tags that begin with ``ibmq_jobset_`` or ``ibm_composite_job_`` belong to the program that manages a set of
        jobs, and are kept.

        Args:
            new_tags: The new tags.

        Returns:
            The tags that the service holds afterwards.

        Raises:
            IBMJobInvalidStateError: If ``new_tags`` is no list of strings; or, on IBM Quantum Platform, if there are
                more than 8 with those that are kept, or one is longer than 86 characters. No tags are sent then.
            IBMJobApiError: If the service refused or could not be reached.
        """
        given: Any = new_tags
        try:
            # Texts that cannot be sent are refused by the record, before anything is.
            JobTags(self._cell.clock.now(), given)
        except (TypeError, ValueError):
            given = None
        if not isinstance(given, list):
            raise IBMJobInvalidStateError(f"expected new_tags to be a list of strings, got {new_tags!r}")
        # Asked for now: one that was added elsewhere, and is not known here, must not be lost.
        self._cell.ask_if_possible()
        kept = [tag for tag in self.state.tags if tag.startswith(MANAGED_TAGS)]
        wanted = list(dict.fromkeys([*new_tags, *kept]))
        if self._cell.client.limits_tags and (excess := excess_of_tags(wanted)):
            also = f" with the {len(kept)} that are kept" if kept else ""
            raise IBMJobInvalidStateError(f"expected new_tags{also} to be {excess}")
        accepted = effects.value(effects.put_tags(self._cell.client, self.state.job_id, wanted, clock=self._cell.clock))
        self._cell.observe_facts(JobTags(accepted, wanted))
        self._cell.ask_if_possible()
        return list(self.state.tags)

    def creation_date(self) -> datetime:
        """Return when the job was created, as an aware time in the machine's zone.

        Raises:
            IBMJobApiError: If it is not known yet, and the service refused, could not be reached, or does not say.
        """
        created = self._cell.answer(bound(queries.creation_date, zone=None))
        if created is None:
            raise IBMJobApiError(f"the service does not say when job {self.state.job_id} was created")
        return created

    def time_per_step(self) -> dict[str, datetime] | None:
        """Return when each step of the job began: step -> aware time in the machine's zone.

        The steps have the service's names: ``created``, ``running``, ``finished`` today. Once the job has ended, they
        are not asked for again. Those that were given when the handle was made count until :meth:`refresh` learns
        more, or the job is known to have ended.

        Returns:
            The times, or ``None`` if the service says nothing yet.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        if not self._cell.metrics_are_final and (
            self._cell.measured or self.state.is_confirmed_final or not self._knows_steps()
        ):
            self._cell.measure()
        return self._cell.known(bound(queries.time_per_step, zone=None))

    def _knows_steps(self) -> bool:
        return self._cell.known(queries.time_per_step) is not None

    @property
    @or_missing
    def client_version(self) -> dict[str, str]:
        """The versions of the client that submitted the job: package -> version; empty where it is not known.

        Raises:
            IBMJobApiError: If nothing was measured yet, and the service refused or could not be reached.
        """
        if self._cell.known(_client_version) is None and not self._cell.measured:
            self._cell.measure()
        return self._cell.known(_client_version) or {}

    @property
    @or_missing
    def usage_estimation(self) -> dict[str, Any]:
        """``{"quantum_seconds": s}``: the seconds that the job is expected to occupy the quantum computer.

        ``None`` instead of a number where the service does not say.

        Raises:
            IBMJobApiError: If it is not known yet, and the service refused or could not be reached.
        """
        return {"quantum_seconds": self._cell.answer(lambda job: job.usage_estimate)}

    @property
    @or_missing
    def session_id(self) -> str | None:
        """The session that the job belongs to, or ``None``; asked for where it is not known.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        return self._cell.answer(lambda job: None if job.details is None else job.details.session_id)

    @property
    @or_missing
    def private(self) -> bool:
        """Whether the job's inputs are hidden and its result can be read only once; asked for where not known.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        return bool(self._cell.answer(lambda job: job.private))

    def scheduling_mode(self) -> str | None:
        """Return how the job is scheduled, or ``None`` if the service does not say; asked for where not known.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        return self._cell.answer(lambda job: job.run_mode)

    # Its inputs

    def circuits(self) -> list[QuantumCircuit]:
        """Return the job's circuits; empty where the service does not give them away, or they cannot be read.

        Those of ``executor`` jobs are the circuits of its items: of one that is randomized, the template.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        self._read_inputs()
        return queries.circuits(self.state)

    def header(self) -> dict[str, Any]:
        """Return the header that the user gave to the job; empty where there is none, or it cannot be read.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        self._read_inputs()
        return queries.header(self.state)

    def backend_options(self) -> dict[str, Any]:
        """Return the options with which the job runs; empty where they cannot be read.

        These are all parameters of the submission but the circuits and the header.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        self._read_inputs()
        return queries.backend_options(self.state)

    def _read_inputs(self) -> None:
        if self.state.inputs is not None or self._inputs_kept_back:
            return
        kept = None if self._cell.keeper is None else self._cell.keeper.inputs()
        if kept is not None:
            self._cell.learn_facts(kept)
            return
        inputs = effects.value(effects.fetch_inputs(self._cell.client, self.state.job_id, clock=self._cell.clock))
        if inputs is None:
            # Those of a private job are never given away.
            self._inputs_kept_back = True
        else:
            self._cell.observe_facts(inputs)

    # The queue, and what was measured

    def queue_info(self) -> QueueInfo | None:
        """Ask the service where in the queue the job is. A job that has ended is not asked for.

        Returns:
            What the service says; ``None`` where there is nothing useful.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        if self.state.is_confirmed_final:
            return None
        self._cell.measure()
        return queries.queue_info(self.state, None)

    def queue_position(self, refresh: bool = False) -> int | None:
        """Return the job's place in the queue of its backend, within its hub/group/project; 1 is next.

        Args:
            refresh: Ask the service for the latest place. Else what was learned before counts; it is asked for
                where nothing was.

        Returns:
            The place; ``None`` where it is not known, or the job is in no queue.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        if not self.state.is_confirmed_final and (refresh or not self._cell.measured):
            self._cell.measure()
        return queries.queue_position(self.state)

    def metrics(self) -> dict[str, Any]:
        """Return what the service measured, as its JSON has it: ``timestamps`` (ISO 8601, UTC), ``usage`` ...

        Once the job has ended, and the service knows what it is charged for, it is not asked for again.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        if not (self._cell.measured and self._cell.metrics_are_final) or queries.usage_is_pending(self.state):
            self._cell.measure()
        return queries.metrics(self.state)

    def usage(self, partial: bool = False) -> float:
        """Return the seconds of quantum time that the service charges for the job.

        The service works the figure out after the job has ended, and says ``"pending"`` until it has. A final figure
        that a job reply or a listing held is not asked for again.

        Args:
            partial: Return what is charged so far while it is pending; else that is 0.0.

        Returns:
            The seconds; 0.0 as long as the service does not say.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.

        Example:
            >>> from ibm_circuit_job.testing import ScriptedClient
            >>> charged = b'{"usage": {"qpu_charge_time_seconds": 5, "status": "complete"}}'
            >>> IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient(metrics=[charged])).usage()
            5.0
        """
        state = self.state
        is_known = self._cell.metrics_are_final and not queries.usage_is_pending(state)
        if not is_known and not queries.usage_is_complete(state):
            self._cell.measure()
        return queries.usage(self.state, partial=partial) or 0.0

    def logs(self) -> str:
        """Return the job's log; empty as long as there is none. The service has it when the job has ended.

        Raises:
            IBMJobApiError: If the service refused otherwise, or could not be reached.
        """
        return effects.value(effects.fetch_logs(self._cell.client, self.state.job_id).lash(_no_log))

    def properties(self, refresh: bool = False) -> BackendProperties | None:
        """Return how good the job's backend was when the job ran; as long as it did not run, when it was created.

        Args:
            refresh: Ask the service again. Else what was learned for that time counts.

        Returns:
            The properties, in SI units and with times in the machine's zone; ``None`` for simulators, and where the
            service has none.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
            IBMBackendApiError: If what it sent are no properties.
        """
        backend = self._cell.backend_name
        if backend is None:
            self._cell.ask()
            backend = self._cell.backend_name
        if backend is None or getattr(self._found_backend(), "simulator", None) is True:
            return None
        moment = self._ran_at()
        if not refresh and self._calibration is not None and self._calibration[0] == moment:
            return self._calibration[1]
        read = effects.perform(effects.fetch_properties(self._cell.client, backend, moment))
        match read:
            case Bad(failure) if isinstance(failure, Unsupported) or is_answer(failure, 404):
                return None
        reply = effects.value(IOResult.from_result(read))
        from ibm_circuit_job.devices.properties import BackendProperties  # noqa: PLC0415 - costly, and seldom asked for

        properties = None if reply is None else BackendProperties.from_dict(reply)
        self._calibration = (moment, properties)
        return properties

    def _ran_at(self) -> datetime | None:
        """When the job began to run, or else when it was created."""
        ran = self._cell.known(_running_since)
        if ran is None and not self._cell.metrics_are_final:
            self._cell.measure_if_possible()
            ran = self._cell.known(_running_since)
        return ran or self._cell.answer(_created)


def _no_log(failure: Failure) -> IOResult[str, Failure]:
    """The empty log of a job of which the service has none."""
    return IOSuccess("") if is_answer(failure, 404) else IOFailure(failure)


def _tags(job: Job) -> tuple[str, ...] | None:
    """The tags, or ``None`` where nothing was said of them."""
    return None if job.details is None else job.details.tags


def _running_since(job: Job) -> datetime | None:
    """When the job began to run, UTC. The service has spelt its steps in upper and in lower case."""
    steps = () if job.metrics is None else job.metrics.timestamps
    return next((moment for step, moment in steps if step.lower() == "running"), None)


def _created(job: Job) -> datetime | None:
    return job.created


def _client_version(job: Job) -> dict[str, str] | None:
    return queries.client_version(job) or None


_LONGEST_WAIT = 86_400.0
"""Seconds that a pause may last at most."""


def _paced(policy: WaitPolicy, wait: Any) -> WaitPolicy:
    if wait is None:
        return policy
    seconds = _seconds(wait)
    if seconds is None or not 0 < seconds <= _LONGEST_WAIT:
        expected = f"expected wait to be a number of seconds above 0 and at most {_LONGEST_WAIT:g}, or None"
        raise IBMJobInvalidStateError(f"{expected}, got {wait!r}")
    return evolve(policy, shortest_pause=seconds, longest_pause=seconds, spread=0.0)


def checked_timeout(timeout: Any) -> float | None:
    """Return a number of seconds; ``None`` for as long as it takes.

    Raises:
        IBMJobInvalidStateError: If it is neither.
    """
    if timeout is None:
        return None
    seconds = _seconds(timeout)
    if seconds is None:
        raise IBMJobInvalidStateError(f"expected timeout to be a number of seconds, or None, got {timeout!r}")
    return None if seconds > threading.TIMEOUT_MAX / 2 else max(seconds, 0.0)


def checked_store(store: Any) -> RecordStore:
    """Return a store.

    Raises:
        JobStoreError: If it is none, but for example where one is.
    """
    if isinstance(store, (str, os.PathLike)) or not callable(getattr(store, "save", None)):
        raise JobStoreError(
            f"expected store to be a JobStore, such as JobStore(...) opens, got a {type(store).__name__}"
        )
    opened: RecordStore = store
    return opened


def _seconds(given: Any) -> float | None:
    """Any real number as one; ``None`` where it is none."""
    if isinstance(given, bool) or not isinstance(given, Real):
        return None
    try:
        seconds = float(given)
    except OverflowError:
        return math.inf
    return None if math.isnan(seconds) else seconds
