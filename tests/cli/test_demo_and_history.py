"""What a newcomer sees first: the demo, the command that it names, and the history of its job."""

import sys
from datetime import UTC, datetime, timedelta

import pytest
from command_line import run_line
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import Job, JobMetrics, JobStore, StatusReport, cli

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)


pytestmark = pytest.mark.usefixtures("machine")


def typed(*words):
    ran = run_line(*words)
    assert ran.exit_code == 0, ran.output
    return ran.output


def test_demo_leaves_nothing_to_resume():
    typed("demo", "--shots", "10")
    with JobStore() as store:
        assert store.unfinished() == []


def test_demo_with_one_shot_leaves_no_row_blank():
    assert "1 shot" in typed("demo", "--shots", "1")
    rows = [line.split("\t") for line in typed("jobs").splitlines()]
    assert [row[2] for row in rows] == ["DONE", "DONE"]
    assert all(row[0] and row[1] and row[3] == "local_simulator" for row in rows)


def test_command_off_the_path_is_named_by_its_path(tmp_path, monkeypatch):
    command = tmp_path / ".venv" / "bin" / "ibm-circuit-job"
    command.parent.mkdir(parents=True)
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [".venv/bin/ibm-circuit-job", "demo"])
    monkeypatch.setenv("PATH", "/usr/bin")
    assert cli.terminal.command_line() == ".venv/bin/ibm-circuit-job"
    monkeypatch.setenv("PATH", str(command.parent))
    assert cli.terminal.command_line() == "ibm-circuit-job"


def test_module_is_named_as_python_runs_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "cli" / "__main__.py"), "demo"])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    assert cli.terminal.command_line() == "bin/python -m ibm_circuit_job"


def test_history_has_milliseconds_steps_and_what_lies_between():
    steps = [("created", NOON), ("running", NOON + timedelta(seconds=1.25)), ("finished", NOON + timedelta(minutes=3))]
    with JobStore() as store:
        store.save(Job("cq1x", StatusReport(NOON, JobStatus.QUEUED, "Queued")))
        store.save(Job("cq1x", metrics=JobMetrics(NOON + timedelta(milliseconds=250), timestamps=steps)))
    first, second = typed("history", "cq1").splitlines()
    at = f"{NOON.astimezone():%H:%M:%S}"
    assert first.split() == [f"{NOON.astimezone():%Y-%m-%d}", f"{at}.000", "status", "QUEUED"]
    assert second.split("  ")[-1] == f"metrics: created {at}.000, running +1.250 s, finished +2 min 59 s"
    assert f"{at}.250  +0.250 s" in second


def test_ids_of_saved_jobs_complete_on_the_command_line():
    assert cli.stores.complete_id("c") == []
    with JobStore() as store:
        store.save_all(map(Job, ("cq1x", "cq2y", "d")))
    assert cli.stores.complete_id("cq") == ["cq1x", "cq2y"]
    assert set(cli.stores.complete_id("")) == {"cq1x", "cq2y", "d"}
