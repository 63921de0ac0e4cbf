"""ModelService: a service with one job and a bad network, small enough to be believed, without I/O or clock.

It is the model that :class:`~ibm_circuit_job.testing.JobLifecycle` compares a handle with, and at the same time the
client through which the handle sees it. What happens to the job, and to the next reply, is the test's to say.
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
"""The life of a job that nothing happens to."""

FINAL: Final = frozenset({"Completed", "Failed", "Cancelled", "Cancelled - Ran too long"})
"""The statuses that a job never leaves."""

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
"""What the service says of each job."""

_STEPS: Final = {
    "created": "2024-02-03T12:00:00Z",
    "running": "2024-02-03T12:01:00Z",
    "finished": "2024-02-03T12:02:00Z",
}
"""When each step of the job began."""

_CALLER: Final = "qiskit/2.6.2/ibm-circuit-job/0.1.0"


class ModelService:
    """One job of a service, and the network to it.

    Args:
        job_id: The job's ID.
        private: Whether the result can be read only once.
        seed: With a seed, replies leave fields out, or say null, as the real service does; which ones is drawn from
            a generator with this seed. Each reply has the ID and the status.

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
        """The job's status string now."""
        self.private = private
        self.consumed = False
        """Whether the result of a private job has been read."""
        self.tags: list[str] = []
        """The job's tags now."""
        self.reason: str | None = None
        """Why it failed."""
        self.is_charged = False
        """Whether the usage of the job, which has ended, is complete; until then it is pending."""
        self.deaf = False
        """Whether a cancel is accepted without effect."""
        self._losing: int | None = None
        self._mumbled: str | None = None
        self._stale: list[bytes] = []
        self._told: list[bytes] = []

    @property
    def has_ended(self) -> bool:
        """Whether the job never changes again."""
        return self.status in FINAL

    @property
    def is_behind(self) -> bool:
        """Whether a reply that says something else than the truth is still to come."""
        return bool(self._stale) or self._mumbled is not None

    # What happens to the job

    def advance(self) -> None:
        """Let the job go one step on; of one that has ended, the usage becomes complete."""
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

    # What happens to the next replies

    def lose_reply(self, after: int = 0) -> None:
        """Let a request be done, and its reply get lost, after so many that arrive."""
        self._losing = after

    def mumble(self, status: str) -> None:
        """Let the next question about the job be answered with another status."""
        self._mumbled = status

    def repeat_reply(self, age: int) -> None:
        """Let the next question about the job be answered with a reply of the past: 0 is the last one."""
        if self._told:
            self._stale.append(self._told[-1 - age % len(self._told)])

    # The client

    def job_get(self, job_id: str, exclude_params: bool = True) -> bytes:
        """Answer a job reply; perhaps one of the past."""
        if self._mumbled is not None:
            strange, self._mumbled = self._mumbled, None
            return self._delivered(msgspec.json.encode({"id": job_id, "state": {"status": strange}}))
        state = {"status": self.status} | ({} if self.reason is None else {"reason": self.reason})
        said = {"tags": self.tags, "private": self.private} | _JOB | {"usage": self._usage()}
        if not exclude_params:
            said["params"] = {"shots": 1}
        now = msgspec.json.encode({"id": job_id, "state": state} | self._partly(said))
        self._told.append(now)
        return self._delivered(self._stale.pop(0) if self._stale else now)

    def job_metadata(self, job_id: str) -> bytes:  # noqa: ARG002 - the interface has it
        """Answer a metrics reply."""
        reached = {"created": True, "running": self.status in {"Running", "Completed"}, "finished": self.has_ended}
        said: dict[str, Any] = {
            "timestamps": self._partly({step: at for step, at in _STEPS.items() if reached[step]}),
            "usage": self._usage(),
            "caller": _CALLER,
        }
        if self.status == "Queued":
            said |= {"position_in_queue": 3, "estimated_start_time": _STEPS["running"]}
        return self._delivered(msgspec.json.encode(self._partly(said)))

    def job_results(self, job_id: str) -> bytes:
        """Answer the result; that of a private job once, even if the reply then is lost."""
        if self.status != "Completed" or (self.private and self.consumed):
            raise RequestFailed(Refused(f"read the result of job {job_id}", "the model", 404, "No result."))
        self.consumed = True
        return self._delivered(RESULT)

    def job_cancel(self, job_id: str) -> None:
        """Cancel the job, or answer 409 where it has ended."""
        if self.has_ended:
            raise RequestFailed(Refused(f"cancel job {job_id}", "the model", 409, "Too late."))
        self.status = self.status if self.deaf else "Cancelled"
        self._delivered(b"")

    def update_tags(self, job_id: str, tags: Sequence[str]) -> None:  # noqa: ARG002 - the interface has it
        """Replace the tags."""
        self.tags = list(tags)
        self._delivered(b"")

    def _usage(self) -> dict[str, Any]:
        said = {"status": "complete", "qpu_charge_time_seconds": 2} if self.is_charged else {"status": "pending"}
        return self._partly({"qpu_charge_time_seconds": 0} | said)

    def _partly(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """What is said in one reply: all of it, or what chance leaves of it, some as null."""
        if self._chance is None:
            return dict(said)
        drawn = {name: self._chance.random() for name in said}
        return {name: None if drawn[name] < 0.1 else value for name, value in said.items() if drawn[name] < 0.7}

    def _delivered(self, reply: bytes) -> bytes:
        if self._losing == 0:
            self._losing = None
            raise RequestFailed(Unreachable("hear from the model", "the model", "The reply was lost."))
        if self._losing is not None:
            self._losing -= 1
        return reply
