"""The figures of benchmarks, checked, as JSON, as text and as Markdown. What a figure is, ``conftest`` says.

Run as a program, by ``make bench-tables``: copies the groups of the last run to ``docs/benchmarks.json``, and writes
the tables of the documents from that file. A table stands between two comments of Markdown,
``<!-- begin: GROUP, written by make bench-tables -->`` and ``<!-- end: GROUP -->``. The group ``headlines`` has the
figures of all groups that are marked so.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LATEST = ".benchmarks/latest.json"
"""The figures of the last run, all groups that it measured."""
SAVED = "docs/benchmarks.json"
"""The figures of which the tables of the documents are made; each group says when it was measured."""
DOCUMENTS = ("README.md", "docs/performance.md")
"""The documents that may have tables."""
CLIENTS = {"provider": "qiskit-ibm-provider", "runtime": "qiskit-ibm-runtime"}
HEADLINES = "headlines"
FIELDS = {
    "what": str,
    "ours": float,
    "unit": str,
    "provider": float,
    "runtime": float,
    "more_is_better": bool,
    "aim": str,
    "note": str,
    "headline": bool,
}
_TABLE = re.compile(
    r"(<!-- begin: (?P<group>[^>]+), written by make bench-tables -->\n).*?(?=<!-- end: (?P=group) -->)", re.DOTALL
)


def checked(figure):
    """Return a figure with numbers of four digits, and without the fields that are ``None`` or empty.

    Raises:
        ValueError: If a field is missing, of another type, or not one of those that ``conftest`` names.
    """
    given = {name: value for name, value in figure.items() if value is not None and value != ""}
    # What numpy has is no number of Python, and JSON has no form for it.
    given |= {
        name: float(f"{value:.4g}")
        for name, value in given.items()
        if hasattr(value, "__float__") and not isinstance(value, bool)
    }
    if not {"what", "ours"} <= given.keys() or any(not isinstance(given[name], FIELDS.get(name, ())) for name in given):
        raise ValueError(f"expected a figure with what and ours, and fields of {[*FIELDS]}, got {figure!r}")
    return given


def as_json(groups):
    """Return groups of figures as JSON, of which two runs can be compared line by line."""
    return json.dumps(groups, indent=1, ensure_ascii=False) + "\n"


def number(value):
    """Return a number as tables show it: two digits below ten, three below a hundred, else whole.

    >>> [number(each) for each in (0.2468, 4.62, 16.64, 0, 1052.4)]
    ['0.25', '4.6', '16.6', '0', '1,052']
    """
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.3g}" if size >= 10 else f"{value:.2g}"


def shown(value, unit):
    return "" if value is None else f"{number(value)} {unit}".rstrip()


def ratios(figure):
    """Return how many times as much each official client takes as this library: client -> ratio."""
    found = {}
    for client in CLIENTS:
        theirs, ours = figure.get(client), figure["ours"]
        if theirs is not None and theirs and ours:
            found[client] = ours / theirs if figure.get("more_is_better") else theirs / ours
    return found


def cells(figure, *, with_aim):
    """Return a figure as the cells of a row: what, ours, provider, runtime, ratio, note."""
    unit, found = figure.get("unit", ""), ratios(figure)
    several = len(found) > 1
    ratio = ", ".join(f"{number(each)}{f' ({client})' if several else ''}" for client, each in found.items())
    aim = f"aim {figure['aim']}" if with_aim and figure.get("aim") else ""
    note = "; ".join(part for part in (figure.get("note", ""), aim) if part)
    return [figure["what"], *(shown(figure.get(name), unit) for name in ("ours", *CLIENTS)), ratio, note]


HEAD = ["what", "ours", *CLIENTS, "ratio", "note"]


def text_table(groups):
    """Return the lines of one table of all groups."""
    rows = {name: [cells(figure, with_aim=True) for figure in group["figures"]] for name, group in groups.items()}
    every = [HEAD, *(row for listed in rows.values() for row in listed)]
    widths = [max(len(row[column]) for row in every) for column in range(len(HEAD))]

    def line(row):
        first, *rest, note = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        return "  ".join((first.strip().ljust(widths[0]), *rest, note.strip())).rstrip()

    lines = [line(HEAD)]
    for name, listed in rows.items():
        lines += ["", f"{name}:", *map(line, listed)]
    return lines


def markdown_table(figures):
    """Return a table of some figures as Markdown, without the columns that would be empty."""
    names = ["what", "this library", *(f"`{client}`" for client in CLIENTS.values()), "ratio", "note"]
    rows = [cells(figure, with_aim=False) for figure in figures]
    full = [column for column in range(len(names)) if column < 2 or any(row[column] for row in rows)]
    head = [names, ["---"] * len(names)]
    lines = ["".join(f"| {row[column]} ".replace("|  ", "| ") for column in full) for row in (*head, *rows)]
    return "".join(f"{line}|\n" for line in lines)


def with_tables(text, groups):
    """Return a document with its tables made of some groups.

    Raises:
        ValueError: If the document has the table of a group that was not measured.
    """

    def table(match):
        name = match["group"]
        if name == HEADLINES:
            listed = [figure for group in groups.values() for figure in group["figures"] if figure.get("headline")]
        elif name in groups:
            listed = groups[name]["figures"]
        else:
            raise ValueError(f"{SAVED} has no group {name!r}; run make bench, then make bench-tables")
        return f"{match[1]}\n{markdown_table(listed)}\n"

    return _TABLE.sub(table, text)


def main():
    """Copy the figures of the last run, and write the tables."""
    latest, saved = ROOT / LATEST, ROOT / SAVED
    groups = json.loads(saved.read_text(encoding="utf-8")) if saved.exists() else {}
    if latest.exists():
        groups |= json.loads(latest.read_text(encoding="utf-8"))
    saved.write_text(as_json(dict(sorted(groups.items()))), encoding="utf-8")
    for name in DOCUMENTS:
        document = ROOT / name
        document.write_text(with_tables(document.read_text(encoding="utf-8"), groups), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
