"""From a result to a ``ResultView``, the plain values that ``views`` renders: the counts of the first circuits."""

from __future__ import annotations

from typing import Any, Final

from qiskit.result import Result as QiskitResult

from ibm_circuit_job.views.records import CountsView, ResultView
from ibm_circuit_job.wire.results.header import circuit_name

_MOST_CIRCUITS: Final = 3
"""How many circuits are shown."""
_MOST_OUTCOMES: Final = 10_000
"""The most outcomes of a circuit whose counts are shown; sorting more would take long."""


def result_view(result: QiskitResult) -> ResultView:
    """Return the plain values of a result that are shown to a user. Unreadable parts are left out.

    Example:
        >>> from qiskit.result import Result
        >>> data = {"shots": 3, "success": True, "data": {"counts": {"0x0": 1, "0x3": 2}}}
        >>> data["header"] = {"memory_slots": 2}
        >>> body = {"backend_name": "b", "job_id": "a", "success": True, "results": [data]}
        >>> dict(result_view(Result.from_dict(body)).circuits[0].counts)
        {'00': 1, '11': 2}
    """
    experiments = result.results
    shots = {each.shots for each in experiments if type(getattr(each, "shots", None)) is int}
    return ResultView(
        _text(result.job_id),
        backend=_text(result.backend_name),
        success=bool(result.success),
        shots=shots.pop() if len(shots) == 1 else None,
        circuits=[_counted(result, number) for number in range(min(_MOST_CIRCUITS, len(experiments)))],
        number_of_circuits=len(experiments),
    )


def _counted(result: Any, number: int) -> CountsView:
    experiment = result.results[number]
    name = circuit_name(experiment) or f"circuit {number}"
    try:
        found = getattr(getattr(experiment, "data", None), "counts", None) or {}
        if len(found) > _MOST_OUTCOMES:
            return CountsView(name, note=f"{len(found):,} outcomes; get_counts() returns them")
        counts = {str(outcome): int(count) for outcome, count in result.get_counts(number).items()}
        return CountsView(name, counts)
    except Exception:  # noqa: BLE001 - a picture of a result is no reason to raise, whatever its data are
        return CountsView(name, note="no counts")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
