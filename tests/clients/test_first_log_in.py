"""Every set-up of the table in tests/clients/log_in: how people's machines are when they log in for the first time."""

import importlib.util
import logging
import socket
import time
import traceback
import warnings
from collections import Counter

import pytest
import urllib3
from attrs import asdict
from cloud_server import CloudServer
from names import name_server
from observed import observation, write_down
from setups import BACKEND, LoggedIn, Offline, Refused, leaked, prepared, problems
from table import ROWS

from ibm_circuit_job import IBMAccountError, IBMProvider, JobStore
from ibm_circuit_job.clients import version_agreement

SEARCH = "/v3/resources/search"
"""Of which each page is a request."""


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
    """Log in and get the first backend; return what came of it, what else is shown, and the message."""
    try:
        provider = IBMProvider(**arguments)
        if not server.seen and arguments.get("store") is not None:
            return Offline(), "", ""
        backend = provider.get_backend(BACKEND)
    except IBMAccountError as error:
        return Refused(()), "".join(traceback.format_exception(error)), str(error)
    sent = len(server.seen)
    assert provider.get_backend(BACKEND) is backend
    assert len(server.seen) == sent, "the next get_backend of that name sent a request"
    shown = f"{provider!r} {backend!r} {provider.active_account()}"
    assert provider.active_account()["instance"] == provider.instance
    provider.close()
    return LoggedIn(provider.instance, sent), shown, ""


def needless(seen, most):
    """What was sent that the table does not allow: more requests, one of them twice, or two connections to a host."""
    found = [f"sent {len(seen)} requests, expected at most {most}"] if len(seen) > most else []
    sent = Counter((each["host"], each["method"], each["path"]) for each in seen if each["path"] != SEARCH)
    found += [f"sent twice: {' '.join(request)}" for request, times in sent.items() if times > 1]
    connections = Counter(host for host, _ in {(each["host"], each["connection"]) for each in seen})
    return found + [f"{number} connections to {host}" for host, number in connections.items() if number > 1]


def is_ours(record):
    return record.name.startswith("ibm_circuit_job")


def is_runnable(setup):
    """Whether the modules are there that the row needs, and those are not that it lacks."""
    has_needed = setup.needs is None or importlib.util.find_spec(setup.needs) is not None
    return has_needed and not (setup.lacks and importlib.util.find_spec(setup.lacks))


@pytest.mark.parametrize("setup", ROWS, ids=lambda setup: setup.name)
def test_set_up(setup, machine, server, caplog):
    if not is_runnable(setup):
        pytest.skip(f"is about {setup.needs or setup.lacks}")
    arguments = machine(setup)
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings():
        # What a user who turned checks off is told by urllib3.
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        outcome, shown, message = tried(arguments, server)
    seen = [asdict(each) for each in server.seen]
    found = problems(setup, outcome, message, seen)
    if isinstance(outcome, LoggedIn) and isinstance(setup.expected, LoggedIn):
        found += needless(seen, setup.expected.requests)
    write_down(setup, outcome, observation(outcome, "IBMAccountError", message, seen, setup), found)
    assert not server.failures
    assert found == [], message
    assert leaked(setup, f"{shown} {message} {caplog.text}") == []
    if isinstance(outcome, LoggedIn):
        [line] = [
            record.getMessage() for record in caplog.records if is_ours(record) and record.levelno == logging.INFO
        ]
        assert outcome.instance in line
