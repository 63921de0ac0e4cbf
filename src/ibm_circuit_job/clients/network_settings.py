"""The proxies and the certificates for a URL, from the parameters and the environment variables.

Every request follows the same rules: by ``requests`` and by websocket; to IAM, the search, the catalog, the API and an
object store:

1. The parameter ``proxies`` applies to the schemes and hosts that it names, even to hosts in ``NO_PROXY``.
2. Otherwise the variables ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``ALL_PROXY`` apply, except to the hosts in ``NO_PROXY``
   and to this machine.
3. Plain HTTP is for this machine only. It does not use a proxy on another machine, which would receive the key in
   plain text.
4. The parameter ``verify`` applies if it is False or a path. Otherwise the first of the variables
   ``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE`` and ``SSL_CERT_FILE`` applies.

Source: the rules of ``requests.Session.merge_environment_settings``; OpenSSL for ``SSL_CERT_FILE``. The sessions of
this library do not call that method: in it, the environment overrides the session, and the given mapping is changed.
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
    """The proxies and the certificates for requests to one URL."""

    proxies: Mapping[str, str] = field(repr=False)
    """The proxies by scheme, as in ``requests``. The URLs may contain passwords."""
    verify: bool | str
    """Whether certificates are checked, or the path of the certificates of the trusted authorities."""
    verify_origin: str = ""
    """The source of that path, as in ``"the variable REQUESTS_CA_BUNDLE"``."""
    ntlm: tuple[str, str] | None = field(default=None, repr=False)
    """The user name and the password for a proxy with NTLM authentication."""

    def as_arguments(self, url: str) -> dict[str, Any]:
        """Return the settings as new keyword arguments of ``requests``, which changes them in place."""
        given = {"proxies": dict(self.proxies), "verify": self.verify}
        ntlm = _ntlm_class() if self.ntlm and self.proxy(url) else None
        return given if ntlm is None or self.ntlm is None else given | {"auth": _ProxyNtlm(ntlm(*self.ntlm))}

    def what_is_missing(self, url: str) -> str | None:
        """Return why no request can be sent to a URL: a proxy with NTLM needs a package. ``None`` if it can be sent."""
        if self.ntlm is None or self.proxy(url) is None or _ntlm_class() is not None:
            return None
        return (
            "username_ntlm and password_ntlm need the package requests-ntlm; install it with pip install requests-ntlm"
        )

    def proxy(self, url: str) -> str | None:
        """Return the URL of the proxy for a URL; ``None`` without a proxy. It may contain a password."""
        return select_proxy(url, dict(self.proxies)) or None

    def passwords(self) -> set[str]:
        """Return the passwords of all proxies, both percent-encoded and decoded."""
        found = {urlsplit(proxy).password for proxy in self.proxies.values()}
        return {spelt for password in found if password for spelt in (password, unquote(password))}


def settings_for(url: str, parameters: ClientParameters | None) -> NetworkSettings:
    """Return the proxies and certificates for a URL.

    Args:
        url: The URL of the request.
        parameters: The parameters with ``proxies`` and ``verify``; ``None`` for the environment variables alone.

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
    """Return a proxy and its source for a message, without the password.

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
    # requests adds http:// to the value of a variable without a scheme.
    names = [name for name in _PROXY_VARIABLES if (url := os.environ.get(name)) and proxy in {url, f"http://{url}"}]
    return f"{shown} (named by {f'the variable {names[0]}' if names else 'the settings of the system'})"


def _ntlm_class() -> Callable[[str, str], AuthBase] | None:
    try:
        from requests_ntlm import HttpNtlmAuth  # noqa: PLC0415 - optional
    except ImportError:
        return None
    ntlm: Callable[[str, str], AuthBase] = HttpNtlmAuth
    return ntlm


class _ProxyNtlm(AuthBase):
    """NTLM authentication for a proxy alone. A server that requests NTLM must not get the proxy's password in any form.

    It works for a proxy that forwards requests, as in the official client. It does not work for a proxy that requests
    NTLM before it opens a tunnel for https: ``requests-ntlm`` does not see the reply of that proxy.
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
