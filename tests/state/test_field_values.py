"""Fields of facts: one spelling of each value, and what is refused."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import Job, JobDetails, JobInputs, JobMetrics, JobName, JobTags, ResultPayload, StatusReport
from ibm_circuit_job.state.field_values import unknown_fields

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)


def test_time_of_any_zone_is_stored_in_utc():
    moment = NOON.astimezone(timezone(timedelta(hours=5)))
    assert JobDetails(moment).observed_at.tzinfo is UTC
    twice = datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)
    assert JobDetails(twice).observed_at == datetime(2024, 10, 27, 1, 30, tzinfo=UTC)


def test_number_has_one_spelling():
    assert repr(JobDetails(NOON, usage_estimate=-0.0).usage_estimate) == "0.0"
    assert type(JobMetrics(NOON, quantum_seconds=2).quantum_seconds) is float


def test_later_time_counts_of_one_step_in_two_spellings():
    first, second, third = (NOON + timedelta(seconds=seconds) for seconds in range(3))
    metrics = JobMetrics(NOON, timestamps=[("Running", first), ("finished", third), ("running", second)])
    assert metrics.timestamps == (("running", second), ("finished", third))


def test_finished_comes_last_of_steps_at_one_moment():
    metrics = JobMetrics(NOON, timestamps=[("finished", NOON), ("running", NOON)])
    assert [step for step, _ in metrics.timestamps] == ["running", "finished"]


def test_unknown_fields_are_sorted_once():
    fields = unknown_fields([("b", "2"), ("a", "1")])
    assert fields == (("a", "1"), ("b", "2"))
    assert unknown_fields(fields) is fields


def test_usage_status_without_a_figure_is_dropped():
    assert JobDetails(NOON, usage_status="pending").usage_status is None
    assert JobMetrics(NOON, usage_status="pending").usage_status is None
    assert JobMetrics(NOON, usage_status="pending", usage_seconds=1).usage_status == "pending"


REFUSED = {
    "naive time": lambda: JobDetails(datetime(2024, 2, 3)),  # noqa: DTZ001 - that is what is refused
    "infinite number": lambda: JobDetails(NOON, usage_estimate=float("inf")),
    "text for a list": lambda: JobTags(NOON, "ab"),
    "number among tags": lambda: JobDetails(NOON, tags=["a", 3]),
    "lone surrogate in a tag": lambda: JobTags(NOON, ["\ud800"]),
    "lone surrogate in a name": lambda: JobName(NOON, "\ud800"),
    "number for a name": lambda: JobName(NOON, 3),
    "number for a backend": lambda: JobDetails(NOON, backend=3),
    "text for a flag": lambda: JobDetails(NOON, private="yes"),
    "text for a position": lambda: JobMetrics(NOON, position_in_queue="3"),
    "number for a step": lambda: JobMetrics(NOON, timestamps=[(3, NOON)]),
    "text for bytes": lambda: JobInputs(NOON, "{}"),
    "bytearray for bytes": lambda: ResultPayload(NOON, bytearray(b"{}")),
    "triple for an unknown field": lambda: JobDetails(NOON, unknown=[("a", "1", "2")]),
    "text for a stamp": lambda: JobDetails(NOON, stamp="now"),
    "text for earlier": lambda: JobDetails(NOON, earlier=["tags"]),
    "text for a status": lambda: StatusReport(NOON, "DONE", "Completed"),
    "number for a server's status": lambda: StatusReport(NOON, JobStatus.DONE, 3),
    "list for a code": lambda: StatusReport(NOON, JobStatus.ERROR, "Failed", None, []),
    "text for assumed": lambda: StatusReport(NOON, JobStatus.DONE, "Completed", assumed="yes"),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_value_of_the_wrong_kind_is_refused(make):
    with pytest.raises((TypeError, ValueError)):
        make()


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("naive time", "expected a time with a time zone, got datetime.datetime(2024, 2, 3, 0, 0)"),
        ("infinite number", "expected a finite number, got inf"),
        ("text for a list", "expected a list of strings, got 'ab'"),
        ("lone surrogate in a name", r"expected a text without lone surrogates, got '\ud800'"),
        ("bytearray for bytes", "expected bytes, got a bytearray"),
        ("triple for an unknown field", "expected pairs of a name and its JSON text, got (('a', '1', '2'),)"),
    ],
)
def test_refusal_says_what_is_wrong_and_what_is_right(case, message):
    with pytest.raises((TypeError, ValueError)) as refused:
        REFUSED[case]()
    assert str(refused.value) == message


@pytest.mark.parametrize("slot", ["status", "details", "metrics", "inputs", "payload"])
def test_slot_of_a_job_refuses_another_kind_of_fact(slot):
    with pytest.raises(TypeError, match=slot):
        Job("a", **{slot: JobTags(NOON, ["x"])})


def test_job_without_an_id_is_refused():
    with pytest.raises(ValueError, match="job_id"):
        Job("")
    with pytest.raises(TypeError, match="job_id"):
        Job(3)
