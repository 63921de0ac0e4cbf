"""What the README's table says of qiskit-ibm-runtime."""

import subprocess
import sys
from pathlib import Path

import peers_checks
import pytest
import qiskit
from qiskit_ibm_runtime.exceptions import IBMBackendError
from readme_table import ROOT, column, shown

SAID = shown(column(3))
OF_PROVIDER = shown(column(2))


def test_members_are_as_the_table_says(device, simulator, sample, bell):
    found = peers_checks.members(device, sample(simulator, bell, shots=10))
    assert found == {row: SAID[row] for row in found}


def test_backend_runs_no_circuits(simulator, bell):
    assert SAID["`backend.run()`"] is False
    with pytest.raises(IBMBackendError, match=r"backend.run\(\) has been removed"):
        simulator.run(bell)


def test_package_has_neither_command_nor_fixtures():
    found = peers_checks.commands_and_fixtures("qiskit-ibm-runtime")
    assert found == {row: SAID[row] for row in found}


def test_qiskit_is_2():
    assert SAID["qiskit 2"] == qiskit.__version__.startswith("2.")


def test_platform_has_the_job(service, simulator, sample, bell):
    job = sample(simulator, bell, shots=10)
    assert SAID["IBM Quantum Platform"] == (service.job(job.job_id()).job_id() == job.job_id())


def test_no_file_has_the_job(simulator, sample, bell):
    job = sample(simulator, bell, shots=10)
    job.result(timeout=60)
    assert SAID["jobs and results saved beyond the process"] == bool(peers_checks.files_with(job.job_id()))


def test_wait_opens_no_stream(services, slow):
    before = peers_checks.streams_of(services.plain)
    slow(1.0).wait_for_final_state(timeout=60)
    assert SAID["waits by push, where the service pushes"] == (peers_checks.streams_of(services.plain) > before)


def test_provider_package_cannot_be_imported_with_qiskit_2(tmp_path):
    (package,) = Path(ROOT, ".peers", "provider").glob("lib/python3*/site-packages/qiskit_ibm_provider")
    (tmp_path / "qiskit_ibm_provider").symlink_to(package)
    ran = subprocess.run(
        [sys.executable, "-c", "import qiskit_ibm_provider"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert OF_PROVIDER["qiskit 2"] == (ran.returncode == 0)
    assert "from 'qiskit.providers'" in ran.stderr
