"""StoreSurvey: reads many jobs of a store: sums of their usage, one job after another, and tables of their circuits."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, Literal

import sqlalchemy as sql
from attrs import frozen

from ibm_circuit_job.errors import IBMBackendValueError, JobStoreDamagedError
from ibm_circuit_job.state.facts import Fact, micros_of
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.selection import WantedJobs, wanted_jobs, wanted_text
from ibm_circuit_job.state.transitions import refresh
from ibm_circuit_job.store import exporting, frames, listing, schema, seals
from ibm_circuit_job.store.archive import folder_at
from ibm_circuit_job.store.reading import StoreReader
from ibm_circuit_job.store.schema import is_digest, key_of
from ibm_circuit_job.wire.circuit_rows import CircuitRow, circuit_rows

_logger: Final = logging.getLogger(__name__)
_DAY_ONE: Final = datetime(1, 1, 1, tzinfo=UTC)
_MICROS_PER_DAY: Final = timedelta(days=1) // timedelta(microseconds=1)
_FIRST_MICROS: Final = micros_of(_DAY_ONE)
_SEARCHED: Final = 20
"""The most jobs of a group that are read to find its name."""
_PAGE: Final = 500
"""The number of job IDs to read at once."""


@frozen
class _Group:
    """A way to group jobs."""

    key: Any
    """The column or expression. Each of its values is a group."""
    names: Callable[[Job, str], tuple[str | None, ...]] = lambda _job, _service: ()
    """Returns the texts in a record, or its service, for which the key may be the digest."""
    from_tags: bool = False
    """Whether the key is a column of the table ``tags``."""


class StoreSurvey(StoreReader):
    """A store that reads many jobs at once. ``RecordStore`` also writes them."""

    def usage(
        self,
        by: Literal["tag", "backend", "day", "instance"] = "tag",
        *,
        start_datetime: datetime | None = None,
        end_datetime: datetime | None = None,
        service: str | None = None,
    ) -> Mapping[str, float]:
        """Return the seconds of quantum time that the service charges for the jobs of this store, by group.

        The database computes the sums from the figures in the store. The figure of a job is 0 until the service reports
        its final charge. Groups without any figure are left out. A job with several tags counts in the group of each
        tag, so groups by tag may sum up to more than the total charge.

        Args:
            by: ``"tag"``, ``"backend"``, ``"instance"``, or ``"day"``: the day of creation in UTC.
            start_datetime: Only jobs created at this time or later. A time without a zone is in the machine's zone.
            end_datetime: Only jobs created at this time or before. A time without a zone is in the machine's zone.
            service: Only jobs on this service, as ``IBMProvider.service`` names it, and jobs with an unknown service.

        Returns:
            Name of the group -> seconds, sorted by name. The name of a day is like ``"2024-02-03"``. The name ``""``
            is for jobs without a tag, or with an unknown backend or instance.

        Raises:
            IBMBackendValueError: If an argument is wrong; the message says what would be right.
            JobStoreError: If the store cannot be read.

        Example:
            >>> import tempfile
            >>> from datetime import UTC, datetime
            >>> from ibm_circuit_job import Job, JobDetails
            >>> from ibm_circuit_job.store import RecordStore
            >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
            >>> charged = JobDetails(noon, created=noon, tags=["bell"], charged_seconds=2.5)
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x", details=charged))
            ...     store.usage(by="tag"), store.usage(by="day")
            ({'bell': 2.5}, {'2024-02-03': 2.5})
        """
        group = _GROUPS.get(str(by))
        if group is None:
            listed = ", ".join(map(repr, _GROUPS))
            raise IBMBackendValueError(f"expected by to be one of {listed}, got {by!r}")
        wanted = wanted_jobs(None, 0, None, start_datetime, end_datetime, None)
        service = wanted_text("service", service)

        def work(connection: sql.Connection) -> dict[str, float]:
            fitting = conditions(wanted, None, listing.services_like(connection, service))
            found: dict[str, float] = {}
            for key, seconds in connection.execute(_sums(group, fitting)):
                name = _day(key) if by == "day" else self._name(connection, group, str(key))
                found[name] = found.get(name, 0.0) + float(seconds)
            return dict(sorted(found.items()))

        return self._database.read("sum the usage of jobs", work)

    def _name(self, connection: sql.Connection, group: _Group, key: str) -> str:
        """The text for a key that is a digest, from a record that has this text; otherwise the key itself."""
        if not is_digest(key):
            return key
        jobs = schema.jobs
        query = sql.select(*(jobs.c[column] for column in (*seals.SEALED, "digest"))).where(group.key == key)
        if group.from_tags:
            query = query.join(schema.tags, schema.tags.c.job_id == jobs.c.job_id)
        for row in connection.execute(query.limit(_SEARCHED)).mappings():
            try:
                job = self._record(row)
            except JobStoreDamagedError:
                continue
            for name in group.names(job, row["service"] or ""):
                if key_of(name) == key:
                    return str(name)
        return key

    def each(
        self,
        backend_name: str | None = None,
        start_datetime: datetime | None = None,
        end_datetime: datetime | None = None,
        job_tags: list[str] | None = None,
        *,
        service: str | None = None,
    ) -> Iterator[Job]:
        """Yield each job that matches all filters, with the bodies of its inputs and its result, oldest first.

        Only one job is in memory at a time. Each is read in its own transaction, so a job that is saved during the
        iteration may be missing. A damaged body, or a job with a damaged record, is left out with a warning in the log.

        Args:
            backend_name: Only jobs on this backend.
            start_datetime: Only jobs created at this time or later. A time without a zone is in the machine's zone.
            end_datetime: Only jobs created at this time or before. A time without a zone is in the machine's zone.
            job_tags: Only jobs with all these tags.
            service: Only jobs on this service, as ``IBMProvider.service`` names it, and jobs with an unknown service.

        Raises:
            IBMBackendValueError: If an argument is wrong; the message says what would be right.
            JobStoreError: If the store cannot be read.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job import Job
            >>> from ibm_circuit_job.store import RecordStore
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save_all([Job("cq1x"), Job("cq2y")])
            ...     sorted(job.job_id for job in store.each())
            ['cq1x', 'cq2y']
        """
        wanted = wanted_jobs(None, 0, None, start_datetime, end_datetime, job_tags)
        backend, service = wanted_text("backend_name", backend_name), wanted_text("service", service)
        return self._each(wanted, backend, service)

    def to_pandas(
        self,
        backend_name: str | None = None,
        start_datetime: datetime | None = None,
        end_datetime: datetime | None = None,
        job_tags: list[str] | None = None,
        *,
        service: str | None = None,
    ) -> Any:
        """Return a ``pandas.DataFrame`` with a row for each circuit of the jobs that match, oldest job first.

        A circuit with several sets of parameters has a row for each set. A job without a result has one row, with
        ``None`` as ``counts``. No requests are sent. This needs the extra ``analysis``.

        Args:
            backend_name: As for :meth:`each`.
            start_datetime: As for :meth:`each`.
            end_datetime: As for :meth:`each`.
            job_tags: As for :meth:`each`.
            service: As for :meth:`each`.

        Returns:
            The table. Its columns are ``job_id``, ``circuit``, ``backend``, ``tags``, ``shots``, ``created`` (UTC),
            ``queue_seconds``, ``run_seconds``, ``usage_seconds``, ``counts``, ``status`` and ``calibration``.
            Each row of a job has the ``usage_seconds`` of the whole job.

        Raises:
            IBMBackendValueError: If an argument is wrong; the message says what would be right.
            JobStoreError: If the store cannot be read. Damaged parts are left out, with a warning in the log.
            ImportError: If pandas is not installed; the message names the extra.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job import Job
            >>> from ibm_circuit_job.store import RecordStore
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x"))
            ...     list(store.to_pandas()["job_id"])
            ['cq1x']
        """
        jobs = self.each(backend_name, start_datetime, end_datetime, job_tags, service=service)
        return frames.frame_of(_rows(jobs))

    def to_parquet(
        self,
        path: str | os.PathLike[str],
        backend_name: str | None = None,
        start_datetime: datetime | None = None,
        end_datetime: datetime | None = None,
        job_tags: list[str] | None = None,
        *,
        service: str | None = None,
        partition_by: Sequence[str] | None = None,
        rows: frames.Kind = "circuit",
    ) -> int:
        """Write the rows of :meth:`to_pandas`, or a row for each shot, to Parquet. One job is in memory at a time.

        Without *partition_by*, this writes one file, which appears when it is complete. An existing file is replaced.

        With *partition_by*, this writes files to subfolders, as ``backend=ibm_torino/month=2024-02``. The names of the
        subfolders replace these columns. A second call continues an interrupted export, and writes the jobs that have
        changed. Each file appears when it is complete. Only one program may export to a folder at a time.

        ``counts`` are a map, and ``tags`` a list. Only their owner can read the files and folders. This needs the
        extra ``analysis``.

        Args:
            path: The file. With *partition_by*, the folder: it must be empty, not exist, or contain an export with the
                same arguments.
            backend_name: As for :meth:`each`.
            start_datetime: As for :meth:`each`.
            end_datetime: As for :meth:`each`.
            job_tags: As for :meth:`each`.
            service: As for :meth:`each`.
            partition_by: Any of ``"backend"``, ``"year"``, ``"month"`` and ``"day"`` (of creation, in UTC), the
                outermost folder first; ``[]`` for files in the folder itself.
            rows: ``"circuit"``, or ``"shot"`` for the columns ``job_id``, ``circuit_number`` (from 0), ``circuit``,
                ``shot`` (from 0; null if only counts are known), ``outcome``, ``backend``, ``tags``, ``created``,
                ``status`` and ``calibration``.

        Returns:
            The number of rows, with those in files of earlier calls.

        Raises:
            IBMBackendValueError: If an argument is wrong; the message says what would be right.
            JobStoreError: If the store cannot be read, or a file cannot be written. An existing file stays then.
                Damaged parts are left out, with a warning in the log.
            JobStoreDamagedError: If the manifest of the folder is damaged.
            ImportError: If pyarrow is not installed; the message names the extra.

        Example:
            >>> import tempfile
            >>> from ibm_circuit_job import Job
            >>> from ibm_circuit_job.store import RecordStore
            >>> with tempfile.TemporaryDirectory() as folder, RecordStore(f"{folder}/jobs.sqlite") as store:
            ...     store.save(Job("cq1x"))
            ...     store.to_parquet(f"{folder}/circuits.parquet")
            ...     store.to_parquet(f"{folder}/circuits", partition_by=["backend", "month"])
            1
            1
        """
        frames.check_rows(rows)
        if partition_by is None:
            jobs = self.each(backend_name, start_datetime, end_datetime, job_tags, service=service)
            return frames.write_parquet((item for job in jobs for item in frames.items_of(job, rows)), path, rows)
        partitions = exporting.checked_partitions(partition_by)
        wanted = wanted_jobs(None, 0, None, start_datetime, end_datetime, job_tags)
        backend, service = wanted_text("backend_name", backend_name), wanted_text("service", service)
        filters = {
            "backend_name": backend,
            "start_datetime": None if wanted.created_after is None else wanted.created_after.isoformat(),
            "end_datetime": None if wanted.created_before is None else wanted.created_before.isoformat(),
            "job_tags": list(wanted.tags or ()),
            "service": service,
        }
        exported = _Exported(self, partial(self._page, wanted, backend, service))
        return exporting.export(exported, folder_at(path, "export tables to"), partitions, rows, filters)

    def _each(self, wanted: WantedJobs, backend: str | None, service: str | None) -> Iterator[Job]:
        last: tuple[int, str] | None = None
        while page := self._page(wanted, backend, service, last):
            for _, job_id, _ in page:
                yield from self._whole(job_id)
            last = page[-1][:2]

    def _page(
        self,
        wanted: WantedJobs,
        backend: str | None,
        service: str | None,
        last: tuple[int, str] | None,
        until: tuple[int, str] | None = None,
    ) -> list[tuple[int, str, str]]:
        """The moments, IDs and digests of the next jobs, sorted by moment and ID."""
        jobs = schema.jobs.c

        def work(connection: sql.Connection) -> list[tuple[int, str, str]]:
            query = sql.select(jobs.moment, jobs.job_id, jobs.digest).order_by(jobs.moment, jobs.job_id).limit(_PAGE)
            query = query.where(*conditions(wanted, backend, listing.services_like(connection, service)))
            if last is not None:
                query = query.where(sql.tuple_(jobs.moment, jobs.job_id) > sql.tuple_(*last))
            if until is not None:
                query = query.where(sql.tuple_(jobs.moment, jobs.job_id) <= sql.tuple_(*until))
            return [(moment, job_id, str(digest)) for moment, job_id, digest in connection.execute(query)]

        return self._database.read("list jobs", work)

    def _whole(self, job_id: str) -> Iterator[Job]:
        """A job without its damaged parts; empty if its record is damaged, or it was deleted meanwhile."""
        try:
            found = self.load(job_id)
        except JobStoreDamagedError:
            found = self._sound_parts(job_id)
        if found is not None:
            yield found

    def _sound_parts(self, job_id: str) -> Job | None:
        found = self.records_of([job_id]).get(job_id)
        readers: tuple[Callable[[str], Fact | None], ...] = (self.inputs, self.payload)
        for read in readers if found is not None else ():
            try:
                body = read(job_id)
            except JobStoreDamagedError as damage:
                _logger.warning("A part of job %s is left out: %s", job_id, damage)
            else:
                found = found if found is None or body is None else refresh(found, body)
        return found


@frozen
class _Exported:
    """The jobs to export, as ``exporting.Jobs``."""

    store: StoreSurvey
    page: Callable[[exporting.Cursor | None, exporting.Cursor | None], Sequence[exporting.Listed]]

    def whole(self, job_id: str) -> Iterator[Job]:
        """Return a job without its damaged parts."""
        return self.store._whole(job_id)  # noqa: SLF001 - of this module


def _rows(jobs: Iterator[Job]) -> Iterator[CircuitRow]:
    for job in jobs:
        yield from circuit_rows(job)


def conditions(wanted: WantedJobs, backend: str | None, services: set[str] | None) -> list[Any]:
    """Return the conditions of a query for jobs.

    Args:
        wanted: Filters by tags and time of creation. Its statuses are not used.
        backend: The name of a backend; ``None`` for any.
        services: The names of services, from ``listing.services_like``; ``None`` for any.
    """
    jobs, tags = schema.jobs.c, schema.tags.c
    keys = [key_of(tag) for tag in wanted.tags or ()]
    found: list[Any] = [sql.exists().where(tags.job_id == jobs.job_id, tags.tag == key) for key in keys]
    if backend is not None:
        found.append(jobs.backend == key_of(backend))
    if services is not None:
        found.append(jobs.service.in_(sorted(services)))
    if wanted.created_after is not None:
        found.append(jobs.moment >= micros_of(wanted.created_after))
    if wanted.created_before is not None:
        found.append(jobs.moment <= micros_of(wanted.created_before))
    return found


def _sums(group: _Group, fitting: list[Any]) -> sql.Select[Any]:
    """A query for the key of each group, and the sum of the seconds of its jobs that have a figure."""
    jobs, tags = schema.jobs, schema.tags
    query = sql.select(group.key, sql.func.sum(jobs.c.usage_seconds)).where(jobs.c.usage_seconds.is_not(None))
    if group.from_tags:
        query = query.select_from(jobs.outerjoin(tags, tags.c.job_id == jobs.c.job_id))
    return query.where(*fitting).group_by(group.key)


def _day(number: int) -> str:
    """A day as ``YYYY-MM-DD``, from its number since 0001-01-01."""
    return (_DAY_ONE + timedelta(days=number)).date().isoformat()


# The key "" is the group of jobs without a tag, or with an unknown name.
_GROUPS: Final[Mapping[str, _Group]] = {
    "tag": _Group(
        sql.func.coalesce(schema.tags.c.tag, sql.literal_column("''")), lambda job, _: job.tags, from_tags=True
    ),
    "backend": _Group(
        sql.func.coalesce(schema.jobs.c.backend, sql.literal_column("''")), lambda job, _: (job.backend,)
    ),
    # Counted from 0001-01-01: databases differ in the division of negative numbers.
    "day": _Group(
        (schema.jobs.c.moment - sql.literal_column(str(_FIRST_MICROS)))
        // sql.literal_column(str(_MICROS_PER_DAY), sql.BigInteger)
    ),
    "instance": _Group(
        sql.func.coalesce(schema.jobs.c.instance, sql.literal_column("''")),
        lambda _, service: (service.partition(" ")[2],),
    ),
}
