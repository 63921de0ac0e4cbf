"""OldestJobs: a client of the jobs that ``job_type`` calls ``IQX``, which the account's own API has.

It has the methods of a client of jobs, so that a handle, an effect or a wait uses it as any other. It asks the account
client, ours or that of ``qiskit-ibm-provider``, and renames what that answers.
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

    It is asked of its class: a ``MagicMock`` has every attribute that is looked up.

    Example:
        >>> has_oldest_jobs(None)
        False
    """
    return isinstance(getattr(type(account_client), "job_result", None), FunctionType)


class OldestJobs:
    """A client of the oldest jobs of an account.

    Args:
        account_client: Our ``AccountClient``, that of ``qiskit-ibm-provider``, or one with some of its methods.
        runtime_client: The client of all other jobs: it replaces tags. ``None`` where there is none.

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
        """Where the service is, and how to prove who we are, where the account's client says it."""
        return getattr(self.account_client, "params", None)

    def job_get(self, job_id: str, exclude_params: bool = False) -> bytes:
        """Return the job reply, as the service gives those of other jobs.

        Raises:
            RequestFailed: If the service refused, could not be reached, or what it answered cannot be read.
        """
        return _read(oldest_replies.job_reply(self.account_client.job_get(job_id), exclude_params=exclude_params))

    def job_metadata(self, job_id: str) -> bytes:
        """Return the metrics reply: the times of the steps, and the place in the queue; raises as :meth:`job_get`."""
        return _read(oldest_replies.metrics_reply(self.account_client.job_get(job_id)))

    def job_results(self, job_id: str) -> bytes | str:
        """Return the body of the result, which lies in the object store."""
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
        """Return how good a backend was at a time, as the client of all jobs says it."""
        doing = f"read the properties of backend {backend_name}"
        return self._other(None, "backend_properties", doing)(backend_name, datetime=datetime)

    def job_cancel(self, job_id: str) -> Any:
        """Ask the service to cancel the job: the account's API, where its client can, else that of all jobs."""
        return self._other(self.account_client, "job_cancel", f"cancel job {job_id}")(job_id)

    def update_tags(self, job_id: str, tags: Sequence[str]) -> Any:
        """Replace the job's tags, with the client of all jobs."""
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
        """Return one page of the oldest jobs; raises as :meth:`job_get`."""
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
