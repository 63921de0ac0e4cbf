"""A handle with a clock of the caller's: it stamps what is seen, and no pause takes any time."""

import asyncio
import copy
import pickle
from datetime import UTC, datetime, timedelta

import pytest

from ibm_circuit_job import IBMCircuitJob, IBMJobInvalidStateError, IBMJobTimeoutError, Job
from ibm_circuit_job.effects import Clock
from ibm_circuit_job.errors import Unreachable
from ibm_circuit_job.testing import ScriptedClient

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
DOWN = Unreachable("read job a", "http://x", "connection refused")
BODY = b'{"backend_name": "b", "backend_version": "1", "job_id": "a", "success": true, "results": []}'


def reply(status):
    return b'{"id": "a", "state": {"status": "%s"}}' % status.encode()


class Time:
    """A clock on which only pauses pass."""

    def __init__(self):
        self.pauses = []
        self.clock = Clock(
            lambda: NOON + timedelta(seconds=sum(self.pauses)), lambda: sum(self.pauses, 0.0), self.pauses.append
        )


def handle(time, replies, **given):
    return IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient(replies, **given), clock=time.clock)


def test_reply_is_stamped_by_the_clock():
    job = handle(Time(), [reply("Running")])
    job.status()
    assert job.state.status.observed_at == NOON


def test_what_is_seen_last_counts_where_the_clock_is_set_back():
    time = Time()
    job = handle(time, [reply("Queued"), reply("Running")])
    job.status()
    time.pauses.append(-60.0)
    assert job.status().name == "RUNNING"


def test_what_the_constructor_was_told_is_stamped_by_the_clock():
    assert IBMCircuitJob(None, None, "a", status="Running", clock=Time().clock).state.status.observed_at == NOON


def test_wait_of_hours_takes_no_time():
    time = Time()
    with pytest.raises(IBMJobTimeoutError):
        handle(time, [reply("Queued")] * 10_000).wait_for_final_state(timeout=7200)
    assert sum(time.pauses) == pytest.approx(7200)


def test_asyncio_waits_by_the_clock_too():
    time = Time()
    job = handle(time, [reply("Queued")] * 3 + [reply("Completed")])
    asyncio.run(job.wait_for_final_state_async(wait=1000))
    assert sum(time.pauses) == 3000
    assert job.state.status.observed_at == NOON + timedelta(seconds=3000)


def test_result_waits_trouble_out_by_the_clock():
    time = Time()
    job = handle(time, [reply("Completed")], results=[DOWN, DOWN, DOWN, BODY])
    assert job.result().success
    assert sum(time.pauses) > 0
    assert job.state.payload.observed_at == NOON + timedelta(seconds=sum(time.pauses))


def test_tags_and_cancel_are_stamped_by_the_clock():
    job = handle(Time(), [reply("Running")] * 3)
    job.update_tags(["x"])
    assert job.cancel()
    assert {fact.observed_at for fact in job.state.facts} == {NOON}


def test_copy_has_the_clock_and_a_pickle_that_of_the_machine():
    job = handle(Time(), [reply("Running")] * 2)
    assert copy.copy(job)._cell.clock is job._cell.clock
    unpickled = pickle.loads(pickle.dumps(job))
    unpickled.connect(runtime_client=ScriptedClient([reply("Running")]))
    unpickled.status()
    assert unpickled.state.status.observed_at > NOON + timedelta(days=1)


def test_handle_on_a_record_takes_a_clock():
    job = IBMCircuitJob.from_state(Job("a"), runtime_client=ScriptedClient([reply("Running")]), clock=Time().clock)
    job.status()
    assert job.state.status.observed_at == NOON


@pytest.mark.parametrize("clock", ["12:00", NOON, 0, ""])
def test_clock_that_is_none_is_refused_with_what_is_expected(clock):
    with pytest.raises(
        IBMJobInvalidStateError, match=r"expected clock to be an ibm_circuit_job\.effects\.Clock, or None"
    ):
        IBMCircuitJob(None, None, "a", clock=clock)
    with pytest.raises(IBMJobInvalidStateError, match=r"effects\.Clock"):
        IBMCircuitJob.from_state(Job("a"), clock=clock)
