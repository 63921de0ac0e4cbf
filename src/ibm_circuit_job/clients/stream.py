"""Listens to one push stream, in the thread of the caller.

An HTTP request opens the stream, with the same connections, proxies, certificates and limits as any other request. Then
``websocket-client`` reads the frames from its socket. Source: RFC 6455.
"""

from __future__ import annotations

import hashlib
import os
import struct
import time
from base64 import b64encode
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import requests
import websocket

from ibm_circuit_job.clients import bodies, quiet_logs
from ibm_circuit_job.clients.bounded import CONNECT_SECONDS, Bound, BoundedSocket, Call
from ibm_circuit_job.clients.http import RequestFailed, new_session, opened
from ibm_circuit_job.clients.network_errors import BROKEN, words_of
from ibm_circuit_job.clients.network_settings import settings_for
from ibm_circuit_job.clients.parameters import ClientParameters
from ibm_circuit_job.errors import Refused, Unreachable, Unsupported
from ibm_circuit_job.threads.locks import ForkFreeLock
from ibm_circuit_job.wire.error_replies import read_error
from ibm_circuit_job.wire.masking import Secrets

PING_SECONDS: Final = 10.0
"""The silence after which a ping is sent. After as much silence again, the stream counts as broken."""


def listen(
    url: str,
    headers: Mapping[str, str],
    seconds: float | None,
    *,
    doing: str,
    parameters: ClientParameters,
) -> bool:
    """Listen to a stream until the service closes it, or a time has passed. Messages are ignored.

    Args:
        url: The URL of the stream.
        headers: The authentication headers, sent with the upgrade.
        seconds: The seconds to listen; ``None`` for no limit.
        doing: What the request does, for error messages, as in ``"listen to job abc"``.
        parameters: The parameters with ``proxies`` and ``verify``.

    Returns:
        True if the service closed the stream, False if the time has passed.

    Raises:
        RequestFailed: If the stream was refused, could not be opened, broke, or fell silent.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    host = urlsplit(url).netloc
    heard = _gate.shut(host) or _heard(url, headers, deadline, doing, parameters)
    if isinstance(heard, bool):
        _gate.opened(host)
        return heard
    _gate.refused(host, heard)
    # Raised outside of the except block: the exception of requests has the headers, which contain a token.
    raise RequestFailed(heard)


class _Gate:
    """The hosts that refuse all streams, for the whole process. Waits do not try these hosts again for some time.

    A refusal for one job, an expired token and a broken network do not close the gate.
    """

    def __init__(self) -> None:
        self._lock = ForkFreeLock()
        self._shut: dict[str, tuple[float, float, Refused]] = {}

    def shut(self, host: str) -> Refused | None:
        """Return the refusal because of which the host is not tried now; ``None`` if it may be tried."""
        with self._lock():
            until, _, why = self._shut.get(host, (0.0, 0.0, None))
            return why if time.monotonic() < until else None

    def refused(self, host: str, why: Refused | Unreachable | Unsupported) -> None:
        """Record a refusal. The pause doubles each time."""
        if not isinstance(why, Refused) or why.http_status not in _STREAMS_REFUSED or why.code is not None:
            # A refusal with a code of the service is about the job.
            return
        with self._lock():
            until, pause, _ = self._shut.get(host, (0.0, _FIRST_PAUSE_SECONDS / 2, why))
            if time.monotonic() >= until:
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
                self._shut[host] = (time.monotonic() + pause, pause, why)

    def opened(self, host: str) -> None:
        """Remove the refusals of a host, since it has opened a stream."""
        with self._lock():
            self._shut.pop(host, None)


_STREAMS_REFUSED: Final = frozenset({400, 403, 404, 405, 407, 426, 501})
"""The statuses of a refusal of all streams, and not of the stream of one job."""
_FIRST_PAUSE_SECONDS: Final = 30.0
_LONGEST_PAUSE_SECONDS: Final = 600.0
_gate: Final = _Gate()


def _heard(
    url: str, headers: Mapping[str, str], deadline: float | None, doing: str, parameters: ClientParameters
) -> bool | Refused | Unreachable | Unsupported:
    as_http = url.replace("ws", "http", 1)
    settings = settings_for(as_http, parameters)
    if missing := settings.what_is_missing(as_http):
        return Unsupported(doing, missing)
    key = b64encode(os.urandom(16)).decode()
    sent = {**headers, **_UPGRADE, "Sec-WebSocket-Key": key}
    secrets = Secrets.of([parameters.token, *map(headers.get, _SECRET_HEADERS), *settings.passwords()])
    call = Call(max(_until(deadline, CONNECT_SECONDS), 0.001), Bound.of_documents(), is_upgrade=True)
    try:
        with quiet_logs.without(secrets), new_session() as session:
            # A hook would read the body of the reply, and so consume the frames.
            session.hooks["response"] = []
            with call:
                response = opened(session, call, "GET", as_http, settings, headers=sent)
            with response:
                if response.status_code != _SWITCHED:
                    return _refusal(response, call, doing, url, secrets)
                if call.socket is None or response.headers.get("Sec-WebSocket-Accept") != _accepted(key):
                    return Unreachable(doing, url, "expected a websocket, got another protocol")
                return _listened(call.socket, deadline)
    except BROKEN_STREAM as error:
        words = error.args[0] if isinstance(error, websocket.WebSocketException) and error.args else words_of(error)
        return Unreachable(doing, url, secrets.masked(str(words))[:200] or type(error).__name__)


BROKEN_STREAM: Final = (*BROKEN, websocket.WebSocketException, struct.error)
"""The exceptions of a stream that breaks, or of a server that does not send websocket frames."""
_SWITCHED: Final = 101
_SECRET_HEADERS: Final = ("X-Access-Token", "Authorization")
_ERROR_BYTES: Final = 100_000
_UPGRADE: Final = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}


def _accepted(key: str) -> str:
    """The reply of a websocket server to a key. Source: RFC 6455, section 4.2.2."""
    proof = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode(), usedforsecurity=False)
    return b64encode(proof.digest()).decode()


def _refusal(response: requests.Response, call: Call, doing: str, url: str, secrets: Secrets) -> Refused:
    body = b""
    if response.status_code >= 200:
        with call:
            body = bodies.beginning(response, call, _ERROR_BYTES)
    error = read_error(body, secrets.masked)
    return Refused(doing, url, response.status_code, error.message, error.code, by_service=error.by_service)


def _listened(connected: BoundedSocket, deadline: float | None) -> bool:
    stream = websocket.WebSocket()
    stream.sock, stream.connected = connected, True
    try:
        return _drained(stream, deadline)
    finally:
        # Without a closing handshake: the wait for the other side would delay the caller.
        stream.shutdown()


def _drained(stream: websocket.WebSocket, deadline: float | None) -> bool:
    was_asked, received = False, 0
    while True:
        wait = _until(deadline, PING_SECONDS)
        if wait <= 0:
            return False
        stream.settimeout(wait)
        # The call ends after this time even if bytes arrive, and limits the size of all fragments of one message.
        call = Call(wait, Bound.of_documents(), silent=wait, received=received)
        try:
            with call:
                opcode, _ = stream.recv_data_frame(control_frame=True)
        except websocket.WebSocketTimeoutException:
            if _until(deadline, PING_SECONDS) <= 0:
                return False
            if was_asked:
                raise websocket.WebSocketException(f"silent for {2 * PING_SECONDS:g} seconds") from None
            with Call(PING_SECONDS, Bound.of_documents()):
                stream.ping()
            was_asked, received = True, call.received
            continue
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return True
        was_asked = False
        # A ping or pong between two fragments of a message must not reset the size of the message.
        received = 0 if opcode in _MESSAGES else call.received


_MESSAGES: Final = {websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_BINARY}


def _until(deadline: float | None, most: float) -> float:
    return most if deadline is None else min(most, deadline - time.monotonic())
