"""Options that every program has: each is checked here, and what a simulator cannot do is refused by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ibm_circuit_job.local.device import Device
from ibm_circuit_job.local.programs.refusals import CannotRun

_REMARK_ON_DECOUPLING: Final = "not applied: the relaxation of idle qubits, which is simulated, is not changed by it"
_REMARK_ON_DELAY: Final = "not applied: a simulator has no time between two shots"
_REMARK_ON_GATES: Final = "not applied: IBM's model of this option says that it is ignored"


def check_repetition(device: Device, init_qubits: bool, rep_delay: float | None, path: str) -> None:
    """Check what happens between two shots.

    Args:
        device: The backend.
        init_qubits: Whether the qubits are in state 0 at the start of each shot.
        rep_delay: The seconds between two shots; ``None`` for the backend's default.
        path: The field that has them.

    Raises:
        CannotRun: If the qubits are not to be reset, or the delay is outside of what the backend has.
    """
    if not init_qubits:
        raise CannotRun(f"{path}.init_qubits: expected true; the simulation of a shot begins with all qubits in 0.")
    if rep_delay is None:
        return
    pace = device.pace
    if not pace.shortest <= rep_delay <= pace.longest:
        raise CannotRun(f"{path}.rep_delay: expected {pace.shortest:g} to {pace.longest:g} seconds, got {rep_delay:g}.")


def remark_on_delay(rep_delay: Any, device: Device) -> dict[str, str]:
    """Return what the metadata of a result say of the seconds between two shots, where they change nothing.

    Args:
        rep_delay: The seconds, as submitted; ``None`` where none were.
        device: The backend.
    """
    return {"rep_delay": _REMARK_ON_DELAY} if device.is_simulator and rep_delay is not None else {}


def refuse_given(options: Mapping[str, Any], path: str, reason: str) -> None:
    """Refuse options that are given.

    Raises:
        CannotRun: If the mapping has a value that is neither empty, false nor ``None``.
    """
    for name, value in options.items():
        if value:
            raise CannotRun(f"{path}.{name}: {reason}")


def check_simulator(simulator: Any) -> None:
    """Check the options of a simulator.

    Args:
        simulator: The options, or ``None``.

    Raises:
        CannotRun: If they have a coupling map.
    """
    if simulator is not None and simulator.coupling_map is not None:
        raise CannotRun("options.simulator.coupling_map: expected null; the backend's own counts.")


def remarks(options: Any, device: Device) -> dict[str, str]:
    """Return what the metadata of a result say of options that are accepted and change nothing.

    Args:
        options: The options, as one of IBM's published models has them.
        device: The backend.
    """
    found = remark_on_delay(getattr(getattr(options, "execution", None), "rep_delay", None), device)
    decoupling = getattr(options, "dynamical_decoupling", None)
    if decoupling is not None and decoupling.enable:
        found["dynamical_decoupling"] = _REMARK_ON_DECOUPLING
    if options.simulator is not None and options.simulator.basis_gates is not None:
        found["basis_gates"] = _REMARK_ON_GATES
    return found
