"""Proxies and certificates: what is given, what variables of the environment name, and what holds for one URL.

Every request obeys the same rules, by ``requests`` or by websocket, to IAM, the search, the catalog, the API or an
object store:

1. ``proxies`` that are given hold for the schemes and hosts that they name, whatever ``NO_PROXY`` says.
2. Else the variables ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``ALL_PROXY`` hold, but for the hosts in ``NO_PROXY`` and for
   this machine.
3. Plain HTTP, which is for this machine, goes through no proxy on another one: the key would be sent there in plain
   text.
4. ``verify`` that is False or a path holds; else ``REQUESTS_CA_BUNDLE``, then ``CURL_CA_BUNDLE``, then
   ``SSL_CERT_FILE``.

Source: ``requests.Session.merge_environment_settings``, whose rules these are, and OpenSSL for ``SSL_CERT_FILE``. The
former lets the environment win over what a session has, and writes into the mapping of proxies that it is given; so a
session here reads no variables itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import requests
from attrs import field, frozen
from requests.auth import AuthBase
from requests.utils import get_environ_proxies, select_proxy

from ibm_circuit_job.clients.parameters import ClientParameters
from ibm_circuit_job.clients.pasted import host_of, is_loopback

_CERTIFICATE_VARIABLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_PROXY_VARIABLES: Final = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")


@frozen
class NetworkSettings:
    """What holds for requests to one URL."""

    proxies: Mapping[str, str] = field(repr=False)
    """The proxies as ``requests`` wants them; they may hold a password."""
    verify: bool | str
    """Whether certificates are checked, or the file or folder of the authorities to check them by."""
    verify_origin: str = ""
    """What named that file, as in ``"the variable REQUESTS_CA_BUNDLE"``."""
    ntlm: tuple[str, str] | None = field(default=None, repr=False)
    """The user name and the password for a proxy that asks for NTLM."""

    def as_arguments(self, url: str) -> dict[str, Any]:
        """Return them as arguments of a request to the URL; the caller's own, for ``requests`` writes into them."""
        given = {"proxies": dict(self.proxies), "verify": self.verify}
        ntlm = _ntlm_class() if self.ntlm and self.proxy(url) else None
        return given if ntlm is None or self.ntlm is None else given | {"auth": _ProxyNtlm(ntlm(*self.ntlm))}

    def what_is_missing(self, url: str) -> str | None:
        """Return why no request can be sent to the URL: a proxy with NTLM needs a package; ``None`` where it can be."""
        if self.ntlm is None or self.proxy(url) is None or _ntlm_class() is not None:
            return None
        return (
            "username_ntlm and password_ntlm need the package requests-ntlm; install it with pip install requests-ntlm"
        )

    def proxy(self, url: str) -> str | None:
        """Return the proxy on the way to a URL; it may hold a password."""
        return select_proxy(url, dict(self.proxies)) or None

    def passwords(self) -> set[str]:
        """Return the passwords of all proxies, as they are written and as they are sent."""
        found = {urlsplit(proxy).password for proxy in self.proxies.values()}
        return {spelt for password in found if password for spelt in (password, unquote(password))}


def settings_for(url: str, parameters: ClientParameters | None) -> NetworkSettings:
    """Return the proxies and certificates that hold for a URL.

    Args:
        url: Where the request goes.
        parameters: The proxies and ``verify`` that were given.

    Example:
        >>> from ibm_circuit_job.clients import ClientParameters
        >>> given = ClientParameters("secret", "http://127.0.0.1:1/api", proxies={"urls": {"https": "http://proxy:8"}})
        >>> settings_for("https://iam.cloud.ibm.com", given).proxy("https://iam.cloud.ibm.com")
        'http://proxy:8'
    """
    is_here = is_loopback(host_of(url))
    given = {} if parameters is None else parameters.proxy_urls
    named = {} if is_here else get_environ_proxies(url, no_proxy=given.get("no_proxy"))
    verify, origin = _verify(True if parameters is None else parameters.verify)
    proxies = (parameters.proxies if parameters is not None else None) or {}
    user, password = proxies.get("username_ntlm"), proxies.get("password_ntlm")
    found = named | given
    if is_here and url.lower().startswith("http:"):
        found = {scheme: proxy for scheme, proxy in found.items() if is_loopback(host_of(proxy))}
    return NetworkSettings(found, verify, origin, (user, password) if user and password else None)


def _verify(given: bool | str) -> tuple[bool | str, str]:
    if given is not True:
        return (given if given is False else str(given)), "verify"
    named = next((name for name in _CERTIFICATE_VARIABLES if os.environ.get(name)), None)
    return (True, "") if named is None else (os.environ[named], f"the variable {named}")


def shown_proxy(proxy: str, parameters: ClientParameters | None) -> str:
    """Return a proxy for a message, without its password, and what named it.

    Example:
        >>> from ibm_circuit_job.clients import ClientParameters
        >>> given = ClientParameters("secret", "http://127.0.0.1:1/api", proxies={"urls": {"https": "http://a:b@p:8"}})
        >>> shown_proxy("http://a:b@p:8", given)
        'http://p:8 (given as proxies)'
    """
    parts = urlsplit(proxy)
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else proxy.rpartition("@")[2]
    if parameters is not None and proxy in parameters.proxy_urls.values():
        return f"{shown} (given as proxies)"
    # requests adds a scheme where a variable has none.
    names = [name for name in _PROXY_VARIABLES if (said := os.environ.get(name)) and proxy in {said, f"http://{said}"}]
    return f"{shown} (named by {f'the variable {names[0]}' if names else 'the settings of the system'})"


def _ntlm_class() -> Callable[[str, str], AuthBase] | None:
    try:
        from requests_ntlm import HttpNtlmAuth  # noqa: PLC0415 - for those who use it
    except ImportError:
        return None
    ntlm: Callable[[str, str], AuthBase] = HttpNtlmAuth
    return ntlm


class _ProxyNtlm(AuthBase):
    """NTLM for a proxy alone: a server that asks for it must not get the proxy's password in any form.

    A proxy that forwards a request is answered, as in the official client. One that asks before it opens a tunnel, as
    for https, is not: ``requests-ntlm`` does not see its answer.
    """

    def __init__(self, ntlm: Any) -> None:
        self._ntlm = ntlm

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Connection"] = "Keep-Alive"
        request.register_hook("response", self._answered)  # type: ignore[no-untyped-call]
        return request

    def _answered(self, response: requests.Response, **sent: Any) -> requests.Response:
        if response.status_code != 407:
            return response
        answered: requests.Response = self._ntlm.response_hook(response, **sent)
        return answered
