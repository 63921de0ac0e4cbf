"""The table of the README, in which this library stands beside the official clients."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def table(path, head):
    """The rows of the table that has a line with some text as its head; each is a list of cells."""
    lines = path.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(head))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def column(number):
    """The cells of a column by row: 1 is ours, 2 that of qiskit-ibm-provider, 3 that of qiskit-ibm-runtime."""
    return {row[0]: row[number] for row in table(ROOT / "README.md", "| what | ibm-circuit-job")}


def shown(cells):
    """Of cells by row, those that say yes or no, as booleans."""
    return {row: cell == "yes" for row, cell in cells.items() if cell in {"yes", "no"}}
