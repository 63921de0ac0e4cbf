"""What a store holds as files that a person can read, and that any later version can.

A folder: ``jobs.jsonl`` has one line of JSON for each job, with its facts in the order in which they came, and a last
one that says how many jobs there are; ``bodies`` has the bodies of inputs and results as they came, each in a file that
is named after its SHA-256.
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
"""The version of the lines."""


@frozen
class Archived:
    """One job of an archive."""

    job_id: str
    """The job's ID."""
    service: str | None
    """The service that has it."""
    facts: tuple[Fact, ...]
    """What was learned of it, in the order in which it came."""


def folder_at(path: str | os.PathLike[str], doing: str) -> Path:
    """Return the folder that a path names.

    Args:
        path: The path.
        doing: What it is for, as in ``"export the store to"``.

    Raises:
        JobStoreError: If no folder can be named so.
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
    """Write jobs to a new folder, for its owner alone, or into an empty one: wholly, or not at all.

    Returns:
        How many jobs there are.

    Raises:
        JobStoreError: If there is something at that path, or it cannot be written to.
    """
    # Where links lead to.
    target = Path(os.path.realpath(folder))
    try:
        is_there = _is_there(target)
        if not is_there:
            private_files.make_folder(target.parent)
        # To be moved to its place when it is complete. A folder that is there is not replaced: a process may be in it,
        # a disk may be mounted there, and who can use it is not for us to say.
        unfinished = private_files.make_temporary_folder(target if is_there else target.parent, ".ibm-circuit-job-")
        try:
            count = _write_all(unfinished, jobs)
            if is_there:
                (unfinished / "bodies").rename(target / "bodies")
                # The last, for that is what makes it an archive.
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
    """Whether there is an empty folder; ``FileExistsError`` if there is something else."""
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
        # So that a reader knows that this is all.
        lines.write(msgspec.json.encode({"format": FORMAT, "jobs": count}) + b"\n")
    return count


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """A new file of its owner's alone, which is on the disk afterwards."""
    with os.fdopen(private_files.open_new(path), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _name(body: Body) -> str:
    """The file of a body, within the folder."""
    kind = "json" if body.raw.lstrip()[:1] in {b"{", b"["} else "txt"
    return f"bodies/{body.sha256}.{kind}"


def _line(job: Archived) -> dict[str, Any]:
    known = refresh(Job(job.job_id), *job.facts)
    return {
        "format": FORMAT,
        "job_id": job.job_id,
        # For human readers; what is read back are the facts.
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
    """A line of ``jobs.jsonl``."""

    format: int


class _JobLine(_Line):
    """What is said of a job."""

    job_id: str
    facts: list[dict[str, Any]]
    service: str | None = None


class _LastLine(_Line):
    """How many jobs there are."""

    jobs: int


_LineT = TypeVar("_LineT", bound=_Line)


class _Body(msgspec.Struct):
    """What a line says of a body."""

    observed_at: datetime
    file: str
    size: int
    stamp: int | None = None


def read(folder: Path) -> Iterator[Archived]:
    """Yield the jobs of a folder, each checked.

    Raises:
        JobStoreError: If there is no archive, it cannot be read, or it is of a newer version.
        JobStoreDamagedError: If a line or a body is not what was written.
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
            f"{path} is damaged: its last line does not say how many jobs there are, so that some may be missing"
        ) from None
    if said != count:
        raise JobStoreDamagedError(f"{path} is damaged: it says that there are {said} jobs, and there are {count}")


def _read_line(where: str, text: bytes, kind: type[_LineT]) -> _LineT:
    try:
        line = msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise JobStoreDamagedError(f"{where} is damaged: {error}") from None
    if line.format > FORMAT:
        raise JobStoreError(f"{where} has format {line.format}, and this version of ibm-circuit-job knows {FORMAT}")
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
        # The author of the line is not to choose what is read.
        raise JobStoreDamagedError(
            f"{where} is damaged: expected a file in bodies that is named after its SHA-256, and an aware time"
        )
    path = folder / body.file
    try:
        seen = kind(body.observed_at, _raw(path, body.size))
        found = seen if body.stamp is None else evolve(seen, stamp=body.stamp)
    except OverflowError:
        raise JobStoreDamagedError(f"{where} is damaged: expected a time between the years 1 and 9999 UTC") from None
    if found.sha256 != path.stem:
        raise JobStoreDamagedError(f"{path} is damaged: it is not what its SHA-256, its name, says")
    return found


_BODY: Final = re.compile(r"bodies/[0-9a-f]{64}\.[a-z]+")


def _raw(path: Path, size: int) -> bytes:
    """The bytes of a file that is to have so many, of which no other number is ever made."""
    if not 0 <= size <= MOST_BYTES:
        raise JobStoreDamagedError(f"{path} is damaged: expected at most {MOST_BYTES} bytes, got {size}")
    with _opened_to_read(path) as file:
        found = os.fstat(file.fileno()).st_size
        if found != size:
            raise JobStoreDamagedError(f"{path} is damaged: expected {size} bytes, got {found}")
        return file.read(size)


@contextmanager
def _opened_to_read(path: Path) -> Iterator[BinaryIO]:
    """A file, and nothing that blocks when it is opened or read, as a pipe does."""
    # Where there is no such flag, there are no such pipes.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise JobStoreDamagedError(f"{path} is damaged: expected a file, and there is something else")
        yield file
