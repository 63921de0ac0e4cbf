"""LazyData: the data of one experiment, made from JSON or from bits at the first access."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol, cast

import msgspec
import numpy as np
from qiskit.result import Counts
from qiskit.result.models import ExperimentResultData

from ibm_circuit_job.wire import documents
from ibm_circuit_job.wire.results import outcomes
from ibm_circuit_job.wire.results.lazy_counts import LazyCounts

_FEW_BYTES: Final = 16_384
"""Counts of fewer bytes of JSON are read without numpy: up to some 500 outcomes."""


class Source(Protocol):
    """The source of an experiment's data."""

    def field(self, name: str) -> Any:
        """Return ``counts`` or ``memory`` in qiskit's form; ``None`` if there are none."""

    def fields(self) -> dict[str, Any]:
        """Return all data in qiskit's form."""

    def rows(self, layout: outcomes.Layout) -> Any | None:
        """Return the outcome of each shot as rows; ``None`` if the memory has other values than plain outcomes."""

    def counted_rows(self, layout: outcomes.Layout) -> tuple[Any, Any] | None:
        """Return the distinct outcomes as rows, and the count of each; ``None`` if the counts have another form."""

    def bit_counts(self, layout: outcomes.Layout) -> dict[str, int] | None:
        """Return the counts by outcome as bits; ``None`` if the counts have another form."""

    def hexadecimal(self) -> Any:
        """Return a function that returns the counts by outcome in hexadecimal. It needs little memory until then."""


class LazyData(ExperimentResultData):
    """The data of an experiment: qiskit's class, with fields that are made at the first access.

    A pickle or a copy of it is qiskit's own ``ExperimentResultData``.

    Args:
        source: The source of the data.

    Example:
        >>> import msgspec
        >>> data = LazyData(OfJson({"counts": msgspec.Raw(b'{"0x1": 3}'), "memory": msgspec.Raw(b'["0x1"]')}))
        >>> data.counts, data.to_dict()
        ({'0x1': 3}, {'counts': {'0x1': 3}, 'memory': ['0x1']})
    """

    def __init__(self, source: Source) -> None:
        self._source: Source | None = source

    def __getattr__(self, name: str) -> Any:
        source = self.__dict__.get("_source")
        if source is None:
            # Another thread may have just made the attribute. If not, this raises AttributeError.
            return object.__getattribute__(self, name)
        if name.startswith("__"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if name in {"counts", "memory"}:
            found = source.field(name)
            if found is not None:
                return self.__dict__.setdefault(name, found)
        self._complete(source)
        return object.__getattribute__(self, name)

    def _complete(self, source: Source) -> None:
        """Make all fields that were not made before."""
        fields = source.fields()
        super().__init__(**{**fields, **{name: value for name, value in self.__dict__.items() if name in fields}})
        self._source = None

    def untouched(self, name: str) -> Source | None:
        """Return the source of a field; ``None`` if the field was made before, because the user may have changed it."""
        known = self.__dict__
        return None if name in known else known.get("_source")

    def __reduce__(self) -> tuple[Any, ...]:
        if self._source is not None:
            self._complete(self._source)
        state = {name: value for name, value in self.__dict__.items() if name != "_source"}
        return ExperimentResultData, (), state

    def __reduce_ex__(self, _: Any) -> tuple[Any, ...]:
        return self.__reduce__()


def counts_of(data: Any, header: Mapping[str, Any]) -> Counts | None:
    """Return the counts of an experiment as qiskit does, but faster; ``None`` if only qiskit can.

    Args:
        data: The data of the experiment.
        header: Its header.
    """
    source = data.untouched("counts") if isinstance(data, LazyData) else None
    layout = outcomes.layout_of(header)
    if source is None or layout is None:
        return None
    counts = source.bit_counts(layout)
    return None if counts is None else LazyCounts(counts, source.hexadecimal(), header)


def _bit_counts(found: tuple[Any, Any] | None, layout: outcomes.Layout) -> dict[str, int] | None:
    """The counts by outcome as bits, from counted rows."""
    if found is None:
        return None
    rows, counts = found
    return dict(zip(outcomes.bit_texts(rows, layout), counts.tolist(), strict=True))


def memory_of(data: Any, header: Mapping[str, Any]) -> list[str] | None:
    """Return the outcome of each shot as qiskit does, but faster; ``None`` if only qiskit can.

    Args:
        data: The data of the experiment.
        header: Its header.
    """
    source = data.untouched("memory") if isinstance(data, LazyData) else None
    layout = outcomes.layout_of(header)
    if source is None or layout is None:
        return None
    rows = source.rows(layout)
    return None if rows is None else outcomes.bit_texts(rows, layout)


class OfJson:
    """The fields of the data of an experiment, as JSON.

    Args:
        fields: Fields that :func:`~ibm_circuit_job.wire.results.splitting.are_plain`.
    """

    def __init__(self, fields: Mapping[str, msgspec.Raw]) -> None:
        self._fields = fields

    def field(self, name: str) -> Any:
        """Return ``counts`` or ``memory`` in qiskit's form; ``None`` if there are none."""
        text = self._fields.get(name)
        return None if text is None else documents.decoded(text)

    def fields(self) -> dict[str, Any]:
        """Return all data in qiskit's form."""
        return {name: documents.decoded(text) for name, text in self._fields.items()}

    def rows(self, layout: outcomes.Layout) -> Any | None:
        """Return the outcome of each shot as rows; ``None`` if the memory has other values than plain outcomes."""
        text = self._fields.get("memory")
        return outcomes.of_list(text, layout) if _begins(text, b"[") else None

    def counted_rows(self, layout: outcomes.Layout) -> tuple[Any, Any] | None:
        """Return the distinct outcomes as rows, and the count of each; ``None`` if the counts have another form."""
        text = self._fields.get("counts")
        return outcomes.of_counts(text, layout) if _begins(text, b"{") else None

    def bit_counts(self, layout: outcomes.Layout) -> dict[str, int] | None:
        """Return the counts by outcome as bits; ``None`` if the counts have another form."""
        text = self._fields.get("counts")
        is_short = _begins(text, b"{") and len(memoryview(text or b"")) < _FEW_BYTES and len(layout.registers) < 2
        found = outcomes.few_counts(text, layout) if is_short else None
        return _bit_counts(self.counted_rows(layout), layout) if found is None else found

    def hexadecimal(self) -> Any:
        """Return a function that returns the counts by outcome in hexadecimal."""
        # A copy, because a reference would leave the whole body in memory as long as the counts exist.
        return partial(documents.decoded, self._fields["counts"].copy())


def _begins(text: msgspec.Raw | None, character: bytes) -> bool:
    return text is not None and bytes(memoryview(text)[:1]) == character


class OfBits:
    """The bits of an experiment, register by register.

    Args:
        registers: Returns the bytes of each register: arrays of shape ``(shots, bytes)``, the most significant byte
            first. All have the same number of shots.
        sizes: How many bits each register has.
    """

    def __init__(self, registers: Callable[[], Sequence[Any]], sizes: Sequence[int]) -> None:
        self._registers = registers
        self._sizes = sizes

    def field(self, name: str) -> Any:
        """Return ``counts`` or ``memory`` in qiskit's form."""
        return _FIELDS_OF_ROWS[name](self._joined())

    def fields(self) -> dict[str, Any]:
        """Return all data in qiskit's form."""
        rows = self._joined()
        return {name: made_of(rows) for name, made_of in _FIELDS_OF_ROWS.items()}

    def rows(self, layout: outcomes.Layout) -> Any | None:
        """Return the outcome of each shot as rows; ``None`` if they have another number of bits."""
        return self._joined() if self._sizes and layout.slots == sum(self._sizes) else None

    def counted_rows(self, layout: outcomes.Layout) -> tuple[Any, Any] | None:
        """Return the distinct outcomes as rows, and the count of each; ``None`` if they have another number of bits."""
        rows = self.rows(layout)
        return None if rows is None else outcomes.counted(rows)

    def bit_counts(self, layout: outcomes.Layout) -> dict[str, int] | None:
        """Return the counts by outcome as bits; ``None`` if they have another number of bits."""
        return _bit_counts(self.counted_rows(layout), layout)

    def hexadecimal(self) -> Any:
        """Return a function that returns the counts by outcome in hexadecimal."""
        return partial(self.field, "counts")

    def _joined(self) -> Any:
        """The bytes of all registers together; at least one for each shot."""
        if not self._sizes:
            return np.zeros((0, 1), np.uint8)
        registers = self._registers()
        if len(registers) == 1 and self._sizes[0]:
            return registers[0]
        bits = [
            np.unpackbits(shots, axis=-1)[:, shots.shape[-1] * 8 - size :]
            for shots, size in zip(registers, self._sizes, strict=True)
        ]
        joined = np.concatenate(bits[::-1], axis=-1)
        missing = -joined.shape[-1] % 8 if joined.shape[-1] else 8
        return np.packbits(np.pad(joined, ((0, 0), (missing, 0))), axis=-1)


def _counts_of_rows(rows: Any) -> dict[str, int]:
    different, counts = outcomes.counted(rows)
    return dict(zip(outcomes.hexadecimal(different), counts.tolist(), strict=True))


def _memory_of_rows(rows: Any) -> list[str]:
    different, places, _ = outcomes.tallied(rows)
    return cast("list[str]", np.array(outcomes.hexadecimal(different), dtype=object)[places].tolist())


_FIELDS_OF_ROWS: Final[Mapping[str, Callable[[Any], Any]]] = {"counts": _counts_of_rows, "memory": _memory_of_rows}
