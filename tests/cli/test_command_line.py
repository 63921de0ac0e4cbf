"""The command, as it is typed."""

import json
import re
import signal
import sys
from datetime import UTC, datetime, timedelta

import pytest
from command_line import run_line
from qiskit.providers.jobstatus import JobStatus
from rich.console import Console

from ibm_circuit_job import (
    IBMProvider,
    Job,
    JobDetails,
    JobMetrics,
    JobStore,
    ResultPayload,
    StatusReport,
    __version__,
    cli,
)

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)

COMMAND = [sys.executable, "-m", "ibm_circuit_job.cli"]


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store of this test's, which the commands use."""
    monkeypatch.setenv("IBM_CIRCUIT_JOB_STORE", str(tmp_path / "jobs.sqlite"))
    with JobStore() as store:
        yield store


def typed(*words, exit_code=0):
    """Type a command that is over at once, and return what it printed."""
    ran = run_line(*words)
    assert ran.exit_code == exit_code, ran.output
    return ran.output


def test_demo_shows_a_job_from_start_to_counts_and_saves_it(program, store):
    with program("-m", "ibm_circuit_job.cli", "demo", "--shots", "100") as process:
        printed, errors = process.communicate()
    assert process.returncode == 0, printed + errors
    steps = re.findall(r"submitted|queued|running|done", printed.replace("is queued", ""))
    assert steps[0] == "submitted"
    assert steps[-2:] == ["running", "done"]
    counts = dict(re.findall(r"^ (\d\d)  █+ +(\d+)", printed, re.MULTILINE))
    assert set(counts) == {"00", "11"}
    assert sum(map(int, counts.values())) == 100
    [job] = store.jobs(job_tags=["demo"])
    assert job.result().get_counts() == {outcome: int(count) for outcome, count in counts.items()}
    assert re.fullmatch(
        rf"{job.job_id()}\t.*\tDONE\tlocal_simulator\tdemo\n", typed("jobs", "--tag", "demo", "--status", "done")
    )
    assert json.loads(typed("result", job.job_id())) == job.result().get_counts()
    story = typed("history", job.job_id())
    assert re.search(r"tags demo.*status DONE\n.*result of \d+ bytes\n", story, re.DOTALL)


def test_kept_jobs_are_exported_and_imported(store, tmp_path):
    store.save(Job("cq1x"))
    assert "1 job exported" in typed("export", str(tmp_path / "archive"))
    other = str(tmp_path / "other.sqlite")
    assert "1 job imported" in typed("import", str(tmp_path / "archive"), "--store", other)
    assert "cq1x" in typed("jobs", "--store", other)


LONG_ID = "cq1x" * 10
HOSTILE = "\x1b[31mred\x1b[0m\nnext\rline\ttab\x9b\u202e\0 [red]x[/red] [bold :bug: \\"
SHOWN = r"\x1b[31mred\x1b[0m\nnext\rline\ttab\x9b\u202e\x00 [red]x[/red] [bold :bug: " + "\\"


@pytest.fixture
def hostile(store):
    """A job of which the service says what a terminal, or whoever formats it, would act on."""
    details = JobDetails(NOON, backend=HOSTILE, created=NOON, name=HOSTILE, tags=[HOSTILE, "plain"])
    store.save(Job(LONG_ID, StatusReport(NOON, JobStatus.ERROR, "Failed", reason=HOSTILE), details))
    store.save(Job(LONG_ID, details=JobDetails(NOON + timedelta(seconds=1), name=HOSTILE, tags=[HOSTILE])))
    store.save(Job(LONG_ID, metrics=JobMetrics(NOON, timestamps=[(HOSTILE, NOON)])))


@pytest.fixture
def narrow_terminal(monkeypatch):
    monkeypatch.setattr(
        cli.terminal, "console", Console(force_terminal=True, color_system=None, width=30, highlight=False)
    )


@pytest.mark.usefixtures("hostile")
def test_jobs_are_plain_lines_without_a_terminal():
    when = NOON.astimezone().strftime("%Y-%m-%dT%H:%M:%S%z")
    assert typed("jobs") == f"{LONG_ID}\t{when}\tERROR\t{SHOWN}\t{SHOWN}\n"


@pytest.mark.usefixtures("hostile", "narrow_terminal")
def test_jobs_are_a_table_with_whole_ids_on_a_narrow_terminal():
    table = typed("jobs")
    assert LONG_ID in table
    assert (table.count(r"\x1b[31mre"), table.count(":bug: \\")) == (3, 3)
    assert set(table) - {"\n"} == set(filter(str.isprintable, table))


@pytest.mark.usefixtures("hostile")
@pytest.mark.parametrize("terminal", [None, "narrow_terminal"])
def test_history_is_one_line_per_fact_whatever_the_reply(request, terminal):
    if terminal:
        request.getfixturevalue(terminal)
    story = typed("history", LONG_ID)
    assert [line.count(SHOWN) for line in story.splitlines()] == [1, 3, 2, 1]
    assert set(story) - {"\n"} == set(filter(str.isprintable, story))


def test_more_jobs_may_be_wanted_than_any_database_has(store):
    store.save(Job("cq1x"))
    assert "cq1x" in typed("jobs", "--limit", str(10**20))


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (
            ["export", "~nobody-of-that-name/x"],
            r"the store to '~nobody-of-that-name/x': expected the path of a folder",
            1,
        ),
        (["import", "~nobody-of-that-name/x"], r"could not import the archive at .*: expected the path of a folder", 1),
        (
            ["jobs", "--backend", "\udcff"],
            r"expected backend_name to be a string of whole .* got '\\udcff'",
            2,
        ),
        (["import", "\x1b[31m\n"], r"could not import the archive at \\x1b\[31m\\n: ", 1),
        (["history", "\x1b[31m"], r"job \\x1b\[31m is not saved", 1),
    ],
)
def test_what_is_wrong_is_one_line(monkeypatch, capsys, words, said, code):
    monkeypatch.setattr(sys, "argv", ["ibm-circuit-job", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    [line] = "".join(capsys.readouterr()).splitlines()
    assert ended.value.code == code
    assert re.search(said, line)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("command", ["history", "result", "delete"])
def test_job_that_nobody_knows_is_said_to_be_unknown(command):
    assert "job nobody is not saved" in typed(command, "nobody", exit_code=1)


def test_jobs_that_are_deleted_are_gone(store):
    for job_id in "abc":
        store.save(Job(job_id))
    assert "job nobody" in typed("delete", "a", "nobody", exit_code=1)
    assert typed("delete", "a", "b") == "2 jobs deleted\n"
    assert [record.job_id for record in store.records()] == ["c"]


def test_job_whose_record_is_damaged_can_be_deleted(store):
    store.save(Job("a"))
    with store._database._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE jobs SET record = '{'")
    assert typed("delete", "a") == "1 job deleted\n"
    assert store.record("a") is None


def test_result_without_counts_is_said_to_have_none(store):
    body = b'{"backend_name": "b", "backend_version": "1", "job_id": "a", "success": true, "results": %s}'
    experiment = b'[{"shots": 1, "success": true, "data": {}}]'
    store.save(
        Job("a", StatusReport(NOON, JobStatus.DONE, "Completed"), payload=ResultPayload(NOON, body % experiment))
    )
    assert "the result of job a is saved, but has no counts" in typed("result", "a", exit_code=1)


@pytest.mark.usefixtures("machine")
def test_saved_result_that_takes_long_to_read_needs_no_service(store):
    memory = b'"0x1",' * 1_999_999 + b'"0x1"'
    body = b'{"backend_name": "b", "job_id": "a", "success": true, "results": [{"shots": 2000000, "success": true, '
    body += b'"data": {"counts": {"0x1": 2000000}, "memory": [%s]}, "header": {"memory_slots": 1}}]}' % memory
    store.save(Job("a", StatusReport(NOON, JobStatus.DONE, "Completed"), payload=ResultPayload(NOON, body)))
    assert json.loads(typed("result", "a")) == {"1": 2_000_000}


def test_jobs_say_that_there_are_more(store, capsys):
    for job_id in "abc":
        store.save(Job(job_id))
    cli.jobs.jobs(limit=2)
    listed = capsys.readouterr()
    assert len(listed.out.splitlines()) == 2
    assert "the newest 2; there are more" in listed.err
    cli.jobs.jobs(limit=3)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("words", [["jobs"], ["history", "a"], ["result", "a"], ["delete", "a"], ["export", "archive"]])
def test_store_that_is_not_there_is_not_made_to_be_read(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    for typo in ("typo.sqlite", f"sqlite:///{tmp_path}/typo.sqlite", f"sqlite+pysqlite:///{tmp_path}/typo.sqlite"):
        ran = run_line(*words, "--store", typo)
        assert "there is no store at" in str(ran.exception)
    assert list(tmp_path.iterdir()) == []


def test_version_is_shown():
    assert typed("--version") == f"{__version__}\n"


@pytest.fixture(scope="module")
def served(program, tmp_path_factory):
    """The folder of a service that a command has started, and the first lines that it printed."""
    folder = tmp_path_factory.mktemp("served")
    with program("-m", "ibm_circuit_job.cli", "serve", "--port", "0", "--data", str(folder)) as process:
        yield folder, "".join(process.stdout.readline() for _ in range(6))
        process.send_signal(signal.SIGINT)
        process.communicate()


def test_serve_says_how_to_connect(served, bell):
    _, printed = served
    call = re.search(r"IBMProvider\(token='(.+)', url='(.+)', store=JobStore\(\)\)", printed)
    with IBMProvider(token=call[1], url=call[2]) as provider:
        job = provider.get_backend("local_simulator").run(bell, shots=10)
        assert sum(job.result(timeout=60).get_counts().values()) == 10


def test_serve_says_that_a_port_is_taken(served, tmp_path):
    _, printed = served
    port = re.search(r"http://127\.0\.0\.1:(\d+)/api", printed)[1]
    said = typed("serve", "--port", port, "--data", str(tmp_path / "other"), exit_code=1)
    assert f"port {port} of 127.0.0.1 is taken" in " ".join(said.split())


def test_serve_says_that_a_folder_is_taken(program, served):
    folder, _ = served
    # Not in this process, whose umask a service changes.
    with program("-m", "ibm_circuit_job.cli", "serve", "--port", "0", "--data", str(folder)) as process:
        _, errors = process.communicate()
    assert process.returncode == 1
    assert "another service uses it" in " ".join(errors.split())
