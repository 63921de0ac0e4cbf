"""The table of the README beside the official clients, and docs/testing.md, which names the tests of each row."""

import json
import re

import figures
import pytest
from readme_table import ROOT, column, table
from test_long_waits import INTERVALS, by_interval, by_policy

TESTS = dict(table(ROOT / "docs" / "testing.md", "| row | shown by |"))
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", " ".join(TESTS.values()))))


def test_each_row_names_its_tests():
    assert list(TESTS) == list(column(1))
    assert all("::" in tests or "`make" in tests for tests in TESTS.values())


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_named_test_exists(path, name):
    assert f"def {name}(" in (ROOT / "tests" / path).read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "seconds"), [("1 h", 3600.0), ("1 day", 86_400.0)])
def test_simulated_waits_are_as_the_saved_figures_say(name, seconds):
    runs = 10.0
    ours, _ = by_policy(seconds, runs, 0.5, pushes=False)
    theirs = [by_interval(seconds + runs, INTERVALS[f"qiskit-ibm-{peer}"])[0] for peer in ("provider", "runtime")]
    group = json.loads((ROOT / figures.SAVED).read_text(encoding="utf-8"))["long waits, simulated"]["figures"]
    saved = {figure["what"]: figure for figure in group}[f"requests, wait of {name} by polling"]
    # Those are of waits that are up to a fifth longer or shorter.
    assert [saved[client] for client in ("ours", "provider", "runtime")] == pytest.approx([ours, *theirs], rel=0.2)
