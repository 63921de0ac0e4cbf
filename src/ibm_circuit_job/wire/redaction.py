"""From requests and replies to a fixture that identifies no account. Pure: no I/O, no clock, no random numbers.

Only the words of :mod:`~ibm_circuit_job.wire.public_words` stay; everything else is replaced. So a secret is replaced
at any place and in any encoding, without being recognised. The rules:

- A text stays if it is a public word, unless its field has the user's own words, such as ``tags``.
- All times are shifted by the same amount, so that the recording begins on 1 January 2000. Offsets from UTC stay.
- A CRN, a UUID and a URL become others of the same form. The public host of a URL and the public parts of its path
  stay.
- A text that contains JSON is redacted as JSON. A message is replaced word by word.
- Any other text becomes a stand-in such as ``id-7``. Equal texts have equal stand-ins in the whole fixture, and
  different texts have different ones.
- Booleans and null stay. A number stays if its field is public and is not an ID; otherwise it becomes 1, 2, 3 ...
- An array of numbers (``ndarray``) of up to 64 KiB stays. Circuits are texts, so they are replaced.
- Of a body that is neither JSON nor a form, only the media type and the length are recorded.
"""

from __future__ import annotations

import base64
import io
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import numpy as np

from ibm_circuit_job.wire.exchange import Exchange
from ibm_circuit_job.wire.public_words import (
    HOSTS,
    KEYS,
    MESSAGE_KEYS,
    MESSAGE_WORDS,
    REPLY_HEADERS,
    REQUEST_HEADERS,
    SEGMENTS,
    WORDS,
)

FORMAT: Final = 1
"""The version of the form of a fixture."""
_BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MOST_ARRAY_BYTES: Final = 64 * 1024
_TIME: Final = re.compile(r"(?P<whole>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?P<rest>(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d))")
_DATE: Final = re.compile(r"20\d\d-\d\d-\d\d")
_CRN: Final = re.compile(r"crn:v1:([^:\s]*):([^:\s]*):([^:\s]*):([^:\s]*):(a/)?([^:\s]*):([^:\s]*):([^:\s]*):([^:\s]*)")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEXADECIMAL: Final = re.compile(r"[0-9a-fA-F]{32}")
_URL: Final = re.compile(r"(?:https?|wss?)://\S+", re.IGNORECASE)
_TOKEN: Final = re.compile(r"[^\s\"'`(),;<>\[\]{}=]+")
_AUTHORIZATION: Final = re.compile(r"(Bearer|Basic|apikey) +(.+)", re.IGNORECASE | re.DOTALL)
_MEDIA_TYPE: Final = re.compile(
    r"(application/(?:json|x-www-form-urlencoded|xml|octet-stream)|text/(?:html|plain|xml))\b"
)
_QUBITS: Final = re.compile(r"(?:cx|cz|ecr|id|rz|rx|rzz|sx|x|reset|measure)(?:_2)?\d{1,3}(?:_\d{1,3})?|[dmu]\d{1,3}")
"""Names of gates on qubits, and of channels, in the description of a device."""
_SHAPES: Final[Mapping[str, re.Pattern[str]]] = {
    **dict.fromkeys(("version", "sunset_date", "IBM-API-Version"), _DATE),
    **dict.fromkeys(("code", "reason_code", "reasonCode", "status_code"), re.compile(r"\d{1,4}")),
    **dict.fromkeys(("limit", "offset", "Retry-After"), re.compile(r"\d{1,4}")),
    "errorCode": re.compile(r"BXN[A-Z]{2}\d{4}[A-Z]"),
    **dict.fromkeys(("backend_version", "qiskit_version"), re.compile(r"\d{1,3}(?:\.\d{1,3}){1,2}")),
    **dict.fromkeys(("revision",), re.compile(r"\d{1,2}(?:\.\d{1,2})?")),
    **dict.fromkeys(("samples", "memory", "counts"), re.compile(r"0x[0-9a-f]{1,4}")),
    **dict.fromkeys(("name", "u_channel_lo"), _QUBITS),
}
"""Field -> the form of the texts that stay in it."""
_OF_USERS: Final = frozenset({"tags", "hub", "group", "project", "instance", "caller"})
"""Fields whose texts are replaced even where they are public words."""
_KINDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("access_token", "refresh_token", "apikey", "apiToken", "Authorization"), "secret"),
    **dict.fromkeys(("id", "user_id", "session_id", "calibration_id", "instance_id", "plan_id", "trace"), "id"),
    "service_plan_unique_id": "id",
    **dict.fromkeys(("backend", "backends", "backend_name"), "backend"),
    **dict.fromkeys(("name", "hub", "group", "project"), "name"),
    "tags": "tag",
}
"""Field -> the first part of its stand-ins, which tells readers of a fixture what was replaced."""


def fixture_of(exchanges: Sequence[Exchange], recorded_at: datetime) -> dict[str, Any]:
    """Return requests and replies as a fixture: a JSON document that identifies no account.

    Args:
        exchanges: The requests and replies, in their order.
        recorded_at: When the recording began; an aware time. It becomes 1 January 2000, 00:00 UTC.

    Returns:
        ``{"format": 1, "exchanges": [{"request": {...}, "reply": {...}}, ...]}``; see ``docs/doctor.md``.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job.wire.exchange import Exchange
        >>> url = "https://quantum.cloud.ibm.com/api/v1/jobs/cq1x"
        >>> exchange = Exchange("GET", url, 200, reply_body=b'{"id": "cq1x"}')
        >>> fixture = fixture_of([exchange], datetime(2026, 11, 26, tzinfo=UTC))
        >>> fixture["exchanges"][0]["request"]["url"], fixture["exchanges"][0]["reply"]["body"]
        ('https://quantum.cloud.ibm.com/api/v1/jobs/id-1', {'json': {'id': 'id-1'}})
    """
    redactor = Redactor(recorded_at)
    return {"format": FORMAT, "exchanges": [_exchange(redactor, each) for each in exchanges]}


def _exchange(redactor: Redactor, exchange: Exchange) -> dict[str, Any]:
    return {
        "request": {
            "method": exchange.method if exchange.method.isalpha() and len(exchange.method) < 8 else "GET",
            "url": redactor.url(exchange.url),
            "headers": redactor.headers(exchange.request_headers, REQUEST_HEADERS),
            "body": redactor.body(exchange.request_body, exchange.request_headers),
        },
        "reply": {
            "status": exchange.status,
            "headers": redactor.headers(exchange.reply_headers, REPLY_HEADERS),
            "body": redactor.body(exchange.reply_body, exchange.reply_headers),
        },
    }


class Redactor:
    """Replaces everything that is not public. One object gives equal texts the same stand-in.

    Args:
        recorded_at: The time that becomes 1 January 2000, 00:00 UTC; aware.
    """

    def __init__(self, recorded_at: datetime) -> None:
        self._shift = _BEGINNING - recorded_at.replace(microsecond=0)
        self._texts: dict[str, tuple[int, str]] = {}
        self._numbers: dict[float, int] = {}

    def document(self, value: Any, field: str = "") -> Any:
        """Return a JSON value in which everything that is not public is replaced.

        Args:
            value: The decoded JSON value.
            field: The name of its field.

        Raises:
            TypeError: If the value is not one that JSON decodes to.
        """
        match value:
            case dict():
                return self._object(value, field)
            case list():
                return [self.document(each, field) for each in value]
            case str():
                return self.text(value, field)
            case bool() | None:
                return value
            case int() | float():
                return self._number(value, field)
        raise TypeError(f"expected a JSON value, got a {type(value).__name__}")

    def _object(self, value: Mapping[str, Any], field: str) -> dict[str, Any]:
        if value.keys() == {"__type__", "__value__"} and value["__type__"] == "ndarray":
            return {"__type__": "ndarray", "__value__": self._array(value["__value__"])}
        found = {}
        for name, each in value.items():
            if name in KEYS or name in WORDS:
                found[name] = self.document(each, name)
            elif _has_shape(name, field):
                found[name] = self.document(each, field)
            else:
                found[self._crn(name) or self._stand_in(name, "key")] = self.document(each)
        return found

    def _array(self, value: Any) -> Any:
        """An array of numbers, encoded again so that only the numbers stay; a stand-in for any other value."""
        try:
            packed = zlib.decompressobj()
            raw = packed.decompress(base64.b64decode(value, validate=True), _MOST_ARRAY_BYTES)
            array = None if packed.unconsumed_tail else np.load(io.BytesIO(raw), allow_pickle=False)
        except Exception:  # noqa: BLE001 - numpy raises anything on a damaged array
            array = None
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "buif":
            return self.document(value)
        body = io.BytesIO()
        np.save(body, array)
        return base64.b64encode(zlib.compress(body.getvalue())).decode()

    def _number(self, value: float, field: str) -> float:
        if field == "expiration":
            return value + self._shift.total_seconds() if type(value) is float else value + _seconds(self._shift)
        if field in KEYS and not field.lower().endswith("id") and field not in _KINDS.keys() | _OF_USERS:
            return value
        stand_in = self._numbers.setdefault(value, len(self._numbers) + 1)
        return float(stand_in) if type(value) is float else stand_in

    def text(self, text: str, field: str = "") -> str:
        """Return a text unchanged if it is public, else its stand-in.

        Args:
            text: The text.
            field: The name of its field.
        """
        if text == "" or (text in WORDS and field not in _OF_USERS) or _has_shape(text, field):
            return text
        return (
            self._time(text)
            or self._crn(text)
            or self._as_json(text)
            or (self.url(text) if _URL.fullmatch(text) else None)
            or (self._message(text) if field in MESSAGE_KEYS else None)
            or self._stand_in(text, _KINDS.get(field, "text"))
        )

    def _stand_in(self, text: str, kind: str) -> str:
        return self._numbered(text, kind)[1]

    def _numbered(self, text: str, kind: str) -> tuple[int, str]:
        """The number of a text in the fixture, and its stand-in."""
        number = len(self._texts) + 1
        made = f"{kind}-{number}"
        if _UUID.fullmatch(text):
            made = _uuid(number)
        elif _HEXADECIMAL.fullmatch(text):
            made = f"{number:032x}"
        return self._texts.setdefault(text, (number, made))

    def _time(self, text: str) -> str | None:
        found = _TIME.fullmatch(text)
        if not found:
            return None
        try:
            return (datetime.fromisoformat(found["whole"]) + self._shift).isoformat() + found["rest"]
        except (ValueError, OverflowError):
            return None

    def _crn(self, text: str) -> str | None:
        """A CRN with another account, instance and resource; a public region stays."""
        found = _CRN.fullmatch(text)
        if not found:
            return None
        cloud, type_of_cloud, service, region, scope, account, instance, kind, resource = found.groups(default="")
        public = (cloud, type_of_cloud, service, region)
        parts = [part if part in WORDS else self._part(part) for part in public]
        account = f"{self._numbered(account, 'part')[0]:032x}" if account else ""
        instance = _uuid(self._numbered(instance, "part")[0]) if instance else ""
        return ":".join(["crn:v1", *parts, scope + account, instance, self._part(kind), self._part(resource)])

    def _part(self, text: str) -> str:
        return self._stand_in(text, "part") if text else ""

    def _as_json(self, text: str) -> str | None:
        if text[:1] not in {"{", "["}:
            return None
        try:
            return json.dumps(self.document(json.loads(text)))
        except ValueError:
            return None

    def _message(self, text: str) -> str:
        def word(found: re.Match[str]) -> str:
            bare = found[0].rstrip(".:!?")
            rest = found[0][len(bare) :]
            is_public = bare.lower() in MESSAGE_WORDS or _DATE.fullmatch(bare) or not bare
            return (bare if is_public else self.text(bare)) + rest

        return _TOKEN.sub(word, text)

    def url(self, url: str) -> str:
        """Return a URL in which only the public host, public parts of the path and public names of the query stay.

        User, password, port and fragment are left out.
        """
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            return self._stand_in(url, "url")
        if parts.scheme not in {"http", "https", "ws", "wss"}:
            return self._stand_in(url, "url")
        if not HOSTS.fullmatch(host):
            host = f"{self._stand_in(host, 'host')}.example"
        path = "/".join(self._segment(segment) for segment in parts.path.split("/"))
        query = urlencode(
            [
                (name if name in KEYS else self._stand_in(name, "key"), self.text(value, name))
                for name, value in parse_qsl(parts.query, keep_blank_values=True)
            ]
        )
        return f"{parts.scheme}://{host}{path}" + (f"?{query}" if query else "")

    def _segment(self, segment: str) -> str:
        text = unquote(segment)
        return segment if segment in SEGMENTS else quote(self.text(text, "id"), safe="")

    def headers(self, headers: Mapping[str, str], recorded: Sequence[str]) -> dict[str, str]:
        """Return the redacted headers.

        Args:
            headers: The headers; upper and lower case in their names do not count.
            recorded: The names of the headers that are recorded, as they are spelt in the fixture.
        """
        given = {name.lower(): value for name, value in headers.items()}
        return {name: self._header(name, given[name.lower()]) for name in recorded if name.lower() in given}

    def _header(self, name: str, value: str) -> str:
        if name == "Content-Type":
            return _media_type(value)
        authorization = _AUTHORIZATION.fullmatch(value) if name == "Authorization" else None
        if authorization:
            return f"{authorization[1].capitalize()} {self._stand_in(authorization[2], 'secret')}"
        return self.text(value, name)

    def body(self, body: bytes, headers: Mapping[str, str]) -> dict[str, Any] | None:
        """Return a body as ``{"json": ...}``, ``{"form": {...}}`` or ``{"type": ..., "bytes": n}``.

        Args:
            body: The body. An empty one is returned as ``None``.
            headers: Its headers, of which ``Content-Type`` is read.
        """
        if not body:
            return None
        given = {name.lower(): value for name, value in headers.items()}
        media_type = _media_type(given.get("content-type", ""))
        try:
            text = body.decode()
            if media_type == "application/x-www-form-urlencoded":
                pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True)
                return {"form": self._object(dict(pairs), "")}
            return {"json": self.document(json.loads(text))}
        except (ValueError, RecursionError):
            return {"type": media_type, "bytes": len(body)}


def _has_shape(text: str, field: str) -> bool:
    return field in _SHAPES and _SHAPES[field].fullmatch(text) is not None


def _media_type(value: str) -> str:
    found = _MEDIA_TYPE.match(value.strip().lower())
    return found[1] if found else "other"


def _seconds(shift: timedelta) -> int:
    return round(shift.total_seconds())


def _uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def leaked(fixture: str, secrets: Sequence[str]) -> bool:
    """Return whether a fixture contains a secret: plain, in another case, URL-encoded, escaped or in base64.

    This is the last check before a fixture is written.

    Example:
        >>> leaked('{"a": "id-1"}', ["a-key"]), leaked('{"a": "YS1rZXk="}', ["a-key"])
        (False, True)
    """
    text = fixture.casefold()
    forms = (form for secret in secrets if secret for form in spellings(secret))
    return any(form.casefold() in text for form in forms)


def spellings(secret: str) -> tuple[str, ...]:
    """Return the spellings of a text in a JSON document: plain, URL-encoded, escaped, and in base64."""
    encoded = [base64.b64encode(secret.encode("utf-8", "surrogatepass")).decode().rstrip("=")]
    return (secret, quote(secret, safe="", errors="replace"), json.dumps(secret)[1:-1], *encoded)
