"""The methods that a client needs, as protocols: any object with these methods is such a client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ibm_circuit_job.wire.reply_fields import Document


class JobClient(Protocol):
    """A client of jobs: ours, a test double, or the ``RuntimeClient`` of the official packages.

    Replies may be bytes, or objects that the client has decoded.
    """

    def job_get(self, job_id: str, exclude_params: bool = ...) -> Document:
        """Return the job reply."""
        ...

    def job_metadata(self, job_id: str) -> Document:
        """Return the metrics reply."""
        ...

    def job_results(self, job_id: str) -> bytes | str:
        """Return the body of the results reply."""
        ...

    def job_cancel(self, job_id: str) -> object:
        """Cancel the job."""
        ...

    def update_tags(self, job_id: str, tags: list[str]) -> object:
        """Replace the job's tags."""
        ...


class SubmittingClient(Protocol):
    """A client that can submit a job."""

    def program_run(
        self,
        *,
        program_id: str,
        backend_name: str,
        params: object,
        hgp: str | None,
        job_tags: Sequence[str],
    ) -> Document:
        """Submit a job and return the reply."""
        ...


class StreamingClient(Protocol):
    """A client that can listen to the service's push stream."""

    def job_stream(self, job_id: str, seconds: float | None) -> bool:
        """Listen until the service closes the stream (True) or so many seconds have passed (False)."""
        ...
