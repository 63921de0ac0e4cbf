"""A TCP proxy that changes nothing and counts: the bytes in both directions, and the HTTP requests among them.

It knows just enough of HTTP/1.1 to tell where a request ends. What follows an upgrade is bytes, and no more requests.
"""

import asyncio
import contextlib
import threading
import time

from attrs import frozen


@frozen
class Traffic:
    """What passed in a while."""

    requests: int
    sent: int
    received: int

    @property
    def total(self):
        """The bytes in both directions."""
        return self.sent + self.received


class CountingProxy:
    """Listens on a port of its own, and passes everything on to another port of this machine."""

    def __init__(self, port):
        self._target = port
        self._passed = []
        self._lines = []
        self.connections = 0
        """How many connections clients have opened."""
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, name="counting-proxy")

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._server.close()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    def between(self, began, ended):
        """Return what passed between two moments of ``time.time()``."""
        passed = [each for moment, *each in list(self._passed) if began <= moment <= ended]
        return Traffic(*(sum(column) for column in zip((0, 0, 0), *passed, strict=True)))

    def requests_between(self, began, ended):
        """Return the requests that began between two moments of ``time.time()``: method and path of each."""
        return [line for moment, line in list(self._lines) if began <= moment <= ended]

    async def _end(self):
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _serve(self, reader, writer):
        self.connections += 1
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._target)
        requests = _Requests()

        def counted(chunk):
            begun = requests.begun_in(chunk)
            self._lines += ((time.time(), line) for line in begun)
            return len(begun), len(chunk), 0

        await asyncio.gather(
            self._pass_on(reader, upstream_writer, counted),
            self._pass_on(upstream_reader, writer, lambda chunk: (0, 0, len(chunk))),
            return_exceptions=True,
        )

    async def _pass_on(self, reader, writer, counted):
        with contextlib.closing(writer):
            while chunk := await reader.read(65_536):
                self._passed.append((time.time(), *counted(chunk)))
                writer.write(chunk)
                await writer.drain()


class _Requests:
    """The requests on one connection, told apart as their bytes come."""

    def __init__(self):
        self._head, self._body, self._upgraded = bytearray(), 0, False

    def begun_in(self, chunk):
        """Return the method and the path of each request whose head ends in this chunk."""
        begun = []
        while chunk and not self._upgraded:
            skipped = min(self._body, len(chunk))
            self._body -= skipped
            self._head += chunk[skipped:]
            head, end, chunk = bytes(self._head).partition(b"\r\n\r\n")
            if not end:
                break
            self._head.clear()
            first, *lines = head.split(b"\r\n")
            begun.append(first.decode().rpartition(" ")[0])
            fields = dict(line.lower().split(b":", 1) for line in lines)
            self._body = int(fields.get(b"content-length", 0))
            self._upgraded = b"upgrade" in fields
        return begun
