"""ResultReader: the result of a job that has ended, from memory, from the store, or from the service.

The result of a private job can be read once. So it is looked for where it may be already before the service is asked;
and what the service sends is kept, and on the disk where there is a store, before any of it is decoded.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

from attrs import frozen
from qiskit.providers.jobstatus import JobStatus
from qiskit.result import Result as QiskitResult
from returns.functions import tap
from returns.io import IOFailure, IOResult, IOSuccess
from returns.pipeline import is_successful
from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job import effects, wire
from ibm_circuit_job.errors import (
    Failure,
    IBMError,
    IBMJobApiError,
    JobStoreDamagedError,
    JobStoreUnavailableError,
    NoResult,
    OtherForm,
    Refused,
    Unsupported,
    describe,
    is_answer,
    to_exception,
)
from ibm_circuit_job.job.cell import JobCell
from ibm_circuit_job.job.result_waiter import Tries
from ibm_circuit_job.state.course import LONGEST_CALL
from ibm_circuit_job.state.facts import JobInputs, ResultPayload
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.reading import COMES_WITHIN, Missed
from ibm_circuit_job.state.transitions import refresh
from ibm_circuit_job.state.waiting import Trouble
from ibm_circuit_job.threads.background import within
from ibm_circuit_job.threads.locks import ForkFreeLock
from ibm_circuit_job.wire import queries, results

if TYPE_CHECKING:
    from ibm_circuit_job.store import RecordStore

    _Form = Callable[[ResultPayload, results.ResultContext], Result[Any, Failure]]
    """What makes of a body the form in which a result is asked for."""

_logger: Final = logging.getLogger(__name__)
_PAUSES_FOR_OTHERS: Final = (0.0, 0.05, 0.15, 0.3, 0.5)
"""Seconds between looks at the store for a result that another handle is reading."""
_COMES_WITHIN: Final = timedelta(seconds=COMES_WITHIN)
_METRICS_SECONDS: Final = 2.0
"""How long a result may be kept back for the sake of what was measured."""
_INPUTS_SECONDS: Final = 10.0
"""How long a result may be kept back for the sake of the names of its circuits."""
_NAMING: Final = frozenset({"circuit-runner", "qasm3-runner"})
"""The programs whose results say the names of the circuits."""


@frozen(eq=False)
class _Decoded:
    """A result that was decoded, and of what."""

    result: Callable[[], QiskitResult | None]
    """Return it; ``None`` where a store has it, and nothing else refers to it."""
    is_partial: bool
    inputs: JobInputs | None
    """The inputs that were known then: a sampler's result has its names from there."""


class ResultReader:
    """Reads the result of one job, once for however many threads want it.

    Args:
        cell: What is known of the job.
    """

    def __init__(self, cell: JobCell) -> None:
        self._cell = cell
        self._form: _Form = results.decode
        self._asked_for_inputs = False
        self._decoded: _Decoded | None = None
        self.tries = Tries()
        """The tries of those that wait for the result."""
        self._reading = ForkFreeLock()
        """Taken by each that reads, so that nothing is read a second time that can be read once."""
        self._decoding = ForkFreeLock()
        self._undecodable: str | None = None
        """The SHA-256 of what came last and is no result. It is in the store once, however often it comes."""

    def in_form(self, form: _Form) -> Self:
        """Return a reader of the same result in another form: it asks for nothing that this one has read."""
        other = type(self)(self._cell)
        other._form, other._reading, other.tries = form, self._reading, self.tries  # noqa: SLF001 - of this class
        return other

    def known(self) -> QiskitResult | None:
        """Return the result where it is there already: read before, or given when the handle was made."""
        cell = self._cell
        if queries.status(cell.state) in {JobStatus.CANCELLED, JobStatus.ERROR}:
            return None
        decoded = self._still_decoded()
        if decoded is not None:
            return decoded
        given, held = cell.given.payload, cell.state.payload
        # Where a store has it, memory need not.
        if given is None or not (held is given or (held is None and cell.is_stored(given))):
            return None
        with self._decoding():
            return self._still_decoded() or self._decode(given)

    def in_memory(self) -> QiskitResult | None:
        """Return the result, or what a failed job left of one, where it is decoded already; nothing is read."""
        return None if self._decoded is None else self._decoded.result()

    def read(self, *, again: bool) -> QiskitResult | Missed:
        """Try once to read the result of a job that is done; return why there is none where that fails.

        Args:
            again: Read it from the service, whatever is there already.
        """
        with self._reading():
            newest = None
            if not again:
                # Another thread may have been faster.
                kept = self._still_decoded()
                if kept is None:
                    kept, newest = self._decoded_before(self._decode)
                if kept is not None:
                    return kept
            return self._read_from_service(newest, again=again)

    def read_partial(self, *, again: bool) -> QiskitResult | Missed | None:
        """Try once to read what a failed job left of a result; ``None`` where that is nothing.

        Args:
            again: Read it from the service, whatever is there already.
        """
        with self._reading():
            newest = None
            if not again:
                left = self._decoded.result() if self._decoded is not None and self._decoded.is_partial else None
                if left is None:
                    left, newest = self._decoded_before(self._decode_partial)
                if left is not None:
                    return left
            if newest is not None and wire.replies.read_result_location(newest.raw) is None:
                return None
            fetched = self._fetched(newest, prompt=True).map(tap(self._cell.take_in))
            match effects.perform(fetched):
                case Success(payload):
                    return self._decode_partial(payload)
                case Bad(failure) if _may_come(failure):
                    return Missed(failure)
            return None

    def find_reason(self, *, prompt: bool = False) -> IOResult[Job, Failure]:
        """Return the record that says best why a job failed. Where nothing says so, that is no failure.

        Args:
            prompt: Ask once, for a caller that has a policy of its own.
        """
        with self._reading():
            asked = self._ask_for_reason(prompt=prompt).bind(lambda _: self._read_reason(prompt=prompt))
            return asked.map(lambda _: self._cell.failed)

    def _ask_for_reason(self, *, prompt: bool) -> IOResult[None, Failure]:
        """Ask for the job where the status was given when the handle was made, without a reason."""
        cell = self._cell
        if queries.has_reason(cell.failed) or cell.heard or self._recall_reason():
            return IOSuccess(None)
        longest = LONGEST_CALL if prompt else None
        return effects.fetch_job(cell.client, cell.job_id, longest, clock=cell.clock).map(cell.observe)

    def _read_reason(self, *, prompt: bool) -> IOResult[None, Failure]:
        """Read the results text where nothing else says why the job failed. A job may have left none."""
        cell = self._cell
        if queries.has_reason(cell.failed) or self._recall_reason():
            return IOSuccess(None)
        fetched = self._fetched(cell.state.payload, prompt=prompt).map(cell.observe_facts)
        return fetched.lash(lambda failure: IOFailure(failure) if _may_come(failure) else IOSuccess(None))

    def _recall_reason(self) -> bool:
        """Have the results text of a job that failed, where it has arrived before, in memory."""
        held = next(self._cell.arrived(), None)
        if held is not None and held is not self._cell.state.payload:
            self._cell.learn_facts(held)
        return held is not None and wire.replies.read_result_location(held.raw) is None

    # From the service

    def _read_from_service(self, newest: ResultPayload | None, *, again: bool) -> QiskitResult | Missed:
        cell = self._cell
        held = cell.state.payload
        fetched = effects.perform(self._fetched(newest, prompt=True))
        match fetched:
            case Success(payload):
                return self._taken_in(payload, held)
        failure = fetched.failure()
        kept = None if again else self._kept_elsewhere(failure)
        return Missed(failure) if kept is None else kept

    def _taken_in(self, payload: ResultPayload, held: ResultPayload | None) -> QiskitResult | Missed:
        """Decode a body that has arrived just now, when memory had another one, or none."""
        cell = self._cell
        decoded = self._form(payload, self._context(payload))
        match decoded:
            case Success(result):
                cell.take_in(payload)
                self._keep_metrics()
                return self._remembered(payload, result)
            case Bad(OtherForm() as other):
                # It is the result, which another method returns.
                cell.take_in(payload)
                self._keep_metrics()
                return Missed(other)
        if held is None or cell.state.payload is not held:
            # Perhaps the only copy there will ever be; it is asked for again, and this stays until there is better.
            cell.take_in(payload)
        self._undecodable = payload.sha256
        is_document = is_successful(wire.documents.value(payload.raw, "result"))
        return Missed(decoded.failure(), payload.sha256, is_document)

    def _fetched(self, newest: ResultPayload | None, *, prompt: bool) -> IOResult[ResultPayload, Failure]:
        """Read the result from the service, or from the URL that it names, or has named in what came last."""
        url = None if newest is None else wire.replies.read_result_location(newest.raw)
        if url is None:
            return self._asked(prompt=prompt).bind(partial(self._followed, prompt=prompt))
        return self._located(url, prompt=prompt).lash(partial(self._fetched_after, prompt=prompt))

    def _fetched_after(self, failure: Failure, *, prompt: bool) -> IOResult[ResultPayload, Failure]:
        """Read the result from the service, which may name another URL than the one that failed."""
        if not _is_url_over(failure):
            return IOFailure(failure)

        def worse(refusal: Failure) -> IOResult[ResultPayload, Failure]:
            # The URL may hold all the same, if it was not the object store that said no.
            return IOFailure(failure if failure.can_retry and not refusal.can_retry else refusal)

        return self._asked(prompt=prompt).lash(worse).bind(partial(self._followed, prompt=prompt))

    def _followed(self, payload: ResultPayload, *, prompt: bool) -> IOResult[ResultPayload, Failure]:
        """Read the result from the URL that a body names, if it is no more than that."""
        url = wire.replies.read_result_location(payload.raw)
        if url is None:
            return IOSuccess(payload)
        if self._cell.state.payload is None:
            # The only way to a result that can be read once, should the store not answer now.
            self._cell.take_in(payload)
        return self._located(url, prompt=prompt)

    # What is fetched is on the disk before anything else is done with it.

    def _asked(self, *, prompt: bool) -> IOResult[ResultPayload, Failure]:
        cell = self._cell
        return cell.fetch_result(prompt=prompt).map(tap(self._keep))

    def _located(self, url: str, *, prompt: bool) -> IOResult[ResultPayload, Failure]:
        cell = self._cell
        fetched = effects.fetch_located(cell.client, cell.job_id, url, prompt=prompt, clock=cell.clock)
        return fetched.map(tap(self._keep))

    def _keep(self, payload: ResultPayload) -> None:
        """Write what has arrived to the store, but for what came just before and is no result."""
        if self._undecodable is None or payload.sha256 != self._undecodable:
            self._cell.keep_result(payload, seen_at=effects.now())

    def _kept_elsewhere(self, failure: Failure) -> QiskitResult | None:
        """The result that another handle has read a moment ago, or reads just now, and keeps in the same store."""
        if self._cell.keeper is None or not is_answer(failure, 404, 409, 410):
            return None
        for pause in _PAUSES_FOR_OTHERS:
            if self._cell.keeper.unread is not None:
                # Each look at a store that does not answer takes as long as it may.
                return None
            self._cell.clock.sleep(pause)
            kept, _ = self._decoded_before(self._decode)
            if kept is not None:
                return kept
        return None

    def error(self, trouble: Trouble, seconds: float | None) -> IBMError | None:
        """Say why a job that is done has no result; ``None`` where trouble lasted for too long.

        Args:
            trouble: What ended the wait for it.
            seconds: How long the service may take to say whether the job is there.
        """
        cell, failure = self._cell, trouble.last
        is_refused = is_answer(failure, 404, 410)
        if cell.keeper is not None and (is_refused or isinstance(failure, NoResult | Unsupported)):
            if cell.keeper.damage is not None:
                return JobStoreDamagedError(f"{cell.keeper.damage}; and the service has none: {describe(failure)}")
            if cell.keeper.unread is not None:
                # It may be there.
                return JobStoreUnavailableError(f"{cell.keeper.unread}; and the service has none: {describe(failure)}")
            if isinstance(failure, Unsupported):
                return IBMJobApiError(f"the store has no result of job {cell.job_id}, and {describe(failure)}")
        if is_refused or isinstance(failure, NoResult):
            return self._absent(failure, seconds)
        return None if failure.can_retry else to_exception(failure)

    def _absent(self, failure: Failure, seconds: float | None) -> IBMError:
        """Say why the service has no result of a job that is done."""
        cell = self._cell
        # An account that cannot see the job at all is told the same of its result.
        longest = LONGEST_CALL if seconds is None else seconds
        ask = partial(effects.fetch_job, cell.client, cell.job_id, longest, clock=cell.clock)
        seen = effects.perform(within(seconds, ask).map(cell.observe))
        if failure.http_status != 410 and not cell.known(lambda job: job.private):
            # Not "no such job", for it is done.
            return IBMJobApiError(describe(failure))
        # That a body is empty says less than a refusal in the service's own form.
        is_refused = isinstance(failure, Refused)
        if cell.keeper is not None and is_refused and is_successful(seen) and self._is_long_over():
            cell.keeper.give_up_result()
        return IBMJobApiError(
            f"the result of job {cell.job_id} was read before, and it can be read only once: {describe(failure)}"
        )

    def _is_long_over(self) -> bool:
        """Whether the job ended so long ago that a result that is not there does not come any more."""
        ended_at = self._cell.ended_at
        return ended_at is not None and self._cell.clock.now() - ended_at > _COMES_WITHIN

    def _keep_metrics(self) -> None:
        """Learn what was measured, for the store: a later reader of it may have no connection."""
        cell = self._cell
        if cell.keeper is None or cell.metrics_are_final:
            return
        ask = partial(effects.fetch_metrics, cell.client, cell.job_id, clock=cell.clock)
        try:
            measured = effects.perform(within(_METRICS_SECONDS, ask))
        except Exception as error:  # noqa: BLE001 - the result is there, and a client of anybody's may raise anything
            _logger.warning("What was measured of job %s is not kept: %s: %s", cell.job_id, type(error).__name__, error)
        else:
            measured.map(cell.observe_facts)

    # Decoding

    def _decoded_before(
        self, decode: Callable[[ResultPayload], QiskitResult | None]
    ) -> tuple[QiskitResult | None, ResultPayload | None]:
        """The newest of what has arrived that can be decoded, where any can, and the newest of all."""
        newest = None
        for arrived in self._cell.arrived():
            newest = newest or arrived
            found = decode(arrived)
            if found is not None:
                return found, newest
        return None, newest

    def _decode(self, payload: ResultPayload) -> QiskitResult | None:
        match self._form(payload, self._context(payload)):
            case Success(result):
                return self._remembered(payload, result)
            case Bad(OtherForm() as other):
                # The service has no other result.
                raise to_exception(other)
        return None

    def _decode_partial(self, payload: ResultPayload) -> QiskitResult | None:
        decoded = results.partial(payload, self._context(payload))
        return decoded.map(partial(self._remembered, payload, is_partial=True)).value_or(None)

    def _context(self, payload: ResultPayload) -> results.ResultContext:
        """What is known of the job that a body does not say. For names alone, the inputs need not stay in memory."""
        cell = self._cell
        named = cell.state
        if self._form is not results.decode or cell.known(lambda job: job.program) in _NAMING:
            return results.ResultContext(cell.job_id, cell.backend_name)
        if not results.lacks_names(payload):
            return results.ResultContext(cell.job_id, cell.backend_name)
        if named.inputs is None:
            kept = None if cell.keeper is None else cell.keeper.inputs()
            inputs = kept or self._fetched_inputs()
            named = named if inputs is None else refresh(named, inputs)
        found = queries.named_bindings(named)
        return results.ResultContext(
            cell.job_id, cell.backend_name, tuple(name for name, _ in found), tuple(binding for _, binding in found)
        )

    def _fetched_inputs(self) -> JobInputs | None:
        """The inputs, asked for once; ``None`` where the service does not give them away, or does not answer."""
        cell = self._cell
        if cell.client.original is None or self._asked_for_inputs or cell.known(lambda job: job.private):
            return None
        self._asked_for_inputs = True
        ask = partial(effects.fetch_inputs, cell.client, cell.job_id, clock=cell.clock)
        try:
            asked = effects.perform(within(_INPUTS_SECONDS, ask))
        except Exception as error:  # noqa: BLE001 - the result is there, and a third-party client may raise anything
            _logger.warning("The result of job %s is without the names of its circuits: %s", cell.job_id, error)
            return None
        inputs: JobInputs | None = asked.value_or(None)
        if inputs is not None:
            cell.learn_facts(inputs)
        return inputs

    def _remembered(self, payload: ResultPayload, result: QiskitResult, *, is_partial: bool = False) -> QiskitResult:
        """Remember a decoded result; where a store has what it was decoded from, for as long as that holds it."""
        cell = self._cell
        if cell.keeper is not None and cell.is_stored(payload):
            cell.keeper.hold(result, payload)
            remembered = partial(_held, weakref.ref(result), cell.keeper.store)
        else:
            remembered = partial(_same, result)
        self._decoded = _Decoded(remembered, is_partial, cell.state.inputs)
        return result

    def _still_decoded(self) -> QiskitResult | None:
        """The result, where it was decoded with all that is known by now, and is there."""
        decoded = self._decoded
        if decoded is None or decoded.is_partial:
            return None
        # Once they are known, the names of a sampler's circuits belong into its result.
        is_complete = decoded.inputs is not None or not queries.sampled_names(self._cell.state)
        return decoded.result() if is_complete else None


def _may_come(failure: Failure) -> bool:
    """Whether what a failed job left may come with another try. That it left nothing is an answer."""
    return failure.can_retry and not isinstance(failure, NoResult)


def _is_url_over(failure: Failure) -> bool:
    """Whether the URL of a result has expired, is not safe, or may be; trouble on the way to it says nothing of it."""
    return not (failure.is_busy if isinstance(failure, Refused) else failure.can_retry)


def _same(result: QiskitResult) -> QiskitResult:
    return result


def _held(remembered: weakref.ref[QiskitResult], store: RecordStore) -> QiskitResult | None:
    """A result that is remembered, and held for longer because it was asked for."""
    result = remembered()
    if result is not None:
        store.hold(result)
    return result
