"""ClientParameters: where the service is and how to prove who we are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from attrs import field, frozen
from attrs.validators import instance_of

from ibm_circuit_job.errors import IBMAccountError

DEFAULT_URL = "https://auth.quantum-computing.ibm.com/api"
"""Where IBM Quantum Platform Classic was logged into, until IBM switched it off in July 2025."""


def _check_url(_: object, __: object, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise IBMAccountError(f"expected a url such as {DEFAULT_URL!r}, got {url!r}")
    if parts.username or parts.password:
        raise IBMAccountError("expected a url without user name and password; give the token as 'token'")


def _without_slash(url: str) -> str:
    return url.rstrip("/")


def _check_token(_: object, __: object, token: Any) -> None:
    if not isinstance(token, str) or not token.strip() or not token.isprintable() or not token.isascii():
        # What was given may be a mangled token, so it is not repeated here.
        raise IBMAccountError("expected token to be a non-empty string of printable ASCII characters")


@frozen
class ClientParameters:
    """Where the service is and how to prove who we are. The token is in no repr.

    Raises:
        IBMAccountError: If the token or the URL cannot be one.

    Example:
        >>> ClientParameters("secret", "http://127.0.0.1:8080/api")
        ClientParameters(url='http://127.0.0.1:8080/api', instance=None, verify=True, channel='ibm_quantum')
    """

    token: str = field(validator=_check_token, repr=False)
    """The API token of the account."""
    url: str = field(default=DEFAULT_URL, converter=_without_slash, validator=_check_url)
    """The URL to log into."""
    instance: str | None = field(default=None)
    """The hub/group/project to work in, as ``"hub/group/project"``; the account's default where it is ``None``."""
    proxies: Mapping[str, Any] | None = field(default=None, repr=False, hash=False)
    """Proxies, as ``{"urls": {"https": "http://host:port"}}``; they may hold a password and are in no repr."""
    verify: bool = field(default=True, validator=instance_of(bool))
    """Whether certificates of https servers are checked."""
    channel: str = field(default="ibm_quantum")
    """The dialect that the service speaks: ``"ibm_quantum"`` is IBM Quantum Platform Classic."""

    @property
    def proxy_urls(self) -> dict[str, str]:
        """The proxies as ``requests`` wants them."""
        return dict((self.proxies or {}).get("urls", {}))
