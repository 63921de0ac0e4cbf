"""submit: submits a job exactly once. If the reply is lost, it searches for the job before it sends the request again.

It does the steps that :func:`~ibm_circuit_job.wire.submitting.next_submission_step` decides.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

import msgspec
from attrs import frozen
from returns.functions import tap
from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job import effects
from ibm_circuit_job.account.submission_ledger import LEDGER, Request
from ibm_circuit_job.clients.foreign import adapted
from ibm_circuit_job.errors import Failure, Refused, describe, is_answer
from ibm_circuit_job.state.facts import JobInputs
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.threads.background import wait_for
from ibm_circuit_job.wire import submitting
from ibm_circuit_job.wire.submitting import (
    Accepted,
    Found,
    GiveUp,
    Look,
    LookFor,
    NotFound,
    Pause,
    Send,
    Submission,
    SubmissionPolicy,
    SubmissionStep,
    Undecided,
)

_logger: Final = logging.getLogger(__name__)

_LISTED: Final = 200
"""The number of newest jobs that a search compares: one page of the listing."""
_CLOCK_SECONDS: Final = 10.0
"""The largest difference between the service's clock and the ``Date`` of its replies, which has whole seconds."""
_UNKNOWN_CLOCK_SECONDS: Final = 300.0
"""The largest difference between the service's clock and this machine's, if its replies have no ``Date``."""


@frozen
class Order:
    """A job to be submitted."""

    program: str
    """The program that runs the job."""
    backend: str
    """The name of the backend that runs the job."""
    params: bytes
    """The parameters of the program, as the service's JSON."""
    instance: str | None
    """The instance that is charged."""
    tags: Sequence[str] = ()
    """The job's tags."""
    private: bool = False
    """Whether the job's inputs are hidden, and its result can be read once."""
    calibration_id: str | None = None
    """The ID of the calibration that the job runs with; ``None`` for the newest."""
    session_id: str | None = None
    """The ID of the session that the job belongs to."""


def submit(
    client: Any,
    order: Order,
    policy: SubmissionPolicy,
    *,
    sleep: Callable[[float], object] = effects.sleep,
    monotonic: Callable[[], float] = effects.monotonic,
) -> Result[str, Failure]:
    """Submit a job exactly once, even if the reply is lost, and return its ID.

    The call blocks while the service accepts no more jobs, and while it searches for a job whose reply was lost.

    Args:
        client: The client that sends the request, and lists jobs.
        order: The job to submit.
        policy: The pauses and limits.
        sleep: Blocks for a number of seconds.
        monotonic: Returns the seconds of a clock that never goes back.
    """
    course = _Course(client, order, policy, monotonic)
    while True:
        step = course.next_step()
        match step:
            case Send():
                course.send()
            case LookFor():
                course.look()
            case Pause(seconds, is_paced):
                if is_paced:
                    _logger.warning(_PACED, order.backend, seconds)
                sleep(seconds)
            case Accepted(job_id):
                return Success(job_id)
            case GiveUp(failure):
                return Bad(failure)
            case _:
                assert_never(step)


_PACED: Final = "The service accepts no more jobs at the moment: the next job for %s is submitted in %.3g seconds."


class _Course:
    """The state of one submission."""

    def __init__(self, client: Any, order: Order, policy: SubmissionPolicy, monotonic: Callable[[], float]) -> None:
        self._client, self._order, self._policy, self._monotonic = adapted(client), order, policy, monotonic
        params = self._client.parameters
        # The service of a third-party client is not known, so its submissions are compared with none of other clients.
        self._service = None if params is None else (params.url, params.instance)
        service = self._service or id(self._client.original)
        kind = (service, order.backend, order.program, frozenset(order.tags), order.private, order.session_id)
        self._request = Request(kind)
        self._sent = monotonic()
        self._submission = Submission(f"submit a job to {order.backend}")

    def next_step(self) -> SubmissionStep:
        """Return what to do next."""
        now, paused_until = self._monotonic(), 0.0 if self._service is None else LEDGER.paused_until(self._service)
        step = submitting.next_submission_step(self._submission, now)
        if isinstance(step, Send) and now < paused_until:
            self._submission = submitting.after_pause_of_another(self._submission, now, paused_until)
            return submitting.next_submission_step(self._submission, now)
        return step

    def send(self) -> None:
        """Send the request, and record the outcome."""
        order = self._order
        with LEDGER.awaiting_reply(self._request):
            self._sent = self._monotonic()
            sent = effects.submit_job(
                self._client,
                program=order.program,
                backend=order.backend,
                params=msgspec.Raw(order.params),
                instance=order.instance,
                tags=order.tags,
                private=order.private,
                calibration_id=order.calibration_id,
                session_id=order.session_id,
            )
            # The job is in the ledger before other submissions see that this request has its reply.
            done = effects.perform(sent.map(tap(lambda accepted: LEDGER.take(accepted.job_id))))
        match done:
            case Success(accepted):
                self._submission = submitting.after_accepted(self._submission, accepted.job_id)
            case Bad(failure):
                self._learn_failure(failure)

    def _learn_failure(self, failure: Failure) -> None:
        """Record that the request failed. The service may have received it all the same."""
        self._submission = submitting.after_failure(self._policy, self._submission, self._monotonic(), failure)
        if self._submission.is_lost and self._submission.outcome is None:
            _logger.warning("%s. The job may exist, so it is searched for.", describe(failure))
        elif self._submission.outcome is None and self._service is not None:
            LEDGER.pause(self._service, self._submission.not_before)

    def look(self) -> None:
        """Search for the job in the listing, and record the outcome."""
        looked = self._looked()
        now = self._monotonic()
        match looked:
            case Success(look):
                if isinstance(look, Found):
                    _logger.warning("The job exists: it is %s on %s.", look.job_id, self._order.backend)
                self._submission = submitting.after_look(self._policy, self._submission, now, look)
            case Bad(failure):
                self._submission = submitting.after_listing_trouble(self._policy, self._submission, now, failure)

    def _looked(self) -> Result[Look, Failure]:
        order = self._order
        listed = effects.perform(
            effects.fetch_job_page(
                self._client,
                limit=_LISTED,
                hgp=order.instance,
                backend_name=order.backend,
                program_id=order.program,
                job_tags=list(order.tags) or None,
            )
        )
        # The requests whose jobs this listing may have; requests that are sent later have no job in it.
        rivals = LEDGER.rivals_of(self._request)
        candidates = listed.bind(lambda page: self._candidates(page.jobs))
        return candidates.map(lambda found: self._taken(*found, rivals))

    def _candidates(self, listed: Sequence[Job]) -> Result[tuple[list[str], list[str]], Failure]:
        """Return the IDs of jobs with the parameters that were sent, and of jobs with hidden parameters."""
        order, oldest = self._order, self._not_before()
        same: list[str] = []
        hidden: list[str] = []
        for seen in listed:
            if LEDGER.is_taken(seen.job_id) or not submitting.is_candidate(
                seen,
                program=order.program,
                backend=order.backend,
                tags=order.tags,
                private=order.private,
                not_before=oldest,
            ):
                continue
            match self._has_same_params(seen.job_id):
                case Success(None):
                    hidden.append(seen.job_id)
                case Success(True):
                    same.append(seen.job_id)
                case Bad(failure):
                    return Bad(failure)
        return Success((same, hidden))

    def _taken(self, same: Sequence[str], hidden: Sequence[str], rivals: Sequence[Request]) -> Look:
        """Take the job for this submission if a candidate is free, and return what the search found."""
        if same or hidden:
            # A candidate may be the job of a rival, so the rivals' replies are awaited first.
            for rival in rivals:
                while not wait_for(rival.settled, _SETTLED_SECONDS):
                    pass
        found = next((job_id for job_id in reversed(same) if LEDGER.take(job_id)), None)
        if found is not None:
            return Found(found)
        left = tuple(job_id for job_id in hidden if not LEDGER.is_taken(job_id))
        return Undecided(left) if left else NotFound()

    def _not_before(self) -> datetime:
        """Return the earliest time at which the job may have been created, by the service's clock."""
        ahead = self._client.seconds_ahead
        margin = _UNKNOWN_CLOCK_SECONDS if ahead is None else _CLOCK_SECONDS
        # By the monotonic clock, because this machine's clock may have been set since.
        ago = self._monotonic() - self._sent
        return effects.now() + timedelta(seconds=(ahead or 0.0) - ago - margin)

    def _has_same_params(self, job_id: str) -> Result[bool | None, Failure]:
        """Return whether a job has the parameters that were sent; ``None`` if the service hides them."""
        if self._order.private:
            return Success(None)
        fetched = effects.perform(effects.fetch_inputs(self._client, job_id))
        return fetched.map(self._is_same).lash(
            lambda failure: Success(False) if is_answer(failure, 404) else Bad(failure)
        )

    def _is_same(self, inputs: JobInputs | None) -> bool | None:
        if inputs is None or inputs.raw in {b"{}", b"null"}:
            return None
        return submitting.are_same_params(self._order.params, inputs.raw)


_SETTLED_SECONDS: Final = 1.0
"""The pause between two looks at a rival's request. That request has a time limit of its own."""


def is_no_such_program(failure: Failure) -> bool:
    """Return whether a service refused a submission because it does not have the program.

    The reply is then 404 or 400, with an error about the program. No published error code stands for this error, so
    the words of the message decide.

    Example:
        >>> from ibm_circuit_job.errors import Refused
        >>> words = ("Program 'sampler' not found.", "Backend 'x' not found.")
        >>> [is_no_such_program(Refused("submit a job to x", "http://x", 404, said)) for said in words]
        [True, False]
    """
    if not isinstance(failure, Refused) or failure.http_status not in {400, 404, 410}:
        return False
    return _NO_SUCH_PROGRAM.search(failure.message) is not None


_NO_SUCH_PROGRAM: Final = re.compile(
    r"\bprogram\b.{0,80}\b(?:not (?:be )?found|(?:not|n't) (?:exist|supported|available)|unknown|unsupported|retired|"
    r"no longer)\b|\b(?:no such|unknown|unsupported|invalid) program\b(?! (?:in|param))",
    re.IGNORECASE | re.DOTALL,
)
