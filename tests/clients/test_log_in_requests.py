"""What logging in asks IBM Cloud for, how often, and over how many connections."""

from contextlib import contextmanager

import pytest
from counting_cloud import cloud, crn, item

from ibm_circuit_job import IBMAccountError, IBMProvider
from ibm_circuit_job.clients import PlatformAccount
from ibm_circuit_job.clients.instances import Instance
from ibm_circuit_job.clients.version_agreement import VersionAgreement

TOKEN = "POST /identity/token"
SEARCH = "POST /search/v3/resources/search"
VERSIONS = "GET /api/v1/versions"
BACKENDS = "GET /api/v1/backends"
CONFIGURATION = "GET /api/v1/backends/ibm_a/configuration"


@pytest.fixture
def server():
    with cloud() as server:
        yield server


@contextmanager
def logged_in(server, instance=None):
    with IBMProvider("the-key", server.api, instance=instance, channel="ibm_quantum_platform") as provider:
        yield provider


def account(server, instance=None, **more):
    return PlatformAccount(server.parameters(instance, **more))


def test_log_in_and_first_backend_are_four_requests(server):
    with logged_in(server, crn(1)) as provider:
        assert server.asked == [TOKEN, VERSIONS, BACKENDS]
        backend = provider.get_backend("ibm_a")
        assert server.asked == [TOKEN, VERSIONS, BACKENDS, CONFIGURATION]
        assert provider.get_backend("ibm_a") is backend
        assert len(server.asked) == 4
    assert server.connections == 1


@pytest.fixture
def iam_on_another_host(server, monkeypatch):
    """Have IAM on a host of another name, as it is at IBM, which answers when the versions were asked for."""
    monkeypatch.setenv("IAM_URL", server.url.replace("127.0.0.1", "localhost"))
    server.after["/identity/token"] = "/api/v1/versions"


@pytest.mark.usefixtures("iam_on_another_host")
def test_versions_are_asked_for_beside_the_token(server):
    with logged_in(server, crn(1)):
        assert sorted(server.asked[:2]) == [VERSIONS, TOKEN]
        assert server.asked[2:] == [BACKENDS]
    assert server.connections == 2


@pytest.mark.usefixtures("iam_on_another_host")
def test_versions_are_asked_for_beside_the_search(server):
    with logged_in(server):
        assert sorted(server.asked[:2]) == [VERSIONS, TOKEN]
        assert server.asked[2:] == [SEARCH, SEARCH, BACKENDS]


@pytest.mark.usefixtures("iam_on_another_host")
def test_no_question_outlasts_a_refused_log_in(server):
    server.after = {"/api/v1/versions": "/identity/token"}
    server.replies["/identity/token"] = (400, '{"errorMessage": "Provided API key could not be found."}')
    with pytest.raises(IBMAccountError, match="could not be found"):
        IBMProvider("the-key", server.api, instance=crn(1))
    assert sorted(server.asked) == [VERSIONS, TOKEN]
    assert VersionAgreement.with_service(server.api).is_reached


def test_crn_costs_neither_search_nor_catalog(server):
    found = account(server, crn(1))
    assert found.find_instance() == crn(1)
    assert found.chosen == Instance(crn(1))
    assert server.asked == []


def test_only_instance_costs_one_search_and_no_catalog(server):
    server.pages = [[item(1)]]
    found = account(server)
    assert found.find_instance() == crn(1)
    assert (found.chosen.name, found.chosen.plan) == ("lab", None)
    assert not any("catalog" in asked for asked in server.asked)


def test_each_plan_is_asked_for_once(server):
    server.pages = [[item(1), item(2, "other"), item(3, "big", "flex-plan")]]
    assert account(server, "auto").find_instance() == crn(1)
    assert sorted(server.asked)[:2] == ["GET /catalog/flex-plan", "GET /catalog/open-plan"]
    assert len([asked for asked in server.asked if "catalog" in asked]) == 2


def test_search_is_read_to_its_last_page(server):
    server.pages = [[item(number, f"n{number}") for number in page] for page in ([1, 2], [3], [4])]
    assert account(server, "n4").find_instance() == crn(4)
    assert [each.name for each in account(server).instances()] == ["n1", "n2", "n3", "n4"]


def test_search_whose_cursor_never_changes_ends(server):
    server.replies["/search/v3/resources/search"] = (200, f'{{"items": [{{"crn": "{crn(1)}"}}], "search_cursor": "x"}}')
    assert account(server).instances() == []
    assert server.asked.count(SEARCH) == 2


def test_archived_plan_is_unknown(server):
    server.pages = [[item(1, plan="gone"), item(2, "idle", doc={})]]
    [found] = account(server).instances()
    assert (found.plan, found.pricing_type) == ("unknown", "unknown")


@pytest.mark.parametrize(
    ("wish", "expected"),
    [({"region": "eu-de"}, 2), ({"plans_preference": ("premium",)}, 3), ({"tags": ("a",)}, 4), ({}, 1)],
)
def test_what_the_parameters_ask_for_is_obeyed(server, wish, expected):
    eu = crn(2, "eu-de")
    server.pages = [
        [item(1), item(2, crn=eu, plan="flex-plan"), item(3, plan="premium-plan"), item(4, plan="gone", tags=["A"])]
    ]
    assert account(server, **wish).find_instance() == (eu if expected == 2 else crn(expected))


def test_instances_of_a_provider_are_those_of_the_account(server):
    server.pages = [[item(1), item(2, "idle", doc={})]]
    with logged_in(server) as provider:
        [found] = provider.instances()
    assert found == {
        "crn": crn(1),
        "plan": "open",
        "name": "lab",
        "tags": [],
        "pricing_type": "free",
        "region": "us-east",
    }


def test_backend_that_is_new_since_the_log_in_is_found(server):
    with logged_in(server, crn(1)) as provider:
        server.replies["/api/v1/backends"] = (200, '{"devices": [{"name": "ibm_new"}]}')
        server.replies["/api/v1/backends/ibm_a/configuration"] = (404, '{"errors": [{"code": 1, "message": "no"}]}')
        with pytest.raises(Exception, match="expected one of ibm_new, got 'ibm_a'"):
            provider.get_backend("ibm_a")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"account": "other"}, "belongs to account mine and the key to account other: use an API key of"),
        ({"pages": [[]]}, "403.*the token is valid, but its account has no instance.*create one at"),
        ({"pages": [[item(2, "big")]]}, r"the token's account has no instance.*'big' \(open, us-east, crn:"),
        ({"pages": [[item(1)]]}, "has this instance, but may not use it now: ask its administrator"),
    ],
)
def test_refused_crn_is_explained(server, change, words):
    server.usable = set()
    for name, value in change.items():
        setattr(server, name, value)
    with pytest.raises(IBMAccountError, match=words) as raised:
        IBMProvider("the-key", server.api, instance=crn(1))
    assert not raised.value.is_passing
    assert "the-key" not in str(raised.value)


def test_refusal_is_not_hidden_by_a_search_in_trouble(server):
    server.usable, server.replies["/search/v3/resources/search"] = set(), (501, "{}")
    with pytest.raises(IBMAccountError, match=r"not authorized for the instance.*; check the instance"):
        IBMProvider("the-key", server.api, instance=crn(1))
