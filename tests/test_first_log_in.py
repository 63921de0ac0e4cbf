"""Every set-up of the table in tests/accounts: how people's machines are when they log in for the first time."""

import importlib.util
import logging
import socket
import time
import warnings

import pytest
import urllib3
from attrs import asdict
from cloud import CloudServer
from names import name_server
from observed import observation, write_down
from setups import BACKEND, LoggedIn, Offline, Refused, leaked, prepared, problems
from table import ROWS

from ibm_circuit_job import IBMAccountError, IBMProvider, JobStore
from ibm_circuit_job.clients import version_agreement


@pytest.fixture(scope="module")
def server():
    with CloudServer() as server:
        yield server


@pytest.fixture(scope="module")
def authority(server, tmp_path_factory):
    path = tmp_path_factory.mktemp("authority") / "authority.pem"
    path.write_bytes(server.authority.cert_pem.bytes())
    return path


@pytest.fixture
def machine(server, authority, tmp_path, monkeypatch):
    """Make this machine that of a set-up, and return the arguments of the call."""

    def made(setup):
        home = tmp_path / "home"
        if setup.has_home:
            home.mkdir()
        work = tmp_path / "work"
        work.mkdir()
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.chdir(work)
        arguments, _ = prepared(setup, home, authority, monkeypatch)
        monkeypatch.setattr(
            socket, "getaddrinfo", name_server(server.ports, setup.cloud.network, setup.cloud.names_unknown)
        )
        # Each set-up is a process of its own, which has agreed on nothing yet.
        monkeypatch.setattr(version_agreement, "_agreements", {})
        # The pauses between tries: their number counts here, and not their length.
        monkeypatch.setattr(time, "sleep", lambda _: None)
        server.begin(setup.cloud)
        if setup.store:
            arguments["store"] = JobStore(tmp_path / "jobs.db")
        return arguments

    return made


def tried(arguments, server):
    """Log in and get the first backend; return what came of it, the class of the exception, and the message."""
    try:
        provider = IBMProvider(**arguments)
        if not server.seen and arguments.get("store") is not None:
            return Offline(), "", ""
        backend = provider.get_backend(BACKEND)
    except IBMAccountError as error:
        return Refused(()), type(error).__name__, str(error)
    sent = len(server.seen)
    assert provider.get_backend(BACKEND) is backend
    assert len(server.seen) == sent, "the next get_backend of that name sent a request"
    shown = f"{provider!r} {backend!r} {provider.active_account()}"
    provider.close()
    return LoggedIn(provider.instance, sent), "", shown


def is_runnable(setup):
    there = [setup.needs is None or importlib.util.find_spec(setup.needs)]
    return all(there) and not (setup.lacks and importlib.util.find_spec(setup.lacks))


@pytest.mark.parametrize("setup", ROWS, ids=lambda setup: setup.name)
def test_set_up(setup, machine, server, caplog):
    if not is_runnable(setup):
        pytest.skip(f"is about {setup.needs or setup.lacks}")
    arguments = machine(setup)
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings():
        # What a user who turned checks off is told by urllib3.
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        outcome, kind, message = tried(arguments, server)
    seen = [asdict(each) for each in server.seen]
    found = problems(setup, outcome, message, seen)
    if isinstance(outcome, LoggedIn) and outcome.requests > setup.expected.requests:
        found.append(f"sent {outcome.requests} requests, expected at most {setup.expected.requests}")
    write_down(setup, outcome, observation(outcome, kind, message, seen, setup), found)
    assert not server.failures
    assert found == [], message
    assert leaked(setup, f"{message} {caplog.text}") == []
