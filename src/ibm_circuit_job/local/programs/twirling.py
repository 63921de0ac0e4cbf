"""Twirls a circuit: computes the number of randomizations, and makes the samplex that draws them."""

from __future__ import annotations

import math
from typing import Any

from qiskit import QuantumCircuit
from samplomatic import build
from samplomatic.samplex import Samplex
from samplomatic.transpiler import generate_boxing_pass_manager

from ibm_circuit_job.local.programs.refusals import CannotRun


def randomizations(shots: int, number: int | str, size: int | str) -> tuple[int, int]:
    """Return the number of randomizations, and the number of shots of each.

    Args:
        shots: The number of shots that are wanted, over all randomizations.
        number: The option ``num_randomizations``, or ``"auto"``.
        size: The option ``shots_per_randomization``, or ``"auto"``.

    Source: ``ibm_quantum_schemas.sampler.version_0_1.twirling_options``.

    Example:
        >>> randomizations(4096, "auto", "auto"), randomizations(1000, 3, "auto"), randomizations(1000, "auto", 300)
        ((32, 128), (3, 334), (4, 300))
    """
    if size == "auto":
        size = max(64, math.ceil(shots / 32)) if number == "auto" else math.ceil(shots / int(number))
    if number == "auto":
        number = math.ceil(shots / int(size))
    return int(number), int(size)


def twirled(circuit: QuantumCircuit, options: Any, path: str) -> tuple[QuantumCircuit, Samplex]:
    """Return a circuit with parameters, and the samplex that draws values of these parameters.

    Args:
        circuit: The circuit that is twirled.
        options: The twirling options, with ``enable_gates``, ``enable_measure`` and ``strategy``.
        path: The path of the circuit in the parameters of the job, for messages.

    Raises:
        CannotRun: If the circuit cannot be twirled.
    """
    boxing = generate_boxing_pass_manager(
        enable_gates=options.enable_gates,
        enable_measures=options.enable_measure,
        twirling_strategy=options.strategy.replace("-", "_"),
    )
    try:
        template, samplex = build(boxing.run(circuit))
        return template, samplex.finalize()
    except Exception as error:  # noqa: BLE001 - the builder of samplexes raises anything
        raise CannotRun(f"{path}: the circuit cannot be twirled: {error}") from None
