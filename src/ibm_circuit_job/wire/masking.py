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
_SIGN: Final = re.compile(rb"[%\\&\r\n]")
"""The first character of an escape."""
_WITHOUT_MEANING: Final = ("line", "break")
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
        yield undone.lower()
        undone = _unescaped(undone)
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
    layers, found, escapes = [body], list[set[tuple[int, int]]](), list[_Escapes]()
    while len(layers) <= depth:
        found.append(_ranges(layers[-1], needles))
        if found[-1]:
            # Few texts contain a secret; to find out where their escapes are takes longer than to decode them.
            escapes += [_Escapes.of(layer) for layer in layers[len(escapes) : -1]]
            ranges = found[-1]
            for each, found_there in zip(reversed(escapes), reversed(found[:-1]), strict=True):
                ranges = each.origins(ranges) - found_there
                found_there.update(ranges)
        undone = _unescaped(layers[-1]) if len(layers) < depth else None
        if undone is None:
            break
        layers.append(undone)
    masked = _without(body, sorted(found[0])) if found[0] else body
    for secret in raw:
        if len(secret) < _LEAST_ENCODED:
            masked = masked.replace(secret, MASK.encode())
    return masked


def _ranges(layer: bytes, needles: Iterable[bytes]) -> set[tuple[int, int]]:
    """The begin and the end of each needle in a text, in upper or lower case."""
    lower, ranges = layer.lower(), set[tuple[int, int]]()
    for needle in needles:
        at = lower.find(needle)
        while at >= 0:
            ranges.add((at, at + len(needle)))
            at = lower.find(needle, at + len(needle))
    return ranges


def _without(body: bytes, ranges: list[tuple[int, int]]) -> bytes:
    pieces, reached = [], 0
    for begin, end in ranges:
        if begin >= reached:
            pieces += [body[reached:begin], MASK.encode()]
        reached = max(reached, end)
    return b"".join([*pieces, body[reached:]])


@frozen
class _Escapes:
    """The escapes of a text: where each is, and where its meaning is after a round of decoding."""

    at: list[int]
    """The offset of each meaning in the decoded text, ascending."""
    spans: list[tuple[int, int, int]]
    """The offset after the meaning, and the offsets of the escape itself and after it."""

    @classmethod
    def of(cls, text: bytes) -> _Escapes:
        at, spans, removed = list[int](), list[tuple[int, int, int]](), 0
        for escape in _ESCAPE.finditer(text):
            begin, end = escape.span()
            meant_at = begin - removed
            meant_end = meant_at + len(_meant(escape))
            removed = end - meant_end
            at.append(meant_at)
            spans.append((meant_end, begin, end))
        return cls(at, spans)

    def origins(self, ranges: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        """Return the ranges before decoding of ranges of the decoded text."""
        return {(self._origin(begin), self._origin(end - 1, at_end=True)) for begin, end in ranges}

    def _origin(self, place: int, *, at_end: bool = False) -> int:
        """Return the offset before decoding of the byte at *place*: of its start, or of its end."""
        number = bisect_right(self.at, place) - 1
        if number < 0:
            return place + at_end
        meant_end, begin, end = self.spans[number]
        if place < meant_end:
            return end if at_end else begin
        return end + place - meant_end + at_end


def _unescaped(body: bytes) -> bytes | None:
    """A text after one round of decoding; ``None`` if it has no escapes."""
    if not _SIGN.search(body):
        return None
    undone, number = _ESCAPE.subn(_meant, body)
    return undone if number else None


def _meant(escape: re.Match[bytes]) -> bytes:
    kind = escape.lastgroup
    # Of any length, and so not for the cache.
    return b"" if kind in _WITHOUT_MEANING else _meaning(kind, escape[kind or 0])


@lru_cache(maxsize=1024)
def _meaning(kind: str | None, code: bytes) -> bytes:
    match kind:
        case "percent" | "byte":
            return bytes([int(code, 16)])
        case "decimal":
            return _character(int(code))
        case "name":
            return _NAMED[code]
        case "sign":
            return code
        case _:
            return _character(int(code, 16))


def _character(number: int) -> bytes:
    return chr(number).encode("utf-8", "surrogatepass") if number < 0x110000 else b"?"
