"""From the body of a results reply to a qiskit ``Result``, or to the reason of a failure.

The programs ``circuit-runner`` and ``qasm3-runner`` send a ``Result`` as it is. The program ``sampler`` sends bits,
register by register; here they become the counts that ``backend.run`` always gave.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen
from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job.errors import Unreadable
from ibm_circuit_job.state import documents, typed_json
from ibm_circuit_job.state.facts import ResultPayload

if TYPE_CHECKING:
    from qiskit.result import Result as QiskitResult


@frozen
class ResultContext:
    """What a ``sampler`` body does not say, and a ``Result`` holds."""

    job_id: str | None = None
    """The job's ID."""
    backend: str | None = None
    """The backend's name."""
    names: tuple[str, ...] = ()
    """The names of the circuits, in their order."""


def decode(payload: ResultPayload, context: ResultContext | None = None) -> Result[QiskitResult, Unreadable]:
    """Return the qiskit ``Result`` that a payload holds.

    Args:
        payload: The body of a results reply of the programs ``circuit-runner``, ``qasm3-runner`` or ``sampler``.
        context: What a ``sampler`` body does not say.

    Returns:
        The ``Result``; or an ``Unreadable`` that names the path to what is no result.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import ResultPayload
        >>> body = b'{"backend_name": "b", "job_id": "a", "success": true, "results": []}'
        >>> decode(ResultPayload(datetime.now(UTC), body)).unwrap().job_id
        'a'
        >>> decode(ResultPayload(datetime.now(UTC), b'{"success": true}')).failure().message
        "expected a field 'results', which is missing"
    """
    return typed_json.decode(payload.raw, "result").bind(lambda body: _result(body, context or ResultContext()))


def is_result(payload: ResultPayload) -> bool:
    """Return whether a body looks like a result: not where it lies, nor a page that there is none now, nor cut off.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import ResultPayload
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> [is_result(ResultPayload(noon, raw)) for raw in (b'{"results": []}', b"502 Bad Gateway")]
        [True, False]
    """
    return not _FIELDS_OF_RESULTS.isdisjoint(documents.fields(payload.raw, "result").value_or({}))


_FIELDS_OF_RESULTS: Final = frozenset({"results", "__type__"})


def _from_dict(fields: dict[str, Any]) -> QiskitResult:
    from qiskit.result import Result as QiskitResult  # noqa: PLC0415 - the core is imported without it

    try:
        return QiskitResult.from_dict(fields)
    except TypeError:
        # qiskit 1 demands one ID more.
        return QiskitResult.from_dict({"qobj_id": fields.get("job_id"), **fields})


def _result(body: Any, context: ResultContext) -> Result[QiskitResult, Unreadable]:  # noqa: PLR0911 - one per form
    from qiskit.primitives.containers import PrimitiveResult  # noqa: PLC0415 - the core is imported without them
    from qiskit.result import Result as QiskitResult  # noqa: PLC0415

    if isinstance(body, QiskitResult):
        return Success(body)
    if isinstance(body, PrimitiveResult):
        return _sampled(body, context)
    if not isinstance(body, Mapping):
        return Bad(Unreadable("result", "", f"expected an object, got a {type(body).__name__}"))
    if "results" not in body:
        return Bad(Unreadable("result", "results", "expected a field 'results', which is missing"))
    try:
        return Success(_from_dict(dict(body)))
    except KeyError as error:
        return Bad(Unreadable("result", "results", f"expected a field {error}, which is missing"))
    except Exception as error:  # noqa: BLE001 - qiskit checks nothing, and trips over anything
        return Bad(Unreadable("result", "results", f"expected the form of qiskit's Result.to_dict(): {error}"))


def _sampled(body: Any, context: ResultContext) -> Result[QiskitResult, Unreadable]:
    """The ``Result`` of what a sampler sent: one experiment for each circuit and each set of its parameters."""
    from qiskit.result import Result as QiskitResult  # noqa: PLC0415 - the core is imported without it

    experiments: list[Any] = []
    shots = 0
    for index, pub in enumerate(body):
        name = context.names[index] if index < len(context.names) else f"circuit-{index}"
        try:
            found = list(_experiments(pub.data, name, _metadata(pub)))
        except Exception as error:  # noqa: BLE001 - shapes that do not fit make numpy raise anything
            return Bad(Unreadable("result", f"pub_results[{index}].data", str(error)))
        experiments += found
        shots += sum(experiment.shots for experiment in found)
        if len(experiments) > MOST_EXPERIMENTS or shots > MOST_SHOTS:
            limits = f"expected at most {MOST_EXPERIMENTS} experiments and {MOST_SHOTS} shots"
            return Bad(Unreadable("result", "pub_results", limits))
    fields = {
        "backend_name": context.backend,
        "backend_version": None,
        "job_id": context.job_id,
        "success": True,
        "results": experiments,
        "status": "COMPLETED",
        "header": {},
        "metadata": body.metadata if isinstance(body.metadata, dict) else {},
    }
    try:
        return Success(QiskitResult(**fields))
    except TypeError:
        # qiskit 1 demands one ID more.
        return Success(QiskitResult(qobj_id=context.job_id, **fields))


MOST_EXPERIMENTS: Final = 100_000
"""How many experiments a result may hold: a few bytes can claim any number."""
MOST_SHOTS: Final = 30_000_000
"""How many shots they may hold together: 300 circuits of 100,000 shots."""


def _metadata(pub: Any) -> Any:
    """What the user wrote to the circuit, which the sampler gives back."""
    return pub.metadata.get("circuit_metadata") or {} if isinstance(pub.metadata, Mapping) else {}


def _experiments(data: Any, name: str, metadata: Any) -> Iterator[Any]:
    """The experiments of one circuit, whose registers the fields of the data are, in the circuit's order."""
    from qiskit.primitives.containers import BitArray  # noqa: PLC0415 - the core is imported without them
    from qiskit.result.models import ExperimentResult, ExperimentResultData  # noqa: PLC0415

    registers = dict(data.items())
    for register, bits in registers.items():
        if not isinstance(bits, BitArray):
            raise TypeError(f"expected bits in {register!r}, got a {type(bits).__name__}")
    sizes = [[register, bits.num_bits] for register, bits in registers.items()]
    shape = data.shape
    number_of_experiments = math.prod(shape)
    if number_of_experiments > MOST_EXPERIMENTS or (shape and not registers):
        raise ValueError(f"expected at most {MOST_EXPERIMENTS} experiments with registers, got shape {shape}")
    if sum(bits.num_shots for bits in registers.values()) * number_of_experiments > MOST_SHOTS * len(registers):
        raise ValueError(f"expected at most {MOST_SHOTS} shots")
    for number in range(number_of_experiments):
        counts, memory = _outcomes(
            [_shots(bits, shape, number) for bits in registers.values()], [size for _, size in sizes]
        )
        header = {
            "name": name if not shape else f"{name}[{number}]",
            "creg_sizes": sizes,
            "memory_slots": sum(size for _, size in sizes),
            "metadata": metadata,
        }
        # Not by its constructor: in qiskit 1 the header is no dictionary, but something made of one.
        experiment = ExperimentResult.from_dict(
            {"shots": len(memory), "success": True, "data": {}, "header": header, "status": "DONE"}
        )
        experiment.data = ExperimentResultData(counts=counts, memory=memory)
        yield experiment


def _shots(bits: Any, shape: Sequence[int], number: int) -> Any:
    """The bytes of one set of parameters: an array of shots x bytes, the most significant byte first."""
    return bits.array.reshape(math.prod(shape), *bits.array.shape[-2:])[number]


def _outcomes(registers: Sequence[Any], sizes: Sequence[int]) -> tuple[dict[str, int], list[str]]:
    """The counts, and the outcome of each shot, in hexadecimal.

    The first register holds the lowest bits, as in ``backend.run``.
    """
    import numpy as np  # noqa: PLC0415 - costly, and few bodies hold an array

    if not registers:
        return {}, []
    if len({len(shots) for shots in registers}) != 1:
        raise ValueError(f"expected as many shots in each register, got {[len(shots) for shots in registers]}")
    packed = registers[0] if len(registers) == 1 else _joined(registers, sizes)
    if packed.shape[-1] == 0:
        return {"0x0": len(packed)}, ["0x0"] * len(packed)
    rows = np.ascontiguousarray(packed).view(f"V{packed.shape[-1]}").ravel()
    outcomes, numbers, counts = np.unique(rows, return_inverse=True, return_counts=True)
    names = [hex(int.from_bytes(outcome.tobytes())) for outcome in outcomes]
    return dict(zip(names, counts.tolist(), strict=True)), np.array(names, dtype=object)[numbers].tolist()


def _joined(registers: Sequence[Any], sizes: Sequence[int]) -> Any:
    """The bytes of all registers together."""
    import numpy as np  # noqa: PLC0415 - costly, and few bodies hold an array

    bits = [
        np.unpackbits(shots, axis=-1)[:, shots.shape[-1] * 8 - size :]
        for shots, size in zip(registers, sizes, strict=True)
    ]
    joined = np.concatenate(bits[::-1], axis=-1)
    return np.packbits(np.pad(joined, ((0, 0), (-joined.shape[-1] % 8, 0))), axis=-1)


def partial(payload: ResultPayload, context: ResultContext | None = None) -> Result[QiskitResult, Unreadable]:
    """Return what a failed job left of a ``Result``: the same as :func:`decode`, with ``success`` False.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import ResultPayload
        >>> body = b'{"backend_name": "b", "job_id": "a", "success": true, "results": []}'
        >>> partial(ResultPayload(datetime.now(UTC), body)).unwrap().success
        False
    """
    return decode(payload, context).map(_as_failed)


def _as_failed(result: QiskitResult) -> QiskitResult:
    # Decoded a moment ago, and nobody else's yet.
    result.success = False
    for part in (result, *result.results):
        # Of what they do not have, qiskit cannot make the error that a circuit without counts raises.
        part.status = str(getattr(part, "status", None) or "no status")
    return result


_JOB_ERROR = re.compile(r"JobError: '(.*)'\s*$|JobError: '(.*?)'", re.MULTILINE)

_LONGEST_REASON: Final = 10_000
"""Characters of a traceback that are repeated: its end, which says what went wrong."""


def error_in(payload: ResultPayload) -> str | None:
    """Return the reason that the results text of a failed job gives, or ``None`` where it gives none.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import ResultPayload
        >>> error_in(ResultPayload(datetime.now(UTC), b"qiskit.JobError: 'Too many shots.'"))
        'Too many shots.'
    """
    text = payload.raw.decode("utf-8", "replace")
    found = _JOB_ERROR.search(text)
    if found:
        return (found[1] or found[2])[:_LONGEST_REASON]
    start = text.rfind("Traceback")
    return None if start < 0 else text[max(start, len(text) - _LONGEST_REASON) :]
