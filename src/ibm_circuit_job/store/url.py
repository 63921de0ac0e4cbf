"""URLs of stores: reading them, showing them without credentials, and finding their credentials again."""

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
        JobStoreError: If *given* is anything else. The message repeats nothing that may be part of a password.
    """
    if isinstance(given, str) and given.startswith((":memory:", "file:")):
        # SQLite gives these names a special meaning.
        raise JobStoreError(f"{_EXPECTED}, got a database in memory, or a URL of another kind")
    if isinstance(given, os.PathLike) or (isinstance(given, str) and given and "://" not in given):
        return sql.URL.create("sqlite", database=_whole_path(given))
    found = _parsed(given)
    if found is None:
        # Not repeated in the message, since it may contain a password.
        raise JobStoreError(f"{_EXPECTED}, got something else as the URL of a store")
    if found.drivername in {"postgresql", "postgresql+psycopg"}:
        if "@" in f"{found.host}{found.database}" or (isinstance(given, str) and given.count("@") > 1):
            # The text before the second @ would be the end of a password, and be shown as part of the host.
            raise JobStoreError(f"{_EXPECTED}, got one with an @ too many; write %40 for an @ in a name or password")
        return found.set(drivername="postgresql+psycopg")
    if found.drivername not in {"sqlite", "sqlite+pysqlite"}:
        raise JobStoreError(f"{_EXPECTED}, got a URL of {found.drivername!r}")
    if not found.database or found.database == ":memory:" or found.query:
        raise JobStoreError(f"{_EXPECTED}, got a database in memory, or a URL with a query")
    return sql.URL.create("sqlite", database=_whole_path(found.database))


def shown(url: sql.URL) -> str:
    """Return the path of a store's file, or the host and database of its server, without credentials."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return f"{url.host or 'localhost'}{f':{url.port}' if url.port else ''}/{url.database or ''}"


_SECRET: Final = frozenset({"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"})
"""The settings of libpq that are secrets."""
_known: Final[dict[sql.URL, sql.URL]] = {}
"""The URLs that this process has used: URL without secrets -> URL with secrets. They are never pickled."""


def without_secrets(url: sql.URL) -> sql.URL:
    """Return the URL of a store without its password, which :func:`with_secrets` finds again in this process.

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
    """Return the URL of a store with its password, if this process has used it, or ``IBM_CIRCUIT_JOB_STORE`` has it.

    Otherwise, libpq looks for the password in ``PGPASSWORD`` and in ``~/.pgpass``.

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
            # Checked here: the error of a driver would repeat a text that cannot be encoded, with its password.
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
        raise JobStoreError(f"could not open the store at {whole!r}: the name of a file has no null characters")
    return whole
