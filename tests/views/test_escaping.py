"""No text of a job, an account or a backend becomes a part of the page's structure, whatever it is."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from ibm_circuit_job.views import html, live, page
from ibm_circuit_job.views.page_records import CircuitView, CouplingView, DeviceView, QubitView, WholeJobView
from ibm_circuit_job.views.records import (
    BackendView,
    CountsView,
    JobView,
    ProviderView,
    QueueView,
    ResultView,
    StoreView,
)

MARKUP = [
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    '"><b onclick="x">',
    "'><!--",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;i&gt;&#60;i&#62;",
    "\x00\ud800\u202e<i>",
    "<" * 1000,
]
CONTROLS = {*map(chr, [*range(32), *range(127, 160)])}
FEWER = settings(max_examples=settings.default.max_examples * 2 // 5)
"""Each example has dozens of texts."""
texts = st.text(st.characters(exclude_categories=())) | st.sampled_from(MARKUP)
few = st.lists(texts, max_size=3) | st.lists(texts, min_size=24, max_size=30)
moments = st.datetimes(timezones=st.just(UTC))
whole = st.integers()
seconds = st.floats()
steps = st.lists(st.tuples(texts, moments), max_size=3)


def maybe(strategy):
    return st.none() | strategy


def of(kind, **fields):
    """Any record of a kind; what is not named is any text, or not known."""
    named = {field.name: fields.get(field.name, maybe(texts)) for field in attrs.fields(kind)}
    return st.builds(kind, **named)


circuits = of(CountsView, counts=st.dictionaries(texts, st.integers(min_value=0), max_size=12))
results = of(
    ResultView,
    success=maybe(st.booleans()),
    shots=maybe(whole),
    circuits=st.lists(circuits, max_size=2),
    number_of_circuits=whole,
)
jobs = of(
    JobView,
    job_id=texts,
    status=maybe(st.sampled_from(sorted(html._MARKS)) | texts),
    is_assumed=st.booleans(),
    seen_at=maybe(moments),
    created=maybe(moments),
    steps=steps,
    place=maybe(whole),
    expected_start=maybe(moments),
    expected_end=maybe(moments),
    ended=maybe(moments),
    shots=maybe(whole),
    usage=maybe(seconds),
    usage_is_pending=st.booleans(),
    usage_estimate=maybe(seconds),
    tags=few,
    private=maybe(st.booleans()),
    result=maybe(results),
)
queues = of(
    QueueView,
    job_id=texts,
    position=maybe(whole),
    expected_start=maybe(moments),
    expected_end=maybe(moments),
    priorities=st.lists(st.tuples(texts, maybe(seconds)), max_size=3),
)
providers = of(ProviderView, url=texts, backends=few)
backends = of(
    BackendView,
    name=texts,
    num_qubits=maybe(whole),
    simulator=maybe(st.booleans()),
    basis_gates=few,
    max_shots=maybe(whole),
    max_circuits=maybe(whole),
    online_since=maybe(moments),
    calibrated_at=maybe(moments),
)
stores = of(StoreView, location=texts)
zones = st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12), "<b>")])


class Structure(HTMLParser):
    """The tags of a page, with the names of their attributes, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, *(name for name, _ in attrs)))

    def handle_endtag(self, tag):
        self.tags.append(f"/{tag}")

    def handle_data(self, data):
        self.texts.append(data)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    handle_decl = handle_pi = unknown_decl = handle_comment


def harmless(value):
    """The same value with harmless texts."""
    if isinstance(value, str):
        return "x"
    if isinstance(value, tuple):
        return tuple(map(harmless, value))
    if isinstance(value, Mapping):
        return {f"x{number}": count for number, count in enumerate(value.values())}
    if attrs.has(type(value)):
        return attrs.evolve(
            value, **{field.name: harmless(getattr(value, field.name)) for field in attrs.fields(type(value))}
        )
    return value


def assert_harmless(show, value):
    text = show(value)
    text.encode()
    assert Structure(text).tags == Structure(show(harmless(value))).tags
    assert "script" not in [tag[0] for tag in Structure(text).tags]


@FEWER
@given(jobs, zones)
def test_a_job_shows_any_text_as_text(job, zone):
    assert_harmless(lambda view: html.job_html(view, zone), job)


@FEWER
@given(st.lists(jobs, max_size=2), zones)
def test_a_table_of_jobs_shows_any_text_as_text(listed, zone):
    assert_harmless(lambda views: html.jobs_html(views, zone), tuple(listed))


@FEWER
@given(st.lists(jobs, max_size=2), moments, zones)
def test_a_live_table_shows_any_text_as_text(listed, now, zone):
    assert_harmless(lambda views: html.live_html(views, now, zone), tuple(listed))


@FEWER
@given(jobs, moments, zones)
def test_a_live_line_is_one_line_without_controls(job, now, zone):
    lines = [live.describe(job, now, zone), *live.row(job, now, zone), live.how_to_come_back([job])]
    assert not {sign for line in lines for sign in line} & CONTROLS


@FEWER
@given(queues, zones)
def test_a_place_in_the_queue_shows_any_text_as_text(queue, zone):
    assert_harmless(lambda view: html.queue_html(view, zone), queue)


@FEWER
@given(results)
def test_a_result_shows_any_text_as_text(result):
    assert_harmless(html.result_html, result)


@FEWER
@given(providers)
def test_an_account_shows_any_text_as_text(provider):
    assert_harmless(html.provider_html, provider)


@FEWER
@given(backends, zones)
def test_a_backend_shows_any_text_as_text(backend, zone):
    assert_harmless(lambda view: html.backend_html(view, zone), backend)


@FEWER
@given(stores)
def test_a_store_shows_any_text_as_text(store):
    assert_harmless(html.store_html, store)


@FEWER
@given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=200))
def test_a_text_is_there_as_it_was(name):
    assert name in Structure(html.job_html(JobView("a", name=name))).texts


# The parts of a timeline have the names of steps, which these tests replace.
local_jobs = jobs.map(lambda job: attrs.evolve(job, steps=(), result=None))
whole_jobs = of(
    WholeJobView,
    job=local_jobs,
    circuits=st.lists(of(CircuitView, name=texts), max_size=2),
    number_of_circuits=whole,
    counts=st.lists(circuits, max_size=2),
    metrics=st.lists(st.tuples(texts, texts), max_size=2),
    log=few,
)
devices = of(
    DeviceView,
    name=texts,
    num_qubits=whole,
    simulator=st.booleans(),
    running=few,
    waiting=few,
    calibrated_at=maybe(moments),
    figures=st.lists(st.tuples(texts, texts), max_size=2),
    qubits=st.just([QubitView(0), QubitView(1, 1.0, 1.0, 0.5, 3)]),
    couplings=st.lists(of(CouplingView, first=st.just(0), second=st.just(1), error=maybe(seconds), level=st.none())),
)


@FEWER
@given(st.lists(local_jobs, max_size=2), zones)
def test_the_list_of_the_page_shows_any_text_as_text(listed, zone):
    assert_harmless(lambda views: page.job_list_html(views, zone=zone), tuple(listed))


@FEWER
@given(whole_jobs, zones)
def test_a_job_of_the_page_shows_any_text_as_text(job, zone):
    assert_harmless(lambda view: page.whole_job_html(view, datetime(2024, 1, 1, tzinfo=UTC), zone), job)


@FEWER
@given(st.lists(devices, max_size=2), zones)
def test_the_devices_of_the_page_show_any_text_as_text(listed, zone):
    assert_harmless(lambda views: page.device_list_html(views, zone), tuple(listed))
