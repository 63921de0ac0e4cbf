"""A proxy between a client and a service, which puts something else in the place of a reply."""

import contextlib
import http.client
import io
import socket
import threading

from hostile_server import HostileServer

PLACES = {
    "login": lambda line: "/loginWithToken" in line or "/identity/token" in line,
    "backend": lambda line: line.endswith("/configuration"),
    "submission": lambda line: line.startswith("POST") and line.endswith("/jobs"),
    "status": lambda line: line.startswith("GET") and "/jobs/" in line and line.count("/") == _SLASHES_OF_JOB[line],
    "result": lambda line: line.endswith("/results"),
    "stream": lambda line: "/stream/" in line,
    "anything": lambda _: True,
}
"""Which request is meant, by its method and path: ``GET /api/jobs/abc``."""


class _SlashesOfJob:
    """How many slashes lead to a job itself, and not to what is below it."""

    def __getitem__(self, line):
        return 4 if "/api/v1/" in line else 3


_SLASHES_OF_JOB = _SlashesOfJob()


class Struck:
    """One request that a fault strikes."""

    def __init__(self, proxy, connection, head, body):
        self._proxy, self.connection, self.head, self._body = proxy, connection, head, body
        self.elsewhere = proxy.elsewhere.url
        """Another server, to which nothing secret may be sent."""

    def send(self, data):
        """Send bytes to the client."""
        self.connection.sendall(data)

    def drip(self, piece, pause=0.5):
        """Send a piece over and over, until the attempt ends."""
        while not self._proxy.ended.wait(pause):
            self.connection.sendall(piece)

    def wait(self):
        """Say nothing, until the attempt ends."""
        self._proxy.ended.wait()

    def reply(self):
        """Return what the service answers, as a head and a body."""
        return self._proxy.asked(self.head, self._body)


class FaultyProxy(HostileServer):
    """Passes requests on to a service, but for those that its fault strikes.

    Args:
        port: The service's port, on this machine.
        place: A key of :data:`PLACES`.
        fault: What strikes there.
    """

    def __init__(self, port, place, fault):
        super().__init__(None)
        self._service_port, self._strikes, self._fault = port, PLACES[place], fault
        self._lock, self.struck = threading.Lock(), 0
        self.elsewhere = HostileServer(lambda connection, _: connection.sendall(_EMPTY))

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            while not self.ended.is_set():
                read = _request(connection)
                if read is None:
                    return
                head, body = read
                self.heads.append(head)
                line = " ".join(head.split(" ", 2)[:2]).partition("?")[0]
                with self._lock:
                    is_struck = self.struck < self._fault.times and self._strikes(line)
                    self.struck += is_struck
                if is_struck:
                    self._fault.strike(Struck(self, connection, head, body))
                    if self._fault.closes:
                        return
                elif "\r\nupgrade: websocket" in head.lower():
                    self._tunnel(connection, head)
                    return
                else:
                    connection.sendall(b"".join(self.asked(head, body)))

    def asked(self, head, body):
        """Return the service's answer to a request, as a head and a body."""
        with socket.create_connection(("127.0.0.1", self._service_port)) as service:
            lines = [line for line in head.split("\r\n")[:-2] if not line.lower().startswith("connection:")]
            service.sendall("\r\n".join((*lines, "Connection: close", "", "")).encode("latin-1") + body)
            response = http.client.HTTPResponse(service)
            response.begin()
            content = response.read()
        kept = [
            f"{name}: {value}"
            for name, value in response.getheaders()
            if name.lower() not in {"connection", "content-length", "transfer-encoding"}
        ]
        start = f"HTTP/1.1 {response.status} {response.reason}"
        return "\r\n".join((start, *kept, f"Content-Length: {len(content)}", "", "")).encode("latin-1"), content

    def _tunnel(self, connection, head):
        with socket.create_connection(("127.0.0.1", self._service_port)) as service:
            service.sendall(head.encode("latin-1"))
            back = threading.Thread(target=_pass_on, args=(service, connection), daemon=True)
            back.start()
            _pass_on(connection, service)
            back.join()

    def close(self):
        """End all connections, and what is still sent over them."""
        super().close()
        self.elsewhere.close()


_EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def _pass_on(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _request(connection):
    """The head of the next request as a text, and its body; ``None`` at the end of the connection."""
    head = io.BytesIO()
    while not head.getvalue().endswith(b"\r\n\r\n"):
        piece = connection.recv(1)
        if not piece:
            return None
        head.write(piece)
    text = head.getvalue().decode("latin-1")
    lengths = [line for line in text.lower().split("\r\n") if line.startswith("content-length:")]
    left, body = int(lengths[0].partition(":")[2]) if lengths else 0, b""
    while len(body) < left:
        body += connection.recv(min(left - len(body), 1 << 20))
    return text, body
