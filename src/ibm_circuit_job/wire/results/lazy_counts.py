"""LazyCounts: qiskit's ``Counts``, with integer and hexadecimal forms that are made at the first access."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from qiskit.result import Counts


class LazyCounts(Counts):
    """The counts of one circuit. A pickle or a copy of it is qiskit's own ``Counts``.

    qiskit's constructor makes each outcome in three forms, which takes longer than the rest of decoding a result.

    Args:
        counts: Outcome as bits -> count.
        hexadecimal: Returns the counts by outcome in hexadecimal.
        header: The header of the experiment.

    Example:
        >>> from qiskit.result import Counts
        >>> counts = LazyCounts({"10": 3}, lambda: {"0x2": 3}, {"memory_slots": 2})
        >>> counts, counts.int_outcomes(), counts.hex_outcomes(), counts == Counts({"0x2": 3}, memory_slots=2)
        ({'10': 3}, {2: 3}, {'0x2': 3}, True)
    """

    def __init__(
        self, counts: Mapping[str, int], hexadecimal: Callable[[], dict[str, int]], header: Mapping[str, Any]
    ) -> None:
        dict.__init__(self, counts)
        self._hexadecimal = hexadecimal
        self.creg_sizes = header.get("creg_sizes")
        self.memory_slots = header.get("memory_slots")
        self.time_taken = header.get("time_taken")

    @cached_property
    def hex_raw(self) -> dict[str, int]:
        """Outcome in hexadecimal -> count."""
        return self._hexadecimal()

    @cached_property
    def int_raw(self) -> dict[int, int]:
        """Outcome as an integer -> count."""
        return {int(outcome, 16): count for outcome, count in self.hex_raw.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        known = {"int_raw": self.int_raw, "hex_raw": self.hex_raw}
        known |= {name: value for name, value in vars(self).items() if name not in {*known, "_hexadecimal"}}
        return Counts, ({},), known, None, iter([*self.items()])

    def __reduce_ex__(self, _: Any) -> tuple[Any, ...]:
        return self.__reduce__()
