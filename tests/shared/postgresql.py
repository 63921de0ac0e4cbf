"""A PostgreSQL server of the tests' own, on this machine; tests that need one are skipped where it is not installed.

Test modules that want it say ``pytest_plugins = ["postgresql"]``, and import nothing of it.
"""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sql

from ibm_circuit_job import JobStore
from ibm_circuit_job.store import schema

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


class Databases:
    """Databases of a server, each for one test at a time: to make one takes the server longer than most tests take."""

    def __init__(self, server):
        self._server, self._idle, self._shapes, self._connections = server, {True: [], False: []}, {}, {}

    @contextmanager
    def one(self, *, with_store):
        """The URL of a database that is empty, or of a store without jobs, until the end of the block."""
        idle = self._idle[with_store]
        name = idle.pop() if idle else self._made(with_store)
        yield self._url(name)
        # One that a test has changed or removed is not used again.
        with suppress(psycopg.Error):
            if self._cleared(name, with_store):
                idle.append(name)

    def close(self):
        """Close all connections to the databases."""
        for connection in self._connections.values():
            connection.close()

    def _cleared(self, name, with_store):
        """Whether the database is as it was when it was made."""
        connection = self._sole_connection(name)
        if not with_store:
            tables = connection.execute(TABLES).fetchone()[0]
            connection.execute(f"DROP TABLE IF EXISTS {tables}" if tables else "SELECT 1")
        if self._shape(connection, with_store) != self._shapes[with_store]:
            return False
        if with_store:
            connection.execute(FORGET)
        return True

    def _sole_connection(self, name):
        """A connection to the database, after all others have been ended."""
        try:
            self._connections[name].execute(END_OTHERS)
        except psycopg.OperationalError:
            # A test has ended it.
            self._connections[name].close()
            self._connect(name).execute(END_OTHERS)
        return self._connections[name]

    def _made(self, with_store):
        name = f"store_{next(_numbers)}"
        with self._connected(sql.make_url(self._server).database) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        if with_store:
            JobStore(self._url(name)).close()
        connection = self._connect(name)
        if with_store not in self._shapes:
            self._shapes[with_store] = self._shape(connection, with_store)
        return name

    def _connect(self, name):
        # It stays open: a new one reads the catalog again, which takes the server longer than all else here.
        self._connections[name] = connection = self._connected(name)
        connection.execute("SET lock_timeout = '10s'")
        return connection

    def _url(self, name):
        return sql.make_url(self._server).set(database=name).render_as_string(hide_password=False)

    def _connected(self, name):
        return psycopg.connect(self._url(name).replace("+psycopg", ""), autocommit=True)

    def _shape(self, connection, with_store):
        versions = "SELECT array_agg(version ORDER BY version) FROM store_version"
        return [connection.execute(query).fetchall() for query in [SHAPE, *([versions] if with_store else [])]]


END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
TABLES = "SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables WHERE schemaname = 'public'"
FORGET = ";".join(f"DELETE FROM {table.name}" for table in reversed(schema.tables.sorted_tables))  # noqa: S608 - of constants
OF_DATABASE = (
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname !~ '^(pg_|information_schema)'"
)
SHAPE = f"""
SELECT 'schema', nspname, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_'
UNION ALL SELECT 'table', c.relname, concat_ws(' ', c.relkind, c.relowner, c.relacl) {OF_DATABASE}
UNION ALL SELECT 'column', c.relname, concat_ws(' ', attname, atttypid, attnotnull, attisdropped, attacl) {OF_DATABASE}
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
UNION ALL SELECT 'trigger', c.relname, tgname {OF_DATABASE}
  JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal
UNION ALL SELECT 'constraint', c.relname, pg_get_constraintdef(k.oid) {OF_DATABASE}
  JOIN pg_constraint k ON k.conrelid = c.oid
UNION ALL SELECT 'function', proname, '' FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'settings', setrole::text, setconfig::text FROM pg_db_role_setting
  JOIN pg_database d ON d.oid = setdatabase WHERE datname = current_database()
UNION ALL SELECT 'access', datconnlimit::text, datacl::text FROM pg_database WHERE datname = current_database()
ORDER BY 1, 2, 3
"""  # noqa: S608 - of constants
"""All that a test may change of a database, but for rows."""


@pytest.fixture(scope="session")
def postgresql_databases(postgresql):
    with closing(Databases(postgresql)) as databases:
        yield databases


@pytest.fixture
def postgresql_url(postgresql_databases):
    """The URL of a database in it that is empty, and this test's own."""
    with postgresql_databases.one(with_store=False) as url:
        yield url


@pytest.fixture
def postgresql_store_url(postgresql_databases):
    """The URL of a store without jobs in it, this test's own."""
    with postgresql_databases.one(with_store=True) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path):
    """The URL of a store of each kind without jobs; the file is not there yet."""
    return (
        str(tmp_path / "jobs.sqlite") if request.param == "sqlite" else request.getfixturevalue("postgresql_store_url")
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def unmade_store_url(request, tmp_path):
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
        # By md5, a connection takes a fifth of the computing of scram-sha-256.
        made = [programs / "initdb", "--no-sync", "--auth=md5", "--encoding=UTF8", "--locale=C.UTF-8"]
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
