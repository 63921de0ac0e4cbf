"""Every example that a reader may copy runs: in the README, in docs/, and in the docstrings."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest
import qiskit
from hypothesis import HealthCheck, settings
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

import ibm_circuit_job

ROOT = Path(__file__).parents[2]

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(ibm_circuit_job.__path__, "ibm_circuit_job.")
    if not module.name.endswith("__main__")
)


@pytest.fixture(autouse=True)
def no_hurry():
    """Examples that use Hypothesis need not be fast: machines are noisy."""
    usual = settings.get_current_profile_name()
    settings.register_profile("documents", suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("documents")
    yield
    settings.load_profile(usual)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_examples_of_the_document_run(path):
    sybil = Sybil(parsers=[PythonCodeBlockParser()], path=str(path.parent), filenames=[path.name])
    for example in sybil.parse(path).examples():
        example.evaluate()


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_docstrings_run(name):
    """They import whatever the module does not define itself, as a reader who copies them has to."""
    module = importlib.import_module(name)
    defined = {known: value for known, value in vars(module).items() if getattr(value, "__module__", None) == name}
    assert doctest.testmod(module, globs={"__name__": name} | defined).failed == 0


def test_readme_has_an_example_that_shows_counts():
    sybil = Sybil(parsers=[PythonCodeBlockParser()], path=str(ROOT), filenames=["README.md"])
    document = sybil.parse(ROOT / "README.md")
    first = next(iter(document.examples()))
    first.evaluate()
    assert set(document.namespace["counts"]) == {"00", "11"}
    assert sum(document.namespace["counts"].values()) == 1000


def test_qiskit_is_the_one_that_the_readme_says_we_run_on():
    assert int(qiskit.__version__.split(".")[0]) == 2
