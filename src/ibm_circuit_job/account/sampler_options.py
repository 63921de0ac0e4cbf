"""What ``run()`` was asked for, as the parameters of the ``sampler``: the program of the service of today.

What the sampler cannot honour is refused by name, before anything is sent.
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
"""The version of the sampler that is spoken."""

_PLACES: Final[Mapping[str, tuple[str, str]]] = {
    "rep_delay": ("execution", "rep_delay"),
    "init_qubits": ("execution", "init_qubits"),
    "seed_simulator": ("simulator", "seed_simulator"),
}
"""Where in the sampler's options an argument of ``run()`` belongs."""

_HARMLESS: Final[Mapping[str, tuple[Any, ...]]] = {
    "memory": (True, False),
    "meas_level": (2,),
    "meas_return": ("avg", "single"),
    "use_measure_esp": (False,),
    "header": ({},),
}
"""Arguments that say with these values what the sampler does anyhow, or nothing: it always gives every shot's bits."""


_TAKEN: Final = frozenset({"items", "keys", "ndim", "shape", "size", "values"})
"""Names that the sampler's result has for other things."""


def sampler_request(request: RunRequest, *, is_simulator: bool) -> RunRequest:
    """Return the request as one for the sampler.

    Args:
        request: What ``run()`` was asked for, checked.
        is_simulator: Whether the backend is a simulator, which alone can be seeded.

    Raises:
        IBMBackendValueError: If the sampler cannot honour it.
    """
    options: dict[str, Any] = {}
    for name, value in request.options.items():
        if name in request.unknown:
            # Passed on as it is: the service may know it.
            if name in options:
                raise IBMBackendValueError(f"expected no {name}, for other arguments of run() say a part of it")
            options[name] = value
        elif name == "seed_simulator" and not is_simulator:
            raise IBMBackendValueError("expected no seed_simulator, for the backend is no simulator")
        elif name in _PLACES:
            group, option = _PLACES[name]
            options.setdefault(group, {})[option] = value
        elif value not in _HARMLESS.get(name, ()):
            raise IBMBackendValueError(
                f"expected no {name}, for the service of today runs circuits with the sampler, "
                f"which cannot honour it; got {value!r}"
            )
    # The schema demands values of parameters also where there are none.
    none = np.zeros(0)
    pubs = [[_sampled(circuit, index), none, request.shots] for index, circuit in enumerate(request.circuits)]
    params: dict[str, Any] = {"pubs": pubs, "version": VERSION, "options": options, "support_qiskit": True}
    return evolve(request, program="sampler", params=params)


def _sampled(circuit: Any, index: int) -> Any:
    if isinstance(circuit, str):
        # A text is not read here: which registers it has, the service finds out.
        return circuit
    in_registers = [bit for register in circuit.cregs for bit in register]
    if in_registers != list(circuit.clbits) or not in_registers or not all(map(len, circuit.cregs)):
        # Registers that share bits, or are in another order than they, would give other counts than anywhere else.
        raise IBMBackendValueError(
            f"expected every classical bit of circuit {circuit.name!r} at [{index}] to be in one register, in order, "
            "for the sampler returns registers; add a ClassicalRegister, or use measure_all()"
        )
    names = [register.name for register in circuit.cregs]
    wrong = [name for name in names if not name.isidentifier() or keyword.iskeyword(name) or name in _TAKEN]
    if wrong:
        raise IBMBackendValueError(
            f"expected the classical registers of circuit {circuit.name!r} at [{index}] to be named like variables, "
            f"and not {', '.join(sorted(_TAKEN))}, for the sampler; got {wrong[0]!r}"
        )
    return circuit
