"""IBMCircuitJob: the classic object, with the documented members and nothing else.

What is known of the job, and where it is kept, is ``cell``'s business; how its result is read, ``result_reader``'s;
how one waits, ``waiter``'s. What a reply means is decided in ``state``, and what goes over the network stands in
``effects``. A member checks what it is given, asks these, and raises the documented exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn, Self

from ibm_circuit_job import threads, wire
from ibm_circuit_job.errors import IBMJobInvalidStateError
from ibm_circuit_job.job import parts
from ibm_circuit_job.job.arguments import checked_clock
from ibm_circuit_job.job.description_members import DescriptionMembers
from ibm_circuit_job.job.measured_members import MeasuredMembers
from ibm_circuit_job.job.result_members import ResultMembers
from ibm_circuit_job.state.job import Job

if TYPE_CHECKING:
    from ibm_circuit_job.devices.described_backend import DescribedBackend
    from ibm_circuit_job.effects import Clock
    from ibm_circuit_job.store import RecordStore
    from ibm_circuit_job.store.records import UnreadRecord


class IBMCircuitJob(ResultMembers, DescriptionMembers, MeasuredMembers):
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
        used = checked_clock(clock)
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
            threads.following.warn_of_unknown_status(given.status)
        if store is not None:
            self.keep_in(store)

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
    def from_listing(
        cls,
        listed: Iterable[Job | UnreadRecord],
        *,
        store: RecordStore | None = None,
        api_client: Any = None,
        runtime_client: Any = None,
        find_backend: Callable[[Job], DescribedBackend | None] | None = None,
    ) -> list[Self]:
        """Return handles on the jobs of a listing. Each is set up when it is first asked for more than its job's ID.

        Until then it costs a tenth of any other handle. What it knows is what was known when the listing was made.

        Args:
            listed: What is known of each job: its record; or, of a store, what ``store.unread_records()`` returned.
            store: The store that has the jobs, if it is the listing of one. Nothing is read from it or written here.
            api_client: The client of the account's side of the service.
            runtime_client: The client to ask about the jobs; ``api_client`` by default.
            find_backend: Finds the backend of a job when it is asked for, by what is known of the job then.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job import Job, JobStore
            >>> with tempfile.TemporaryDirectory() as folder, JobStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x"))
            ...     IBMCircuitJob.from_listing(store.unread_records(), store=store)
            [<IBMCircuitJob('cq1x', status unknown)>]
        """

        def made(found: Job | UnreadRecord) -> IBMCircuitJob:
            record, opened = (found, None) if isinstance(found, Job) else (found.read(), found.opened)
            job = cls.from_state(record, api_client=api_client, runtime_client=runtime_client)
            job._find_backend = find_backend  # noqa: SLF001 - a handle of our own
            if store is not None:
                job._cell.keeper = parts.keeper.Keeper(store, record, opened=opened)  # noqa: SLF001
            return job

        return [cls._to_set_up(found.job_id, made, found) for found in listed]

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

    def __repr__(self) -> str:
        from ibm_circuit_job.views.text import job_words  # noqa: PLC0415 - loaded with the first handle

        return f"<IBMCircuitJob({self.state.job_id!r}, {job_words(parts.shown.view_in_short(self._cell))})>"

    def _repr_html_(self) -> str:
        """All that is in memory of the job, as a notebook shows it."""
        from ibm_circuit_job.views.html import job_html  # noqa: PLC0415 - loaded with the first HTML

        return job_html(parts.shown.view_of(self._cell, self._reader))

    def submit(self) -> NoReturn:
        """Not supported.

        Raises:
            NotImplementedError: Always; ``IBMBackend.run()`` submits jobs.
        """
        raise NotImplementedError("a job cannot be submitted again; use IBMBackend.run() to submit one")
