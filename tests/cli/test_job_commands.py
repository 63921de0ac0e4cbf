"""The commands that ask a service about jobs, as they are typed, against the local service and a real store."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from command_line import COMMAND, run_line
from loopback import refusing
from qiskit import QuantumCircuit, qasm2, qpy
from rich.console import Console

from ibm_circuit_job import IBMProvider, Job, JobDetails, JobStore, ResultPayload, cli
from ibm_circuit_job.local import LocalService
from ibm_circuit_job.wire.replies import status_report

LONG = 100_000
"""Shots that keep the 5-qubit device busy for longer than any of these tests."""


pytestmark = pytest.mark.usefixtures("machine")


@pytest.fixture
def account(service, monkeypatch):
    """The account of the service of all tests, in the variables of the environment."""
    monkeypatch.setenv("QISKIT_IBM_TOKEN", service.token)
    monkeypatch.setenv("QISKIT_IBM_URL", service.url)


@pytest.fixture
def backend(machine, account):
    """Returns the backend of a name; what runs on it is in the store."""
    with JobStore() as store, IBMProvider(store=store) as provider:
        yield provider.get_backend


@pytest.fixture
def done(backend, bell):
    """A job of two circuits that ends by itself, of which the store knows that it was submitted."""
    return backend("local_simulator").run([bell, bell.copy(name="twin")], shots=100, job_tags=["bell"])


@pytest.fixture
def running(backend, slow_circuit):
    """A job that does not end within a test; it is cancelled at its end."""
    job = backend("local_5q").run(slow_circuit, shots=LONG, rep_delay=500e-6)
    yield job
    if not job.in_final_state():
        job.cancel()


@pytest.fixture
def slow_circuit():
    circuit = QuantumCircuit(1, 1, name="slow")
    circuit.x(0)
    circuit.measure(0, 0)
    return circuit


def typed(*words, exit_code=0):
    """Type a command, and return what it printed on its output and on its error output."""
    ran = run_line(*words)
    said = ran.output if ran.exception is None or isinstance(ran.exception, SystemExit) else str(ran.exception)
    assert ran.exit_code == exit_code, said
    return said


def printed(*words):
    """Type a command that succeeds, and return the JSON that it printed on its output."""
    ran = run_line(*words, "--json")
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)


# A fresh machine


def test_fresh_machine_has_no_jobs_yet():
    assert typed("jobs") == "No jobs yet\n"
    assert printed("jobs") == []


@pytest.mark.parametrize("words", [["watch"], ["usage"], ["prune"], ["resume"]])
def test_commands_on_a_fresh_machine_are_no_error(words):
    assert typed(*words)


@pytest.mark.parametrize("command", ["show", "status", "wait", "result", "cancel", "tag", "history"])
def test_unknown_job_without_an_account_is_said(command):
    assert "job cq1x is not saved" in typed(command, "cq1x", exit_code=1)


def test_without_a_command_help_is_printed():
    ran = run_line()
    assert ran.exit_code == 0
    assert {*COMMANDS} <= {*ran.output.split()}


COMMANDS = sorted(COMMAND.commands)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_an_example_that_parses(command):
    text = " ".join(typed(command, "--help").split())
    example = text.partition("Example: ibm-circuit-job ")[2].partition(" ╭")[0].partition(" && ")[0].split()
    assert example[0] == command
    found = COMMAND.commands[command]
    assert found.make_context(command, example[1:], resilient_parsing=False)


# One job


def test_status_is_asked_of_the_service(done):
    typed("wait", done.job_id(), "--timeout", "60")
    assert typed("status", done.job_id()) == "DONE\n"
    assert printed("status", done.job_id())["backend"] == "local_simulator"


def test_first_letters_of_an_id_are_enough(done):
    assert typed("wait", done.job_id()[:8], "--timeout", "60").endswith(f"{done.job_id()}\tDONE\n")


def test_ambiguous_letters_name_the_candidates():
    with JobStore() as store:
        store.save_all(Job(job_id) for job_id in ("cq1x", "cq1y", "d"))
    said = typed("status", "cq1", exit_code=2)
    assert "'cq1': cq1x, cq1y; give more letters" in said


def test_whole_id_counts_before_one_that_begins_so():
    with JobStore() as store:
        store.save_all(Job(job_id) for job_id in ("cq1", "cq1x"))
    assert typed("show", "cq1", "--offline").startswith("job\tcq1\n")


def test_job_of_the_service_is_found_by_its_first_letters(done, tmp_path):
    other = str(tmp_path / "other.sqlite")
    with JobStore(other):
        pass
    assert typed("tag", done.job_id()[:10], "--store", other) == "bell\n"


def test_show_names_the_circuits_and_times_the_steps(done):
    typed("wait", done.job_id(), "--timeout", "60")
    shown = printed("show", done.job_id())
    assert (shown["circuits"], shown["shots"], shown["tags"]) == (["bell", "twin"], 100, ["bell"])
    assert list(shown["steps"]) == ["created", "running", "finished"]
    lines = dict(line.split("\t") for line in typed("show", done.job_id()).splitlines())
    assert lines["circuits"] == "bell, twin"
    assert "running +0." in lines["steps"]


def test_result_is_one_object_with_a_list_of_counts(done):
    found = printed("result", done.job_id())
    assert (found["job_id"], found["circuits"]) == (done.job_id(), ["bell", "twin"])
    assert [sum(each.values()) for each in found["counts"]] == [100, 100]
    with JobStore() as store:
        assert store.payload(done.job_id()) is not None


def test_saved_result_needs_no_service(done, monkeypatch):
    counts = printed("result", done.job_id())["counts"]
    monkeypatch.delenv("QISKIT_IBM_TOKEN")
    assert printed("result", done.job_id())["counts"] == counts


def test_result_on_a_terminal_is_bars_with_names(done, monkeypatch):
    monkeypatch.setattr(cli.terminal, "console", Console(force_terminal=True, color_system=None, width=60))
    bars = typed("result", done.job_id())
    assert bars.splitlines()[0] == "bell"
    assert "█" in bars


def test_wait_and_result_say_when_time_is_up(running):
    said = typed("wait", running.job_id(), "--timeout", "1", exit_code=5)
    assert said.endswith(("\tRUNNING\n", "\tQUEUED\n"))
    typed("result", running.job_id(), "--timeout", "0.1", exit_code=5)


def test_cancelled_job_has_an_exit_code_of_its_own(running):
    assert typed("cancel", running.job_id()) == f"job {running.job_id()} is cancelled\n"
    assert typed("wait", running.job_id(), exit_code=4).endswith("CANCELLED\n")
    assert "was cancelled" in typed("result", running.job_id(), exit_code=4)


def test_failed_job_has_an_exit_code_of_its_own(backend):
    job = backend("local_simulator").run("OPENQASM 3.0; this is no program")
    assert "\tERROR\n" in typed("wait", job.job_id(), "--timeout", "60", exit_code=3)
    assert f"job {job.job_id()} failed" in typed("result", job.job_id(), exit_code=3)


def test_job_that_has_ended_cannot_be_cancelled(done):
    typed("wait", done.job_id(), "--timeout", "60")
    assert "it has ended" in typed("cancel", done.job_id(), exit_code=1)


def test_tags_are_added_and_taken_away(done):
    assert typed("tag", done.job_id(), "new", "x") == "bell, new, x\n"
    assert printed("tag", done.job_id(), "--remove", "x")["tags"] == ["bell", "new"]
    with JobStore() as store:
        assert store.record(done.job_id()).tags == ("bell", "new")


def test_watch_prints_an_object_for_each_status(done):
    said = run_line("watch", done.job_id(), "--json").stdout.splitlines()
    assert json.loads(said[-1])["status"] == "DONE"


def test_watch_ends_with_its_jobs(done):
    assert "job has successfully run, DONE" in typed("watch", done.job_id())
    assert "All jobs have ended." in typed("watch")


def test_resume_saves_the_results_of_jobs_that_have_ended(done, service):
    with IBMProvider(service.token, service.url, store=None) as provider:
        provider.retrieve_job(done.job_id()).wait_for_final_state(60)
    [listed] = printed("resume")
    assert listed["status"] == "DONE"
    with JobStore() as store:
        assert store.payload(done.job_id()) is not None
    assert printed("resume") == []


# Lists


def test_list_of_a_submitted_job_has_its_backend_and_time(done):
    [listed] = printed("jobs")
    assert (listed["job_id"], listed["backend"], listed["tags"]) == (done.job_id(), "local_simulator", ["bell"])
    assert listed["created"] is not None
    assert listed["service"] == "this machine"
    _, created, status, *_ = typed("jobs").split("\t")
    assert created
    assert status == "submitted"


def test_refresh_asks_what_the_jobs_do(done):
    typed("wait", done.job_id(), "--timeout", "60")
    [listed] = printed("jobs", "--refresh")
    assert listed["status"] == "DONE"


def test_list_of_an_account_has_jobs_that_are_not_saved(done, service, tmp_path, monkeypatch):
    monkeypatch.setenv("IBM_CIRCUIT_JOB_STORE", str(tmp_path / "other.sqlite"))
    assert printed("jobs") == []
    assert done.job_id() in [each["job_id"] for each in printed("jobs", "--url", service.url, "--limit", "50")]


def test_list_is_filtered_by_kind_of_service():
    with JobStore() as store:
        store.save(Job("mine"), service="this machine")
        store.save(Job("ibms"), service="https://quantum.cloud.ibm.com crn:v1:x")
    assert [each["job_id"] for each in printed("jobs", "--local")] == ["mine"]
    assert [each["job_id"] for each in printed("jobs", "--hardware")] == ["ibms"]


# Accounts


def test_url_without_an_account_is_refused(service):
    assert f"expected a saved account with the URL {service.url}" in typed(
        "backends", "--url", service.url, exit_code=1
    )


def test_token_of_a_local_service_comes_from_its_variable(service, monkeypatch):
    monkeypatch.setenv("IBM_CIRCUIT_JOB_TOKEN", service.token)
    assert "local_5q\t5\t" in typed("backends", "--url", service.url)


def test_saved_account_is_chosen_by_its_name(service, tmp_path):
    IBMProvider.save_account(service.token, service.url, channel="ibm_quantum", name="here")
    assert {each["name"] for each in printed("backends", "--account", "here", "--min-qubits", "20")} == {
        "local_simulator",
        "local_27q",
        "local_heron",
        "ibmq_qasm_simulator",
    }


def test_job_is_asked_for_with_the_account_of_its_service(done, service, monkeypatch):
    monkeypatch.delenv("QISKIT_IBM_TOKEN")
    IBMProvider.save_account("another-key", "https://ibm.example", name="other", set_as_default=True)
    IBMProvider.save_account(service.token, service.url, channel="ibm_quantum", name="here")
    typed("wait", done.job_id(), "--timeout", "60")


def test_estimate_reads_circuits_and_submits_nothing(account, bell):
    with Path("bell.qpy").open("wb") as file:
        qpy.dump(bell, file)
    Path("bell.qasm").write_text(qasm2.dumps(bell))
    files = [
        printed("estimate", name, "--backend", "local_5q", "--shots", "1000") for name in ("bell.qpy", "bell.qasm")
    ]
    assert 0.2 < files[0]["quantum_seconds"] < 0.4
    assert files[0] == files[1]
    assert printed("jobs") == []


@pytest.mark.parametrize("name", ["bell.qpy", "bell.qasm", "missing.qpy"])
def test_file_of_no_circuits_is_wrong_usage(account, name):
    Path("bell.qpy").write_bytes(b"QISKIT?")
    Path("bell.qasm").write_text("OPENQASM")
    assert "expected a file of QPY or OpenQASM 2" in typed("estimate", name, "--backend", "local_5q", exit_code=2)


def test_usage_is_summed_and_compared_with_the_plan(done, service, monkeypatch):
    printed("show", done.job_id())
    typed("wait", done.job_id(), "--timeout", "60")
    printed("show", done.job_id())
    monkeypatch.setenv("QISKIT_IBM_URL", service.platform_url)
    monkeypatch.setenv("QISKIT_IBM_INSTANCE", service.instance)
    found = printed("usage", "--by", "backend")
    assert found["seconds"]["local_simulator"] > 0
    assert found["plan"]["consumed_seconds"] > 0
    assert "The instance has used" in typed("usage")


# A service that is gone


@pytest.fixture
def closed_port():
    """A port of this machine on which nothing listens."""
    with refusing() as port:
        yield port


@pytest.fixture
def left_behind(closed_port, slow_circuit):
    """The ID of a job that ran on a service on this machine when that ended."""
    gone = LocalService(port=closed_port)
    with gone as service, JobStore() as store, IBMProvider(service.token, service.url, store=store) as there:
        job = there.get_backend("local_5q").run(slow_circuit, shots=LONG, rep_delay=500e-6)
        job.status()
    return job.job_id()


def test_job_of_a_service_that_is_gone_is_marked(left_behind):
    assert printed("jobs")[0]["service_is_gone"] is True
    assert "\tservice gone\t" in typed("jobs")
    for command in ("status", "result", "wait"):
        said = typed(command, left_behind, exit_code=1)
        assert "was on the service at http://127.0.0.1:" in said
        assert "which does not run any more" in said
        assert "resume" not in said
    assert "service gone" in typed("show", left_behind)
    assert "1 job was on a service on this machine that does not run any more" in typed("resume")


def test_prune_deletes_trials_and_nothing_else(closed_port):
    now = datetime.now(UTC)
    trial = JobDetails(now, service_url=f"http://127.0.0.1:{closed_port}/api")
    with JobStore() as store:
        store.save(Job("trial", details=trial), service="this machine")
        store.save(Job("ibms"), service="https://quantum.cloud.ibm.com crn:v1:x")
        store.save(Job("unknown"))
    assert [each["job_id"] for each in printed("prune")] == ["trial"]
    assert "--delete deletes them" in typed("prune")
    assert "deleted" in typed("prune", "--delete")
    with JobStore() as store:
        assert {record.job_id for record in store.records()} == {"ibms", "unknown"}


def test_prune_of_all_services_leaves_private_and_unfinished_jobs():
    then = datetime(2024, 2, 3, tzinfo=UTC)
    done = status_report("Completed", then)
    result = ResultPayload(then, b'{"results": []}')
    with JobStore() as store:
        store.save(Job("a", done, details=JobDetails(then, tags=["x"]), payload=result), service="https://ibm crn:1")
        store.save(Job("b", done, payload=ResultPayload(then, b'{"results": [1]}')), service="https://ibm crn:1")
        store.save(Job("private", done, details=JobDetails(then, private=True), payload=result))
        store.save(Job("runs", status_report("Running", then)))
    assert printed("prune") == []
    assert [each["job_id"] for each in printed("prune", "--all", "--older-than", "90")] == ["a", "b"]
    assert [each["job_id"] for each in printed("prune", "--all", "--tag", "x")] == ["a"]
    assert "results of 1 job deleted, 0 bytes" in typed("prune", "--all", "--tag", "x", "--results-only", "--delete")
    with JobStore() as store:
        assert (store.payload("a"), store.payload("private")) == (None, result)
    assert "2 jobs deleted, 16 bytes of inputs and results" in typed("prune", "--all", "--delete")
    with JobStore() as store:
        assert {record.job_id for record in store.records()} == {"private", "runs"}


def test_prune_leaves_a_job_that_still_runs(running):
    assert printed("prune", "--delete") == []
    with JobStore() as store:
        assert store.record(running.job_id()) is not None
