"""Threads: locks for each process of a fork, effects in the background, calls with a deadline, the steps of a wait.

The module ``following`` is imported at its first use.
"""

from typing import TYPE_CHECKING, Final

from ibm_circuit_job.lazy_names import lazy_names

_MODULES: Final = frozenset({"following"})

if TYPE_CHECKING:
    from ibm_circuit_job.threads import following as following
else:
    __getattr__, __dir__ = lazy_names(__name__, modules=_MODULES)
