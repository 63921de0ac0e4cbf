"""The page of public names, compared with what the modules say of themselves."""

import importlib
import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "public_names.md").read_text()
SECTIONS = dict(re.findall(r"^## `([\w.]+)`\n\n(.*?)\.\n", PAGE, re.MULTILINE | re.DOTALL))
MODULES = re.findall(r"^\| `([\w.]+)` \|", PAGE, re.MULTILINE)


def test_the_page_has_the_modules_that_users_import():
    assert set(SECTIONS) == {f"ibm_circuit_job{room}" for room in ("", ".clients", ".local", ".testing")}
    assert {"ibm_circuit_job.effects", "ibm_circuit_job.errors", "ibm_circuit_job.state.waiting"} <= set(MODULES)


@pytest.mark.parametrize("name", SECTIONS)
def test_the_page_lists_what_the_module_lists(name):
    listed = re.findall(r"`(\w+)`", SECTIONS[name])
    assert sorted(listed) == sorted(importlib.import_module(name).__all__)
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_that_is_public_as_a_whole_is_there(name):
    assert importlib.import_module(name).__doc__


def test_the_store_is_public_though_it_needs_an_extra():
    package = importlib.import_module("ibm_circuit_job")
    assert "`JobStore`" in PAGE
    assert "JobStore" not in package.__all__
    assert package.JobStore.__name__ == "JobStore"


def test_plots_are_public_though_they_need_an_extra():
    package = importlib.import_module("ibm_circuit_job")
    for name in ("plot_timeline", "plot_usage"):
        assert f"`{name}`" in PAGE
        assert name not in package.__all__
        assert getattr(package, name).__name__ == name


def test_how_a_store_writes_has_a_public_name():
    store = importlib.import_module("ibm_circuit_job.store")
    assert "`Writing` of `ibm_circuit_job.store`" in PAGE
    assert "Writing" in store.__all__
    assert {how.name for how in store.Writing} == {"SYNCED", "AT_ONCE", "SOON"}


def test_names_of_the_waiting_policy_are_there():
    row = next(line for line in PAGE.splitlines() if "state.waiting" in line)
    waiting = importlib.import_module("ibm_circuit_job.state.waiting")
    assert all(hasattr(waiting, name) for name in re.findall(r"`(\w+)`", row))
