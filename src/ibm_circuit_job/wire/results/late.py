"""Bits of a circuit that are read when they are first looked at, and the error of those that are found damaged then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from qiskit.exceptions import QiskitError

from ibm_circuit_job.wire.results.context import ResultContext
from ibm_circuit_job.wire.results.experiments import Declared, unreadable

if TYPE_CHECKING:
    from qiskit.primitives.containers import BitArray


class DamagedExperimentError(QiskitError):
    """The data of a circuit, which were read when they were looked at, are damaged. The message names the circuit."""


class LateBits:
    """Reads the bits of the registers of one circuit each time that it is called.

    Those of a circuit with several sets of parameters stay in memory, for each set is an experiment that looks at them.

    Args:
        read: Returns the bits by the names of the registers.
        declared: What the body says of each register.
        index: The index of the circuit in the job.
        context: What is known of the job.
    """

    def __init__(
        self,
        read: Callable[[], Mapping[str, BitArray]],
        declared: Mapping[str, Declared],
        index: int,
        context: ResultContext,
    ) -> None:
        self._read = read
        self._declared = declared
        self._index = index
        self._context = context
        self._found: Mapping[str, BitArray] | None = None

    def __call__(self) -> Mapping[str, BitArray]:
        """Return the bits of each register.

        Raises:
            DamagedExperimentError: If they cannot be read, or are not as declared.
        """
        if self._found is not None:
            return self._found
        try:
            found = self._read()
            for name, expected in self._declared.items():
                got = Declared(found[name].shape, found[name].num_shots, found[name].num_bits)
                if got != expected:
                    raise ValueError(f"expected {expected} in {name!r}, got {got}")  # noqa: TRY301 - as damaged as any
        except Exception as error:  # noqa: BLE001 - numpy and qiskit raise anything on damaged data
            raise DamagedExperimentError(unreadable(self._index, self._context, error)) from None
        if any(each.shape for each in self._declared.values()):
            self._found = found
        return found
