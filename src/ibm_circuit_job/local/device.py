"""The base class of the backends of the local service: a name, and the documents that the API returns about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from attrs import frozen

from ibm_circuit_job.local.calibrations import calibrated_at, date_of_id

DEFAULT_REP_DELAY: Final = 250e-6
"""The default repetition delay: seconds between two shots. Most of the time of a job is this delay."""
LONGEST_REP_DELAY: Final = 500e-6
"""The longest repetition delay that a job may set, in seconds."""


@frozen
class Pace:
    """The repetition delays and the time unit of a device, in seconds."""

    default: float
    """The repetition delay of a job that sets none."""
    shortest: float
    """The shortest repetition delay that a job may set."""
    longest: float
    """The longest repetition delay that a job may set."""
    dt: float
    """The unit ``dt`` of durations; 0 if the device has none."""

    def delay(self, given: float | None) -> float:
        """Return the repetition delay of a job in seconds.

        Args:
            given: The delay that the job sets, in seconds; ``None`` if it sets none.
        """
        return self.default if given is None else given


@frozen
class Device(ABC):
    """A backend of the local service."""

    name: str
    """Its name."""
    qubits: int
    """The number of its qubits."""
    coupling: tuple[tuple[int, int], ...] = ()
    """The pairs of qubits on which two-qubit gates can act; empty for a simulator."""

    @property
    def is_simulator(self) -> bool:
        """Whether it is an ideal simulator: no noise, no coupling map, no time between shots."""
        return False

    @property
    def has_pauli_noise(self) -> bool:
        """Whether all of its noise is Pauli errors and readout errors. Then the errors of delays are Pauli errors."""
        return False

    @property
    def pace(self) -> Pace:
        """Its repetition delays and its time unit."""
        return _pace_of(self)

    @abstractmethod
    def configuration(self) -> dict[str, Any]:
        """Return the reply to ``GET /backends/NAME/configuration``."""

    @abstractmethod
    def properties(self, moment: datetime) -> dict[str, Any]:
        """Return the reply to ``GET /backends/NAME/properties`` at a time; empty if the backend has no properties.

        Args:
            moment: The time, with a time zone.
        """

    def calibrated_at(self, moment: datetime) -> datetime:
        """Return the date of the calibration that is in force at a time, in UTC.

        Args:
            moment: The time, with a time zone.
        """
        return calibrated_at(moment)

    def calibration(self, given: str, now: datetime) -> datetime | None:
        """Return the date of the calibration with this ID, in UTC; ``None`` if there is none.

        Args:
            given: The ID, as :func:`~.calibrations.calibration_id` returns it.
            now: The time now, with a time zone; later calibrations do not exist yet.
        """
        date = date_of_id(self.name, given)
        return date if date is not None and date <= now and self.calibrated_at(date) == date else None

    def listed(self) -> dict[str, Any]:
        """Return its fields in the reply to ``GET /backends``, without those of its status and its queue."""
        configuration = self.configuration()
        listed = {"name": self.name, "is_simulator": self.is_simulator, "qubits": self.qubits}
        if configuration.get("processor_type"):
            listed["processor_type"] = configuration["processor_type"]
        if isinstance(clops := configuration.get("clops_h") or configuration.get("clops"), int):
            listed["clops"] = {"type": "hardware", "value": clops}
        return listed


@lru_cache(maxsize=64)
def _pace_of(device: Device) -> Pace:
    """Return the times of a device. Its configuration has repetition delays in microseconds, and dt in nanoseconds."""
    fields = device.configuration()
    default, dt, ends = fields.get("default_rep_delay"), fields.get("dt"), fields.get("rep_delay_range")
    if not (isinstance(ends, list) and len(ends) == 2 and all(isinstance(each, int | float) for each in ends)):
        ends = [0.0, LONGEST_REP_DELAY * 1e6]
    return Pace(
        default * 1e-6 if isinstance(default, int | float) else DEFAULT_REP_DELAY,
        ends[0] * 1e-6,
        ends[1] * 1e-6,
        dt * 1e-9 if isinstance(dt, int | float) else 0.0,
    )
