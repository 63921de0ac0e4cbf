"""Reads circuits in OpenQASM 3."""

from __future__ import annotations

import re
from typing import Any, Final

from qiskit import qasm3
from qiskit.exceptions import MissingOptionalLibraryError
from qiskit.qasm3 import QASM3ImporterError

from ibm_circuit_job.local.programs.refusals import CannotRun
from ibm_circuit_job.wire import typed_json


def read_if_text(circuit: Any, name: str) -> Any:
    """Return the circuit in an OpenQASM 3 text. A value that is no text is returned unchanged.

    Args:
        circuit: The text.
        name: The name of the circuit, also for messages.

    Raises:
        CannotRun: If the text is no OpenQASM 3, or declares more bits than a circuit may have.
    """
    if not isinstance(circuit, str):
        return circuit
    declared = sum(int(size or 1) for size in _DECLARED.findall(circuit))
    if declared > typed_json.MOST_BITS:
        raise CannotRun(f"{name}: expected at most {typed_json.MOST_BITS} qubits and bits, got {declared}.")
    try:
        read = qasm3.loads(circuit)
    except MissingOptionalLibraryError as error:
        raise CannotRun(f"{name}: OpenQASM 3 cannot be read here: {error.message}") from None
    except RecursionError:
        raise CannotRun(f"{name}: expected OpenQASM 3, got text that is nested too deep.") from None
    except QASM3ImporterError as error:
        raise CannotRun(f"{name}: expected OpenQASM 3: {error.message}") from None
    except Exception as error:  # noqa: BLE001 - the parser raises anything
        raise CannotRun(f"{name}: expected OpenQASM 3: {type(error).__name__}: {error}") from None
    read.name = name
    return read


_DECLARED: Final = re.compile(r"\b(?:qubit|bit|qreg|creg)\b[^;\[\]]{0,200}?(?:\[\s*(\d{1,15})\s*\])?[^;\[\]]{0,200};")
"""A declaration of qubits or bits; the group is their number."""
