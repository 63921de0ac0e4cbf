"""What the README's table says of qiskit-ibm-provider."""

import peers_checks
import pytest
import qiskit
from qiskit_ibm_provider import IBMProvider
from qiskit_ibm_provider.accounts.exceptions import InvalidAccountError
from readme_table import column, shown

SAID = shown(column(2))


def test_members_are_as_the_table_says(device, simulator, bell):
    found = peers_checks.members(device, simulator.run(bell, shots=10))
    assert found == {row: SAID[row] for row in found}


def test_package_has_neither_command_nor_fixtures():
    found = peers_checks.commands_and_fixtures("qiskit-ibm-provider")
    assert found == {row: SAID[row] for row in found}


def test_qiskit_is_older_than_2():
    assert SAID["qiskit 2"] == (not qiskit.__version__.startswith(("0.", "1.")))


def test_backend_runs_circuits(simulator, bell):
    assert SAID["`backend.run()`"] == (
        sum(simulator.run(bell, shots=10).result(timeout=60).get_counts().values()) == 10
    )


def test_instance_of_the_platform_is_refused(services):
    """IBM Quantum Platform names an instance by its CRN, and wants it with each request."""
    assert SAID["IBM Quantum Platform"] is False
    with pytest.raises(InvalidAccountError, match="Expected hub/group/project format"):
        IBMProvider(token=services.plain.token, url=services.plain.platform_url, instance=services.plain.instance)


def test_no_file_has_the_job(simulator, bell):
    job = simulator.run(bell, shots=10)
    job.result(timeout=60)
    assert SAID["jobs and results saved beyond the process"] == bool(peers_checks.files_with(job.job_id()))


def test_wait_opens_no_stream(services, slow):
    before = peers_checks.streams_of(services.plain)
    slow(1.0).wait_for_final_state(timeout=60)
    assert SAID["waits by push, where the service pushes"] == (peers_checks.streams_of(services.plain) > before)
