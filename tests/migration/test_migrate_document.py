"""The tables of docs/migrate.md say what the rewriting does, and what there is."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from qiskit import QuantumCircuit
from qiskit.providers.jobstatus import JobStatus
from rewritten import migrated

import ibm_circuit_job
from ibm_circuit_job.cli.migration.names import Gone, fate

TEXT = (Path(__file__).parents[2] / "docs" / "migrate.md").read_text("utf-8")
CODE = re.compile(r"`([^`]+)`")
HEAD = """from qiskit import IBMQ, assemble, execute
from qiskit.tools.monitor import job_monitor
from qiskit_ibm_provider import IBMProvider
job = made()
backend = job.backend()
job = backend.run(circuit)
# the line
"""


def rows(head):
    """The cells of the table that has this head."""
    table = TEXT.partition(f"| {head} |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines()[2:]]


WAS_AND_IS = [(CODE.findall(row[0])[0], CODE.findall(row[1])[0]) for row in rows("what was | what is | to know")]
IMPORTS = [(CODE.findall(row[0])[0], CODE.findall(row[1])[0]) for row in rows("imported from | imported as")]
CANNOT = [name for row in rows("what was | why, and what to do") for name in CODE.findall(row[0])]
HERE = [CODE.findall(row[1])[0] for row in rows("there | here | what differs")]


@pytest.mark.parametrize(("was", "now"), WAS_AND_IS)
def test_line_of_the_table_is_rewritten_so(was, now):
    assert migrated(HEAD + was).text.partition("# the line\n")[2] == now


@pytest.mark.parametrize(("was", "now"), IMPORTS)
def test_import_of_the_table_is_rewritten_so(was, now):
    (old, name), (new, new_name) = was.rsplit(".", 1), now.rsplit(".", 1)
    line = migrated(f"from {old} import {name}\nx = {name}\n").text
    assert line == f"from {new} import {new_name}\nx = {new_name}\n"
    exec(line, {})  # noqa: S102 - the names are there


@pytest.mark.parametrize("name", CANNOT)
def test_what_cannot_be_is_refused(name):
    assert isinstance(fate(name), Gone)
    module, _, last = name.rpartition(".")
    assert [each.is_left for each in migrated(f"from {module} import {last}\n").remarks] == [True]


@pytest.fixture(scope="module")
def world(platform_provider):
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    backend = platform_provider.get_backend("local_simulator")
    job = backend.run(circuit, shots=10)
    job.wait_for_final_state(60)
    return {
        "JobStatus": JobStatus,
        "IBMProvider": lambda: platform_provider,
        "backend": backend,
        "circuit": circuit,
        "job": job,
        "least_busy": ibm_circuit_job.least_busy,
        "provider": platform_provider,
        "when": datetime(2026, 1, 1, tzinfo=UTC),
    }


@pytest.mark.parametrize("line", HERE)
def test_line_for_users_of_the_official_client_runs(line, world):
    found = eval(line, world)  # noqa: S307 - it is a line of the document
    if line == "backend.open_session()":
        found.close()
    if " is " in line:
        assert found


def test_tables_have_their_rows():
    assert min(map(len, (WAS_AND_IS, IMPORTS, CANNOT, HERE))) > 10
