"""A record, read and shown: its fields, as text, as HTML, and where it stands in the queue."""

import html.parser
import pickle
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import Job, JobDetails, JobInputs, JobMetrics, QueueInfo, ResultPayload, StatusReport, refresh
from ibm_circuit_job.state.facts import JobName, JobTags, micros_of
from ibm_circuit_job.state.shown import job_view
from ibm_circuit_job.views.records import JobView

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
DETAILS = JobDetails(
    NOON,
    backend="ibm_x",
    program="sampler",
    created=NOON,
    name="mine",
    tags=["t1", "t2"],
    session_id="s",
    run_mode="fairshare",
    usage_estimate=2.5,
    private=True,
)
FULL = Job(
    "a",
    StatusReport(NOON, JobStatus.ERROR, "Failed", "No.", 1517),
    DETAILS,
    JobMetrics(NOON, timestamps=[("running", NOON)]),
    JobInputs(NOON, b"{}"),
    ResultPayload(NOON, b"x" * 1234),
)
LATER = NOON + timedelta(hours=1)
LATER_DETAILS = evolve(DETAILS, observed_at=LATER, stamp=micros_of(LATER))
FIELDS = ("backend", "program", "created", "name", "tags", "session_id", "run_mode", "usage_estimate", "private")


@pytest.mark.parametrize("name", FIELDS)
def test_field_is_that_of_the_details(name):
    assert getattr(FULL, name) == getattr(DETAILS, name)
    assert getattr(Job("a"), name) == (() if name == "tags" else None)


def test_facts_and_stamp_are_those_of_the_slots():
    assert FULL.facts == (FULL.status, FULL.details, FULL.metrics, FULL.inputs, FULL.payload)
    newer = JobInputs(NOON + timedelta(seconds=1), b"{}")
    assert Job("a", FULL.status, inputs=newer).stamp == newer.stamp
    assert Job("a").stamp is None


def test_assumed_end_is_not_a_confirmed_one():
    assumed = Job("a", StatusReport(NOON, JobStatus.CANCELLED, "Cancelled", assumed=True))
    assert (assumed.is_final, assumed.is_confirmed_final) == (True, False)
    assert (FULL.is_final, FULL.is_confirmed_final) == (True, True)
    assert "CANCELLED, assumed" in str(assumed)


def test_view_has_what_the_facts_of_a_job_that_waits_say():
    report = StatusReport(LATER, JobStatus.QUEUED, "Pending", "Soon.", assumed=True)
    details = refresh(Job("a"), JobDetails(NOON, service_url="https://x"), LATER_DETAILS).details
    metrics = JobMetrics(
        NOON,
        timestamps=[("created", NOON)],
        position_in_queue=7,
        estimated_start=LATER,
        estimated_completion=LATER + timedelta(hours=1),
        charged_seconds=2.0,
        usage_status="pending",
    )
    view = JobView(
        "a",
        status="QUEUED",
        server_status="Pending",
        is_assumed=True,
        seen_at=LATER,
        reason="Soon.",
        name="mine",
        backend="ibm_x",
        program="sampler",
        created=NOON,
        submitted=NOON,
        service_url="https://x",
        steps=[("created", NOON)],
        place=7,
        expected_start=LATER,
        expected_end=LATER + timedelta(hours=1),
        usage=0.0,
        usage_is_pending=True,
        usage_estimate=2.5,
        tags=["t1", "t2"],
        session_id="s",
        private=True,
    )
    assert job_view("a", report, details, metrics) == view
    assert job_view("a", report, LATER_DETAILS, metrics) == evolve(view, service_url=None, submitted=None)
    assert job_view("a", None, None, None) == JobView("a")


def test_view_of_a_job_that_has_ended_says_when_and_what_it_used():
    steps = [("completed", NOON + timedelta(seconds=5)), ("FINISHED", LATER), ("billed", LATER + timedelta(hours=1))]
    metrics = JobMetrics(NOON, timestamps=steps, position_in_queue=7, estimated_start=LATER)
    view = job_view("a", FULL.status, JobDetails(NOON, charged_seconds=4, usage_status="pending"), metrics)
    assert (view.ended, view.usage, view.usage_is_pending) == (LATER, 0.0, True)
    assert (view.place, view.expected_start, view.steps) == (None, None, tuple(steps))


def test_text_has_a_line_for_each_thing_that_is_known():
    assert str(Job("a")) == "Job a"
    assert str(FULL).splitlines() == [
        "Job a",
        "  status   ERROR, the service says 'Failed', seen 2024-02-03 12:00:00 UTC",
        "  reason   No.",
        "  created  2024-02-03 12:00:00 UTC",
        "  backend  ibm_x",
        "  program  sampler",
        "  name     mine",
        "  tags     t1, t2",
        "  session  s",
        "  steps    running 2024-02-03 12:00:00 UTC",
        "  inputs   2 bytes",
        "  result   1,234 bytes",
    ]


def test_repr_names_the_slots_that_are_filled():
    assert repr(Job("a", inputs=FULL.inputs)) == f"Job('a', inputs={FULL.inputs!r})"


class Words(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.words = []
        self.feed(text)

    def handle_data(self, data):
        self.words += data.split()


def test_html_has_status_reason_and_details():
    words = Words(FULL._repr_html_()).words
    assert {"ERROR", "No.", "ibm_x", "sampler", "mine", "t1"} <= {word.strip(",") for word in words}
    assert "a" in Words(Job("a")._repr_html_()).words


def test_expected_start_is_shown_until_the_job_has_ended():
    metrics = JobMetrics(NOON, position_in_queue=3, estimated_start=datetime(2031, 5, 6, tzinfo=UTC))
    queued = Job("a", StatusReport(NOON, JobStatus.QUEUED, "Queued"), metrics=metrics)
    assert "2031" in queued._repr_html_()
    assert "2031" not in Job("a", FULL.status, metrics=metrics)._repr_html_()


def test_record_of_an_older_version_is_unpickled_with_its_tags():
    older = Job("a").__getstate__()
    older |= {"retagged": JobTags(NOON, ["x"]), "renamed": JobName(NOON, "mine")}
    job = Job.__new__(Job)
    job.__setstate__(older)
    assert (job.tags, job.name) == (("x",), "mine")
    assert pickle.loads(pickle.dumps(FULL)) == FULL


def test_queue_info_shows_what_is_known():
    info = QueueInfo("a", position=3, status="Queued", estimated_start_time=NOON, hub_priority=0.5)
    assert repr(info).startswith("QueueInfo(job_id='a', position=3, status='Queued'")
    assert info.format().splitlines()[1:3] == ["    queue position: 3", "    status: Queued"]
    assert "3" in Words(info._repr_html_()).words
