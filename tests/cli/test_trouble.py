"""What commands do where the output is narrow or full, the store cannot be made, or an argument is wrong."""

import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from command_line import run_line
from rich.console import Console

from ibm_circuit_job import Job, JobDetails, JobStore, cli
from ibm_circuit_job.cli import terminal

pytestmark = pytest.mark.usefixtures("machine")


def exit_of_main(monkeypatch, *words):
    """Run the command as the shell does, and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["ibm-circuit-job", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


@pytest.mark.parametrize("width", [25, 60])
def test_usage_shows_its_figures_at_any_width(width, monkeypatch):
    details = JobDetails(datetime.now(UTC), tags=["a tag of many words " * 4], charged_seconds=2.5)
    with JobStore() as store:
        store.save(Job("a", details=details))
    monkeypatch.setattr(terminal, "console", Console(force_terminal=True, color_system=None, width=width))
    lines = run_line("usage", "--offline").stdout.splitlines()
    assert any("2.5 s" in line for line in lines)
    assert all(len(line) <= width for line in lines)


def test_store_that_cannot_be_made_costs_saving_alone(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("IBM_CIRCUIT_JOB_STORE", str(tmp_path / "file" / "jobs.sqlite"))
    ran = run_line("jobs", "--refresh")
    assert ran.exit_code == 0
    assert "replies are not saved: could not open the store" in ran.stderr


def test_store_that_is_damaged_is_an_error(tmp_path, monkeypatch, capsys):
    (tmp_path / "jobs.sqlite").write_bytes(b"damaged")
    assert exit_of_main(monkeypatch, "jobs", "--refresh") == 1
    assert "the file is damaged" in capsys.readouterr().err


def test_status_that_is_none_is_wrong_usage(monkeypatch, capsys):
    JobStore().close()
    assert exit_of_main(monkeypatch, "jobs", "--status", "nonsense") == 2
    assert "expected status to be" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is a file of Linux")
def test_full_disk_is_one_line(monkeypatch, capsys):
    # What could not be written is tried once more when the file is closed.
    with suppress(OSError), Path("/dev/full").open("w", buffering=1) as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert exit_of_main(monkeypatch, "jobs", "--json") == 1
    assert "No space left" in capsys.readouterr().err


def test_other_programs_are_told_nothing_of_an_empty_store():
    for command in ("jobs", "resume"):
        assert run_line(command).stdout == ""
