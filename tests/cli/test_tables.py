"""Tables of jobs on terminals of any width."""

from datetime import UTC, datetime

import pytest
from command_line import run_line
from qiskit.providers.jobstatus import JobStatus
from rich.console import Console

from ibm_circuit_job import Job, JobDetails, JobMetrics, JobStore, StatusReport, cli

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
IDS = ["a722ec50666a85d1322f", "0b6e3bd8-6f0c-4c7e-8d45-1f1c9d1f6a2b"]
CREATED = NOON.astimezone().strftime("%Y-%m-%d %H:%M")


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store with jobs of two services, whose backends and tags are long."""
    monkeypatch.setenv("IBM_CIRCUIT_JOB_STORE", str(tmp_path / "jobs.sqlite"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with JobStore() as store:
        yield store


def save(store, job_id, service):
    details = JobDetails(NOON, backend="local_simulator", created=NOON, tags=["calibrated", "ghz"], charged_seconds=1.5)
    report = StatusReport(NOON, JobStatus.CANCELLED, "Cancelled")
    store.save(Job(job_id, report, details, JobMetrics(NOON)), service=service)


def table(monkeypatch, width):
    """Return the lines of the table that a terminal of so many columns shows."""
    terminal = Console(force_terminal=True, color_system=None, width=width, highlight=False)
    monkeypatch.setattr(cli.terminal, "console", terminal)
    ran = run_line("jobs")
    assert ran.exit_code == 0, ran.output
    return ran.output.splitlines()


@pytest.mark.parametrize("width", [30, 45, 60, 80, 100, 200])
@pytest.mark.parametrize("job_id", IDS)
def test_table_fits_the_terminal_and_breaks_no_id(store, monkeypatch, job_id, width):
    save(store, job_id, "this machine")
    lines = table(monkeypatch, width)
    assert any(line.startswith(job_id) for line in lines)
    assert max(len(line.rstrip()) for line in lines) <= max(width, len(job_id))
    assert any("CANCELLED" in line for line in lines)


def test_wide_terminal_shows_every_column(store, monkeypatch):
    save(store, IDS[0], "https://quantum.cloud.ibm.com crn:v1:x")
    head, row = table(monkeypatch, 200)
    assert head.split() == ["job", "created", "status", "backend", "tags", "service", "usage"]
    assert row.split() == [
        *(IDS[0], *CREATED.split(), "CANCELLED", "local_simulator", "calibrated,", "ghz"),
        *("quantum.cloud.ibm.com", "1.5", "s"),
    ]


def test_columns_that_count_less_are_left_out_first(store, monkeypatch):
    save(store, IDS[0], "this machine")
    assert table(monkeypatch, 80)[0].split() == ["job", "created", "status", "backend", "tags"]
    assert table(monkeypatch, 60)[0].split() == ["job", "status", "backend", "tags"]
    assert table(monkeypatch, 31)[0].split() == ["job", "status"]


def test_services_on_this_machine_are_told_from_others(store, monkeypatch):
    save(store, "a", "this machine")
    save(store, "b", "https://quantum.cloud.ibm.com crn:v1:x")
    services = {line.split()[0]: line.split()[-3] for line in table(monkeypatch, 200)[1:]}
    assert services == {"a": "local", "b": "quantum.cloud.ibm.com"}
