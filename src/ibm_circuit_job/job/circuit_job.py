"""IBMCircuitJob: the classic object, with the documented members and nothing else.

``cell`` has the record, the client and the store of the job, ``result_reader`` reads the result, and ``waiter`` waits.
``state`` decides what a reply means, and ``effects`` sends the requests. A member checks its arguments, calls these
modules, and raises the documented exception.
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

    ``IBMBackend.run()`` and ``IBMProvider.retrieve_job()`` return one. All members are safe to call from any thread.

    Constructor arguments and earlier replies are trusted, and save requests. Fields of the service's replies without
    a member of their own are attributes, such as ``job.cost``. ``job.cost_`` is the same field, and stays so if a
    later version adds a member ``cost``. Neither fields nor members can be assigned.

    A handle can be pickled. The pickle has the record of the job, but no store, no connection and no token. An
    unpickled handle answers from its record; a member that needs a request raises ``IBMJobApiError``.
    ``IBMProvider.attach()`` connects it again.

    Args:
        backend: The backend that runs the job.
        api_client: The client of the account's API.
        job_id: The job's ID on the service.
        creation_date: When the job was created, as ISO 8601 text; UTC if it names no zone.
        status: The service's status string. A final status is never requested again.
        runtime_client: The client for requests about the job; ``api_client`` by default. It needs some of the
            methods of :class:`~ibm_circuit_job.clients.JobClient`: the ``RuntimeClient`` of ``qiskit-ibm-provider``
            and that of ``qiskit-ibm-runtime`` have them.
        kind: The kind of the job, as the service calls it; the attribute ``kind``.
        name: The job's name.
        time_per_step: When each step of the job began: step -> ISO 8601 text; UTC if it names no zone.
        result: The job's result, as a dictionary, JSON text or bytes.
        error: Why the job failed: ``{"message": ..., "code": ...}``.
        session_id: The ID of the session that the job belongs to.
        tags: The job's tags.
        run_mode: How the job is scheduled.
        client_info: The versions of the client that submitted the job: package -> version, or the service's text,
            ``"0.1.0,0.21.2"`` or ``"0.45.1"``.
        store: The store that the job is saved in, so that it outlives the process; see :meth:`keep_in`.
        clock: The clock that stamps replies and paces waits; the machine's by default. Tests pass another one. The
            limit of a single request is always real time.
        **kwargs: Further attributes of the job, by name.

    Raises:
        IBMJobInvalidStateError: If an argument cannot be read; the message says what would be right.

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
        """Return a handle on the job of a record. No request is sent.

        Args:
            state: The record of the job.
            backend: The backend that runs it.
            api_client: The client of the account's API.
            runtime_client: The client for requests about the job; ``api_client`` by default.
            store: The store that the job is saved in from now on; see :meth:`keep_in`.
            find_backend: Returns the backend for the record of the job; called when the backend is first needed.
            clock: The clock that stamps replies and paces waits; the machine's by default.

        Raises:
            JobStoreError: If ``store`` is no store.

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
        """Return a handle on a job that is saved in a store. Nothing is read or written.

        ``JobStore.jobs()`` returns such handles.

        Args:
            store: The store.
            record: The job's record in the store. The inputs and the result are loaded when they are first needed.
            backend: The backend that runs it.
            api_client: The client of the account's API.
            runtime_client: The client for requests about the job; ``api_client`` by default.
            find_backend: Returns the backend for the record of the job; called when the backend is first needed.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job import Job, JobStore
            >>> with tempfile.TemporaryDirectory() as folder, JobStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x"))
            ...     IBMCircuitJob.from_store(store, store.record("cq1x"))
            <IBMCircuitJob('cq1x', status unknown)>
        """
        job = cls.from_state(
            record, backend=backend, api_client=api_client, runtime_client=runtime_client, find_backend=find_backend
        )
        job._cell.saved_job = parts.saved_job.SavedJob(store, record)  # noqa: SLF001 - a handle of our own
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
        """Return handles on the jobs of a listing.

        A handle is set up when a member other than ``job_id()`` is first used. To make it takes a tenth of the time of
        any other handle. Its record is the one of the listing.

        Args:
            listed: The records of the jobs; for the listing of a store, what ``store.unread_records()`` returned.
            store: The store of the listing, if it is one of a store. Nothing is read or written.
            api_client: The client of the account's API.
            runtime_client: The client for requests about the jobs; ``api_client`` by default.
            find_backend: Returns the backend for the record of a job; called when the backend is first needed.

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
            job = cls.from_state(
                record, api_client=api_client, runtime_client=runtime_client, find_backend=find_backend
            )
            if store is not None:
                job._cell.saved_job = parts.saved_job.SavedJob(store, record, opened=opened)  # noqa: SLF001 - a handle of our own
            return job

        return [cls._to_set_up(found.job_id, made, found) for found in listed]

    @classmethod
    def from_runtime_job(cls, job: Any) -> Self:
        """Return a handle on the same job as an object of another client, such as ``RuntimeJobV2``.

        The handle sends its requests with the client of that object. So a program can submit jobs with
        ``qiskit-ibm-runtime``, and wait for them and save their results with this library. No request is sent here.

        Args:
            job: The job of ``service.job(...)`` or ``sampler.run(...)``, or the ``IBMCircuitJob`` of
                ``qiskit-ibm-provider``.

        Raises:
            IBMJobInvalidStateError: If ``job`` is no such object.

        Example:
            An object with the attributes that jobs of the official package have:

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
            # A job that qiskit-ibm-provider has submitted says that it has no tags, whatever it was submitted with.
            tags=list(tags) if tags else None,
        )

    def __repr__(self) -> str:
        from ibm_circuit_job.views.text import job_words  # noqa: PLC0415 - loaded with the first handle

        return f"<IBMCircuitJob({self.state.job_id!r}, {job_words(parts.shown.view_in_short(self._cell))})>"

    def _repr_html_(self) -> str:
        """Return the HTML that a notebook shows: all of the job that is in memory. No request is sent."""
        from ibm_circuit_job.views.html import job_html  # noqa: PLC0415 - loaded with the first HTML

        return job_html(parts.shown.view_of(self._cell, self._reader))

    def submit(self) -> NoReturn:
        """Raise ``NotImplementedError``: ``IBMBackend.run()`` submits jobs.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("a job cannot be submitted again; use IBMBackend.run() to submit one")
