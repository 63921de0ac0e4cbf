"""Export a store to a folder of Parquet files, and a manifest that lists them.

Jobs are sorted by their time of creation. A segment is a range of jobs in this order; it has one file in each
partition. The files of a segment are renamed to their final names when all of them are written, and the manifest lists
them after that. If a process is killed, the next export deletes the files that the manifest does not list, and
continues. The manifest has a digest of the jobs of each segment. A segment is written again if one of its jobs was
changed, added or deleted.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias
from urllib.parse import quote

import msgspec
from attrs import frozen

from ibm_circuit_job.clients import private_files
from ibm_circuit_job.errors import IBMBackendValueError, JobStoreDamagedError, JobStoreError
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.store.frames import Item, Kind, TableFile, Tables, is_enough, items_of, weight
from ibm_circuit_job.wire.circuit_rows import CircuitRow

FORMAT: Final = 1
"""The version of the format of the manifest."""
MANIFEST: Final = "_manifest.json"
"""The name of the manifest. Programs that read folders of Parquet ignore names with a leading underscore."""
_MOST_JOBS: Final = 20_000
"""The most jobs in a segment."""
_MOST_OUTCOMES: Final = 10_000_000
"""A segment ends with the job that makes it have this many outcomes."""
_MOST_FILES: Final = 50
"""A segment ends with the job that makes it have this many files, which are open at once."""
_NONE: Final = "__HIVE_DEFAULT_PARTITION__"
"""Hive's name for the partition of rows without a value."""
_OURS: Final = re.compile(r"part-\d{6}\.parquet|\.part-\d{6}\.parquet\..*")
Cursor: TypeAlias = tuple[int, str]
"""A position in the order of jobs: the time of creation in microseconds since 1970, UTC, and the ID."""
Listed: TypeAlias = tuple[int, str, str]
"""A job in that order: time of creation, ID, and the digest of its row."""


class Jobs(Protocol):
    """The jobs to export."""

    def page(self, after: Cursor | None, until: Cursor | None) -> Sequence[Listed]:
        """Return the next jobs after one position, up to another and including it; empty at the end."""

    def whole(self, job_id: str) -> Iterable[Job]:
        """Return a job with its bodies; empty if the job cannot be read or was deleted."""


class _Segment(msgspec.Struct, frozen=True):
    """A range of jobs, and the files that have their rows."""

    last: Cursor
    """The position of its last job. The segment begins after the last job of the segment before."""
    digest: str
    """The SHA-256 of the IDs and digests of its jobs."""
    is_full: bool
    """Whether later jobs go into a new segment."""
    files: dict[str, int]
    """Path relative to the folder -> number of rows."""


class _Manifest(msgspec.Struct):
    """The contents of the manifest."""

    format: int
    options: dict[str, Any]
    """The arguments of the export."""
    number: int
    """The number of the next segment."""
    segments: list[_Segment]


def checked_partitions(partition_by: Any) -> tuple[str, ...]:
    """Return the columns to partition by, as a tuple without duplicates.

    Args:
        partition_by: The name of a column, or a list of names: ``"backend"``, ``"year"``, ``"month"`` or ``"day"``.

    Raises:
        IBMBackendValueError: If a name is none of these.
    """
    listed = (partition_by,) if isinstance(partition_by, str) else partition_by
    if not isinstance(listed, (list, tuple)) or any(each not in [*_PARTITIONS] for each in listed):
        known = ", ".join(map(repr, _PARTITIONS))
        raise IBMBackendValueError(f"expected partition_by to be one or several of {known}, got {partition_by!r}")
    return tuple(dict.fromkeys(listed))


def _created(pattern: str) -> Callable[[CircuitRow], str | None]:
    def of(row: CircuitRow) -> str | None:
        return None if row.created is None else row.created.strftime(pattern)

    return of


_PARTITIONS: Final[Mapping[str, Callable[[CircuitRow], str | None]]] = {
    "backend": lambda row: row.backend,
    "year": _created("%Y"),
    "month": _created("%Y-%m"),
    "day": _created("%Y-%m-%d"),
}


def export(jobs: Jobs, folder: Path, partitions: Sequence[str], kind: Kind, filters: Mapping[str, Any]) -> int:
    """Write the rows of jobs to files in a folder, or update the files of an earlier export.

    Args:
        jobs: The jobs.
        folder: The folder. It must be empty, not exist, or contain an export with the same arguments.
        partitions: The columns to partition by, the outermost folder first.
        kind: What a row is, ``"circuit"`` or ``"shot"``.
        filters: The filters that chose the jobs, as plain values for the manifest.

    Returns:
        The number of rows in all files.

    Raises:
        ImportError: If pyarrow is not installed; the message names the extra.
        JobStoreError: If the folder cannot be used, or the store cannot be read. Complete segments stay.
        JobStoreDamagedError: If the manifest is damaged.
    """
    tables = Tables(kind, left_out=partitions)
    options = {"rows": kind, "partition_by": list(partitions), **filters}
    try:
        manifest = _opened(folder, options)
        exporter = _Exporter(jobs, folder, tuple(partitions), kind, tables, manifest)
        exporter.remove_unnamed()
        exporter.bring_up_to_date()
    except OSError as error:
        named = "" if error.filename is None else f"{error.filename}: "
        raise JobStoreError(f"could not export to {folder}: {named}{error.strerror or error}") from None
    return sum(sum(segment.files.values()) for segment in manifest.segments)


def _opened(folder: Path, options: dict[str, Any]) -> _Manifest:
    private_files.make_folder(folder)
    file = folder / MANIFEST
    if not file.exists():
        if any(not path.name.startswith(f".{MANIFEST}.") for path in folder.iterdir()):
            raise JobStoreError(
                f"could not export to {folder}: expected a path at which there is nothing yet, an empty folder, or an "
                f"earlier export; this folder has no {MANIFEST}"
            )
        manifest = _Manifest(FORMAT, options, 0, [])
        _save(folder, manifest)
        return manifest
    try:
        manifest = msgspec.json.decode(file.read_bytes(), type=_Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise JobStoreDamagedError(f"{file} is damaged: {error}; move the folder away and export again") from None
    if manifest.format != FORMAT:
        raise JobStoreError(
            f"{file} has format {manifest.format}, and this version of ibm-circuit-job reads format {FORMAT}; "
            "export to another folder"
        )
    other = [name for name in options if manifest.options.get(name) != options[name]]
    if other:
        said = ", ".join(f"{name}={manifest.options.get(name)!r}" for name in other)
        raise JobStoreError(
            f"could not export to {folder}: it was exported with {said}; give the same arguments, or another folder"
        )
    return manifest


def _save(folder: Path, manifest: _Manifest) -> None:
    descriptor, unfinished = private_files.open_temporary(folder / MANIFEST)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(manifest)))
            file.flush()
            os.fsync(file.fileno())
        Path(unfinished).replace(folder / MANIFEST)
    finally:
        Path(unfinished).unlink(missing_ok=True)


@frozen
class _Exporter:
    """One export. The manifest lists what is complete at any time."""

    jobs: Jobs
    folder: Path
    partitions: tuple[str, ...]
    kind: Kind
    tables: Tables
    manifest: _Manifest

    def remove_unnamed(self) -> None:
        """Delete the files of an interrupted export, which the manifest does not list."""
        named = {self.folder / path for segment in self.manifest.segments for path in segment.files}
        for path in self.folder.rglob("*"):
            if _OURS.fullmatch(path.name) and path not in named:
                path.unlink(missing_ok=True)
        for unfinished in self.folder.glob(f".{MANIFEST}.*"):
            unfinished.unlink(missing_ok=True)

    def bring_up_to_date(self) -> None:
        """Write the segments that are missing, and those whose jobs have changed since the manifest was written."""
        index, after = 0, None
        while index < len(self.manifest.segments):
            segment = self.manifest.segments[index]
            until = segment.last if segment.is_full else None
            if self._digest(after, until) != segment.digest or not self._has_files(segment):
                index = self._write_range(index, after, until, in_place_of=segment)
            else:
                index += 1
            after = self.manifest.segments[index - 1].last if index else None
        if not self.manifest.segments or self.manifest.segments[-1].is_full:
            self._write_range(index, after, None)

    def _has_files(self, segment: _Segment) -> bool:
        return all((self.folder / path).is_file() for path in segment.files)

    def _digest(self, after: Cursor | None, until: Cursor | None) -> str:
        digest = hashlib.sha256()
        for job in self._listed(after, until):
            _add(digest, job)
        return digest.hexdigest()

    def _listed(self, after: Cursor | None, until: Cursor | None) -> Iterator[Listed]:
        while page := self.jobs.page(after, until):
            yield from page
            after = page[-1][:2]

    def _write_range(
        self, index: int, after: Cursor | None, until: Cursor | None, *, in_place_of: _Segment | None = None
    ) -> int:
        """Write the segments of a range of jobs, and return the index of the segment after them."""
        listed = self._listed(after, until)
        for first in listed:
            segment = self._written(first, listed, until)
            self._record(index, in_place_of, [segment])
            index, in_place_of = index + 1, None
        if in_place_of is not None:
            # All its jobs were deleted.
            self._record(index, in_place_of, [])
        return index

    def _record(self, index: int, in_place_of: _Segment | None, segments: list[_Segment]) -> None:
        """Add segments to the manifest, and delete the files of the segment that they replace."""
        self.manifest.segments[index : index if in_place_of is None else index + 1] = segments
        _save(self.folder, self.manifest)
        for path in () if in_place_of is None else in_place_of.files:
            (self.folder / path).unlink(missing_ok=True)

    def _written(self, first: Listed, others: Iterator[Listed], until: Cursor | None) -> _Segment:
        """Write one segment: the first job, and others until the segment is full."""
        name = f"part-{self.manifest.number:06d}.parquet"
        self.manifest.number += 1
        digest, jobs, outcomes, is_full = hashlib.sha256(), 0, 0, True
        with ExitStack() as stack:
            sinks: dict[str, TableFile] = {}
            buffer = _Buffer()
            job: Listed | None = first
            while job is not None:
                last = job
                _add(digest, job)
                jobs += 1
                for item in self._items(job[1]):
                    buffer.add(self._partition(item), item)
                    outcomes += weight(item)
                    if buffer.is_full:
                        self._flush(buffer, sinks, stack, name)
                files_open = len(sinks | buffer.items.keys())
                if jobs >= _MOST_JOBS or outcomes >= _MOST_OUTCOMES or files_open >= _MOST_FILES:
                    break
                job = next(others, None)
            else:
                is_full = until is not None
            self._flush(buffer, sinks, stack, name)
            for sink in sinks.values():
                sink.finish()
        files = {path: sink.rows for path, sink in sinks.items()}
        return _Segment(last[:2], digest.hexdigest(), is_full, files)

    def _items(self, job_id: str) -> Iterator[Item]:
        for job in self.jobs.whole(job_id):
            yield from items_of(job, self.kind)

    def _partition(self, item: Item) -> str:
        """The folder of the partition of a row, relative to the folder of the export."""
        row = item if isinstance(item, CircuitRow) else item.circuit
        said = ((name, _PARTITIONS[name](row)) for name in self.partitions)
        return "".join(f"{name}={quote(value, safe='') if value else _NONE}/" for name, value in said)

    def _flush(self, buffer: _Buffer, sinks: dict[str, TableFile], stack: ExitStack, name: str) -> None:
        for partition, items in buffer.emptied().items():
            path = f"{partition}{name}"
            if path not in sinks:
                private_files.make_folder((self.folder / path).parent)
                sinks[path] = stack.enter_context(TableFile(self.folder / path, self.tables))
            sinks[path].write(items)


class _Buffer:
    """Rows that are not written yet, by partition."""

    def __init__(self) -> None:
        self.items: dict[str, list[Item]] = {}
        self._count = self._outcomes = 0

    @property
    def is_full(self) -> bool:
        """Whether to write the rows before more are read."""
        return is_enough(self._count, self._outcomes)

    def add(self, partition: str, item: Item) -> None:
        """Add a row, or some shots."""
        self.items.setdefault(partition, []).append(item)
        self._count += 1
        self._outcomes += weight(item)

    def emptied(self) -> dict[str, list[Item]]:
        """Return the rows, and empty the buffer."""
        items, self.items = self.items, {}
        self._count = self._outcomes = 0
        return items


def _add(digest: Any, job: Listed) -> None:
    digest.update(f"{job[1]} {job[2]}\n".encode(errors="surrogateescape"))
