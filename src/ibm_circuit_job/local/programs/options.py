"""Checks options that several programs have. An option that cannot be simulated is refused by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ibm_circuit_job.local.device import Device
from ibm_circuit_job.local.programs.refusals import CannotRun

_REMARK_ON_DECOUPLING: Final = "not applied: the relaxation of idle qubits, which is simulated, is not changed by it"
_REMARK_ON_DELAY: Final = "not applied: a simulator has no time between two shots"
_REMARK_ON_GATES: Final = "not applied: IBM's model of this option says that it is ignored"


def check_repetition(device: Device, init_qubits: bool, rep_delay: float | None, path: str) -> None:
    """Check the options ``init_qubits`` and ``rep_delay``.

    Args:
        device: The backend.
        init_qubits: Whether the qubits are in state 0 at the start of each shot.
        rep_delay: The repetition delay in seconds; ``None`` for the default of the backend.
        path: The path of the options, for messages.

    Raises:
        CannotRun: If *init_qubits* is false, or the delay is not in the range of the backend.
    """
    if not init_qubits:
        raise CannotRun(f"{path}.init_qubits: expected true; each simulated shot starts with all qubits in state 0.")
    if rep_delay is None:
        return
    pace = device.pace
    if not pace.shortest <= rep_delay <= pace.longest:
        raise CannotRun(f"{path}.rep_delay: expected {pace.shortest:g} to {pace.longest:g} seconds, got {rep_delay:g}.")


def remark_on_delay(rep_delay: Any, device: Device) -> dict[str, str]:
    """Return the remark in the metadata of a result that the repetition delay has no effect; empty if it has one.

    Args:
        rep_delay: The delay that was submitted, in seconds; ``None`` if there is none.
        device: The backend.
    """
    return {"rep_delay": _REMARK_ON_DELAY} if device.is_simulator and rep_delay is not None else {}


def refuse_given(options: Mapping[str, Any], path: str, reason: str) -> None:
    """Refuse options that have a value.

    Args:
        options: Name -> value.
        path: The path of the options, for messages.
        reason: Why they are refused.

    Raises:
        CannotRun: If a value is not empty, false or ``None``.
    """
    for name, value in options.items():
        if value:
            raise CannotRun(f"{path}.{name}: {reason}")


def check_simulator(simulator: Any) -> None:
    """Check the options ``simulator``.

    Args:
        simulator: The options; ``None`` if there are none.

    Raises:
        CannotRun: If they have a coupling map.
    """
    if simulator is not None and simulator.coupling_map is not None:
        raise CannotRun("options.simulator.coupling_map: expected null; the coupling map of the backend is used.")


def remarks(options: Any, device: Device) -> dict[str, str]:
    """Return option -> remark, for the metadata of a result, for options that are accepted but have no effect.

    Args:
        options: The options, as one of IBM's models.
        device: The backend.
    """
    found = remark_on_delay(getattr(getattr(options, "execution", None), "rep_delay", None), device)
    decoupling = getattr(options, "dynamical_decoupling", None)
    if decoupling is not None and decoupling.enable:
        found["dynamical_decoupling"] = _REMARK_ON_DECOUPLING
    if options.simulator is not None and options.simulator.basis_gates is not None:
        found["basis_gates"] = _REMARK_ON_GATES
    return found
