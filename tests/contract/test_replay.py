"""What the doctor records from a service is replayed, and the client gives the same answers."""

import json
from datetime import UTC, datetime
from pathlib import Path

import known_circuits
import pytest
from loopback import served
from qiskit import transpile
from replay import Recording, ReplayService

from ibm_circuit_job import IBMProvider, WaitPolicy
from ibm_circuit_job.cli.checkup import Checkup
from ibm_circuit_job.clients import RequestFailed
from ibm_circuit_job.clients.credentials import Asked
from ibm_circuit_job.clients.recorder import Recorder, write_fixture
from ibm_circuit_job.local import LocalService

RECORDINGS = sorted((Path(__file__).parent / "recordings").glob("*.json"))


def answers(token, url, instance):
    """What a user asks of a service, without the texts that stand-ins replace."""
    with IBMProvider(token, url, instance=instance, store=None) as provider:
        backend = provider.backends(simulator=False)[0]
        job = backend.run(transpile(known_circuits.bell(), backend), shots=50, job_tags=["mine", "bell"])
        job.wait_policy = WaitPolicy(shortest_pause=0.005, longest_pause=0.005)
        counts = job.result(timeout=60).get_counts()
        (listed,) = provider.jobs(limit=1)
        steps = job.time_per_step()
        return {
            "qubits": [each.num_qubits for each in provider.backends()],
            "operations": backend.operation_names,
            "counts": counts,
            "status": listed.status(),
            "is_same": listed.job_id() == job.job_id(),
            "tags": len(set(listed.tags())),
            "usage": job.usage(),
            "seconds": [steps["finished"] - steps["created"], steps["running"] - steps["created"]],
            "plans": [(each["plan"], each["pricing_type"], each["region"]) for each in provider.instances()],
            "consumed": provider.usage().consumed_seconds,
        }


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The answers of a service that nothing was asked before, and the file of the recording."""
    path = tmp_path_factory.mktemp("recording") / "recording.json"
    recorder = Recorder(datetime.now(UTC))
    with LocalService(workers=1) as service, recorder.recording():
        found = answers(service.token, service.platform_url, service.instance)
        secrets = [service.token, "local_5q", "mine"]
    write_fixture(recorder.fixture(), path)
    return found, path, secrets


def test_replayed_service_gives_the_same_answers(recorded):
    found, path, _ = recorded
    recording = Recording.read(path)
    with served(ReplayService(recording)) as service:
        assert answers(recording.key, service.api, recording.instance) == found
        assert service.unknown == []


def test_recording_is_its_owners_alone_and_without_secrets(recorded):
    _, path, secrets = recorded
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    assert not [secret for secret in secrets if secret in text]


def test_request_that_was_not_recorded_is_seen(recorded):
    recording = Recording.read(recorded[1])
    with (
        served(ReplayService(recording)) as service,
        IBMProvider(recording.key, service.api, instance=recording.instance) as one,
    ):
        with pytest.raises(RequestFailed, match="501"):
            one.runtime_client.backend_status("other")
        assert service.unknown == ["GET /api/v1/backends/other/status"]


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_doctor_finds_nothing_wrong_in_a_recording(path, tmp_path):
    recording = Recording.read(path)
    accounts = tmp_path / "accounts.json"
    with served(ReplayService(recording)) as service:
        IBMProvider.save_account(recording.key, service.api, recording.instance, filename=accounts)
        findings = list(Checkup(Asked(filename=accounts)).findings())
    assert [finding for finding in findings if not finding.has_passed] == []
    assert service.unknown == []
    assert json.loads(path.read_bytes())["format"] == 1
