"""Tables of circuits and shots: as a pandas DataFrame, or as a file of Apache Parquet. Needs the extra ``analysis``."""

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
"""The names of the columns of a table with a row for each circuit, in order."""
_OF_CIRCUIT: Final = ("job_id", "circuit", "backend", "tags", "created", "status", "calibration")
SHOT_COLUMNS: Final = ("job_id", "circuit_number", "circuit", "shot", "outcome", *_OF_CIRCUIT[2:])
"""The names of the columns of a table with a row for each shot, in order."""
Kind: TypeAlias = Literal["circuit", "shot"]
"""What a row is."""
Item: TypeAlias = CircuitRow | ShotRows
"""A row for a circuit, or rows for some shots."""
_SECONDS: Final = ("queue_seconds", "run_seconds", "usage_seconds")
_ROWS_AT_ONCE: Final = 5_000
"""The most rows in memory before a part of the file is written."""
_OUTCOMES_AT_ONCE: Final = 100_000
"""The most outcomes in these rows before a part of the file is written."""


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
    # As objects: pandas would otherwise unpack dictionaries, and make floats of a column of None.
    frame = pandas.DataFrame({name: pandas.Series(values, dtype=object) for name, values in columns.items()})
    frame["created"] = pandas.to_datetime(frame["created"], utc=True).astype("datetime64[us, UTC]")
    return frame.astype(kinds)


def check_rows(rows: Any) -> None:
    """Check the argument *rows*.

    Raises:
        IBMBackendValueError: If it is neither ``"circuit"`` nor ``"shot"``.
    """
    if rows not in {"circuit", "shot"}:
        raise IBMBackendValueError(f"expected rows to be 'circuit' or 'shot', got {rows!r}")


def items_of(job: Job, kind: Kind) -> Iterator[Item]:
    """Yield the rows of a job, one for each circuit, or one for some shots of a circuit.

    Args:
        job: The job, with its result.
        kind: What a row of the table is.
    """
    yield from circuit_rows(job) if kind == "circuit" else shot_rows(job)


def write_parquet(rows: Iterable[Item], path: str | os.PathLike[str], kind: Kind = "circuit") -> int:
    """Write a file of Apache Parquet with a row for each circuit, or for each shot, part by part.

    The file appears when it is complete, and only its owner can read it. An existing file is replaced.

    Args:
        rows: The rows; for shots, each has several.
        path: The path of the file.
        kind: What a row of the file is, ``"circuit"`` or ``"shot"``.

    Returns:
        The number of rows in the file.

    Raises:
        ImportError: If pyarrow is not installed; the message names the extra.
        JobStoreError: If the file cannot be written. An existing file is not changed then.

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
    """Writes a file of Parquet, which appears at its path when :meth:`finish` is called.

    Args:
        file: The path. An existing file stays until :meth:`finish`.
        tables: Makes the tables to write.

    Raises:
        OSError: If a file cannot be created in that folder.
    """

    def __init__(self, file: Path, tables: Tables) -> None:
        self.rows = 0
        """The number of rows written."""
        self._file = file
        self._tables = tables
        descriptor, unfinished = private_files.open_temporary(file)
        self._unfinished = Path(unfinished)
        self._sink = os.fdopen(descriptor, "wb")
        self._writer = tables.writer(self._sink)

    def write(self, items: Sequence[Item]) -> None:
        """Write some rows, as one row group.

        Raises:
            OSError: If they cannot be written.
        """
        table = self._tables.table(items)
        self._writer.write_table(table)
        self.rows += table.num_rows

    def finish(self) -> None:
        """Flush the file to the disk, and rename it to its path.

        Raises:
            OSError: If one of these fails.
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
    """Makes Arrow tables from rows.

    Args:
        kind: What a row of a table is, ``"circuit"`` or ``"shot"``.
        left_out: The columns to omit.

    Raises:
        ImportError: If pyarrow is not installed; the message names the extra.
    """

    def __init__(self, kind: Kind, left_out: Collection[str] = ()) -> None:
        self._arrow, self._parquet = _needed("pyarrow", "to_parquet()"), _needed("pyarrow.parquet", "to_parquet()")
        self.columns = tuple(name for name in (COLUMNS if kind == "circuit" else SHOT_COLUMNS) if name not in left_out)
        self._schema = _schema(self._arrow, self.columns)

    def writer(self, sink: Any) -> Any:
        """Return a ``pyarrow.parquet.ParquetWriter`` that writes such tables to an open file."""
        return self._parquet.ParquetWriter(sink, self._schema)

    def table(self, items: Sequence[Item]) -> Any:
        """Return a ``pyarrow.Table`` of some rows."""
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
    """Return the number of outcomes in a row, which stands for the memory that it needs."""
    return len(item.outcomes) if isinstance(item, ShotRows) else len(item.counts or ())


def is_enough(items: int, outcomes: int) -> bool:
    """Return whether to write these rows before more are read.

    Args:
        items: The number of rows.
        outcomes: The number of outcomes in them.
    """
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
    # Arrow makes a map from pairs.
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
