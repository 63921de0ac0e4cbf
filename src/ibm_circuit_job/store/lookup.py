"""StoreLookup: finds the IDs and services of the jobs in a store, without reading their records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sql

from ibm_circuit_job.errors import JobStoreError
from ibm_circuit_job.store import schema
from ibm_circuit_job.store.opening import OpenStore
from ibm_circuit_job.store.statements import portions


class StoreLookup(OpenStore):
    """A store that finds the IDs and services of jobs. ``StoreReader`` also reads their records."""

    def ids_like(self, beginning: str, limit: int = 10) -> list[str]:
        """Return the IDs of jobs that begin with a text, in alphabetical order.

        Args:
            beginning: The first characters of an ID, at least one.
            limit: The most IDs to return.

        Raises:
            JobStoreError: If the store cannot be read, or *beginning* is empty or no string.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job import Job
            >>> from ibm_circuit_job.store import RecordStore
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save_all([Job("cq1x"), Job("cq2y"), Job("d")])
            ...     store.ids_like("cq")
            ['cq1x', 'cq2y']
        """
        check_id(beginning)
        job_id = schema.jobs.c.job_id
        # Not LIKE, which ignores case in SQLite.
        begins = sql.func.substr(job_id, 1, len(beginning)) == beginning
        query = sql.select(job_id).where(begins).order_by(job_id).limit(limit)
        return self._database.read("look up jobs", lambda connection: [*connection.execute(query).scalars()])

    def services_of(self, job_ids: Iterable[str]) -> dict[str, str]:
        """Return the services that have some jobs: job ID -> service, as ``IBMProvider.service`` names it.

        Jobs that are not in the store, or whose service is unknown, are left out.

        Args:
            job_ids: The IDs of the jobs.

        Raises:
            JobStoreError: If the store cannot be read, or an ID is empty or no string.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job import Job
            >>> from ibm_circuit_job.store import RecordStore
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x"), service="this machine")
            ...     store.services_of(["cq1x", "another"])
            {'cq1x': 'this machine'}
        """
        listed = checked_ids(job_ids)
        jobs = schema.jobs.c

        def work(connection: sql.Connection) -> dict[str, str]:
            found: dict[str, str] = {}
            for wanted in portions(dict.fromkeys(listed)):
                query = sql.select(jobs.job_id, jobs.service).where(jobs.job_id.in_(wanted))
                found.update({row.job_id: row.service for row in connection.execute(query) if row.service})
            return found

        return self._database.read("look up jobs", work)


def check_id(job_id: Any) -> None:
    """Check that a value can be the ID of a job.

    Raises:
        JobStoreError: If it is empty or no string.

    Example:
        >>> check_id("cq1x")
    """
    if not isinstance(job_id, str) or not job_id:
        raise JobStoreError(f"expected the ID of a job, got {job_id!r}")


def checked_ids(job_ids: Any) -> list[str]:
    """Return the IDs of jobs as a list.

    Raises:
        JobStoreError: If the argument is no iterable, or an ID is empty or no string.

    Example:
        >>> checked_ids(("cq1x", "cq2y"))
        ['cq1x', 'cq2y']
    """
    if not isinstance(job_ids, Iterable):
        raise JobStoreError(f"expected a list of IDs of jobs, got {job_ids!r}")
    listed = list(job_ids)
    for job_id in listed:
        check_id(job_id)
    return listed
