"""Sessions as the service keeps them: each is one setting beside the jobs."""

from __future__ import annotations

import msgspec

from ibm_circuit_job.local.records import Records

_PREFIX = "session/"


class KeptSession(msgspec.Struct):
    """A session: jobs that belong together, on one backend."""

    mode: str = "dedicated"
    """``dedicated``, or ``batch``."""
    backend: str | None = None
    """Its backend; that of its first job where none was named."""
    max_ttl: int | None = None
    """The most seconds that its jobs may be charged together."""
    accepting_jobs: bool = True
    """Whether jobs may be submitted to it."""
    created: str = ""
    """When it was opened, as an ISO time in UTC."""
    closed: str | None = None
    """When it stopped accepting jobs."""
    instance: str | None = None
    """The instance (CRN) that it belongs to; the first one by default."""


class KeptSessions:
    """The sessions of a service.

    Args:
        records: Where they are kept.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._known = {
            name: msgspec.json.decode(kept, type=KeptSession) for name, kept in records.settings(_PREFIX).items()
        }

    def find(self, session_id: str | None) -> KeptSession | None:
        """Return the session of that ID; ``None`` where there is none."""
        return None if session_id is None else self._known.get(session_id)

    def keep(self, session_id: str, session: KeptSession) -> None:
        """Write down a session.

        Raises:
            NotWritten: If it cannot be written; what was there stays.
        """
        self._records.keep_setting(f"{_PREFIX}{session_id}", msgspec.json.encode(session).decode())
        self._known[session_id] = session
