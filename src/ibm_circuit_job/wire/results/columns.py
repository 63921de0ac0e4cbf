"""Counts and memory of a result as numpy arrays, without a Python object for each shot or outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from qiskit.exceptions import QiskitError
from qiskit.result.models import MeasLevel

from ibm_circuit_job.wire.results import outcomes
from ibm_circuit_job.wire.results.decoded import chosen, header_of
from ibm_circuit_job.wire.results.lazy_data import LazyData, OfJson

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.result import Result as QiskitResult
    from qiskit.result.models import ExperimentResult


def counts_table(result: QiskitResult, *, packed: bool = True) -> Any:
    """Return the counts of all experiments of a result as one structured numpy array.

    Args:
        result: Any qiskit ``Result``. Each experiment must have counts, and a header with ``memory_slots``.
        packed: Whether one byte has eight bits of an outcome.

    Returns:
        An array of shape ``(rows,)``: one row for each outcome of each experiment, in the order of the experiments. Its
        fields:

        - ``experiment``, int64: the index of the experiment in ``result.results``.
        - ``outcome``, if packed: uint8 of shape ``(bytes,)``, the most significant byte first, as in qiskit's
          ``BitArray``.
        - ``outcome``, if not packed: bool of shape ``(bits,)``. Item ``k`` is classical bit ``k``.
        - ``count``, int64: how many times the outcome was measured.

        The experiment with the most bits determines the size of ``outcome``. The missing bits of others are zeros.

    Raises:
        QiskitError: If an experiment failed, has no counts, or has counts that are not of plain bits.

    Example:
        >>> from qiskit.result import Result
        >>> header, data = {"memory_slots": 2}, {"counts": {"0x0": 2, "0x2": 3}}
        >>> data = {"shots": 5, "success": True, "data": data, "header": header}
        >>> result = Result.from_dict({"backend_name": "b", "job_id": "a", "success": True, "results": [data]})
        >>> table = counts_table(result, packed=False)
        >>> table["count"].tolist(), table["outcome"].tolist()
        ([2, 3], [[False, False], [False, True]])
    """
    parts = []
    for index in range(len(result.results)):
        layout, found = _read(result, index, "counts")
        parts.append((index, layout, *found))
    slots = max((layout.slots for _, layout, *_ in parts), default=0)
    outcome = (np.uint8, ((slots + 7) // 8,)) if packed else (np.bool_, (slots,))
    table = np.zeros(
        sum(len(counts) for *_, counts in parts),
        dtype=[("experiment", np.int64), ("outcome", *outcome), ("count", np.int64)],
    )
    first = 0
    for index, layout, rows, counts in parts:
        block = table[first : first + len(counts)]
        first += len(counts)
        block["experiment"], block["count"] = index, counts
        if packed:
            block["outcome"][:, table["outcome"].shape[1] - layout.width :] = rows
        else:
            block["outcome"][:, : layout.slots] = _bits(rows, layout)
    return table


def memory_array(
    result: QiskitResult, circuit: QuantumCircuit | str | int | None = None, *, packed: bool = False
) -> Any:
    """Return what each shot of a circuit measured as a numpy array.

    Args:
        result: Any qiskit ``Result`` with memory.
        circuit: The circuit, its name, or the index of its experiment. The default is the only experiment. A circuit
            with several sets of parameters has several experiments, which are chosen by their index.
        packed: Whether one byte has eight bits.

    Returns:
        An array of type bool and shape ``(shots, bits)``. Column ``k`` is classical bit ``k``. If packed, an array of
        type uint8 and shape ``(shots, bytes)``, the most significant byte first, as qiskit's ``BitArray`` takes it:
        ``BitArray(memory_array(result, packed=True), bits)``.

    Raises:
        QiskitError: If the experiment does not exist, failed, or has no memory of plain bits.

    Example:
        >>> from qiskit.result import Result
        >>> data = {"shots": 2, "success": True, "data": {"memory": ["0x0", "0x2"]}, "header": {"memory_slots": 2}}
        >>> result = Result.from_dict({"backend_name": "b", "job_id": "a", "success": True, "results": [data]})
        >>> memory_array(result).tolist(), memory_array(result, packed=True).tolist()
        ([[False, False], [False, True]], [[0], [2]])
    """
    layout, rows = _read(result, circuit, "memory")
    return rows if packed else _bits(rows, layout)


def _bits(rows: Any, layout: outcomes.Layout) -> Any:
    """The bits of some rows: column ``k`` is classical bit ``k``."""
    bits = np.unpackbits(rows, axis=1)[:, : -layout.slots - 1 : -1]
    return np.ascontiguousarray(bits).view(np.bool_)


def _read(result: QiskitResult, circuit: Any, field: str) -> tuple[outcomes.Layout, Any]:
    """The layout and the arrays of an experiment's counts or memory.

    Args:
        result: The result.
        circuit: The circuit, the name or the index of the experiment.
        field: ``counts`` or ``memory``.
    """
    experiment = chosen(result, circuit)
    if experiment is None:
        # No experiment has that name, or several have it, or it failed. qiskit raises for most of these cases.
        found = result.data(circuit)
        raise QiskitError(f"expected one experiment of the name {circuit!r}; choose it by its index; got {len(found)}")
    if experiment.meas_level != MeasLevel.CLASSIFIED:
        raise QiskitError(f"expected outcomes of bits (level 2) for {circuit!r}, got level {experiment.meas_level}")
    layout = outcomes.layout_of(header_of(experiment))
    if layout is None:
        raise QiskitError(f"expected a header with memory_slots and its registers for {circuit!r}")
    source = _source(experiment, field)
    found = None
    if source is not None:
        found = source.counted_rows(layout) if field == "counts" else source.rows(layout)
    if found is None:
        raise QiskitError(_MISSING[field].format(circuit, layout.slots))
    return layout, found


_MISSING: Final[Mapping[str, str]] = {
    "counts": "expected counts of hexadecimal outcomes of {1} bits for experiment {0!r}",
    "memory": "expected memory of hexadecimal outcomes of {1} bits for experiment {0!r}; run with memory=True",
}


def _source(experiment: ExperimentResult, field: str) -> Any:
    """The source of the arrays. Data that are decoded already are encoded as JSON again."""
    data = experiment.data
    untouched = data.untouched(field) if isinstance(data, LazyData) else None
    known = None if untouched is not None else getattr(data, field, None)
    if known is None:
        return untouched
    try:
        return OfJson({field: msgspec.Raw(msgspec.json.encode(known))})
    except (TypeError, ValueError):
        return None
