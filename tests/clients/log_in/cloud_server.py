"""IBM Cloud on this machine: IAM, global search, catalogue and the API under their real names, with TLS, and a proxy.

A client reaches it in one of two ways, both unmodified. Where names lead here (``names``), it connects to
``https://iam.cloud.ibm.com`` directly. Through the proxy it says ``CONNECT iam.cloud.ibm.com:443``. Either way the
server ends TLS with a certificate of an authority of its own for that name, and writes down each request. What it
answers is in ``cloud_answers``; what state it is in is in ``cloud_state``.

For a client in another interpreter, ``POST /witness/begin/NUMBER`` at the proxy's port puts it in
the state of that row of the table, and ``GET /witness/seen`` returns the requests since then.
"""

import json
import ssl
import threading
from contextlib import suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import trustme
from attrs import asdict, frozen
from cloud_answers import Request, answer
from cloud_state import PROXY_LOGIN, SECRETS, Cloud

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@frozen
class Seen:
    """A request that arrived."""

    host: str
    method: str
    path: str
    connection: int
    """Requests on the same connection have the same number."""
    through_proxy: bool
    is_encrypted: bool
    has_key: bool
    """Whether an API key, a token of the old platform or a password was in it."""
    has_token: bool
    """Whether an IAM token was in it."""
    crn: str | None
    """The instance that it was sent for."""


class CloudServer:
    """The cloud; a context manager that starts and ends it.

    Args:
        clouds: The states of the rows of the table, for clients in other interpreters.
    """

    def __init__(self, clouds=()):
        self.clouds = clouds
        self.cloud = Cloud()
        self.seen = []
        self.failures = []
        """What the server itself did wrong."""
        self.authority = trustme.CA()
        self.stranger = trustme.CA()
        self.context_of = cache(self._context)
        self._plain = _Listener(self, encrypted=False)
        self._encrypted = _Listener(self, encrypted=True)

    @property
    def ports(self):
        """Port that a client connects to -> where it leads."""
        return {80: self._plain.server_port, 8080: self._plain.server_port, 443: self._encrypted.server_port}

    @property
    def proxy_url(self):
        return f"http://127.0.0.1:{self._plain.server_port}"

    def begin(self, cloud):
        """Be in this state from now on, and forget what was seen."""
        self.cloud = cloud
        self.seen.clear()
        self.failures.clear()

    def _context(self, host, fault):
        authority = self.stranger if fault == "untrusted" else self.authority
        named = "other.example" if fault == "other name" else host
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(named).configure_cert(context)
        return context

    def certified(self, host):
        return self.context_of(host, self.cloud.faults.get(host))

    def __enter__(self):
        for listener in (self._plain, self._encrypted):
            threading.Thread(target=listener.serve_forever, name="cloud", daemon=True).start()
        return self

    def __exit__(self, *_):
        for listener in (self._plain, self._encrypted):
            listener.shutdown()
            listener.server_close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, owner, *, encrypted):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner
        self.encrypted = encrypted
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.sni_callback = self._choose

    def _choose(self, connection, name, _):
        if name is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = self.owner.certified(name)
        return None

    def handle_error(self, request, client_address):
        """Say nothing: that a client does not like a certificate is what a set-up is about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30

    def setup(self):
        self.encrypted = self.server.encrypted
        self.tunnel = None
        if self.encrypted:
            self.request.settimeout(self.timeout)
            self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self):
        with suppress(OSError, ValueError):
            super().finish()
        with suppress(OSError):
            self.request.close()

    def do_CONNECT(self):
        owner = self.server.owner
        host = self.path.rpartition(":")[0]
        if self.refused_by_proxy(host):
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.flush()
        if owner.cloud.faults.get(host) == "hangs up":
            self.close_connection = True
            return
        # From here on the client speaks TLS with the host, on the same connection.
        self.request = self.connection = owner.certified(host).wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = self.connection.makefile("wb", 0)
        self.encrypted, self.tunnel = True, host
        self.close_connection = False

    def refused_by_proxy(self, host):
        cloud = self.server.owner.cloud
        if cloud.proxy == "login" and self.headers.get("Proxy-Authorization") != f"Basic {PROXY_LOGIN}":
            self.answer_with(407, b"", "text/plain", {"Proxy-Authenticate": 'Basic realm="office"'})
        elif cloud.proxy == "ntlm":
            self.answer_with(407, b"", "text/plain", {"Proxy-Authenticate": "NTLM"})
        elif cloud.proxy == "closed":
            self.answer_with(403, b"blocked by policy", "text/plain", {})
        elif host in cloud.names_unknown:
            self.answer_with(502, b"no such host", "text/plain", {})
        else:
            return False
        return True

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        owner = self.server.owner
        url = urlsplit(self.path)
        host = self.tunnel or url.hostname or (self.headers.get("Host") or "").rpartition(":")[0]
        host = host or self.headers.get("Host", "")
        if host in LOOPBACK:
            self.control(url.path)
            return
        through_proxy = self.tunnel is not None or bool(url.hostname)
        headers = {name.lower(): value for name, value in self.headers.items()}
        target = url.path + (f"?{url.query}" if url.query else "")
        text = f"{target} {body.decode(errors='replace')} " + " ".join(headers.values())
        owner.seen.append(
            Seen(
                host,
                self.command,
                url.path,
                id(self),
                through_proxy,
                self.encrypted,
                any(secret in text for secret in SECRETS),
                any(account.token in text for account in owner.cloud.accounts),
                headers.get("service-crn"),
            )
        )
        if through_proxy and self.tunnel is None and self.refused_by_proxy(host):
            return
        if owner.cloud.faults.get(host) == "hangs up":
            self.close_connection = True
            return
        try:
            reply = answer(owner.cloud, Request(self.command, host, target, headers, body))
        except Exception as error:
            # Else the client would see a broken connection, and the set-up would pass for one of those.
            owner.failures.append(f"{self.command} {host}{target}: {type(error).__name__}: {error}")
            raise
        sent, kind = reply.sent
        self.answer_with(reply.status, sent, kind, reply.headers)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = handle_any  # noqa: N815 - as http.server names them

    def control(self, path):
        """A client in another interpreter says which set-up is next, or asks what was seen."""
        owner = self.server.owner
        number = path.removeprefix("/witness/begin/")
        if path == "/witness/seen":
            found = {"seen": [asdict(each) for each in owner.seen], "failures": owner.failures}
            self.answer_with(200, json.dumps(found).encode(), "application/json", {})
        elif number.isdecimal() and int(number) < len(owner.clouds):
            owner.begin(owner.clouds[int(number)])
            self.answer_with(204, b"", "text/plain", {})
        else:
            self.answer_with(404, b"no such set-up", "text/plain", {})

    def answer_with(self, status, sent, kind, headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(sent)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent)
        self.wfile.flush()

    def log_message(self, *_):
        pass
