"""Sessions and batches: jobs that belong together, on one backend, on either channel.

Source: ``POST /sessions``, ``GET`` and ``PATCH /sessions/ID``, ``DELETE /sessions/ID/close``.
"""

from __future__ import annotations

import re
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, ClassVar, Final, Protocol, Self

from ibm_circuit_job.account.client_calls import replied
from ibm_circuit_job.errors import IBMBackendApiError, IBMBackendValueError

_PART: Final = re.compile(r"(\d{1,9})\s*([hms])\s*", re.ASCII)
_SECONDS_OF: Final = {"h": 3600, "m": 60, "s": 1}
_MOST_SECONDS: Final = 2_147_483_647
_STATUSES: Final = {
    "open": "Pending",
    "inactive": "Pending",
    "pending_inactive": "In progress, accepting new jobs",
    "pending_closed": "In progress, not accepting new jobs",
}
_DETAILS: Final = {
    "id": "id",
    "backend_name": "backend_name",
    "interactive_timeout": "interactive_ttl",
    "max_time": "max_ttl",
    "active_timeout": "active_ttl",
    "state": "state",
    "accepting_jobs": "accepting_jobs",
    "last_job_started": "last_job_started",
    "last_job_completed": "last_job_completed",
    "started_at": "started_at",
    "closed_at": "closed_at",
    "activated_at": "activated_at",
    "mode": "mode",
    "usage_time": "elapsed_time",
    "timestamps": "timestamps",
}
"""Name in :meth:`Session.details` -> field of the service's reply."""


class ProviderOfSession(Protocol):
    """What a session wants of a provider."""

    runtime_client: Any

    def get_backend(self, name: str) -> Any:
        """Return the backend of that name."""
        ...


class BackendOfSession(Protocol):
    """What a session wants of its backend."""

    name: str

    @property
    def provider(self) -> Any:
        """The provider of the backend."""
        ...


def seconds_of(max_time: object) -> int | None:
    """Return the seconds of a longest time.

    Args:
        max_time: Seconds, or a text like ``"2h 30m 40s"``, of which any part may be left out, in any order; ``None``
            for the service's own limit.

    Raises:
        IBMBackendValueError: If it is neither, or not from 1 to 2147483647 seconds.

    Example:
        >>> seconds_of("2h 30m"), seconds_of("40s 1h"), seconds_of(300), seconds_of(None)
        (9000, 3640, 300, None)
    """
    if max_time is None:
        return None
    seconds = max_time if type(max_time) is int else 0
    if isinstance(max_time, str):
        parts = _PART.findall(max_time.lower())
        # Each unit once, in any order, and nothing else.
        is_whole = _PART.sub("", max_time.lower()).strip() == "" and len({unit for _, unit in parts}) == len(parts)
        seconds = sum(int(number) * _SECONDS_OF[unit] for number, unit in parts) if is_whole else 0
    if not 1 <= seconds <= _MOST_SECONDS:
        raise IBMBackendValueError(
            f"expected max_time to be seconds from 1 to {_MOST_SECONDS}, or a text like '2h 30m 40s', got {max_time!r}"
        )
    return seconds


class Session:
    """A session: its backend is reserved for its jobs while it is active. It is opened at once.

    Within its ``with`` block, ``run()`` of its backend submits into it, in the same thread or task. At the end of the
    block it is closed: it takes no more jobs, and those that it has run to their end.

    Args:
        backend: The backend of its jobs.
        max_time: The most seconds that it may last, or a text like ``"2h 30m 40s"``; the service's limit by default.
        session_id: The ID of one that is open already, which then is this one; see :meth:`from_id`.

    Raises:
        IBMBackendValueError: If ``max_time`` is no such thing.
        IBMBackendApiError: If the service refused or could not be reached.

    Example:
        >>> from ibm_circuit_job import IBMProvider, Session
        >>> from qiskit import QuantumCircuit
        >>> circuit = QuantumCircuit(1)
        >>> circuit.measure_all()
        >>> with IBMProvider.local() as provider:
        ...     backend = provider.get_backend("local_5q")
        ...     with Session(backend, max_time="5m") as session:
        ...         job = backend.run(circuit, shots=10)
        ...     job.wait_for_final_state()
        ...     job.session_id == session.session_id, session.status()
        (True, 'Closed')
    """

    mode: ClassVar[str] = "dedicated"
    """How the service calls its kind."""

    def __init__(
        self, backend: BackendOfSession, max_time: int | str | None = None, *, session_id: str | None = None
    ) -> None:
        limit = seconds_of(max_time)
        self._backend, self._client = backend, backend.provider.runtime_client
        self._tokens: list[Token[tuple[Session, ...]]] = []
        if session_id is None:
            opened = replied(lambda: self._client.session_create(backend.name, self.mode, limit), IBMBackendApiError)
            session_id = str(opened["id"])
        self._session_id = session_id
        self.is_closed = False
        """Whether :meth:`close` or :meth:`cancel` was called on this object."""

    @classmethod
    def from_id(cls, session_id: str, provider: ProviderOfSession) -> Self:
        """Return a session that is there already.

        Args:
            session_id: Its ID, such as that of a job of it.
            provider: The provider of its account.

        Raises:
            IBMBackendApiError: If there is none of that ID, or the service could not be reached.
            IBMBackendValueError: If it is of the other kind, or its backend is not known yet.

        Example:
            >>> from ibm_circuit_job import Batch, IBMProvider
            >>> with IBMProvider.local() as provider, Batch(provider.get_backend("local_5q")) as batch:
            ...     Batch.from_id(batch.session_id, provider).backend().name
            'local_5q'
        """
        client = provider.runtime_client
        found = replied(lambda: client.session_details(session_id), IBMBackendApiError)
        if (mode := found.get("mode", cls.mode)) != cls.mode:
            raise IBMBackendValueError(f"expected the ID of a session of mode {cls.mode!r}, got one of mode {mode!r}")
        if not found.get("backend_name"):
            raise IBMBackendValueError(f"expected a session whose backend is known, got {session_id}, which has no job")
        return cls(provider.get_backend(found["backend_name"]), session_id=session_id)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self._session_id!r}, {self._backend.name!r})>"

    def __enter__(self) -> Self:
        self._tokens.append(_active.set((*_active.get(), self)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _active.reset(self._tokens.pop())
        self.close()

    @property
    def active(self) -> bool:
        """Whether it takes jobs, as far as is known here: whether neither it nor its backend was asked to close it."""
        return not self.is_closed

    @property
    def session_id(self) -> str:
        """Its ID."""
        return self._session_id

    def backend(self) -> Any:
        """Return its backend."""
        return self._backend

    def details(self) -> dict[str, Any]:
        """Ask the service what it knows of the session.

        Returns:
            ``id``, ``backend_name``, ``interactive_timeout``, ``max_time``, ``active_timeout``, ``state``,
            ``accepting_jobs``, ``last_job_started``, ``last_job_completed``, ``started_at``, ``closed_at``,
            ``activated_at``, ``mode``, ``usage_time`` and ``timestamps``, as the official client names them. Times are
            in seconds, dates are ISO texts in UTC. What the service does not say is ``None``.

        Raises:
            IBMBackendApiError: If the service refused or could not be reached.
        """
        found = replied(lambda: self._client.session_details(self._session_id), IBMBackendApiError)
        return {name: found.get(field) for name, field in _DETAILS.items()}

    def status(self) -> str:
        """Ask the service how the session is.

        Returns:
            ``"Pending"``, ``"In progress, accepting new jobs"``, ``"In progress, not accepting new jobs"`` or
            ``"Closed"``; any other state as the service names it.

        Raises:
            IBMBackendApiError: If the service refused or could not be reached.
        """
        details = self.details()
        state = str(details["state"])
        if state == "active":
            return f"In progress, {'' if details['accepting_jobs'] else 'not '}accepting new jobs"
        return _STATUSES.get(state, state.capitalize())

    def usage(self) -> float | None:
        """Ask the service for the seconds that the session is charged so far; ``None`` where it does not say.

        Raises:
            IBMBackendApiError: If the service refused or could not be reached.
        """
        found: float | None = self.details()["usage_time"]
        return found

    def close(self) -> None:
        """Let the session take no more jobs. Those that it has run to their end. Closing twice is no error.

        Raises:
            IBMBackendApiError: If the service refused or could not be reached.
        """
        replied(lambda: self._client.session_close(self._session_id), IBMBackendApiError)
        self.is_closed = True

    def cancel(self) -> None:
        """Let the session take no more jobs, and cancel those that have not ended.

        Raises:
            IBMBackendApiError: If the service refused or could not be reached.
        """
        replied(lambda: self._client.session_cancel(self._session_id), IBMBackendApiError)
        self.is_closed = True


class Batch(Session):
    """A batch: jobs that are submitted together, and may run side by side. It is opened at once.

    It is used as a :class:`Session` is. It is charged for its jobs alone, and not for the time between them.

    Example:
        >>> from ibm_circuit_job import Batch, IBMProvider
        >>> with IBMProvider.local() as provider, Batch(provider.get_backend("local_5q")) as batch:
        ...     batch.details()["mode"]
        'batch'
    """

    mode = "batch"


_active: ContextVar[tuple[Session, ...]] = ContextVar("active_sessions", default=())
"""The sessions whose ``with`` blocks the program is in, the innermost last."""


def session_for(backend: BackendOfSession, opened: Session | None) -> str | None:
    """Return the ID of the session that a job of a backend belongs to.

    Args:
        backend: The backend.
        opened: The session that ``open_session()`` of it opened; ``None`` where there is none.

    Returns:
        That of the innermost ``with`` block for a backend of that name and provider, else that of *opened*.
    """
    for session in reversed(_active.get()):
        its = session.backend()
        if its.name == backend.name and its.provider is backend.provider:
            return session.session_id
    return None if opened is None else opened.session_id
