"""Values of the page of the local service: a job with its circuits and its log, and devices."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from attrs import field, frozen

from ibm_circuit_job.views.records import CountsView, JobView


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
    """The circuit as a drawing of characters, on several lines."""
    note: str | None = None
    """The size of the circuit, or why it is not drawn."""


@frozen
class WholeJobView:
    """A job with everything that the service on this machine has of it.

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
    """The counts of its first circuits."""
    counts_note: str | None = None
    """Why no counts are shown."""
    metrics: tuple[tuple[str, str], ...] = field(default=(), converter=_figures)
    """Its metrics: (name, value)."""
    log: tuple[str, ...] = field(default=(), converter=_texts)
    """The lines of its log."""


@frozen
class QubitView:
    """One qubit of a device, with its position in a drawing.

    Example:
        >>> QubitView(3, x=1.0, y=0.0, error=0.02).error
        0.02
    """

    number: int
    """Its number."""
    x: float = 0.0
    """The horizontal position, from 0 at the left, in distances of neighbouring qubits."""
    y: float = 0.0
    """The vertical position, from 0 at the top, in distances of neighbouring qubits."""
    error: float | None = None
    """Its readout error, from 0 to 1."""
    level: int | None = None
    """The class of the error within the device: 0 for the smallest errors, 4 for the largest."""


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
    """The gate's error, from 0 to 1; the larger one of both directions."""
    level: int | None = None
    """The class of the error within the device: 0 for the smallest errors, 4 for the largest."""


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
    """The IDs of the running jobs. A device has at most one."""
    waiting: tuple[str, ...] = field(default=(), converter=_texts)
    """The IDs of the waiting jobs, the next one first."""
    calibrated_at: datetime | None = None
    """When it was last calibrated."""
    figures: tuple[tuple[str, str], ...] = field(default=(), converter=_figures)
    """Medians over the device: (name, value)."""
    qubits: tuple[QubitView, ...] = field(default=(), converter=_qubits)
    """Its qubits, in their order; empty if no map is shown."""
    couplings: tuple[CouplingView, ...] = field(default=(), converter=_couplings)
    """The pairs of qubits."""
