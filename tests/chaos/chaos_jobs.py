"""What every client goes through in the chaos test: one plan of faults, and jobs whose outcomes are known.

Imports nothing of the library, for it is used in the environments of the official clients as well.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, NamedTuple

from qiskit import QuantumCircuit

SEED = 20261124
THREADS = 16
REP_DELAY = 500e-6
"""Seconds that a device takes for one shot."""

_ANSWERS: tuple[dict[str, Any], ...] = (
    *({"kind": "status", "status": status} for status in (429, 500, 502, 503, 504)),
    {"kind": "html", "status": 503},
    {"kind": "html", "status": 200},
    {"kind": "reset_before"},
    {"kind": "reset_during"},
    {"kind": "cut_off"},
    {"kind": "garbled"},
    {"kind": "slow", "seconds": 0.3},
)
_STATUSES: tuple[dict[str, Any], ...] = ({"kind": "unknown_status"}, {"kind": "stale_status"})
_STREAMS: tuple[dict[str, Any], ...] = (
    {"kind": "stream_refused", "rate": 0.08, "status": 503},
    {"kind": "stream_refused", "rate": 0.002, "status": 403},
    {"kind": "stream_silent", "rate": 0.01},
    {"kind": "stream_closed", "code": 1000, "seconds": 0.0},
    {"kind": "stream_closed", "code": 1001, "seconds": 0.02},
    {"kind": "stream_closed", "code": 1011, "seconds": 0.05},
    {"kind": "stream_closed", "code": 1012, "seconds": 0.1},
    {"kind": "stream_closed", "code": 4002, "seconds": 0.3},
)


def plan() -> dict[str, Any]:
    """Return the plan: one of 12 faults befalls 25 % of the requests of all paths of jobs, and of their streams.

    A reply about a job's status may besides tell an unknown status, or one of the past.
    """
    each = 1 - 0.75 ** (1 / len(_ANSWERS))
    faults = [{"rate": each, **fault} for fault in _ANSWERS]
    faults += [{"rate": 0.05, **fault} for fault in _STATUSES]
    faults += [{"rate": 0.036, **fault} for fault in _STREAMS]
    return {"seed": SEED, "faults": [{"path": "/jobs", **fault} for fault in faults]}


class Errand(NamedTuple):
    """One job to be run."""

    number: int
    """Which one it is, and what comes out of it."""
    backend: str
    """Where it runs."""
    width: int
    """How many qubits it has."""
    shots: int
    """How long it takes on a device: so many times ``REP_DELAY``."""

    @property
    def takes_time(self) -> bool:
        """Whether it runs on a device, which takes its time."""
        return self.backend != "local_simulator"

    @property
    def outcome(self) -> str:
        """What each shot measures, but for a device's noise."""
        return f"{self.number % 2**self.width:0{self.width}b}"

    def circuit(self) -> QuantumCircuit:
        """Return a circuit of X gates."""
        circuit = QuantumCircuit(self.width, self.width, name=f"errand-{self.number}")
        for bit, value in enumerate(reversed(self.outcome)):
            if value == "1":
                circuit.x(bit)
        circuit.measure(range(self.width), range(self.width))
        return circuit

    def is_right(self, counts: Mapping[str, int]) -> bool:
        """Return whether these are the counts of this job, and of no other."""
        if not self.takes_time:
            return dict(counts) == {self.outcome: self.shots}
        return sum(counts.values()) == self.shots and max(counts, key=lambda bits: counts[bits]) == self.outcome


def errands(number: int) -> list[Errand]:
    """Return so many jobs of random length, from next to nothing to half a second; always the same ones."""
    chance = random.Random(SEED)
    backends = (("local_simulator", 10), ("local_5q", 5), ("local_27q", 10))
    return [Errand(index, *chance.choice(backends), shots=round(20 * 50 ** chance.random())) for index in range(number)]
