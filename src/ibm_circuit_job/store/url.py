"""Where a store is: the URLs that name one, and what is shown of them."""

from __future__ import annotations

import os
from contextlib import suppress
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


_SECRET: Final = frozenset({"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"})
"""The settings of libpq that are secrets."""
_known: Final[dict[sql.URL, sql.URL]] = {}
"""The URLs that this process has used: without secrets -> with them. They are in no pickle."""


def without_secrets(url: sql.URL) -> sql.URL:
    """Return the URL of a store without its password, and remember that for :func:`with_secrets` in this process.

    Example:
        >>> str(without_secrets(store_url("postgresql://ada:secret@db/jobs?sslmode=require&sslpassword=secret")))
        'postgresql+psycopg://ada@db/jobs?sslmode=require'
    """
    shown_url = sql.URL.create(
        url.drivername,
        username=url.username,
        host=url.host,
        port=url.port,
        database=url.database,
        query={name: value for name, value in url.query.items() if name not in _SECRET},
    )
    if shown_url != url:
        _known[shown_url] = url
    return shown_url


def with_secrets(url: sql.URL) -> sql.URL:
    """Return the URL of a store with its password, where this process has used it, or ``IBM_CIRCUIT_JOB_STORE`` has it.

    Else libpq looks for the password, in ``PGPASSWORD`` and in ``~/.pgpass``.

    Args:
        url: The URL without its secrets.
    """
    if url in _known:
        return _known[url]
    said = os.environ.get("IBM_CIRCUIT_JOB_STORE", "")
    if "://" in said:
        with suppress(JobStoreError):
            by_default = store_url(said)
            if without_secrets(by_default) == url:
                return by_default
    return url


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
