"""Rows of circuits as a table of pandas, or as a file of Apache Parquet. It needs the extra ``analysis``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from attrs import fields

from ibm_circuit_job.clients import private_files
from ibm_circuit_job.errors import JobStoreError
from ibm_circuit_job.wire.circuit_rows import CircuitRow

COLUMNS: Final = tuple(column.name for column in fields(CircuitRow))
"""The columns, in their order."""
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


def write_parquet(rows: Iterable[CircuitRow], path: str | os.PathLike[str]) -> int:
    """Write a file of Apache Parquet with a row for each circuit, a part at a time.

    The file is there when all of it is written, for its owner alone. One that is there is replaced.

    Args:
        rows: The rows.
        path: The file.

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
    arrow, parquet = _needed("pyarrow", "to_parquet()"), _needed("pyarrow.parquet", "to_parquet()")
    if not isinstance(path, (str, os.PathLike)):
        raise JobStoreError(f"expected the path of a file, got a {type(path).__name__}")
    file = Path(path)
    if "\0" in str(file):
        raise JobStoreError(f"expected the path of a file, got {path!r}")
    schema = _schema(arrow)
    count = 0
    try:
        descriptor, unfinished = private_files.open_temporary(file)
        try:
            with os.fdopen(descriptor, "wb") as sink, parquet.ParquetWriter(sink, schema) as writer:
                for part in _parts(rows):
                    columns = {name: [_plain(getattr(row, name)) for row in part] for name in COLUMNS}
                    writer.write_table(arrow.Table.from_pydict(columns, schema=schema))
                    count += len(part)
            Path(unfinished).replace(file)
        finally:
            Path(unfinished).unlink(missing_ok=True)
    except OSError as error:
        raise JobStoreError(f"could not write {file}: {error.strerror or error}") from None
    return count


def _parts(rows: Iterable[CircuitRow]) -> Iterator[list[CircuitRow]]:
    part: list[CircuitRow] = []
    outcomes = 0
    for row in rows:
        part.append(row)
        outcomes += len(row.counts or ())
        if len(part) >= _ROWS_AT_ONCE or outcomes >= _OUTCOMES_AT_ONCE:
            yield part
            part, outcomes = [], 0
    if part:
        yield part


def _plain(value: Any) -> Any:
    # Arrow takes a map as pairs.
    return list(value.items()) if isinstance(value, dict) else value


def _schema(arrow: Any) -> Any:
    texts = arrow.list_(arrow.string())
    kinds = {
        "tags": texts,
        "shots": arrow.int64(),
        "created": arrow.timestamp("us", tz="UTC"),
        "counts": arrow.map_(arrow.string(), arrow.int64()),
        **dict.fromkeys(_SECONDS, arrow.float64()),
    }
    return arrow.schema([(name, kinds.get(name, arrow.string())) for name in COLUMNS])


def _needed(module: str, what: str) -> Any:
    try:
        return import_module(module)
    except ImportError as missing:
        raise ImportError(f"{what} needs {missing.name}: install ibm-circuit-job[analysis]") from None
