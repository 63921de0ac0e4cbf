"""An error of the log-in names the culprit and one next step; proxies and certificates hold for every request."""

import base64
import json
import socket
import sys
import warnings
from http.server import BaseHTTPRequestHandler
from urllib.parse import quote_plus

import pytest
from connect_proxy import connect_proxy
from counting_cloud import cloud, crn
from loopback import LoopbackServer, Replying, served
from tls_front import tls_front

from ibm_circuit_job import IBMAccountError, IBMProvider
from ibm_circuit_job.clients import ClientParameters, PlatformAccount, RequestFailed, http, object_store, stream
from ibm_circuit_job.clients.http import HttpSession
from ibm_circuit_job.clients.log_in_errors import log_in_error
from ibm_circuit_job.clients.network_settings import settings_for
from ibm_circuit_job.errors import Obstacle, Refused, Unreachable, Unreadable

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    # Each request is tried once: what fails here fails again.
    monkeypatch.setattr(http, "RETRY", http.ONCE)
    return monkeypatch


@pytest.fixture
def server():
    with cloud() as server:
        yield server


@pytest.fixture
def tls(server, tmp_path):
    """The cloud behind TLS: its URL, and the file of the authority that signed its certificate."""
    with tls_front(server.server_port) as (port, authority):
        bundle = tmp_path / "authority.pem"
        bundle.write_bytes(authority)
        yield f"https://127.0.0.1:{port}/api/v1", str(bundle)


def log_in(url, **more):
    with IBMProvider("the-key", url, instance=crn(1), channel="ibm_quantum_platform", **more) as provider:
        return provider


def error_of(url, **more):
    with pytest.raises(IBMAccountError) as raised:
        log_in(url, **more)
    assert "the-key" not in str(raised.value)
    return raised.value


# The key, the account, and what is not IBM


def iam_says(server, status, code, message):
    server.replies["/identity/token"] = (status, json.dumps({"errorCode": code, "errorMessage": message}))


def test_unknown_key_is_named(server):
    iam_says(server, 400, "BXNIM0415E", "Provided API key could not be found.")
    error = error_of(server.api)
    assert str(error).endswith(
        "; check the token: an API key is shown once, when it is created at https://cloud.ibm.com/iam/apikeys"
    )
    assert not error.is_passing


@pytest.mark.parametrize("spelt", [str, quote_plus, lambda key: json.dumps(key)[1:-1]])
def test_reply_that_repeats_the_key_shows_no_part_of_it(server, spelt):
    key = 'k3y/with+odd="signs"&s3cret'
    session = HttpSession(ClientParameters(key, "https://service.invalid"))
    for before in (*range(75, 101, 3), *range(960, 1001, 4)):
        server.replies["/a"] = (400, json.dumps({"errorCode": "B" * before, "errorMessage": "x" * before + spelt(key)}))
        with pytest.raises(RequestFailed) as failed:
            session.request("ask", "GET", f"{server.url}/a", seconds=5.0)
        assert "k3y" not in str(failed.value)
        assert "s3cret" not in str(failed.value)
    session.close()


@pytest.mark.parametrize("path", ["/identity/token", "/users/loginWithToken"])
def test_page_that_repeats_the_key_is_shown_without_it(path):
    key = "k3y/with+odd=signs&s3cret"
    with cloud() as server:
        url = server.api if path == "/identity/token" else f"{server.url}/api"
        for before in range(40, 80, 3):
            page = f"<html>{'x' * before}{key} {quote_plus(key)}"
            server.replies[path] = server.replies[f"/api{path}"] = (200, page)
            with pytest.raises(IBMAccountError, match="got HTML") as raised:
                IBMProvider(key, url)
            assert "k3y" not in str(raised.value)
            assert "s3cret" not in str(raised.value)


def test_locked_key_is_not_called_wrong(server):
    iam_says(server, 400, "BXNIM9999E", "The API key is locked.")
    error = error_of(server.api)
    assert "The API key is locked." in str(error)
    assert "whether the key, or its account, is locked or disabled" in str(error)
    assert "check the token" not in str(error)


@pytest.mark.parametrize("path", ["/identity/token", "/api/v1/backends"])
def test_redirect_to_a_login_page_is_one_that_may_pass(server, path):
    server.replies[path] = (302, "", ("Location", "http://portal.example/login"))
    error = error_of(server.api)
    assert "log in to the network that this machine is in" in str(error)
    assert error.is_passing


@pytest.mark.parametrize(("url", "is_portal"), [("https://cloud.ibm.com", True), ("http://127.0.0.1:1", False)])
def test_page_in_place_of_a_reply_is_a_portal_or_a_wrong_url(url, is_portal):
    error = log_in_error(Unreadable("answer of IAM", "", "expected JSON, got HTML", is_page=True), url)
    assert error.is_passing is is_portal
    assert ("log in to the network" if is_portal else "check the url") in str(error)


@pytest.mark.parametrize("path", ["/identity/token", "/api/v1/backends"])
def test_page_of_another_server_is_a_wrong_url(server, path):
    server.replies[path] = (200, "<html><title>Welcome</title></html>")
    error = error_of(server.api)
    assert "got HTML: <html><title>Welcome" in str(error)
    assert str(error).endswith("; check the url")
    assert not error.is_passing


def test_path_without_a_service_is_a_wrong_url(server):
    server.replies["/identity/token"] = (404, "nothing here")
    assert str(error_of(server.api)).endswith("; check the url")


def test_busy_service_may_pass(server):
    server.replies["/identity/token"] = (503, "{}")
    error = error_of(server.api)
    assert str(error).endswith("; try again later")
    assert error.is_passing


# The network


def test_port_without_a_listener_may_pass():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/api/v1"
    error = error_of(url)
    assert "no answer from http://127.0.0.1" in str(error)
    assert str(error).endswith("; check the url")
    assert error.is_passing


def test_name_that_no_name_server_knows_may_pass():
    error = error_of("https://quantum.nowhere.invalid")
    assert "no name server knows the host of https://iam.quantum.nowhere.invalid/identity/token" in str(error)
    assert error.is_passing


@pytest.mark.parametrize(
    ("obstacle", "words", "is_passing"),
    [
        (Obstacle.NAME_SERVER, "connected to the internet", True),
        (Obstacle.NOT_LISTENING, "give the proxy of your network", True),
        (Obstacle.SILENT, "give the proxy of your network", True),
        (Obstacle.CERTIFICATE, "REQUESTS_CA_BUNDLE", False),
        (Obstacle.TLS, "does not support TLS", False),
        (Obstacle.CERTIFICATE_FILE, "PEM", False),
        (Obstacle.PROXY, "check the address of the proxy", True),
        (Obstacle.PROXY_CREDENTIALS, "USER:PASSWORD", False),
        (None, "try again later", True),
    ],
)
def test_each_obstacle_on_the_way_to_ibm_has_one_next_step(obstacle, words, is_passing):
    error = log_in_error(Unreachable("log in", "https://x", "words", obstacle=obstacle), "https://cloud.ibm.com")
    assert words in str(error).rpartition("; ")[2]
    assert error.is_passing is is_passing


# Certificates


def test_certificate_that_is_not_trusted_is_named(tls):
    error = error_of(tls[0])
    assert "a certificate that is not trusted at https://127.0.0.1" in str(error)
    assert "verify='/path/to/them.pem', or in REQUESTS_CA_BUNDLE" in str(error)
    assert not error.is_passing


@pytest.mark.parametrize("how", ["verify", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "no check"])
def test_authority_is_trusted_as_given_or_by_variable(tls, environment, how):
    url, bundle = tls
    if "BUNDLE" in how:
        environment.setenv(how, bundle)
    checked = {"verify": bundle, "no check": False}.get(how)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert log_in(url, verify=checked).instance == crn(1)


def test_verify_comes_before_the_variable(tls, environment):
    environment.setenv("REQUESTS_CA_BUNDLE", "/no/such/bundle.pem")
    assert log_in(tls[0], verify=tls[1]).instance == crn(1)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_file_of_certificates_that_cannot_be_used_is_named(tls, environment, tmp_path, content):
    path = tmp_path / "bundle.pem"
    if content is not None:
        path.write_text(content)
    environment.setenv("REQUESTS_CA_BUNDLE", str(path))
    error = error_of(tls[0])
    assert f"{str(path)!r} (named by the variable REQUESTS_CA_BUNDLE)" in str(error)
    assert not error.is_passing


def test_server_without_tls_is_named(server):
    error = error_of(server.api.replace("http:", "https:"))
    assert "no TLS connection to" in str(error)
    assert not error.is_passing


def test_result_and_stream_trust_the_same_authority(tls, server):
    url, bundle = tls
    server.replies["/result"] = (200, "the result")
    trusting = server.parameters(verify=bundle)
    root = url.removesuffix("/api/v1")
    assert object_store.read(f"{root}/result", doing="read it", parameters=trusting) == b"the result"
    with pytest.raises(RequestFailed) as failed:
        object_store.read(f"{root}/result", doing="read it", parameters=server.parameters(), prompt=True)
    assert failed.value.failure.obstacle is Obstacle.CERTIFICATE
    # The upgrade arrives, and is refused: TLS was no trouble.
    assert isinstance(stream_failure(root, trusting), Refused)
    assert "CERTIFICATE_VERIFY_FAILED" in stream_failure(root, server.parameters()).message


def stream_failure(root, parameters):
    url = f"{root.replace('http', 'ws', 1)}/stream"
    with pytest.raises(RequestFailed) as failed:
        stream.listen(url, {}, 5.0, doing="listen", parameters=parameters)
    return failed.value.failure


# Proxies


def test_all_requests_go_by_the_proxy_that_is_given(tls, server):
    url, bundle = tls
    root, server.replies["/result"] = url.removesuffix("/api/v1"), (200, "the result")
    with connect_proxy("ann:p@ss") as proxy:
        address = proxy.url.replace("//", "//ann:p%40ss@")
        proxies = {"urls": {"https": address}}
        log_in(url, verify=bundle, proxies=proxies)
        parameters = server.parameters(proxies=proxies, verify=bundle)
        assert object_store.read(f"{root}/result", doing="read it", parameters=parameters) == b"the result"
        assert isinstance(stream_failure(root, parameters), Refused)
        # One tunnel for IAM and API together, one for the result, and one for the stream.
        assert proxy.asked == [root.removeprefix("https://")] * 3


@pytest.mark.parametrize("user", ["", "ann:wrong@"])
def test_proxy_that_asks_for_credentials_is_named(tls, user):
    with connect_proxy("ann:right") as proxy:
        address = proxy.url.replace("//", f"//{user}")
        error = error_of(tls[0], verify=tls[1], proxies={"urls": {"https": address}})
    assert f"the proxy asks for a user name and a password on the way to {tls[0][:24]}" in str(error)
    assert f"{proxy.url} (given as proxies): Tunnel connection failed: 407" in str(error)
    assert "wrong" not in str(error)
    assert not error.is_passing


def test_proxy_that_does_not_answer_is_named_and_may_pass(tls):
    error = error_of(tls[0], proxies={"urls": {"https": "http://127.0.0.1:1"}})
    assert "no answer from the proxy on the way to" in str(error)
    assert "http://127.0.0.1:1 (given as proxies)" in str(error)
    assert error.is_passing


def test_proxy_of_a_variable_is_named_with_the_variable(environment):
    environment.setenv("HTTPS_PROXY", "http://ann:hidden@127.0.0.1:1")
    error = error_of("https://quantum.nowhere.invalid")
    assert "http://127.0.0.1:1 (named by the variable HTTPS_PROXY)" in str(error)
    assert "hidden" not in str(error)


def test_variables_of_proxies_hold_but_for_the_hosts_in_no_proxy(server, environment):
    server.replies["/a"] = (200, "by way of the proxy")
    with connect_proxy(target=("127.0.0.1", server.server_port)) as proxy:
        environment.setenv("HTTP_PROXY", proxy.url)
        session = HttpSession(ClientParameters("the-key", "https://service.invalid"))
        ask = lambda: session.request("ask", "GET", "http://service.invalid/a", seconds=5.0)  # noqa: E731
        assert ask().text == "by way of the proxy"
        environment.setenv("NO_PROXY", "service.invalid")
        with pytest.raises(RequestFailed) as failed:
            ask()
        assert failed.value.failure.obstacle is Obstacle.NAME_SERVER
        session.close()


def test_this_machine_is_reached_without_the_proxy_of_a_variable(server, environment):
    environment.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert log_in(server.api).instance == crn(1)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost.", "LOCALHOST", "[::1]", "[0:0:0:0:0:0:0:1]"])
def test_plain_http_leaves_this_machine_through_no_proxy(environment, host):
    environment.setenv("HTTP_PROXY", "http://proxy.example:8080")
    environment.setenv("ALL_PROXY", "http://proxy.example:8080")
    url = f"http://{host}:1/api/v1"
    assert settings_for(url, ClientParameters("the-key", url)).proxy(url) is None
    for proxy, used in {"http://proxy.example:8080": None, "http://127.0.0.1:8080": "http://127.0.0.1:8080"}.items():
        given = ClientParameters("the-key", url, proxies={"http": proxy, "all": proxy})
        assert settings_for(url, given).proxy(url) == used


def test_variables_of_one_url_do_not_reach_another(environment):
    environment.setenv("HTTPS_PROXY", "http://127.0.0.1:2")
    environment.setenv("NO_PROXY", "cloud.ibm.com")
    parameters = ClientParameters("the-key", proxies={"urls": {"https://a.example": "http://127.0.0.1:1"}})
    found = {
        url: settings_for(url, parameters).proxy(url)
        for url in ("https://a.example/x", "https://b.example/x", "https://iam.cloud.ibm.com/x")
    }
    assert list(found.values()) == ["http://127.0.0.1:1", "http://127.0.0.1:2", None]


def test_ntlm_without_its_package_is_refused_by_name(tls, environment):
    environment.setitem(sys.modules, "requests_ntlm", None)
    proxies = {"urls": {"https": "http://127.0.0.1:1"}, "username_ntlm": "corp\\ann", "password_ntlm": "Pa55word"}
    error = error_of(tls[0], proxies=proxies)
    assert "requests-ntlm; install it with pip install requests-ntlm" in str(error)
    assert "Pa55word" not in str(error)
    assert not error.is_passing


def test_ntlm_is_not_told_to_a_server_that_asks_for_it(server):
    pytest.importorskip("requests_ntlm")
    server.replies["/a"] = (401, "{}", ("WWW_Authenticate", "NTLM"))
    proxies = {"urls": {"http": server.url}, "username_ntlm": "corp\\ann", "password_ntlm": "Pa55word"}
    session = HttpSession(ClientParameters("the-key", "https://service.invalid", proxies=proxies))
    with pytest.raises(RequestFailed):
        session.request("ask", "GET", "http://service.invalid/a", seconds=5.0)
    assert server.asked == ["GET /a"]


class NtlmProxy(Replying, BaseHTTPRequestHandler):
    """Asks for NTLM; a first message gets a challenge, and a second one is let in."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        sent = self.headers.get("Proxy-Authorization", "")
        message = base64.b64decode(sent.removeprefix("NTLM "))
        kind = message[8:9]
        if kind == b"\x03":
            self.server.users.append("ann".encode("utf-16-le") in message)
            self.reply(200, "let in")
        elif kind == b"\x01":
            flags, challenge = 0xA2898205, b"12345678"
            target = "CORP".encode("utf-16-le")
            end = b"\x00" * 4
            head = b"NTLMSSP\x00" + (2).to_bytes(4, "little")
            place = lambda size, at: size.to_bytes(2, "little") * 2 + at.to_bytes(4, "little")  # noqa: E731
            body = head + place(len(target), 56) + flags.to_bytes(4, "little") + challenge + b"\x00" * 8
            body += place(len(end), 56 + len(target)) + b"\x0a\x00\x00\x00\x00\x00\x00\x0f" + target + end
            self.reply(407, "", Proxy_Authenticate=f"NTLM {base64.b64encode(body).decode()}")
        else:
            self.reply(407, "", Proxy_Authenticate="NTLM")


def test_proxy_with_ntlm_is_answered():
    pytest.importorskip("requests_ntlm")
    proxy = LoopbackServer(NtlmProxy)
    proxy.users = []
    with served(proxy):
        proxies = {"urls": {"http": proxy.url}, "username_ntlm": "corp\\ann", "password_ntlm": "Pa55word"}
        session = HttpSession(ClientParameters("the-key", "https://service.invalid", proxies=proxies))
        assert session.request("ask", "GET", "http://service.invalid/a").text == "let in"
        session.close()
    assert proxy.users == [True]


def test_account_says_the_same_where_it_is_used_alone(server):
    iam_says(server, 400, "BXNIM0415E", "Provided API key could not be found.")
    with pytest.raises(IBMAccountError, match="check the token"):
        PlatformAccount(server.parameters()).find_instance()
