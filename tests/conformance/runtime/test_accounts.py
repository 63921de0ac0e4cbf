"""The official client in every set-up of tests/clients/log_in: it does what ``official.json`` says it does.

The cloud runs in the process of ``tests/conformance/run.py``; only host names are led there, the client is unmodified.
"""

import json
import os
import shutil
import socket
import time
from pathlib import Path

import pytest
import requests
from cloud_state import KEY
from names import name_server
from observed import observation, write_down
from qiskit_ibm_runtime import QiskitRuntimeService
from rows_of_arguments import OPEN
from setups import BACKEND, LoggedIn, Refused, prepared, problems
from table import BY_NAME, ROWS

from ibm_circuit_job import IBMProvider

OBSERVED = json.loads((Path(__file__).parents[2] / "clients/log_in" / "official.json").read_text(encoding="utf-8"))
OFFICIAL = [row for row in ROWS if row.has_home and not row.store]
"""It finds its home directory when it is imported, and has no store."""


@pytest.fixture(scope="session")
def cloud():
    """Where the cloud is: its proxy, its ports, and the file of its authority."""
    return json.loads(os.environ["CONFORMANCE_CLOUD"])


@pytest.fixture
def control(cloud):
    """Ask the cloud for something that is no part of it."""
    with requests.Session() as session:
        session.trust_env = False
        yield lambda method, path: session.request(method, f"{cloud['proxy']}/witness/{path}", timeout=30)


@pytest.fixture
def machine(cloud, control, tmp_path, monkeypatch):
    """Make this machine that of a set-up, and return the arguments of the call."""
    home = Path(os.environ["HOME"])
    before = set(home.iterdir())
    pause = time.sleep

    def made(setup):
        monkeypatch.chdir(tmp_path)
        _, arguments = prepared(setup, home, cloud["authority"], monkeypatch)
        ports = {int(port): to for port, to in cloud["ports"].items()}
        names = name_server(ports, setup.cloud.network, setup.cloud.names_unknown)
        monkeypatch.setattr(socket, "getaddrinfo", names)
        monkeypatch.setattr(time, "sleep", lambda seconds: pause(min(seconds, 0.01)))
        assert control("POST", f"begin/{ROWS.index(setup)}").status_code == 204
        return arguments

    yield made
    for path in set(home.iterdir()) - before:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def tried(arguments, sent):
    """Log in and get the first backend; return what came of it, the class of the exception, and its message."""
    try:
        service = QiskitRuntimeService(**arguments)
        service.backend(BACKEND)
    except Exception as error:  # noqa: BLE001 - it raises many kinds
        return Refused(()), type(error).__name__, str(error), " ".join(causes(error))
    return LoggedIn(service.active_instance(), len(sent())), "", "", ""


def causes(error):
    """What a traceback shows above the exception: the messages of those that it came of."""
    while (error := error.__cause__ or error.__context__) is not None:
        yield str(error)


@pytest.mark.parametrize("setup", OFFICIAL, ids=lambda setup: setup.name)
def test_set_up(setup, machine, control):
    arguments = machine(setup)

    def sent():
        return control("GET", "seen").json()["seen"]

    outcome, kind, message, above = tried(arguments, sent)
    # What is said above the last line of a traceback counts for it, too.
    found = problems(setup, outcome, f"{message} {above}", sent())
    line = observation(outcome, kind, message, sent(), setup)
    write_down(setup, outcome, line, found)
    assert not control("GET", "seen").json()["failures"]
    assert line == OBSERVED.get(setup.name)


def test_account_that_ours_saves_is_used(machine, control):
    machine(BY_NAME["no account at all"])
    IBMProvider.save_account(KEY, instance=OPEN.crn, region="us-east", plans_preference=["open"], set_as_default=True)
    outcome, _, message, above = tried({}, lambda: control("GET", "seen").json()["seen"])
    assert isinstance(outcome, LoggedIn), f"{message} {above}"
    assert outcome.instance == OPEN.crn


def test_account_that_it_saves_is_ours(machine):
    machine(BY_NAME["no account at all"])
    QiskitRuntimeService.save_account(token=KEY, instance=OPEN.crn, tags=["lab"], name="lab", set_as_default=True)
    saved = IBMProvider.saved_accounts()["lab"]
    assert (saved["instance"], saved["tags"], saved["is_default_account"]) == (OPEN.crn, ["lab"], True)
    assert IBMProvider.delete_account(name="lab")
    assert QiskitRuntimeService.saved_accounts() == {}
