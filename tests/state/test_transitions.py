"""Transitions of a record: what a join, a fact and a stamp come to, rule by rule."""

from datetime import UTC, datetime, timedelta

import pytest
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import Job, JobDetails, JobInputs, JobMetrics, ResultPayload, StatusReport
from ibm_circuit_job.state import transitions
from ibm_circuit_job.state.facts import JobName, JobTags, micros_of

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=1)


def said(status, at=NOON, **more):
    return StatusReport(at, status, status.name.title(), **more)


FULL = Job(
    "a",
    said(JobStatus.RUNNING),
    JobDetails(NOON, backend="b"),
    JobMetrics(NOON, position_in_queue=3),
    JobInputs(NOON, b"{}"),
    ResultPayload(NOON, b"{}"),
)


def test_merge_with_itself_or_less_is_the_same_object():
    for other in (FULL, Job("a"), Job("a", FULL.status), Job("a", payload=ResultPayload(NOON, b"{}"))):
        assert transitions.merge(FULL, other) is FULL


def test_merge_with_nothing_known_has_every_slot_of_the_other():
    assert transitions.merge(Job("a"), FULL) == FULL


def test_merge_of_many_is_that_of_each_in_turn():
    parts = [Job("a", FULL.status), Job("a"), Job("a", payload=FULL.payload)]
    assert transitions.merge_all(Job("a", inputs=FULL.inputs), parts) == Job(
        "a", FULL.status, inputs=FULL.inputs, payload=FULL.payload
    )
    assert transitions.merge_all(FULL, parts) is FULL


def test_merge_of_different_jobs_is_refused_by_their_names():
    with pytest.raises(ValueError, match=r"^expected two records of one job, got jobs 'a' and 'b'$"):
        transitions.merge(Job("a"), Job("b"))


@pytest.mark.parametrize(
    ("stronger", "weaker"),
    [
        (said(JobStatus.CANCELLED), said(JobStatus.RUNNING, LATER)),
        (said(JobStatus.CANCELLED), said(JobStatus.CANCELLED, LATER, assumed=True)),
        (said(JobStatus.ERROR), said(JobStatus.CANCELLED, LATER)),
        (said(JobStatus.DONE), said(JobStatus.ERROR, LATER)),
        (said(JobStatus.QUEUED, LATER), said(JobStatus.RUNNING)),
    ],
)
def test_stronger_status_holds_in_either_order(stronger, weaker):
    for order in ((stronger, weaker), (weaker, stronger)):
        held = transitions.refresh(Job("a"), *order).status
        assert (held.status, held.assumed) == (stronger.status, stronger.assumed)


def test_newer_body_holds_and_of_two_at_once_the_larger_digest():
    bodies = [ResultPayload(NOON, b"1"), ResultPayload(NOON, b"2")]
    larger = max(bodies, key=lambda body: body.sha256)
    for order in (bodies, bodies[::-1]):
        assert transitions.refresh(Job("a"), *order).payload == larger
    newer = ResultPayload(LATER, min(bodies, key=lambda body: body.sha256).raw)
    for order in ((larger, newer), (newer, larger)):
        assert transitions.refresh(Job("a"), *order).payload is newer


def test_tags_and_name_are_details_of_their_own_moment():
    job = transitions.refresh(Job("a"), JobTags(NOON, ["x"], stamp=7), JobName(NOON, "bell", stamp=8))
    assert (job.tags, job.name, job.stamp) == (("x",), "bell", 8)
    assert transitions.retag(job, ["y"], LATER).tags == ("y",)
    assert transitions.rename(job, "ghz", LATER).name == "ghz"


def test_cancel_is_assumed_with_moment_and_word_of_the_service():
    report = transitions.mark_cancelled(Job("a"), NOON).status
    assert report == StatusReport(NOON, JobStatus.CANCELLED, "Cancelled", assumed=True)


def test_status_leaves_the_other_slots():
    job = transitions.apply_status(FULL, said(JobStatus.DONE, LATER))
    assert job.status.status is JobStatus.DONE
    assert (job.details, job.metrics, job.inputs, job.payload) == (
        FULL.details,
        FULL.metrics,
        FULL.inputs,
        FULL.payload,
    )
    assert transitions.apply_status(job, said(JobStatus.RUNNING)) is job


def test_what_is_seen_now_keeps_its_stamps_if_it_is_the_newest():
    seen = Job("a", said(JobStatus.RUNNING, LATER))
    assert transitions.after(seen, Job("a"), LATER) is seen
    assert transitions.after_stamp(seen, micros_of(LATER) - 1, LATER) is seen


@pytest.mark.parametrize("ahead", [0, 1, 5_000_000])
def test_what_is_seen_now_comes_after_a_stamp_that_is_ahead(ahead):
    newest = micros_of(NOON) + ahead
    stamped = transitions.after_stamp(FULL, newest, NOON)
    assert {fact.stamp for fact in stamped.facts} == {newest + 1}
    assert {fact.observed_at for fact in stamped.facts} == {NOON}
    assert len(stamped.facts) == len(FULL.facts)
    assert stamped.job_id == "a"


def test_fact_that_is_stamped_later_than_needed_stays():
    late = JobDetails(NOON, backend="b", stamp=micros_of(NOON) + 100)
    assert transitions.after_stamp(Job("a", details=late), micros_of(NOON), NOON).details is late


def test_changes_are_what_differs_in_more_than_its_moment():
    again = Job(
        "a", said(JobStatus.RUNNING, LATER), JobDetails(LATER, backend="b"), JobMetrics(LATER, position_in_queue=3)
    )
    assert transitions.news(FULL, again) is None
    changed = transitions.refresh(FULL, JobMetrics(LATER, position_in_queue=2))
    assert transitions.news(FULL, changed) == Job("a", metrics=changed.metrics)
    assert transitions.news(Job("a"), FULL).facts == FULL.facts[:4]
    other_inputs = Job("a", inputs=JobInputs(NOON, b"[]"))
    assert transitions.news(FULL, other_inputs).inputs is other_inputs.inputs


def test_same_inputs_at_another_moment_are_no_change():
    assert transitions.news(FULL, Job("a", inputs=JobInputs(LATER, b"{}"))) is None
