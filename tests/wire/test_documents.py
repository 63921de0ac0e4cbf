"""JSON of a server that is not trusted: what is mended, and what is refused."""

import gc
import weakref

import msgspec
import pytest
from returns.result import Success

from ibm_circuit_job.wire import documents

MENDED = [
    (b"\xef\xbb\xbf[1]", [1]),
    (b'[NaN, -Infinity, "NaN"]', [None, None, "NaN"]),
    (b'["\\ud800", "\\ud83d\\ude00"]', ["\ufffd", "\U0001f600"]),
    (b'[1e400, -1e400, "1e400", 1e-400]', [None, None, "1e400", 0.0]),
    (b"[" + b"9" * 5000 + b"]", [None]),
    (b'["\\ud800", NaN, 1e400]', ["\ufffd", None, None]),
    (b"[" + b"9" * 250 + b"e99, 1e-" + b"9" * 300 + b", 1E+400, 1e300]", [None, 0.0, None, 1e300]),
    (b'{"a": 1, "a": 2}', {"a": 2}),
]


@pytest.mark.parametrize(("body", "expected"), MENDED)
def test_slip_is_mended(body, expected):
    assert documents.value(body, "body") == Success(expected)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 100_000, b'"\xff"', b"[1,", b'{"a": 1e400,'])
def test_what_is_no_json_is_refused(body):
    assert documents.value(body, "body").failure().message.startswith("expected a JSON value, got ")


def test_field_is_decoded_alone():
    found = documents.fields(b'{"a": 1e400, "b": [2], "c": "\xff"}', "body").unwrap()
    assert documents.decoded(found["a"]) is None
    assert documents.decoded(found["b"]) == [2]
    with pytest.raises(ValueError, match="UTF-8"):
        documents.decoded(found["c"])


def test_elements_stay_bytes():
    assert documents.elements(msgspec.Raw(b"[1, {}]"), "body").map(lambda found: [*map(bytes, found)]).unwrap() == [
        b"1",
        b"{}",
    ]


DIGITS = b",".join([b"9" * 299] * 50)
UNTOUCHED = {
    "another slip": b"[" + DIGITS + b', NaN, "e123"]',
    "a page": b"<html>NaN 1e400" + DIGITS,
    "words": b"Bad NaN 1e400" + DIGITS,
    "a body that was cut off": b"[1e40, " + DIGITS,
}


@pytest.mark.parametrize("kind", UNTOUCHED)
def test_numbers_are_only_looked_at_where_one_is_too_large(kind, monkeypatch):
    monkeypatch.setattr(documents, "_PERHAPS_TOO_LARGE", None)
    assert isinstance(documents.value(UNTOUCHED[kind], "body"), Success) is (kind == "another slip")


def test_run_of_digits_is_tried_once():
    numbers = documents._PERHAPS_TOO_LARGE.finditer(b"[" + b"9" * 199 + b", 1.5e7, -0.1, 1e400]")
    assert [match.start("number") for match in numbers if match["number"]] == [215]
    assert documents._PERHAPS_TOO_LARGE.match(b"9" * 400, 1) is None


@pytest.mark.parametrize("body", [b"{", b'{"a": NaN', b"[" * 100_000], ids=["cut off", "and mended", "nested"])
def test_body_that_cannot_be_read_keeps_nothing_of_its_caller(body):
    """A caller has the reply, and with it a socket, which would stay open until Python collects garbage."""

    class Reply:
        pass

    def read():
        reply = Reply()
        assert not isinstance(documents.value(body, "body"), Success)
        return weakref.ref(reply)

    gc.disable()
    try:
        assert read()() is None
    finally:
        gc.enable()
