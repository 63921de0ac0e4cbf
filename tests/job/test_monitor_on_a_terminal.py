"""Progress on a real terminal: a line or a table that is written again in place, and what Ctrl-C says."""

import io
import os
import re
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from qiskit.providers.jobstatus import JobStatus
from rich.console import Console

pytest.importorskip("pty", reason="there are no pseudo terminals here")

from terminals import MOVES, Terminal

from ibm_circuit_job import IBMCircuitJob, IBMJobInvalidStateError, job_monitor
from ibm_circuit_job.job import screens
from ibm_circuit_job.testing import ScriptedClient
from ibm_circuit_job.views.records import JobView

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)

CONNECT = """
import os
from ibm_circuit_job import IBMProvider, job_monitor, wait_all
provider = IBMProvider(os.environ["TOKEN"], os.environ["URL"])
jobs = [provider.retrieve_job(job_id) for job_id in os.environ["JOBS"].split()]
"""
CLEAR_LINE, HIDE, SHOW = "\x1b[2K", "\x1b[?25l", "\x1b[?25h"


@pytest.fixture
def on_terminal(program, service, monkeypatch):
    def started(text, jobs):
        known = {"TOKEN": service.token, "URL": service.url, "JOBS": " ".join(job.job_id() for job in jobs)}
        for name, value in (known | {"TERM": "xterm"}).items():
            monkeypatch.setenv(name, value)
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            monkeypatch.delenv(name, raising=False)
        return Terminal(program, CONNECT + text)

    return started


@pytest.fixture
def queue(slow):
    """Two jobs, of which one runs, and the other waits for it."""
    jobs = [slow(50), slow(0.001)]
    while jobs[0].status() is not JobStatus.RUNNING:
        time.sleep(0.01)
    yield jobs
    for job in reversed(jobs):
        with suppress(IBMJobInvalidStateError):
            job.cancel()


def test_line_is_written_again_until_the_job_ends(on_terminal, queue):
    blocking, waiting = queue
    with on_terminal("job_monitor(jobs[0], interval=0.05)", [waiting]) as terminal:
        terminal.read_until("Job Status: job is queued (1), QUEUED, elapsed ")
        # The time goes on while nothing happens.
        first = terminal.text.count("elapsed")
        terminal.read_until("expected to end")
        while terminal.text.count("elapsed") < first + 2:
            assert terminal._read()
        blocking.cancel()
        assert terminal.read_all() == 0
    assert terminal.text.rstrip().splitlines()[-1].startswith("Job Status: job has successfully run, DONE, elapsed ")
    assert CLEAR_LINE in terminal.raw
    assert terminal.raw.rindex(SHOW) > terminal.raw.rindex(HIDE)


def test_several_jobs_are_a_table_with_a_line_for_each(on_terminal, queue):
    blocking, waiting = queue
    with on_terminal("wait_all(jobs, progress=True)", queue) as terminal:
        terminal.read_until("job is queued")
        blocking.cancel()
        assert terminal.read_all() == 0
    last = terminal.text[terminal.text.rindex("Expected end") :]
    assert [line.split()[:2] for line in last.splitlines() if line.startswith(("DONE", "CANCELLED"))] == [
        ["CANCELLED", blocking.job_id()],
        ["DONE", waiting.job_id()],
    ]
    assert "2 of 2 have ended" in last


def test_ctrl_c_says_how_to_come_back_and_the_job_goes_on(on_terminal, queue):
    running, _ = queue
    with on_terminal("jobs[0].result(progress=True)", [running]) as terminal:
        terminal.read_until("job is actively running, RUNNING")
        terminal.press_ctrl_c()
        assert terminal.read_all() != 0
    said = f'The job goes on. To come back to it: provider.retrieve_job("{running.job_id()}")'
    assert said in terminal.text
    assert terminal.text.rstrip().endswith("KeyboardInterrupt")
    assert terminal.text.index(said) < terminal.text.index("Traceback")
    assert running.running()


# The same in this process, where nothing has to be pressed


def test_ctrl_c_as_the_display_begins_says_how_to_come_back_and_ends_it(monkeypatch):
    drawn, begin = threading.Event(), threading.Thread.start
    draw = screens.Terminal.draw

    def heard(*arguments):
        draw(*arguments)
        drawn.set()

    def start(thread):
        begin(thread)
        if thread.name == "ibm-circuit-job-progress":
            assert drawn.wait(60)
            threads.append(thread)
            raise KeyboardInterrupt

    threads, output = [], io.StringIO()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(output, "isatty", lambda: True)
    monkeypatch.setattr(screens.Terminal, "draw", heard)
    monkeypatch.setattr(threading.Thread, "start", start)
    job = IBMCircuitJob(
        None, None, "a", runtime_client=ScriptedClient([b'{"id": "a", "state": {"status": "Running"}}'])
    )
    job.refresh()
    with pytest.raises(KeyboardInterrupt):
        job_monitor(job, output=output)
    assert output.getvalue().endswith('The job goes on. To come back to it: provider.retrieve_job("a")\n')
    (drawing,) = threads
    drawing.join(60)
    assert not drawing.is_alive()


def drawn(jobs, **size):
    """The lines of a table on a terminal of some size, as it was drawn last."""
    file = io.StringIO()
    screen = screens.Terminal(Console(file=file, force_terminal=True, _environ={}, **size), several=True)
    screen.draw(jobs, NOON)
    screen.close()
    shown = MOVES.sub("", file.getvalue())
    return shown[shown.rindex("Status") :].splitlines()


@pytest.mark.parametrize(
    ("columns", "heads"),
    [
        (20, ["Status", "Job"]),
        (45, ["Status", "Job", "Place", "Elapsed"]),
        (65, ["Status", "Job", "Place", "Elapsed", "Expected end"]),
        (90, ["Status", "Job", "Place", "Elapsed", "Expected end", "What"]),
    ],
)
def test_table_has_the_columns_that_fit(columns, heads):
    jobs = [
        JobView("a924f0c1b7", status="QUEUED", place=2, created=NOON, expected_end=NOON),
        JobView("b924f0c1b7", status="CANCELLED"),
    ]
    lines = drawn(jobs, width=columns, height=30)
    assert re.split(r"\s{2,}", lines[0].strip()) == heads
    assert [line.split()[0] for line in lines[1:3]] == ["QUEUED", "CANCELLED"]
    assert max(map(len, lines)) <= columns


def test_table_is_no_higher_than_the_terminal():
    jobs = [JobView(str(number), status="DONE" if number < 50 else "RUNNING") for number in range(100)]
    lines = drawn(jobs, width=80, height=12)
    assert len(lines) <= 12
    assert {line.split()[0] for line in lines[1:-1]} == {"RUNNING"}
    assert lines[-1].strip() == "50 of 100 have ended"


@pytest.mark.parametrize("missing", ["cursor", "rich"])
def test_lines_are_printed_where_nothing_can_be_written_again(monkeypatch, missing):
    if missing == "cursor":
        monkeypatch.setenv("TERM", "dumb")
    else:
        monkeypatch.setitem(sys.modules, "rich.console", None)
    job = IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient([b'{"id": "a", "state": {"status": "Failed"}}']))
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as terminal:
        job_monitor(job, output=terminal)
        assert os.read(master, 1000) == b"Job Status: job incurred error, ERROR\r\n"
    os.close(master)
