"""A user's own state machine over JobLifecycle, as docs/testing.md shows it; and that it can fail."""

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import invariant, run_state_machine_as_test
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.job import cell as job_cell
from ibm_circuit_job.testing import JobLifecycle
from ibm_circuit_job.wire import queries

QUICK = settings(
    max_examples=100,
    stateful_step_count=20,
    phases=[Phase.generate],
    deadline=None,
    derandomize=True,
    # The first error is enough.
    report_multiple_bugs=False,
)


def test_pipeline_that_is_right_passes():
    class EndedJobs(JobLifecycle):
        ended = False

        @invariant()
        def ended_job_stays_ended(self):
            assert not self.ended or self.job.state.is_final
            self.ended = self.job.state.is_final

    run_state_machine_as_test(EndedJobs, settings=settings(QUICK, max_examples=10))


def test_pipeline_that_is_wrong_is_found_out():
    class NeverDone(JobLifecycle):
        @invariant()
        def no_job_is_ever_done(self):
            assert queries.status(self.job.state) is not JobStatus.DONE

    with pytest.raises(AssertionError):
        run_state_machine_as_test(NeverDone, settings=QUICK)


def test_handle_that_forgets_is_found_out():
    class ForgetfulHandle:
        """Loses the result when the program restarts."""

        def __init__(self, inner):
            self._inner = inner

        def __getattr__(self, name):
            return getattr(self._inner, name)

        @property
        def state(self):
            state = self._inner.state
            return type(state)(state.job_id) if state.is_final else state

    class Forgetful(JobLifecycle):
        def handle_on(self, service, state):
            return ForgetfulHandle(super().handle_on(service, state))

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Forgetful, settings=QUICK)


def test_handle_that_trusts_its_clock_is_found_out(monkeypatch):
    class TruthfulService(JobLifecycle):
        """Without replies of the past, and without those that get lost."""

        mumble = repeat_a_reply = reorder_replies = lose_a_reply = None

    monkeypatch.setattr(job_cell, "after", lambda seen, known, now: seen)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(TruthfulService, settings=QUICK)
