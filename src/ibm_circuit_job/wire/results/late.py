"""Bits of a circuit that are decoded at the first access, and the error for damaged bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from qiskit.exceptions import QiskitError

from ibm_circuit_job.wire.results.context import ResultContext
from ibm_circuit_job.wire.results.experiments import Declared, unreadable

if TYPE_CHECKING:
    from qiskit.primitives.containers import BitArray


class DamagedExperimentError(QiskitError):
    """The data of a circuit are damaged, which was found at the first access. The message names the circuit."""


class LateBits:
    """Decodes the bits of the registers of one circuit at each call.

    The bits of a circuit with several sets of parameters are cached, because each set is an experiment that needs them.

    Args:
        read: Decodes the bits: name of a register -> bits.
        declared: The declared sizes of each register.
        index: The index of the circuit in the job.
        context: The names of the circuits, for the error.
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
            DamagedExperimentError: If the bits cannot be decoded, or have other sizes than declared.
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
