"""ScriptedClient: a client that returns replies from a script, or from a history of facts."""

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
    """A client that returns replies from a script, for tests without a server.

    Each method has its own script. The last entry of a script is repeated; an empty script raises the status 404. An
    entry that is a :data:`~ibm_circuit_job.errors.Failure` is raised as a ``RequestFailed``.

    Args:
        jobs: The replies of ``job_get``: bodies of job replies.
        metrics: The replies of ``job_metadata``: bodies of metrics replies.
        results: The replies of ``job_results``: bodies of results.
        cancels: The failures of ``job_cancel`` before it succeeds.

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
        """All calls so far, as pairs of a method and a job ID."""
        self._scripts: dict[str, list[bytes | Failure]] = {
            "job_get": list(jobs),
            "job_metadata": list(metrics),
            "job_results": list(results),
            "job_cancel": [*cancels, b""],
            "update_tags": [b""],
        }

    @classmethod
    def playing(cls, job_id: str, history: Iterable[Fact]) -> Self:
        """Return a client that returns the facts of a history, one per request, in their order.

        Args:
            job_id: The ID of the job.
            history: Facts about the job. Each kind of request has its own facts: status, details, inputs and tags in
                job replies, metrics in metrics replies, payloads in results. Names are in no reply, and are ignored.

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
        record = Job(job_id)
        for fact in history:
            match fact:
                case StatusReport():
                    record = evolve(record, status=fact)
                case JobDetails():
                    record = evolve(record, details=fact)
                case JobInputs():
                    record = evolve(record, inputs=fact)
                case JobTags():
                    details = record.details or JobDetails(fact.observed_at)
                    record = evolve(record, details=evolve(details, tags=fact.tags))
                case JobMetrics():
                    metrics.append(metrics_reply(fact))
                    continue
                case ResultPayload():
                    results.append(fact.raw)
                    continue
                case JobName():
                    continue  # no reply of a service has the name
                case _:
                    assert_never(fact)
            # As from a service, a reply also has the fields of earlier replies.
            jobs.append(job_reply(record, exclude_params=False))
        return cls(jobs, metrics=metrics or [b"{}"], results=results)

    def job_get(self, job_id: str, exclude_params: bool = True) -> bytes:  # noqa: ARG002 - the interface has it
        """Return the next job reply."""
        return self._answer("job_get", job_id)

    def job_metadata(self, job_id: str) -> bytes:
        """Return the next metrics reply."""
        return self._answer("job_metadata", job_id)

    def job_results(self, job_id: str) -> bytes:
        """Return the next body of a result."""
        return self._answer("job_results", job_id)

    def job_cancel(self, job_id: str) -> None:
        """Accept the cancellation, or raise the next failure of the script."""
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
