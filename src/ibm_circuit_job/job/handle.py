"""Handle: the base class of ``IBMCircuitJob``, with its record, its connection, copies and pickles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from qiskit.result import Result as QiskitResult

from ibm_circuit_job import effects
from ibm_circuit_job.clients.foreign import NOT_CONNECTED
from ibm_circuit_job.devices.attribute_errors import property_again
from ibm_circuit_job.errors import Unsupported, to_exception
from ibm_circuit_job.job import parts
from ibm_circuit_job.job.arguments import checked_store
from ibm_circuit_job.job.ibm_job import IBMJob
from ibm_circuit_job.job.reconnection import ProviderFactory, checked_factory, provider_of
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.wire import queries, results

if TYPE_CHECKING:
    from ibm_circuit_job.devices.described_backend import DescribedBackend
    from ibm_circuit_job.devices.properties import BackendProperties
    from ibm_circuit_job.job.cell import JobCell
    from ibm_circuit_job.store import RecordStore


_T = TypeVar("_T")
_ASSIGNABLE: Final = frozenset({"wait_policy", "metadata"})
"""The public attributes that a program may assign: ours, and qiskit's."""


class Handle(IBMJob):
    """The record of a job, its client and its store, which all members of ``IBMCircuitJob`` use."""

    if TYPE_CHECKING:
        # The published fields of replies without a member of their own.
        kind: str
        cost: int
        runtime: str
        user_id: str
        remote_storage: dict[str, Any]
        calibration_id: str
        hub: str
        group: str
        project: str

    def _set_up(self, cell: JobCell, attributes: Mapping[str, Any]) -> None:
        from ibm_circuit_job.state.waiting import WaitPolicy  # noqa: PLC0415 - loaded with the first handle

        self.wait_policy = WaitPolicy()
        """The pauses of waits for this job; it can be assigned."""
        self._cell = cell
        self._reader = parts.result_reader.ResultReader(cell)
        self._primitives = self._reader.in_form(results.decode_primitive)
        self._future = parts.shared_future.SharedFuture[QiskitResult]()
        self._api_client: Any = None
        self._provider_factory: ProviderFactory | None = None
        self._find_backend: Callable[[Job], DescribedBackend | None] | None = None
        self._calibration: tuple[datetime | None, BackendProperties | None] | None = None
        self._are_inputs_refused = False
        self._has_warned_of_name = False
        # Last, because from here on __setattr__ compares each new name with the fields of the service's replies.
        self._attributes = dict(attributes)

    @classmethod
    def _to_set_up(cls, job_id: str, make: Callable[[_T], Handle], of: _T) -> Self:
        """Return a handle with its job's ID alone; ``make(of)`` sets it up when another attribute is first used."""
        job = cls.__new__(cls)
        own = job.__dict__
        own["_job_id"], own["_of"], own["_make"] = job_id, of, make
        return job

    def _set_up_now(self) -> None:
        """Set up a handle of :meth:`_to_set_up`; safe to call from several threads at once."""
        own = self.__dict__
        if "_make" not in own:
            return
        of, make = own.get("_of"), own.get("_make")
        # Another thread may have set it up meanwhile.
        if make is None:
            return
        # No lock is needed: each setdefault is atomic and replaces nothing, so all threads use the first one's objects.
        made = own.setdefault("_made", make(of).__dict__)
        for name, value in made.items():
            own.setdefault(name, value)
        for name in ("_make", "_of", "_made"):
            own.pop(name, None)

    def connect(
        self, *, backend: DescribedBackend | None = None, api_client: Any = None, runtime_client: Any = None
    ) -> None:
        """Set the clients that the handle uses from now on. ``IBMProvider.attach()`` calls it.

        Args:
            backend: The backend that runs the job.
            api_client: The client of the account's API.
            runtime_client: The client for requests about the job; ``api_client`` by default.

        Example:
            >>> from ibm_circuit_job import IBMCircuitJob, Job
            >>> from ibm_circuit_job.testing import ScriptedClient
            >>> job = IBMCircuitJob.from_state(Job("a"))
            >>> job.connect(runtime_client=ScriptedClient([b'{"id": "a", "state": {"status": "Queued"}}']))
            >>> job.status().name
            'QUEUED'
        """
        self._cell.backend = backend
        self._find_backend = None
        self._api_client = api_client
        self._cell.connect(api_client, runtime_client)

    def reconnect_with(self, provider_factory: ProviderFactory) -> Self:
        """Set a function that gives unpickled copies of the handle a connection, such as in another process.

        The pickle has this function, and no token. An unpickled handle calls it before its first request, and attaches
        itself to the provider that it returns. It is called once in a process, for all handles with an equal function.
        An ``async`` member calls it in the event loop.

        Args:
            provider_factory: Returns an ``IBMProvider``. The class ``IBMProvider`` itself is enough where environment
                variables or a saved account say which account to use. Else a function of a module, or a
                ``functools.partial``.

        Returns:
            The handle itself. Its own connection does not change.

        Raises:
            IBMJobInvalidStateError: If ``provider_factory`` cannot be called.

        Example:
            >>> import pickle
            >>> from ibm_circuit_job import IBMCircuitJob, IBMProvider, Job
            >>> job = IBMCircuitJob.from_state(Job("a")).reconnect_with(IBMProvider)
            >>> pickle.loads(pickle.dumps(job)).job_id()
            'a'
        """
        self._provider_factory = checked_factory(provider_factory)
        if self._cell.reconnect is not None or self.client is None:
            self._cell.reconnect = self._reconnect
        return self

    def _reconnect(self) -> None:
        if self._provider_factory is not None:
            provider_of(self._provider_factory).attach(self)

    def keep_in(self, store: RecordStore) -> None:
        """Save the job in a store from now on, and merge the store's record of it into the handle's.

        All later replies are saved as well. Data that cannot be requested again is on the disk before the handle uses
        it: the submission, new tags and names, and the bytes of a result. If the store fails, the log has a warning,
        the job goes on without the store, and a result that has arrived is returned all the same.

        Args:
            store: The store. If the job was saved in another store before, its inputs and its result are copied.

        Raises:
            JobStoreError: If ``store`` is no store.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job import IBMCircuitJob, JobStore
            >>> with tempfile.TemporaryDirectory() as folder, JobStore(f"{folder}/jobs.sqlite") as store:
            ...     IBMCircuitJob(None, None, "a", tags=["bell"]).keep_in(store)
            ...     [job.tags() for job in store.jobs()]
            [['bell']]
        """
        self._cell.keep_in(checked_store(store))

    @property
    def store(self) -> RecordStore | None:
        """The store that the job is saved in, or ``None``."""
        return None if self._cell.saved_job is None else self._cell.saved_job.store

    if not TYPE_CHECKING:
        # A type checker refuses an attribute that is not published; ``getattr(job, name)`` has any field.
        def __getattr__(self, name: str) -> Any:
            # Python calls this for names that are no member; ``copy`` also before there are any attributes.
            self._set_up_now()
            if name in self.__dict__:
                return self.__dict__[name]
            again = property_again(self, name)
            if again is not None:
                return again[0]
            if not name.startswith("__") and "_attributes" in self.__dict__:
                found = self._fields()
                for field in (name, name.removesuffix("_")):
                    if field in found:
                        return found[field]
            raise AttributeError(f"an IBMCircuitJob has no member {name!r}, and the service sent no such field")

    def __setattr__(self, name: str, value: Any) -> None:
        self._set_up_now()
        own = name in _ASSIGNABLE or name in self.__dict__ or "_attributes" not in self.__dict__
        if not own:
            # A test double may take the place of a method: ``mock.patch.object(job, "status")``.
            is_double = callable(value) and isinstance(getattr(type(self), name, None), FunctionType)
            if hasattr(type(self), name) and not is_double:
                raise AttributeError(f"{name!r} is a member of IBMCircuitJob, and cannot be assigned")
            if not {name, name.removesuffix("_")}.isdisjoint(self._fields()):
                raise AttributeError(f"{name!r} is a field of the service's reply, and cannot be assigned")
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._fields()})

    def _fields(self) -> dict[str, Any]:
        """Return the fields of the service's replies, and of the constructor's arguments, that no member returns."""
        return self._attributes | queries.unknown_fields(self._cell.given) | queries.unknown_fields(self.state)

    def __getstate__(self) -> dict[str, Any]:
        # The pickle has no store, so it has the inputs and the result that were only in the store.
        return self._pickled(self._cell.complete_state())

    def _pickled(self, state: Job) -> dict[str, Any]:
        # Of a copy, because another thread may set the handle up.
        own = {name: value for name, value in self.__dict__.copy().items() if not name.startswith("_")}
        return {
            "given": self._cell.given,
            "given_error": self._cell.given_error,
            "state": state,
            "attributes": self._attributes,
            "own": own,
            "provider_factory": self._provider_factory,
        }

    def __setstate__(self, pickled: dict[str, Any]) -> None:
        self._job_id = pickled["state"].job_id
        cell = parts.cell.JobCell(pickled["given"], pickled["given_error"], pickled["state"], effects.SYSTEM_CLOCK)
        self._set_up(cell, pickled["attributes"])
        self.__dict__.update(pickled["own"])
        self.connect()
        # Pickles of earlier versions have no factory.
        if (factory := pickled.get("provider_factory")) is not None:
            self.reconnect_with(factory)

    def __copy__(self) -> Self:
        copied = type(self).__new__(type(self))
        copied.__setstate__(self._pickled(self.state))
        if self._cell.reconnect is None:
            copied.connect(backend=self._cell.backend, api_client=self._api_client, runtime_client=self.client)
        copied._cell.saved_job, copied._cell.clock = self._cell.saved_job, self._cell.clock  # noqa: SLF001 - of this class
        copied._find_backend = self._find_backend  # noqa: SLF001 - of this class
        return copied

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        # The record is immutable, and a connection cannot be copied.
        return self.__copy__()

    def backend(self) -> DescribedBackend:
        """Return the backend that runs the job.

        Raises:
            IBMJobApiError: If the handle has no backend, for example because it was unpickled.
        """
        found = self._found_backend()
        if found is None:
            raise to_exception(Unsupported(f"return the backend of job {self.state.job_id}", NOT_CONNECTED))
        backend: DescribedBackend = found
        return backend

    def _found_backend(self) -> Any:
        self._cell.ensure_client()
        if self._cell.backend is None and self._find_backend is not None:
            self._cell.backend = self._find_backend(self.state)
        return self._cell.backend

    @property
    def _backend(self) -> Any:
        """The backend, under the name that qiskit's own methods use."""
        return self._cell.backend

    @_backend.setter
    def _backend(self, backend: Any) -> None:
        # qiskit's constructor assigns it before there is a cell.
        if "_cell" in self.__dict__:
            self._cell.backend = backend

    @property
    def client(self) -> Any:
        """The client for requests about the job; ``None`` if the handle has no connection."""
        return self._cell.client.original

    def learn(self, seen: Job) -> None:
        """Merge a record of the same job, of any age, into the handle's record.

        Each field gets the newer of the two values, by the stamps of the two records.

        Args:
            seen: The record, for example one that another process has saved.

        Raises:
            ValueError: If the record is of another job.

        Example:
            >>> from ibm_circuit_job import IBMCircuitJob, Job
            >>> job = IBMCircuitJob.from_state(Job("a"))
            >>> job.learn(Job("a"))
        """
        self._cell.learn(seen)

    def observe(self, seen: Job) -> None:
        """Merge a record that was observed just now: it counts as newer than all that the handle knows.

        This holds even if the machine's clock was set back.

        Args:
            seen: The record, for example one that a reader of ``wire`` made from a reply.

        Raises:
            ValueError: If the record is of another job.

        Example:
            >>> from ibm_circuit_job import IBMCircuitJob, Job
            >>> job = IBMCircuitJob.from_state(Job("a"))
            >>> job.observe(Job("a"))
        """
        self._cell.observe(seen)

    @property
    def state(self) -> Job:
        """The job's record: frozen, and what the pure functions take.

        With a store, the record is without the bytes of the result; ``job.store.load(job.job_id())`` has them.
        """
        return self._cell.state
