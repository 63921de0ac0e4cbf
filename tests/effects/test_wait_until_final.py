"""effects.wait_until_final: a wait without a handle, on a clock that the test passes in."""

from datetime import UTC, datetime, timedelta

import pytest
from returns.pipeline import is_successful

from ibm_circuit_job import (
    IBMCircuitJob,
    IBMJobApiError,
    IBMJobNotFoundError,
    IBMJobTimeoutError,
    Job,
    JobTags,
    ResultPayload,
    WaitPolicy,
    cache_result,
    effects,
    refresh,
)
from ibm_circuit_job.errors import GaveUpWaiting, Refused, TimeUp, Unreachable, to_exception
from ibm_circuit_job.testing import ScriptedClient

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
DOWN = Unreachable("read job a", "http://x", "no route")
EVEN = WaitPolicy(spread=0.0)


def reply(status):
    return b'{"id": "a", "tags": ["%s"], "state": {"status": "%s"}}' % (status.encode(), status.encode())


class Time:
    """A clock that shows how long was slept."""

    def __init__(self, start=NOON):
        self.start, self.pauses = start, []
        self.clock = effects.Clock(
            lambda: self.start + timedelta(seconds=sum(self.pauses)), lambda: sum(self.pauses), self.pauses.append
        )


def wait(client, time, policy=EVEN, timeout=None, job=Job("a")):  # noqa: B008 - a Job is frozen
    return effects.perform(effects.wait_until_final(client, job, policy, timeout, clock=time.clock))


def test_record_of_an_ended_job_is_stamped_by_the_clock():
    time = Time()
    job = wait(ScriptedClient([reply("Queued"), reply("Running"), reply("Completed")]), time).unwrap()
    assert (job.is_final, job.tags) == (True, ("Completed",))
    assert job.status.observed_at == NOON + timedelta(seconds=sum(time.pauses))
    assert len([pause for pause in time.pauses if pause > 0]) == 2


def test_handle_and_record_wait_with_equal_requests_and_pauses(monkeypatch):
    script = [reply("Queued")] * 100 + [DOWN] * 3 + [reply("Running")] * 5 + [reply("Completed")]
    alone, handled = Time(), Time()
    clients = [ScriptedClient(script), ScriptedClient(script)]
    monkeypatch.setattr(effects, "chance", lambda: 0.5)
    wait(clients[0], alone, WaitPolicy())
    for name in ("now", "monotonic", "sleep"):
        monkeypatch.setattr(effects, name, getattr(handled.clock, name))
    IBMCircuitJob(None, None, "a", runtime_client=clients[1]).wait_for_final_state()
    assert alone.pauses == handled.pauses
    assert clients[0].calls == clients[1].calls
    assert ("job_metadata", "a") in clients[0].calls


def test_time_that_is_up_is_a_failure_with_the_last_trouble():
    time = Time()
    failure = wait(ScriptedClient([reply("Queued"), DOWN]), time, timeout=90.0).failure()
    assert failure == TimeUp("see job a end", 90.0, DOWN)
    assert sum(time.pauses) == pytest.approx(90.0)
    assert isinstance(to_exception(failure), IBMJobTimeoutError)


def test_refusal_for_good_is_the_failure_at_once():
    refusal = Refused("read job a", "http://x", 404, "No such job.")
    client, time = ScriptedClient([refusal]), Time()
    assert wait(client, time).failure() == refusal
    assert len(client.calls) == 1


def test_trouble_beyond_the_patience_is_a_failure_that_counts_it():
    failure = wait(ScriptedClient([reply("Queued"), DOWN]), Time(), WaitPolicy(patience=50.0)).failure()
    assert isinstance(failure, GaveUpWaiting)
    assert (failure.subject, failure.last, failure.can_retry) == ("job a", DOWN, True)
    assert failure.tries > 2
    assert failure.seconds > 50.0


@pytest.mark.parametrize(("status", "kind"), [(404, IBMJobNotFoundError), (503, IBMJobApiError)])
def test_given_up_wait_raises_what_its_last_trouble_would(status, kind):
    error = to_exception(GaveUpWaiting("job a", Refused("read job a", "http://x", status, "No."), 3, 7.0))
    assert type(error) is kind
    assert str(error).startswith("gave up waiting for job a after 3 tries in 7 seconds without one good reply; ")
    assert f"answered {status}: No." in str(error)


def test_job_that_is_known_to_have_ended_costs_no_request():
    ended = wait(ScriptedClient([reply("Completed")]), Time()).unwrap()
    client = ScriptedClient([DOWN])
    assert wait(client, Time(), job=ended).unwrap() == ended
    assert client.calls == []


def test_clock_that_is_set_back_hides_nothing_that_was_seen():
    known = refresh(Job("a"), JobTags(NOON, ["old"]))
    job = wait(ScriptedClient([reply("Completed")]), Time(NOON - timedelta(hours=1)), job=known).unwrap()
    assert job.tags == ("Completed",)


def test_stream_that_closes_ends_the_wait():
    class Pushing(ScriptedClient):
        def job_stream(self, job_id, seconds):
            self.calls.append(("job_stream", job_id))
            return True

    client, time = Pushing([reply("Completed")]), Time()
    assert is_successful(wait(client, time))
    assert client.calls == [("job_stream", "a"), ("job_get", "a")]
    assert sum(time.pauses) == 0


def test_payload_that_the_record_has_is_not_fetched_again():
    client = ScriptedClient(results=[DOWN])
    job = cache_result(Job("a"), ResultPayload(NOON, b'{"results": []}'))
    assert effects.perform(effects.fetch_result_of(client, job)).unwrap() == job.payload
    assert client.calls == []


def test_failure_to_fetch_a_result_is_a_value():
    assert effects.perform(effects.fetch_result_of(ScriptedClient(results=[DOWN]), Job("a"))).failure() == DOWN
