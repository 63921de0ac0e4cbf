"""Replies that say less than the ones before, and what each query answers after them."""

from datetime import UTC, datetime, timedelta

from ibm_circuit_job import Job, JobDetails, JobMetrics, StatusReport, merge, refresh, rename
from ibm_circuit_job.wire import queries
from ibm_circuit_job.wire.replies import read_job, read_metrics, status_report

NOON, LATER = (datetime(2024, 2, 3, hour, tzinfo=UTC) for hour in (12, 13))


def measured(body, moment):
    return Job("a", metrics=read_metrics(body, moment).unwrap())


def known(first, second):
    """A record of two metrics replies, in either order of arrival."""
    seen = measured(first, NOON), measured(second, LATER)
    assert merge(*seen) == merge(*reversed(seen))
    return merge(*seen)


def test_usage_status_without_a_figure_leaves_the_final_figure():
    job = known(b'{"usage": {"qpu_charge_time_seconds": 5, "status": "complete"}}', b'{"usage": {"status": "pending"}}')
    assert (queries.usage(job), queries.usage_is_complete(job)) == (5.0, True)


def test_pending_usage_is_no_final_figure():
    job = known(b"{}", b'{"usage": {"qpu_charge_time_seconds": 5, "status": "pending"}}')
    assert (queries.usage(job), queries.usage(job, partial=True)) == (0.0, 5.0)


def test_plain_cancel_does_not_hide_that_the_job_ran_too_long():
    for code in (None, 7, 1305):
        job = Job("a", status_report("Cancelled - Ran too long", NOON, "Too slow.", code))
        job = refresh(job, status_report("Cancelled", LATER, "By the user.", 9))
        assert "Too slow." in queries.error_message(job)


def test_reason_that_says_nothing_does_not_hide_one_that_does():
    for nothing in (None, "", "Error"):
        job = refresh(Job("a", status_report("Failed", NOON, "Too hot.", 7)), status_report("Failed", LATER, nothing))
        assert queries.error_message(job) == "Error code 7; Too hot."


def test_caller_without_a_version_does_not_hide_one_with():
    job = known(b'{"caller": "qiskit/2.6.2"}', b'{"caller": "a program"}')
    assert queries.client_version(job) == {"qiskit": "2.6.2"}


def test_field_that_was_unreadable_once_is_read_again():
    job = known(b'{"position_in_queue": "soon"}', b'{"position_in_queue": 2}')
    assert queries.metrics(job)["position_in_queue"] == 2


def test_unreadable_step_leaves_the_others():
    job = known(
        b'{"timestamps": {"created": "2024-02-03T12:00:00Z", "running": "2024-02-03T12:01:00Z"}}',
        b'{"timestamps": {"running": "at noon"}}',
    )
    expected = {"created": "2024-02-03T12:00:00Z", "running": "2024-02-03T12:01:00Z"}
    assert queries.metrics(job)["timestamps"] == expected


def test_params_that_are_no_object_leave_the_inputs():
    whole = read_job(b'{"id": "a", "params": {"shots": 10}}', NOON).unwrap()
    for damaged in (b"5", b'"hidden"', b"[]", b"{ }", b"null"):
        seen = read_job(b'{"id": "a", "params": %s}' % damaged, LATER).unwrap()
        assert queries.backend_options(merge(whole, seen)) == {"shots": 10}
    assert queries.unknown_fields(read_job(b'{"id": "a", "params": 5}', NOON).unwrap()) == {"params": 5}


def test_job_that_runs_has_no_place_in_the_queue():
    job = Job("a", status_report("Queued", NOON), metrics=JobMetrics(NOON, position_in_queue=2))
    assert queries.queue_position(job) == 2
    assert queries.queue_position(refresh(job, status_report("Running", LATER))) is None


def test_second_spelling_of_a_priority_is_read():
    job = measured(b'{"Hub_Priority": "high", "hub_priority": 2}', NOON)
    assert queries.queue_info(job).hub_priority == 2.0


def test_assumed_cancel_is_final_and_not_confirmed():
    report = StatusReport(NOON, queries.JobStatus.CANCELLED, "Cancelled", assumed=True)
    job = Job("a", report)
    assert (job.is_final, job.is_confirmed_final) == (True, False)
    assert refresh(job, status_report("Cancelled", NOON)).is_confirmed_final


def test_figure_of_the_usage_is_as_old_as_its_reply():
    listed = read_job(b'{"id": "a", "usage": {"qpu_charge_time_seconds": 10, "status": "complete"}}', NOON).unwrap()
    job = merge(
        listed,
        measured(b'{"usage": {"qpu_charge_time_seconds": 12, "status": "complete"}}', NOON + timedelta(minutes=1)),
    )
    assert queries.usage(job) == queries.usage(rename(job, "bell", LATER)) == 12


def test_field_of_any_name_is_joined():
    first = Job("a", details=JobDetails(NOON, unknown=[("\ud800", "1")]))
    assert merge(first, Job("a", details=JobDetails(LATER, backend="b"))).details.unknown == (("\ud800", "1"),)
