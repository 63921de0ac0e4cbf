"""The commands ``login``, ``whoami``, ``accounts`` and ``logout``, as they are typed."""

import json

import pytest
from cloud_machine import arrange, cloud_server
from cloud_state import KEY, OTHER_KEY, UNKNOWN_KEY, Cloud, CloudAccount, CloudInstance
from command_line import run_line
from terminals import Terminal

from ibm_circuit_job import IBMProvider

LAB, BIG = CloudInstance("lab"), CloudInstance("big", "Premium", "eu-de")
SPARE = CloudInstance("spare", "Pay-As-You-Go")
NAME = "default-ibm-quantum-platform"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("authority")
    with cloud_server(folder) as server:
        server.certificate = folder / "authority.pem"
        yield server


@pytest.fixture
def machine(server, tmp_path, monkeypatch):
    """Give the account of the key these instances, and return the file of saved accounts."""

    def made(*instances):
        cloud = Cloud(
            accounts=(CloudAccount(KEY, instances), CloudAccount(OTHER_KEY, number="9f8e7d6c5b4a39281706f5e4d3c2b1a0"))
        )
        arrange(server, cloud, tmp_path, server.certificate, monkeypatch)
        return tmp_path / ".qiskit" / "qiskit-ibm.json"

    return made


def typed(*words, key=None, exit_code=0):
    """Type a command, with a key as its input, and return what it said; the key is never in that."""
    ran = run_line(*words, given=None if key is None else f"{key}\n")
    said = ran.output if ran.exception is None or isinstance(ran.exception, SystemExit) else str(ran.exception)
    assert ran.exit_code == exit_code, said
    assert KEY not in said
    return said


def test_login_saves_the_only_instance_without_a_question(machine):
    file = machine(LAB)
    assert typed("login", key=KEY).splitlines() == [
        "1\tlab\topen\tus-east\t1",
        f"The account '{NAME}' is saved in {file}",
    ]
    assert file.stat().st_mode & 0o777 == 0o600
    saved = json.loads(file.read_text())[NAME]
    assert (saved["token"], saved["instance"]) == (KEY, LAB.crn)
    with IBMProvider() as provider:
        assert provider.instance == LAB.crn


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        (["--instance", "big"], BIG),
        (["--instance", SPARE.crn], SPARE),
        (["--region", "eu-de"], BIG),
        (["--plan", "Open"], LAB),
        (["--plan", "pay-as-you-go", "--region", "us-east"], SPARE),
    ],
)
def test_login_takes_the_instance_that_is_asked_for(machine, words, chosen):
    file = machine(LAB, BIG, SPARE)
    typed("login", *words, "--name", "mine", key=KEY)
    assert json.loads(file.read_text())["mine"]["instance"] == chosen.crn


@pytest.mark.parametrize(
    ("words", "key", "said"),
    [
        ([], KEY, "several instances fit: 'big' (premium, eu-de), 'lab' (open, us-east); give --instance, --region"),
        (["--plan", "flex"], KEY, "no instance fits plan 'flex'; the account has 'big'"),
        (["--region", "jp-tok"], KEY, "no instance fits region 'jp-tok'"),
        (["--instance", "lap"], KEY, "no instance is named 'lap'"),
        ([], UNKNOWN_KEY, "Provided API key could not be found"),
        ([], OTHER_KEY, "create one at https://quantum.cloud.ibm.com/instances"),
        ([], "", "expected token to be"),
    ],
)
def test_login_says_what_is_wrong_and_saves_nothing(machine, words, key, said):
    file = machine(LAB, BIG)
    assert said in typed("login", *words, key=key, exit_code=1)
    assert not file.exists()


def test_login_replaces_an_account_only_with_overwrite(machine):
    file = machine(LAB)
    IBMProvider.save_account("another-key", name=NAME)
    assert "give --overwrite to replace it, or another --name" in typed("login", key=KEY, exit_code=1)
    assert json.loads(file.read_text())[NAME]["token"] == "another-key"
    typed("login", "--overwrite", key=KEY)
    assert json.loads(file.read_text())[NAME]["token"] == KEY


def test_login_sends_no_key_to_the_host_of_a_variable(machine, server, monkeypatch):
    file = machine(LAB)
    monkeypatch.setenv("IAM_URL", "https://evil.example")
    assert "expected the variable IAM_URL to name a host below" in typed("login", key=KEY, exit_code=1)
    assert server.seen == []
    assert not file.exists()


@pytest.mark.parametrize("option", ["--instance", "--region", "--plan", "--url"])
def test_login_does_not_repeat_a_key_given_in_another_argument(machine, option):
    machine(LAB, BIG)
    assert "got an API key" in typed("login", option, KEY, key=KEY, exit_code=1)


def test_login_says_which_account_is_used_instead(machine, monkeypatch):
    file = machine(LAB)
    IBMProvider.save_account("another-key", name="marked", set_as_default=True)
    assert typed("login", key=KEY).endswith(
        f"A program that names no account uses another one: the account 'marked' in {file}\n"
    )
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "another-key")
    assert "uses another one: the variable QISKIT_IBM_TOKEN" in typed("login", "--overwrite", key=KEY)
    monkeypatch.setenv("QISKIT_IBM_URL", "http://own.example")
    assert "finds none: the variable QISKIT_IBM_URL: expected url to begin with https://" in typed(
        "login", "--overwrite", key=KEY
    )


def test_logout_without_a_name_deletes_the_account_that_is_used(machine):
    file = machine()
    IBMProvider.save_account(KEY)
    IBMProvider.save_account(OTHER_KEY, name="marked", set_as_default=True)
    typed("logout", "--yes")
    assert list(json.loads(file.read_text())) == [NAME]


def test_whoami_sends_no_request_unless_it_is_asked_to(machine, server):
    file = machine(LAB)
    IBMProvider.save_account(KEY, region="us-east")
    said = dict(line.split("\t") for line in typed("whoami").splitlines())
    assert said["source"] == f"the account '{NAME}' in {file}"
    assert (said["instance"], said["region"]) == ("chosen at log-in", "us-east")
    assert server.seen == []
    assert dict(line.split("\t") for line in typed("whoami", "--online").splitlines())["instance"] == LAB.crn


def test_whoami_without_an_account_says_how_to_get_one(machine):
    machine()
    assert "expected a token" in typed("whoami", exit_code=1)


def test_accounts_are_listed_without_secrets(machine):
    machine()
    assert typed("accounts") == ""
    IBMProvider.save_account(KEY, instance=LAB.crn, name="a", tags=["x", "y"])
    IBMProvider.save_account(KEY, name="b\x1b[31m", plans_preference=["open", "flex"], region="eu-de")
    assert typed("accounts").splitlines() == [
        f"a\tibm_quantum_platform\t{LAB.crn}\t\t\tx, y",
        "b\\x1b[31m\tibm_quantum_platform\t\teu-de\topen, flex\t",
    ]


def test_logout_deletes_the_account_that_is_named(machine):
    file = machine()
    IBMProvider.save_account(KEY, name="a")
    IBMProvider.save_account(OTHER_KEY, name="b")
    assert "expected the name of an account ('a', 'b')" in typed("logout", exit_code=1)
    assert "give --yes" in typed("logout", "a", exit_code=1)
    assert "there is no account 'c'" in typed("logout", "c", "--yes", exit_code=1)
    assert typed("logout", "a", "--yes") == f"The account 'a' in {file} is deleted\n"
    assert list(json.loads(file.read_text())) == ["b"]
    typed("logout", "--yes")
    assert json.loads(file.read_text()) == {}


COMMAND = """
import runpy, sys
sys.argv[1:] = {words!r}
runpy.run_module("ibm_circuit_job", run_name="__main__")
"""


def on_terminal(program, words, answers):
    """Type a command on a terminal, and answer each question with the next answer; return all that was shown."""
    with Terminal(program, COMMAND.format(words=words), columns=100) as terminal:
        for question, answer in answers:
            terminal.read_until(question)
            terminal.type(answer)
        assert terminal.read_all() == 0, terminal.text
    return terminal.text


def test_login_on_a_terminal_asks_and_shows_no_key(machine, server, program, monkeypatch):
    file = machine(LAB, BIG)
    for name, value in {"HTTPS_PROXY": server.proxy_url, "COLUMNS": "100", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    asked = [("API key: ", KEY), ("Which one: ", "3"), ("from 1 to 2", "1")]
    shown = on_terminal(program, ["login"], asked)
    assert KEY not in shown
    for name, plan, region in (("big", "premium", "eu-de"), ("lab", "open", "us-east")):
        (line,) = [line for line in shown.splitlines() if name in line]
        assert line.split()[1:] == [name, plan, region, "1"]
    assert json.loads(file.read_text())[NAME]["instance"] == BIG.crn
    on_terminal(program, ["logout"], [("Delete", "y")])
    assert json.loads(file.read_text()) == {}


def test_key_on_the_command_line_is_used_with_a_warning(machine):
    file = machine(LAB)
    said = typed("login", "--token", KEY)
    assert "other users can see a key on the command line" in said
    assert json.loads(file.read_text())[NAME]["token"] == KEY
