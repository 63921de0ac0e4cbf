"""What all submissions of this process share: which jobs they have, which of them await an answer, and their pauses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from attrs import field, frozen

from ibm_circuit_job.threads.locks import ForkFreeLock, PerProcess


@frozen(eq=False)
class Request:
    """A request that is sent, or is going to be."""

    kind: object
    """What requests have in common whose jobs a listing tells apart by their parameters alone."""
    settled: threading.Event = field(factory=threading.Event)
    """Set while no answer is awaited."""


class SubmissionLedger:
    """What all submissions of this process share; any number of threads may use it."""

    def __init__(self) -> None:
        self._lock = ForkFreeLock()
        # A fork does not have the threads of its parent's requests.
        self._awaiting = PerProcess[set[Request]](set)
        self._taken: dict[str, None] = {}
        self._held: dict[object, float] = {}

    @contextmanager
    def awaiting(self, request: Request) -> Iterator[None]:
        """Return a context in which *request* awaits an answer."""
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
        """Return the other requests of the same kind that await an answer."""
        with self._lock():
            awaiting = [*self._awaiting()]
        return [other for other in awaiting if other is not request and other.kind == request.kind]

    def take(self, job_id: str) -> bool:
        """Take a job for a submission; return whether no other submission had it."""
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

    def hold(self, service: object, until: float) -> None:
        """Note that a service takes no more jobs until a time."""
        with self._lock():
            self._held[service] = max(self._held.get(service, 0.0), until)

    def held_until(self, service: object) -> float:
        """Return until when a service takes no more jobs; 0.0 where it has not said so."""
        return self._held.get(service, 0.0)


_MOST_TAKEN: Final = 10_000
"""How many IDs are remembered. Older jobs are told apart by the time of their creation."""

LEDGER: Final = SubmissionLedger()
"""That of this process. A fork has the same jobs, and goes on with its own."""
