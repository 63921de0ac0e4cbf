"""The programs of the local service: one module for each.

A program is a function from a task to its outcome. Only worker processes import its module, with its first job, since
IBM's models and samplomatic take a second to import.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

PROGRAMS: Final[Mapping[str, str]] = {
    "circuit-runner": "circuit_runner",
    "qasm3-runner": "circuit_runner",
    "sampler": "sampler",
    "estimator": "estimator",
    "executor": "executor",
    "noise-learner": "noise_learner",
    "noise-learner-v3": "noise_learner",
    "showing": "showing",
}
"""Name -> module. The attributes ``programs`` in ``platform_api`` and ``legacy_api`` say which ones an API accepts.

Clients cannot submit jobs of ``showing``; only the page of the service uses it.
"""


def run_of(program: str) -> Callable[[Any], Any]:
    """Return the function that runs the jobs of a program.

    Args:
        program: The name of the program.

    Raises:
        KeyError: If the service has no such program.
    """
    run: Callable[[Any], Any] = import_module(f"{__name__}.{PROGRAMS[program]}").run
    return run
