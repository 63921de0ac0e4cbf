"""Borders that import-linter cannot see."""

import ast
from pathlib import Path

import pytest

import ibm_circuit_job

STATE = sorted((Path(ibm_circuit_job.__file__).parent / "state").glob("*.py"))
ALLOWED = {"qiskit.exceptions", "qiskit.providers.exceptions", "qiskit.providers.jobstatus"}


@pytest.mark.parametrize("path", STATE, ids=lambda path: path.name)
def test_core_imports_only_status_and_exceptions_of_qiskit(path):
    """Of what is imported with the module; what a function imports when it is called may be more."""
    module = ast.parse(path.read_text())
    imported = {node.module for node in module.body if isinstance(node, ast.ImportFrom)}
    imported |= {name.name for node in module.body if isinstance(node, ast.Import) for name in node.names}
    assert {name for name in imported if name and name.startswith("qiskit")} <= ALLOWED
