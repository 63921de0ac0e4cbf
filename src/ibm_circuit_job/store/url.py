"""Where a store is: the URLs that name one, and what is shown of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sql
from sqlalchemy.exc import ArgumentError

from ibm_circuit_job.errors import JobStoreError

_EXPECTED: Final = "expected the path of a file, sqlite:///FILE, or postgresql+psycopg://USER@HOST/DATABASE"


def store_url(given: Any) -> sql.URL:
    """Return the URL of a store.

    Args:
        given: ``sqlite:///FILE`` or ``postgresql+psycopg://...``, or the path of a file.

    Raises:
        JobStoreError: If it is something else; the message repeats nothing that may be of a password.
    """
    if isinstance(given, str) and given.startswith((":memory:", "file:")):
        # SQLite has its own meaning for these, where they are taken for a file's name by others.
        raise JobStoreError(f"{_EXPECTED}, got a database that is no file, or a URL of another kind")
    if isinstance(given, os.PathLike) or (isinstance(given, str) and given and "://" not in given):
        return sql.URL.create("sqlite", database=_whole_path(given))
    found = _parsed(given)
    if found is None:
        # What it was may hold a password.
        raise JobStoreError(f"{_EXPECTED}, got something else as the URL of a store")
    if found.drivername in {"postgresql", "postgresql+psycopg"}:
        if "@" in f"{found.host}{found.database}" or (isinstance(given, str) and given.count("@") > 1):
            # That would be the end of a password, and be shown.
            raise JobStoreError(f"{_EXPECTED}, got one with an @ too many; in a user's name or password it is %40")
        return found.set(drivername="postgresql+psycopg")
    if found.drivername not in {"sqlite", "sqlite+pysqlite"}:
        raise JobStoreError(f"{_EXPECTED}, got a URL of {found.drivername!r}")
    if not found.database or found.database == ":memory:" or found.query:
        raise JobStoreError(f"{_EXPECTED}, got a database that is no file")
    return sql.URL.create("sqlite", database=_whole_path(found.database))


def shown(url: sql.URL) -> str:
    """Return where a store is, without any credentials."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return f"{url.host or 'localhost'}{f':{url.port}' if url.port else ''}/{url.database or ''}"


def _parsed(url: Any) -> sql.URL | None:
    try:
        if isinstance(url, str):
            # A driver's error would repeat all that cannot be encoded, a password included.
            url.encode()
        return sql.make_url(url)
    except (ArgumentError, TypeError, ValueError):
        return None


def _whole_path(path: str | os.PathLike[str]) -> str:
    try:
        whole = str(Path(path).expanduser().absolute())
    except (RuntimeError, TypeError) as error:
        raise JobStoreError(f"could not open the store at {path!s}: {error}") from None
    if "\0" in whole:
        raise JobStoreError(f"could not open the store at {whole!r}: no name of a file has a null character")
    return whole
