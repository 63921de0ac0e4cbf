"""Times of queries: in UTC unless another zone is given; those of the class in the machine's zone."""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ibm_circuit_job import IBMCircuitJob, Job, JobDetails, JobMetrics, refresh
from ibm_circuit_job.testing import ScriptedClient
from ibm_circuit_job.wire import queries

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
JOB = refresh(
    Job("a"), JobDetails(NOON, created=NOON), JobMetrics(NOON, timestamps=[("created", NOON)], estimated_start=NOON)
)
ANSWERS = {
    "creation_date": lambda *zone: queries.creation_date(JOB, *zone),
    "time_per_step": lambda *zone: queries.time_per_step(JOB, *zone)["created"],
    "queue_info": lambda *zone: queries.queue_info(JOB, *zone).estimated_start_time,
}


@pytest.fixture
def machine_in_india(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("machine_in_india")
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_query_is_in_utc_unless_a_zone_is_given(answer):
    tokyo = ZoneInfo("Asia/Tokyo")
    assert answer() == answer(tokyo) == NOON
    assert (answer().tzinfo, answer(tokyo).tzinfo) == (UTC, tokyo)
    assert answer(None).utcoffset() == timedelta(hours=5, minutes=30)


@pytest.mark.usefixtures("machine_in_india")
def test_class_gives_times_in_the_zone_of_the_machine():
    job = IBMCircuitJob.from_state(JOB, runtime_client=ScriptedClient.playing("a", JOB.facts))
    times = [job.creation_date(), job.queue_info().estimated_start_time, job.time_per_step()["created"]]
    assert times == [NOON] * 3
    assert {moment.utcoffset() for moment in times} == {timedelta(hours=5, minutes=30)}
