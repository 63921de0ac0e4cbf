"""A server on this machine that sends the bytes that a test wants, as slowly or as endlessly as it wants."""

import contextlib
import socket
import threading

from loopback import cut

PING = b"\x89\x00"
CLOSE = b"\x88\x02\x03\xe8"


class HostileServer:
    """Passes each request to ``answer(connection, head)`` in a thread of its connection.

    ``heads`` are the requests so far, as texts; ``connections`` is how many connections there were.
    """

    def __init__(self, answer):
        self.answer, self.heads, self.connections = answer, [], 0
        self.ended = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open, self._threads = [], []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        port = self._listening.getsockname()[1]
        self.url, self.ws = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}"
        self.port = port

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.connections += 1
                self._open.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            while not self.ended.is_set():
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    seen = head + connection.recv(65536, socket.MSG_PEEK)
                    end = seen.find(b"\r\n\r\n", max(len(head) - 3, 0)) + 4
                    # What comes after the head is for the answer to read.
                    piece = connection.recv((end if end > 3 else len(seen)) - len(head))
                    if not piece:
                        return
                    head += piece
                text = head.decode("latin-1")
                length = next((line for line in text.lower().split("\r\n") if line.startswith("content-length:")), ":0")
                left = int(length.partition(":")[2])
                while left > 0:
                    left -= len(connection.recv(min(left, 65536))) or left
                self.heads.append(text)
                if self.answer(connection, text) == "close":
                    return

    def close(self):
        self.ended.set()
        cut(self._listening)
        self._accepting.join()
        cut(*self._open)
        for thread in self._threads:
            thread.join()

    def drip(self, connection, piece, pause=0.02):
        """Send a piece over and over, until the test or the connection ends."""
        while not self.ended.wait(pause):
            connection.sendall(piece)


def hostile(answer=None):
    """Serve until the end of the block."""
    return contextlib.closing(HostileServer(answer))


def reply(body, *headers, status="200 OK"):
    """A reply of HTTP with a length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body
