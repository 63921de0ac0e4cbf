"""ClientParameters: the URL, the credentials and the network settings of an account."""

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
"""Channel -> the default URL of the log-in.

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
    """Return the present name of a channel: ``"ibm_cloud"`` is the former name of ``"ibm_quantum_platform"``."""
    return PLATFORM if channel == "ibm_cloud" else channel


def channel_of_url(url: str | None) -> str:
    """Return the channel of a URL.

    The channel ``ibm_quantum`` has its own host. On this machine, the local service has it at the path ``/api``.

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
    """A text or several texts as a tuple; any other value unchanged."""
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
        raise InvalidAccountError(f"expected region to be like 'us-east' or 'eu-de', got {pasted.shown(region)}")


def _proxies(given: Any) -> Any:
    """Proxies in the form of the official client. The mapping of ``requests`` is accepted, too."""
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
            f"expected proxies to be like {example}, with 'username_ntlm' and 'password_ntlm' if the proxy needs them; "
            f"got the unknown {', '.join(map(pasted.shown, unknown))}"
        )
    wrong = [
        key
        for key, url in urls.items()
        if not (isinstance(url, str) and url.strip() and url.isprintable() and not pasted.is_secret(url))
    ]
    if wrong:
        raise InvalidAccountError(f"expected the proxy for {', '.join(wrong)} to be a URL like 'http://host:port'")
    login = [proxies.get("username_ntlm"), proxies.get("password_ntlm")]
    if login != [None, None] and not all(isinstance(part, str) and part for part in login):
        raise InvalidAccountError(
            "expected proxies to have both 'username_ntlm' and 'password_ntlm', as texts, or neither"
        )


def _verify(given: Any) -> Any:
    """A path as an absolute path, since the working directory may change later; any other value unchanged."""
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
    """A token without blanks and quotes around it, of a type that tracebacks do not show."""
    return hidden(pasted.clean(given))


@frozen
class ClientParameters:
    """The URL, the credentials and the network settings of an account. The token is not in the repr.

    Token, URL and instance may be pasted: with blanks, line breaks or quotes around them, a CRN without the colons at
    its end, the URL of any page or region of IBM Cloud. The region is that of the CRN.

    Raises:
        IBMAccountError: If an argument is invalid. The message repeats no secret, even if a token was given as another
            argument.

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
    """The URL of the log-in; by default IBM's. Plain HTTP is allowed only to this machine."""
    instance: str | None = field(default=None, converter=pasted.clean_name)
    """The instance: its CRN or its name; on the channel ``ibm_quantum`` ``"hub/group/project"``. With ``None`` or
    ``"auto"``, it is chosen by plan, region and tags."""
    proxies: Mapping[str, Any] | None = field(
        default=None, converter=_proxies, repr=False, hash=False, validator=_check_proxies
    )
    """Proxies, as ``{"urls": {"https": "http://host:port"}, "username_ntlm": ..., "password_ntlm": ...}``, or the
    mapping of urls alone. They may contain a password, and are not in the repr."""
    verify: bool | str = field(default=True, converter=_verify, validator=_check_verify)
    """Whether certificates of https servers are checked, or the path of a file or folder of trusted certificates."""
    channel: str = field(default=None)
    """``"ibm_quantum_platform"``, or ``"ibm_quantum"`` for the archived platform; by default the channel of the URL."""
    region: str | None = field(default=None, kw_only=True, converter=_region, validator=_check_region, repr=False)
    """The region of the instance, if ``instance`` does not name one."""
    plans_preference: tuple[str, ...] = field(
        default=(), kw_only=True, converter=_texts, validator=_check_texts, repr=False
    )
    """The accepted plans of the instance, the preferred one first, if ``instance`` does not name one."""
    tags: tuple[str, ...] = field(default=(), kw_only=True, converter=_texts, validator=_check_texts, repr=False)
    """The tags that the instance must have, if ``instance`` does not name one."""
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
                "expected either private_endpoint or a url that names the API itself, got both; leave out one of them"
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
        """The proxies by scheme, as in ``requests``."""
        return dict((self.proxies or {}).get("urls") or {})


def _check_url(url: Any) -> None:
    """Check the URL. The message does not repeat it: it may contain a password, or be a misplaced token."""
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
        raise InvalidAccountError(f"expected url to be like {example!r}, with http:// or https:// at the front{got}")
    if parts.username or parts.password:
        raise InvalidAccountError("expected url to be without user name and password; give the token as 'token'")
    if parts.scheme == "http" and not pasted.is_loopback(pasted.host_of(url)):
        raise InvalidAccountError(
            "expected url to begin with https://, because a key is not sent in plain text to another machine; http:// "
            "is for this machine only, as in http://127.0.0.1:8080/api"
        )


def _check_channel(channel: Any) -> None:
    if not isinstance(channel, str) or channel not in DEFAULT_URLS:
        known = ", ".join(map(repr, DEFAULT_URLS))
        raise InvalidAccountError(f"expected channel to be one of {known}, got {pasted.shown(channel)}")


def _check_url_is_of_channel(url: str, channel: str) -> None:
    """Check that the key of one platform is not sent to the other platform."""
    if pasted.is_classic_url(url) and channel != CLASSIC:
        raise InvalidAccountError(f"expected url to be one of IBM Quantum Platform, got one of Classic: {SWITCHED_OFF}")
    if channel == CLASSIC and pasted.clean_url(url) == DEFAULT_URLS[PLATFORM]:
        raise InvalidAccountError(
            f"expected channel to be {PLATFORM!r} for a url of IBM Quantum Platform, got {CLASSIC!r}"
        )


_INSTEAD: Final[Mapping[str, str]] = {
    "a CRN": "give that as 'instance'",
    "a hub/group/project": "give that as 'instance'",
    "a URL": "give that as 'url'",
    "a whole JSON document": 'give the value of "apikey" in it',
    "a token of IBM Quantum Platform Classic": SWITCHED_OFF,
    "an access token, which expires within the hour": "give the API key that it was made with",
}
"""Kind of a text that was given as the token -> the next step."""


def _check_token(token: Any, channel: str) -> None:
    # The messages do not repeat the value: it may be a token with a mistake in it.
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
