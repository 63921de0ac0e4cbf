"""The package as it is installed."""

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
    assert [entry.value for entry in entry_points(name="ibm-circuit-job")] == ["ibm_circuit_job.cli:main"]


def test_import_loads_none_of_the_extras():
    program = (
        "import sys, ibm_circuit_job;"
        "extras = {'hypothesis', 'pebble', 'qiskit_aer', 'rich', 'sqlalchemy', 'starlette', 'typer', 'uvicorn'};"
        "print(sorted(extras & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
