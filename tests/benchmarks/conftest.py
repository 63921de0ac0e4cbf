"""A table of what was measured, at the end of the run: figure, aim, and ratio to a peer where there is one."""

import pytest

_ROWS = []


@pytest.fixture
def report():
    """Note one row for the table."""

    def note(what, figure, aim="", peer=""):
        _ROWS.append((what, figure, aim, peer))

    return note


def pytest_terminal_summary(terminalreporter):
    if not _ROWS:
        return
    terminalreporter.section("what was measured")
    widths = [max(len(row[column]) for row in _ROWS) for column in range(4)]
    for row in _ROWS:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        terminalreporter.write_line("  ".join(cells).rstrip())
