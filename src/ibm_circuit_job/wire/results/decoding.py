"""From the body of a results reply to the return values of a job's ``result()`` and ``primitive_result()``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job.errors import Failure, OtherForm, Unreadable
from ibm_circuit_job.state.facts import ResultPayload
from ibm_circuit_job.wire import typed_json
from ibm_circuit_job.wire.results import executor, noise_learner
from ibm_circuit_job.wire.results.context import ResultContext
from ibm_circuit_job.wire.results.kinds import BodyKind, kind_of_fields, names_another_job, unwrapped

if TYPE_CHECKING:
    from qiskit.primitives.containers import PrimitiveResult
    from qiskit.result import Result as QiskitResult


def decode(payload: ResultPayload, context: ResultContext | None = None) -> Result[QiskitResult, Failure]:
    """Return the qiskit ``Result`` of a payload.

    A circuit that cannot be read has an experiment with ``success`` False and a ``status`` with the reason. Its
    ``get_counts()`` raises a ``QiskitError``. The other circuits are not affected.

    Args:
        payload: The body of the reply to ``GET /jobs/ID/results``.
        context: The names of circuits and registers, which the bodies of ``sampler`` and ``executor`` lack.

    Returns:
        The ``Result``. An ``OtherForm`` if the body has no counts. An ``Unreadable``, with the path of the wrong field,
        if the body is not a result, or is the result of another job.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import ResultPayload
        >>> body = b'{"backend_name": "b", "job_id": "a", "success": true, "results": []}'
        >>> decode(ResultPayload(datetime.now(UTC), body)).unwrap().job_id
        'a'
        >>> decode(ResultPayload(datetime.now(UTC), b'{"success": true}')).failure().message
        "expected a field 'results', which is missing"
    """
    from ibm_circuit_job.wire.results import classic, late_executor, late_sampler  # noqa: PLC0415 - they import qiskit

    known, raw = context or ResultContext(), unwrapped(payload.raw)
    found = classic.of_body(raw) or late_sampler.of_body(raw, known) or late_executor.of_body(raw, known)
    if found is None:
        found = _parts(payload).bind(lambda body: _counted(body, known))
    return found.bind(lambda result: _of_job(result, known.job_id))


def _of_job(found: QiskitResult, job_id: str | None) -> Result[QiskitResult, Unreadable | OtherForm]:
    """The result, after a check that it belongs to the requested job."""
    if job_id is not None and names_another_job(found.job_id, job_id):
        return Bad(Unreadable("result", "job_id", f"expected that of job {job_id!r}, got that of {found.job_id!r}"))
    return Success(found)


def partial(payload: ResultPayload, context: ResultContext | None = None) -> Result[QiskitResult, Failure]:
    """Return the partial ``Result`` of a failed job: as :func:`decode`, with ``success`` False.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import ResultPayload
        >>> body = b'{"backend_name": "b", "job_id": "a", "success": true, "results": []}'
        >>> partial(ResultPayload(datetime.now(UTC), body)).unwrap().success
        False
    """
    return decode(payload, context).map(_as_failed)


def decode_primitive(
    payload: ResultPayload, context: ResultContext | None = None
) -> Result[PrimitiveResult[Any] | executor.ExecutorResult | noise_learner.NoiseLearnerResult, Failure]:
    """Return the result of a primitive from a payload.

    Args:
        payload: The body of the reply to ``GET /jobs/ID/results``.
        context: The job's ID, for the failure.

    Returns:
        A ``PrimitiveResult`` for ``sampler``, for ``estimator``, and for ``executor`` jobs of the official client-side
        primitives. An :class:`~ibm_circuit_job.ExecutorResult` for other ``executor`` jobs, and a
        :class:`~ibm_circuit_job.NoiseLearnerResult` for noise learners. An ``OtherForm`` for a qiskit ``Result`` and
        for unknown programs. An ``Unreadable`` if the body is not a result.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import ResultPayload
        >>> body = b'{"results": [{"data": {"evs": 0.5, "stds": 0.1}, "metadata": {}}], "metadata": {}}'
        >>> float(decode_primitive(ResultPayload(datetime.now(UTC), body)).unwrap()[0].data.evs)
        0.5
    """
    known = context or ResultContext()
    return _parts(payload).bind(lambda body: _primitive(body, known))


def _parts(payload: ResultPayload) -> Result[Any, Unreadable | OtherForm]:
    return typed_json.decode_parts(unwrapped(payload.raw), "result")


def _kind(body: Any) -> BodyKind:
    """The kind of a decoded body."""
    from qiskit.primitives.containers import PrimitiveResult  # noqa: PLC0415 - the core is imported without them
    from qiskit.result import Result as QiskitResult  # noqa: PLC0415

    if isinstance(body, QiskitResult):
        return BodyKind.RESULT
    if isinstance(body, PrimitiveResult):
        names = {name for pub in body if hasattr(pub, "data") for name in getattr(pub.data, "keys", dict)()}
        return BodyKind.ESTIMATOR if "evs" in names else BodyKind.SAMPLER
    return kind_of_fields(body) if isinstance(body, Mapping) else BodyKind.NOTHING


def _counted(  # noqa: PLR0911 - one for each kind
    body: Any, context: ResultContext
) -> Result[QiskitResult, Unreadable | OtherForm]:
    from qiskit.result import Result as QiskitResult  # noqa: PLC0415 - the core is imported without it

    from ibm_circuit_job.wire.results import classic, primitives  # noqa: PLC0415 - they import qiskit

    if isinstance(body, QiskitResult):
        return classic.of_fields(body.to_dict())
    match _kind(body):
        case BodyKind.SAMPLER:
            return primitives.of_typed(body).bind(lambda found: primitives.counted(found, context))
        case BodyKind.REST_SAMPLER:
            return primitives.of_rest(body).bind(lambda found: primitives.counted(found, context))
        case BodyKind.EXECUTOR:
            return executor.of_body(body).bind(lambda found: _counted_items(found, context))
        case BodyKind.ESTIMATOR | BodyKind.REST_ESTIMATOR | BodyKind.NOISE_LEARNER as kind:
            return Bad(
                OtherForm(
                    f"the result of job {context.job_id} has no counts: it has {kind.value.split(',')[0]}; "
                    "primitive_result() returns them"
                )
            )
        case BodyKind.OTHER:
            return Bad(_unknown(context))
        case _:
            # An object that could not be built as a whole may still have readable experiments.
            return classic.of_fields(body["__value__"] if isinstance(body, typed_json.Unbuilt) else body)


def _counted_items(found: executor.ExecutorResult, context: ResultContext) -> Result[Any, Unreadable | OtherForm]:
    """The counts of an executor's job. In jobs of the official client's sampler, randomizations count as shots."""
    from ibm_circuit_job.wire.results import client_side, primitives  # noqa: PLC0415 - they import qiskit

    if client_side.role_of(found) == client_side.SAMPLER:
        match client_side.primitive_result(found):
            case Success(sampled):
                return primitives.counted(sampled, context)
    return executor.counted(found, context)


def _primitive(  # noqa: PLR0911 - one for each kind
    body: Any, context: ResultContext
) -> Result[Any, Unreadable | OtherForm]:
    from ibm_circuit_job.wire.results import client_side, primitives  # noqa: PLC0415 - they import qiskit

    match _kind(body):
        case BodyKind.SAMPLER | BodyKind.ESTIMATOR:
            return primitives.of_typed(body)
        case BodyKind.REST_SAMPLER | BodyKind.REST_ESTIMATOR:
            return primitives.of_rest(body)
        case BodyKind.EXECUTOR:
            # If the pass-through data have an unknown version, the arrays are returned.
            return executor.of_body(body).map(lambda found: client_side.primitive_result(found).value_or(found))
        case BodyKind.NOISE_LEARNER:
            return noise_learner.of_body(body)
        case BodyKind.RESULT:
            return Bad(OtherForm(f"the result of job {context.job_id} is qiskit's Result; result() returns it"))
        case BodyKind.OTHER:
            return Bad(_unknown(context))
        case _:
            return Bad(Unreadable("result", "", "expected the result of a primitive, and there is none"))


def _unknown(context: ResultContext) -> OtherForm:
    return OtherForm(
        f"the result of job {context.job_id} is of a program that this library does not know; "
        "its bytes are job.state.payload.raw, or with a store job.store.load(job.job_id()).payload.raw"
    )


def _as_failed(result: QiskitResult) -> QiskitResult:
    # The object was just made, so no other code has it yet.
    result.success = False
    # qiskit needs a status for the message of the error that a circuit without counts raises.
    result.status = str(result.status or "no status")
    return result
