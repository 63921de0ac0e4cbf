"""What tests of the command line share."""

import pytest


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without accounts, on which nothing was saved yet."""
    for variable in ("TOKEN", "URL", "INSTANCE", "CHANNEL"):
        monkeypatch.delenv(f"QISKIT_IBM_{variable}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("IBM_CIRCUIT_JOB_STORE", str(tmp_path / "jobs.sqlite"))
    monkeypatch.chdir(tmp_path)
