"""What is printed on a terminal, or for another program: one console, and texts that a terminal does not act on."""

from __future__ import annotations

from typing import Final, NoReturn

import typer
from rich.console import Console
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
