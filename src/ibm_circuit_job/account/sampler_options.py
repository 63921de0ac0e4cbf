"""The arguments of ``run()`` as parameters of the program ``sampler`` of IBM Quantum Platform.

An argument that the sampler does not support is an error, before any request.
"""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from attrs import evolve

from ibm_circuit_job.account.run_options import RunRequest
from ibm_circuit_job.errors import IBMBackendValueError

VERSION: Final = 2
"""The version of the sampler's parameters."""

_PLACES: Final[Mapping[str, tuple[str, str]]] = {
    "rep_delay": ("execution", "rep_delay"),
    "init_qubits": ("execution", "init_qubits"),
    "seed_simulator": ("simulator", "seed_simulator"),
}
"""Argument of ``run()`` -> group and name of the sampler's option."""

_HARMLESS: Final[Mapping[str, tuple[Any, ...]]] = {
    "memory": (True, False),
    "meas_level": (2,),
    "meas_return": ("avg", "single"),
    "use_measure_esp": (False,),
    "header": ({},),
}
"""Argument -> values that change nothing, because the sampler always returns the bits of every shot."""


_TAKEN: Final = frozenset({"items", "keys", "ndim", "shape", "size", "values"})
"""Names that registers cannot have, because attributes of the sampler's result have them."""


def sampler_request(request: RunRequest, *, is_simulator: bool) -> RunRequest:
    """Return a request of ``run()`` as a request for the sampler.

    Args:
        request: The checked arguments of ``run()``.
        is_simulator: Whether the backend is a simulator. Only simulators have a seed.

    Raises:
        IBMBackendValueError: If the sampler does not support an argument or a circuit.
    """
    options: dict[str, Any] = {}
    for name, value in request.options.items():
        if name in request.unknown:
            # Sent unchanged: the service may know it.
            if name in options:
                raise IBMBackendValueError(f"expected no {name}, because other arguments of run() set a part of it")
            options[name] = value
        elif name == "seed_simulator" and not is_simulator:
            raise IBMBackendValueError("expected no seed_simulator, because the backend is no simulator")
        elif name in _PLACES:
            group, option = _PLACES[name]
            options.setdefault(group, {})[option] = value
        elif value not in _HARMLESS.get(name, ()):
            raise IBMBackendValueError(
                f"expected no {name}, because IBM Quantum Platform runs circuits with the sampler, "
                f"which does not support it; got {value!r}"
            )
    # The schema requires values of parameters even for circuits without parameters.
    none = np.zeros(0)
    pubs = [[_sampled(circuit, index), none, request.shots] for index, circuit in enumerate(request.circuits)]
    params: dict[str, Any] = {"pubs": pubs, "version": VERSION, "options": options, "support_qiskit": True}
    return evolve(request, program="sampler", params=params)


def _sampled(circuit: Any, index: int) -> Any:
    if isinstance(circuit, str):
        # The registers of a text are not checked here; the service checks them.
        return circuit
    in_registers = [bit for register in circuit.cregs for bit in register]
    if in_registers != list(circuit.clbits) or not in_registers or not all(map(len, circuit.cregs)):
        # With registers that share bits, or are in another order than the bits, the counts would be other ones.
        raise IBMBackendValueError(
            f"expected every classical bit of circuit {circuit.name!r} at [{index}] to be in one register, in order, "
            "because the sampler returns registers; add a ClassicalRegister, or use measure_all()"
        )
    names = [register.name for register in circuit.cregs]
    wrong = [name for name in names if not name.isidentifier() or keyword.iskeyword(name) or name in _TAKEN]
    if wrong:
        raise IBMBackendValueError(
            f"expected the classical registers of circuit {circuit.name!r} at [{index}] to have names of variables, "
            f"and not {', '.join(sorted(_TAKEN))}, because the sampler's result has them as attributes; "
            f"got {wrong[0]!r}"
        )
    return circuit
