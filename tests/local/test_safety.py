"""The service against clients that are careless, strange or gone."""

import os
import signal
import stat
import time
from pathlib import Path

import pytest
import requests
from qiskit import QuantumCircuit
from qiskit.circuit.library import quantum_volume

from ibm_circuit_job import IBMJobApiError, IBMProvider
from ibm_circuit_job.local import LocalService, LocalServiceError


@pytest.fixture
def service(tmp_path):
    with LocalService(data=tmp_path, workers=1) as service:
        yield service


@pytest.fixture
def classic(service):
    return IBMProvider(service.token, service.url)


def private_job(provider):
    circuit = QuantumCircuit(20, 20)
    circuit.h(range(20))
    circuit.measure(range(20), range(20))
    job = provider.get_backend("local_simulator").run(circuit, shots=10, memory=True, private=True)
    job.wait_for_final_state(timeout=60)
    return f"{provider.url}/jobs/{job.job_id()}/results", provider.account_client.headers()


@pytest.mark.parametrize("path", ["/identity/token", "/api/users/loginWithToken"])
def test_stranger_is_not_heard_at_length(service, path):
    root = service.environment["IAM_URL"]
    assert requests.post(root + path, data=b"a=b&" * 10_000, timeout=10).status_code == 413


def test_submission_that_is_no_text_is_refused_and_unlisted(classic):
    headers = classic.account_client.headers() | {"Content-Type": "application/json"}
    body = b'{"program_id": "circuit-runner", "backend": "local_simulator", "params": {"shots": "\xff\xfe"}}'
    assert requests.post(f"{classic.url}/jobs", data=body, headers=headers, timeout=10).status_code == 400
    assert requests.get(f"{classic.url}/jobs", headers=headers, timeout=10).json()["jobs"] == []


@pytest.mark.parametrize("shots", ["1" + "0" * 400, '"' + "x" * 1_000_000 + '"'])
def test_shots_that_are_none_fail_the_job_in_few_words(classic, shots):
    headers = classic.account_client.headers()
    body = f'{{"program_id": "circuit-runner", "backend": "local_5q", "params": {{"circuits": [1], "shots": {shots}}}}}'
    reply = requests.post(f"{classic.url}/jobs", data=body, headers=headers, timeout=10)
    job = classic.retrieve_job(reply.json()["id"])
    job.wait_for_final_state(timeout=30)
    assert len(job.error_message()) < 2_100


def test_new_token_ends_the_logins_of_the_old_one(tmp_path):
    with LocalService(data=tmp_path, token="leaked", workers=1) as service:
        headers = IBMProvider(service.token, service.url).account_client.headers()
    with LocalService(data=tmp_path, token="fresh", workers=1) as service:
        assert requests.get(f"{service.url}/jobs", headers=headers, timeout=10).status_code == 401


def test_file_that_others_could_read_is_closed_to_them(tmp_path):
    file = tmp_path / "service.sqlite"
    file.touch(0o644)
    with LocalService(data=tmp_path, workers=1):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_second_service_on_a_folder_says_so(service, tmp_path):
    with pytest.raises(LocalServiceError, match="another service uses it"):
        LocalService(data=tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"token": ""}, "expected token to be a non-empty string of ASCII characters"),
        ({"data": ""}, "expected data to be the path of a folder"),
        ({"data": b"x"}, "expected data to be the path of a folder"),
        ({"workers": 0}, "expected workers to be a whole number from 1 up, got 0"),
        ({"workers": "2"}, "expected workers to be a whole number"),
        ({"rate_limit": 0}, "expected rate_limit to be a whole number from 1 up, got 0"),
        ({"results_at_url": -1}, "expected results_at_url to be a whole number from 0 up, got -1"),
    ],
)
def test_setting_that_is_none_is_refused(settings, message):
    with pytest.raises(LocalServiceError, match=message):
        LocalService(**settings)


def _group_of(pid):
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def test_workers_end_with_a_service_that_is_killed(service, classic):
    circuit = quantum_volume(22, depth=60, seed=1)
    circuit.measure_all()
    job = classic.get_backend("local_simulator").run(circuit, shots=1)
    while not job.running():
        time.sleep(0.01)
    processes = [entry for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    group = [entry for entry in processes if _group_of(int(entry.name)) == service.pid]
    group.remove(Path("/proc") / str(service.pid))
    assert group
    os.kill(service.pid, signal.SIGKILL)
    # One that stays is ended by the timeout of the test.
    while any(entry.exists() for entry in group):
        pass


def test_forked_child_leaves_the_folder_of_its_parent_alone(program):
    text = """
import os, sys
from ibm_circuit_job import IBMProvider
with IBMProvider.local() as provider:
    folder = provider._service._stop.peek()[2][1]
    child = os.fork()
    if child == 0:
        sys.exit(0)
    os.waitpid(child, 0)
    print(os.path.isdir(folder))
"""
    with program("-c", text) as process:
        assert process.communicate()[0] == "True\n"


def test_result_of_a_private_job_that_was_read_says_so(classic):
    url, headers = private_job(classic)
    job = classic.retrieve_job(url.split("/")[-2])
    requests.get(url, headers=headers, timeout=10)
    with pytest.raises(IBMJobApiError, match="was read before"):
        job.result(timeout=30)
