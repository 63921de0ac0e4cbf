"""Exchange: one request and its reply, as they were on the wire."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen


@frozen
class Exchange:
    """One request and its reply. It holds secrets, so its repr shows the method and the status only."""

    method: str
    """The HTTP method."""
    url: str = field(repr=False)
    """The whole URL, with its query."""
    status: int
    """The HTTP status of the reply."""
    request_headers: Mapping[str, str] = field(factory=dict, repr=False)
    """The headers of the request."""
    request_body: bytes = field(default=b"", repr=False)
    """The body of the request; empty where there is none."""
    reply_headers: Mapping[str, str] = field(factory=dict, repr=False)
    """The headers of the reply."""
    reply_body: bytes = field(default=b"", repr=False)
    """The body of the reply, decompressed; empty where there is none."""
