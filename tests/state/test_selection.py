"""Which jobs a listing means: arguments, checked, and records that fit."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import IBMBackendValueError, Job, JobDetails, StatusReport
from ibm_circuit_job.state.selection import WantedJobs, wanted_jobs, wanted_text

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
FINAL = {JobStatus.DONE, JobStatus.ERROR, JobStatus.CANCELLED}


def wanted(limit=10, skip=0, status=None, start=None, end=None, tags=None):
    return wanted_jobs(limit, skip, status, start, end, tags)


@pytest.mark.parametrize(
    ("status", "statuses", "pending"),
    [
        (None, None, None),
        ("pending", None, True),
        ("COMPLETED", None, False),
        ("running", {JobStatus.RUNNING}, True),
        (JobStatus.DONE, {JobStatus.DONE}, False),
        (["DONE", JobStatus.ERROR, "cancelled"], FINAL, False),
        (["DONE", "QUEUED"], {JobStatus.DONE, JobStatus.QUEUED}, None),
    ],
)
def test_statuses_are_named_in_any_form(status, statuses, pending):
    found = wanted(status=status)
    assert (found.statuses, found.pending) == (statuses, pending)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"limit": -1}, "expected limit to be a whole number from 0 up, or None for all, got -1"),
        ({"limit": True}, "expected limit to be a whole number from 0 up, or None for all, got True"),
        ({"skip": -1}, "expected skip to be a whole number from 0 up, got -1"),
        ({"skip": None}, "expected skip to be a whole number from 0 up, got None"),
        ({"start": "x"}, "expected start_datetime to be a datetime or None, got 'x'"),
        ({"end": 5}, "expected end_datetime to be a datetime or None, got 5"),
        ({"tags": "x"}, "expected job_tags to be a list of strings, got 'x'"),
    ],
)
def test_wrong_argument_is_named_with_what_is_right(given, message):
    with pytest.raises(IBMBackendValueError) as raised:
        wanted(**given)
    assert raised.value.message == message


@pytest.mark.parametrize("status", ["gone", [], {}, 5, [5], ["DONE", "gone"]])
def test_wrong_status_is_shown_as_it_was_given(status):
    with pytest.raises(IBMBackendValueError) as raised:
        wanted(status=status)
    assert raised.value.message == (
        "expected status to be 'pending', 'completed', a JobStatus, the name of one, or a list of these, "
        f"got {status!r}"
    )


def test_times_are_in_utc_and_those_of_no_year_are_refused():
    zone = timezone(timedelta(hours=2))
    found = wanted(limit=None, start=NOON.astimezone(zone), end=NOON)
    assert (found.created_after, found.created_before) == (NOON, NOON)
    assert found.created_after.tzinfo is UTC
    with pytest.raises(IBMBackendValueError, match="expected end_datetime to be between the years 1 and 9999 UTC, got"):
        wanted(end=datetime.min.replace(tzinfo=zone))


def test_tags_are_a_tuple_and_none_of_them_are_no_filter():
    assert wanted(tags=["x", "y"]).tags == ("x", "y")
    assert wanted(tags=[]).tags is wanted().tags is None


def test_text_is_returned_and_what_is_none_is_refused():
    assert wanted_text("backend_name", "a") == "a"
    assert wanted_text("backend_name", None) is None
    for wrong in (5, "\ud800"):
        with pytest.raises(IBMBackendValueError, match="expected backend_name to be a string of whole characters"):
            wanted_text("backend_name", wrong)


@pytest.mark.parametrize(
    ("program", "fits"),
    [(None, True), ("sampler", True), ("executor", True), ("circuit-runner", True), ("estimator", False)],
)
def test_jobs_of_programs_that_run_submits_to_fit(program, fits):
    assert WantedJobs().fits(Job("a", details=JobDetails(NOON, program=program))) is fits


def test_job_fits_if_its_status_is_wanted():
    only = WantedJobs(frozenset({JobStatus.DONE}))
    assert WantedJobs().fits(Job("a"))
    assert not only.fits(Job("a"))
    assert not only.fits(Job("a", StatusReport(NOON, JobStatus.ERROR, "Failed")))
    assert only.fits(Job("a", StatusReport(NOON, JobStatus.DONE, "Completed")))


def test_one_job_or_none_may_be_wanted():
    assert wanted(limit=0) == wanted(limit=1) == wanted(limit=10)
