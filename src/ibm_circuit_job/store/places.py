"""Places for payloads outside of the database: a folder of this machine, or an object store, by way of fsspec.

A payload is an object that is named after the SHA-256 of its contents. It never changes, so writing it twice does no
harm. An object appears only when it is complete: in a folder it is written under a temporary name and then renamed, and
an object store shows it when all of it has arrived.

Each place has a file ``ABOUT.txt`` that says what it is. If this file is missing, the place is another one, or its
drive is not mounted. That is an error, and no payload is reported as missing.
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
"""The protocols that show an object only when it is complete. With others it is written and then renamed."""
_ABOUT: Final = "ABOUT.txt"
_WORDS: Final = (
    b"Payloads of a store of ibm-circuit-job: inputs and results of jobs. Each file is a frame of Zstandard,\n"
    b"and is named after the SHA-256 of what is in it. The store's database says to which jobs they belong.\n"
)


class Place(Protocol):
    """A place for payloads. All methods raise ``JobStoreUnavailableError`` if it cannot be reached."""

    @property
    def url(self) -> str:
        """The URL of the place, in one spelling, without credentials."""

    def prepare(self) -> None:
        """Create the place and its file ``ABOUT.txt``, unless they exist."""

    def get(self, name: str, most: int) -> bytes | None:
        """Return an object, or its first *most* bytes; ``None`` if there is no such object."""

    def has(self, name: str) -> bool:
        """Return whether there is an object of this name."""

    def put(self, name: str, parts: Iterable[bytes]) -> None:
        """Write an object, or replace it. Its bytes are on the disk when this returns."""

    def remove(self, name: str) -> None:
        """Delete an object. A missing object is no error."""


def place_at(given: Any) -> Place:
    """Return the place that a URL or a path names. Nothing is read or created.

    Args:
        given: The path of a folder, ``file:///FOLDER``, or any URL that fsspec knows, as ``s3://BUCKET/PREFIX``. The
            URL must not contain credentials: fsspec uses those that are set up on this machine.

    Raises:
        JobStoreError: If *given* is no such path or URL, if it contains credentials, or if a package for its protocol
            is missing. The message does not repeat credentials.

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
        # The URL is saved in the database, where everyone who opens the store could read the credentials.
        raise JobStoreError(
            f"{_EXPECTED}, got one with a user, a query or a fragment; set up credentials on the machine instead"
        )
    if split.scheme in {"file", "local"}:
        if split.netloc not in {"", "localhost"}:
            raise JobStoreError(f"{_EXPECTED}, got a file:// with a host: {given!r}; write three slashes, file:///")
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
    """Raise any error of a place as an error of the store."""
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
    # Without the original exception: it may refer to a request, and so to its signature.
    raise trouble from None


_AWAY: Final = f"it has no {_ABOUT}, so it is another folder, or its drive is not mounted"


# A folder


@frozen
class Folder:
    """A folder of this machine. Only its owner can read the payloads."""

    path: Path
    """The folder."""

    @property
    def url(self) -> str:
        """The URL of the folder."""
        return self.path.as_uri()

    def prepare(self) -> None:
        """Create the folder, readable by its owner only, and its ``ABOUT.txt``. An existing folder stays as it is."""
        with self._reached("make the folder of payloads at"):
            private_files.make_folder(self.path)
            if not (self.path / _ABOUT).exists():
                self._write(_ABOUT, [_WORDS])

    def get(self, name: str, most: int) -> bytes | None:
        """Return an object, or its first *most* bytes; ``None`` if there is no such object."""
        with self._reached("read a payload in"):
            try:
                with (self.path / name).open("rb") as file:
                    return file.read(most)
            except FileNotFoundError:
                self._check()
                return None

    def has(self, name: str) -> bool:
        """Return whether there is an object of this name."""
        with self._reached("look for a payload in"):
            if (self.path / name).is_file():
                return True
            self._check()
            return False

    def put(self, name: str, parts: Iterable[bytes]) -> None:
        """Write an object under a temporary name, and rename it when its bytes are on the disk."""
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
        """Delete an object. A missing object is no error."""
        with self._reached("delete a payload in"):
            self._check()
            (self.path / name).unlink(missing_ok=True)

    def _check(self) -> None:
        if not (self.path / _ABOUT).is_file():
            raise FileNotFoundError(_AWAY)

    def _reached(self, doing: str) -> Any:
        return _reached(doing, self.url, "check that the folder exists, that you own it, and that its disk is not full")


def _sync_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, on systems that can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# An object store


@frozen
class ObjectStore:
    """A place that is read and written by fsspec."""

    url: str
    """The URL of the place."""
    _opened: Callable[[], tuple[Any, str]]
    """Returns the file system of fsspec, and the path of the place in it. Each process, even a fork, has its own."""

    def prepare(self) -> None:
        """Write ``ABOUT.txt``. A wrong URL, or missing permissions, fail here and not with the first payload."""
        with self._reached("write payloads to") as (files, root):
            if not files.exists(f"{root}/{_ABOUT}"):
                _write(files, f"{root}/{_ABOUT}", _WORDS, is_whole=self._shows_whole_objects)

    def get(self, name: str, most: int) -> bytes | None:
        """Return an object, or its first *most* bytes; ``None`` if there is no such object."""
        with self._reached("read a payload in") as (files, root):
            try:
                found: bytes = files.cat_file(f"{root}/{name}", start=0, end=most)
            except FileNotFoundError:
                files.info(f"{root}/{_ABOUT}")
                return None
            return found

    def has(self, name: str) -> bool:
        """Return whether there is an object of this name."""
        with self._reached("look for a payload in") as (files, root):
            try:
                files.info(f"{root}/{name}")
            except FileNotFoundError:
                files.info(f"{root}/{_ABOUT}")
                return False
            return True

    def put(self, name: str, parts: Iterable[bytes]) -> None:
        """Write an object. It appears when all of it has arrived."""
        with self._reached("write a payload to") as (files, root):
            _write(files, f"{root}/{name}", b"".join(parts), is_whole=self._shows_whole_objects)

    def remove(self, name: str) -> None:
        """Delete an object. A missing object is no error."""
        with self._reached("delete a payload in") as (files, root), suppress(FileNotFoundError):
            files.rm_file(f"{root}/{name}")

    @property
    def _shows_whole_objects(self) -> bool:
        return self.url.partition("://")[0] in _SHOWS_WHOLE_OBJECTS

    @contextmanager
    def _reached(self, doing: str) -> Iterator[tuple[Any, str]]:
        with _reached(doing, self.url, "check the URL, and that this machine's credentials allow it"):
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
            f"could not use {url} for payloads: fsspec is not installed; install ibm-circuit-job[payloads]"
        ) from None
    try:
        core.get_filesystem_class(url.partition("://")[0])
    except ValueError:
        raise JobStoreError(f"{_EXPECTED}, got {url!r}, whose protocol fsspec does not know") from None
    except ImportError as missing:
        raise JobStoreError(f"could not use {url} for payloads: {missing}") from None
    return ObjectStore(url, lambda: core.url_to_fs(url))
