"""The waiter itself in a simulated world: any order of trouble on the network, any stream, any jump of the clock.

The law: a wait ends with the service's own final status, or with a timeout no later than asked; and what a reply said
of the job is known from then on, though the next replies do not say it.
"""

import json
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from returns.io import IOFailure

from ibm_circuit_job import IBMCircuitJob, IBMJobTimeoutError, WaitPolicy, effects
from ibm_circuit_job.clients import RequestFailed
from ibm_circuit_job.errors import Refused, Unreachable
from ibm_circuit_job.threads import background

THOROUGH = settings().max_examples > 1000
GRACE = 0.03
TENTH = 0.1
"""By so many seconds a timeout may be late."""


class World:
    """A clock, a job that ends at some time, and a network between us and it."""

    def __init__(self, ends_at, streams):
        self.now = 1_000.0
        self.began = self.now
        self.ends_at = self.now + ends_at
        self.runs_at = self.now + ends_at / 2
        self.streams = streams
        self.weather = []
        self.requests = 0
        self.listened = 0
        self.wall = datetime(2024, 2, 3, 12, tzinfo=UTC)
        self.told, self.arriving = set(), set()

    # The clock

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds

    def wall_clock(self):
        """The time of day, which is set back and forward; the waiter must not go by it."""
        return self.wall + timedelta(seconds=self.now)

    def within(self, seconds, effect):
        """What a thread and a limit in time come to."""
        began = self.now
        found = effect()
        if seconds is not None and self.now - began > seconds + GRACE:
            self.now = began + seconds + GRACE
            # A reply that comes later is not read.
            self.arriving.clear()
            return IOFailure(Unreachable("hear from the service", "the world", "no answer in time"))
        self.told |= self.arriving
        return found

    # The service

    @property
    def status(self):
        if self.now >= self.ends_at:
            return "Completed"
        return "Running" if self.now >= self.runs_at else "Queued"

    def answer(self, job_id):
        self.requests += 1
        assert self.requests < 200_000, "the waiter asks without end"
        weather = self.weather.pop(0) if self.weather else ("fair", 0.02)
        match weather:
            case ("fair", seconds):
                self.now += seconds
                return self.reply(job_id, self.status)
            case ("slow", seconds):
                self.now += seconds
                return self.reply(job_id, self.status)
            case ("lost", seconds):
                self.now += seconds
                raise RequestFailed(Unreachable("ask", "the world", "The reply was lost."))
            case ("refused", status):
                self.now += 0.02
                raise RequestFailed(Refused("ask", "the world", status, "Not now.", retry_after=1.0))
            case ("garbled", body):
                self.now += 0.02
                return body
            case ("stale", status):
                self.now += 0.02
                return self.reply(job_id, status)
            case ("asleep", seconds):
                # The machine slept: the clock goes on, and the connection is gone.
                self.now += seconds
                raise RequestFailed(Unreachable("ask", "the world", "Connection reset."))
        raise AssertionError(weather)

    def reply(self, job_id, status):
        # The service leaves fields out, now these and now those.
        named = dict(list(SAID.items())[self.requests % 3 :: 3])
        self.arriving |= named.keys()
        return json.dumps({"id": job_id, "state": {"status": status}} | named).encode()

    def stream(self, seconds):
        """Listen: True when it was closed, False when the time is up."""
        kind, after = self.streams.pop(0) if self.streams else ("honest", 0.0)
        self.now += 0.01
        self.listened += 1
        assert self.listened < 10_000, "the waiter listens without end"
        if self.status != "Running" or kind == "refused":
            raise RequestFailed(Refused("listen", "the world", 409, "The job does not run."))
        limit = float("inf") if seconds is None else seconds
        if kind == "broken":
            self.now += min(after, limit)
            raise RequestFailed(Unreachable("listen", "the world", "Connection reset."))
        # A deaf one stays open, whatever happens to the job.
        until = {"early": after, "deaf": float("inf")}.get(kind, self.ends_at - self.now)
        if kind == "silent" or until > limit:
            # A dead one is found after some time, which never is longer than was asked for.
            self.now += min(limit, 20.0 if kind == "silent" else limit)
            if kind == "silent" and limit > 20.0:
                raise RequestFailed(Unreachable("listen", "the world", "silent for 20 seconds"))
            return False
        self.now += max(until, 0.0)
        return True


class Polled:
    """A client of a service without push."""

    def __init__(self, world):
        self.world = world

    def job_get(self, job_id, exclude_params=True, seconds=None):
        return self.world.answer(job_id)

    def job_metadata(self, job_id):
        return b"{}"


class Pushed(Polled):
    """A client of a service that pushes."""

    def job_stream(self, job_id, seconds):
        return self.world.stream(seconds)


SAID = {"backend": "ibm_a", "tags": ["x"], "session_id": "s", "private": False, "name": "bell"}

# Not any number: what matters is which is longer than which.
SECONDS = st.sampled_from([0.0, 0.05, 0.3, 1.0, 5.0, 30.0, 40.0])
KINDS = st.one_of(
    st.tuples(st.just("lost"), SECONDS),
    st.tuples(st.just("slow"), SECONDS),
    st.tuples(st.just("refused"), st.sampled_from([408, 425, 429, 500, 502, 503, 504, 520])),
    st.tuples(
        st.just("garbled"), st.sampled_from([b"", b"<html>down</html>", b'{"id": "a", "sta', b"[]", b'{"id": "b"}'])
    ),
    st.tuples(st.just("stale"), st.sampled_from(["Queued", "Running", "Levitating", "Creating"])),
    st.tuples(st.just("asleep"), st.floats(0.0, 3_000.0)),
)
STREAMS = st.tuples(st.sampled_from(["honest", "refused", "early", "broken", "silent", "deaf"]), SECONDS)


class AnyWeather(RuleBasedStateMachine):
    """Trouble in any order, and waits in between, on one handle."""

    told_in_time = frozenset()
    """What the replies said that the handle has read; one that came after a timeout need not be."""

    @initialize(
        ends_at=st.sampled_from([0.0, 0.5, 4.0, 50.0, 400.0, 3_000.0]),
        pushes=st.booleans(),
        streams=st.lists(STREAMS, max_size=8),
    )
    def submit(self, ends_at, pushes, streams):
        self.world = World(ends_at, streams)
        self.client = (Pushed if pushes else Polled)(self.world)
        self.job = IBMCircuitJob(None, None, "a", runtime_client=self.client)
        self.job.wait_policy = WaitPolicy(patience=10_000_000.0)

    @rule(weather=st.lists(KINDS, min_size=1, max_size=10))
    def change(self, weather):
        """The next requests meet this."""
        self.world.weather += weather

    @rule(seconds=st.sampled_from([-3_600.0, -60.0, -1.0, 60.0, 3_600.0]))
    def set_the_clock(self, seconds):
        """The clock on the wall is set back or forward."""
        self.world.wall += timedelta(seconds=seconds)

    @rule(seconds=st.floats(0.0, 1_000.0))
    def let_time_pass(self, seconds):
        self.world.now += seconds

    @rule(timeout=st.sampled_from([None, 0.0, 0.2, 2.0, 3.0, 20.0, 70.0, 700.0, 20_000.0]))
    def wait(self, timeout):
        """It ends as it must."""
        world, began = self.world, self.world.now
        with (
            patch.object(effects, "monotonic", world.monotonic),
            patch.object(effects, "sleep", world.sleep),
            patch.object(background, "within", world.within),
            patch.object(effects, "chance", lambda: 0.5),
            patch.object(effects, "now", world.wall_clock),
        ):
            try:
                self.job.wait_for_final_state(timeout)
            except IBMJobTimeoutError:
                assert timeout is not None
                assert not self.job.state.is_final
                assert world.now <= began + timeout + TENTH
                return
        self.told_in_time = self.told_in_time | world.told
        assert self.job.state.status.server_status == "Completed"
        assert world.now >= world.ends_at
        if timeout is not None:
            assert world.now <= max(began + timeout, world.ends_at) + TENTH

    @invariant()
    def nothing_is_final_before_its_time(self):
        if hasattr(self, "job") and self.job.state.is_final:
            assert self.world.now >= self.world.ends_at

    @invariant()
    def what_was_told_is_known(self):
        if hasattr(self, "job") and self.told_in_time:
            job = self.job.state
            known = {"backend": job.backend, "tags": list(job.tags), "session_id": job.session_id}
            known |= {"private": job.private, "name": job.name}
            assert {name: known[name] for name in self.told_in_time} == {name: SAID[name] for name in self.told_in_time}


TestAnyWeather = AnyWeather.TestCase
TestAnyWeather.settings = settings(max_examples=settings().max_examples, stateful_step_count=12, deadline=None)


@pytest.mark.parametrize("ends_at", [1.0, 3_600.0, *([86_400.0, 864_000.0] if THOROUGH else [])])
def test_end_is_noticed_within_a_tenth_of_the_wait_and_30_s(ends_at):
    world = World(ends_at, [])
    job = IBMCircuitJob(None, None, "a", runtime_client=Polled(world))
    with (
        patch.object(effects, "monotonic", world.monotonic),
        patch.object(effects, "sleep", world.sleep),
        patch.object(background, "within", world.within),
    ):
        job.wait_for_final_state()
    assert world.now - world.ends_at <= min(0.1 * ends_at, 30.0) + 0.1


def test_silent_stream_hides_the_end_no_longer_than_the_guard():
    world = World(1_000.0, [("deaf", 0.0)] * 1_000)
    job = IBMCircuitJob(None, None, "a", runtime_client=Pushed(world))
    with (
        patch.object(effects, "monotonic", world.monotonic),
        patch.object(effects, "sleep", world.sleep),
        patch.object(background, "within", world.within),
    ):
        job.wait_for_final_state()
    assert world.now - world.ends_at <= WaitPolicy().guard_pause + 1.0
