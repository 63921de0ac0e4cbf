"""The command ``doctor``: what it finds right and wrong, what it advises, and what it records."""

import json
import re

import pytest
from cloud_machine import arrange, cloud_server
from cloud_state import KEY, UNKNOWN_KEY, Cloud, CloudAccount, CloudInstance, secrets_in
from command_line import run_line

from ibm_circuit_job import IBMProvider

LAB = CloudInstance("lab", tags=("my-tag",))
IAM, API = "iam.cloud.ibm.com", "quantum.cloud.ibm.com"
STEPS = ["account", "reach IAM", "reach the API", "log in", "API versions", "instances", "backends", "jobs"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("authority")
    with cloud_server(folder) as server:
        server.certificate = folder / "authority.pem"
        yield server


@pytest.fixture
def machine(server, tmp_path, monkeypatch):
    """Put the cloud into a state, and save an account."""

    def made(*, key=KEY, instances=(LAB,), instance=LAB.crn, **cloud):
        cloud = Cloud(accounts=(CloudAccount(KEY, instances),), **cloud)
        arrange(server, cloud, tmp_path, server.certificate, monkeypatch)
        if key is not None:
            IBMProvider.save_account(key, instance=instance)

    return made


def asked(*words, exit_code=0):
    """Ask the doctor; return what it says of each step: mark, words, next step."""
    ran = run_line("doctor", *words)
    assert ran.exit_code == exit_code, f"{ran.output} {ran.exception!r}"
    assert secrets_in(ran.output) == []
    found = re.findall(r"^(ok|failed|skipped) +([^:]+): (.*)(?:\n +next: (.*))?$", ran.output, re.MULTILINE)
    return {step: (mark, said, advice) for mark, step, said, advice in found}


def marks(found):
    return [mark for mark, *_ in found.values()]


def test_each_step_says_what_it_found(machine):
    machine()
    found = asked()
    assert list(found) == STEPS
    assert set(marks(found)) == {"ok"}
    assert "default-ibm-quantum-platform" in found["account"][1]
    assert "2026-04-15 (live) is used" in found["API versions"][1]
    assert f"'lab' (open, us-east); jobs run in {LAB.crn}" in found["instances"][1]
    assert "1: ibm_contract" in found["backends"][1]
    assert all(re.search(r"\(\d+\.\d\d s\)$", said) for _, said, _ in found.values())


def test_without_an_account_it_says_how_to_get_one(machine):
    machine(key=None)
    found = asked(exit_code=1)
    assert marks(found) == ["failed"] + ["skipped"] * 7
    assert found["account"][2] == "save an account: ibm-circuit-job login"


@pytest.mark.parametrize(
    ("state", "step", "advice"),
    [
        ({"names_unknown": (IAM,)}, "reach IAM", "name server (DNS)"),
        ({"names_unknown": (API,)}, "reach the API", "name server (DNS)"),
        ({"faults": {IAM: "untrusted"}}, "reach IAM", "REQUESTS_CA_BUNDLE"),
        ({"faults": {API: "other name"}}, "reach the API", "REQUESTS_CA_BUNDLE"),
        ({"faults": {IAM: "portal"}}, "reach IAM", "log in to the network"),
        ({"faults": {IAM: "moved"}}, "reach IAM", "log in to the network"),
        ({"faults": {API: "portal"}}, "reach the API", "log in to the network"),
        ({"faults": {IAM: "hangs up"}}, "reach IAM", "network connection"),
        ({"faults": {IAM: "busy"}}, "reach IAM", "try again"),
        ({"key": UNKNOWN_KEY}, "log in", "make an API key"),
        ({"instances": (), "instance": None}, "instances", "https://quantum.cloud.ibm.com/instances"),
        ({"faults": {"api.global-search-tagging.cloud.ibm.com": "busy"}}, "instances", "try again"),
    ],
    ids=str,
)
def test_what_fails_is_named_with_the_next_step(machine, state, step, advice):
    machine(**state)
    found = asked(exit_code=1)
    assert list(found) == STEPS
    assert [name for name, (mark, *_) in found.items() if mark == "failed"] == [step]
    assert advice in found[step][2]


def test_what_can_still_be_tried_is_tried(machine):
    machine(faults={IAM: "portal"})
    found = asked(exit_code=1)
    assert {name: mark for name, (mark, *_) in found.items() if mark != "ok"} == {
        "reach IAM": "failed",
        **dict.fromkeys(("log in", "instances", "backends", "jobs"), "skipped"),
    }


@pytest.mark.parametrize(
    ("proxy", "advice"), [("login", "http://user:password@host:port"), ("closed", "address of the proxy")]
)
def test_proxy_that_refuses_is_named(machine, monkeypatch, proxy, advice):
    machine(network="proxy", proxy=proxy)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:8080")
    found = asked(exit_code=1)
    for step in ("reach IAM", "reach the API"):
        mark, said, next_step = found[step]
        assert (mark, "http://proxy.example:8080 (named by the variable HTTPS_PROXY)" in said) == ("failed", True)
        assert advice in next_step


def test_proxy_on_the_way_is_said(machine, monkeypatch):
    machine(network="proxy")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:8080")
    assert "by the proxy http://proxy.example:8080" in asked()["reach IAM"][1]


def test_recording_has_the_traffic_and_nothing_of_the_account(machine, tmp_path):
    machine()
    path = tmp_path / "recording.json"
    asked("--record", str(path))
    text = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert secrets_in(text, Cloud(accounts=(CloudAccount(KEY, (LAB,)),))) == []
    for part in (*LAB.crn.split(":")[-4:-2], "lab", "my-tag", "ibm_contract"):
        assert part.removeprefix("a/") not in re.findall(r"[\w-]+", text)
    hosts = {exchange["request"]["url"].split("/")[2] for exchange in json.loads(text)["exchanges"]}
    assert hosts == {IAM, API, "api.global-search-tagging.cloud.ibm.com", "globalcatalog.cloud.ibm.com"}


def test_recording_is_written_where_a_step_failed(machine, tmp_path):
    machine(key=UNKNOWN_KEY)
    path = tmp_path / "recording.json"
    asked("--record", str(path), exit_code=1)
    replies = [exchange["reply"] for exchange in json.loads(path.read_text())["exchanges"]]
    refusal = next(reply for reply in replies if reply["status"] == 400)
    assert refusal["body"]["json"]["errorCode"] == "BXNIM0415E"


def test_recording_needs_a_folder(machine, tmp_path):
    machine()
    ran = run_line("doctor", "--record", str(tmp_path / "no" / "recording.json"))
    assert (ran.exit_code, "in an existing folder" in ran.output) == (1, True)


@pytest.mark.parametrize("backend", ["local_5q", None])
def test_bell_job_runs_to_its_counts(service, tmp_path, backend):
    accounts = str(tmp_path / "accounts.json")
    IBMProvider.save_account(service.token, service.platform_url, service.instance, filename=accounts)
    found = asked("--filename", accounts, "--run", *([] if backend is None else ["--backend", backend]))
    assert list(found) == [*STEPS, "run a job"]
    counts = re.search(r"job \w+ on (\w+): (\{.*\})", found["run a job"][1])
    assert counts[1] == backend or backend is None
    assert sum(json.loads(counts[2].replace("'", '"')).values()) == 100


def test_backend_that_is_not_there_fails_the_run_alone(service, tmp_path):
    accounts = str(tmp_path / "accounts.json")
    IBMProvider.save_account(service.token, service.platform_url, service.instance, filename=accounts)
    found = asked("--filename", accounts, "--run", "--backend", "ibm_none", exit_code=1)
    assert marks(found) == ["ok"] * 8 + ["failed"]
    assert "expected one of local_simulator" in found["run a job"][1]


def test_archived_platform_is_tried_in_its_own_steps(service, tmp_path):
    accounts = str(tmp_path / "accounts.json")
    IBMProvider.save_account(service.token, service.url, filename=accounts)
    found = asked("--filename", accounts)
    assert list(found) == ["account", "log in", "instances", "backends", "jobs"]
    assert set(marks(found)) == {"ok"}
