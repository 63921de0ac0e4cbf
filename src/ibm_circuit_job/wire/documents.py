"""JSON documents from an untrusted server: decoded one level deep, with each field left as raw bytes.

A reader needs a few fields of a document that may have a hundred megabytes. So each field stays raw until a reader
decodes it.

These errors are tolerated: a duplicate key (the last one wins), a lone surrogate in a string (becomes U+FFFD), a byte
order mark, Python's NaN and Infinity, and numbers too large for a float (become null). Everything else that is not JSON
is an :class:`~ibm_circuit_job.errors.Unreadable`, and so is nesting beyond Python's recursion limit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job.errors import Unreadable

_T = TypeVar("_T")

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_elements = msgspec.json.Decoder(list[msgspec.Raw])
_value = msgspec.json.Decoder()

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
# Text without an error is matched in steps of bounded length, because no other thread runs during one step of re.
_NO_NUMBER = re.compile(
    rb'(?:[^"NI-]++|-(?!I)){1,9999}+|' + _STRING + rb"|(?P<no_number>\bNaN\b|-?\bInfinity\b)", re.DOTALL
)
# A number too large for a float has an exponent of two or more digits, or two hundred digits. Each number is matched
# only from its first character: starting at every digit of a long run would take seconds.
_PERHAPS_TOO_LARGE = re.compile(
    rb'(?:[^"\d-]++|(?<![\d.eE+-])-?\d{1,199}+(?:\.\d++)?(?:[eE](?:-\d++|\+?\d))?(?![\d.eE])){1,9999}+|'
    + _STRING
    + rb"|(?<![\d.eE+-])(?P<number>-?(?:\d++(?:\.\d++)?[eE]\+?\d\d++|\d{200,}+(?:\.\d++)?(?:[eE][+-]?\d++)?))",
    re.DOTALL,
)
_STARTS_AS_JSON = re.compile(rb'\s*[{\["\dNI-]')


def fields(body: bytes | msgspec.Raw, what: str) -> Result[dict[str, msgspec.Raw], Unreadable]:
    """Return the fields of a JSON object: name -> raw JSON.

    Args:
        body: The document.
        what: The kind of document, for the failure: ``"job reply"``.

    Example:
        >>> fields(b'{"id": "a", "params": {"shots": 1}}', "job reply").map(lambda found: bytes(found["params"]))
        <Success: b'{"shots": 1}'>
        >>> fields(b"<html>", "job reply").failure().message
        'expected a JSON object, got HTML: <html>'
    """
    return _lenient(_fields.decode, body, what, "a JSON object")


def elements(body: bytes | msgspec.Raw, what: str) -> Result[list[msgspec.Raw], Unreadable]:
    """Return the elements of a JSON array, each as raw JSON."""
    return _lenient(_elements.decode, body, what, "a JSON array")


def value(body: bytes | msgspec.Raw, what: str) -> Result[Any, Unreadable]:
    """Return the whole JSON document as dictionaries, lists, strings, numbers, booleans and ``None``."""
    return _lenient(_value.decode, body, what, "a JSON value")


def decoded(field: bytes | msgspec.Raw) -> Any:
    """Return a field as a dictionary, a list, a string, a number, a boolean or ``None``.

    Raises:
        ValueError: If it is not JSON; the message says what is wrong.
    """
    try:
        return _value.decode(field)
    except (ValueError, RecursionError):
        read = value(field, "field")
    match read:
        case Success(found):
            return found
        case Bad(wrong):
            raise ValueError(wrong.message)


def _lenient(
    decode: Callable[[bytes], _T], body: bytes | msgspec.Raw, what: str, expected: str
) -> Result[_T, Unreadable]:
    try:
        return Success(decode(body))
    except (ValueError, RecursionError) as first:
        # A traceback would keep what all callers have, such as a socket, until Python collects garbage.
        error = first.with_traceback(None)
    text = bytes(body)
    # Numbers come last, because their search takes longest, and the decoder's error says whether there are any.
    for mended in (_without_slips, _without_large_numbers):
        mending, text = text, mended(text, error)
        if mending == text:
            continue
        try:
            return Success(decode(text))
        except (ValueError, RecursionError) as next_error:
            error = next_error.with_traceback(None)
    return Bad(_unreadable(body, what, expected, error))


def _without_slips(body: bytes, _: Exception) -> bytes:
    """A body without its byte order mark; NaN, Infinity and lone surrogates are replaced."""
    text = body.removeprefix(_BYTE_ORDER_MARK)
    if not _STARTS_AS_JSON.match(text):
        return body
    if b"NaN" in text or b"Infinity" in text:
        text = _NO_NUMBER.sub(lambda match: b"null" if match["no_number"] else match[0], text)
    if b"\\ud" in text or b"\\uD" in text:
        text = _ESCAPE.sub(lambda match: rb"\ufffd" if match["lone"] else match[0], text)
    return text


def _without_large_numbers(body: bytes, error: Exception) -> bytes:
    """A body with null for each number too large for a float, if the decoder has found one."""
    return _PERHAPS_TOO_LARGE.sub(_unless_too_large, body) if "out of range" in str(error) else body


def _unless_too_large(match: re.Match[bytes]) -> bytes:
    if not match["number"] or math.isfinite(float(match["number"])):
        return match[0]
    return b"null"


def _unreadable(body: bytes | msgspec.Raw, what: str, expected: str, error: Exception) -> Unreadable:
    start = bytes(memoryview(body)[:200]).lstrip()
    if not start:
        got = "an empty body"
    elif start.startswith(b"<"):
        got = f"HTML: {_shortened(start)}"
    elif isinstance(error, RecursionError):
        got = "a document that is nested too deep"
    elif isinstance(error, UnicodeDecodeError):
        got = f"bytes that are not UTF-8 at offset {error.start}"
    else:
        got = f"{_shortened(start)} ({error})"
    return Unreadable(what, "", f"expected {expected}, got {got}", is_page=got.startswith("HTML"))


def _shortened(start: bytes, most: int = 60) -> str:
    text = start.decode("utf-8", "replace")
    return text if len(text) <= most else text[:most] + "..."
