"""Exchange: one request and its reply, as they were on the wire."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen


@frozen
class Exchange:
    """One request and its reply. They contain secrets, so the repr shows only the method and the status."""

    method: str
    """The HTTP method."""
    url: str = field(repr=False)
    """The URL with its query."""
    status: int
    """The HTTP status of the reply."""
    request_headers: Mapping[str, str] = field(factory=dict, repr=False)
    """The headers of the request."""
    request_body: bytes = field(default=b"", repr=False)
    """The body of the request; empty if there is none."""
    reply_headers: Mapping[str, str] = field(factory=dict, repr=False)
    """The headers of the reply."""
    reply_body: bytes = field(default=b"", repr=False)
    """The body of the reply, decompressed; empty if there is none."""
