"""A proxy on this machine that stops passing bytes on when it is told to, and leaves its connections open."""

import contextlib
import select
import socket
import threading

from loopback import cut


class SwallowingProxy:
    """Passes bytes between its clients and a server.

    Args:
        port: The server's port, on this machine.
    """

    def __init__(self, port):
        self._server_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.swallows = False
        """Whether what is sent comes to nothing, without a word."""
        self.refuses = False
        """Whether new connections are closed at once."""
        self._pairs = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.refuses:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._server_port))
                self._pairs.append((client, server))
                threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def _pass_on(self, client, server):
        with contextlib.suppress(OSError, ValueError):
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    read = ready.recv(65536)
                    if not read:
                        return cut(client, server)
                    if not self.swallows:
                        (server if ready is client else client).sendall(read)

    def cut(self):
        """Cut all connections."""
        for pair in self._pairs:
            cut(*pair)
        self._pairs.clear()

    def close(self):
        """Cut all connections, and accept no more."""
        cut(self._listener)
        self.cut()
