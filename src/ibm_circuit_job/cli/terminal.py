"""Prints tables, messages and JSON, on a terminal or for another program. Control characters are escaped."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
from attrs import frozen
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ibm_circuit_job.cli import exit_codes
from ibm_circuit_job.views.records import CountsView
from ibm_circuit_job.views.text import count_bars

console: Final = Console(highlight=False)
"""The console of the standard output."""
JsonObject = Annotated[bool, typer.Option("--json", help="Print an object as JSON.")]
JsonList = Annotated[bool, typer.Option("--json", help="Print a list of objects as JSON.")]


def printable(text: str) -> str:
    r"""Return a text on one line, with line breaks and control characters escaped.

    Example:
        >>> print(printable("a\\tb"))
        a\tb
    """
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def fail(message: str, code: int = exit_codes.FAILED) -> NoReturn:
    """Print an error on the error output, in one line, and exit with a code of ``exit_codes``."""
    Console(stderr=True, highlight=False).print(Text(printable(message), style="red"), soft_wrap=True)
    raise typer.Exit(code)


def note(message: str) -> None:
    """Print a remark on the error output, in one line. Programs that read the standard output do not get it."""
    Console(stderr=True, highlight=False).print(Text(printable(message)), soft_wrap=True)


def warn(message: str) -> None:
    """Print a warning on the error output, in one line."""
    Console(stderr=True, highlight=False).print(Text(printable(message), style="yellow"), soft_wrap=True)


def can_ask() -> bool:
    """Return whether the input is a terminal, so that the user can answer a question."""
    return sys.stdin.isatty()


@frozen
class Column:
    """A column of a table. Its cells have one line.

    If the terminal is too narrow, columns with a high rank are left out, and columns with a least width are cut.
    """

    name: str
    """The heading, and the key of the cells."""
    rank: int = 0
    """0 for a column that is always shown; of the others, columns with a higher rank are left out first."""
    least: int | None = None
    """The least width in characters; ``None`` for a column that is never cut, such as an ID."""


def show_table(columns: Sequence[Column], rows: Iterable[Mapping[str, str]]) -> None:
    """Print a table, not wider than the terminal. For another program, print lines with tabs and without headings.

    If the columns of rank 0 do not fit, each row is a block of lines. An ID is never broken.

    Args:
        columns: The columns in order. On a terminal, a column is left out if all its cells are empty.
        rows: The cells of each row, by the name of the column.
    """
    shown = [{name: printable(cell) for name, cell in row.items()} for row in rows]
    if not console.is_terminal:
        for row in shown:
            print("\t".join(row[column.name] for column in columns))
        return
    if not shown:
        return
    filled = [column for column in columns if any(row[column.name] for row in shown)]
    widths = fitted_widths(
        filled,
        {each.name: max(cell_len(text) for text in (each.name, *(row[each.name] for row in shown))) for each in filled},
        console.width,
    )
    if widths is None:
        for row in shown:
            for number, column in enumerate(each for each in filled if row[each.name]):
                head = "" if number == 0 else f"  {column.name} "
                console.print(Text(f"{head}{row[column.name]}"), soft_wrap=True)
        return
    table = Table(box=None, header_style="bold", padding=(0, _GAP, 0, 0), pad_edge=False)
    for column in filled:
        if column.name in widths:
            table.add_column(column.name, no_wrap=True, overflow="ellipsis", width=widths[column.name])
    for row in shown:
        table.add_row(*(Text(row[name]) for name in widths))
    console.print(table, soft_wrap=True)


_GAP: Final = 2
"""The number of spaces between two columns."""


def fitted_widths(columns: Sequence[Column], natural: Mapping[str, int], width: int) -> dict[str, int] | None:
    """Return the width of each column that fits on a terminal; ``None`` if the columns of rank 0 do not fit.

    Args:
        columns: The columns in order.
        natural: The width of each column without cuts, in characters.
        width: The width of the terminal, in characters.

    Example:
        >>> columns = [Column("job"), Column("tags", rank=2, least=8), Column("created", rank=1)]
        >>> natural = {"job": 20, "tags": 30, "created": 19}
        >>> fitted_widths(columns, natural, 60)
        {'job': 20, 'tags': 17, 'created': 19}
        >>> fitted_widths(columns, natural, 45)
        {'job': 20, 'created': 19}
        >>> fitted_widths(columns, natural, 10) is None
        True
    """
    chosen: dict[str, int] = {}
    room = width + _GAP
    for column in sorted(columns, key=lambda each: each.rank):
        needed = natural[column.name] + _GAP
        if needed > room and column.least is not None:
            # Cut to the remaining room, but not below the least width.
            needed = max(column.least + _GAP, room)
        if needed <= room:
            chosen[column.name] = needed - _GAP
            room -= needed
        elif column.rank == 0:
            return None
    return {column.name: chosen[column.name] for column in columns if column.name in chosen}


def show_rows(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table with wrapped cells. For another program, print lines with tabs.

    Args:
        columns: The headings of the columns; no headings are shown if all are empty.
        rows: The cells of each row, one for each column.
    """
    shown = [[printable(cell) for cell in row] for row in rows]
    if not console.is_terminal:
        for row in shown:
            print("\t".join(row))
        return
    table = Table(box=None, header_style="bold", show_header=any(columns), padding=(0, _GAP, 0, 0), pad_edge=False)
    for number, name in enumerate(columns):
        # The first column is the name of the row, and is not wrapped.
        table.add_column(name, overflow="fold", no_wrap=number == 0)
    for row in shown:
        table.add_row(*map(Text, row))
    console.print(table)


def show_json(document: object) -> None:
    """Print a document of JSON on one line."""
    print(json.dumps(document))


def show_counts(circuits: Iterable[CountsView]) -> None:
    """Print the counts of circuits as bars, the most frequent outcomes first."""
    for circuit in circuits:
        if circuit.name is not None:
            console.print(Text(printable(circuit.name), style="bold"), soft_wrap=True)
        if circuit.note is not None:
            console.print(Text(f" {circuit.note}"), soft_wrap=True)
            continue
        lines, left = count_bars(circuit)
        for line in lines:
            console.print(Text(f" {line}"), soft_wrap=True)
        if left:
            console.print(f" and {left:,} outcomes more")


def command_line() -> str:
    """Return the command line of this program for the present folder, as in ``.venv/bin/ibm-circuit-job``.

    If the shell finds the program by its name, the name alone is returned.
    """
    typed = Path(sys.argv[0])
    if typed.name == "__main__.py":
        return f"{_from_here(Path(sys.executable))} -m ibm_circuit_job"
    found = shutil.which(typed.name)
    if found is not None and typed.exists() and Path(found).samefile(typed):
        return typed.name
    return _from_here(typed)


def _from_here(path: Path) -> str:
    """A path, quoted for a shell; relative if it is below the working directory."""
    with suppress(ValueError):
        path = path.absolute().relative_to(Path.cwd())
    return shlex.quote(str(path))
