"""A proxy on this machine that delays what it passes on, as a long line does, and counts the turns of its clients."""

import asyncio
import contextlib
import threading


class SlowLine:
    """Passes bytes between clients and a server, each after a while, in their order.

    Args:
        port: The server's port, on this machine.
        seconds: How long bytes take there and back.
    """

    def __init__(self, port, seconds=0.0):
        self._target, self._one_way = port, seconds / 2
        self.turns = 0
        """How often a client has sent something after the server had answered: each is a wait for the line."""
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20))
        self.port = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, name="slow-line", daemon=True)
        self._thread.start()

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._server.close()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self):
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _serve(self, reader, writer):
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._target, limit=2**20)
        is_clients_turn = True

        def sent():
            nonlocal is_clients_turn
            self.turns += is_clients_turn
            is_clients_turn = False

        def answered():
            nonlocal is_clients_turn
            is_clients_turn = True

        await asyncio.gather(self._pass_on(reader, to_server, sent), self._pass_on(from_server, writer, answered))

    async def _pass_on(self, reader, writer, note):
        last = None
        with contextlib.closing(writer), contextlib.suppress(OSError):
            while chunk := await reader.read(2**20):
                note()
                if not self._one_way:
                    writer.write(chunk)
                    continue
                last = self._loop.call_later(self._one_way, writer.write, chunk)
            # What is under way arrives before the end does.
            if last is not None:
                await asyncio.sleep(max(0.0, last.when() - self._loop.time()) + 0.001)
