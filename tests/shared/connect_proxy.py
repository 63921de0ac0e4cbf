"""An HTTP proxy on this machine: it tunnels and forwards, notes what for, and may ask for credentials."""

import base64
import select
import socket
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

import requests
from loopback import LoopbackServer, Replying, served


class ConnectProxy(LoopbackServer):
    daemon_threads = True

    def __init__(self, credentials=None, target=None):
        super().__init__(_Forwarding)
        self.credentials, self.target, self.asked = credentials, target, []


class _Forwarding(Replying, BaseHTTPRequestHandler):
    def do_CONNECT(self):
        if not self._is_let_in():
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection(self.server.target or (host, int(port))) as upstream:
            self.send_response(200)
            self.end_headers()
            _join(self.connection, upstream)
        self.close_connection = True

    def do_GET(self):
        if self._is_let_in():
            target = self.server.target
            answer = self.path if target is None else f"http://{target[0]}:{target[1]}{urlsplit(self.path).path}"
            with requests.Session() as session:
                session.trust_env = False
                got = session.get(answer, timeout=10)
            self.reply(got.status_code, got.content)

    def _is_let_in(self):
        self.server.asked.append(self.path)
        wanted = self.server.credentials
        sent = self.headers.get("Proxy-Authorization", "").removeprefix("Basic ")
        if wanted is None or base64.b64decode(sent).decode() == wanted:
            return True
        self.reply(407, "<html>credentials, please</html>", Proxy_Authenticate='Basic realm="x"')
        return False


def _join(one, other):
    ends = {one: other, other: one}
    while True:
        for end in select.select(list(ends), [], [], 10)[0]:
            data = end.recv(65_536)
            if not data:
                return
            ends[end].sendall(data)


@contextmanager
def connect_proxy(credentials=None, target=None):
    with served(ConnectProxy(credentials, target)) as proxy:
        yield proxy
