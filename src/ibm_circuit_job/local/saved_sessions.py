"""Saves sessions: each is one setting in the records of the service."""

from __future__ import annotations

import msgspec

from ibm_circuit_job.local.records import Records

_PREFIX = "session/"


class SavedSession(msgspec.Struct):
    """A session: it groups jobs on one backend."""

    mode: str = "dedicated"
    """``dedicated``, or ``batch``."""
    backend: str | None = None
    """The name of its backend; ``None`` until its first job, if the session was opened without a backend."""
    max_ttl: int | None = None
    """The most seconds that its jobs may be charged together."""
    accepting_jobs: bool = True
    """Whether jobs may be submitted to it."""
    created: str = ""
    """When it was opened, as an ISO time in UTC."""
    closed: str | None = None
    """When it stopped accepting jobs, as an ISO time in UTC."""
    instance: str | None = None
    """The instance (CRN) that it belongs to; ``None`` for the first one."""


class SavedSessions:
    """The sessions of a service.

    Args:
        records: The records, in which they are saved.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._known = {
            name: msgspec.json.decode(saved, type=SavedSession) for name, saved in records.settings(_PREFIX).items()
        }

    def find(self, session_id: str | None) -> SavedSession | None:
        """Return the session with this ID; ``None`` if there is none."""
        return None if session_id is None else self._known.get(session_id)

    def save(self, session_id: str, session: SavedSession) -> None:
        """Save a session.

        Raises:
            NotWritten: If it cannot be saved; the session stays as it was.
        """
        self._records.save_setting(f"{_PREFIX}{session_id}", msgspec.json.encode(session).decode())
        self._known[session_id] = session
