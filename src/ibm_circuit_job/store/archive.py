"""Archives: the jobs of a store as files that people, and all later versions, can read.

An archive is a folder. Its file ``jobs.jsonl`` has one line of JSON for each job, with the facts in the order in which
they arrived. The last line has the number of jobs. The subfolder ``bodies`` has the bodies of inputs and results,
unchanged, each in a file named after its SHA-256.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

import msgspec
from attrs import evolve, frozen
from returns.result import Success

from ibm_circuit_job.clients import private_files
from ibm_circuit_job.errors import JobStoreDamagedError, JobStoreError, describe
from ibm_circuit_job.state.facts import MOST_BYTES, Body, Fact
from ibm_circuit_job.state.job import BODIES, Job, slot_of
from ibm_circuit_job.state.transitions import refresh
from ibm_circuit_job.wire import records

FORMAT: Final = records.FORMAT
"""The version of the format of the lines."""


@frozen
class Archived:
    """One job of an archive."""

    job_id: str
    """The job's ID."""
    service: str | None
    """The service that has the job; ``None`` if unknown."""
    facts: tuple[Fact, ...]
    """The facts of the job, in the order in which they arrived."""


def folder_at(path: str | os.PathLike[str], doing: str) -> Path:
    """Return a path as a ``Path``, with ``~`` replaced by the home folder. Nothing is read or made.

    Args:
        path: The path of a folder.
        doing: What the folder is for, as in ``"export the store to"``; the error message says it.

    Raises:
        JobStoreError: If this cannot be the path of a folder.
    """
    shown = repr(str(path) if isinstance(path, os.PathLike) else path)
    try:
        folder = Path(path).expanduser()
        named = os.fsencode(folder)
    except (RuntimeError, TypeError, UnicodeEncodeError) as error:
        raise JobStoreError(f"could not {doing} {shown}: expected the path of a folder ({error})") from None
    if b"\0" in named:
        raise JobStoreError(f"could not {doing} {shown}: expected the path of a folder, without a null character")
    return folder


def write(folder: Path, jobs: Iterable[Archived]) -> int:
    """Write all jobs to a folder, or none of them.

    A new folder can be read by its owner only. An empty folder that exists is used as it is.

    Args:
        folder: The folder; it must be empty, or not exist.
        jobs: The jobs.

    Returns:
        The number of jobs.

    Raises:
        JobStoreError: If the path is not free or an empty folder, or cannot be written to.
    """
    target = Path(os.path.realpath(folder))
    try:
        is_there = _is_there(target)
        if not is_there:
            private_files.make_folder(target.parent)
        # Renamed when it is complete. An existing folder is not replaced: a process may be in it, a disk may be
        # mounted there, and its permissions are its owner's choice.
        unfinished = private_files.make_temporary_folder(target if is_there else target.parent, ".ibm-circuit-job-")
        try:
            count = _write_all(unfinished, jobs)
            if is_there:
                (unfinished / "bodies").rename(target / "bodies")
                # This file comes last: a folder is an archive if it has it.
                (unfinished / "jobs.jsonl").rename(target / "jobs.jsonl")
            else:
                unfinished.rename(target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except FileExistsError:
        raise JobStoreError(
            f"could not export the store to {folder}: expected a path at which there is nothing yet, or an empty folder"
        ) from None
    except OSError as error:
        raise JobStoreError(f"could not export the store to {folder}: {error.strerror or error}") from None
    return count


def _is_there(path: Path) -> bool:
    """Whether there is an empty folder; raise ``FileExistsError`` if there is anything else."""
    try:
        with os.scandir(path) as entries:
            is_empty = next(entries, None) is None
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        if not os.path.lexists(path):
            raise
        is_empty = False
    if not is_empty:
        raise FileExistsError
    return True


def _write_all(folder: Path, jobs: Iterable[Archived]) -> int:
    private_files.make_folder(folder / "bodies")
    written: set[str] = set()
    count = 0
    with _opened(folder / "jobs.jsonl") as lines:
        for job in jobs:
            count += 1
            for fact in job.facts:
                if isinstance(fact, Body) and (name := _name(fact)) not in written:
                    written.add(name)
                    with _opened(folder / name) as file:
                        file.write(fact.raw)
            lines.write(msgspec.json.encode(_line(job)) + b"\n")
        # A reader sees by this line that none is missing.
        lines.write(msgspec.json.encode({"format": FORMAT, "jobs": count}) + b"\n")
    return count


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a new file that only its owner can read; flush it to the disk at the end."""
    with os.fdopen(private_files.open_new(path), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _name(body: Body) -> str:
    """The path of the file of a body, relative to the folder."""
    kind = "json" if body.raw.lstrip()[:1] in {b"{", b"["} else "txt"
    return f"bodies/{body.sha256}.{kind}"


def _line(job: Archived) -> dict[str, Any]:
    known = refresh(Job(job.job_id), *job.facts)
    return {
        "format": FORMAT,
        "job_id": job.job_id,
        # For people. Only the facts are read again.
        "status": None if known.status is None else known.status.status.name,
        "tags": known.tags,
        "service": job.service,
        "facts": [_fact(job.job_id, fact) for fact in job.facts],
    }


def _fact(job_id: str, fact: Fact) -> dict[str, Any]:
    if isinstance(fact, Body):
        return {
            slot_of(fact): {
                "observed_at": fact.observed_at,
                "stamp": fact.stamp,
                "file": _name(fact),
                "size": len(fact.raw),
            }
        }
    slots = msgspec.json.decode(records.to_json(refresh(Job(job_id), fact)))["job"]
    return {slot: said for slot, said in slots.items() if said is not None and slot != "job_id"}


class _Line(msgspec.Struct):
    """Any line of ``jobs.jsonl``."""

    format: int


class _JobLine(_Line):
    """The line of a job."""

    job_id: str
    facts: list[dict[str, Any]]
    service: str | None = None


class _LastLine(_Line):
    """The last line, which has the number of jobs."""

    jobs: int


_LineT = TypeVar("_LineT", bound=_Line)


class _Body(msgspec.Struct):
    """The entry of a body in the line of its job."""

    observed_at: datetime
    file: str
    size: int
    stamp: int | None = None


def read(folder: Path) -> Iterator[Archived]:
    """Yield the jobs of an archive. Each is checked before it is yielded.

    Args:
        folder: The folder of the archive.

    Raises:
        JobStoreError: If there is no archive, if it cannot be read, or if its format is newer than this version.
        JobStoreDamagedError: If a line or a body differs from what was written, or jobs are missing.
    """
    path = folder / "jobs.jsonl"
    try:
        with _opened_to_read(path) as file:
            lines = iter(partial(file.readline, MOST_BYTES), b"")
            count, ahead = 0, next(lines, b"")
            for line in lines:
                count += 1
                yield _archived(folder, f"line {count} of {path}", ahead)
                ahead = line
    except OSError as error:
        raise JobStoreError(
            f"could not import the archive at {folder}: {error.filename or folder}: {error.strerror}"
        ) from None
    _check_last(path, ahead, count)


def _check_last(path: Path, line: bytes, count: int) -> None:
    try:
        said = _read_line(f"the last line of {path}", line, _LastLine).jobs
    except JobStoreDamagedError:
        raise JobStoreDamagedError(
            f"{path} is damaged: its last line does not say how many jobs there are, so some may be missing"
        ) from None
    if said != count:
        raise JobStoreDamagedError(f"{path} is damaged: its last line says {said} jobs, and it has {count}")


def _read_line(where: str, text: bytes, kind: type[_LineT]) -> _LineT:
    try:
        line = msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise JobStoreDamagedError(f"{where} is damaged: {error}") from None
    if line.format > FORMAT:
        raise JobStoreError(
            f"{where} has format {line.format}, and this version of ibm-circuit-job reads formats up to {FORMAT}; "
            "use a newer version"
        )
    return line


def _archived(folder: Path, where: str, text: bytes) -> Archived:
    line = _read_line(where, text, _JobLine)
    if not line.job_id or not line.job_id.isprintable():
        raise JobStoreDamagedError(f"{where} is damaged: expected the ID of a job, got {line.job_id!r}")
    facts: list[Fact] = []
    for said in line.facts:
        facts += _facts(folder, where, line, said)
    return Archived(line.job_id, line.service, tuple(facts))


def _facts(folder: Path, where: str, line: _JobLine, said: dict[str, Any]) -> Sequence[Fact]:
    for slot, kind in BODIES.items():
        if slot in said:
            return [_body(folder, where, kind, said[slot])]
    record = {"format": line.format, "job": {"job_id": line.job_id, **said}}
    read_back = records.from_json(msgspec.json.encode(record))
    if isinstance(read_back, Success):
        found: Job = read_back.unwrap()
        return found.facts
    raise JobStoreDamagedError(f"{where} is damaged: {describe(read_back.failure())}")


def _body(folder: Path, where: str, kind: type[Body], said: Any) -> Body:
    try:
        body = msgspec.convert(said, _Body)
    except msgspec.ValidationError as error:
        raise JobStoreDamagedError(f"{where} is damaged: {error}") from None
    if not _BODY.fullmatch(body.file) or body.observed_at.tzinfo is None:
        # A line could name any file of this machine.
        raise JobStoreDamagedError(
            f"{where} is damaged: expected a file in bodies, named after its SHA-256, and a time with a time zone"
        )
    path = folder / body.file
    try:
        seen = kind(body.observed_at, _raw(path, body.size))
        found = seen if body.stamp is None else evolve(seen, stamp=body.stamp)
    except OverflowError:
        raise JobStoreDamagedError(f"{where} is damaged: expected a time between the years 1 and 9999 UTC") from None
    if found.sha256 != path.stem:
        raise JobStoreDamagedError(f"{path} is damaged: its SHA-256 is not the one in its name")
    return found


_BODY: Final = re.compile(r"bodies/[0-9a-f]{64}\.[a-z]+")


def _raw(path: Path, size: int) -> bytes:
    """The bytes of a file of *size* bytes. The size is checked first, so a wrong one costs no memory."""
    if not 0 <= size <= MOST_BYTES:
        raise JobStoreDamagedError(f"{path} is damaged: expected at most {MOST_BYTES} bytes, got {size}")
    with _opened_to_read(path) as file:
        found = os.fstat(file.fileno()).st_size
        if found != size:
            raise JobStoreDamagedError(f"{path} is damaged: expected {size} bytes, got {found}")
        return file.read(size)


@contextmanager
def _opened_to_read(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file to read. Anything else, such as a pipe, could block."""
    # Windows has no O_NONBLOCK, and no pipes among its files.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise JobStoreDamagedError(f"{path} is damaged: expected a regular file, got a folder, a pipe or a device")
        yield file
