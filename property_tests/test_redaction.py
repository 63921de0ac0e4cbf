"""Redaction: whatever a request or a reply holds, the fixture holds nothing of an account."""

import base64
import json
import string
from datetime import UTC, datetime
from urllib.parse import quote

import facts
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ibm_circuit_job.wire.exchange import Exchange
from ibm_circuit_job.wire.public_words import KEYS, MESSAGE_KEYS, MESSAGE_WORDS, SEGMENTS, WORDS
from ibm_circuit_job.wire.redaction import Redactor, fixture_of, leaked, spellings

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
PUBLIC = {word.casefold() for words in (KEYS, WORDS, MESSAGE_WORDS, SEGMENTS) for word in words}
FIELDS = sorted({name for table in facts.SHAPES.values() for name in table} | {"metadata", "items", "doc", "results"})

identifying = st.one_of(
    st.text(string.ascii_letters + string.digits + "-_.@+/=", min_size=6, max_size=40),
    st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C", "P", "S")), min_size=6, max_size=20),
    st.from_regex(r"\A[a-z]{3,8}\.[a-z]{3,8}@[a-z]{3,8}\.example\Z"),
    st.from_regex(r"\Acq[a-z0-9]{18}\Z"),
    st.uuids().map(str),
    st.uuids().map(lambda found: found.hex),
    st.builds("crn:v1:bluemix:public:quantum-computing:us-east:a/{}:{}::".format, st.uuids(), st.uuids()),
    st.ip_addresses(v=4).map(str),
    st.from_regex(r"\Ahttps://[a-z]{8}\.example/[a-z]{8}\?X-Amz-Signature=[0-9a-f]{16}\Z"),
).filter(lambda text: not any(len(each) > 4 and text.casefold() in each for each in PUBLIC) and len(set(text)) > 3)
"""Keys, tokens, names, IDs, emails, addresses."""


def json_inside(text):
    return json.dumps({"detail": json.dumps([text])})


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


ways = st.sampled_from(
    [
        str,
        str.upper,
        str.swapcase,
        lambda text: quote(text, safe=""),
        lambda text: base64.b64encode(text.encode()).decode(),
        basic,
        json_inside,
        lambda text: f"the job {text} of {text} is not found.",
        lambda text: f"https://{quote(text, safe='')}.example/{quote(text, safe='')}?id={quote(text, safe='')}",
        lambda text: f"Bearer {text}",
    ]
)
"""How a text may be spelt where it stands."""


def documents(texts):
    """Documents with these texts anywhere in them: as values, as parts of texts, and as names of fields."""
    written = st.builds(lambda way, text: way(text), ways, texts)
    leaves = st.one_of(
        written, written, st.none(), st.booleans(), st.integers(0, 999), st.floats(0, 1), st.just("Queued")
    )
    names = st.one_of(st.sampled_from(FIELDS), written)
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=10
    )


def exchange_with(text, document, way):
    body = json.dumps(document).encode()
    return Exchange(
        "POST",
        f"https://quantum.cloud.ibm.com/api/v1/jobs/{quote(text, safe='')}/results?tags={quote(text, safe='')}",
        404,
        {"Authorization": f"Bearer {text}", "Service-CRN": text, "Cookie": text, "Content-Type": text},
        body,
        {"Location": f"https://store.example/{quote(text, safe='')}", "Retry-After": text, "X-Trace": text, text: text},
        json.dumps({"errors": [{"message": way(text), "code": text}], "trace": text, text: document}).encode(),
    )


@given(text=identifying, data=st.data(), way=ways)
def test_nothing_identifying_is_in_the_fixture(text, data, way):
    document = data.draw(documents(st.just(text)))
    without = json.dumps(fixture_of([exchange_with("", [], str)], NOON)).casefold()
    assume(not any(spelt.casefold() in without for spelt in spellings(text)))
    fixture = json.dumps(fixture_of([exchange_with(text, document, way)], NOON))
    assert not leaked(fixture, [text])
    assert not leaked(json.dumps(json.loads(fixture), ensure_ascii=False), [text])


@given(texts=st.lists(identifying, min_size=2, max_size=6), field=st.sampled_from(["", *FIELDS]))
@example(texts=["2026-11-26T12:00:00Z", "2026-11-26T12:00:00+00:00"], field="created")
def test_equal_texts_become_equal_and_others_do_not(texts, field):
    redactor = Redactor(NOON)
    again = Redactor(NOON)
    found = [redactor.text(text, field) for text in texts]
    assert [redactor.text(text) for text in texts] == found or field in MESSAGE_KEYS
    assert [again.text(text, field) for text in texts] == found
    for one, of_one in zip(texts, found, strict=True):
        for other, of_other in zip(texts, found, strict=True):
            assert (one == other) == (of_one == of_other)


def same_structure(before, after):
    if isinstance(before, dict):
        assert len(before) == len(after)
        assert [name for name in before if name in KEYS] == [name for name in after if name in KEYS]
        for one, other in zip(before.values(), after.values(), strict=True):
            same_structure(one, other)
    elif isinstance(before, list):
        assert len(before) == len(after)
        for one, other in zip(before, after, strict=True):
            same_structure(one, other)
    else:
        assert type(before) is type(after)


@given(documents(identifying))
def test_structure_stays(document):
    same_structure(document, Redactor(NOON).document(document))


@given(st.binary(min_size=1), st.sampled_from(["application/json", "text/html; charset=utf-8", "multipart/a", ""]))
def test_any_body_is_recorded_without_its_text(body, media_type):
    found = Redactor(NOON).body(body, {"content-type": media_type})
    assert found.keys() in ({"json"}, {"type", "bytes"})
    assert found.get("bytes", len(body)) == len(body)


@given(st.sampled_from(["tags", "hub", "group", "project", "instance", "caller", "name", "user_id"]), st.integers(1000))
def test_number_that_names_something_of_the_user_is_replaced(field, number):
    assert list(Redactor(NOON).document({field: number}).values()) == [1]
    assert list(Redactor(NOON).document({field: [number]}).values()) == [[1]]
