"""What is printed on a terminal, or for another program: one console, and texts that a terminal does not act on."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Final, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

console: Final = Console(highlight=False)
"""Where commands print."""


def printable(text: str) -> str:
    r"""Return a text on one line, with what a terminal would act on escaped.

    Example:
        >>> print(printable("a\\tb"))
        a\tb
    """
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def fail(message: str) -> NoReturn:
    """Print what went wrong on the error output, in one line, and exit with the code 1."""
    Console(stderr=True, highlight=False).print(Text(printable(message), style="red"), soft_wrap=True)
    raise typer.Exit(1)


def warn(message: str) -> None:
    """Print a warning on the error output, in one line."""
    Console(stderr=True, highlight=False).print(Text(printable(message), style="yellow"), soft_wrap=True)


def can_ask() -> bool:
    """Return whether the input is a terminal, so that a question has an answer."""
    return sys.stdin.isatty()


def show_rows(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on a terminal, and lines with tabs, without the heads of the columns, for another program.

    Args:
        columns: The heads of the columns.
        rows: The texts of each row, as many as columns.
    """
    shown = [[printable(cell) for cell in row] for row in rows]
    if not console.is_terminal:
        for row in shown:
            print("\t".join(row))
        return
    table = Table(box=None, header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in shown:
        table.add_row(*map(Text, row))
    console.print(table, soft_wrap=True)
