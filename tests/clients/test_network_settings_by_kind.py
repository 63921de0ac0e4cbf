"""Certificates and proxies count for every kind of connection alike: requests, results at a URL, and the websocket."""

import threading

import pytest
import requests
from connect_proxy import connect_proxy
from hostile_server import CLOSE, hostile, reply
from tls_front import tls_front

from ibm_circuit_job.clients import ClientParameters, RequestFailed, http, object_store, stream
from ibm_circuit_job.clients.bounded import BoundedAdapter
from ibm_circuit_job.clients.http import HttpSession

pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")

VARIABLES = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"),
)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(http, "RETRY", http.ONCE)
    return monkeypatch


def answer(connection, head):
    if "Upgrade: websocket" not in head:
        connection.sendall(reply(b"{}"))
        return None
    key = next(line for line in head.split("\r\n") if line.startswith("Sec-WebSocket-Key")).partition(": ")[2]
    proof = f"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {stream._accepted(key)}\r\n\r\n"
    connection.sendall(proof.encode() + CLOSE)
    return "close"


@pytest.fixture
def tls(tmp_path):
    """A service behind TLS: its port, and the file of the authority that signed its certificate."""
    with hostile(answer) as server, tls_front(server.port) as (port, authority):
        bundle = tmp_path / "authority.pem"
        bundle.write_bytes(authority)
        yield port, str(bundle)


def by_http(url, parameters):
    session = HttpSession(parameters)
    try:
        return session.request("ask", "GET", url, seconds=20.0).content == b"{}"
    finally:
        session.close()


def by_result_url(url, parameters):
    return object_store.read(url, doing="read", parameters=parameters, prompt=True) == b"{}"


def by_websocket(url, parameters):
    return stream.listen(url.replace("http", "ws", 1), {}, 20.0, doing="listen", parameters=parameters)


KINDS = {"http": by_http, "result url": by_result_url, "websocket": by_websocket}


def works(kind, url, **given):
    try:
        return KINDS[kind](url, ClientParameters("the-key", url, channel="ibm_quantum_platform", **given))
    except RequestFailed as failed:
        if "certificate" not in str(failed).lower():
            raise
        return False


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def test_certificate_of_an_unknown_authority_is_refused(kind, tls):
    assert not works(kind, f"https://127.0.0.1:{tls[0]}")


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_authority_that_a_variable_names_is_trusted(kind, tls, environment, variable):
    environment.setenv(variable, tls[1])
    assert works(kind, f"https://127.0.0.1:{tls[0]}")


def test_variables_of_certificates_count_in_their_order(kind, tls, environment, tmp_path):
    environment.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    environment.setenv("REQUESTS_CA_BUNDLE", tls[1])
    assert works(kind, f"https://127.0.0.1:{tls[0]}")
    environment.delenv("REQUESTS_CA_BUNDLE")
    assert not works(kind, f"https://127.0.0.1:{tls[0]}")


def test_verify_that_is_given_counts_before_the_variables(kind, tls, environment, tmp_path):
    environment.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    environment.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    url = f"https://127.0.0.1:{tls[0]}"
    assert works(kind, url, verify=tls[1])
    assert works(kind, url, verify=False)
    assert not works(kind, url)


def test_certificate_for_another_host_is_refused(kind, tls):
    # localhost is another name than 127.0.0.1, for which the certificate is.
    assert not works(kind, f"https://localhost:{tls[0]}", verify=tls[1])


def test_proxy_that_is_given_is_used(kind, tls):
    with connect_proxy("ann:p@ss") as proxy:
        proxies = {"urls": {"https": proxy.url.replace("//", "//ann:p%40ss@")}}
        assert works(kind, f"https://127.0.0.1:{tls[0]}", verify=tls[1], proxies=proxies)
        assert proxy.asked == [f"127.0.0.1:{tls[0]}"]


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_proxy_of_a_variable_is_used_but_for_the_hosts_in_no_proxy(kind, tls, environment, variable):
    # The name exists for the proxy alone, which goes to the service instead.
    url = "https://service.invalid:443"
    with connect_proxy(target=("127.0.0.1", tls[0])) as proxy:
        environment.setenv(variable, proxy.url)
        assert works(kind, url, verify=False)
        assert proxy.asked == ["service.invalid:443"]
        environment.setenv("NO_PROXY", "service.invalid")
        with pytest.raises(RequestFailed, match=r"service\.invalid"):
            KINDS[kind](url, ClientParameters("the-key", url, verify=False))
        assert len(proxy.asked) == 1


def test_this_machine_is_reached_without_the_proxy_of_a_variable(kind, tls, environment):
    environment.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert works(kind, f"https://127.0.0.1:{tls[0]}", verify=tls[1])


def test_threads_that_use_a_proxy_first_share_its_connections(monkeypatch):
    with requests.Session() as session:
        session.mount("http://", BoundedAdapter())
        adapter, make = session.get_adapter("http://a.invalid"), requests.adapters.proxy_from_url
        found = []

        def ask():
            found.append(adapter.proxy_manager_for("http://127.0.0.1:1"))

        second = threading.Thread(target=ask)

        def make_while_the_second_asks(*arguments, **given):
            if second.ident is None:
                second.start()
                # It waits for the first one, until this is over.
                second.join(0.3)
            return make(*arguments, **given)

        monkeypatch.setattr(requests.adapters, "proxy_from_url", make_while_the_second_asks)
        ask()
        second.join()
        assert found[0] is found[1]
