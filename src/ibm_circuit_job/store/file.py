"""The file that a store in SQLite is: there for its owner alone, and the same one for as long as it is open."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from ibm_circuit_job.clients import private_files
from ibm_circuit_job.errors import JobStoreDamagedError, JobStoreError
from ibm_circuit_job.store.trouble import RESTORE

_making: Final = threading.Lock()
_LEAST: Final = 512
"""The bytes of the smallest database."""


def identity_of(file: str | Path) -> tuple[int, int] | None:
    """Return which file is at a path, whatever it is called; ``None`` where there is none."""
    try:
        found = os.stat(file)  # noqa: PTH116 - a path that is a text already
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_missing(file: Path) -> bool:
    """Return whether there is certainly nothing at a path."""
    try:
        file.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def make_for_owner(file: Path) -> None:
    """Make a file, and the folders above it, that only their owner can read; where it is there, look at it.

    A file that is there is not opened: when this process closes it, SQLite's locks on it are gone, whichever part of
    the process holds them, and another process that thinks itself alone takes away what was written last.

    Raises:
        JobStoreError: If it cannot be made, or be used.
        JobStoreDamagedError: If it is too small for any database.
    """
    try:
        private_files.make_folder(file.parent)
        with _making, suppress(FileExistsError):
            # Made here, since SQLite would let others read it; the files beside it are like it.
            os.close(private_files.open_new(file))
        size = file.stat().st_size
        if not file.is_file():
            raise IsADirectoryError(errno.EISDIR, "it is a folder, or the like")
        if not os.access(file, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _unusable(file, error) from None
    if 0 < size < _LEAST:
        # SQLite would take a file of one byte for an empty one.
        raise JobStoreDamagedError(
            f"could not open the store at {file}: the file is damaged, or none of a store ({size} bytes); {RESTORE}"
        )


def close_to_others(file: Path) -> None:
    """Make a file that was open to others its owner's alone, and those beside it.

    Raises:
        JobStoreError: If it is not ours to close.
    """
    try:
        for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
            part = file.with_name(name)
            if part.exists() and part.stat().st_mode & 0o077:
                part.chmod(0o600)
    except FileNotFoundError:
        # Those beside it go with the last process that has it open.
        pass
    except OSError as error:
        raise _unusable(file, error) from None


def _unusable(file: Path, error: OSError) -> JobStoreError:
    return JobStoreError(
        f"could not open the store at {file}: {error.strerror}; "
        "expected a file of your own, in a folder in which you may make files"
    )
