"""``ibm-circuit-job migrate``: programs and notebooks of 2018 to 2024, rewritten for this package."""

from __future__ import annotations

import difflib
import io
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from attrs import frozen

from ibm_circuit_job.cli import exit_codes, terminal
from ibm_circuit_job.cli.migration.remarks import Remark

_SKIPPED: Final = frozenset({"node_modules", "site-packages", "venv", "__pycache__"})


def migrate(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Programs (.py), notebooks (.ipynb), or folders of them.")
    ],
    write: Annotated[
        bool, typer.Option("--write", help="Write the files; without it, the changes are only shown.")
    ] = False,
    backend: Annotated[str | None, typer.Option(help="The backend that replaces retired devices.")] = None,
) -> None:
    """Rewrite programs for qiskit-ibm-provider, IBMQ and Qiskit before 1.0 for this package.

    The changes are printed as a unified diff. The error output lists the lines whose meaning has changed, and the lines
    that must be changed by hand. Exit codes: 0 done, 1 a file could not be read or written, 2 wrong usage, 6 some lines
    must be changed by hand.

    Example: ibm-circuit-job migrate notebooks/ --write
    """
    files = list(_files(paths))
    if not files:
        terminal.fail("expected programs (.py), notebooks (.ipynb), or folders of them", exit_codes.USAGE)
    has_failed = is_left = False
    for file in files:
        try:
            done = _migrated(file, backend)
            if write and done.after != done.before:
                file.write_bytes(done.after)
        except (OSError, ValueError, SyntaxError) as error:
            terminal.warn(f"{file}: {error}")
            has_failed = True
            continue
        for line in done.diff:
            # Unchanged in a file, so that the program patch can read the diff.
            print(terminal.printable(line) if terminal.console.is_terminal else line)
        for remark in done.remarks:
            is_left = is_left or remark.is_left
            say = terminal.warn if remark.is_left else terminal.note
            say(f"{file}:{remark.place}: {'change by hand: ' if remark.is_left else ''}{remark.text}")
    if has_failed or is_left:
        raise typer.Exit(exit_codes.FAILED if has_failed else exit_codes.LEFT_TO_CHANGE)


@frozen
class _Done:
    """A rewritten file, with the changes and the remarks."""

    before: bytes
    after: bytes
    diff: tuple[str, ...]
    remarks: tuple[Remark, ...]


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """The given programs and notebooks, and those in the given folders, without hidden files and installed packages."""
    for path in paths:
        if not path.exists():
            terminal.fail(f"expected a program, a notebook or a folder; {path} does not exist", exit_codes.USAGE)
        if not path.is_dir():
            if path.suffix not in {".py", ".ipynb"}:
                terminal.fail(f"expected a program (.py) or a notebook (.ipynb), got {path}", exit_codes.USAGE)
            yield path
            continue
        for found in sorted(path.rglob("*")):
            inside = found.relative_to(path).parts
            is_hidden = any(part.startswith(".") or part in _SKIPPED for part in inside)
            if found.suffix in {".py", ".ipynb"} and found.is_file() and not is_hidden:
                yield found


def _migrated(file: Path, backend: str | None) -> _Done:
    try:
        from ibm_circuit_job.cli.migration import notebooks, rewriting  # noqa: PLC0415 - the extra may not be there
    except ModuleNotFoundError as missing:
        if missing.name != "libcst":
            raise
        terminal.fail("migrate needs libcst: install ibm-circuit-job[migrate]")
    before = file.read_bytes()
    if file.suffix == ".ipynb":
        notebook = notebooks.migrated_notebook(before.decode("utf-8"), backend=backend)
        diff = [
            line for cell in notebook.cells for line in _diff(cell.before, cell.after, f"{file} cell {cell.number}")
        ]
        return _Done(before, notebook.migrated.text.encode(), tuple(diff), notebook.migrated.remarks)
    encoding, _ = tokenize.detect_encoding(io.BytesIO(before).readline)
    text = before.decode(encoding)
    done = rewriting.migrated(text, backend=backend)
    return _Done(before, done.text.encode(encoding), tuple(_diff(text, done.text, str(file))), done.remarks)


def _diff(before: str, after: str, name: str) -> Iterator[str]:
    return difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"a/{name.lstrip('/')}", f"b/{name.lstrip('/')}", lineterm=""
    )
