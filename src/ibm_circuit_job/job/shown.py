"""The views of a handle: what it has in memory, as plain values for ``views``.

No request is sent, no store is read and no result is decoded, so showing a job takes no time and changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve
from qiskit.result import Result as QiskitResult

from ibm_circuit_job.state.shown import job_view
from ibm_circuit_job.views.records import JobView
from ibm_circuit_job.wire.results.shown import result_view
from ibm_circuit_job.wire.shots import shots_of

if TYPE_CHECKING:
    from ibm_circuit_job.job.cell import JobCell
    from ibm_circuit_job.job.result_reader import ResultReader


def view_in_short(cell: JobCell) -> JobView:
    """Return the view of a job without its shots and its result."""
    state = cell.state
    return job_view(state.job_id, state.status, state.details, state.metrics)


def view_of(cell: JobCell, reader: ResultReader) -> JobView:
    """Return the view of a job with its shots, and with the counts of its result if that is in memory."""
    view = evolve(view_in_short(cell), shots=shots_of(cell.state))
    found = reader.in_memory()
    if not isinstance(found, QiskitResult):
        return view
    result = result_view(found)
    return evolve(view, shots=result.shots if view.shots is None else view.shots, result=result)
