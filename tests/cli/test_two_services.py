"""Commands about jobs of several services on this machine, of which some have ended, or have no known account."""

import json
import socket
from datetime import UTC, datetime

import pytest
from command_line import run_line
from loopback import refusing
from qiskit import QuantumCircuit

from ibm_circuit_job import IBMProvider, Job, JobDetails, JobStore
from ibm_circuit_job.local import LocalService


@pytest.fixture(autouse=True)
def account(service, tmp_path, monkeypatch):
    """The account of one service, in the variables; nothing else is saved on the machine."""
    monkeypatch.setenv("QISKIT_IBM_TOKEN", service.token)
    monkeypatch.setenv("QISKIT_IBM_URL", service.url)
    for variable in ("INSTANCE", "CHANNEL"):
        monkeypatch.delenv(f"QISKIT_IBM_{variable}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("IBM_CIRCUIT_JOB_STORE", str(tmp_path / "jobs.sqlite"))


def typed(*words, exit_code=0):
    ran = run_line(*words)
    said = ran.output if ran.exception is None or isinstance(ran.exception, SystemExit) else str(ran.exception)
    assert ran.exit_code == exit_code, said
    return said


def left_at(port):
    """Save an unfinished job of a service on this machine at a port, and return its ID."""
    details = JobDetails(datetime.now(UTC), service_url=f"http://127.0.0.1:{port}/api")
    with JobStore() as store:
        store.save(Job("left", details=details), service="this machine")
    return "left"


@pytest.fixture
def port():
    """A port of this machine; something listens on it, which is no service of a known account."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def closed_port():
    with refusing() as port:
        yield port


def test_job_of_gone_service_is_not_taken_for_anothers(closed_port):
    job_id = left_at(closed_port)
    for command in ("status", "result", "cancel", "wait"):
        said = typed(command, job_id, exit_code=1)
        assert f"at http://127.0.0.1:{closed_port}/api on this machine, which does not run any more" in said
    assert "service gone" in typed("show", job_id)


def test_resume_says_that_the_service_is_gone_beside_another(closed_port):
    left_at(closed_port)
    said = typed("resume")
    assert "1 job was on a service on this machine that does not run any more" in said
    assert "\tservice gone\t" in said


def test_key_of_one_service_is_not_tried_on_anothers_job(port):
    said = typed("status", left_at(port), exit_code=1)
    assert f"expected an account for the service at http://127.0.0.1:{port}/api" in said


def test_chosen_url_is_asked_though_the_service_was_elsewhere(closed_port, service):
    said = typed("show", left_at(closed_port), "--url", service.url)
    assert "answered 404" in said


def test_resume_asks_each_service_on_this_machine(service):
    with LocalService() as another, JobStore() as store:
        IBMProvider.save_account(another.token, another.url, name="another")
        ids = []
        for each in (service, another):
            with IBMProvider(each.token, each.url, store=store) as provider:
                circuit = QuantumCircuit(1, 1)
                circuit.measure(0, 0)
                ids.append(provider.get_backend("local_simulator").run(circuit, shots=10).job_id())
        typed("wait", *ids, "--timeout", "60")
        for job_id in ids:
            store.delete(job_id)
        for each, job_id in zip((service, another), ids, strict=True):
            details = JobDetails(datetime.now(UTC), service_url=each.url)
            store.save(Job(job_id, details=details), service="this machine")
        ran = run_line("resume", "--json")
    assert [each["status"] for each in json.loads(ran.stdout)] == ["DONE", "DONE"]
