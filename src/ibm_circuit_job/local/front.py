"""The outermost ASGI application: checks the headers ``Host`` and ``Origin``, and ignores clients that disconnect.

A web page of any origin can send requests to a service on this machine. If an attacker lets the host name of the page
resolve to this machine (DNS rebinding), the page can also read the replies. A browser sends the host name that the page
used in ``Host``, and the origin of the page in ``Origin``. So a request is refused if it names the host of another
service.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

_CODE: Final = 1215
"""The service's code for a request that is not allowed."""


class Front:
    """An ASGI application that passes on only requests that are meant for this service.

    Args:
        app: The application that gets these requests.
        hosts: The host names of the service, in addition to ``localhost`` and all IP addresses. Pages of these hosts
            may use the service.
        own: The name on which the service listens. Pages of other programs on the same name may not use the service.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = (), own: str = "") -> None:
        self._app = app
        self._hosts = frozenset(host.lower().rstrip(".") for host in hosts)
        self._own = own.lower().rstrip(".")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or websocket."""
        if scope["type"] != "lifespan":
            why = why_refused(dict(scope["headers"]), self._hosts, self._own)
            if why is not None:
                await _refuse(scope, receive, send, why)
                return
        try:
            await self._app(scope, receive, send)
        except (ClientDisconnect, WebSocketDisconnect):
            # The client disconnected during its request, so there is nothing to reply to.
            return


def why_refused(headers: dict[bytes, bytes], hosts: frozenset[str], own: str = "") -> str | None:
    """Return why a request is refused because of its host or origin; ``None`` if it is allowed.

    IP addresses and ``localhost`` are allowed: DNS, which an attacker can control, does not resolve them.

    Args:
        headers: The headers of the request; their names are in lower case.
        hosts: The host names of the service, in lower case.
        own: The name on which the service listens, in lower case.

    Example:
        >>> why_refused({b"host": b"127.0.0.1:8080"}, frozenset())
        >>> why_refused({b"host": b"evil.example:8080"}, frozenset())
        "The header Host names 'evil.example', which is no name of this service."
        >>> why_refused({b"host": b"localhost:8080", b"origin": b"https://evil.example"}, frozenset())
        "The header Origin names 'https://evil.example', whose pages may not use this service."
    """
    host = headers.get(b"host", b"").decode("latin-1").lower()
    name = _name_in(f"//{host}")
    if name is None or not (_is_of_this_machine(name) or name in hosts or name == own):
        shown = name or host
        return f"The header Host names {shown[:80]!r}, which is no name of this service."
    if b"origin" not in headers:
        return None
    origin = headers[b"origin"].decode("latin-1").lower()
    # A websocket client sends the URL of the service as its origin.
    if origin in {f"http://{host}", f"https://{host}"} or _name_in(origin) in hosts:
        return None
    return f"The header Origin names {origin[:80]!r}, whose pages may not use this service."


def _name_in(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    if parts.username is not None or parts.path or parts.query or parts.fragment or not parts.hostname:
        return None
    return parts.hostname.rstrip(".")


def _is_of_this_machine(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
    return True


async def _refuse(scope: Scope, receive: Receive, send: Send, why: str) -> None:
    # The body has the fields of errors of both APIs, since the API is not known yet.
    error = {"code": _CODE, "message": why, "solution": "Add the name to the setting allowed_hosts.", "more_info": ""}
    body = msgspec.json.encode({"errors": [error], "error": {"code": _CODE, "message": why, "name": "Error"}})
    kind = "http.response"
    if scope["type"] == "websocket":
        await receive()
        kind = "websocket.http.response"
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": f"{kind}.start", "status": 403, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})
