"""What the local service has said is so after a restart, also on a full disk; and who can read what it writes."""

import os
import resource
import stat
import sys
import tempfile

import pytest
import requests
from qiskit import QuantumCircuit
from qiskit.providers import JobStatus

from ibm_circuit_job import IBMJobInvalidStateError, IBMProvider
from ibm_circuit_job.local import LocalService

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")


class Disk:
    """The disk of a service, which can be full."""

    def __init__(self, service):
        self._pid = service.pid
        self._free = resource.prlimit(service.pid, resource.RLIMIT_FSIZE)

    def fill(self):
        # Enough for a log, and less than the journal of SQLite has already.
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (8192, self._free[1]))

    def empty(self):
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, self._free)


def started(data):
    return LocalService(data=data, workers=1)


def device_of(service):
    return IBMProvider(service.token, service.url).get_backend("local_5q")


@pytest.fixture
def second():
    """A job that takes the device a second."""
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)

    def run(device):
        return device.run(circuit, shots=2000, rep_delay=500e-6)

    return run


def test_end_that_cannot_be_written_is_not_reported(tmp_path, second, capfd, until):
    said = []
    with started(tmp_path) as service:
        disk = Disk(service)
        job = second(device_of(service))
        disk.fill()
        until(lambda: said.append(capfd.readouterr().err) or "its end could not be written" in "".join(said))
        assert job.status() is JobStatus.RUNNING
        with pytest.raises(IBMJobInvalidStateError):
            # Its outcome is there.
            job.cancel()
        disk.empty()
        job.wait_for_final_state(timeout=60)
        before = (job.status(), job.error_message())
        assert before[0] is JobStatus.ERROR
        assert "could not save the result of the job" in before[1]
    with started(tmp_path) as service:
        again = IBMProvider(service.token, service.url).retrieve_job(job.job_id())
        assert (again.status(), again.error_message()) == before


def test_what_cannot_be_written_is_refused_and_not_done(tmp_path, second):
    with started(tmp_path) as service:
        disk, device = Disk(service), device_of(service)
        running, queued = second(device), second(device)
        headers = {"X-Access-Token": device.provider.account_client.headers()["X-Access-Token"]}
        url = f"{service.url}/jobs/{queued.job_id()}"
        disk.fill()
        body = {"program_id": "circuit-runner", "backend": "local_5q", "params": {}}
        refused = [
            requests.post(f"{url}/cancel", headers=headers, timeout=10),
            requests.put(f"{url}/tags", headers=headers, json={"tags": ["a"]}, timeout=10),
            requests.post(f"{service.url}/jobs", headers=headers, json=body, timeout=10),
        ]
        shown = requests.get(f"{service.url}/jobs", headers=headers, timeout=10).json()["jobs"]
        disk.empty()
        assert [reply.status_code for reply in refused] == [503, 503, 503]
        assert all("cannot write to its folder" in reply.json()["error"]["message"] for reply in refused)
        assert [job["id"] for job in shown] == [queued.job_id(), running.job_id()]
        assert shown[0]["status"] in {"Queued", "Running"}
        assert shown[0]["tags"] == []
        queued.cancel()
    with started(tmp_path) as service:
        again = IBMProvider(service.token, service.url).retrieve_job(queued.job_id())
        assert again.status() is JobStatus.CANCELLED


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_what_it_makes_is_its_owners_alone(tmp_path, umask, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / "a" / "b"
    before = os.umask(umask)
    try:
        services = [LocalService(data=folder, workers=1), LocalService(workers=1)]
    finally:
        os.umask(before)
    made = [path for path in tmp_path.rglob("*") if not path.is_socket()]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in made}
    for service in services:
        service.stop()
    assert any(path.name == "service.sqlite-wal" for path in made)
    assert {mode for path, mode in modes.items() if path.suffix} <= {0o600}
    assert {mode for path, mode in modes.items() if path.suffix == ""} <= {0o700}
