"""For which host a request to the local service is meant, and which page sent it."""

import pytest
import requests
import websocket

from ibm_circuit_job.local import LocalService, LocalServiceError
from ibm_circuit_job.local.front import why_refused


@pytest.fixture(scope="module")
def service():
    with LocalService(workers=1, allowed_hosts=["quantum.example"]) as service:
        yield service


HOSTS = frozenset({"quantum.example"})


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8080", "127.0.0.1", "LOCALHOST:1", "me.localhost", "[::1]:8080", "192.168.1.5:80", "quantum.example."],
)
def test_host_of_the_service_is_let_in(host):
    assert why_refused({b"host": host.encode()}, HOSTS) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "a@localhost",
        "localhost/x",
        "localhost:x",
        "[::1",
        "2130706433",
        "quantum.example.evil",
        "\xff",
    ],
)
def test_host_that_is_not_the_services_is_refused(host):
    assert "The header Host names" in why_refused({b"host": host.encode("latin-1")}, HOSTS)


@pytest.mark.parametrize("origin", ["http://localhost:80", "https://localhost:80", "https://quantum.example"])
def test_origin_of_the_service_itself_is_let_in(origin):
    assert why_refused({b"host": b"localhost:80", b"origin": origin.encode()}, HOSTS) is None


@pytest.mark.parametrize("origin", ["null", "https://evil.example", "http://localhost:3000", "http://127.0.0.1:80", ""])
def test_origin_of_a_strange_page_is_refused(origin):
    why = why_refused({b"host": b"localhost:80", b"origin": origin.encode()}, HOSTS)
    assert "The header Origin names" in why


def test_page_of_another_program_at_the_same_address_is_refused(service):
    root = service.page_url.partition("/#")[0]
    said = {
        origin: requests.get(f"{root}/", headers={"Origin": origin}, timeout=30).status_code
        for origin in (root, "http://127.0.0.1:1")
    }
    assert said == {root: 200, "http://127.0.0.1:1": 403}


def test_name_at_which_it_listens_is_no_origin_by_itself():
    headers = {b"host": b"quantum.local:80"}
    assert why_refused(headers, HOSTS, "quantum.local") is None
    assert why_refused(headers | {b"origin": b"http://quantum.local:80"}, HOSTS, "quantum.local") is None
    assert "Origin" in why_refused(headers | {b"origin": b"http://quantum.local:81"}, HOSTS, "quantum.local")


@pytest.mark.parametrize("path", ["/api/version", "/api/v1/versions", "/identity/token", "/faults"])
def test_rebound_name_gets_403_from_every_dialect(service, path):
    root = service.environment["IAM_URL"]
    reply = requests.get(root + path, headers={"Host": "evil.example"}, timeout=10)
    assert reply.status_code == 403
    assert "evil.example" in reply.json()["error"]["message"] == reply.json()["errors"][0]["message"]


def test_name_that_the_setting_allows_is_let_in(service):
    assert requests.get(f"{service.url}/version", headers={"Host": "quantum.example"}, timeout=10).status_code == 200


def test_web_page_cannot_open_a_stream(service):
    url = service.url.replace("http", "ws", 1) + "/stream/jobs/x"
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        websocket.create_connection(url, timeout=10, origin="https://evil.example")
    assert refused.value.status_code == 403
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        # With the origin that the client gives by default, it is the service that refuses: there is no token.
        websocket.create_connection(url, timeout=10)
    assert refused.value.status_code == 401


@pytest.mark.parametrize("hosts", ["quantum.example", [b"x"], 7])
def test_hosts_that_are_no_list_of_names_are_refused(hosts):
    with pytest.raises(LocalServiceError, match="expected allowed_hosts to be a list of host names"):
        LocalService(allowed_hosts=hosts)
