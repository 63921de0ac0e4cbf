"""The values that only the page of the local service shows: a job with its circuits and its log, and devices."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from attrs import field, frozen

from ibm_circuit_job.views.records import CountsView, JobView

_FINAL = frozenset({"DONE", "CANCELLED", "ERROR"})


def _texts(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(given)


def _figures(given: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(given)


def _circuits(given: Iterable[CircuitView]) -> tuple[CircuitView, ...]:
    return tuple(given)


def _counts(given: Iterable[CountsView]) -> tuple[CountsView, ...]:
    return tuple(given)


def _qubits(given: Iterable[QubitView]) -> tuple[QubitView, ...]:
    return tuple(given)


def _couplings(given: Iterable[CouplingView]) -> tuple[CouplingView, ...]:
    return tuple(given)


def is_final(job: JobView) -> bool:
    """Return whether a job has ended.

    Example:
        >>> from ibm_circuit_job.views.records import JobView
        >>> is_final(JobView("a", status="DONE")), is_final(JobView("a", status="QUEUED"))
        (True, False)
    """
    return job.status in _FINAL


@frozen
class CircuitView:
    """One circuit of a job.

    Example:
        >>> CircuitView("bell", note="127 qubits, 5,000 operations").drawing is None
        True
    """

    name: str
    """Its name."""
    drawing: str | None = None
    """The circuit, drawn in characters, on several lines."""
    note: str | None = None
    """Its size, or why it is not drawn."""


@frozen
class WholeJobView:
    """A job, with all that the service on this machine has of it.

    Example:
        >>> from ibm_circuit_job.views.records import JobView
        >>> WholeJobView(JobView("a"), log=["created"]).log
        ('created',)
    """

    job: JobView
    """The job."""
    circuits: tuple[CircuitView, ...] = field(default=(), converter=_circuits)
    """Its first circuits."""
    number_of_circuits: int = 0
    """How many circuits it has."""
    circuits_note: str | None = None
    """Why no circuits are shown."""
    counts: tuple[CountsView, ...] = field(default=(), converter=_counts)
    """What its first circuits counted."""
    counts_note: str | None = None
    """Why no counts are shown."""
    metrics: tuple[tuple[str, str], ...] = field(default=(), converter=_figures)
    """What was measured: (name, value)."""
    log: tuple[str, ...] = field(default=(), converter=_texts)
    """The lines of its log."""


@frozen
class QubitView:
    """One qubit of a device, with its place in a drawing.

    Example:
        >>> QubitView(3, x=1.0, y=0.0, error=0.02).error
        0.02
    """

    number: int
    """Its number."""
    x: float = 0.0
    """How far right it is, from 0."""
    y: float = 0.0
    """How far down it is, from 0."""
    error: float | None = None
    """Its readout error."""
    level: int | None = None
    """The error among those of the device: 0 for the least, 4 for the largest."""


@frozen
class CouplingView:
    """One pair of qubits on which a gate acts.

    Example:
        >>> CouplingView(0, 1, gate="cx", error=0.01).gate
        'cx'
    """

    first: int
    """The number of a qubit."""
    second: int
    """The number of the other one."""
    gate: str | None = None
    """The name of the gate."""
    error: float | None = None
    """The gate's error, of both directions the larger one."""
    level: int | None = None
    """As for a qubit."""


@frozen
class DeviceView:
    """A backend of the service, with its queue, its errors and its coupling map.

    Example:
        >>> DeviceView("local_5q", num_qubits=5, waiting=["a", "b"]).waiting
        ('a', 'b')
    """

    name: str
    """Its name."""
    num_qubits: int
    """How many qubits it has."""
    simulator: bool = False
    """Whether it is an ideal simulator."""
    running: tuple[str, ...] = field(default=(), converter=_texts)
    """The IDs of the jobs that run; of a device, at most one."""
    waiting: tuple[str, ...] = field(default=(), converter=_texts)
    """The IDs of the jobs that wait, the next one first."""
    calibrated_at: datetime | None = None
    """When it was calibrated last."""
    figures: tuple[tuple[str, str], ...] = field(default=(), converter=_figures)
    """Medians over the device: (name, value)."""
    qubits: tuple[QubitView, ...] = field(default=(), converter=_qubits)
    """Its qubits, in their order; empty where no map is shown."""
    couplings: tuple[CouplingView, ...] = field(default=(), converter=_couplings)
    """The pairs of qubits."""
