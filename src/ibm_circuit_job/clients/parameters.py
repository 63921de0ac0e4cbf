"""ClientParameters: where the service is and how to prove who we are."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import field, frozen

from ibm_circuit_job.clients import pasted
from ibm_circuit_job.clients.instances import AUTOMATIC
from ibm_circuit_job.errors import InvalidAccountError
from ibm_circuit_job.wire.hidden_values import hidden

PLATFORM: Final = "ibm_quantum_platform"
CLASSIC: Final = "ibm_quantum"
DEFAULT_URLS: Final[Mapping[str, str]] = {CLASSIC: pasted.CLASSIC_URL, PLATFORM: "https://cloud.ibm.com"}
"""Where to log in by default, by the channel.

``ibm_quantum_platform`` is IBM Quantum Platform; ``ibm_quantum`` is IBM Quantum Platform Classic, which IBM switched
off in July 2025.
"""
SWITCHED_OFF: Final = (
    "IBM switched off IBM Quantum Platform Classic (the channel 'ibm_quantum') in July 2025, and its tokens with it; "
    "make an API key at https://quantum.cloud.ibm.com and save it with IBMProvider.save_account(token)"
)

_NAME: Final = re.compile(r"(?!crn:)[\w .:-]{1,200}")
_REGION: Final = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_PROXY_FIELDS: Final = frozenset({"urls", "username_ntlm", "password_ntlm"})
_PROXY_SCHEME: Final = re.compile(r"(?:https?|all|no_proxy|ftp|wss?|socks\w*)(?:://[^/\s]+)?", re.IGNORECASE)
_CRN_EXAMPLE: Final = "a CRN such as 'crn:v1:bluemix:public:quantum-computing:us-east:a/...:...::'"


def channel_of(channel: Any) -> Any:
    """Return the name of a channel today: that of IBM Quantum Platform was another one before."""
    return PLATFORM if channel == "ibm_cloud" else channel


def channel_of_url(url: str | None) -> str:
    """Return the channel that a URL is of.

    That of the archived platform has a host of its own; on this machine, the local service has it at the path ``/api``.

    Example:
        >>> channel_of_url("https://cloud.ibm.com"), channel_of_url("http://127.0.0.1:8080/api")
        ('ibm_quantum_platform', 'ibm_quantum')
    """
    parts = urlsplit(url or "")
    is_classic = pasted.is_classic_url(url or "") or (
        pasted.is_loopback(pasted.host_of(url)) and parts.path.rstrip("/") == "/api"
    )
    return CLASSIC if is_classic else PLATFORM


def _texts(given: Any) -> Any:
    """Texts as a tuple; one text is a tuple of one."""
    if given is None:
        return ()
    if isinstance(given, str):
        given = (given,)
    if not isinstance(given, Iterable) or isinstance(given, Mapping):
        return given
    texts = tuple(given)
    return tuple(text.strip() for text in texts) if all(isinstance(text, str) for text in texts) else texts


def _check_texts(_: object, attribute: Any, texts: Any) -> None:
    if not isinstance(texts, tuple) or not all(isinstance(text, str) and text for text in texts):
        raise InvalidAccountError(f"expected {attribute.name} to be a list of texts that are not empty")
    if secret := next(filter(pasted.is_secret, texts), None):
        raise InvalidAccountError(f"expected {attribute.name} to be a list of names, got {pasted.kind_of(secret)}")


def _region(given: Any) -> Any:
    return (given.strip() or None) if isinstance(given, str) else given


def _check_region(_: object, __: object, region: Any) -> None:
    if region is not None and not (isinstance(region, str) and _REGION.fullmatch(region)):
        raise InvalidAccountError(f"expected region to be one such as 'us-east' or 'eu-de', got {pasted.shown(region)}")


def _proxies(given: Any) -> Any:
    """Proxies as the official client saves them; the bare mapping of ``requests`` is taken, too."""
    if not isinstance(given, Mapping) or given.keys() & _PROXY_FIELDS:
        return given or None
    return {"urls": dict(given)} if given else None


def _check_proxies(_: object, __: object, proxies: Any) -> None:
    if proxies is None:
        return
    example = "{'urls': {'https': 'http://host:port'}}"
    if not isinstance(proxies, Mapping) or not isinstance(urls := proxies.get("urls") or {}, Mapping):
        raise InvalidAccountError(f"expected proxies to be like {example}")
    unknown = [key for key in proxies if key not in _PROXY_FIELDS]
    unknown += [key for key in urls if not isinstance(key, str) or not _PROXY_SCHEME.fullmatch(key)]
    if unknown:
        raise InvalidAccountError(
            f"expected proxies to be like {example}, with 'username_ntlm' and 'password_ntlm' where the proxy wants "
            f"them; got the unknown {', '.join(map(pasted.shown, unknown))}"
        )
    wrong = [
        key
        for key, url in urls.items()
        if not (isinstance(url, str) and url.strip() and url.isprintable() and not pasted.is_secret(url))
    ]
    if wrong:
        raise InvalidAccountError(f"expected the proxy for {', '.join(wrong)} to be a URL such as 'http://host:port'")
    login = [proxies.get("username_ntlm"), proxies.get("password_ntlm")]
    if login != [None, None] and not all(isinstance(part, str) and part for part in login):
        raise InvalidAccountError(
            "expected proxies to have both 'username_ntlm' and 'password_ntlm', as texts, or neither"
        )


def _verify(given: Any) -> Any:
    """A path as an absolute one, so that it stays what it was when the working directory changes."""
    if given is None:
        return True
    if isinstance(given, str | os.PathLike) and os.fspath(given):
        given = os.fspath(given)
        return str(Path(os.path.expanduser(given)).absolute()) if isinstance(given, str) else given  # noqa: PTH111
    return given


def _check_verify(_: object, __: object, verify: Any) -> None:
    if isinstance(verify, bool):
        return
    if not isinstance(verify, str) or not verify:
        raise InvalidAccountError(
            f"expected verify to be True, False, or the path of the certificates to trust, got {verify!r}"
        )
    if not Path(verify).exists():
        if pasted.is_secret(Path(verify).name):
            raise InvalidAccountError(
                f"expected verify to be the path of the certificates to trust, got {pasted.kind_of(Path(verify).name)}"
            )
        raise InvalidAccountError(f"expected verify to be the path of the certificates to trust; there is no {verify}")


def _private(given: Any) -> Any:
    return False if given is None else given


def _check_private(_: object, __: object, private: Any) -> None:
    if not isinstance(private, bool):
        raise InvalidAccountError(f"expected private_endpoint to be True or False, got {pasted.shown(private)}")


def _token(given: Any) -> Any:
    """A token as it is meant; one that no traceback shows."""
    return hidden(pasted.clean(given))


@frozen
class ClientParameters:
    """Where the service is and how to prove who we are. The token is in no repr.

    Token, URL and instance may be as they are pasted: with blanks, line breaks or quotes around them, a CRN without the
    colons at its end, the URL of any page or region of IBM Cloud. The CRN decides which region is meant.

    Raises:
        IBMAccountError: If an argument cannot be what it is for. The message repeats no secret, also where it was given
            in another's place.

    Example:
        >>> ClientParameters("secret", "http://127.0.0.1:8080/api")
        ClientParameters(url='http://127.0.0.1:8080/api', instance=None, verify=True, channel='ibm_quantum')
        >>> ClientParameters("secret", "https://quantum.cloud.ibm.com/instances", " 'my instance' ")
        ClientParameters(url='https://cloud.ibm.com', instance='my instance', verify=True, \
channel='ibm_quantum_platform')
    """

    token: str = field(converter=_token, repr=False)
    """The API key of IBM Cloud; on the channel ``ibm_quantum`` the API token."""
    url: str = field(default=None)
    """The URL to log into; that of IBM by default. Plain HTTP only to this machine."""
    instance: str | None = field(default=None, converter=pasted.clean_name)
    """What to work in: the CRN of an instance, its name, or ``"auto"``; on the channel ``ibm_quantum``
    ``"hub/group/project"``. Chosen by plan, region and tags where ``None``."""
    proxies: Mapping[str, Any] | None = field(
        default=None, converter=_proxies, repr=False, hash=False, validator=_check_proxies
    )
    """Proxies, as ``{"urls": {"https": "http://host:port"}, "username_ntlm": ..., "password_ntlm": ...}``; the mapping
    of urls alone is taken, too. They may hold a password and are in no repr."""
    verify: bool | str = field(default=True, converter=_verify, validator=_check_verify)
    """Whether certificates of https servers are checked, or the path of a file or folder of those to trust."""
    channel: str = field(default=None)
    """``"ibm_quantum_platform"``, or ``"ibm_quantum"`` for the archived platform; by default as the URL says."""
    region: str | None = field(default=None, kw_only=True, converter=_region, validator=_check_region, repr=False)
    """The region that the instance is to be in, where the instance is not given."""
    plans_preference: tuple[str, ...] = field(
        default=(), kw_only=True, converter=_texts, validator=_check_texts, repr=False
    )
    """The plans that the instance is to have, the preferred one first, where the instance is not given."""
    tags: tuple[str, ...] = field(default=(), kw_only=True, converter=_texts, validator=_check_texts, repr=False)
    """The tags that the instance is to have, where the instance is not given."""
    private_endpoint: bool = field(
        default=False, kw_only=True, converter=_private, validator=_check_private, repr=False
    )
    """Whether the private network of IBM Cloud is used."""

    def __attrs_post_init__(self) -> None:
        given_url: Any = self.url
        url = pasted.clean_url(given_url) or None
        _check_url(url)
        channel = channel_of(self.channel) or (channel_of_url(url) if url is not None else PLATFORM)
        _check_channel(channel)
        object.__setattr__(self, "url", url or DEFAULT_URLS[channel])
        object.__setattr__(self, "channel", channel)
        object.__setattr__(self, "instance", self.instance or None)
        _check_url_is_of_channel(self.url, channel)
        _check_token(self.token, channel)
        _check_instance(self)
        if self.region is None and self.instance in {None, AUTOMATIC}:
            object.__setattr__(self, "region", pasted.region_of_url(given_url))
        if pasted.is_private_url(given_url):
            object.__setattr__(self, "private_endpoint", True)
        if self.private_endpoint and (urlsplit(self.url).path or channel == CLASSIC):
            raise InvalidAccountError(
                "expected no private_endpoint beside a url that names the API itself; leave out one of the two"
            )

    @property
    def is_located(self) -> bool:
        """Whether the instance is a CRN."""
        return self.crn_region is not None

    @property
    def crn_region(self) -> str | None:
        """The region that the CRN of the instance names."""
        return pasted.region_of_crn(self.instance)

    @property
    def proxy_urls(self) -> dict[str, str]:
        """The proxies as ``requests`` wants them."""
        return dict((self.proxies or {}).get("urls") or {})


def _check_url(url: Any) -> None:
    """What was given may hold a password, or be the token in the wrong place, so it is not repeated."""
    if url is None:
        return
    try:
        parts = urlsplit(url)
        fits = (
            parts.scheme in {"http", "https"} and bool(pasted.host_of(url)) and (parts.port is None or parts.port > 0)
        )
    except (ValueError, TypeError, AttributeError):
        fits = False
    if not fits:
        example = DEFAULT_URLS[PLATFORM]
        kind = pasted.kind_of(url) if isinstance(url, str) else None
        got = f"; got {kind}" if kind not in {None, "a URL"} else ""
        raise InvalidAccountError(
            f"expected url to be one such as {example!r}, with http:// or https:// at the front{got}"
        )
    if parts.username or parts.password:
        raise InvalidAccountError("expected url to be without user name and password; give the token as 'token'")
    if parts.scheme == "http" and not pasted.is_loopback(pasted.host_of(url)):
        raise InvalidAccountError(
            "expected url to begin with https://, for a key is not sent in plain text to another machine; "
            "http:// is for this machine, such as http://127.0.0.1:8080/api"
        )


def _check_channel(channel: Any) -> None:
    if not isinstance(channel, str) or channel not in DEFAULT_URLS:
        known = ", ".join(map(repr, DEFAULT_URLS))
        raise InvalidAccountError(f"expected channel to be one of {known}, got {pasted.shown(channel)}")


def _check_url_is_of_channel(url: str, channel: str) -> None:
    """A key of one platform is not sent to the other."""
    if pasted.is_classic_url(url) and channel != CLASSIC:
        raise InvalidAccountError(f"expected url to be one of IBM Quantum Platform, got one of Classic: {SWITCHED_OFF}")
    if channel == CLASSIC and pasted.clean_url(url) == DEFAULT_URLS[PLATFORM]:
        raise InvalidAccountError(
            f"expected channel to be {PLATFORM!r} for this url, which is one of IBM Quantum Platform; got {CLASSIC!r}"
        )


_INSTEAD: Final[Mapping[str, str]] = {
    "a CRN": "give that as 'instance'",
    "a hub/group/project": "give that as 'instance'",
    "a URL": "give that as 'url'",
    "a whole JSON document": 'give the value of "apikey" in it',
    "a token of IBM Quantum Platform Classic": SWITCHED_OFF,
    "an access token, which expires within the hour": "give the API key that it was made with",
}
"""What to do with what is no API key."""


def _check_token(token: Any, channel: str) -> None:
    # What was given may be a mangled token, so it is not repeated here.
    if not isinstance(token, str) or not token or not token.isprintable() or not token.isascii():
        raise InvalidAccountError("expected token to be a non-empty string of printable ASCII characters")
    kind = pasted.kind_of(token)
    if kind is not None and kind in _INSTEAD and (channel == PLATFORM or kind in {"a CRN", "a URL"}):
        raise InvalidAccountError(f"expected token to be an API key, got {kind}: {_INSTEAD[kind]}")


def _check_instance(parameters: ClientParameters) -> None:
    instance: Any = parameters.instance
    if instance is None:
        return
    got = pasted.shown(instance, parameters.token)
    kind = pasted.kind_of(pasted.clean(instance)) if isinstance(instance, str) else None
    if parameters.channel == CLASSIC:
        if not isinstance(instance, str) or instance.count("/") != 2:
            raise InvalidAccountError(f"expected instance to be 'hub/group/project', got {got}")
        return
    if isinstance(instance, str) and instance.startswith("crn:") and len(instance.rstrip(":").split(":")) < 8:
        raise InvalidAccountError(
            f"expected instance to be {_CRN_EXAMPLE}; this one is cut off before the ID of the instance: {got}"
        )
    is_name = isinstance(instance, str) and _NAME.fullmatch(instance) and kind is None and instance != parameters.token
    if not is_name and not parameters.is_located:
        was = "; that is an instance of IBM Quantum Platform Classic" if kind == "a hub/group/project" else ""
        raise InvalidAccountError(f"expected instance to be {_CRN_EXAMPLE}, or the name of an instance, got {got}{was}")
