"""Masking: secrets in texts and bodies are replaced by ``***``, in every encoding that a server may use.

The text is searched as it is, and again after each of up to four rounds of decoding. A round decodes percent-encoding,
escapes of JSON and Python, HTML entities and line breaks. Upper and lower case do not count. A secret is also found in
hexadecimal, and in base64 at any offset. All functions are pure.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from attrs import field, frozen

from ibm_circuit_job.wire.hidden_values import MASK

_DEPTH: Final = 4
"""How many times a text is searched: as it is, and after each round of decoding."""
_MOST_SEARCHED: Final = 500_000
"""Bytes. A longer text is searched for the plain secret only, which bounds time and memory."""
_MOST_DATA_UNESCAPED: Final = 50_000
"""Bytes. A longer body of data is not decoded: decoding ten bytes takes about a microsecond."""
_LEAST_ENCODED: Final = 6
"""Bytes. A shorter secret is searched in its plain spelling only: its few characters in any case occur everywhere."""
_LEAST_IN_DATA: Final = 12
"""Characters. A shorter secret may also be a word of the data, such as the token ``"test"`` of a local service."""
_ESCAPE: Final = re.compile(
    rb"%(?P<percent>[0-9A-Fa-f]{2})"
    rb"|\\(?:u(?P<unit>[0-9A-Fa-f]{4})|u\{(?P<braced>[0-9A-Fa-f]{1,6})\}|U(?P<long>[0-9A-Fa-f]{8})"
    rb"|x(?P<byte>[0-9A-Fa-f]{2})|(?P<line>[rnt][ \t]*)|(?P<sign>[^0-9A-Za-z]))"
    rb"|&(?:#(?P<decimal>[0-9]{1,7});?|#[xX](?P<hexadecimal>[0-9A-Fa-f]{1,6});?|(?P<name>amp|lt|gt|quot|apos);)"
    rb"|(?P<break>[\r\n]+[ \t]*)"
)
_SIGNS: Final = (b"%", b"\\", b"&", b"\r", b"\n")
"""The first characters of escapes."""
_NAMED: Final = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'"}


@frozen
class Secrets:
    r"""Texts that no message may contain. The repr does not show them.

    Example:
        >>> secrets = Secrets.of(["a-key/1"])
        >>> secrets.masked("the key A-KEY/1, a%2Dkey%2f1, YS1rZXkvMQ== and a-ke\\u0079/1 is unknown")
        'the key ***, ***, ***Q== and *** is unknown'
        >>> secrets
        Secrets()
    """

    texts: frozenset[str] = field(repr=False)
    """The secrets; none of them is empty."""

    @classmethod
    def of(cls, texts: Iterable[str | None]) -> Secrets:
        """Return texts as secrets; empty texts and ``None`` are left out."""
        return cls(frozenset(str(text) for text in texts if text))

    def plus(self, texts: Iterable[str | None]) -> Secrets:
        """Return these secrets with further ones."""
        more = {str(text) for text in texts if text} - self.texts
        return Secrets.of(self.texts | more) if more else self

    def masked(self, text: str) -> str:
        """Return a text with ``***`` in place of every secret."""
        raw = text.encode("utf-8", "surrogatepass")
        found = _masked(raw, self.texts)
        return text if found is raw else found.decode("utf-8", "replace")

    def masked_body(self, body: bytes) -> bytes:
        """Return the body of a reply with ``***`` in place of every secret; JSON stays JSON.

        Secrets of less than 12 characters are not replaced, because they may be words of the data.
        """
        depth = _DEPTH if len(body) <= _MOST_DATA_UNESCAPED else 1
        return _masked(body, frozenset(text for text in self.texts if len(text) >= _LEAST_IN_DATA), depth)


def _needles(raw: bytes) -> Iterator[bytes]:
    """The spellings of a secret, in lower case: plain, as in a form, in hexadecimal, and in base64."""
    yield raw.lower()
    # Decoding the text also decodes anything in the secret that looks like an escape.
    undone = _unescaped(raw)
    while undone is not None:
        yield undone.text.lower()
        undone = _unescaped(undone.text)
    yield raw.replace(b" ", b"+").lower()
    yield raw.hex().encode()
    for before in range(3):
        # Without the first and the last character, which may also encode bits of the neighbouring bytes.
        encoded = base64.b64encode(bytes(before) + raw)[-(-before * 4 // 3) : (before + len(raw)) * 4 // 3].lower()
        yield encoded
        yield encoded.replace(b"+", b"-").replace(b"/", b"_")


@lru_cache(maxsize=16)
def _all_needles(secrets: frozenset[str]) -> tuple[bytes, ...]:
    """The spellings of all secrets that are long enough for a search in any spelling."""
    raw = (secret.encode("utf-8", "surrogatepass") for secret in secrets)
    return tuple({needle for secret in raw if len(secret) >= _LEAST_ENCODED for needle in _needles(secret) if needle})


def _masked(body: bytes, secrets: frozenset[str], depth: int = _DEPTH) -> bytes:
    raw = [secret.encode("utf-8", "surrogatepass") for secret in secrets]
    if len(body) > _MOST_SEARCHED:
        for secret in sorted(raw, key=len, reverse=True):
            body = body.replace(secret, MASK.encode())
        return body
    needles = _all_needles(secrets)
    found: list[tuple[int, int]] = []
    layer, steps = body, list[_Step]()
    for remaining in range(depth, 0, -1):
        lower = layer.lower()
        for needle in needles:
            at = lower.find(needle)
            while at >= 0:
                begin, end = at, at + len(needle)
                for step in reversed(steps):
                    begin, end = step.origin(begin), step.origin(end - 1, at_end=True)
                found.append((begin, end))
                at = lower.find(needle, at + len(needle))
        undone = _unescaped(layer) if remaining > 1 else None
        if undone is None:
            break
        layer = undone.text
        steps.append(undone)
    masked = _without(body, sorted(found)) if found else body
    for secret in raw:
        if len(secret) < _LEAST_ENCODED:
            masked = masked.replace(secret, MASK.encode())
    return masked


def _without(body: bytes, ranges: list[tuple[int, int]]) -> bytes:
    pieces, reached = [], 0
    for begin, end in ranges:
        if begin >= reached:
            pieces += [body[reached:begin], MASK.encode()]
        reached = max(reached, end)
    return b"".join([*pieces, body[reached:]])


@frozen
class _Step:
    """A text after one round of decoding, and where each of its parts was before that round."""

    text: bytes
    at: list[int]
    """The offset of each part in the decoded text, ascending."""
    was_at: list[tuple[int, int]]
    """The offset of each part before decoding; and its length there if it was an escape, else 0."""

    def origin(self, place: int, *, at_end: bool = False) -> int:
        """Return the offset before decoding of the byte at *place*: of its start, or of its end."""
        number = bisect_right(self.at, place) - 1
        begin, length = self.was_at[number]
        if length:
            return begin + length if at_end else begin
        return begin + place - self.at[number] + at_end


def _unescaped(body: bytes) -> _Step | None:
    """A text after one round of decoding; ``None`` if it has no escapes."""
    if not any(sign in body for sign in _SIGNS):
        return None
    pieces: list[bytes] = []
    at, was_at, size, reached = list[int](), list[tuple[int, int]](), 0, 0
    for escape in _ESCAPE.finditer(body):
        for piece, place, length in (
            (body[reached : escape.start()], reached, 0),
            (_meant(escape), escape.start(), len(escape[0])),
        ):
            if piece:
                pieces.append(piece)
                at.append(size)
                was_at.append((place, length))
                size += len(piece)
        reached = escape.end()
    if reached == 0:
        return None
    at.append(size)
    was_at.append((reached, 0))
    return _Step(b"".join([*pieces, body[reached:]]), at, was_at)


def _meant(escape: re.Match[bytes]) -> bytes:
    kind, code = escape.lastgroup, escape[escape.lastgroup or 0]
    match kind:
        case "percent" | "byte":
            return bytes([int(code, 16)])
        case "unit" | "braced" | "long" | "hexadecimal":
            return _character(int(code, 16))
        case "decimal":
            return _character(int(code))
        case "name":
            return _NAMED[code]
        case "sign":
            return code
        case _:
            return b""


def _character(number: int) -> bytes:
    return chr(number).encode("utf-8", "surrogatepass") if number < 0x110000 else b"?"
