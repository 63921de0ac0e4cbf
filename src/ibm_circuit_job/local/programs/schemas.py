"""Finds the version of IBM's published models that a job uses."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType
from typing import Any

from ibm_circuit_job.local.programs.refusals import CannotRun


def schema_of(package: ModuleType, version: object) -> Any:
    """Return the module with the models of one version.

    Args:
        package: The package of a program, such as ``ibm_quantum_schemas.executor``.
        version: The version, as in ``v2.0``.

    Raises:
        CannotRun: If there is no such version.
    """
    # The module of v2.0 has the name version_2_0.
    names = [each.name for each in pkgutil.iter_modules(package.__path__) if each.name.startswith("version_")]
    known = {"v" + name.removeprefix("version_").replace("_", "."): name for name in names}
    if not isinstance(version, str) or version not in known:
        raise CannotRun(f"schema_version: expected one of {', '.join(sorted(known))}, got {version!r}.")
    return import_module(f"{package.__name__}.{known[version]}")
