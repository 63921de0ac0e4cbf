"""Where the payloads of a store lie outside of its database: a folder of this machine, or an object store (fsspec).

A payload is an object that is named after the SHA-256 of what it holds. It is never changed, so writing it twice is
writing it once, and it is there in full or not at all: a folder gets it under a temporary name and then renames it, and
an object store shows it when all of it has arrived. Beside them is ``ABOUT.txt``, which says what they are. Where that
is not there, the place is another one, or its drive is not mounted: then no payload counts as lost.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from attrs import frozen

from ibm_circuit_job.clients import private_files
from ibm_circuit_job.errors import JobStoreError, JobStoreUnavailableError

_EXPECTED: Final = (
    "expected payloads to be a folder, file:///FOLDER, or the URL of an object store as s3://BUCKET/PREFIX"
)
_SHOWS_WHOLE_OBJECTS: Final = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory"})
"""The protocols by which an object appears when all of it has arrived. By others it is written and then renamed."""
_ABOUT: Final = "ABOUT.txt"
_WORDS: Final = (
    b"Payloads of a store of ibm-circuit-job: inputs and results of jobs. Each file is a frame of Zstandard,\n"
    b"and is named after the SHA-256 of what is in it. The store's database says to which jobs they belong.\n"
)


class Place(Protocol):
    """Where payloads lie. All methods raise ``JobStoreUnavailableError`` where it cannot be reached."""

    @property
    def url(self) -> str:
        """Where it is, in one spelling, without any credentials."""

    def prepare(self) -> None:
        """Make it ready for the first payload, and say in it what it is."""

    def get(self, name: str, most: int) -> bytes | None:
        """Return at most so many bytes of an object; ``None`` where there is none."""

    def has(self, name: str) -> bool:
        """Return whether there is an object."""

    def put(self, name: str, parts: Iterable[bytes]) -> None:
        """Write an object, in the place of one of that name. It is on the disk when this returns."""

    def remove(self, name: str) -> None:
        """Delete an object. That there is none is no error."""


def place_at(given: Any) -> Place:
    """Return the place that a URL or a path names. Nothing is read or made.

    Args:
        given: The path of a folder, ``file:///FOLDER``, or any URL that fsspec knows, such as ``s3://BUCKET/PREFIX``.
            Credentials are those that the machine has for the object store, and no part of it.

    Raises:
        JobStoreError: If it names no place, has a password, or a package is missing that reads it; the message repeats
            nothing that may be of a password.

    Example:
        >>> place_at("/data/payloads").url
        'file:///data/payloads'
    """
    if isinstance(given, os.PathLike) or (isinstance(given, str) and given and "://" not in given):
        return Folder(_whole(Path(given)))
    if not isinstance(given, str) or not given.isprintable() or "::" in given or "://" not in given:
        raise JobStoreError(f"{_EXPECTED}, got something else")
    try:
        split = urlsplit(given)
    except ValueError:
        raise JobStoreError(f"{_EXPECTED}, got something else") from None
    if "@" in split.netloc or split.query or split.fragment:
        # Else it would be in the database, for all to read.
        raise JobStoreError(f"{_EXPECTED}, got one with a user, a query or a fragment; credentials are the machine's")
    if split.scheme in {"file", "local"}:
        if split.netloc not in {"", "localhost"}:
            raise JobStoreError(f"{_EXPECTED}, got a file:// with a host: {given!r}; it has three slashes")
        return Folder(_whole(Path(url2pathname(split.path))))
    return _object_store(given.rstrip("/"))


def _whole(path: Path) -> Path:
    try:
        whole = path.expanduser().absolute()
    except RuntimeError as error:
        raise JobStoreError(f"{_EXPECTED}, got {path!s}: {error}") from None
    if "\0" in str(whole) or whole == Path(whole.anchor):
        raise JobStoreError(f"{_EXPECTED}, got {str(whole)!r}")
    return whole


@contextmanager
def _reached(doing: str, url: str, remedy: str) -> Iterator[None]:
    """Raise trouble of a place as trouble of the store."""
    try:
        yield
    except JobStoreError:
        raise
    except Exception as error:  # noqa: BLE001 - each file system of fsspec has exceptions of its own
        words = str(getattr(error, "strerror", None) or error).strip().splitlines()
        said = _AWAY if isinstance(error, FileNotFoundError) else words[0] if words else type(error).__name__
        trouble = JobStoreUnavailableError(f"could not {doing} {url}: {said}; {remedy}")
    else:
        return
    # Not with what led to it: the exceptions of clients have requests, and what signs them.
    raise trouble from None


_AWAY: Final = f"it has no {_ABOUT}, so it is another folder, or its drive is not mounted"


# A folder


@frozen
class Folder:
    """A folder of this machine, whose payloads only its owner can read."""

    path: Path
    """The folder."""

    @property
    def url(self) -> str:
        """Where it is."""
        return self.path.as_uri()

    def prepare(self) -> None:
        """Make the folder, for its owner alone. One that is there stays as it is."""
        with self._reached("make the folder of payloads at"):
            private_files.make_folder(self.path)
            if not (self.path / _ABOUT).exists():
                self._write(_ABOUT, [_WORDS])

    def get(self, name: str, most: int) -> bytes | None:
        """Return at most so many bytes of an object; ``None`` where there is none."""
        with self._reached("read a payload in"):
            try:
                with (self.path / name).open("rb") as file:
                    return file.read(most)
            except FileNotFoundError:
                self._check()
                return None

    def has(self, name: str) -> bool:
        """Return whether there is an object."""
        with self._reached("look for a payload in"):
            if (self.path / name).is_file():
                return True
            self._check()
            return False

    def put(self, name: str, parts: Iterable[bytes]) -> None:
        """Write an object under a temporary name, and rename it when all of it is on the disk."""
        with self._reached("write a payload to"):
            self._check()
            self._write(name, parts)

    def _write(self, name: str, parts: Iterable[bytes]) -> None:
        file = self.path / name
        private_files.make_folder(file.parent)
        descriptor, unfinished = private_files.open_temporary(file)
        try:
            with os.fdopen(descriptor, "wb") as sink:
                sink.writelines(parts)
                sink.flush()
                os.fsync(sink.fileno())
            Path(unfinished).replace(file)
        finally:
            Path(unfinished).unlink(missing_ok=True)
        for folder in (file.parent, self.path):
            _sync_folder(folder)

    def remove(self, name: str) -> None:
        """Delete an object. That there is none is no error."""
        with self._reached("delete a payload in"):
            self._check()
            (self.path / name).unlink(missing_ok=True)

    def _check(self) -> None:
        if not (self.path / _ABOUT).is_file():
            raise FileNotFoundError(_AWAY)

    def _reached(self, doing: str) -> Any:
        return _reached(doing, self.url, "see that it is there, yours and not full")


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk, where a system can do that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# An object store


@frozen
class ObjectStore:
    """A place that fsspec reads and writes."""

    url: str
    """Where it is."""
    _opened: Callable[[], tuple[Any, str]]
    """Returns its file system, and what that calls the place. fsspec makes one for each process, also for a fork."""

    def prepare(self) -> None:
        """Say in it what it is, so that a URL with a mistake, or without the right to write, is not remembered."""
        with self._reached("write payloads to") as (files, root):
            if not files.exists(f"{root}/{_ABOUT}"):
                _write(files, f"{root}/{_ABOUT}", _WORDS, is_whole=self._shows_whole_objects)

    def get(self, name: str, most: int) -> bytes | None:
        """Return at most so many bytes of an object; ``None`` where there is none."""
        with self._reached("read a payload in") as (files, root):
            try:
                found: bytes = files.cat_file(f"{root}/{name}", start=0, end=most)
            except FileNotFoundError:
                files.info(f"{root}/{_ABOUT}")
                return None
            return found

    def has(self, name: str) -> bool:
        """Return whether there is an object."""
        with self._reached("look for a payload in") as (files, root):
            try:
                files.info(f"{root}/{name}")
            except FileNotFoundError:
                files.info(f"{root}/{_ABOUT}")
                return False
            return True

    def put(self, name: str, parts: Iterable[bytes]) -> None:
        """Write an object. It is there when all of it has arrived."""
        with self._reached("write a payload to") as (files, root):
            _write(files, f"{root}/{name}", b"".join(parts), is_whole=self._shows_whole_objects)

    def remove(self, name: str) -> None:
        """Delete an object. That there is none is no error."""
        with self._reached("delete a payload in") as (files, root), suppress(FileNotFoundError):
            files.rm_file(f"{root}/{name}")

    @property
    def _shows_whole_objects(self) -> bool:
        return self.url.partition("://")[0] in _SHOWS_WHOLE_OBJECTS

    @contextmanager
    def _reached(self, doing: str) -> Iterator[tuple[Any, str]]:
        with _reached(doing, self.url, "see that it is there, and that this machine has the right to it"):
            yield self._opened()


def _write(files: Any, path: str, data: bytes, *, is_whole: bool) -> None:
    if is_whole:
        files.pipe_file(path, data)
        return
    unfinished = f"{path}.{uuid.uuid4().hex}"
    files.makedirs(path.rpartition("/")[0], exist_ok=True)
    try:
        files.pipe_file(unfinished, data)
        files.mv(unfinished, path)
    except BaseException:
        with suppress(Exception):
            files.rm_file(unfinished)
        raise


def _object_store(url: str) -> ObjectStore:
    try:
        core = import_module("fsspec.core")
    except ImportError:
        raise JobStoreError(
            f"could not use {url} for payloads: it needs fsspec; install ibm-circuit-job[payloads]"
        ) from None
    try:
        core.get_filesystem_class(url.partition("://")[0])
    except ValueError:
        raise JobStoreError(f"{_EXPECTED}, got {url!r}, whose protocol fsspec does not know") from None
    except ImportError as missing:
        raise JobStoreError(f"could not use {url} for payloads: {missing}") from None
    return ObjectStore(url, lambda: core.url_to_fs(url))
