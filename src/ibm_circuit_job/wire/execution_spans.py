"""Execution spans: the times at which the parts of a sampler's data were measured.

If the official client is installed, objects of its classes are built. Otherwise they are records with the same
``start`` and ``stop``.

Source: ``ibm_quantum_schemas.sampler.version_0_1.execution_span``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import frozen

_SLICES: Final = {"SliceSpan": 1, "DoubleSliceSpan": 2, "TwirledSliceSpan": 2, "TwirledSliceSpanV2": 2}
"""Class of a span -> how many slices the entry of a pub has. A slice is a pair of numbers, its start and its stop."""


@frozen
class ExecutionSpan:
    """A period in which a part of the data was measured.

    Example:
        >>> from datetime import UTC, datetime
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> span = ExecutionSpan(noon, noon.replace(second=4), (0,), 100)
        >>> span.duration
        4.0
    """

    start: datetime
    """When the measurements began, UTC."""
    stop: datetime
    """When the measurements ended, UTC."""
    pub_idxs: tuple[int, ...]
    """The indices of the pubs that were measured, ascending."""
    size: int
    """How many shots were measured, over all pubs."""

    @property
    def duration(self) -> float:
        """The seconds from ``start`` to ``stop``."""
        return (self.stop - self.start).total_seconds()


@frozen
class ExecutionSpans:
    """All execution spans of a job, in the service's order.

    Example:
        >>> from datetime import UTC, datetime
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> spans = ExecutionSpans((ExecutionSpan(noon, noon.replace(second=4), (0,), 100),))
        >>> spans.stop.second, len(spans), spans[0].size
        (4, 1, 100)
    """

    spans: tuple[ExecutionSpan, ...]
    """The spans."""

    def __len__(self) -> int:
        return len(self.spans)

    def __iter__(self) -> Iterator[ExecutionSpan]:
        return iter(self.spans)

    def __getitem__(self, index: int) -> ExecutionSpan:
        return self.spans[index]

    @property
    def start(self) -> datetime:
        """When the first measurement began, UTC."""
        return min(span.start for span in self.spans)

    @property
    def stop(self) -> datetime:
        """When the last measurement ended, UTC."""
        return max(span.stop for span in self.spans)

    @property
    def duration(self) -> float:
        """The seconds from ``start`` to ``stop``."""
        return (self.stop - self.start).total_seconds()

    @property
    def pub_idxs(self) -> list[int]:
        """The indices of the pubs that were measured, ascending."""
        return sorted({pub for span in self.spans for pub in span.pub_idxs})


def span(kind: str, fields: Mapping[str, Any]) -> Any:
    """Return one span from the fields of the service's JSON.

    Args:
        kind: The class of the span, such as ``"SliceSpan"``.
        fields: The fields, with ``start`` and ``stop`` as datetimes.

    Raises:
        ValueError, TypeError, KeyError: If these are not the fields of a span.
    """
    start, stop, entries = fields["start"], fields["stop"], fields["data_slices"]
    if not (isinstance(start, datetime) and isinstance(stop, datetime)):
        raise TypeError("expected the times of its start and its stop")
    slices = {int(pub): _entry(kind, entry) for pub, entry in entries.items()}
    official = _official()
    if official is not None:
        return getattr(official, kind)(start, stop, slices)
    return ExecutionSpan(start, stop, tuple(sorted(slices)), sum(_size(entry) for entry in slices.values()))


def spans(found: Sequence[Any]) -> Any:
    """Return spans as one collection."""
    official = _official()
    return ExecutionSpans(tuple(found)) if official is None else official.ExecutionSpans(found)


def is_execution_spans(value: object) -> bool:
    """Return whether a value is a span or a collection of spans, of this library or of the official client."""
    return type(value).__module__.startswith("qiskit_ibm_runtime.execution_span") or isinstance(
        value, (ExecutionSpan, ExecutionSpans)
    )


def plain(value: Any) -> dict[str, Any]:
    """Return a span or a collection of spans, of this library or of the official client, as plain JSON.

    Example:
        >>> from datetime import UTC, datetime
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> plain(ExecutionSpan(noon, noon, (0,), 100))["start"]
        '2024-02-03T12:00:00+00:00'
    """
    if not hasattr(value, "size"):
        return {"spans": [plain(each) for each in value]}
    return {
        "start": value.start.isoformat(),
        "stop": value.stop.isoformat(),
        "pub_idxs": [*value.pub_idxs],
        "size": int(value.size),
    }


def _entry(kind: str, entry: Sequence[Any]) -> tuple[Any, ...]:
    """The entry of one pub for the official classes: ``(shape, whether the first axis is twirling, slices, shots)``."""
    shape, *numbers = entry
    flags = [bool(numbers.pop(0))] if kind.startswith("Twirled") else []
    pairs = _SLICES[kind]
    ranges = [slice(int(numbers[2 * pair]), int(numbers[2 * pair + 1])) for pair in range(pairs)]
    return (tuple(int(size) for size in shape), *flags, *ranges, *map(int, numbers[2 * pairs :]))


def _size(entry: tuple[Any, ...]) -> int:
    """How many shots of a pub an entry names."""
    shape = entry[0]
    ranges = [part for part in entry if isinstance(part, slice)]
    axes = [math.prod(shape)] if len(ranges) == 1 else [math.prod(shape[:-1]), shape[-1]]
    return math.prod(len(range(size)[part]) for size, part in zip(axes, ranges, strict=True))


def _official() -> Any:
    """The module of the official client that has these classes; ``None`` where it is not installed."""
    try:
        from qiskit_ibm_runtime import execution_span  # noqa: PLC0415 - costly, and few results have spans
    except Exception:  # noqa: BLE001 - a package that is broken, or of another version, is as good as none
        return None
    return execution_span
