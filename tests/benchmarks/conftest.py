"""What a benchmark reports, gathered for one table at the end of the run and for ``.benchmarks/latest.json``.

A module reports its figures in ``benchmark.extra_info["figures"]``, a list of dictionaries. The fixture ``report``
appends one. The group of the benchmark (``@pytest.mark.benchmark(group=...)``) is the group of its figures.

Needed of each figure:

- ``what``: what was measured, a short text, different within the group.
- ``ours``: what it came to with this library, a number.

Where they apply:

- ``unit``: the unit of the numbers: ``"ms"``, ``"requests"``, ``"x the body"``.
- ``provider``, ``runtime``: the same figure of ``qiskit-ibm-provider`` and of ``qiskit-ibm-runtime``, in the same unit.
- ``more_is_better``: true of a rate, such as requests answered in a second. The ratio is then the other way round.
- ``aim``: what the figure should be, a text; it is printed, and is no part of the documentation.
- ``note``: what else a reader should know, a text: ``"2.1 x one raw pass"``.
- ``headline``: true of a figure that the README shows.

The ratio is worked out from the numbers: how many times as much an official client takes as this library.
"""

import os
from datetime import UTC, datetime

import figures
import pytest

_GROUPS = {}


@pytest.fixture
def report(benchmark):
    """Add a figure to those of the benchmark; keyword arguments are the fields named at the top of this file."""

    def add(what, ours, unit="", **fields):
        listed = benchmark.extra_info.setdefault("figures", [])
        listed.append({"what": what, "ours": ours, "unit": unit, **fields})

    return add


@pytest.fixture(autouse=True)
def _gathered(request):
    """Take over the figures of a benchmark that has ended, whatever its module is."""
    if "benchmark" not in request.fixturenames:
        yield
        return
    benchmark = request.getfixturevalue("benchmark")
    began = {"measured": f"{datetime.now(UTC):%Y-%m-%d}", "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    yield
    found = benchmark.extra_info.get("figures", [])
    if found:
        group = _GROUPS.setdefault(benchmark.group or request.module.__name__, {**began, "figures": []})
        group["figures"] += [figures.checked(figure) for figure in found]


def pytest_terminal_summary(terminalreporter, config):
    """Print the one table, and write the figures for ``make bench-tables``."""
    if not _GROUPS:
        return
    file = config.rootpath / figures.LATEST
    file.parent.mkdir(exist_ok=True)
    file.write_text(figures.as_json(_GROUPS), encoding="utf-8")
    terminalreporter.section(f"what was measured, written to {figures.LATEST}")
    for line in figures.text_table(_GROUPS):
        terminalreporter.write_line(line)
