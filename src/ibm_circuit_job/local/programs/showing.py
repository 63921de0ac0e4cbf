"""Draws the circuits of a job, and decodes its counts, for the page of the service.

This runs like a program, in a worker process, since the process of the service decodes no objects of clients.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import msgspec
from attrs import asdict
from qiskit.primitives.containers import PrimitiveResult
from returns.result import Success

from ibm_circuit_job.local.execution import Outcome, Task
from ibm_circuit_job.state.facts import JobInputs, ResultPayload
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.views.page_records import CircuitView
from ibm_circuit_job.views.records import CountsView
from ibm_circuit_job.wire import inputs, results
from ibm_circuit_job.wire.results.shown import result_view

_MOST_CIRCUITS: Final = 3
"""The most circuits that are drawn."""
_MOST_QUBITS: Final = 40
_MOST_OPERATIONS: Final = 300
_LONGEST_LABEL: Final = 100
"""Larger circuits and longer labels are not drawn, since that takes seconds and many screens."""
_MOST_IDLE: Final = 5
"""Idle qubits are drawn only for circuits with at most this number of qubits."""
_COLUMNS: Final = 100
"""Characters in a line of a drawing."""
_MOST_VALUES: Final = 8
"""The most expectation values of a pub that are shown."""


class Asked(msgspec.Struct):
    """The parameters and the result of the job that is shown."""

    params: bytes
    """The parameters that were submitted, as JSON."""
    result: bytes | None = None
    """The bytes of its result; ``None`` if it has none, or it is not shown."""


class Shown(msgspec.Struct):
    """The drawings and counts of a job."""

    circuits: list[dict[str, Any]] = []
    """The drawings of the first circuits, each with the fields of a ``CircuitView``."""
    number_of_circuits: int = 0
    """The number of all circuits."""
    counts: list[dict[str, Any]] = []
    """The counts of the first circuits, each with the fields of a ``CountsView``."""


def run(task: Task) -> Outcome:
    """Return a ``Shown`` for the ``Asked`` in the parameters of the task, both as MessagePack."""
    asked = msgspec.msgpack.decode(task.params, type=Asked)
    now = datetime.now(UTC)
    job = Job(task.job_id, inputs=JobInputs(now, asked.params))
    circuits = inputs.circuits(job)
    counts = [] if asked.result is None else _counts(job, ResultPayload(now, asked.result), task)
    shown = Shown(
        [asdict(_drawn(circuit)) for circuit in circuits[:_MOST_CIRCUITS]],
        len(circuits),
        [asdict(each) for each in counts],
    )
    return Outcome(msgspec.msgpack.encode(shown))


def _drawn(circuit: Any) -> CircuitView:
    words = f"{circuit.num_qubits} qubits, {circuit.size():,} operations, depth {circuit.depth():,}"
    # One operation more than the limit is enough to see that there are too many.
    operations = list(islice(_operations(circuit), _MOST_OPERATIONS + 1))
    labels = [getattr(each, "label", None) or each.name for each in operations]
    if (
        circuit.num_qubits > _MOST_QUBITS
        or len(operations) > _MOST_OPERATIONS
        or any(len(label) > _LONGEST_LABEL for label in labels)
    ):
        return CircuitView(circuit.name, note=f"{words}: too large to be drawn")
    try:
        drawing = circuit.draw("text", fold=_COLUMNS, idle_wires=circuit.num_qubits <= _MOST_IDLE)
        return CircuitView(circuit.name, str(drawing.single_string()), words)
    except Exception as error:  # noqa: BLE001 - drawing a client's circuit may raise anything, and its size is shown then
        return CircuitView(circuit.name, note=f"{words}: it cannot be drawn ({type(error).__name__})")


def _operations(circuit: Any) -> Iterator[Any]:
    """Yield the operations of a circuit, also those in the bodies of loops and branches, which are drawn as well."""
    for each in circuit.data:
        yield each.operation
        for block in getattr(each.operation, "blocks", ()):
            yield from _operations(block)


def _counts(job: Job, payload: ResultPayload, task: Task) -> list[CountsView]:
    named = inputs.named_bindings(job)
    context = results.ResultContext(
        task.job_id, task.backend, tuple(name for name, _ in named), tuple(binding for _, binding in named)
    )
    counted = results.decode(payload, context)
    if isinstance(counted, Success):
        return list(result_view(counted.unwrap()).circuits)
    estimated = results.decode_primitive(payload, context).value_or(None)
    return [_values(pub) for pub in estimated][:_MOST_CIRCUITS] if isinstance(estimated, PrimitiveResult) else []


def _values(pub: Any) -> CountsView:
    """Return the expectation values of a pub as a text."""
    found = getattr(getattr(pub, "data", None), "evs", None)
    if found is None:
        return CountsView(None, note="no counts")
    values = found.ravel().tolist()
    words = ", ".join(f"{value:.4g}" for value in values[:_MOST_VALUES])
    others = f" and {len(values) - _MOST_VALUES} more" if len(values) > _MOST_VALUES else ""
    return CountsView("Expectation values", note=f"{words}{others}")
