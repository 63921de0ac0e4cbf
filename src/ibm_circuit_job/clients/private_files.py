"""Folders and files of their owner alone, whatever the umask: 0700 and 0600."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are not there, for their owner alone. One that is there stays as it is.

    Raises:
        OSError: If one cannot be made, or there is something else in its place.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as place:
        ...     make_folder(Path(place, "a", "b"))
        ...     [oct(Path(place, name).stat().st_mode & 0o777) for name in ("a", "a/b")]
        ['0o700', '0o700']
    """
    if folder.is_dir():
        return
    if folder.parent != folder:
        make_folder(folder.parent)
    try:
        folder.mkdir(0o700)
    except FileExistsError:
        # Another process has made it meanwhile; or it is a file.
        if not folder.is_dir():
            raise
    else:
        # What the umask has taken from its owner.
        folder.chmod(0o700)


def make_temporary_folder(above: Path, prefix: str) -> Path:
    """Make a folder with a name of its own in a folder.

    Raises:
        OSError: If it cannot be made.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=above))
    folder.chmod(0o700)
    return folder


def open_new(path: Path) -> int:
    """Make a file and return its descriptor, for reading and writing.

    Raises:
        FileExistsError: If there is one.
        OSError: If it cannot be made.
    """
    return _closed_to_others(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o600))


def open_temporary(beside: Path) -> tuple[int, str]:
    """Make a file beside another, to be put in its place, and return its descriptor and its path.

    Raises:
        OSError: If it cannot be made.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{beside.name}.", dir=beside.parent)
    return _closed_to_others(descriptor), name


def _closed_to_others(descriptor: int) -> int:
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, 0o600)
    return descriptor
