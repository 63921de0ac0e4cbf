"""Threads: locks that a fork has of its own, effects in the background, and the steps of a wait.

``following`` is loaded when it is first used.
"""

from typing import TYPE_CHECKING, Final

from ibm_circuit_job.lazy_names import lazy_names

_MODULES: Final = frozenset({"following"})

if TYPE_CHECKING:
    from ibm_circuit_job.threads import following as following
else:
    __getattr__, __dir__ = lazy_names(__name__, modules=_MODULES)
