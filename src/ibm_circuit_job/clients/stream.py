"""Listening to one push stream, without a thread of its own."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import websocket
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from ibm_circuit_job.clients.http import CONNECT_SECONDS, RequestFailed
from ibm_circuit_job.clients.network_settings import settings_for
from ibm_circuit_job.clients.parameters import ClientParameters
from ibm_circuit_job.errors import Refused, Unreachable
from ibm_circuit_job.threads.locks import ForkFreeLock
from ibm_circuit_job.wire.error_replies import read_error

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

    def refused(self, host: str, why: Refused | Unreachable) -> None:
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
) -> bool | Refused | Unreachable:
    try:
        stream = _opened(url, headers, _until(deadline, CONNECT_SECONDS), parameters)
        try:
            return _drained(stream, deadline)
        finally:
            # Without a farewell: the wait for its answer would delay the caller.
            stream.shutdown()
    except websocket.WebSocketBadStatusException as error:
        token = headers.get("X-Access-Token")
        said = read_error(bytes(error.resp_body or b""), lambda text: text.replace(token, "***") if token else text)
        return Refused(doing, url, error.status_code, said.message, said.code, by_service=said.by_service)
    except (websocket.WebSocketException, OSError) as error:
        return Unreachable(doing, url, str(error)[:200] or type(error).__name__)


def _opened(url: str, headers: Mapping[str, str], seconds: float, parameters: ClientParameters) -> websocket.WebSocket:
    parts = urlsplit(url)
    as_http = url.replace("ws", "http", 1)
    settings = settings_for(as_http, parameters)
    proxy = urlsplit(settings.proxy(as_http) or "")
    return websocket.create_connection(
        url,
        # A redirect would carry the token to another host.
        redirect_limit=0,
        timeout=max(seconds, 0.001),
        header=dict(headers),
        sslopt=_certificates(settings.verify),
        http_proxy_host=proxy.hostname,
        http_proxy_port=proxy.port or _PROXY_PORT,
        http_proxy_auth=(unquote(proxy.username), unquote(proxy.password or "")) if proxy.username else None,
        proxy_type=proxy.scheme if proxy.scheme.startswith("socks") else "http",
        # What the variables say is in the settings: they are not to be read once more.
        http_no_proxy=[parts.hostname] if proxy.hostname is None else [_NO_HOST],
    )


_PROXY_PORT: Final = 80
_NO_HOST: Final = "none.invalid"


def _certificates(verify: bool | str) -> dict[str, Any]:
    """How certificates are checked: by the same authorities as over HTTP."""
    if verify is False:
        return {"cert_reqs": ssl.CERT_NONE, "check_hostname": False}
    path = Path(DEFAULT_CA_BUNDLE_PATH if verify is True else verify)
    return {"ca_cert_path" if path.is_dir() else "ca_certs": str(path)}


def _drained(stream: websocket.WebSocket, deadline: float | None) -> bool:
    asked = False
    while True:
        wait = _until(deadline, PING_SECONDS)
        if wait <= 0:
            return False
        stream.settimeout(wait)
        try:
            opcode, _ = stream.recv_data_frame(control_frame=True)
        except websocket.WebSocketTimeoutException:
            if _until(deadline, PING_SECONDS) <= 0:
                return False
            if asked:
                raise websocket.WebSocketException(f"silent for {2 * PING_SECONDS:g} seconds") from None
            stream.ping()
            asked = True
            continue
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return True
        asked = False


def _until(deadline: float | None, most: float) -> float:
    return most if deadline is None else min(most, deadline - time.monotonic())
