"""The command, as it is typed."""

import re
import signal
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from ibm_circuit_job import IBMProvider, Job, JobStore
from ibm_circuit_job.cli import app

COMMAND = [sys.executable, "-m", "ibm_circuit_job.cli"]


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store of this test's, which the commands use."""
    monkeypatch.setenv("IBM_CIRCUIT_JOB_STORE", str(tmp_path / "jobs.sqlite"))
    with JobStore() as store:
        yield store


def typed(*words, exit_code=0):
    """Type a command that is over at once, and return what it printed."""
    ran = CliRunner().invoke(app, words)
    assert ran.exit_code == exit_code, ran.output
    return ran.output


def test_demo_shows_the_life_of_a_job_and_its_counts_and_keeps_it(store):
    ran = subprocess.run([*COMMAND, "demo", "--shots", "100"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    steps = re.findall(r"submitted|queued|running|done", ran.stdout.replace("is queued", ""))
    assert steps[0] == "submitted"
    assert steps[-2:] == ["running", "done"]
    counts = dict(re.findall(r"^ (\d\d)  █+ +(\d+)", ran.stdout, re.MULTILINE))
    assert set(counts) == {"00", "11"}
    assert sum(map(int, counts.values())) == 100
    [job] = store.jobs(job_tags=["demo"])
    assert job.result().get_counts() == {outcome: int(count) for outcome, count in counts.items()}
    assert re.search(
        rf"{job.job_id()} .* DONE +local_simulator +demo", typed("jobs", "--tag", "demo", "--status", "done")
    )
    story = typed("history", job.job_id())
    assert re.search(r"tags demo\n.*status DONE\n.*result of \d+ bytes\n", story, re.DOTALL)


def test_kept_jobs_are_exported_and_imported(store, tmp_path):
    store.save(Job("cq1x"))
    assert "1 jobs exported" in typed("export", str(tmp_path / "archive"))
    other = str(tmp_path / "other.sqlite")
    assert "1 jobs imported" in typed("import", str(tmp_path / "archive"), "--store", other)
    assert "cq1x" in typed("jobs", "--store", other)


def test_job_that_nobody_knows_has_no_history(store):
    assert "nothing is kept of job nobody" in typed("history", "nobody", exit_code=1)


@pytest.fixture
def server(tmp_path):
    with subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", "--data", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


def test_serve_says_how_to_connect(server, bell):
    printed = "".join(server.stdout.readline() for _ in range(5))
    call = re.search(r"IBMProvider\(token='(.+)', url='(.+)'\)", printed)
    with IBMProvider(token=call[1], url=call[2]) as provider:
        job = provider.get_backend("local_simulator").run(bell, shots=10)
        assert sum(job.result(timeout=60).get_counts().values()) == 10


def test_serve_says_that_a_port_is_taken(server, tmp_path):
    url = re.search(r"http://127\.0\.0\.1:(\d+)/api", server.stdout.readline())
    ran = subprocess.run(
        [*COMMAND, "serve", "--port", url[1], "--data", str(tmp_path / "other")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert f"port {url[1]} of 127.0.0.1 is taken" in re.sub(r"\s+", " ", ran.stdout)


def test_serve_says_that_a_folder_is_in_use(server, tmp_path):
    server.stdout.readline()
    ran = subprocess.run(
        [*COMMAND, "serve", "--port", "0", "--data", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert "another service uses it" in re.sub(r"\s+", " ", ran.stdout)


def test_serve_opens_no_door_to_other_machines_without_a_token(tmp_path):
    ran = subprocess.run(
        [*COMMAND, "serve", "--host", "0.0.0.0", "--data", str(tmp_path)],  # noqa: S104 - which is refused
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "give it a token of your own with --token" in re.sub(r"\s+", " ", ran.stdout)
