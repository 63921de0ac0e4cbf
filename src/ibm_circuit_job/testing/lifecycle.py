"""JobLifecycle: a Hypothesis state machine that drives a handle on a job against a model of the service.

It submits, lets the job go on, fail or be cancelled, loses replies, repeats old ones, sets the clock back and forward,
consumes the result, and restarts the program from JSON, in any order. The service leaves fields out of its replies.
After each step the machine checks what must always be true. Subclass it to check
a pipeline of yours: add rules and invariants that use ``self.job``, and override :meth:`JobLifecycle.handle_on` where
your handle is another.
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
    """Any life of a job, seen through a bad network.

    ``self.service`` is the model, ``self.job`` the handle; ``self.before`` is what the handle knew one step ago.
    ``JobLifecycle.TestCase`` is what a test runner collects.
    """

    service: ModelService
    job: Any
    before: Job
    wall: datetime
    """The time that the clock of the program shows."""
    passed: float
    """The seconds of its monotonic clock: those that it has slept."""
    clock: Clock
    """The clock of the program, for the handle under test. It lets every pause pass at once."""

    def __init__(self) -> None:
        super().__init__()
        self.wall = datetime(2024, 2, 3, 12, tzinfo=UTC)
        self.passed = 0.0
        self.clock = Clock(self._now, lambda: self.passed, self._sleep)

    def _now(self) -> datetime:
        self.wall += timedelta(microseconds=1)
        return self.wall

    def _sleep(self, seconds: float) -> None:
        """Let time pass at once: no pause of the program takes any."""
        self.passed += max(seconds, 0.0)
        self.wall += timedelta(seconds=max(seconds, 0.0))

    def handle_on(self, service: ModelService, state: Job) -> Any:
        """Return the handle under test: a new one for a new job, or one that goes on where ``state`` stood."""
        return IBMCircuitJob.from_state(state, runtime_client=service, clock=self.clock)

    @initialize(private=st.booleans(), seed=st.integers(0, 999))
    def submit(self, private: bool, seed: int) -> None:
        """Begin with a job that has just been submitted."""
        self.service = ModelService(private=private, seed=seed)
        self.before = Job(self.service.job_id)
        self.job = self.handle_on(self.service, self.before)

    # What happens on the service and on the way

    @rule()
    def advance(self) -> None:
        """The job goes one step on."""
        self.service.advance()

    @precondition(lambda self: not self.service.has_ended)
    @rule(reason=texts().filter(lambda reason: reason.strip() not in {"", "Error"}))
    def fail(self, reason: str) -> None:
        """The job fails, before it runs or while it does."""
        self.service.fail(reason)

    @rule()
    def run_too_long(self) -> None:
        """The service cancels the job since it runs for too long."""
        self.service.run_too_long()

    @rule(strange=st.sampled_from(["Levitating", "paused by the operator"]))
    def mumble(self, strange: str) -> None:
        """The next reply holds an unknown status."""
        self.service.mumble(strange)

    @rule()
    def turn_deaf(self) -> None:
        """From now on a cancel is accepted, and the job goes on all the same."""
        self.service.deaf = True

    @rule(after=st.integers(0, 1))
    def lose_a_reply(self, after: int) -> None:
        """The next reply gets lost, or the one after it."""
        self.service.lose_reply(after)

    @rule()
    def repeat_a_reply(self) -> None:
        """The next reply is the last one once more."""
        self.service.repeat_reply(0)

    @rule(age=st.integers(1, 5))
    def reorder_replies(self, age: int) -> None:
        """The next reply is one from longer ago."""
        self.service.repeat_reply(age)

    @rule(seconds=st.sampled_from([-3600, -60, -1, 1, 60, 3600]))
    def set_the_clock(self, seconds: int) -> None:
        """The clock is set back or forward."""
        self.wall += timedelta(seconds=seconds)

    # What the program does

    @rule(tags=st.lists(st.sampled_from(["bell", "ghz", "x"]), max_size=2, unique=True))
    def change_the_tags(self, tags: list[str]) -> None:
        """The program replaces the tags; the handle has those that it sent last, whatever its clock says.

        Unless the service itself then says others, in a reply of the past.
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
        """The program asks for the status."""
        self._attempt(self.job.status)

    @rule()
    def refresh(self) -> None:
        """The program asks for all there is."""
        self._attempt(self.job.refresh)

    @rule()
    def cancel(self) -> None:
        """The program cancels the job."""
        had_ended = self.service.has_ended
        try:
            assert self.job.cancel()  # noqa: S101 - the model never answers that it did not
        except IBMJobInvalidStateError:
            assert had_ended  # noqa: S101 - nothing else rules a cancel out
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
            assert not known  # noqa: S101 - what has arrived is never asked for again
        else:
            assert result.get_counts() == {"1": 1}  # noqa: S101
            assert readable or known  # noqa: S101

    @rule()
    def restart_the_program(self) -> None:
        """The program ends, and another goes on from the JSON that it left."""
        self.job = self.handle_on(self.service, from_json(to_json(self.job.state)).unwrap())

    def _attempt(self, question: Any) -> None:
        """Ask; a lost reply is an API error and nothing else."""
        try:
            question()
        except IBMJobApiError:
            assert self.job.state == self.before, "a call that failed changed what is known"  # noqa: S101

    # What always holds

    @invariant()
    def what_is_known_only_grows(self) -> None:
        """Each record is the one before and something more; so no fact was lost, and no final status was left."""
        now = self.job.state
        assert merge(self.before, now) == now  # noqa: S101
        laws.final_is_final(self.before, now.facts)
        laws.nothing_learned_is_lost(self.before, now.facts)
        self.before = now

    @invariant()
    def what_is_final_is_true(self) -> None:
        """A final status that the service said is the status that the job has."""
        report = self.job.state.status
        if report is not None and report.is_final and not report.assumed:
            assert report.status is status_of(self.service.status)  # noqa: S101

    @invariant()
    def record_survives(self) -> None:
        """JSON and pickle bring back an equal record."""
        laws.record_survives(self.job.state)

    @invariant()
    def result_is_the_whole_result(self) -> None:
        """What is held of a result is all of it, as the service sent it."""
        payload = self.job.state.payload
        assert payload is None or payload.raw == RESULT  # noqa: S101
