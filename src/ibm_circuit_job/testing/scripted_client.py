"""ScriptedClient: a runtime client that plays the replies that it was given, or a history of facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self, assert_never

from attrs import evolve

from ibm_circuit_job.clients import RequestFailed
from ibm_circuit_job.errors import Failure, Refused
from ibm_circuit_job.state.facts import (
    Fact,
    JobDetails,
    JobInputs,
    JobMetrics,
    JobName,
    JobTags,
    ResultPayload,
    StatusReport,
)
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.testing.replies import job_reply, metrics_reply


class ScriptedClient:
    """A runtime client that answers from a script, for tests that need no server.

    Each kind of question has a script of its own. The last line of a script is repeated for ever; an empty
    script answers 404. A line that is a :data:`~ibm_circuit_job.errors.Failure` is raised.

    Args:
        jobs: What ``job_get`` answers: bodies of job replies.
        metrics: What ``job_metadata`` answers: bodies of metrics replies.
        results: What ``job_results`` answers: bodies of results replies.
        cancels: How ``job_cancel`` fails, before it is accepted.

    Example:
        >>> client = ScriptedClient([b'{"id": "a"}'])
        >>> client.job_get("a")
        b'{"id": "a"}'
        >>> client.calls
        [('job_get', 'a')]
    """

    def __init__(
        self,
        jobs: Iterable[bytes | Failure] = (),
        *,
        metrics: Iterable[bytes | Failure] = (b"{}",),
        results: Iterable[bytes | Failure] = (),
        cancels: Iterable[Failure] = (),
    ) -> None:
        self.calls: list[tuple[str, str]] = []
        """Every call so far, as (method, job ID)."""
        self._scripts: dict[str, list[bytes | Failure]] = {
            "job_get": list(jobs),
            "job_metadata": list(metrics),
            "job_results": list(results),
            "job_cancel": [*cancels, b""],
            "update_tags": [b""],
        }

    @classmethod
    def playing(cls, job_id: str, history: Iterable[Fact]) -> Self:
        """Return a client that tells a history: the facts of each kind, one with each question, in their order.

        Example:
            >>> from datetime import UTC, datetime
            >>> from ibm_circuit_job.wire.replies import status_report
            >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
            >>> client = ScriptedClient.playing("a", [status_report("Running", noon), status_report("Completed", noon)])
            >>> client.job_get("a"), client.job_get("a")
            (b'{"id":"a","state":{"status":"Running"}}', b'{"id":"a","state":{"status":"Completed"}}')
        """
        jobs: list[bytes] = []
        metrics: list[bytes] = []
        results: list[bytes] = []
        told = Job(job_id)
        for fact in history:
            match fact:
                case StatusReport():
                    told = evolve(told, status=fact)
                case JobDetails():
                    told = evolve(told, details=fact)
                case JobInputs():
                    told = evolve(told, inputs=fact)
                case JobTags():
                    details = told.details or JobDetails(fact.observed_at)
                    told = evolve(told, details=evolve(details, tags=fact.tags))
                case JobMetrics():
                    metrics.append(metrics_reply(fact))
                    continue
                case ResultPayload():
                    results.append(fact.raw)
                    continue
                case JobName():
                    continue  # no service tells a name
                case _:
                    assert_never(fact)
            # A service repeats what it has said before.
            jobs.append(job_reply(told, exclude_params=False))
        return cls(jobs, metrics=metrics or [b"{}"], results=results)

    def job_get(self, job_id: str, exclude_params: bool = True) -> bytes:  # noqa: ARG002 - the interface has it
        """Answer the next job reply."""
        return self._answer("job_get", job_id)

    def job_metadata(self, job_id: str) -> bytes:
        """Answer the next metrics reply."""
        return self._answer("job_metadata", job_id)

    def job_results(self, job_id: str) -> bytes:
        """Answer the next results reply."""
        return self._answer("job_results", job_id)

    def job_cancel(self, job_id: str) -> None:
        """Accept to cancel, unless the script says otherwise."""
        self._answer("job_cancel", job_id)

    def update_tags(self, job_id: str, tags: Sequence[str]) -> None:  # noqa: ARG002 - the interface has it
        """Accept the tags."""
        self._answer("update_tags", job_id)

    def _answer(self, method: str, job_id: str) -> bytes:
        self.calls.append((method, job_id))
        script = self._scripts[method]
        if not script:
            raise RequestFailed(Refused(f"{method} {job_id}", "the script", 404, "The script has no line for this."))
        line = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(line, bytes):
            return line
        raise RequestFailed(line)
