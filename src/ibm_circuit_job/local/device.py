"""What every backend of the local service is: a name, and the documents that the service's API gives of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from attrs import frozen

from ibm_circuit_job.local.calibrations import calibrated_at, date_of_id

DEFAULT_REP_DELAY: Final = 250e-6
"""Seconds between two shots of a device, unless the job says otherwise. This is what makes a device take time."""
LONGEST_REP_DELAY: Final = 500e-6


@frozen
class Pace:
    """The times of a device, in seconds."""

    default: float
    """Between two shots, where a job does not say."""
    shortest: float
    """The least that a job may say."""
    longest: float
    """The most that a job may say."""
    dt: float
    """The unit of time; 0 where the device has none."""

    def delay(self, given: float | None) -> float:
        """Return the seconds between two shots of a job.

        Args:
            given: What the job says, in seconds.
        """
        return self.default if given is None else given


@frozen
class Device(ABC):
    """A backend of the local service."""

    name: str
    """Its name."""
    qubits: int
    """How many qubits it has."""
    coupling: tuple[tuple[int, int], ...] = ()
    """The pairs of qubits that two-qubit gates act on; empty for a simulator."""

    @property
    def is_simulator(self) -> bool:
        """Whether it is ideal: no noise, no coupling map, no pace."""
        return False

    @property
    def has_pauli_noise(self) -> bool:
        """Whether delays have Pauli errors too, so that all of its noise is Pauli errors and readout."""
        return False

    @property
    def pace(self) -> Pace:
        """Its times."""
        return _pace_of(self)

    @abstractmethod
    def configuration(self) -> dict[str, Any]:
        """Return the reply to ``GET /backends/NAME/configuration``."""

    @abstractmethod
    def properties(self, moment: datetime) -> dict[str, Any]:
        """Return the reply to ``GET /backends/NAME/properties`` as of a moment; empty where nothing was measured."""

    def calibrated_at(self, moment: datetime) -> datetime:
        """Return the date of the calibration that holds at a moment."""
        return calibrated_at(moment)

    def calibration(self, given: str, now: datetime) -> datetime | None:
        """Return the date of the calibration of that ID; ``None`` if there is none.

        Args:
            given: The ID, as :func:`~.calibrations.calibration_id` makes it.
            now: The present time; later calibrations do not exist yet.
        """
        date = date_of_id(self.name, given)
        return date if date is not None and date <= now and self.calibrated_at(date) == date else None

    def listed(self) -> dict[str, Any]:
        """Return what ``GET /backends`` says of it, but for its status and its queue."""
        said = self.configuration()
        listed = {"name": self.name, "is_simulator": self.is_simulator, "qubits": self.qubits}
        if said.get("processor_type"):
            listed["processor_type"] = said["processor_type"]
        if isinstance(clops := said.get("clops_h") or said.get("clops"), int):
            listed["clops"] = {"type": "hardware", "value": clops}
        return listed


@lru_cache(maxsize=64)
def _pace_of(device: Device) -> Pace:
    """The times of a device by its configuration, which has microseconds and, for ``dt``, nanoseconds."""
    said = device.configuration()
    default, dt, ends = said.get("default_rep_delay"), said.get("dt"), said.get("rep_delay_range")
    if not (isinstance(ends, list) and len(ends) == 2 and all(isinstance(each, int | float) for each in ends)):
        ends = [0.0, LONGEST_REP_DELAY * 1e6]
    return Pace(
        default * 1e-6 if isinstance(default, int | float) else DEFAULT_REP_DELAY,
        ends[0] * 1e-6,
        ends[1] * 1e-6,
        dt * 1e-9 if isinstance(dt, int | float) else 0.0,
    )
