"""DescribedBackend: the members of a backend that send no request, and how a backend is copied and pickled."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Final, Self, overload

from qiskit.providers import BackendV2
from qiskit.transpiler import QubitProperties

from ibm_circuit_job.devices.attribute_errors import missing_attribute, or_missing, property_again
from ibm_circuit_job.devices.configuration import BackendConfiguration
from ibm_circuit_job.errors import IBMBackendValueError, IBMError

_SHARED: Final = frozenset({"_provider", "_record", "_properties", "_session"})
"""The attributes that a deep copy shares with the original: the connection, its session, and frozen records."""


class DescribedBackend(BackendV2):  # type: ignore[misc] # qiskit's class is not typed
    """The members of :class:`~ibm_circuit_job.IBMBackend` that send no request.

    ``_record`` is the configuration, ``_provider`` the provider.
    """

    _record: BackendConfiguration
    _provider: Any

    def __getattr__(self, name: str) -> Any:
        # Python calls this for an unknown name, or after a property has raised an AttributeError.
        again = property_again(self, name)
        if again is not None:
            return again[0]
        if name.startswith("_") or hasattr(type(self), name):
            raise AttributeError(f"{type(self).__name__} has no {name!r}")
        try:
            return getattr(self._record, name)
        except IBMError as error:
            raise missing_attribute(error) from None

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name for name in dir(self._record) if name in self._record)})

    # Members

    @property
    @or_missing
    def num_qubits(self) -> int:
        """The number of qubits."""
        return self._record.n_qubits

    @property
    @or_missing
    def max_circuits(self) -> int | None:
        """The most circuits in one job; ``None`` if unknown."""
        most: int | None = self._record.get("max_experiments")
        return most

    @property
    @or_missing
    def dt(self) -> float | None:
        """The time step of control signals, in seconds; ``None`` if unknown."""
        return self._record.dt

    @property
    @or_missing
    def dtm(self) -> float | None:
        """The time step of measurement signals, in seconds; ``None`` if unknown."""
        return self._record.dtm

    @property
    @or_missing
    def meas_map(self) -> list[list[int]]:
        """The groups of qubits that are measured together; empty if unknown."""
        return self._record.meas_map

    @overload
    def qubit_properties(self, qubit: int) -> QubitProperties | None: ...
    @overload
    def qubit_properties(self, qubit: Sequence[int]) -> list[QubitProperties | None]: ...
    def qubit_properties(self, qubit: int | Sequence[int]) -> QubitProperties | list[QubitProperties | None] | None:
        """Return the measured properties of a qubit: T1 and T2 in seconds, and its frequency in hertz.

        Args:
            qubit: The number of the qubit, or a list of numbers.

        Returns:
            The properties, as in the target; ``None`` if the service has none, as for a simulator. A list for a list.

        Raises:
            IBMBackendValueError: If there is no such qubit.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> with IBMProvider.local(store=None) as provider:
            ...     provider.get_backend("local_simulator").qubit_properties([0, 1])
            [None, None]
        """
        if isinstance(qubit, Sequence):
            return [self._properties_of_qubit(each) for each in qubit]
        return self._properties_of_qubit(qubit)

    def _properties_of_qubit(self, qubit: int) -> QubitProperties | None:
        try:
            known = 0 <= qubit < self.num_qubits
        except TypeError:
            known = False
        if not known:
            raise IBMBackendValueError(f"expected a qubit from 0 to {self.num_qubits - 1}, got {qubit!r}")
        every = self.target.qubit_properties
        return None if every is None else every[qubit]

    def defaults(self, refresh: bool = False) -> None:
        """Return ``None``. The service has no pulse calibrations any more, and qiskit 2 has no class for them.

        Args:
            refresh: Has no effect.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> with IBMProvider.local(store=None) as provider:
            ...     print(provider.get_backend("local_5q").defaults())
            None
        """
        del refresh

    # Copying and pickling

    def __copy__(self) -> Self:
        copied = type(self).__new__(type(self))
        copied.__dict__.update(self.__dict__ | {"_options": copy.copy(self._options)})
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        for name, value in self.__dict__.items():
            # If the provider is copied by the same call of deepcopy(), use its copy; otherwise share the connection.
            own = memo.get(id(value), value) if name in _SHARED else copy.deepcopy(value, memo)
            copied.__dict__[name] = own
        return copied

    def __getstate__(self) -> dict[str, Any]:
        without = getattr(self._provider, "without_connection", None)
        return {**self.__dict__, "_provider": self._provider if without is None else without(self)}
