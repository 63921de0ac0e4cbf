"""ResultReader: the result of a job that has ended, from memory, from the store, or from the service.

The result of a private job can be read from the service once. So memory and the store are tried first, and the bytes
that the service sends are saved (with a store, on the disk) before they are decoded.
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
    """Decodes the bytes of a result to one of its forms: a qiskit ``Result``, or the result of a primitive."""

_logger: Final = logging.getLogger(__name__)
_LOAD_PAUSES_SECONDS: Final = (0.0, 0.05, 0.15, 0.3, 0.5)
"""The pauses before each try to load a result that another handle is reading from the service."""
_COMES_WITHIN: Final = timedelta(seconds=COMES_WITHIN)
_METRICS_SECONDS: Final = 2.0
"""The most seconds that a result is delayed by the request for the metrics."""
_INPUTS_SECONDS: Final = 10.0
"""The most seconds that a result is delayed by the request for the names of its circuits."""
_PROGRAMS_WITH_NAMES: Final = frozenset({"circuit-runner", "qasm3-runner"})
"""The programs whose results contain the names of the circuits."""


@frozen(eq=False)
class _Decoded:
    """A decoded result."""

    result: Callable[[], QiskitResult | None]
    """Returns it; ``None`` if a store has it, and nothing else refers to it any more."""
    is_partial: bool
    """Whether it is what a failed job left of a result."""
    inputs: JobInputs | None
    """The inputs at the time of decoding: a sampler's result gets its names from them."""


class ResultReader:
    """Reads the result of one job, once for all threads together.

    Args:
        cell: The cell of the job's handle.
    """

    def __init__(self, cell: JobCell) -> None:
        self._cell = cell
        self._form: _Form = results.decode
        self._has_requested_inputs = False
        self._decoded: _Decoded | None = None
        self.tries = Tries()
        """The tries of all callers that wait for the result."""
        self._reading = ForkFreeLock()
        """Held while reading, so that a result that can be read once is not requested twice."""
        self._decoding = ForkFreeLock()
        self._undecodable: str | None = None
        """The SHA-256 of the last reply that is no result. It is saved once, even if it arrives again."""

    def in_form(self, form: _Form) -> Self:
        """Return a reader of the same result in another form. It does not request what this one has read."""
        other = type(self)(self._cell)
        other._form, other._reading, other.tries = form, self._reading, self.tries  # noqa: SLF001 - of this class
        return other

    def known(self) -> QiskitResult | None:
        """Return the result if it needs no request: decoded before, or passed to the handle's constructor."""
        cell = self._cell
        if queries.status(cell.state) in {JobStatus.CANCELLED, JobStatus.ERROR}:
            return None
        decoded = self._still_decoded()
        if decoded is not None:
            return decoded
        given, cached = cell.given.payload, cell.state.payload
        # A payload that the store has is not in memory.
        if given is None or not (cached is given or (cached is None and cell.is_stored(given))):
            return None
        with self._decoding():
            return self._still_decoded() or self._decode(given)

    def in_memory(self) -> QiskitResult | None:
        """Return the decoded result, or what a failed job left of one; ``None`` if nothing is decoded yet."""
        return None if self._decoded is None else self._decoded.result()

    def read(self, *, again: bool) -> QiskitResult | Missed:
        """Try once to read the result of a job that is DONE; return a :class:`Missed` if that fails.

        Args:
            again: Whether to read it from the service even if memory or the store has it.
        """
        with self._reading():
            newest = None
            if not again:
                # Another thread may have read it meanwhile.
                found = self._still_decoded()
                if found is None:
                    found, newest = self._decoded_from_arrived(self._decode)
                if found is not None:
                    return found
            return self._read_from_service(newest, again=again)

    def read_partial(self, *, again: bool) -> QiskitResult | Missed | None:
        """Try once to read what a failed job left of a result; ``None`` if it left nothing.

        Args:
            again: Whether to read it from the service even if memory or the store has it.
        """
        with self._reading():
            newest = None
            if not again:
                left = self._decoded.result() if self._decoded is not None and self._decoded.is_partial else None
                if left is None:
                    left, newest = self._decoded_from_arrived(self._decode_partial)
                if left is not None:
                    return left
            if newest is not None and wire.replies.read_result_location(newest.raw) is None:
                return None
            fetched = self._fetched(newest, prompt=True).map(tap(self._cell.cache_unless_saved))
            match effects.perform(fetched):
                case Success(payload):
                    return self._decode_partial(payload)
                case Bad(failure) if _may_come(failure):
                    return Missed(failure)
            return None

    def find_reason(self, *, prompt: bool = False) -> IOResult[Job, Failure]:
        """Return the record with the reason why a job failed; without a reason if the service has none.

        Args:
            prompt: Whether to send a request once, for a caller that retries by itself.
        """
        with self._reading():
            found = self._request_reason(prompt=prompt).bind(lambda _: self._read_reason(prompt=prompt))
            return found.map(lambda _: self._cell.failed)

    def _request_reason(self, *, prompt: bool) -> IOResult[None, Failure]:
        """Request the job if its status is from the handle's constructor, without a reason."""
        cell = self._cell
        if queries.has_reason(cell.failed) or cell.has_reply or self._recall_reason():
            return IOSuccess(None)
        longest = LONGEST_CALL if prompt else None
        return effects.fetch_job(cell.client, cell.job_id, longest, clock=cell.clock).map(cell.observe)

    def _read_reason(self, *, prompt: bool) -> IOResult[None, Failure]:
        """Read the text of the result if the record has no reason. A failed job may have left no text."""
        cell = self._cell
        if queries.has_reason(cell.failed) or self._recall_reason():
            return IOSuccess(None)
        fetched = self._fetched(cell.state.payload, prompt=prompt).map(cell.observe_facts)
        return fetched.lash(lambda failure: IOFailure(failure) if _may_come(failure) else IOSuccess(None))

    def _recall_reason(self) -> bool:
        """Load the text of a failed job's result into memory; return whether it has arrived before."""
        arrived = next(self._cell.arrived_payloads(), None)
        if arrived is not None and arrived is not self._cell.state.payload:
            self._cell.learn_facts(arrived)
        return arrived is not None and wire.replies.read_result_location(arrived.raw) is None

    # From the service

    def _read_from_service(self, newest: ResultPayload | None, *, again: bool) -> QiskitResult | Missed:
        cell = self._cell
        before = cell.state.payload
        fetched = effects.perform(self._fetched(newest, prompt=True))
        match fetched:
            case Success(payload):
                return self._decode_arrived(payload, before)
        failure = fetched.failure()
        saved = None if again else self._saved_by_another_handle(failure)
        return Missed(failure) if saved is None else saved

    def _decode_arrived(self, payload: ResultPayload, before: ResultPayload | None) -> QiskitResult | Missed:
        """Decode bytes that have arrived just now. *before* are the bytes that were in memory, or ``None``."""
        cell = self._cell
        decoded = self._form(payload, self._context(payload))
        match decoded:
            case Success(result):
                cell.cache_unless_saved(payload)
                self._save_metrics()
                return self._remembered(payload, result)
            case Bad(OtherForm() as other):
                # It is a result, which another method returns.
                cell.cache_unless_saved(payload)
                self._save_metrics()
                return Missed(other)
        if before is None or cell.state.payload is not before:
            # These bytes may be the only copy. They stay until a later request brings a result.
            cell.cache_unless_saved(payload)
        self._undecodable = payload.sha256
        is_document = is_successful(wire.documents.value(payload.raw, "result"))
        return Missed(decoded.failure(), payload.sha256, is_document)

    def _fetched(self, newest: ResultPayload | None, *, prompt: bool) -> IOResult[ResultPayload, Failure]:
        """Read the result from the URL in the newest payload, if it has one; else from the service."""
        url = None if newest is None else wire.replies.read_result_location(newest.raw)
        if url is None:
            return self._requested(prompt=prompt).bind(partial(self._followed, prompt=prompt))
        return self._located(url, prompt=prompt).lash(partial(self._fetched_after, prompt=prompt))

    def _fetched_after(self, failure: Failure, *, prompt: bool) -> IOResult[ResultPayload, Failure]:
        """Read the result from the service after a URL has failed. The service may name another URL."""
        if not _may_url_be_invalid(failure):
            return IOFailure(failure)

        def worse(refusal: Failure) -> IOResult[ResultPayload, Failure]:
            # The URL may still be valid, if its refusal did not come from the object store.
            return IOFailure(failure if failure.can_retry and not refusal.can_retry else refusal)

        return self._requested(prompt=prompt).lash(worse).bind(partial(self._followed, prompt=prompt))

    def _followed(self, payload: ResultPayload, *, prompt: bool) -> IOResult[ResultPayload, Failure]:
        """Return a payload; if it is only the URL of the result, read the result from there."""
        url = wire.replies.read_result_location(payload.raw)
        if url is None:
            return IOSuccess(payload)
        if self._cell.state.payload is None:
            # The service may not name the URL again, so it is cached in case the object store fails now.
            self._cell.cache_unless_saved(payload)
        return self._located(url, prompt=prompt)

    # Both save the bytes on the disk before anything else is done with them.

    def _requested(self, *, prompt: bool) -> IOResult[ResultPayload, Failure]:
        cell = self._cell
        return cell.fetch_result(prompt=prompt).map(tap(self._save))

    def _located(self, url: str, *, prompt: bool) -> IOResult[ResultPayload, Failure]:
        cell = self._cell
        fetched = effects.fetch_located(cell.client, cell.job_id, url, prompt=prompt, clock=cell.clock)
        return fetched.map(tap(self._save))

    def _save(self, payload: ResultPayload) -> None:
        """Save bytes that have arrived, unless they are the same undecodable bytes as the last ones."""
        if self._undecodable is None or payload.sha256 != self._undecodable:
            self._cell.save_result(payload, seen_at=effects.now())

    def _saved_by_another_handle(self, failure: Failure) -> QiskitResult | None:
        """Return the result if another handle reads it now, or has just read it, and saves it in the same store."""
        if self._cell.saved_job is None or not is_answer(failure, 404, 409, 410):
            return None
        for pause in _LOAD_PAUSES_SECONDS:
            if self._cell.saved_job.outage is not None:
                # A store that does not reply would take its whole timeout each time.
                return None
            self._cell.clock.sleep(pause)
            found, _ = self._decoded_from_arrived(self._decode)
            if found is not None:
                return found
        return None

    def error(self, trouble: Trouble, seconds: float | None) -> IBMError | None:
        """Return why a job that is DONE has no result; ``None`` if failures lasted for too long.

        Args:
            trouble: The failures that ended the wait for the result.
            seconds: The most seconds for a request that finds out whether the account can see the job.
        """
        cell, failure = self._cell, trouble.last
        is_refused = is_answer(failure, 404, 410)
        if cell.saved_job is not None and (is_refused or isinstance(failure, NoResult | Unsupported)):
            if cell.saved_job.damage is not None:
                return JobStoreDamagedError(f"{cell.saved_job.damage}; and the service has none: {describe(failure)}")
            if cell.saved_job.outage is not None:
                # The store may have the result.
                return JobStoreUnavailableError(
                    f"{cell.saved_job.outage}; and the service has none: {describe(failure)}"
                )
            if isinstance(failure, Unsupported):
                return IBMJobApiError(f"the store has no result of job {cell.job_id}, and {describe(failure)}")
        if is_refused or isinstance(failure, NoResult):
            return self._absent(failure, seconds)
        return None if failure.can_retry else to_exception(failure)

    def _absent(self, failure: Failure, seconds: float | None) -> IBMError:
        """Return why the service has no result of a job that is DONE."""
        cell = self._cell
        # An account that cannot see the job gets the same reply, so the job itself is requested first.
        longest = LONGEST_CALL if seconds is None else seconds
        ask = partial(effects.fetch_job, cell.client, cell.job_id, longest, clock=cell.clock)
        seen = effects.perform(within(seconds, ask).map(cell.observe))
        if failure.http_status != 410 and not cell.known(lambda job: job.private):
            # Not an IBMJobNotFoundError, because the job exists.
            return IBMJobApiError(describe(failure))
        # Only a refusal of the service is certain: an empty reply may come before the result does.
        is_refused = isinstance(failure, Refused)
        if cell.saved_job is not None and is_refused and is_successful(seen) and self._is_long_over():
            cell.saved_job.give_up_result()
        return IBMJobApiError(
            f"the result of job {cell.job_id} was read before, and it can be read only once: {describe(failure)}"
        )

    def _is_long_over(self) -> bool:
        """Whether the job ended more than COMES_WITHIN seconds ago, so that no result is to be expected."""
        ended_at = self._cell.ended_at
        return ended_at is not None and self._cell.clock.now() - ended_at > _COMES_WITHIN

    def _save_metrics(self) -> None:
        """Request the metrics and save them: a program that loads the job later may have no connection."""
        cell = self._cell
        if cell.saved_job is None or cell.metrics_are_final:
            return
        ask = partial(effects.fetch_metrics, cell.client, cell.job_id, clock=cell.clock)
        try:
            measured = effects.perform(within(_METRICS_SECONDS, ask))
        except Exception as error:  # noqa: BLE001 - the result is there, and a third-party client may raise anything
            _logger.warning("Could not save the metrics of job %s: %s: %s", cell.job_id, type(error).__name__, error)
        else:
            measured.map(cell.observe_facts)

    # Decoding

    def _decoded_from_arrived(
        self, decode: Callable[[ResultPayload], QiskitResult | None]
    ) -> tuple[QiskitResult | None, ResultPayload | None]:
        """Return the newest decodable result of all that has arrived, or ``None``, and the newest payload."""
        newest = None
        for arrived in self._cell.arrived_payloads():
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
                # The job has a result of another form, so a request would not bring one of this form.
                raise to_exception(other)
        return None

    def _decode_partial(self, payload: ResultPayload) -> QiskitResult | None:
        decoded = results.partial(payload, self._context(payload))
        return decoded.map(partial(self._remembered, payload, is_partial=True)).value_or(None)

    def _context(self, payload: ResultPayload) -> results.ResultContext:
        """Return what the bytes of a result do not say: job, backend, and for a sampler the names from the inputs."""
        cell = self._cell
        named = cell.state
        has_names = cell.known(lambda job: job.program) in _PROGRAMS_WITH_NAMES
        if self._form is not results.decode or has_names or not results.lacks_names(payload):
            return results.ResultContext(cell.job_id, cell.backend_name)
        if named.inputs is None:
            saved = None if cell.saved_job is None else cell.saved_job.inputs()
            inputs = saved or self._fetched_inputs()
            # Not merged into the cell's record: saved inputs need not stay in memory.
            named = named if inputs is None else refresh(named, inputs)
        found = queries.named_bindings(named)
        return results.ResultContext(
            cell.job_id, cell.backend_name, tuple(name for name, _ in found), tuple(binding for _, binding in found)
        )

    def _fetched_inputs(self) -> JobInputs | None:
        """Return the inputs, requested once; ``None`` for a private job, and if the service does not reply."""
        cell = self._cell
        if cell.client.original is None or self._has_requested_inputs or cell.known(lambda job: job.private):
            return None
        self._has_requested_inputs = True
        ask = partial(effects.fetch_inputs, cell.client, cell.job_id, clock=cell.clock)
        try:
            fetched = effects.perform(within(_INPUTS_SECONDS, ask))
        except Exception as error:  # noqa: BLE001 - the result is there, and a third-party client may raise anything
            _logger.warning("The result of job %s has no names of its circuits: %s", cell.job_id, error)
            return None
        inputs: JobInputs | None = fetched.value_or(None)
        if inputs is not None:
            cell.learn_facts(inputs)
        return inputs

    def _remembered(self, payload: ResultPayload, result: QiskitResult, *, is_partial: bool = False) -> QiskitResult:
        """Cache a decoded result, and return it. If a store has its bytes, the store's cache decides for how long."""
        cell = self._cell
        if cell.saved_job is not None and cell.is_stored(payload):
            cell.saved_job.cache(result, payload)
            remembered = partial(_cached, weakref.ref(result), cell.saved_job.store)
        else:
            remembered = partial(_same, result)
        self._decoded = _Decoded(remembered, is_partial, cell.state.inputs)
        return result

    def _still_decoded(self) -> QiskitResult | None:
        """Return the cached result, unless it is partial or lacks names of circuits that are known now."""
        decoded = self._decoded
        if decoded is None or decoded.is_partial:
            return None
        is_complete = decoded.inputs is not None or not queries.sampled_names(self._cell.state)
        return decoded.result() if is_complete else None


def _may_come(failure: Failure) -> bool:
    """Whether another try may bring what a failed job left. An empty reply means that it left nothing."""
    return failure.can_retry and not isinstance(failure, NoResult)


def _may_url_be_invalid(failure: Failure) -> bool:
    """Whether a failure means that the URL of a result may have expired or is not safe, and not a lost connection."""
    return not (failure.is_busy if isinstance(failure, Refused) else failure.can_retry)


def _same(result: QiskitResult) -> QiskitResult:
    return result


def _cached(remembered: weakref.ref[QiskitResult], store: RecordStore) -> QiskitResult | None:
    """Return a result that is still in memory, and mark it as used last in the store's cache."""
    result = remembered()
    if result is not None:
        store.cache_decoded(result)
    return result
