"""Every example that a reader may copy runs: in the README, in docs/, and in the docstrings."""

import contextlib
import doctest
import importlib
import io
import logging
import re
from pathlib import Path

import pytest
import qiskit
from hypothesis import HealthCheck, settings
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

import ibm_circuit_job
from ibm_circuit_job.local import LocalService

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
WITH_OUTPUT = [README, *(ROOT / "docs" / f"{name}.md" for name in ("tutorial", "offline"))]
"""Documents in which a block of text after one of Python is what that prints."""

DOCUMENTS = [README, *sorted((ROOT / "docs").glob("*.md"))]
# By their files, of which half have no example: each worker collects the tests, and need not import all modules.
SOURCES = Path(ibm_circuit_job.__file__).parent
MODULES = sorted(
    ".".join(file.relative_to(SOURCES.parent).with_suffix("").parts).removesuffix(".__init__")
    for file in SOURCES.rglob("*.py")
    if file.name != "__main__.py" and file != SOURCES / "__init__.py" and ">>>" in file.read_text("utf-8")
)


@pytest.fixture(autouse=True)
def no_hurry():
    """Examples that use Hypothesis need not be fast: machines are noisy."""
    usual = settings.get_current_profile_name()
    settings.register_profile("documents", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("documents")
    yield
    settings.load_profile(usual)


@pytest.fixture(autouse=True)
def no_other_plugins(monkeypatch):
    """An example runs pytest; the plugin of schemathesis takes longer to load than its tests take."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:schemathesis")


@pytest.fixture(autouse=True)
def same_levels():
    """Examples may set levels of the log, and give it a handler."""
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in ("ibm_circuit_job", "urllib3")}
    handlers = list(root.handlers)
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    root.handlers[:] = handlers


@pytest.fixture(scope="module")
def hardware():
    """A service that has a device ``ibm_fez`` of five qubits, in the place of IBM's."""
    from qiskit.providers.fake_provider import GenericBackendV2  # noqa: PLC0415 - loads the transpiler

    device = GenericBackendV2(5, basis_gates=["cz", "id", "rz", "sx", "x"], seed=1)
    device.name = "ibm_fez"
    with LocalService(devices=["local_simulator", device]) as service:
        yield service


@pytest.fixture
def account(hardware, tmp_path, monkeypatch):
    """Have ``IBMProvider()`` find an account, as after ``ibm-circuit-job login``, and ``JobStore()`` an empty file."""
    for name, value in hardware.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("IBM_CIRCUIT_JOB_STORE", str(tmp_path / "jobs.sqlite"))


def parsed(path, *parsers):
    sybil = Sybil(parsers=[PythonCodeBlockParser(), *parsers], path=str(path.parent), filenames=[path.name])
    return sybil.parse(path)


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path not in WITH_OUTPUT], ids=lambda path: path.name)
def test_examples_of_the_document_run(path):
    for example in parsed(path).examples():
        example.evaluate()


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("path", WITH_OUTPUT, ids=lambda path: path.name)
def test_examples_print_what_the_document_shows(path):
    """But for numbers, IDs and the order of outcomes."""
    said, compared = "", 0

    def compare(example):
        assert without_figures(said) == without_figures(str(example.parsed))

    for example in parsed(path, CodeBlockParser("text", compare)).examples():
        if example.region.evaluator is compare:
            example.evaluate()
            compared += 1
            continue
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            example.evaluate()
        said = printed.getvalue()
    assert compared


def without_figures(text):
    text = re.sub(r"\{'[01]+'.*\}", "COUNTS", text.strip())
    text = re.sub(r"'[0-9a-f]{20}'", "ID", text)
    return re.sub(r"\d+", "N", text)


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_docstrings_run(name):
    """They import whatever the module does not define itself, as a reader who copies them has to."""
    module = importlib.import_module(name)
    defined = {known: value for known, value in vars(module).items() if getattr(value, "__module__", None) == name}
    runner = doctest.DocTestRunner()
    for test in doctest.DocTestFinder().find(module, globs={"__name__": name} | defined):
        # Six of seven docstrings have no example, and to run each takes as long as to run a short one.
        if test.examples:
            runner.run(test)
    assert runner.failures == 0


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("number", [0, 1], ids=["hardware", "local"])
def test_example_of_the_readme_runs_alone(number):
    document = parsed(README)
    list(document.examples())[number].evaluate()
    assert sum(document.namespace["counts"].values()) == 1000
    assert document.namespace["counts"]["00"] > 400


def test_files_that_the_readme_names_exist():
    named = re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8"))
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_no_document_says_that_the_package_is_published():
    said = [path.name for path in DOCUMENTS if re.search(r"pip install \S*ibm-circuit-job", path.read_text("utf-8"))]
    assert said == []


def test_qiskit_is_the_one_that_the_readme_says_we_run_on():
    assert int(qiskit.__version__.split(".")[0]) == 2
