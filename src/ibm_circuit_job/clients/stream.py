"""Listening to one push stream, without a thread of its own.

The stream is opened by a request of HTTP, by the same connections, proxies, certificates and bounds as any other; then
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
"""After so long a silence we ask whether the other side is still there; after as long again it is not."""


def listen(
    url: str,
    headers: Mapping[str, str],
    seconds: float | None,
    *,
    doing: str,
    parameters: ClientParameters,
) -> bool:
    """Listen to a stream until the service closes it, or the time is up. Messages are passed over.

    Args:
        url: The stream's URL.
        headers: What proves who we are, sent with the upgrade.
        seconds: How long to listen; ``None`` for as long as it takes.
        doing: What it is for, as in ``"listen to job abc"``.
        parameters: Proxies, and whether certificates are checked.

    Returns:
        True if the service closed the stream, False if the time was up.

    Raises:
        RequestFailed: If the stream was refused, could not be opened, broke, or went silent.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    host = urlsplit(url).netloc
    heard = _gate.shut(host) or _heard(url, headers, deadline, doing, parameters)
    if isinstance(heard, bool):
        _gate.opened(host)
        return heard
    _gate.refused(host, heard)
    # Raised here, and not where it was caught: the network's exception holds the headers, and with them a token.
    raise RequestFailed(heard)


class _Gate:
    """Remembers, for the whole process, which hosts refuse every stream, so that not each wait tries it again.

    A job that does not run, a token that ran out and a network that is down are no such refusals.
    """

    def __init__(self) -> None:
        self._lock = ForkFreeLock()
        self._shut: dict[str, tuple[float, float, Refused]] = {}

    def shut(self, host: str) -> Refused | None:
        """Return why the host is not to be tried now."""
        with self._lock():
            until, _, why = self._shut.get(host, (0.0, 0.0, None))
            return why if time.monotonic() < until else None

    def refused(self, host: str, why: Refused | Unreachable | Unsupported) -> None:
        """Remember a refusal: for longer each time."""
        if not isinstance(why, Refused) or why.http_status not in _FOR_GOOD or why.code is not None:
            # With a code of its own, the service speaks of the job.
            return
        with self._lock():
            until, pause, _ = self._shut.get(host, (0.0, _FIRST_PAUSE / 2, why))
            if time.monotonic() >= until:
                pause = min(2 * pause, _LONGEST_PAUSE)
                self._shut[host] = (time.monotonic() + pause, pause, why)

    def opened(self, host: str) -> None:
        """Forget all refusals."""
        with self._lock():
            self._shut.pop(host, None)


_FOR_GOOD: Final = frozenset({400, 403, 404, 405, 407, 426, 501})
"""Answers to an upgrade that are about streams as such, and not about one job."""
_FIRST_PAUSE: Final = 30.0
_LONGEST_PAUSE: Final = 600.0
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
            # A hook would read the body of the reply, which are the frames.
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
"""What is raised where a stream breaks, or is none."""
_SWITCHED: Final = 101
_SECRET_HEADERS: Final = ("X-Access-Token", "Authorization")
_ERROR_BYTES: Final = 100_000
_UPGRADE: Final = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}


def _accepted(key: str) -> str:
    """What a server that speaks the protocol answers to a key. Source: RFC 6455, section 4.2.2."""
    proof = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode(), usedforsecurity=False)
    return b64encode(proof.digest()).decode()


def _refusal(response: requests.Response, call: Call, doing: str, url: str, secrets: Secrets) -> Refused:
    body = b""
    if response.status_code >= 200:
        with call:
            body = bodies.beginning(response, call, _ERROR_BYTES)
    said = read_error(body, secrets.masked)
    return Refused(doing, url, response.status_code, said.message, said.code, by_service=said.by_service)


def _listened(connected: BoundedSocket, deadline: float | None) -> bool:
    stream = websocket.WebSocket()
    stream.sock, stream.connected = connected, True
    try:
        return _drained(stream, deadline)
    finally:
        # Without a farewell: the wait for its answer would delay the caller.
        stream.shutdown()


def _drained(stream: websocket.WebSocket, deadline: float | None) -> bool:
    was_asked, received = False, 0
    while True:
        wait = _until(deadline, PING_SECONDS)
        if wait <= 0:
            return False
        stream.settimeout(wait)
        # Whatever comes meanwhile: a frame has to be whole by then, and all fragments of a message in their bound.
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
        # A ping or pong may come between two fragments of a message that has no end.
        received = 0 if opcode in _MESSAGES else call.received


_MESSAGES: Final = {websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_BINARY}


def _until(deadline: float | None, most: float) -> float:
    return most if deadline is None else min(most, deadline - time.monotonic())
