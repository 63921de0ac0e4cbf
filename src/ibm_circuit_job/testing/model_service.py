"""ModelService: a small model of a service with one job and an unreliable network, without I/O and clock.

:class:`~ibm_circuit_job.testing.JobLifecycle` compares a handle with this model. The model is also the client of the
handle. A test decides what happens to the job and to the next reply.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from ibm_circuit_job.clients import RequestFailed
from ibm_circuit_job.errors import Refused, Unreachable

NEXT_STATUS: Final = {
    "Creating": "Validating",
    "Validating": "Queued",
    "Queued": "Running",
    "Running": "Completed",
}
"""Status -> the next status, if the job does not fail and is not cancelled."""

FINAL: Final = frozenset({"Completed", "Failed", "Cancelled", "Cancelled - Ran too long"})
"""The final statuses."""

RESULT: Final = (
    b'{"backend_name":"model","backend_version":"1","job_id":"model","success":true,"results":[{"shots":1,"success":true,'
    b'"header":{"name":"c","memory_slots":1,"creg_sizes":[["c",1]]},"data":{"counts":{"0x1":1}}}]}'
)
"""The body of the job's result."""


_JOB: Final = {
    "backend": "model",
    "program": {"id": "sampler"},
    "created": "2024-02-03T12:00:00Z",
    "session_id": "session",
    "estimated_running_time_seconds": 3,
    "cost": 600,
}
"""The fields of a job reply that do not change."""

_STEPS: Final = {
    "created": "2024-02-03T12:00:00Z",
    "running": "2024-02-03T12:01:00Z",
    "finished": "2024-02-03T12:02:00Z",
}
"""Step of the job -> its time."""

_CALLER: Final = "qiskit/2.6.2/ibm-circuit-job/0.1.0"


class ModelService:
    """A model of one job of a service, and of the network to it.

    Args:
        job_id: The ID of the job.
        private: Whether the result can be read only once.
        seed: The seed of a random generator that leaves fields out of replies, or replaces them by null, as the real
            service does. The ID and the status are never left out. With ``None``, all replies are complete.

    Example:
        >>> import msgspec
        >>> service = ModelService("a", seed=2)
        >>> service.advance()
        >>> sorted(msgspec.json.decode(service.job_get("a")))
        ['cost', 'created', 'estimated_running_time_seconds', 'id', 'private', 'session_id', 'state', 'tags', 'usage']
    """

    def __init__(self, job_id: str = "model", *, private: bool = False, seed: int | None = None) -> None:
        self.job_id = job_id
        self._chance = None if seed is None else random.Random(seed)
        self.status = "Creating"
        """The present status of the job, in the words of the service."""
        self.private = private
        self.consumed = False
        """Whether the result of a private job has been read."""
        self.tags: list[str] = []
        """The present tags of the job."""
        self.reason: str | None = None
        """The reason of a failure."""
        self.is_charged = False
        """Whether the usage of an ended job is complete; before, it is pending."""
        self.deaf = False
        """Whether the service accepts a cancellation and does not cancel the job."""
        self._losing: int | None = None
        self._unknown_status: str | None = None
        self._stale: list[bytes] = []
        self._sent: list[bytes] = []

    @property
    def has_ended(self) -> bool:
        """Whether the status of the job is final."""
        return self.status in FINAL

    @property
    def is_behind(self) -> bool:
        """Whether one of the next replies is old or has an unknown status."""
        return bool(self._stale) or self._unknown_status is not None

    # Events of the job

    def advance(self) -> None:
        """Advance the job by one step. If it has ended, its usage becomes complete."""
        self.is_charged = self.has_ended
        self.status = NEXT_STATUS.get(self.status, self.status)

    def fail(self, reason: str) -> None:
        """Let the job fail, unless it has ended."""
        if not self.has_ended:
            self.status, self.reason = "Failed", reason

    def run_too_long(self) -> None:
        """Let the service cancel the job if it runs."""
        if self.status == "Running":
            self.status = "Cancelled - Ran too long"

    # Events of the next replies

    def lose_reply(self, after: int = 0) -> None:
        """Execute a later request, but lose its reply.

        Args:
            after: The number of replies that arrive before.
        """
        self._losing = after

    def mumble(self, status: str) -> None:
        """Send the next job reply with this status."""
        self._unknown_status = status

    def repeat_reply(self, age: int) -> None:
        """Send an old job reply next.

        Args:
            age: 0 for the last reply, 1 for the one before, and so on.
        """
        if self._sent:
            self._stale.append(self._sent[-1 - age % len(self._sent)])

    # Methods of a client

    def job_get(self, job_id: str, exclude_params: bool = True) -> bytes:
        """Return a job reply, which may be an old one. Source: ``GET /jobs/ID``."""
        if self._unknown_status is not None:
            strange, self._unknown_status = self._unknown_status, None
            return self._delivered(msgspec.json.encode({"id": job_id, "state": {"status": strange}}))
        state = {"status": self.status} | ({} if self.reason is None else {"reason": self.reason})
        fields = {"tags": self.tags, "private": self.private} | _JOB | {"usage": self._usage()}
        if not exclude_params:
            fields["params"] = {"shots": 1}
        now = msgspec.json.encode({"id": job_id, "state": state} | self._partly(fields))
        self._sent.append(now)
        return self._delivered(self._stale.pop(0) if self._stale else now)

    def job_metadata(self, job_id: str) -> bytes:  # noqa: ARG002 - the interface has it
        """Return a metrics reply. Source: ``GET /jobs/ID/metrics``."""
        reached = {"created": True, "running": self.status in {"Running", "Completed"}, "finished": self.has_ended}
        fields: dict[str, Any] = {
            "timestamps": self._partly({step: at for step, at in _STEPS.items() if reached[step]}),
            "usage": self._usage(),
            "caller": _CALLER,
        }
        if self.status == "Queued":
            fields |= {"position_in_queue": 3, "estimated_start_time": _STEPS["running"]}
        return self._delivered(msgspec.json.encode(self._partly(fields)))

    def job_results(self, job_id: str) -> bytes:
        """Return the result. That of a private job can be read once, even if the reply is lost.

        Raises:
            RequestFailed: If there is no result (404), or the reply is lost. The other methods raise it for the latter,
                too.
        """
        if self.status != "Completed" or (self.private and self.consumed):
            raise RequestFailed(Refused(f"read the result of job {job_id}", "the model", 404, "No result."))
        self.consumed = True
        return self._delivered(RESULT)

    def job_cancel(self, job_id: str) -> None:
        """Cancel the job.

        Raises:
            RequestFailed: If the job has ended (409).
        """
        if self.has_ended:
            raise RequestFailed(Refused(f"cancel job {job_id}", "the model", 409, "Too late."))
        self.status = self.status if self.deaf else "Cancelled"
        self._delivered(b"")

    def update_tags(self, job_id: str, tags: Sequence[str]) -> None:  # noqa: ARG002 - the interface has it
        """Replace the tags."""
        self.tags = list(tags)
        self._delivered(b"")

    def _usage(self) -> dict[str, Any]:
        usage = {"status": "complete", "qpu_charge_time_seconds": 2} if self.is_charged else {"status": "pending"}
        return self._partly({"qpu_charge_time_seconds": 0} | usage)

    def _partly(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of one reply: with a seed, some are left out at random, and some are null."""
        if self._chance is None:
            return dict(fields)
        drawn = {name: self._chance.random() for name in fields}
        return {name: None if drawn[name] < 0.1 else value for name, value in fields.items() if drawn[name] < 0.7}

    def _delivered(self, reply: bytes) -> bytes:
        if self._losing == 0:
            self._losing = None
            raise RequestFailed(Unreachable("hear from the model", "the model", "The reply was lost."))
        if self._losing is not None:
            self._losing -= 1
        return reply
