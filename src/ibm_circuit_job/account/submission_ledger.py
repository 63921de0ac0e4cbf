"""SubmissionLedger: the jobs, the open requests and the pauses of all submissions of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from attrs import field, frozen

from ibm_circuit_job.threads.locks import ForkFreeLock, PerProcess


@frozen(eq=False)
class Request:
    """A submission's request, before and after it is sent."""

    kind: object
    """Equal for two requests if a listing shows the same for their jobs, except for the parameters."""
    settled: threading.Event = field(factory=threading.Event)
    """Set after the reply, or after the request has failed."""


class SubmissionLedger:
    """The jobs, open requests and pauses of all submissions of this process. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = ForkFreeLock()
        # A fork does not have the threads of its parent's requests.
        self._awaiting = PerProcess[set[Request]](set)
        self._taken: dict[str, None] = {}
        self._paused: dict[object, float] = {}

    @contextmanager
    def awaiting_reply(self, request: Request) -> Iterator[None]:
        """Return a context in which *request* awaits its reply."""
        with self._lock():
            request.settled.clear()
            self._awaiting().add(request)
        try:
            yield
        finally:
            with self._lock():
                self._awaiting().discard(request)
            request.settled.set()

    def rivals_of(self, request: Request) -> list[Request]:
        """Return the other requests of the same kind that await a reply."""
        with self._lock():
            awaiting = [*self._awaiting()]
        return [other for other in awaiting if other is not request and other.kind == request.kind]

    def take(self, job_id: str) -> bool:
        """Assign a job to a submission; return False if another submission has it."""
        with self._lock():
            if job_id in self._taken:
                return False
            self._taken[job_id] = None
            if len(self._taken) > _MOST_TAKEN:
                del self._taken[next(iter(self._taken))]
            return True

    def is_taken(self, job_id: str) -> bool:
        """Return whether a submission has the job."""
        return job_id in self._taken

    def pause(self, service: object, until: float) -> None:
        """Submit no jobs to a service before a time of the monotonic clock."""
        with self._lock():
            self._paused[service] = max(self._paused.get(service, 0.0), until)

    def paused_until(self, service: object) -> float:
        """Return the end of the pause of a service, by the monotonic clock; 0.0 without a pause."""
        return self._paused.get(service, 0.0)


_MOST_TAKEN: Final = 10_000
"""The most job IDs in the ledger. Older jobs are excluded by their time of creation."""

LEDGER: Final = SubmissionLedger()
"""The ledger of this process. A fork begins with a copy."""
