"""Which account is meant, from which source; and what is pasted, or given in the wrong place."""

import json
import sys
import types
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ibm_circuit_job import IBMAccountError
from ibm_circuit_job.clients import ClientParameters, account_file, pasted
from ibm_circuit_job.clients.credentials import Asked, find_credentials
from ibm_circuit_job.clients.service_urls import api_url, beside, iam_url, service_url

CRN = "crn:v1:bluemix:public:quantum-computing:{}:a/1:2::"
EAST, EUROPE = CRN.format("us-east"), CRN.format("eu-de")
KEY = "Ab3" + "x" * 41
CLASSIC_TOKEN = "0123456789abcdef" * 8
CLASSIC = {"channel": "ibm_quantum", "token": CLASSIC_TOKEN, "url": "https://auth.quantum-computing.ibm.com/api"}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def save(home):
    def save(**accounts):
        file = home / ".qiskit" / "qiskit-ibm.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({name.replace("_", "-"): fields for name, fields in accounts.items()}))
        return file

    return save


def found(environment=None, **asked):
    return find_credentials(Asked(**asked), environment or {})


def refused(match, environment=None, **asked):
    with pytest.raises(IBMAccountError, match=match) as raised:
        found(environment, **asked)
    return str(raised.value)


# One account, one source


def test_key_goes_only_to_the_host_that_came_with_it(save):
    save(mine={"token": KEY, "url": "https://good.example"})
    refused("expected a token with url", url="https://evil.example")
    refused("expected the url of the account 'mine'", url="https://evil.example", name="mine")
    refused("expected a token with url", {"QISKIT_IBM_TOKEN": KEY}, url="https://evil.example")
    assert found({"QISKIT_IBM_URL": "https://evil.example"}).parameters.url == "https://good.example"
    assert found(name="mine", url="https://good.example/").parameters.url == "https://good.example"


@pytest.mark.parametrize("other", [{"name": "mine"}, {"filename": "accounts.json"}])
def test_token_beside_another_source_is_refused(home, other):
    refused(f"expected either token or {next(iter(other))}, got both", token="x", **other)


def test_account_comes_whole_from_the_variables(save):
    save(mine={"token": "saved", "instance": EAST, "region": "us-east", "verify": False})
    credentials = found({"QISKIT_IBM_TOKEN": "key", "QISKIT_IBM_INSTANCE": EUROPE, "QISKIT_IBM_URL": " "})
    assert credentials.parameters == ClientParameters("key", instance=EUROPE)
    assert credentials.source == "the variable QISKIT_IBM_TOKEN"


def test_variables_without_the_token_are_named_and_not_used(save, caplog):
    save(mine={"token": "saved"})
    assert found({"QISKIT_IBM_INSTANCE": EAST, "QISKIT_IBM_CHANNEL": "ibm_quantum"}).parameters.instance is None
    assert caplog.messages == ["Ignored QISKIT_IBM_INSTANCE, QISKIT_IBM_CHANNEL, because QISKIT_IBM_TOKEN is not set."]


@pytest.mark.parametrize(
    ("variables", "culprit"),
    [
        ({"QISKIT_IBM_URL": "nonsense"}, "the variable QISKIT_IBM_URL: expected url"),
        ({"QISKIT_IBM_INSTANCE": "a/b/c"}, "the variable QISKIT_IBM_INSTANCE: expected instance"),
        ({"QISKIT_IBM_CHANNEL": "x"}, "the variable QISKIT_IBM_CHANNEL: expected channel"),
        ({"QISKIT_IBM_TOKEN": CLASSIC_TOKEN}, "the variable QISKIT_IBM_TOKEN: expected token .*July 2025"),
        ({"QISKIT_IBM_CHANNEL": "ibm_quantum"}, "the variable QISKIT_IBM_CHANNEL: IBM switched off"),
    ],
)
def test_error_names_the_variable(home, variables, culprit):
    refused(culprit, {"QISKIT_IBM_TOKEN": "key"} | variables)


def test_arguments_override_the_harmless_fields_of_an_account(save, tmp_path):
    save(mine={"token": "t", "instance": EAST, "plans_preference": ["open"], "tags": ["a"], "verify": False})
    given = found(name="mine", instance="lab", verify=True, proxies={"https": "http://p:1"}).parameters
    assert given == ClientParameters("t", instance="lab", proxies={"urls": {"https": "http://p:1"}})
    wished = found(name="mine", region="eu-de").parameters
    assert (wished.instance, wished.region, wished.plans_preference) == (None, "eu-de", ("open",))


def test_file_that_is_named_comes_before_the_variables(save, home):
    file = save(mine={"token": "saved"})
    assert found({"QISKIT_IBM_TOKEN": "key"}, filename=file).parameters.token == "saved"
    refused("nowhere does not exist", filename=str(home / "nowhere"))


def test_channel_chooses_among_the_sources(save):
    local = {"token": "classic", "channel": "ibm_quantum", "url": "http://127.0.0.1:1/api"}
    save(mine={"token": "saved"}, local=local)
    platform = {"QISKIT_IBM_TOKEN": "key", "QISKIT_IBM_CHANNEL": "ibm_cloud"}
    assert found(platform, channel="ibm_quantum").parameters.token == "classic"
    assert found(channel="ibm_cloud").parameters.token == "saved"
    refused("is of the channel 'ibm_quantum', not of 'ibm_cloud'", name="local", channel="ibm_cloud")
    refused("expected channel to be one of", channel="local")


def test_no_account_says_where_one_is_looked_for(home):
    assert "qiskitrc" not in refused("'token', in the variable QISKIT_IBM_TOKEN, or save an account")
    (home / ".qiskit").mkdir()
    (home / ".qiskit" / "qiskitrc").write_text("[ibmq]")
    refused("qiskitrc .* July 2025")


def test_error_names_a_missing_home_directory(monkeypatch):
    def none():
        raise RuntimeError

    monkeypatch.setattr(Path, "home", none)
    refused("expected a token: .*; expected a home directory")
    refused("^expected a home directory", name="mine")
    assert found({"QISKIT_IBM_TOKEN": "key"}).parameters.token == "key"


# The file .env


class DotEnv(types.ModuleType):
    """The package, as it reads one file."""

    def __init__(self, values):
        super().__init__("dotenv")
        self.find_dotenv = lambda usecwd: "/home/me/.env"
        self.dotenv_values = lambda path, interpolate: values


def test_file_env_is_a_source_of_its_own_after_the_variables(save, monkeypatch):
    save(mine={"token": "saved"})
    for name in ("TOKEN", "URL", "INSTANCE", "CHANNEL"):
        monkeypatch.delenv(f"QISKIT_IBM_{name}", raising=False)
    monkeypatch.setitem(sys.modules, "dotenv", DotEnv({"QISKIT_IBM_TOKEN": "filed", "QISKIT_IBM_URL": None}))
    credentials = find_credentials(Asked())
    assert credentials.parameters == ClientParameters("filed")
    assert credentials.source == "the variable QISKIT_IBM_TOKEN in /home/me/.env"
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "set")
    assert find_credentials(Asked()).parameters.token == "set"
    assert find_credentials(Asked(name="mine")).parameters.token == "saved"


def test_file_env_is_found_above_the_working_directory(home, tmp_path, monkeypatch):
    pytest.importorskip("dotenv")
    monkeypatch.delenv("QISKIT_IBM_TOKEN", raising=False)
    monkeypatch.setenv("ANOTHER_SECRET", "s3cret")
    (tmp_path / ".env").write_text("QISKIT_IBM_TOKEN='filed'\nQISKIT_IBM_INSTANCE=${ANOTHER_SECRET}\n")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    with pytest.raises(IBMAccountError, match="QISKIT_IBM_INSTANCE in") as raised:
        find_credentials(Asked())
    assert "s3cret" not in str(raised.value)
    assert find_credentials(Asked(instance="lab")).source == f"the variable QISKIT_IBM_TOKEN in {tmp_path / '.env'}"


# The file of accounts


def test_error_for_archived_accounts_says_what_happened(save):
    save(default_ibm_quantum=CLASSIC)
    assert CLASSIC_TOKEN not in refused("'default-ibm-quantum' in .*: IBM switched off .* July 2025.*API key")
    save(default_legacy={"auth": "legacy", "token": CLASSIC_TOKEN, "url": "https://auth.quantum-computing.ibm.com/api"})
    refused("July 2025")
    save(default_ibm_quantum=CLASSIC, mine={"auth": "cloud", "token": "t"})
    assert found().parameters.token == "t"


@pytest.mark.parametrize("extra", [{"url_resolver": "x"}, {"channel_strategy": "q-ctrl"}, {"new": [1]}])
def test_field_that_is_not_supported_is_refused_by_name(save, extra):
    save(mine={"token": "t"} | extra)
    refused(f"does not support: '{next(iter(extra))}'")


def test_fields_that_say_nothing_do_no_harm(save):
    save(mine={"token": "t", "verify": None, "url": None, "new": None, "channel_strategy": "default", "proxies": {}})
    assert found().parameters == ClientParameters("t")


def test_every_field_of_an_account_is_used(save, tmp_path):
    fields = {
        "url": "https://private.example",
        "instance": "lab",
        "proxies": {"urls": {"https": "http://p:1"}, "username_ntlm": "a", "password_ntlm": "b"},
        "verify": str(tmp_path),
        "region": "eu-de",
        "plans_preference": ("open", "premium"),
        "tags": ("a",),
        "private_endpoint": True,
    }
    save(mine={"token": "t", "channel": "ibm_cloud"} | fields)
    parameters = found().parameters
    assert {name: getattr(parameters, name) for name in account_file.CONNECTION_FIELDS} == fields


def test_entry_that_is_none_is_passed_over_and_named(save, caplog):
    save(broken=5, mine={"token": "t"})
    assert found().parameters.token == "t"
    assert "Ignored 'broken'" in caplog.text
    refused("expected 'broken' in .* to be an account", name="broken")


def test_account_without_a_token_is_named(save):
    save(mine={"instance": EAST})
    refused("the account 'mine' in .*: expected token")


# As pasted

NOISE = st.text(" \t\r\n\u00a0\u200b\ufeff", max_size=4)


@given(NOISE, NOISE, NOISE, st.sampled_from(["", "'", '"', "`", "\u201c"]), st.integers(1, 43))
@example("", "\n   ", "", '"', 20)
def test_key_and_crn_are_clean_however_they_are_pasted(before, within, after, quote, at):
    def noisy(text):
        return f"{before}{quote}{text[:at]}{within}{text[at:]}{quote}{after}"

    parameters = ClientParameters(noisy(KEY), noisy("https://cloud.ibm.com/x"), noisy(EAST))
    assert (parameters.token, parameters.url, parameters.instance) == (KEY, "https://cloud.ibm.com", EAST)
    assert pasted.clean(pasted.clean(noisy(EAST))) == pasted.clean(noisy(EAST))


@pytest.mark.parametrize("end", ["", ":", "::"])
def test_crn_without_its_end_is_completed(end):
    assert ClientParameters("k", instance=EAST.rstrip(":") + end).instance == EAST


def test_crn_that_is_cut_off_is_refused():
    with pytest.raises(IBMAccountError, match="cut off before the ID of the instance"):
        ClientParameters("k", instance="crn:v1:bluemix:public:quantum-computing:us-east:a/1")


URLS = {
    "https://cloud.ibm.com/quantum/instances": "https://eu-de.quantum.cloud.ibm.com/api/v1",
    "https://quantum.cloud.ibm.com/api": "https://eu-de.quantum.cloud.ibm.com/api/v1",
    "https://us-east.quantum-computing.cloud.ibm.com": "https://eu-de.quantum.cloud.ibm.com/api/v1",
    "quantum.cloud.ibm.com": "https://eu-de.quantum.cloud.ibm.com/api/v1",
    "https://quantum.ibm.com/": "https://eu-de.quantum.cloud.ibm.com/api/v1",
    "https://iam.cloud.ibm.com/identity/token": "https://eu-de.quantum.cloud.ibm.com/api/v1",
    "https://private.eu-de.quantum.cloud.ibm.com/api/v1/": "https://private.eu-de.quantum.cloud.ibm.com/api/v1",
    "https://test.cloud.ibm.com": "https://eu-de.quantum.test.cloud.ibm.com/api/v1",
    "https://CLOUD.ibm.com./": "https://eu-de.quantum.cloud.ibm.com/api/v1",
    "https://own.example": "https://eu-de.quantum.own.example/api/v1",
    "https://own.example/api/v2/": "https://own.example/api/v2",
    "http://127.0.0.1:8080": "http://127.0.0.1:8080/api/v1",
    "https://evil-cloud.ibm.com.example": "https://eu-de.quantum.evil-cloud.ibm.com.example/api/v1",
    "https://evilcloud.ibm.com": "https://eu-de.quantum.evilcloud.ibm.com/api/v1",
}


@pytest.mark.parametrize(("url", "api"), URLS.items())
def test_api_follows_from_any_url_and_the_instance(url, api):
    assert api_url(ClientParameters("key", url, EUROPE)) == api


def test_url_of_another_region_than_the_instance_is_said(home, caplog):
    credentials = found(token="k", url="https://eu-de.quantum.cloud.ibm.com", instance=EAST)
    assert api_url(credentials.parameters) == "https://quantum.cloud.ibm.com/api/v1"
    assert "is in the region eu-de, the instance in us-east" in caplog.text
    assert found(token="k", url="https://eu-de.quantum.cloud.ibm.com").parameters.region == "eu-de"


@pytest.mark.parametrize(
    ("url", "channel"),
    [
        (None, "ibm_quantum_platform"),
        ("https://quantum-computing.ibm.com", "ibm_quantum"),
        ("https://api.quantum-computing.ibm.com/v2", "ibm_quantum"),
        ("http://localhost:1/api/", "ibm_quantum"),
        ("http://localhost:1/api/v1", "ibm_quantum_platform"),
        ("https://own.example/api", "ibm_quantum_platform"),
    ],
)
def test_channel_follows_from_the_url(url, channel):
    assert ClientParameters("key", url).channel == channel


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"token": EAST}, "got a CRN: give that as 'instance'"),
        ({"token": "https://cloud.ibm.com"}, "got a URL: give that as 'url'"),
        ({"token": '{"apikey": "x"}'}, "got a whole JSON document"),
        ({"token": "eyJhbGci.eyJpYW0.c2lnbmF0dXJl"}, "got an access token"),
        ({"token": CLASSIC_TOKEN}, "July 2025"),
        ({"token": "x", "url": EAST}, "got a CRN"),
        ({"token": "x", "instance": KEY}, "got an API key"),
        ({"token": "lab", "instance": "lab"}, "got the token"),
        ({"token": "x", "instance": CLASSIC_TOKEN}, "got a token of IBM Quantum Platform Classic"),
        ({"token": "x", "instance": "a/b/c"}, "that is an instance of IBM Quantum Platform Classic"),
        ({"token": "x", "instance": EAST.replace("quantum-computing", "kms")}, "expected instance to be a CRN"),
        ({"name": EAST}, "got a CRN; give an instance as 'instance'"),
        ({"token": "x", "url": "http://cloud.ibm.com"}, "expected url to begin with https://"),
        ({"token": "x", "url": CLASSIC["url"], "channel": "ibm_cloud"}, "one of Classic"),
        ({"token": "x", "url": "https://cloud.ibm.com", "channel": "ibm_quantum"}, "expected channel to be"),
        ({"token": "x", "verify": "/no/such/file"}, "there is no /no/such/file"),
        ({"token": "x", "proxies": {"urls": {}, "user": "a"}}, "got the unknown 'user'"),
        ({"token": "x", "proxies": {"username_ntlm": "a"}}, "or neither"),
        ({"token": "x", "region": "a/b"}, "expected region"),
        ({"token": "x", "tags": [5]}, "expected tags"),
        ({"token": "x", "plans_preference": 5}, "expected plans_preference"),
        ({"token": "x", "plans_preference": KEY}, "expected plans_preference to be a list of names, got an API key"),
        ({"token": "x", "tags": ["a", KEY]}, "expected tags to be a list of names, got an API key"),
        ({"token": "x", "verify": KEY}, "expected verify to be the path of .*, got an API key"),
        ({"token": "x", "proxies": {"https": KEY}}, "expected the proxy for https to be a URL"),
        ({"filename": KEY}, "expected filename to be the path of a file, got an API key"),
    ],
)
def test_what_stands_in_the_wrong_place_is_recognised(home, given, match):
    message = refused(match, **given)
    assert KEY not in message
    assert CLASSIC_TOKEN not in message


def test_verify_that_is_null_does_not_turn_checks_off():
    assert ClientParameters("key", verify=None).verify is True


@pytest.mark.parametrize("end", ["", "/", "/identity/token", "/identity/token/"])
def test_variable_of_iam_may_have_the_path_of_the_request(monkeypatch, end):
    monkeypatch.setenv("IAM_URL", f" https://iam.example{end}")
    assert iam_url(ClientParameters("key")) == "https://iam.example"


@pytest.mark.parametrize("url", ["https://quantum.com", "https://superquantum.com", "https://quantum.own.example:8443"])
def test_iam_of_another_cloud_is_below_the_host_of_its_url(url):
    assert beside(url, "iam") == url.replace("https://", "https://iam.")


TWO_HOSTS = [
    "https://evil.example\\.cloud.ibm.com",
    "https://evil.example\\@iam.cloud.ibm.com",
    "http://[::1]evil.example",
]
"""URLs of which urllib and urllib3, which connects, read two different hosts."""


@pytest.mark.parametrize("url", TWO_HOSTS)
def test_url_that_can_be_read_as_two_hosts_gets_no_key(save, monkeypatch, url):
    save(mine={"token": KEY})
    refused("expected url to be like", token=KEY, url=url)
    monkeypatch.setenv("IAM_URL", url)
    refused("expected the variable IAM_URL to name a host below", name="mine")
    with pytest.raises(IBMAccountError, match="expected the variable IAM_URL to be a URL"):
        iam_url(ClientParameters("key"))
    assert iam_url(ClientParameters("key", "http://127.0.0.1:8080")) == "http://127.0.0.1:8080"


def test_variable_sends_no_key_out_of_a_cloud_named_like_quantum(monkeypatch):
    monkeypatch.setenv("IAM_URL", "https://evil.com")
    refused("expected the variable IAM_URL to name a host below", token=KEY, url="https://superquantum.com")


@pytest.mark.parametrize("url", ["http://iam.example", "iam.example", "ftp://iam.example"])
def test_key_is_not_sent_to_an_iam_in_plain_text(monkeypatch, url):
    monkeypatch.setenv("IAM_URL", url)
    with pytest.raises(IBMAccountError, match="expected the variable IAM_URL to be a URL with https://"):
        iam_url(ClientParameters("key"))


def test_private_endpoint_has_hosts_of_its_own(monkeypatch):
    monkeypatch.delenv("IAM_URL", raising=False)
    private = ClientParameters("key", instance=EAST, private_endpoint=True)
    assert api_url(private) == "https://private.us-east.quantum.cloud.ibm.com/api/v1"
    assert iam_url(private) == "https://private.iam.cloud.ibm.com"
    assert service_url(private.url, "NO_SUCH_VARIABLE", "globalcatalog") == "https://globalcatalog.cloud.ibm.com/api/v1"
    with pytest.raises(IBMAccountError, match="expected either private_endpoint or a url"):
        ClientParameters("key", "https://own.example/api/v1", private_endpoint=True)
