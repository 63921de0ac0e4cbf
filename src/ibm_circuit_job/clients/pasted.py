"""Cleans keys, CRNs and URLs that users paste, and recognises them if they are given as another argument. Pure.

Messages never repeat a text that :func:`kind_of` recognises as a key or a token.

Source: the format of a CRN, https://cloud.ibm.com/docs/account?topic=account-crn.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from urllib3.util import parse_url

from ibm_circuit_job.clients.instances import CRN

CLASSIC_URL: Final = "https://auth.quantum-computing.ibm.com/api"
"""The former URL of IBM Quantum Platform Classic, which IBM switched off in July 2025."""

_CRN_SEGMENTS: Final = 10
"""The segments of a CRN; the last two, resource type and resource, are empty for an instance."""
_QUOTES: Final = "'\"`\u2018\u2019\u201c\u201d\u00ab\u00bb,;"
_BLANK: Final = re.compile(r"[\s\u200b-\u200d\u2060\ufeff]+")
_CLASSIC_TOKEN: Final = re.compile(r"[0-9a-f]{128}", re.IGNORECASE)
_API_KEY: Final = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[\w-]{44}", re.ASCII)
_ACCESS_TOKEN: Final = re.compile(r"eyJ[\w-]+(?:\.[\w-]+){2}", re.ASCII)
_SECRETS: Final = frozenset(
    {
        "a token of IBM Quantum Platform Classic",
        "an access token, which expires within the hour",
        "a whole JSON document",
        "an API key",
    }
)
"""The kinds of :func:`kind_of` that are a secret, or may contain one."""
_HGP: Final = re.compile(r"[\w.-]+/[\w.-]+/[\w.-]+")
_CLOUD: Final = re.compile(r"(?:.*?\.)??(?P<root>(?:test\.)?cloud\.ibm\.com)")
_REGION: Final = re.compile(
    r"(?:private\.)?(?P<region>[a-z0-9-]+)\.quantum(?:-computing)?\.(?:test\.)?cloud\.ibm\.com", re.ASCII
)
_CLASSIC_HOST: Final = re.compile(r"(?:.*\.)?quantum-computing\.ibm\.com")
_LATER_CONSOLE: Final = "quantum.ibm.com"
"""A host of IBM that redirects to the console of IBM Quantum Platform."""


def clean(given: Any) -> Any:
    r"""Return a key or a CRN without blanks, line breaks, and quotes around it; a value that is not a text unchanged.

    Example:
        >>> clean(' "abc\n   def" ')
        'abcdef'
    """
    if not isinstance(given, str):
        return given
    cleaned = _BLANK.sub("", given).strip(_QUOTES)
    return completed_crn(cleaned) if cleaned.startswith("crn:") else cleaned


def clean_name(given: Any) -> Any:
    """Return the name of an instance without blanks and quotes around it; a CRN or hub/group/project without blanks.

    Example:
        >>> clean_name(' "my instance" ')
        'my instance'
    """
    if not isinstance(given, str):
        return given
    compact = clean(given)
    if compact.startswith("crn:") or "/" in compact:
        return compact
    return _BLANK.sub(" ", given).strip(_QUOTES + " ")


def completed_crn(crn: str) -> str:
    """Return a CRN with the colons at its end. A double click selects a CRN without them.

    Example:
        >>> completed_crn("crn:v1:bluemix:public:quantum-computing:us-east:a/1:2")
        'crn:v1:bluemix:public:quantum-computing:us-east:a/1:2::'
    """
    segments = crn.rstrip(":").split(":")
    if len(segments) != _CRN_SEGMENTS - 2:
        return crn
    return ":".join([*segments, "", ""])


def region_of_crn(instance: Any) -> str | None:
    """Return the region in a CRN; ``None`` for any other value.

    Example:
        >>> region_of_crn("crn:v1:bluemix:public:quantum-computing:eu-de:a/1:2::")
        'eu-de'
    """
    found = CRN.fullmatch(instance) if isinstance(instance, str) else None
    return found["region"] if found else None


def kind_of(text: str) -> str | None:
    """Return the kind of a text in words, recognised by its format; ``None`` if it has no known format.

    Example:
        >>> kind_of("crn:v1:bluemix:public:quantum-computing:us-east:a/1:2::"), kind_of("my instance")
        ('a CRN', None)
        >>> kind_of("f" * 128)
        'a token of IBM Quantum Platform Classic'
    """
    shapes = {
        "a CRN": text.startswith("crn:"),
        "a URL": re.match(r"https?://", text) is not None,
        "a token of IBM Quantum Platform Classic": _CLASSIC_TOKEN.fullmatch(text) is not None,
        "an access token, which expires within the hour": _ACCESS_TOKEN.fullmatch(text) is not None,
        "a whole JSON document": text.startswith("{"),
        "an API key": _API_KEY.fullmatch(text) is not None,
        "a hub/group/project": _HGP.fullmatch(text) is not None,
    }
    return next((kind for kind, fits in shapes.items() if fits), None)


def is_secret(given: Any) -> bool:
    """Return whether a value has the format of a key or a token.

    Example:
        >>> is_secret("f" * 128), is_secret("eu-de")
        (True, False)
    """
    return isinstance(given, str) and kind_of(clean(given)) in _SECRETS


def shown(given: Any, secret: str | None = None) -> str:
    """Return a value for a message; only its kind if it may be a secret.

    Args:
        given: The value.
        secret: A text that the message must not show, such as the token.

    Example:
        >>> shown("us east"), shown("f" * 128), shown(["x"])
        ("'us east'", 'a token of IBM Quantum Platform Classic', 'a list')
    """
    if not isinstance(given, str):
        return f"a {type(given).__name__}"
    kind = kind_of(clean(given))
    if kind in {"a CRN", "a hub/group/project"} and (not secret or secret not in given):
        return repr(given)
    if kind is not None:
        return kind
    if secret and secret in given:
        return "the token"
    return repr(given) if len(given) <= 60 else f"a text of {len(given)} characters"


def clean_url(given: Any) -> Any:
    """Return a URL without blanks and quotes around it, and without slashes at its end.

    The URL of any page, region or API of IBM Cloud becomes ``https://cloud.ibm.com``. The hosts of its services are
    derived from it; see :func:`~ibm_circuit_job.clients.service_urls.api_url`.

    Example:
        >>> clean_url(" https://eu-de.quantum.cloud.ibm.com/api/v1/ ")
        'https://cloud.ibm.com'
        >>> clean_url("http://127.0.0.1:8080/api/")
        'http://127.0.0.1:8080/api'
    """
    if not isinstance(given, str):
        return given
    url = clean(given).rstrip("/")
    parts = _split(url) or _split(f"https://{url}")
    host = host_of(parts.geturl()) if parts else ""
    if parts is None or not host.endswith(".ibm.com") or parts.scheme != "https" or _has_extras(parts):
        return url
    if _CLASSIC_HOST.fullmatch(host):
        return CLASSIC_URL
    cloud = _CLOUD.fullmatch(host)
    root = cloud["root"] if cloud else "cloud.ibm.com" if host == _LATER_CONSOLE else None
    return url if root is None else f"https://{root}"


def region_of_url(given: Any) -> str | None:
    """Return the region in the host of a URL of IBM Cloud; ``None`` where it has none.

    Example:
        >>> region_of_url("https://eu-de.quantum.cloud.ibm.com/api/v1"), region_of_url("https://quantum.cloud.ibm.com")
        ('eu-de', None)
    """
    url = clean(given) if isinstance(given, str) else ""
    parts = _split(url) or _split(f"https://{url}")
    found = _REGION.fullmatch(host_of(parts.geturl()) if parts else "")
    return None if found is None or found["region"] == "private" else found["region"]


def is_private_url(given: Any) -> bool:
    """Return whether a URL names a private endpoint of IBM Cloud.

    Example:
        >>> is_private_url("https://private.eu-de.quantum.cloud.ibm.com/api/v1")
        True
    """
    parts = _split(clean(given)) if isinstance(given, str) else None
    host = host_of(parts.geturl()) if parts else ""
    return host.startswith("private.") and _CLOUD.fullmatch(host) is not None


def is_classic_url(url: str) -> bool:
    """Return whether a URL has a host of IBM Quantum Platform Classic, which IBM switched off."""
    return _CLASSIC_HOST.fullmatch(host_of(url)) is not None


def host_of(url: Any) -> str:
    r"""Return the host of a URL in lower case, without a dot at its end; an empty text where there is none.

    ``urllib`` and ``urllib3`` find different hosts in some URLs. The result is then empty: ``urllib3`` makes the
    connection, and would send a key to a host that was not checked.

    Example:
        >>> host_of("https://IAM.cloud.ibm.com/identity"), host_of("https://a.example\\.cloud.ibm.com")
        ('iam.cloud.ibm.com', '')
    """
    try:
        read, connected = urlsplit(url).hostname or "", (parse_url(url).host or "").strip("[]").lower()
    except (ValueError, TypeError, AttributeError):
        return ""
    return connected.removesuffix(".") if connected == read or not read.isascii() else ""


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("quantum.cloud.ibm.com")
        (True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts if parts.scheme in {"http", "https"} and host_of(url) else None


def _has_extras(parts: SplitResult) -> bool:
    """Whether a URL has a part that must not be dropped silently: a user, a password or a port."""
    try:
        return bool(parts.username or parts.password or parts.port not in {None, 443})
    except ValueError:
        return True
