"""What a server cannot make a client do: keep a cookie, follow a redirect, or send the token in plain text."""

import pytest
from hostile_server import hostile, reply
from request_failures import failure_of

from ibm_circuit_job.clients import ClientParameters, RuntimeClient, account, http
from ibm_circuit_job.clients.http import HttpSession


@pytest.fixture
def server():
    with hostile() as server:
        yield server


@pytest.fixture(autouse=True)
def once(monkeypatch):
    monkeypatch.setattr(http, "RETRY", http.ONCE)


def test_cookies_are_not_kept(server):
    session = HttpSession(ClientParameters("secret", server.url))
    server.answer = lambda connection, _: connection.sendall(reply(b"{}", "Set-Cookie: a=b; Path=/"))
    for _ in range(2):
        session.request("ask", "GET", server.url)
    session.close()
    assert "cookie" not in "".join(server.heads).lower()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(server, status):
    with hostile() as other:
        location = f"Location: {other.url}/"
        server.answer = lambda connection, _: connection.sendall(reply(b"", location, status=f"{status} Go"))
        session = HttpSession(ClientParameters("secret", server.url))
        for ask in (lambda: session.request("ask", "GET", server.url), lambda: session.download("read", server.url)):
            refused = failure_of(ask)
            assert (refused.http_status, refused.by_service, refused.can_retry) == (status, False, True)
        session.close()
        assert other.connections == 0


class Service:
    """Logs in with the tokens of a list, and names a URL of the runtime."""

    def __init__(self, server, tokens=("good",), runtime=None):
        self.server, self.tokens, self.runtime = server, list(tokens), runtime or server.url
        server.answer = self.answer

    def answer(self, connection, head):
        path = head.split(" ")[1]
        if path.endswith("/loginWithToken"):
            token = self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]
            body = b'{"id": "%s"}' % token.encode("unicode_escape").replace(b"\\x", b"\\u00")
        elif path.endswith("/users/me"):
            body = b'{"urls": {"http": "%s", "services": {"runtime": "%s"}}}' % (
                self.server.url.encode(),
                self.runtime.encode(),
            )
        else:
            body = b'{"id": "a"}'
        connection.sendall(reply(body))


@pytest.mark.parametrize("token", ["a\nX-Injected: yes", "a\u20acb", "", " "])
def test_access_token_that_is_no_header_is_asked_for_again(server, token):
    Service(server, [token, "good"])
    client = RuntimeClient(ClientParameters("secret", server.url))
    failure = failure_of(lambda: client.job_get("a"))
    assert "expected a token of printable ASCII characters" in failure.message
    assert failure.can_retry
    assert client.job_get("a") == b'{"id": "a"}'
    client.close()
    assert "x-injected" not in "".join(server.heads).lower()


@pytest.mark.parametrize("runtime", ["http://service.example/api", "ftp://127.0.0.1/", "http://127.0.0.1.example/"])
def test_runtime_that_the_token_is_not_safe_to_be_sent_to_is_refused(server, runtime):
    Service(server, runtime=runtime)
    client = RuntimeClient(ClientParameters("secret", server.url))
    failure = failure_of(lambda: client.job_get("a"))
    assert "the token is not sent there" in failure.message
    assert not failure.can_retry
    client.close()


@pytest.mark.parametrize(
    ("login", "runtime", "is_safe"),
    [
        ("https://a.example/api", "https://b.example/api", True),
        ("https://a.example/api", "http://127.0.0.1:1/api", False),
        ("http://127.0.0.1:1/api", "https://b.example/api", True),
        ("http://127.0.0.1:1/api", "http://127.0.0.1:2/api", True),
    ],
)
def test_login_by_https_names_no_runtime_by_http(login, runtime, is_safe):
    if is_safe:
        account.check_is_safe(runtime, login)
    else:
        assert "after a login by http" in failure_of(lambda: account.check_is_safe(runtime, login)).message
