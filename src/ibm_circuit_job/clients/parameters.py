"""ClientParameters: where the service is and how to prove who we are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import field, frozen

from ibm_circuit_job.errors import IBMAccountError

DEFAULT_URLS: Final[Mapping[str, str]] = {
    "ibm_quantum": "https://auth.quantum-computing.ibm.com/api",
    "ibm_quantum_platform": "https://cloud.ibm.com",
}
"""Where to log in by default, by the channel, which names the dialect of the service.

``ibm_quantum`` is IBM Quantum Platform Classic, which IBM switched off in July 2025, and ``ibm_quantum_platform`` the
service of today.
"""

_CRN = re.compile(r"crn:v1(?::[\w.-]*){2}:quantum-computing:(?P<region>[a-z0-9-]*)(?::[\w./-]*){4}", re.ASCII)
"""The region becomes a part of a host, so nothing else may stand there."""


def _check_url(_: object, __: object, url: Any) -> None:
    """What was given may hold a password, or be the token in the wrong place, so it is not repeated."""
    if url is None:
        return
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except (ValueError, TypeError, AttributeError):
        fits = False
    if not fits:
        example = DEFAULT_URLS["ibm_quantum_platform"]
        raise IBMAccountError(f"expected url to be one such as {example!r}, with http:// or https:// at the front")
    if parts.username or parts.password:
        raise IBMAccountError("expected url to be without user name and password; give the token as 'token'")


def _without_slash(url: Any) -> Any:
    return url.rstrip("/") if isinstance(url, str) else url


def _check_instance(parameters: Any, _: object, instance: Any) -> None:
    if instance is None:
        return
    if parameters.channel == "ibm_quantum":
        if not isinstance(instance, str) or instance.count("/") != 2:
            raise IBMAccountError(f"expected instance to be 'hub/group/project', got {instance!r}")
    elif not isinstance(instance, str) or not (_CRN.fullmatch(instance) or _NAME.fullmatch(instance)):
        raise IBMAccountError(
            "expected instance to be a CRN such as 'crn:v1:bluemix:public:quantum-computing:us-east:a/...:...::', "
            f"or the name of an instance, got {instance!r}"
        )


_NAME = re.compile(r"(?!crn:)[\w .-]{1,200}")


def _check_proxies(_: object, __: object, proxies: Any) -> None:
    if proxies is not None and not (isinstance(proxies, Mapping) and isinstance(proxies.get("urls", {}), Mapping)):
        raise IBMAccountError("expected proxies to be like {'urls': {'https': 'http://host:port'}}")


def _check_channel(_: object, __: object, channel: Any) -> None:
    if not isinstance(channel, str) or channel not in DEFAULT_URLS:
        raise IBMAccountError(f"expected channel to be one of {', '.join(map(repr, DEFAULT_URLS))}, got {channel!r}")


def channel_of(channel: Any) -> Any:
    """Return the name of a dialect today: that of the service of today was another one before."""
    return "ibm_quantum_platform" if channel == "ibm_cloud" else channel


def _check_verify(_: object, __: object, verify: Any) -> None:
    if not isinstance(verify, bool | str):
        raise IBMAccountError(f"expected verify to be True, False or the path of a CA bundle, got {verify!r}")


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
    url: str = field(default=None, converter=_without_slash, validator=_check_url)
    """The URL to log into; that of IBM by default."""
    instance: str | None = field(default=None, validator=_check_instance)
    """What to work in: ``"hub/group/project"``, or the CRN of an instance; the account's default where ``None``."""
    proxies: Mapping[str, Any] | None = field(default=None, repr=False, hash=False, validator=_check_proxies)
    """Proxies, as ``{"urls": {"https": "http://host:port"}}``; they may hold a password and are in no repr."""
    verify: bool | str = field(default=True, validator=_check_verify)
    """Whether certificates of https servers are checked, or the path of the authorities to check them by."""
    channel: str = field(default="ibm_quantum", converter=channel_of, validator=_check_channel)
    """The dialect that the service speaks: ``"ibm_quantum"``, or ``"ibm_quantum_platform"``, that of today."""
    region: str | None = field(default=None, kw_only=True, repr=False)
    """Only instances of this region are meant."""
    plans_preference: tuple[str, ...] = field(default=(), kw_only=True, repr=False)
    """Only instances of these plans are meant, the preferred one first."""
    tags: tuple[str, ...] = field(default=(), kw_only=True, repr=False)
    """Only instances that have all of these tags are meant."""

    def __attrs_post_init__(self) -> None:
        if self.url is None:
            object.__setattr__(self, "url", DEFAULT_URLS[self.channel])

    @property
    def is_located(self) -> bool:
        """Whether the instance is a CRN."""
        return _CRN.fullmatch(self.instance or "") is not None

    @property
    def crn_region(self) -> str | None:
        """The region that the CRN of the instance names."""
        found = _CRN.fullmatch(self.instance or "")
        return found["region"] if found else None

    @property
    def proxy_urls(self) -> dict[str, str]:
        """The proxies as ``requests`` wants them."""
        return dict((self.proxies or {}).get("urls", {}))
