"""HTTP servers on this machine that answer as a test wants, and ports at which none does."""

import socket
import threading
from contextlib import contextmanager, suppress
from http.server import ThreadingHTTPServer


class LoopbackServer(ThreadingHTTPServer):
    """A server at a free port."""

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server_port}"


class Replying:
    """Mixed into a handler: it replies in one call, and prints nothing."""

    def reply(self, status, body=b"", **headers):
        sent = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Length", str(len(sent)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *_):
        pass


def cut(*sockets):
    """Close sockets, and wake the threads that wait for them."""
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


@contextmanager
def served(server):
    """Let a server handle requests until the end of the block."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def refusing():
    """A port that refuses connections until the end of the block; only what asks for this port gets it meanwhile."""
    with socket.socket() as taken:
        # A service of the test may listen on it, and leave it again.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
