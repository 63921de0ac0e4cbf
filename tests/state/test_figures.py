"""The place in the queue, the charged time and other times, where the service says more than one figure or none."""

from datetime import UTC, datetime, timedelta

import pytest

from ibm_circuit_job import Job, JobDetails, JobMetrics, merge
from ibm_circuit_job.state.figures import (
    charge_is_complete,
    charge_is_pending,
    charged,
    place_in_queue,
    queued_seconds,
    run_seconds,
)
from ibm_circuit_job.wire.replies import status_report

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


def seen(*facts):
    """Metrics that were seen one after the other, joined."""
    record = Job("a")
    for fact in facts:
        record = merge(record, Job("a", metrics=fact))
    return record.metrics


@pytest.mark.parametrize(
    ("metrics", "place"),
    [
        (None, None),
        (JobMetrics(NOON), None),
        (JobMetrics(NOON, position_in_queue=7), 7),
        (JobMetrics(NOON, position_in_provider=3), 3),
        (JobMetrics(NOON, position_in_queue=7, position_in_provider=3), 3),
        (seen(JobMetrics(NOON, position_in_provider=3), JobMetrics(LATER, position_in_queue=2)), 2),
        (seen(JobMetrics(NOON, position_in_queue=7), JobMetrics(LATER, position_in_provider=3)), 3),
        (
            seen(
                JobMetrics(NOON, position_in_queue=7),
                JobMetrics(LATER, position_in_provider=3),
                JobMetrics(LATER + timedelta(hours=1), usage_seconds=1),
            ),
            3,
        ),
    ],
)
def test_place_is_the_newest_and_the_one_in_the_project(metrics, place):
    assert place_in_queue(None, metrics) == place
    assert place_in_queue(status_report("Queued", LATER), metrics) == place


@pytest.mark.parametrize("word", ["Running", "Completed", "Failed", "Cancelled"])
def test_job_that_runs_or_has_ended_has_no_place(word):
    assert place_in_queue(status_report(word, LATER), JobMetrics(NOON, position_in_queue=7)) is None


@pytest.mark.parametrize(
    ("metrics", "details", "seconds"),
    [
        (None, None, None),
        (JobMetrics(NOON), None, None),
        (None, JobDetails(NOON), None),
        (JobMetrics(NOON), JobDetails(NOON, charged_seconds=4), 4.0),
        (JobMetrics(NOON, usage_seconds=3), None, 3.0),
        (JobMetrics(NOON, quantum_seconds=2, usage_seconds=3), None, 2.0),
        (JobMetrics(NOON, charged_seconds=1, quantum_seconds=2, usage_seconds=3), None, 1.0),
        (JobMetrics(NOON, quantum_seconds=0, usage_seconds=3), None, 0.0),
        (JobMetrics(NOON, usage_seconds=3), JobDetails(LATER, charged_seconds=4), 3.0),
    ],
)
def test_charged_figure_comes_first_and_metrics_before_listing(metrics, details, seconds):
    assert charged(metrics, details) == seconds
    assert charged(metrics, details, partial=True) == seconds
    assert not charge_is_complete(metrics, details)
    assert not charge_is_pending(metrics, details)


@pytest.mark.parametrize("word", ["complete", "completed", "Complete", "COMPLETED"])
def test_final_figure_comes_before_one_that_is_not(word):
    listed = JobDetails(NOON, charged_seconds=4, usage_status=word)
    for status in (None, "pending"):
        measured = JobMetrics(LATER, charged_seconds=1, usage_status=status)
        assert charged(measured, listed) == 4.0
        assert charge_is_complete(measured, listed)
        assert not charge_is_pending(measured, listed)


@pytest.mark.parametrize(("at_first", "then"), [(NOON, LATER), (LATER, NOON)])
def test_of_two_final_figures_the_newer_counts(at_first, then):
    measured = JobMetrics(at_first, charged_seconds=1, usage_status="complete")
    listed = JobDetails(then, charged_seconds=4, usage_status="complete")
    assert charged(measured, listed) == (4.0 if then > at_first else 1.0)
    assert charge_is_complete(measured, None)
    assert charge_is_complete(None, listed)


def test_figure_is_as_old_as_it_is_itself():
    """Not as what was seen later of the same job, of which it says nothing."""
    between = NOON + timedelta(minutes=1)
    listed = merge(
        Job("a", details=JobDetails(NOON, charged_seconds=4, usage_status="complete")),
        Job("a", details=JobDetails(LATER, name="bell")),
    ).details
    assert charged(JobMetrics(between, charged_seconds=1, usage_status="complete"), listed) == 1.0
    measured = seen(
        JobMetrics(NOON, quantum_seconds=1, usage_status="complete"), JobMetrics(LATER, position_in_queue=1)
    )
    assert charged(measured, JobDetails(between, charged_seconds=4, usage_status="complete")) == 4.0


@pytest.mark.parametrize("word", ["pending", "Pending"])
def test_pending_figure_is_zero_unless_it_is_asked_for(word):
    measured = JobMetrics(NOON, charged_seconds=2, usage_status=word)
    assert charged(measured, None) == 0.0
    assert charged(measured, None, partial=True) == 2.0
    assert charge_is_pending(measured, None)
    assert not charge_is_complete(measured, None)
    assert charged(None, JobDetails(NOON, charged_seconds=2, usage_status=word)) == 0.0


STEPS = [("CREATED", NOON), ("Running", NOON + timedelta(seconds=2)), ("finished", NOON + timedelta(seconds=5))]


@pytest.mark.parametrize(
    ("metrics", "details", "queued", "ran"),
    [
        (None, None, None, None),
        (None, JobDetails(NOON, created=NOON), None, None),
        (JobMetrics(NOON, timestamps=STEPS), None, 2.0, 3.0),
        # The steps come first, and the listing only says when a job was created.
        (JobMetrics(NOON, timestamps=STEPS), JobDetails(NOON, created=LATER), 2.0, 3.0),
        (JobMetrics(NOON, timestamps=STEPS[1:]), JobDetails(NOON, created=NOON), 2.0, 3.0),
        (JobMetrics(NOON, timestamps=STEPS[1:]), JobDetails(NOON), None, 3.0),
        (JobMetrics(NOON, timestamps=STEPS[1:]), None, None, 3.0),
        (JobMetrics(NOON, timestamps=STEPS[:2]), None, 2.0, None),
        (JobMetrics(NOON, timestamps=[STEPS[0], STEPS[2]]), None, None, None),
        # Another name of the end, which gives way.
        (JobMetrics(NOON, timestamps=[STEPS[1], ("COMPLETED", LATER)]), None, None, 3598.0),
        (JobMetrics(NOON, timestamps=[*STEPS, ("completed", LATER)]), None, 2.0, 3.0),
    ],
)
def test_times_are_those_of_the_steps(metrics, details, queued, ran):
    assert queued_seconds(metrics, details) == queued
    assert run_seconds(metrics) == ran
