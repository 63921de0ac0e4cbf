"""A TLS server on this machine that passes everything on to a port without TLS."""

import asyncio
import contextlib
import ssl
import threading
from contextlib import contextmanager

import trustme


@contextmanager
def tls_front(port):
    """Serve TLS at a free port, with a certificate for 127.0.0.1; yield that port and the authority's certificate."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    loop = asyncio.new_event_loop()
    writers = []

    async def joined(reader, writer):
        writers.append(writer)
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(upstream_writer)
        await asyncio.gather(_passed_on(reader, upstream_writer), _passed_on(upstream_reader, writer))

    server = loop.run_until_complete(asyncio.start_server(joined, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever, name="tls-front")
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1], authority.cert_pem.bytes()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(_ended(writers))
        loop.close()


async def _passed_on(reader, writer):
    with contextlib.closing(writer), contextlib.suppress(OSError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()


async def _ended(writers):
    for writer in writers:
        # To close TLS in order takes the other side, which may not be there any more.
        writer.transport.abort()
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)
    # The transports close in the next turn of the loop.
    await asyncio.sleep(0)
