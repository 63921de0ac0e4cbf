"""Where ``ibm-circuit-job serve`` has its token from."""

import os
import pty
import re
import signal
import subprocess
import sys

import pytest
import requests

from ibm_circuit_job import cli

COMMAND = [sys.executable, "-m", "ibm_circuit_job.cli", "serve", "--port", "0"]


def accepts(printed, token):
    """Whether the service that said where it is takes a token."""
    url = re.search(r"Serving at (http\S+/api)\.", printed)[1]
    reply = requests.post(f"{url}/users/loginWithToken", json={"apiToken": token}, timeout=10)
    return reply.status_code == 200


def served(folder, *words, prompted=lambda: None, **options):
    """Return what a service says on both outputs, and whether it takes the token."""
    command = [*COMMAND, "--data", str(folder / "data"), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options) as process:
        if "--ask-token" in words:
            # The space after the question; what is typed before it is thrown away.
            process.stderr.read(1)
            prompted()
        said = process.stdout.readline()
        taken = accepts(said, "own")
        # All that it says at first, before it is stopped.
        while "IBMProvider(" not in said:
            said += process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    return said + rest, errors, taken


def test_token_is_read_from_a_file(tmp_path):
    (tmp_path / "token").write_text("own\n")
    said, errors, taken = served(tmp_path, "--token-file", str(tmp_path / "token"))
    assert taken
    assert "own" not in said + errors


def test_token_of_the_variable_is_read_and_not_printed(tmp_path):
    said, errors, taken = served(tmp_path, env=os.environ | {"IBM_CIRCUIT_JOB_TOKEN": "own"})
    assert taken
    assert "IBMProvider(token=os.environ['IBM_CIRCUIT_JOB_TOKEN'], url=" in said.replace('"', "'")
    assert re.search(r"Page: http://127\.0\.0\.1:\d+/$", said, re.MULTILINE)
    assert "own" not in said.replace("own users", "") + errors


def test_token_on_the_command_line_warns(tmp_path):
    said, errors, taken = served(tmp_path, "--token", "own")
    assert taken
    assert "IBMProvider(token='...', url=" in said.replace('"', "'")
    assert "other users can see a token on the command line" in errors


def test_token_is_asked_for(tmp_path):
    ours, theirs = pty.openpty()
    try:
        _, _, taken = served(
            tmp_path, "--ask-token", prompted=lambda: os.write(ours, b"own\n"), stdin=theirs, start_new_session=True
        )
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
    monkeypatch.setattr(sys, "argv", ["ibm-circuit-job", *COMMAND[3:], "--data", str(tmp_path), *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert message in re.sub(r"\s+", " ", capsys.readouterr().err)


def test_page_is_printed_with_a_token_that_the_service_made(tmp_path):
    command = [*COMMAND, "--data", str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name != "IBM_CIRCUIT_JOB_TOKEN"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        said = ""
        while "Token:" not in said:
            said += process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    root, token = re.search(r"Page: (http\S+)/#token=(\S+)", said).groups()
    assert root in re.search(r"Serving at (http\S+)/api\.", said)[1]
    assert token == re.search(r"Token: (\S+)", said)[1]
