"""Secrets are found in every spelling, and nothing else is replaced."""

import base64
import html
import json
import string
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibm_circuit_job.wire.hidden_values import HiddenBytes, HiddenText
from ibm_circuit_job.wire.masking import Secrets

# A backslash at the end of a key escapes what follows the key.
keys = st.text(string.ascii_letters + string.digits + string.punctuation, min_size=8, max_size=60).filter(
    lambda key: not key.endswith("\\")
)
beside = st.text("abc XYZ/:.", max_size=8)


def every_sign(form):
    return lambda key: "".join(form.format(ord(sign)) for sign in key)


SPELLINGS = {
    "plain": str,
    "upper": str.upper,
    "lower": str.lower,
    "quoted": lambda key: quote(key, safe=""),
    "quoted twice": lambda key: quote(quote(key, safe=""), safe=""),
    "a form": quote_plus,
    "quoted whole": every_sign("%{:02X}"),
    "json": lambda key: json.dumps(key)[1:-1],
    "json in json": lambda key: json.dumps(json.dumps(key))[1:-1],
    "unicode": every_sign("\\u{:04x}"),
    "UNICODE": every_sign("\\u{:04X}"),
    "bytes": every_sign("\\x{:02x}"),
    "html": html.escape,
    "decimal": every_sign("&#{};"),
    "hexadecimal": every_sign("&#x{:X};"),
    "hex": lambda key: key.encode().hex(),
    "HEX": lambda key: key.encode().hex().upper(),
}


@given(keys, beside, beside)
def test_every_spelling_is_replaced(key, before, after):
    secrets = Secrets.of([key])
    shown = {}
    for name, spelling in SPELLINGS.items():
        spelt = spelling(key)
        masked = secrets.masked(f"{before} {spelt} {after}")
        if spelt in masked or "***" not in masked:
            shown[name] = masked
    assert shown == {}


@given(
    keys.filter(lambda key: not set(key) & set("\\%&")),
    st.integers(1, 7),
    st.sampled_from(["\n", "\r\n", "\n  ", "\r\n\t"]),
)
def test_secret_that_is_split_by_line_breaks_is_replaced(key, at, line_break):
    for spelt in (line_break.join([key[:at], key[at:]]), line_break.join(key)):
        assert Secrets.of([key]).masked(spelt) == "***"
        assert Secrets.of([key]).masked(json.dumps(spelt)) == '"***"'


@given(keys, st.binary(max_size=7), st.binary(max_size=7))
def test_base64_is_replaced_wherever_it_begins(key, before, after):
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        spelt = encode(before + key.encode() + after).decode()
        masked = Secrets.of([key]).masked(spelt)
        assert "***" in masked
        certain = encode(key.encode()).decode()[4:-4]
        assert len(certain) < 6 or certain not in masked.replace("***", "")


@given(st.text(string.ascii_letters + string.punctuation, max_size=200))
def test_text_without_a_secret_stays_as_it_is(text):
    secrets = Secrets.of(["0123456789-0123456789"])
    assert secrets.masked(text) is text
    assert secrets.masked_body(body := text.encode()) is body


@given(keys.filter(lambda key: len(key) >= 12), st.text(max_size=20))
def test_json_stays_json(key, text):
    masked = Secrets.of([key]).masked_body(json.dumps({"a": [key, text], "b": f"{text} {key}"}).encode())
    assert json.loads(masked)["a"][0] == "***"


def test_short_secret_may_be_a_word_of_the_data():
    secrets = Secrets.of(["simulator", None, ""])
    assert secrets.masked_body(b'{"simulator": true}') == b'{"simulator": true}'
    assert secrets.masked("simulator") == "***"


def test_very_short_secret_is_replaced_as_it_is_spelled():
    assert Secrets.of(["x"]).masked("BXNIM0415E: the key x is unknown") == "BXNIM0415E: the key *** is unknown"


def test_overlapping_secrets_are_replaced_as_one():
    assert Secrets.of(["abcdefgh", "efghijkl", "abcd"]).masked("<abcdefghijkl>") == "<***>"


def test_large_body_is_searched_for_the_plain_spelling():
    body = b"x" * 600_000 + b"a-long-enough-key"
    assert Secrets.of(["a-long-enough-key"]).masked_body(body) == b"x" * 600_000 + b"***"


@pytest.mark.parametrize("piece", ["\\", "%25", "&amp;", "\r\n", "a"])
def test_endless_escapes_take_seconds_at_most(piece):
    began = time.process_time()
    Secrets.of(["a" * 40, "key" * 400]).masked(piece * (100_000 // len(piece)))
    assert time.process_time() - began < 20


def test_reprs_show_nothing():
    assert repr([HiddenText("key"), HiddenBytes(b"key"), Secrets.of(["key"])]) == "['***', b'***', Secrets()]"
