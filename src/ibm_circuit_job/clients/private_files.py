"""Makes folders and files that only their owner can access: modes 0700 and 0600, with any umask."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def make_folder(folder: Path) -> None:
    """Make a folder and its missing parents, for their owner alone. Existing folders are not changed.

    Raises:
        OSError: If a folder cannot be made, or a file exists in its place.

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
        # Another process has made the folder meanwhile, or there is a file of this name.
        if not folder.is_dir():
            raise
    else:
        # The umask may have removed permissions of the owner.
        folder.chmod(0o700)


def make_temporary_folder(above: Path, prefix: str) -> Path:
    """Make a folder with a new name in the folder *above*.

    Raises:
        OSError: If it cannot be made.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=above))
    folder.chmod(0o700)
    return folder


def open_new(path: Path) -> int:
    """Make a file and return its descriptor, for reading and writing.

    Raises:
        FileExistsError: If the file exists.
        OSError: If it cannot be made.
    """
    return _closed_to_others(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o600))


def open_temporary(beside: Path) -> tuple[int, str]:
    """Make a file in the folder of another file, to replace it later, and return its descriptor and its path.

    Raises:
        OSError: If it cannot be made.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{beside.name}.", dir=beside.parent)
    return _closed_to_others(descriptor), name


def _closed_to_others(descriptor: int) -> int:
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, 0o600)
    return descriptor
