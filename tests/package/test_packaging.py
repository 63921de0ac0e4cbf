"""The package as it is installed."""

import re
import subprocess
import sys
from importlib.metadata import entry_points, metadata, version
from importlib.resources import files

import ibm_circuit_job


def test_installed_version_is_the_version_in_the_code():
    assert version("ibm-circuit-job") == ibm_circuit_job.__version__


def test_type_checkers_are_told_that_there_are_types():
    assert files("ibm_circuit_job").joinpath("py.typed").is_file()


def test_every_public_name_is_there():
    assert all(hasattr(ibm_circuit_job, name) for name in ibm_circuit_job.__all__)


def test_licence_is_apache():
    assert metadata("ibm-circuit-job")["License-Expression"] == "Apache-2.0"


def test_command_is_installed():
    assert [entry.value for entry in entry_points(name="ibm-circuit-job")] == ["ibm_circuit_job.__main__:main"]


def test_pytest_plugin_is_installed():
    entries = entry_points(group="pytest11", name="ibm_circuit_job")
    assert [entry.value for entry in entries] == ["ibm_circuit_job.testing.pytest_plugin"]


def test_import_loads_none_of_the_extras():
    program = (
        "import sys, ibm_circuit_job;"
        "extras = {'hypothesis', 'libcst', 'matplotlib', 'pandas', 'pyarrow', 'qiskit_aer', 'rich', 'sqlalchemy', "
        "'starlette', 'typer', 'uvicorn'};"
        "print(sorted(extras & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


WITHOUT_EXTRAS = """
import runpy, sys
sys.modules.update(dict.fromkeys(["platformdirs", "rich", "sqlalchemy", "typer"]))
for call in (
    lambda: runpy.run_module("ibm_circuit_job", run_name="__main__"),
    lambda: __import__("ibm_circuit_job").IBMProvider.local(),
    lambda: __import__("ibm_circuit_job").JobStore(),
):
    try:
        call()
    except (Exception, SystemExit) as error:
        print(error)
"""


def test_what_needs_an_extra_says_which():
    done = subprocess.run([sys.executable, "-c", WITHOUT_EXTRAS], capture_output=True, text=True, check=True)
    named = re.findall(r"install (ibm-circuit-job\[\S+\])", done.stdout)
    assert named == [f"ibm-circuit-job[{extra}]" for extra in ("cli,local", "local", "store")]
