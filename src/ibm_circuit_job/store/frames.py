"""Rows of circuits and shots as a table of pandas, or as a file of Apache Parquet. It needs the extra ``analysis``."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeAlias

from attrs import fields

from ibm_circuit_job.clients import private_files
from ibm_circuit_job.errors import IBMBackendValueError, JobStoreError
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.wire.circuit_rows import CircuitRow, ShotRows, circuit_rows, shot_rows

COLUMNS: Final = tuple(column.name for column in fields(CircuitRow))
"""The columns, in their order."""
_OF_CIRCUIT: Final = ("job_id", "circuit", "backend", "tags", "created", "status", "calibration")
SHOT_COLUMNS: Final = ("job_id", "circuit_number", "circuit", "shot", "outcome", *_OF_CIRCUIT[2:])
"""The columns of a table with a row for each shot, in their order."""
Kind: TypeAlias = Literal["circuit", "shot"]
"""What a row is."""
Item: TypeAlias = CircuitRow | ShotRows
"""A row for a circuit, or rows for some shots."""
_SECONDS: Final = ("queue_seconds", "run_seconds", "usage_seconds")
_ROWS_AT_ONCE: Final = 5_000
_OUTCOMES_AT_ONCE: Final = 100_000
"""After so many rows, or so many outcomes in them, a part of the file is written."""


def frame_of(rows: Iterable[CircuitRow]) -> Any:
    """Return a ``pandas.DataFrame`` with a row for each circuit.

    Args:
        rows: The rows.

    Raises:
        ImportError: If pandas is not installed; the message names the extra.

    Example:
        >>> from ibm_circuit_job.wire.circuit_rows import CircuitRow
        >>> frame_of([CircuitRow("cq1x", shots=10)])[["job_id", "shots"]].to_dict("records")
        [{'job_id': 'cq1x', 'shots': 10}]
    """
    pandas = _needed("pandas", "to_pandas()")
    listed = list(rows)
    columns = {name: [getattr(row, name) for row in listed] for name in COLUMNS}
    columns["tags"] = [list(row.tags) for row in listed]
    kinds = {"shots": "Int64", **dict.fromkeys(_SECONDS, "float64")}
    # Objects, so that a column of dictionaries, or of nothing, is neither taken apart nor made numbers.
    frame = pandas.DataFrame({name: pandas.Series(values, dtype=object) for name, values in columns.items()})
    frame["created"] = pandas.to_datetime(frame["created"], utc=True).astype("datetime64[us, UTC]")
    return frame.astype(kinds)


def check_rows(rows: Any) -> None:
    """Check that something says what a row is.

    Raises:
        IBMBackendValueError: If it does not.
    """
    if rows not in {"circuit", "shot"}:
        raise IBMBackendValueError(f"expected rows to be 'circuit' or 'shot', got {rows!r}")


def items_of(job: Job, kind: Kind) -> Iterator[Item]:
    """Yield the rows of a job."""
    yield from circuit_rows(job) if kind == "circuit" else shot_rows(job)


def write_parquet(rows: Iterable[Item], path: str | os.PathLike[str], kind: Kind = "circuit") -> int:
    """Write a file of Apache Parquet with a row for each circuit, or for each shot, a part at a time.

    The file is there when all of it is written, for its owner alone. One that is there is replaced.

    Args:
        rows: The rows; for shots, some in each.
        path: The file.
        kind: What a row is, ``"circuit"`` or ``"shot"``.

    Returns:
        How many rows it has.

    Raises:
        ImportError: If pyarrow is not installed; the message names the extra.
        JobStoreError: If the file cannot be written; then nothing is changed.

    Example:
        >>> import tempfile
        >>> from ibm_circuit_job.wire.circuit_rows import CircuitRow
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_parquet([CircuitRow("cq1x"), CircuitRow("cq2y")], f"{folder}/circuits.parquet")
        2
    """
    tables = Tables(kind)
    if not isinstance(path, (str, os.PathLike)):
        raise JobStoreError(f"expected the path of a file, got a {type(path).__name__}")
    file = Path(path)
    if "\0" in str(file):
        raise JobStoreError(f"expected the path of a file, got {path!r}")
    try:
        with TableFile(file, tables) as sink:
            for part in _parts(rows):
                sink.write(part)
            sink.finish()
    except OSError as error:
        raise JobStoreError(f"could not write {file}: {error.strerror or error}") from None
    return sink.rows


class TableFile:
    """A file of Parquet that is there when :meth:`finish` returns; until then, what was there stays.

    Args:
        file: Where.
        tables: What its rows are.

    Raises:
        OSError: If it cannot be made.
    """

    def __init__(self, file: Path, tables: Tables) -> None:
        self.rows = 0
        """How many rows were written."""
        self._file = file
        self._tables = tables
        descriptor, unfinished = private_files.open_temporary(file)
        self._unfinished = Path(unfinished)
        self._sink = os.fdopen(descriptor, "wb")
        self._writer = tables.writer(self._sink)

    def write(self, items: Sequence[Item]) -> None:
        """Write some rows, as one group.

        Raises:
            OSError: If they cannot be written.
        """
        table = self._tables.table(items)
        self._writer.write_table(table)
        self.rows += table.num_rows

    def finish(self) -> None:
        """Have all of it on the disk, and put the file in its place.

        Raises:
            OSError: If that cannot be done.
        """
        self._writer.close()
        self._sink.flush()
        os.fsync(self._sink.fileno())
        self._sink.close()
        self._unfinished.replace(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._writer.close()
        with suppress(OSError):
            self._sink.close()
        self._unfinished.unlink(missing_ok=True)


class Tables:
    """Makes tables of Arrow of rows.

    Args:
        kind: What a row is, ``"circuit"`` or ``"shot"``.
        left_out: Columns that they have not.

    Raises:
        ImportError: If pyarrow is not installed; the message names the extra.
    """

    def __init__(self, kind: Kind, left_out: Collection[str] = ()) -> None:
        self._arrow, self._parquet = _needed("pyarrow", "to_parquet()"), _needed("pyarrow.parquet", "to_parquet()")
        self.columns = tuple(name for name in (COLUMNS if kind == "circuit" else SHOT_COLUMNS) if name not in left_out)
        self._schema = _schema(self._arrow, self.columns)

    def writer(self, sink: Any) -> Any:
        """Return what writes such tables into a file."""
        return self._parquet.ParquetWriter(sink, self._schema)

    def table(self, items: Sequence[Item]) -> Any:
        """Return a table of some rows."""
        circuits = [item for item in items if isinstance(item, CircuitRow)]
        columns = {name: [_plain(getattr(row, name)) for row in circuits] for name in self.columns if circuits}
        whole = [self._arrow.Table.from_pydict(columns, schema=self._schema)] if circuits else []
        shots = (self._shots(item) for item in items if isinstance(item, ShotRows))
        return self._arrow.concat_tables([*whole, *shots]).combine_chunks()

    def _shots(self, item: ShotRows) -> Any:
        count, arrow = len(item.outcomes), self._arrow
        numbers = [None] * count if item.first is None else range(item.first, item.first + count)
        measured = {"outcome": arrow.array(item.outcomes, arrow.string()), "shot": arrow.array(numbers, arrow.int64())}
        same = {"circuit_number": item.number, **{name: getattr(item.circuit, name) for name in _OF_CIRCUIT}}
        columns = [
            measured[field.name]
            if field.name in measured
            else arrow.repeat(arrow.scalar(same[field.name], field.type), count)
            for field in self._schema
        ]
        return arrow.Table.from_arrays(columns, schema=self._schema)


def weight(item: Item) -> int:
    """Return how many outcomes an item has, by which parts are bounded."""
    return len(item.outcomes) if isinstance(item, ShotRows) else len(item.counts or ())


def is_enough(items: int, outcomes: int) -> bool:
    """Return whether so many items, with so many outcomes, are written before more are read."""
    return items >= _ROWS_AT_ONCE or outcomes >= _OUTCOMES_AT_ONCE


def _parts(rows: Iterable[Item]) -> Iterator[list[Item]]:
    part: list[Item] = []
    outcomes = 0
    for row in rows:
        part.append(row)
        outcomes += weight(row)
        if is_enough(len(part), outcomes):
            yield part
            part, outcomes = [], 0
    if part:
        yield part


def _plain(value: Any) -> Any:
    # Arrow takes a map as pairs.
    return list(value.items()) if isinstance(value, dict) else value


def _schema(arrow: Any, columns: Iterable[str]) -> Any:
    kinds = {
        "tags": arrow.list_(arrow.string()),
        "created": arrow.timestamp("us", tz="UTC"),
        "counts": arrow.map_(arrow.string(), arrow.int64()),
        **dict.fromkeys(("shots", "shot", "circuit_number"), arrow.int64()),
        **dict.fromkeys(_SECONDS, arrow.float64()),
    }
    return arrow.schema([(name, kinds.get(name, arrow.string())) for name in columns])


def _needed(module: str, what: str) -> Any:
    try:
        return import_module(module)
    except ImportError as missing:
        raise ImportError(f"{what} needs {missing.name}: install ibm-circuit-job[analysis]") from None
