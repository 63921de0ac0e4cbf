"""Names of a package that are imported when they are first used; the one ``__getattr__`` of all rooms."""

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
    """Return the ``__getattr__`` and the ``__dir__`` of a package, which import a name when it is first used.

    Type checkers are to see imports instead, under ``TYPE_CHECKING``.

    Args:
        package: The package's ``__name__``.
        modules: The modules of it that are names of it themselves.
        module_of: Name -> the module of the package that has it.
        extra_of: Name -> the extra without which it cannot be imported; the ``ImportError`` says so.

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
