"""The SQLite file of a store: made so that only its owner can read it, and identified while it is open."""

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
"""The size of the smallest database in bytes."""


def identity_of(file: str | Path) -> tuple[int, int] | None:
    """Return the device and inode of the file at a path; ``None`` if there is none. Links to a file give the same."""
    try:
        found = os.stat(file)  # noqa: PTH116 - a path that is a text already
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_missing(file: Path) -> bool:
    """Return whether there is nothing at a path; false if that cannot be found out."""
    try:
        file.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def make_for_owner(file: Path) -> None:
    """Create a file and its folders, readable by their owner only; check the file if it exists.

    An existing file is not opened. To close it would release all locks that SQLite has on it in this process. Another
    process could then believe that it is the only one, and delete the write-ahead log.

    Raises:
        JobStoreError: If the file cannot be created, or cannot be read and written.
        JobStoreDamagedError: If the file is too small to be a database.
    """
    try:
        private_files.make_folder(file.parent)
        with _making, suppress(FileExistsError):
            # SQLite would let others read a file that it creates. Its log files get the permissions of this one.
            os.close(private_files.open_new(file))
        size = file.stat().st_size
        if not file.is_file():
            raise IsADirectoryError(errno.EISDIR, "it is a folder, a pipe or a device")
        if not os.access(file, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _unusable(file, error) from None
    if 0 < size < _LEAST:
        # SQLite would take a file of one byte for an empty one.
        raise JobStoreDamagedError(
            f"could not open the store at {file}: the file is damaged, or not a store ({size} bytes); {RESTORE}"
        )


def close_to_others(file: Path) -> None:
    """Remove the permissions of other users from a database file and its log files.

    Raises:
        JobStoreError: If this user may not change the permissions.
    """
    try:
        for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
            part = file.with_name(name)
            if part.exists() and part.stat().st_mode & 0o077:
                part.chmod(0o600)
    except FileNotFoundError:
        # SQLite deletes the log files when the last process closes the database.
        pass
    except OSError as error:
        raise _unusable(file, error) from None


def _unusable(file: Path, error: OSError) -> JobStoreError:
    return JobStoreError(
        f"could not open the store at {file}: {error.strerror}; "
        "expected a file that you own, in a folder in which you may create files"
    )
