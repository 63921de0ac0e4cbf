"""Facts field by field: which value holds, and when it was said."""

from datetime import UTC, datetime, timedelta

import pytest
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import JobDetails, JobMetrics, StatusReport
from ibm_circuit_job.state import registers
from ibm_circuit_job.state.facts import Earlier, micros_of

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
ONE, TWO, THREE = (NOON + timedelta(hours=hours) for hours in (1, 2, 3))
WAYS = [registers.joined, registers.joined_slowly]


@pytest.fixture(params=WAYS, ids=["quick", "slow"])
def joined(request):
    return request.param


def both_ways(joined, first, second):
    found = joined(first, second)
    assert joined(second, first) == found
    return found


def test_later_value_holds_and_earlier_moment_is_noted(joined):
    found = both_ways(joined, JobDetails(NOON, backend="a", name="n"), JobDetails(ONE, tags=["x"], name="m"))
    assert (found.backend, found.tags, found.name, found.observed_at) == ("a", ("x",), "m", ONE)
    assert found.earlier == (Earlier(NOON, micros_of(NOON), ["backend"]),)


def test_fact_that_says_all_that_holds_is_the_same_object(joined):
    less, more = JobDetails(NOON, backend="a"), JobDetails(ONE, backend="b", tags=["x"])
    assert joined(less, more) is more
    assert joined(more, less) is more


def test_equal_facts_give_the_one_that_was_held(joined):
    held, same = JobDetails(NOON, backend="a"), JobDetails(NOON, backend="a")
    assert joined(held, same) is held


@pytest.mark.parametrize(
    ("kind", "empty", "full"),
    [
        (StatusReport, {"reason": "Error"}, {"reason": "Too hot."}),
        (StatusReport, {"reason_code": ""}, {"reason_code": "1305"}),
        (StatusReport, {"reason_solution": ""}, {"reason_solution": "Wait."}),
        (JobMetrics, {"caller": "?"}, {"caller": "qiskit/2.0"}),
        (JobMetrics, {"client_version": "{}"}, {"client_version": "0.1"}),
        (JobDetails, {"unknown": [("cost", "null")]}, {"unknown": [("cost", "1")]}),
    ],
)
def test_value_that_answers_nothing_gives_way_to_one_that_does(joined, kind, empty, full):
    fixed = {"status": JobStatus.ERROR, "server_status": "Failed"} if kind is StatusReport else {}
    found = both_ways(joined, kind(NOON, **fixed, **full), kind(ONE, **fixed, **empty))
    [name] = full
    assert getattr(found, name) == getattr(kind(NOON, **fixed, **full), name)
    assert found.observed_at == ONE


def test_steps_in_capitals_are_the_steps_of_the_same_name(joined):
    old, new = JobMetrics(NOON, timestamps=[("RUNNING", NOON)]), JobMetrics(ONE, timestamps=[("running", ONE)])
    assert both_ways(joined, old, new).timestamps == (("running", ONE),)


def test_step_that_a_later_reply_leaves_out_stays(joined):
    old, new = JobMetrics(NOON, timestamps=[("created", NOON)]), JobMetrics(ONE, timestamps=[("running", ONE)])
    found = both_ways(joined, old, new)
    assert dict(found.timestamps) == {"created": NOON, "running": ONE}
    assert found.earlier == (Earlier(NOON, micros_of(NOON), ["timestamps:created"]),)


def test_stamp_decides_before_the_moment(joined):
    slow_clock = JobDetails(NOON, backend="new", stamp=micros_of(THREE))
    assert both_ways(joined, slow_clock, JobDetails(ONE, backend="old")).backend == "new"


def test_moment_decides_between_equal_stamps(joined):
    first, second = JobDetails(NOON, backend="z", stamp=5), JobDetails(ONE, backend="a", stamp=5)
    assert both_ways(joined, first, second).backend == "a"


def test_larger_value_holds_of_two_said_at_once(joined):
    assert both_ways(joined, JobDetails(NOON, backend="a"), JobDetails(NOON, backend="b")).backend == "b"


def test_report_at_the_same_moment_is_that_of_the_larger_status(joined):
    queued, running = (StatusReport(NOON, status, status.name) for status in (JobStatus.QUEUED, JobStatus.RUNNING))
    assert both_ways(joined, queued, running).status is JobStatus.RUNNING


def test_three_replies_in_any_order_have_two_earlier_groups(joined):
    replies = [JobDetails(NOON, backend="a"), JobDetails(ONE, tags=["x"]), JobDetails(TWO, name="n")]
    expected = (Earlier(NOON, micros_of(NOON), ["backend"]), Earlier(ONE, micros_of(ONE), ["tags"]))
    for first, second, third in ((0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)):
        found = joined(joined(replies[first], replies[second]), replies[third])
        assert found.earlier == expected
        assert (found.backend, found.tags, found.name) == ("a", ("x",), "n")


def test_registers_have_the_moment_of_each_field():
    found = registers.registers(registers.joined(JobDetails(NOON, backend="a"), JobDetails(ONE, tags=["x"])))
    assert {name: (register.observed_at, register.value) for name, register in found.items()} == {
        "backend": (NOON, "a"),
        "tags": (ONE, ("x",)),
    }


def test_stamp_of_a_field_is_that_of_the_reply_that_said_it():
    both = registers.joined(JobDetails(NOON, backend="a"), JobDetails(ONE, tags=["x"]))
    assert registers.stamp_of(both, "backend") == micros_of(NOON)
    assert registers.stamp_of(both, "tags") == micros_of(ONE)


def test_said_by_a_moment_is_what_was_seen_until_then():
    first, second = JobDetails(NOON, backend="a"), JobDetails(ONE, tags=["x"])
    both = registers.joined(first, second)
    assert registers.said_by(both, NOON - timedelta(seconds=1)) is None
    assert registers.said_by(both, NOON) == first
    assert registers.said_by(both, ONE) is both


def test_said_by_a_moment_leaves_out_what_was_seen_later():
    """Since the clock was set back in between."""
    last = JobDetails(NOON, tags=["x"], stamp=micros_of(TWO))
    both = registers.joined(JobDetails(ONE, backend="a"), last)
    assert (both.backend, both.observed_at) == ("a", NOON)
    assert registers.said_by(both, NOON) == last
    assert registers.said_by(both, ONE) is both


def test_said_by_a_moment_before_a_report_is_nothing():
    first = StatusReport(NOON, JobStatus.QUEUED, "Queued", reason="Wait.")
    both = registers.joined(first, StatusReport(ONE, JobStatus.RUNNING, "Running"))
    assert registers.said_by(both, NOON) is None


def test_fact_counts_if_any_of_it_holds():
    first, second = JobDetails(NOON, backend="a"), JobDetails(ONE, tags=["x"])
    known = registers.joined(registers.joined(first, second), JobDetails(TWO, tags=["y"]))
    assert registers.counts(first, known)
    assert not registers.counts(second, known)
    assert registers.counts(JobDetails(TWO, name="other"), known)


def test_step_in_another_case_is_the_same_step(joined):
    older, newer = JobMetrics(TWO, timestamps=[("RUNNING", ONE)]), JobMetrics(THREE, timestamps=[("running", NOON)])
    assert both_ways(joined, older, newer).timestamps == newer.timestamps
