"""The replies of the oldest API, renamed to those of the API that runs jobs."""

from datetime import UTC, datetime

import pytest

from ibm_circuit_job.wire import queries
from ibm_circuit_job.wire.oldest_replies import is_oldest, job_reply, metrics_reply, page_reply
from ibm_circuit_job.wire.replies import read_job, read_job_page, read_metrics

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)


def seen(body):
    return read_job(job_reply(body).unwrap(), NOON).unwrap()


def test_failed_job_says_why():
    job = seen(b'{"id": "a", "status": "ERROR_RUNNING_JOB", "error": {"message": "Too long.", "code": 8000}}')
    assert queries.status(job).name == "ERROR"
    assert "Too long." in queries.error_message(job)
    assert "8000" in queries.error_message(job)


def test_fields_that_are_not_renamed_stay_verbatim():
    job = seen(b'{"id": "a", "kind": "q-object", "summaryData": {"size": 1.50}, "runMode": "fairshare"}')
    assert ("summaryData", '{"size": 1.50}') in job.details.unknown
    assert job.details.run_mode == "fairshare"
    assert is_oldest(job)


@pytest.mark.parametrize("kind", [b'"q-circuit"', b"3", b"null"])
def test_other_kinds_are_not_the_oldest(kind):
    assert not is_oldest(seen(b'{"id": "a", "kind": ' + kind + b"}"))


def test_params_are_left_out_where_they_are_not_wanted():
    body = b'{"id": "a", "qObject": {"config": {"shots": 3}, "experiments": []}}'
    assert b"params" in job_reply(body).unwrap()
    assert b"params" not in job_reply(body, exclude_params=True).unwrap()


def test_place_in_the_queue_is_learned():
    metrics = read_metrics(metrics_reply(b'{"id": "a", "infoQueue": {"position": 4}}').unwrap(), NOON).unwrap()
    assert metrics.position_in_queue == 4


def test_entry_that_cannot_be_read_leaves_the_others():
    page = read_job_page(page_reply(b'{"items": [3, {"id": "a", "status": "RUNNING"}]}').unwrap(), NOON).unwrap()
    assert [job.job_id for job in page.jobs] == ["a"]
    assert len(page.unreadable) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"jobs": []}'])
def test_what_is_no_listing_is_said(body):
    assert "list of jobs" in str(page_reply(body).failure())


def test_replies_that_a_client_has_decoded_are_read():
    page = read_job_page(
        page_reply([{"job_id": "a", "status": "QUEUED", "_backend_info": {"name": "b"}}]).unwrap(), NOON
    )
    job = page.unwrap().jobs[0]
    assert (job.job_id, job.backend) == ("a", "b")
