"""Sessions and batches: groups of jobs on one backend, on both channels.

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
    """The members of ``IBMProvider`` that a session uses."""

    runtime_client: Any

    def get_backend(self, name: str) -> Any:
        """Return the backend of a name."""
        ...


class BackendOfSession(Protocol):
    """The members of ``IBMBackend`` that a session uses."""

    name: str

    @property
    def provider(self) -> Any:
        """The provider of the backend."""
        ...


def seconds_of(max_time: object) -> int | None:
    """Return the maximum duration of a session in seconds.

    Args:
        max_time: Seconds, or a text like ``"2h 30m 40s"`` with any of the three parts in any order; ``None`` for the
            service's own limit.

    Raises:
        IBMBackendValueError: If ``max_time`` is neither, or is not from 1 to 2147483647 seconds.

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
    """A session, which reserves its backend for its jobs while it is active. The constructor opens it.

    Within its ``with`` block, ``run()`` of its backend submits jobs into it, in the same thread or task. At the end of
    the block it is closed: it accepts no more jobs, and the jobs that it has run to their end. Source:
    ``POST /sessions``.

    Args:
        backend: The backend of its jobs.
        max_time: The maximum duration of the session, in seconds or as a text like ``"2h 30m 40s"``; the service's
            own limit by default.
        session_id: The ID of an open session, to use it instead of opening one; see :meth:`from_id`.

    Raises:
        IBMBackendValueError: If ``max_time`` is no such duration.
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
    """The service's word for this kind of session."""

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
        """Return an existing session.

        Args:
            session_id: The session's ID, for example the ``session_id`` of one of its jobs.
            provider: The provider of the session's account.

        Raises:
            IBMBackendApiError: If there is no such session, or the service could not be reached.
            IBMBackendValueError: If it is a batch and not a session, or the reverse, or if it has no job yet, so that
                its backend is not known.

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
        """Whether the session was not closed with this object. No request is sent; see :meth:`status`."""
        return not self.is_closed

    @property
    def session_id(self) -> str:
        """The ID of the session."""
        return self._session_id

    def backend(self) -> Any:
        """Return the backend of the session."""
        return self._backend

    def details(self) -> dict[str, Any]:
        """Request the details of the session. Source: ``GET /sessions/ID``.

        Returns:
            ``id``, ``backend_name``, ``interactive_timeout``, ``max_time``, ``active_timeout``, ``state``,
            ``accepting_jobs``, ``last_job_started``, ``last_job_completed``, ``started_at``, ``closed_at``,
            ``activated_at``, ``mode``, ``usage_time`` and ``timestamps``: the names of the official client. Durations
            are in seconds, times are ISO 8601 texts in UTC. A value that the reply lacks is ``None``.

        Raises:
            IBMBackendApiError: If the service refused or could not be reached.
        """
        found = replied(lambda: self._client.session_details(self._session_id), IBMBackendApiError)
        return {name: found.get(field) for name, field in _DETAILS.items()}

    def status(self) -> str:
        """Request the status of the session.

        Returns:
            ``"Pending"``, ``"In progress, accepting new jobs"``, ``"In progress, not accepting new jobs"`` or
            ``"Closed"``; for any other state the service's word.

        Raises:
            IBMBackendApiError: If the service refused or could not be reached.
        """
        details = self.details()
        state = str(details["state"])
        if state == "active":
            return f"In progress, {'' if details['accepting_jobs'] else 'not '}accepting new jobs"
        return _STATUSES.get(state, state.capitalize())

    def usage(self) -> float | None:
        """Request the seconds that the session is charged so far; ``None`` if the reply lacks them.

        Raises:
            IBMBackendApiError: If the service refused or could not be reached.
        """
        found: float | None = self.details()["usage_time"]
        return found

    def close(self) -> None:
        """Close the session: it accepts no more jobs. Its submitted jobs run to their end. Closing twice is no error.

        Raises:
            IBMBackendApiError: If the service refused or could not be reached.
        """
        replied(lambda: self._client.session_close(self._session_id), IBMBackendApiError)
        self.is_closed = True

    def cancel(self) -> None:
        """Close the session, and cancel its jobs that have not ended.

        Raises:
            IBMBackendApiError: If the service refused or could not be reached.
        """
        replied(lambda: self._client.session_cancel(self._session_id), IBMBackendApiError)
        self.is_closed = True


class Batch(Session):
    """A batch: a group of jobs that may run at the same time. The constructor opens it.

    It has the members of a :class:`Session`. Only its jobs are charged, not the time between them.

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
        opened: The session of the backend's ``open_session()``, or ``None``.

    Returns:
        The ID of the session of the innermost ``with`` block for this backend, else that of *opened*, else ``None``.
    """
    for session in reversed(_active.get()):
        its = session.backend()
        if its.name == backend.name and its.provider is backend.provider:
            return session.session_id
    return None if opened is None else opened.session_id
