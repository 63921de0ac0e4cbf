"""A PostgreSQL server of the tests' own, on this machine; tests that need one are skipped where it is not installed.

Test modules that want it say ``pytest_plugins = ["postgresql"]``, and import nothing of it.
"""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sql

PROGRAMS = "/usr/lib/postgresql"
"""Where Debian has the programs of a server, which are not on the path, by version."""
USER = "jobs"
TRIES = 3
_numbers = count(1)


class ServerError(Exception):
    """A server cannot be started here; the message says why."""


@pytest.fixture(scope="session")
def postgresql():
    """The URL of a server that is started for this run, with its password."""
    programs = find_programs()
    if programs is None:
        pytest.skip(f"PostgreSQL is not installed: no initdb on the path nor in {PROGRAMS}; `make tools` installs it")
    with served(programs) as url:
        yield url


@pytest.fixture
def postgresql_url(postgresql):
    """The URL of a database in it that is empty, and this test's own."""
    name = f"store_{next(_numbers)}"
    with psycopg.connect(postgresql.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return sql.make_url(postgresql).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path):
    """The URL of an empty database of each kind that a store may be in."""
    return str(tmp_path / "jobs.sqlite") if request.param == "sqlite" else request.getfixturevalue("postgresql_url")


def find_programs():
    """The folder with the programs of the newest server, or ``None``."""
    on_path = shutil.which("initdb")
    found = [*Path(PROGRAMS).glob("*/bin/initdb"), *([Path(on_path)] if on_path else [])]
    return max(found, key=_version).parent if found else None


def _version(program):
    version = program.parent.parent.name
    return float(version) if version.replace(".", "", 1).isdigit() else 0.0


def _run(command, seconds, **options):
    """Run a program to its end, or say why not."""
    try:
        subprocess.run(
            command,
            timeout=seconds,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )
    except subprocess.TimeoutExpired:
        raise ServerError(f"{' '.join(map(str, command))} took longer than {seconds:g} seconds") from None
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "output", None) or str(error)
        raise ServerError(f"{' '.join(map(str, command))} failed: {said.strip()[-500:]}") from None


@contextmanager
def served(programs):
    """A server with a cluster of its own, until the end of the block."""
    # Not pytest's folder, which is for one user alone: the server refuses to be root.
    folder = Path(tempfile.mkdtemp(prefix="ibm-circuit-job-postgresql-"))
    owner = {"cwd": folder}
    guard = None
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        owner |= {"user": "postgres", "group": "postgres", "extra_groups": []}
    try:
        password = secrets.token_urlsafe(24)
        written = folder / "password"
        written.touch(0o600)
        written.write_text(password)
        if os.geteuid() == 0:
            shutil.chown(written, "postgres", "postgres")
        made = [programs / "initdb", "--no-sync", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]
        _run([*made, f"--username={USER}", f"--pwfile={written}", "--pgdata=data"], 60, **owner)
        written.unlink()
        port = _started(programs, folder, owner)
        # It is not to outlive this process, in whatever way that ends. For the files of all databases no test waits.
        stop = 'read -r _; "$0" stop --pgdata=data --mode=immediate --timeout=30; rm -rf -- "$1" &'
        guard = subprocess.Popen(
            ["/bin/sh", "-c", stop, programs / "pg_ctl", folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            **owner,
        )
        try:
            yield f"postgresql+psycopg://{USER}:{password}@127.0.0.1:{port}/postgres"
        finally:
            # A line, and not only the end of the pipe: a process that was forked meanwhile may have it open.
            guard.communicate(b"\n", 180)
    finally:
        if guard is None:
            shutil.rmtree(folder, ignore_errors=True)


def _started(programs, folder, owner):
    # No test cuts the power; but where figures are wanted, they are to be those of a disk.
    fsync = "on" if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else "off"
    settings = f"-c unix_socket_directories= -c max_connections=200 -c fsync={fsync}"
    for left in reversed(range(TRIES)):
        port = _free_port()
        options = f"-p {port} -c listen_addresses=127.0.0.1 {settings}"
        start = [programs / "pg_ctl", "start", "--wait", "--timeout=30", "--pgdata=data", "--log=log", "-o", options]
        try:
            _run(start, 60, **owner)
        except ServerError:
            # Somebody else may have taken the port.
            if not left:
                raise
        else:
            return port
    raise AssertionError


def _free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port
