"""What a live line says of a job at a moment."""

from datetime import UTC, datetime, timedelta

import pytest
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.views.live import describe, elapsed, how_to_come_back, row
from ibm_circuit_job.views.records import JobView

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize("status", list(JobStatus))
def test_a_state_is_named_as_jobstatus_names_it(status):
    line = describe(JobView("a", status=status.name), NOON)
    assert line == f"{status.value}, {status.name}"
    assert {status.name, status.value} <= {*row(JobView("a", status=status.name), NOON)}


def test_place_follows_the_state_as_in_the_archived_client():
    assert describe(JobView("a", status="QUEUED", place=3), NOON).startswith("job is queued (3), ")


def test_an_unknown_state_is_said_to_be_unknown():
    assert describe(JobView("a"), NOON) == "status unknown"
    assert row(JobView("a"), NOON)[0] == "unknown"


def test_time_goes_on_until_the_job_ends():
    later = NOON + timedelta(seconds=90.5)
    assert elapsed(JobView("a", status="RUNNING", created=NOON), later) == 90.0
    assert elapsed(JobView("a", status="DONE", created=NOON, ended=NOON + timedelta(seconds=5)), later) == 5.0
    assert "elapsed 1 min 30 s" in describe(JobView("a", status="RUNNING", created=NOON), later)


def test_time_is_never_negative_where_clocks_differ():
    assert elapsed(JobView("a", status="RUNNING", created=NOON), NOON - timedelta(seconds=5)) == 0.0


def test_reason_is_said_of_a_job_that_failed():
    failed = JobView("a", status="ERROR", reason="Error code 1517; too long\n\x1b[31m")
    assert describe(failed, NOON) == "job incurred error, ERROR: Error code 1517; too long\ufffd\ufffd[31m"


def test_only_jobs_that_go_on_are_named_after_an_interruption():
    jobs = [JobView("a", status="DONE"), JobView("b", status="QUEUED"), JobView("c")]
    said = how_to_come_back(jobs)
    assert said == '2 jobs go on. To come back to them: provider.retrieve_job("b"), provider.retrieve_job("c")'
    assert how_to_come_back(jobs[:1]) == "The job has ended."
    assert how_to_come_back([JobView(str(number)) for number in range(9)]).endswith('provider.retrieve_job("4"), ...')
