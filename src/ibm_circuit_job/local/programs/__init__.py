"""The programs of the local service, a module each.

A program is a function from a task to its outcome. Its module is imported when its first job is executed, in the worker
process alone: IBM's models and samplomatic take a second to import.
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
"""Name -> module. Which of them a dialect offers, ``programs`` of ``platform_api`` and of ``legacy_api`` say.

``showing`` cannot be submitted: the page of the service asks for it.
"""


def run_of(program: str) -> Callable[[Any], Any]:
    """Return the function that runs the jobs of a program.

    Raises:
        KeyError: If the service has no such program.
    """
    run: Callable[[Any], Any] = import_module(f"{__name__}.{PROGRAMS[program]}").run
    return run
