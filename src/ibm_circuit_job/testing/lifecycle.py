"""JobLifecycle: a Hypothesis state machine that drives a handle on a job against a model of the service.

In any order, the machine submits a job, advances it, lets it fail or cancels it, loses and repeats replies, changes the
clock, reads the result, and restarts the program from JSON. The service leaves fields out of its replies. After each
step the machine checks its invariants.

Subclass it to test your own program: add rules and invariants that use ``self.job``. Override
:meth:`JobLifecycle.handle_on` if your program has another kind of handle.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ibm_circuit_job.effects import Clock
from ibm_circuit_job.errors import IBMJobApiError, IBMJobError, IBMJobFailureError, IBMJobInvalidStateError
from ibm_circuit_job.job.circuit_job import IBMCircuitJob
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.status import status_of
from ibm_circuit_job.state.transitions import merge
from ibm_circuit_job.testing import laws
from ibm_circuit_job.testing.model_service import RESULT, ModelService
from ibm_circuit_job.testing.strategies import texts
from ibm_circuit_job.wire.records import from_json, to_json


class JobLifecycle(RuleBasedStateMachine):
    """A Hypothesis state machine of a job and a handle, with an unreliable network between them.

    ``JobLifecycle.TestCase`` is the test case for a test runner.
    """

    service: ModelService
    """The model of the service."""
    job: Any
    """The handle under test."""
    before: Job
    """The record of the handle before the last step."""
    wall: datetime
    """The time of the program's clock; aware."""
    passed: float
    """The time of the program's monotonic clock: the seconds of all its pauses."""
    clock: Clock
    """The clock of the program, for the handle under test. Its pauses take no real time."""

    def __init__(self) -> None:
        super().__init__()
        self.wall = datetime(2024, 2, 3, 12, tzinfo=UTC)
        self.passed = 0.0
        self.clock = Clock(self._now, lambda: self.passed, self._sleep)

    def _now(self) -> datetime:
        self.wall += timedelta(microseconds=1)
        return self.wall

    def _sleep(self, seconds: float) -> None:
        """Advance both clocks, without a pause."""
        self.passed += max(seconds, 0.0)
        self.wall += timedelta(seconds=max(seconds, 0.0))

    def handle_on(self, service: ModelService, state: Job) -> Any:
        """Return the handle under test, with ``state`` as its first record."""
        return IBMCircuitJob.from_state(state, runtime_client=service, clock=self.clock)

    @initialize(private=st.booleans(), seed=st.integers(0, 999))
    def submit(self, private: bool, seed: int) -> None:
        """Begin with a new job."""
        self.service = ModelService(private=private, seed=seed)
        self.before = Job(self.service.job_id)
        self.job = self.handle_on(self.service, self.before)

    # Events of the service and the network

    @rule()
    def advance(self) -> None:
        """The job advances by one step."""
        self.service.advance()

    @precondition(lambda self: not self.service.has_ended)
    @rule(reason=texts().filter(lambda reason: reason.strip() not in {"", "Error"}))
    def fail(self, reason: str) -> None:
        """The job fails, before it runs or while it does."""
        self.service.fail(reason)

    @rule()
    def run_too_long(self) -> None:
        """The service cancels the job because it runs too long."""
        self.service.run_too_long()

    @rule(strange=st.sampled_from(["Levitating", "paused by the operator"]))
    def mumble(self, strange: str) -> None:
        """The next reply has an unknown status."""
        self.service.mumble(strange)

    @rule()
    def turn_deaf(self) -> None:
        """From now on, the service accepts a cancellation, but does not cancel the job."""
        self.service.deaf = True

    @rule(after=st.integers(0, 1))
    def lose_a_reply(self, after: int) -> None:
        """The next reply is lost, or the one after it."""
        self.service.lose_reply(after)

    @rule()
    def repeat_a_reply(self) -> None:
        """The next reply repeats the last one."""
        self.service.repeat_reply(0)

    @rule(age=st.integers(1, 5))
    def reorder_replies(self, age: int) -> None:
        """The next reply repeats an older one."""
        self.service.repeat_reply(age)

    @rule(seconds=st.sampled_from([-3600, -60, -1, 1, 60, 3600]))
    def set_the_clock(self, seconds: int) -> None:
        """The clock is set back or forward."""
        self.wall += timedelta(seconds=seconds)

    # Actions of the program

    @rule(tags=st.lists(st.sampled_from(["bell", "ghz", "x"]), max_size=2, unique=True))
    def change_the_tags(self, tags: list[str]) -> None:
        """The program replaces the tags. The handle then has the new tags, at any time of its clock.

        An exception is an old reply of the service, which may still contain other tags.
        """
        is_behind = self.service.is_behind
        try:
            returned = self.job.update_tags(tags)
        except IBMJobApiError:
            return
        assert self.service.tags == tags  # noqa: S101
        assert is_behind or returned == list(self.job.state.tags) == tags  # noqa: S101

    @rule()
    def ask_for_the_status(self) -> None:
        """The program requests the status."""
        self._attempt(self.job.status)

    @rule()
    def refresh(self) -> None:
        """The program requests the whole record."""
        self._attempt(self.job.refresh)

    @rule()
    def cancel(self) -> None:
        """The program cancels the job."""
        had_ended = self.service.has_ended
        try:
            assert self.job.cancel()  # noqa: S101 - the model accepts every cancellation of a job that has not ended
        except IBMJobInvalidStateError:
            assert had_ended  # noqa: S101 - the only reason to refuse a cancellation
        except IBMJobError:
            pass

    @precondition(lambda self: self.service.has_ended)
    @rule()
    def read_the_result(self) -> None:
        """The program reads the result of a job that has ended."""
        readable = self.service.status == "Completed" and not (self.service.private and self.service.consumed)
        known = self.job.state.payload is not None
        try:
            result = self.job.result(timeout=60)
        except IBMJobFailureError:
            assert self.service.status == "Failed"  # noqa: S101
        except IBMJobInvalidStateError:
            assert self.service.status.startswith("Cancelled")  # noqa: S101
        except IBMJobApiError:
            assert not known  # noqa: S101 - a result that has arrived is never requested again
        else:
            assert result.get_counts() == {"1": 1}  # noqa: S101
            assert readable or known  # noqa: S101

    @rule()
    def restart_the_program(self) -> None:
        """The program ends, and another program continues from its record in JSON."""
        self.job = self.handle_on(self.service, from_json(to_json(self.job.state)).unwrap())

    def _attempt(self, question: Any) -> None:
        """Send a request; if the reply is lost, check that the record has not changed."""
        try:
            question()
        except IBMJobApiError:
            assert self.job.state == self.before, "a call that failed changed what is known"  # noqa: S101

    # Invariants

    @invariant()
    def what_is_known_only_grows(self) -> None:
        """Each record contains the record before. So no fact is lost, and a final status remains."""
        now = self.job.state
        assert merge(self.before, now) == now  # noqa: S101
        laws.final_is_final(self.before, now.facts)
        laws.nothing_learned_is_lost(self.before, now.facts)
        self.before = now

    @invariant()
    def what_is_final_is_true(self) -> None:
        """A final status that the service has reported is the status of the job."""
        report = self.job.state.status
        if report is not None and report.is_final and not report.assumed:
            assert report.status is status_of(self.service.status)  # noqa: S101

    @invariant()
    def record_survives(self) -> None:
        """A record read back from JSON or pickle is equal."""
        laws.record_survives(self.job.state)

    @invariant()
    def result_is_the_whole_result(self) -> None:
        """If the record has a result, it has all bytes that the service sent."""
        payload = self.job.state.payload
        assert payload is None or payload.raw == RESULT  # noqa: S101
