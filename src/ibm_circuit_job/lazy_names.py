"""lazy_names: names of a package that are imported when they are first used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any


def lazy_names(
    package: str,
    *,
    modules: Collection[str] = (),
    module_of: Mapping[str, str] | None = None,
    extra_of: Mapping[str, str] | None = None,
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a ``__getattr__`` and a ``__dir__`` for a package. They import a name when it is first used.

    For type checkers, the package imports the names under ``TYPE_CHECKING``.

    Args:
        package: The package's ``__name__``.
        modules: Names of modules of the package, which are names of the package.
        module_of: Name -> the module of the package that defines it.
        extra_of: Name -> the extra that it needs; the ``ImportError`` names it.

    Example:
        >>> get, names = lazy_names("ibm_circuit_job.wire", modules=["documents"])
        >>> get("documents").__name__, "documents" in names()
        ('ibm_circuit_job.wire.documents', True)
        >>> get("nothing")
        Traceback (most recent call last):
        ...
        AttributeError: module 'ibm_circuit_job.wire' has no attribute 'nothing'
    """
    listed, extras = module_of or {}, extra_of or {}

    def get(name: str) -> Any:
        if name in modules:
            return import_module(f"{package}.{name}")
        if name not in listed:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            found = getattr(import_module(f"{package}.{listed[name]}"), name)
        except ImportError as missing:
            if name not in extras:
                raise
            raise ImportError(f"{name} needs {missing.name}: install ibm-circuit-job[{extras[name]}]") from None
        vars(sys.modules[package])[name] = found
        return found

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *modules, *listed})

    return get, names
