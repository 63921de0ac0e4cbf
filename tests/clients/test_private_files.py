"""What the library writes is its owner's alone, whatever the umask."""

import os
from datetime import UTC, datetime

import pytest

from ibm_circuit_job import IBMProvider, Job, JobStore
from ibm_circuit_job.clients.recorder import Recorder, write_fixture

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture(params=[0o000, 0o022, 0o277, 0o777])
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


def test_all_that_is_written_is_its_owners_alone(umask, tmp_path):
    top = tmp_path / "a"
    with JobStore(top / "store" / "jobs.sqlite") as store:
        store.save(Job("cq1x"))
        store.export(top / "exports" / "one")
        IBMProvider.save_account("a-key", instance="lab", filename=top / "accounts" / "b" / "accounts.json")
        write_fixture(Recorder(NOON).fixture(), top / "accounts" / "recording.json")
        found = {path: path.stat().st_mode & 0o777 for path in [top, *top.rglob("*")]}
    assert {path for path, mode in found.items() if mode != (0o700 if path.is_dir() else 0o600)} == set()
    names = {path.name for path in found}
    assert names >= {"jobs.sqlite", "jobs.sqlite-wal", "jobs.jsonl", "bodies", "accounts.json", "recording.json"}


def test_folder_that_is_there_stays_as_it_is(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    IBMProvider.save_account("a-key", instance="lab", filename=shared / "accounts.json")
    assert shared.stat().st_mode & 0o777 == 0o755
