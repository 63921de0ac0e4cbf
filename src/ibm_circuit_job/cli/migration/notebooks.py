"""Rewrites notebooks: the cells of code together are one program. The rest of the file is unchanged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from attrs import evolve, frozen

from ibm_circuit_job.cli.migration.remarks import Migrated, Remark
from ibm_circuit_job.cli.migration.rewriting import migrated_cells

_MAGIC: Final = re.compile(r"^(?P<indent>[ \t]*)(?P<magic>[%!?].*|[\w.]+\?{1,2}[ \t]*)$")
_ASSIGNED: Final = re.compile(r"^[ \t]*[\w, ]+=[ \t]*[%!]")
_STAND_IN: Final = "pass;ibm_circuit_job_magic_{}"
_OTHER_LANGUAGES: Final = re.compile(
    r"%%(bash|cmd|html|HTML|javascript|js|latex|markdown|perl|ruby|script|sh|svg|SVG|writefile|file|cython)\b"
)
_QISKIT_MAGIC: Final = re.compile(r"%%?qiskit_(?!copyright|version_table)\w+")


@frozen
class Cell:
    """A cell of code before and after the change."""

    number: int
    """The number of the cell, from 1; cells of text are counted, too."""
    before: str
    after: str


@frozen
class Notebook:
    """A rewritten notebook."""

    migrated: Migrated
    cells: tuple[Cell, ...] = ()
    """The changed cells."""


def migrated_notebook(source: str, *, backend: str | None = None) -> Notebook:
    r"""Return a rewritten notebook, with remarks about its cells.

    Args:
        source: The JSON of the file.
        backend: As for :func:`~ibm_circuit_job.cli.migration.rewriting.migrated`.

    Raises:
        ValueError: If it is no notebook, or a cell is no Python; the message says which.

    Example:
        >>> import json
        >>> source = ["%matplotlib inline\n", "from qiskit_ibm_provider import IBMProvider"]
        >>> cell = {"cell_type": "code", "source": source}
        >>> done = migrated_notebook(json.dumps({"cells": [cell], "nbformat": 4}))
        >>> print(done.cells[0].after)
        %matplotlib inline
        from ibm_circuit_job import IBMProvider
    """
    try:
        document = json.loads(source)
        cells = list(_code_cells(document))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"expected the JSON of a notebook: {error}") from None
    texts: list[str] = []
    magics: list[str] = []
    remarks: list[Remark] = []
    for number, cell in cells:
        text, said = _without_magics(_text(cell["source"]), magics)
        remarks += (evolve(each, cell=number) for each in said)
        texts.append(text)
    try:
        done = migrated_cells(texts, backend=backend)
    except ValueError as error:
        # The number in the error counts cells of code alone.
        message = re.sub(r"^text (\d+)", lambda found: f"cell {cells[int(found[1]) - 1][0]}", str(error))
        raise ValueError(message) from None
    changed = []
    for (number, cell), (text, said) in zip(cells, done, strict=True):
        before, after = _text(cell["source"]), _with_magics(text, magics)
        remarks += (evolve(each, cell=number) for each in said)
        if after != before:
            changed.append(Cell(number, before, after))
            cell["source"] = after.splitlines(keepends=True) if isinstance(cell["source"], list) else after
    if not changed:
        return Notebook(Migrated(source, tuple(remarks)))
    indent = re.match(r"\{\n( +)", source)
    text = json.dumps(document, indent=len(indent[1]) if indent else None, ensure_ascii=False)
    ending = "\n" if source.endswith("\n") else ""
    return Notebook(Migrated(text + ending, tuple(remarks)), tuple(changed))


def _code_cells(document: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, cell in enumerate(document["cells"], 1):
        if cell["cell_type"] == "code" and not _OTHER_LANGUAGES.match(_text(cell["source"]).lstrip()):
            yield number, cell


def _text(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)


def _without_magics(text: str, magics: list[str]) -> tuple[str, list[Remark]]:
    """The text of a cell, with a placeholder for each line that only IPython understands. The lines go to a list."""
    lines: list[str] = []
    remarks: list[Remark] = []
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        bare = line.rstrip("\r\n")
        found = _MAGIC.match(bare)
        if found is None and _ASSIGNED.match(bare):
            found = re.match(r"(?P<indent>[ \t]*)(?P<magic>.*)", bare)
        if found is None:
            lines.append(line)
            continue
        magic = found["magic"]
        if ended := _QISKIT_MAGIC.match(magic):
            remarks.append(Remark(number, f"{ended[0]} is left out: the widgets of qiskit.tools ended", is_left=False))
            magic = f"# {magic}"
        lines.append(f"{found['indent']}{_STAND_IN.format(len(magics))}{line[len(bare) :]}")
        magics.append(magic)
    return "".join(lines), remarks


def _with_magics(text: str, magics: list[str]) -> str:
    stand_in = re.compile(re.escape(_STAND_IN).replace(r"\{\}", r"(\d+)"))
    return stand_in.sub(lambda found: magics[int(found[1])], text)
