"""The table of the README beside the official clients, and docs/peers.md, which names the tests of each row."""

import re

import pytest
from readme_table import ROOT, column, table
from test_long_waits import INTERVALS, by_interval, by_policy

TESTS = dict(table(ROOT / "docs" / "peers.md", "| row | shown by |"))
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", " ".join(TESTS.values()))))


def test_each_row_names_its_tests():
    assert list(TESTS) == list(column(1))
    assert all("::" in tests or "`make" in tests for tests in TESTS.values())


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_named_test_exists(path, name):
    assert f"def {name}(" in (ROOT / "tests" / path).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("row", "seconds"),
    [
        ("requests in a wait of an hour by polling, simulated", 3600.0),
        ("requests in a wait of a day by polling, simulated", 86_400.0),
    ],
)
def test_simulated_waits_are_as_the_table_says(row, seconds):
    runs = 10.0
    ours, _ = by_policy(seconds, runs, 0.5, pushes=False)
    theirs = [by_interval(seconds + runs, INTERVALS[f"qiskit-ibm-{peer}"])[0] for peer in ("provider", "runtime")]
    said = [int(column(number)[row].replace(",", "")) for number in (1, 2, 3)]
    assert said == pytest.approx([ours, *theirs], rel=0.02)
