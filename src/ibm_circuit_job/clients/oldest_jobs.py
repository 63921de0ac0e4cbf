"""OldestJobs: a client of the oldest jobs, for which ``job_type`` returns ``IQX``. The account's own API has them.

It has the same methods as other clients of jobs, so handles, effects and waits can use it. It sends requests through
the account client, ours or that of ``qiskit-ibm-provider``, and renames the fields of the replies.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import FunctionType
from typing import Any, TypeVar

from returns.result import Result, Success

from ibm_circuit_job.clients.http import RequestFailed
from ibm_circuit_job.errors import Failure, Unsupported
from ibm_circuit_job.wire import oldest_replies

_T = TypeVar("_T")


def has_oldest_jobs(account_client: object) -> bool:
    """Return whether a client of an account can read the results of the oldest jobs.

    The class is examined, not the object, since a ``MagicMock`` has every attribute.

    Example:
        >>> has_oldest_jobs(None)
        False
    """
    return isinstance(getattr(type(account_client), "job_result", None), FunctionType)


class OldestJobs:
    """A client of the oldest jobs of an account.

    Args:
        account_client: Our ``AccountClient``, that of ``qiskit-ibm-provider``, or another one with some of its methods.
        runtime_client: The client of all other jobs, which changes tags and reads properties; ``None`` without one.

    Example:
        >>> class Account:
        ...     def job_get(self, job_id):
        ...         return {"job_id": job_id, "status": "COMPLETED", "_backend_info": {"name": "ibmqx4"}}
        >>> OldestJobs(Account()).job_get("a")
        b'{"id":"a","backend":"ibmqx4","state":{"status":"COMPLETED"}}'
    """

    def __init__(self, account_client: Any, runtime_client: Any = None) -> None:
        self.account_client = account_client
        self.runtime_client = runtime_client

    def __repr__(self) -> str:
        return f"<OldestJobs({self.account_client!r})>"

    @property
    def params(self) -> Any:
        """The URL and the credentials of the account; ``None`` if the account client has none."""
        return getattr(self.account_client, "params", None)

    def job_get(self, job_id: str, exclude_params: bool = False) -> bytes:
        """Return the job reply, in the format of other jobs.

        Raises:
            RequestFailed: If the service refused or could not be reached, or its reply cannot be read.
        """
        return _read(oldest_replies.job_reply(self.account_client.job_get(job_id), exclude_params=exclude_params))

    def job_metadata(self, job_id: str) -> bytes:
        """Return the metrics reply: the times of the steps and the place in the queue. Raises like :meth:`job_get`."""
        return _read(oldest_replies.metrics_reply(self.account_client.job_get(job_id)))

    def job_results(self, job_id: str) -> bytes | str:
        """Return the body of the result, from the object store. Raises like :meth:`job_get`."""
        body: bytes | str = self.account_client.job_result(job_id)
        return body

    def job_type(self, job_id: str) -> str:
        """Return ``"IQX"``."""
        del job_id
        return oldest_replies.IQX

    def job_logs(self, job_id: str) -> str:
        """Raise RequestFailed: the account's API has no logs."""
        raise RequestFailed(Unsupported(f"read the log of job {job_id}", "the oldest jobs have no log"))

    def backend_properties(self, backend_name: str, datetime: Any = None) -> Any:
        """Return the properties of a backend at a time, from the client of all other jobs."""
        doing = f"read the properties of backend {backend_name}"
        return self._other(None, "backend_properties", doing)(backend_name, datetime=datetime)

    def job_cancel(self, job_id: str) -> Any:
        """Request the cancellation of a job: from the account client if it can, else from the client of other jobs."""
        return self._other(self.account_client, "job_cancel", f"cancel job {job_id}")(job_id)

    def update_tags(self, job_id: str, tags: Sequence[str]) -> Any:
        """Replace the job's tags, through the client of all other jobs."""
        return self._other(None, "update_tags", f"tag job {job_id}")(job_id, list(tags))

    def jobs_get(
        self,
        limit: int | None = None,
        skip: int | None = None,
        descending: bool = True,
        backend_name: str | None = None,
        pending: bool | None = None,
        job_tags: Sequence[str] | None = None,
        created_after: Any = None,
        created_before: Any = None,
        hgp: str | None = None,
    ) -> bytes:
        """Return one page of the oldest jobs. Raises like :meth:`job_get`."""
        given = {
            **({} if hgp is None else dict(zip(("hub", "group", "project"), hgp.split("/"), strict=False))),
            "backend": backend_name,
            "pending": pending,
            "job_tags": None if job_tags is None else list(job_tags),
            "created_after": None if created_after is None else created_after.isoformat(),
            "created_before": None if created_before is None else created_before.isoformat(),
        }
        page = self.account_client.list_jobs(
            limit=limit or 10,
            skip=skip or 0,
            descending=descending,
            extra_filter={name: value for name, value in given.items() if value is not None},
        )
        return _read(oldest_replies.page_reply(page))

    def _other(self, first: Any, method: str, doing: str) -> Any:
        found = getattr(first, method, None) or getattr(self.runtime_client, method, None)
        if found is None:
            name = type(self.account_client).__name__
            raise RequestFailed(Unsupported(doing, f"neither the client, a {name}, nor another one has {method}()"))
        return found


def _read(read: Result[_T, Any]) -> _T:
    if isinstance(read, Success):
        found: _T = read.unwrap()
        return found
    failure: Failure = read.failure()
    raise RequestFailed(failure)
