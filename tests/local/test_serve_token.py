"""Where ``ibm-circuit-job serve`` has its token from."""

import os
import pty
import re
import signal
import sys

import pytest
import requests

from ibm_circuit_job import cli

COMMAND = ["-m", "ibm_circuit_job.cli", "serve", "--port", "0"]


def accepts(printed, token):
    """Whether the service that said where it is takes a token."""
    url = re.search(r"Serving at (http\S+/api)\.", printed)[1]
    reply = requests.post(f"{url}/users/loginWithToken", json={"apiToken": token}, timeout=10)
    return reply.status_code == 200


def talked_to(process, prompted=lambda: None):
    """Return what a service says on both outputs, and whether it takes the token."""
    with process:
        prompted()
        said = process.stdout.readline()
        taken = accepts(said, "own")
        # All that it says at first, before it is stopped.
        while "IBMProvider(" not in said:
            said += process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    return said + rest, errors, taken


@pytest.fixture
def served(program, tmp_path):
    """Start a service with options, and return what it says on both outputs, and whether it takes the token."""
    return lambda *words: talked_to(program(*COMMAND, "--data", str(tmp_path / "data"), *words))


def test_token_is_read_from_a_file(served, tmp_path):
    (tmp_path / "token").write_text("own\n")
    said, errors, taken = served("--token-file", str(tmp_path / "token"))
    assert taken
    assert "own" not in said + errors


def test_token_of_the_variable_is_read_and_not_printed(served, monkeypatch):
    monkeypatch.setenv("IBM_CIRCUIT_JOB_TOKEN", "own")
    said, errors, taken = served()
    assert taken
    assert "IBMProvider(token=os.environ['IBM_CIRCUIT_JOB_TOKEN'], url=" in said.replace('"', "'")
    assert re.search(r"Page: http://127\.0\.0\.1:\d+/$", said, re.MULTILINE)
    assert "own" not in said.replace("own users", "") + errors


def test_token_on_the_command_line_warns(served):
    said, errors, taken = served("--token", "own")
    assert taken
    assert "IBMProvider(token='...', url=" in said.replace('"', "'")
    assert "other users can see a token on the command line" in errors


def test_token_is_asked_for(program, tmp_path):
    ours, theirs = pty.openpty()
    words = [*COMMAND[1:], "--data", str(tmp_path), "--ask-token"]
    process = program(
        "-c",
        "import os, sys\n"
        "from ibm_circuit_job import cli\n"
        f"os.dup2(os.open({os.ttyname(theirs)!r}, os.O_RDWR | os.O_NOCTTY), 0)\n"
        f"sys.argv = {words!r}\n"
        "cli.main()\n",
    )

    def prompted():
        # The space after the question; what is typed before it is thrown away.
        process.stderr.read(1)
        os.write(ours, b"own\n")

    try:
        _, _, taken = talked_to(process, prompted)
    finally:
        os.close(ours)
        os.close(theirs)
    assert taken


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--token", "a", "--ask-token"], "expected one of --token-file, --ask-token and --token"),
        (["--token", " "], "expected a token of printable ASCII characters"),
        (["--token", "ü"], "expected a token of printable ASCII characters"),
        (["--host", "0.0.0.0"], "expected a token, because other machines can reach the service at 0.0.0.0"),  # noqa: S104 - refused
    ],
)
def test_token_that_is_none_is_refused(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.setattr(sys, "argv", ["ibm-circuit-job", *COMMAND[2:], "--data", str(tmp_path), *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert message in re.sub(r"\s+", " ", capsys.readouterr().err)


def test_page_is_printed_with_a_token_that_the_service_made(program, tmp_path, monkeypatch):
    monkeypatch.delenv("IBM_CIRCUIT_JOB_TOKEN", raising=False)
    with program(*COMMAND, "--data", str(tmp_path)) as process:
        said = ""
        while "Token:" not in said:
            said += process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    root, token = re.search(r"Page: (http\S+)/#token=(\S+)", said).groups()
    assert root in re.search(r"Serving at (http\S+)/api\.", said)[1]
    assert token == re.search(r"Token: (\S+)", said)[1]
