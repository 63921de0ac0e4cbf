"""Masking: secrets in texts and bodies are replaced by ``***``, in every spelling in which a server may repeat them.

A text is searched as it is and as it reads once percent-encoding, escapes of JSON and Python, HTML entities and line
breaks are undone, up to four times over. Upper and lower case count alike. A secret is also found in base64, wherever
it begins in what was encoded, and in hexadecimal. Pure.
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
_MOST_SEARCHED: Final = 500_000
"""Of a longer text only the plain spelling of a secret is searched, so that time and memory stay bounded."""
_MOST_DATA_UNESCAPED: Final = 50_000
"""In a longer body of data no escapes are undone: that takes a microsecond for some ten bytes."""
_LEAST_ENCODED: Final = 6
"""Of a shorter secret only the plain spelling is searched: a few characters in either case are anywhere."""
_LEAST_IN_DATA: Final = 12
"""A shorter secret may be a word of the data itself, such as a token ``"test"`` of a local service."""
_ESCAPE: Final = re.compile(
    rb"%(?P<percent>[0-9A-Fa-f]{2})"
    rb"|\\(?:u(?P<unit>[0-9A-Fa-f]{4})|u\{(?P<braced>[0-9A-Fa-f]{1,6})\}|U(?P<long>[0-9A-Fa-f]{8})"
    rb"|x(?P<byte>[0-9A-Fa-f]{2})|(?P<line>[rnt][ \t]*)|(?P<sign>[^0-9A-Za-z]))"
    rb"|&(?:#(?P<decimal>[0-9]{1,7});?|#[xX](?P<hexadecimal>[0-9A-Fa-f]{1,6});?|(?P<name>amp|lt|gt|quot|apos);)"
    rb"|(?P<break>[\r\n]+[ \t]*)"
)
_SIGNS: Final = (b"%", b"\\", b"&", b"\r", b"\n")
"""Those with which an escape begins."""
_NAMED: Final = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'"}


@frozen
class Secrets:
    r"""Texts that are in no message. It is in no repr what they are.

    Example:
        >>> secrets = Secrets.of(["a-key/1"])
        >>> secrets.masked("the key A-KEY/1, a%2Dkey%2f1, YS1rZXkvMQ== and a-ke\\u0079/1 is unknown")
        'the key ***, ***, ***Q== and *** is unknown'
        >>> secrets
        Secrets()
    """

    texts: frozenset[str] = field(repr=False)
    """The secrets, none of them empty."""

    @classmethod
    def of(cls, texts: Iterable[str | None]) -> Secrets:
        """Return these as secrets; those that are empty or ``None`` are left out."""
        return cls(frozenset(str(text) for text in texts if text))

    def plus(self, texts: Iterable[str | None]) -> Secrets:
        """Return these and further ones."""
        more = {str(text) for text in texts if text} - self.texts
        return Secrets.of(self.texts | more) if more else self

    def masked(self, text: str) -> str:
        """Return a text with every secret in it replaced."""
        raw = text.encode("utf-8", "surrogatepass")
        found = _masked(raw, self.texts)
        return text if found is raw else found.decode("utf-8", "replace")

    def masked_body(self, body: bytes) -> bytes:
        """Return the body of a reply that is data, with every secret in it replaced; JSON stays JSON.

        A secret of less than 12 characters stays, since it may be a word of the data.
        """
        depth = _DEPTH if len(body) <= _MOST_DATA_UNESCAPED else 1
        return _masked(body, frozenset(text for text in self.texts if len(text) >= _LEAST_IN_DATA), depth)


def _needles(raw: bytes) -> Iterator[bytes]:
    """What is searched for, in lower case: a secret, as a form has it, in hexadecimal, and in base64."""
    yield raw.lower()
    # What looks like an escape in the secret itself is undone with those of the text.
    undone = _unescaped(raw)
    while undone is not None:
        yield undone.text.lower()
        undone = _unescaped(undone.text)
    yield raw.replace(b" ", b"+").lower()
    yield raw.hex().encode()
    for before in range(3):
        # Those characters that say nothing but the secret: the first and the last may be shared with what is beside it.
        encoded = base64.b64encode(bytes(before) + raw)[-(-before * 4 // 3) : (before + len(raw)) * 4 // 3].lower()
        yield encoded
        yield encoded.replace(b"+", b"-").replace(b"/", b"_")


@lru_cache(maxsize=16)
def _all_needles(secrets: frozenset[str]) -> tuple[bytes, ...]:
    """What is searched for, of secrets that are long enough to be searched in any spelling."""
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
    """A text with its escapes undone once, and where each of its parts was before."""

    text: bytes
    at: list[int]
    """Where a part begins in the text, in order."""
    was_at: list[tuple[int, int]]
    """Where that part begins before, and how long it is there if it was an escape, else 0."""

    def origin(self, place: int, *, at_end: bool = False) -> int:
        """Return where the byte at a place began, or ended, before."""
        number = bisect_right(self.at, place) - 1
        begin, length = self.was_at[number]
        if length:
            return begin + length if at_end else begin
        return begin + place - self.at[number] + at_end


def _unescaped(body: bytes) -> _Step | None:
    """A text with its escapes undone; ``None`` where it has none."""
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
    kind, said = escape.lastgroup, escape[escape.lastgroup or 0]
    match kind:
        case "percent" | "byte":
            return bytes([int(said, 16)])
        case "unit" | "braced" | "long" | "hexadecimal":
            return _character(int(said, 16))
        case "decimal":
            return _character(int(said))
        case "name":
            return _NAMED[said]
        case "sign":
            return said
        case _:
            return b""


def _character(number: int) -> bytes:
    return chr(number).encode("utf-8", "surrogatepass") if number < 0x110000 else b"?"
