"""The members of a provider that list and find jobs, in the service and in the store.

Which jobs fit a filter is decided in ``state.selection``.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from qiskit.providers.jobstatus import JobStatus
from returns.io import IOFailure, IOResult
from returns.result import Success

from ibm_circuit_job import clients, effects, threads, wire
from ibm_circuit_job.account.backends_of_account import BackendsOfAccount
from ibm_circuit_job.clients.foreign import adapted
from ibm_circuit_job.effects import PAGE
from ibm_circuit_job.errors import (
    Failure,
    IBMBackendValueError,
    IBMJobApiError,
    IBMJobListingError,
    IBMJobNotFoundError,
    JobStoreError,
    Unreachable,
    describe,
    to_exception,
)
from ibm_circuit_job.job import stored
from ibm_circuit_job.job.circuit_job import IBMCircuitJob
from ibm_circuit_job.job.job_list import JobList
from ibm_circuit_job.state.composite import ID_PREFIX
from ibm_circuit_job.state.job import Job

if TYPE_CHECKING:
    from ibm_circuit_job.account.backend import IBMBackend
    from ibm_circuit_job.clients import RuntimeClient
    from ibm_circuit_job.clients.oldest_jobs import OldestJobs
    from ibm_circuit_job.state.selection import WantedJobs
    from ibm_circuit_job.store import RecordStore

_logger: Final = logging.getLogger("ibm_circuit_job.account.provider")  # all parts of a provider log here


class JobsOfAccount(BackendsOfAccount):
    """The jobs of an account."""

    def jobs(
        self,
        limit: int | None = 10,
        skip: int = 0,
        backend_name: str | None = None,
        status: str | JobStatus | Sequence[str | JobStatus] | None = None,
        start_datetime: datetime | None = None,
        end_datetime: datetime | None = None,
        job_tags: list[str] | None = None,
        descending: bool = True,
        instance: str | None = None,
        legacy: bool = False,
        *,
        offline: bool = False,
    ) -> list[IBMCircuitJob]:
        """Return the jobs of the account that match the arguments.

        Only jobs that run circuits are listed. One request lists 200 jobs. A notebook shows the list as a table.
        Source: ``GET /jobs``.

        Args:
            limit: The largest number of jobs to return; ``None`` for all.
            skip: How many matching jobs to leave out at the beginning.
            backend_name: Only jobs of this backend.
            status: Only jobs with this status, or one of these; ``"pending"`` for jobs that have not ended,
                ``"completed"`` for jobs that have ended.
            start_datetime: Only jobs created at this time or later. A time without a zone is in the machine's zone.
            end_datetime: Only jobs created at this time or earlier. A time without a zone is in the machine's zone.
            job_tags: Only jobs that have all of these tags.
            descending: Whether the newest jobs come first.
            instance: Only jobs of this ``hub/group/project``; the provider's by default.
            legacy: Only jobs of ``qiskit-ibmq-provider``, from 2018 to 2023. IBM Quantum Platform has none of them, so
                the list is empty there, with a warning. A local service has those of ``LocalService.age_job()``.
            offline: Whether to list jobs from the store, without a request. They are those of this service.

        Returns:
            Handles on the jobs.

        Raises:
            IBMBackendValueError: If an argument is wrong; the message says what would be right.
            IBMJobListingError: If the service refused or could not be reached. It is an ``IBMJobApiError`` and an
                ``IBMBackendApiError``.
            JobStoreError: With ``offline``, if there is no store, or it cannot be read.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> with IBMProvider.local() as provider:
            ...     provider.jobs(limit=None, status="completed", job_tags=["bell"])
            []
        """
        if offline:
            if instance not in {None, self._checked or self._parameters.instance}:
                raise IBMBackendValueError(f"expected instance to be the provider's own offline, got {instance!r}")
            unread = self._needed_store().unread_records(
                limit,
                skip,
                backend_name,
                status,
                start_datetime,
                end_datetime,
                job_tags,
                descending,
                service=self.service,
            )
            handles = IBMCircuitJob.from_listing(
                unread,
                store=self._needed_store(),
                api_client=self.account_client,
                runtime_client=self.runtime_client,
                find_backend=lambda job: self._backend_of_job(job.backend),
            )
            return JobList(handles)
        from ibm_circuit_job.state.selection import wanted_jobs, wanted_text  # noqa: PLC0415 - loaded with the first listing

        wanted = wanted_jobs(limit, skip, status, start_datetime, end_datetime, job_tags)
        backend_name = wanted_text("backend_name", backend_name)
        hgp = self._instance(instance, IBMJobListingError)
        client: RuntimeClient | OldestJobs = self._oldest_jobs if legacy else self.runtime_client
        if legacy and not clients.oldest_jobs.has_oldest_jobs(self.account_client):
            warnings.warn(_NO_LEGACY_JOBS, stacklevel=2)
            return JobList()
        if limit == 0:
            return JobList()
        pages = self._pages(
            client,
            wanted,
            # Whole pages if this method filters the jobs by their status.
            PAGE if limit is None or wanted.statuses else min(PAGE, limit + skip),
            backend_name=backend_name,
            # The account's API lists the jobs of all instances, unless one is named.
            hgp=instance if legacy else hgp,
            descending=descending,
        )
        fitting = (job for page in pages for job in page if wanted.fits(job))
        # Pages are requested only until there are enough jobs.
        last = sys.maxsize if limit is None else min(skip + limit, sys.maxsize)
        found = list(islice(fitting, min(skip, last), last))
        # A backend is requested when a handle first needs it, once for all handles. The listing itself requests none.
        backend_named = cache(self._backend_of_job)

        def find_backend(seen: Job) -> IBMBackend | None:
            return backend_named(seen.backend)

        if self.store is None:
            for job in found:
                if job.status is not None:
                    threads.following.warn_of_unknown_status(job.status)
            return JobList(
                IBMCircuitJob.from_listing(
                    found,
                    api_client=self.account_client,
                    runtime_client=self.runtime_client,
                    find_backend=find_backend,
                )
            )
        saved = self._save_all(found)
        return JobList(self.handle_on(job, None, saved.get(job.job_id), find_backend=find_backend) for job in found)

    @property
    def _oldest_jobs(self) -> OldestJobs:
        return clients.oldest_jobs.OldestJobs(self.account_client, self.runtime_client)

    def _pages(
        self, client: RuntimeClient | OldestJobs, wanted: WantedJobs, first: int, **filters: Any
    ) -> Iterator[list[Job]]:
        """Yield the pages of the service's listing. Each job is on one page only.

        Args:
            client: The client that sends the requests.
            wanted: The filters that the service applies.
            first: The largest number of jobs on the first page.
            **filters: Further arguments of the listing.
        """
        seen: set[str] = set()
        offset = 0
        while True:
            page = effects.value(
                effects.fetch_job_page(
                    client,
                    limit=PAGE if offset else first,
                    skip=offset,
                    pending=wanted.pending,
                    job_tags=wanted.tags,
                    created_after=wanted.created_after,
                    created_before=wanted.created_before,
                    **filters,
                ),
                IBMJobListingError,
            )
            for wrong in page.unreadable:
                _logger.warning("A job is left out: %s", describe(wrong))
            # A job that was submitted between two pages moves the others, so some are listed twice.
            fresh = {job.job_id: job for job in page.jobs if job.job_id not in seen}
            seen.update(fresh)
            yield list(fresh.values())
            offset += len(page.jobs) + len(page.unreadable)
            if not fresh or (page.count is not None and offset >= page.count):
                return

    def resume(self) -> list[IBMCircuitJob]:
        """Return the unfinished jobs of the store, for example after a crash or on another day.

        These are the jobs of this service that had not ended when they were last saved. DONE jobs are among them if
        the store saw them before they ended, and does not have their result.

        The current statuses take about N / 200 requests, and one more for each job that the service does not list. Jobs
        that the service does not know, or refuses to describe, are left out, with a warning in the log.

        Returns:
            Handles, the oldest jobs first. A notebook shows the list as a table.

        Raises:
            JobStoreError: If the provider has no store, or it cannot be read.
            IBMJobApiError: If the service could not be reached, or refuses to describe any of the jobs.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> import tempfile
            >>> from ibm_circuit_job import JobStore
            >>> with tempfile.TemporaryDirectory() as folder, JobStore(f"{folder}/jobs.sqlite") as store:
            ...     with IBMProvider.local(store=store) as provider:
            ...         provider.resume()
            []
        """
        self._online(IBMJobApiError)
        handles = [self._stored_handle(record) for record in self._needed_store().unfinished(service=self.service)]
        from ibm_circuit_job.job.watch import refresh_known  # noqa: PLC0415 - loaded on first use

        return JobList(refresh_known(handles))

    def _needed_store(self) -> RecordStore:
        if self.store is None:
            raise JobStoreError("this provider has no store: give it one, as in IBMProvider(store=JobStore())")
        return self.store

    def _stored_handle(self, record: Job) -> IBMCircuitJob:
        """Return a handle on a job of the store, without a request."""
        return IBMCircuitJob.from_store(
            self._needed_store(),
            record,
            api_client=self.account_client,
            runtime_client=self.runtime_client,
            find_backend=lambda job: self._backend_of_job(job.backend),
        )

    def _save_all(self, seen: Sequence[Job]) -> Mapping[str, Job]:
        """Save the records of many jobs, and return what the store has afterwards: job ID -> record."""
        if self.store is None:
            return {}
        saved = stored.value_or_warn(stored.stored_records(self.store, [job.job_id for job in seen]))
        if saved is None:
            return {}
        from ibm_circuit_job.state.transitions import merge, news  # noqa: PLC0415 - loaded on first use

        found = (news(saved.get(job.job_id, Job(job.job_id)), job) for job in seen)
        pending = [job for job in found if job is not None]
        written = effects.perform(stored.save_all(self.store, pending, service=self.service))
        if isinstance(written, Success):
            return {job.job_id: merge(saved.get(job.job_id, job), job) for job in seen}
        stored.warn_of_store(written.failure())
        return saved

    def retrieve_job(self, job_id: str) -> IBMCircuitJob:
        """Return a handle on a job, from one request. Its result and circuits are not read.

        A job that has ended and is in the store needs no request. If the service cannot be reached, the handle has the
        store's record of the job. Source: ``GET /jobs/ID?exclude_params=true``.

        Args:
            job_id: The job's ID on the service.

        Raises:
            IBMJobNotFoundError: If the service knows no such job.
            IBMJobListingError: If the service refused or could not be reached. It is an ``IBMJobApiError`` and an
                ``IBMBackendApiError``.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> from qiskit import QuantumCircuit
            >>> with IBMProvider.local(store=None) as provider:
            ...     job = provider.get_backend("local_simulator").run(QuantumCircuit(1, 1), job_tags=["empty"])
            ...     provider.retrieve_job(job.job_id()).tags()
            ['empty']
        """
        if type(job_id) is not str or not job_id.isprintable() or not job_id:
            raise IBMJobNotFoundError(f"expected the ID of a job, got {job_id!r}")
        if job_id.startswith(ID_PREFIX):
            raise IBMJobNotFoundError(
                f"{job_id} is the ID of a composite job: provider.backend.retrieve_job() makes one of its jobs"
            )
        saved = None if self.store is None else stored.value_or_warn(stored.stored_record(self.store, job_id))
        if saved is not None and saved.is_confirmed_final:
            return self._stored_handle(saved)
        reply = effects.perform(effects.fetch_job(self.runtime_client, job_id).lash(partial(self._oldest_job, job_id)))
        if not isinstance(reply, Success):
            failure = reply.failure()
            if saved is None or not isinstance(failure, Unreachable):
                raise to_exception(failure, IBMJobListingError)
            _logger.warning("Job %s was loaded from the store: %s", job_id, describe(failure))
            return self._stored_handle(saved)
        job = reply.unwrap()
        return self.handle_on(job, self._backend_of_job(job.backend), saved)

    def _oldest_job(self, job_id: str, failure: Failure) -> IOResult[Job, Failure]:
        """Request one of the oldest jobs, which only the account's API has; return *failure* for any other job."""
        if failure.http_status != HTTPStatus.NOT_FOUND or not clients.oldest_jobs.has_oldest_jobs(self.account_client):
            return IOFailure(failure)
        if effects.perform(adapted(self.runtime_client).job_type(job_id)).value_or(None) != wire.oldest_replies.IQX:
            return IOFailure(failure)
        return effects.fetch_job(self._oldest_jobs, job_id)


_NO_LEGACY_JOBS: Final = (
    "legacy=True: the jobs of qiskit-ibmq-provider were on IBM Quantum Platform Classic, which IBM switched off in "
    "July 2025; on IBM Quantum Platform, no service lists them"
)
