"""For testing code that uses jobs: a client that plays a script, a model of the service, strategies, laws.

``ScriptedClient``, ``ModelService`` and ``laws`` need nothing more; ``JobLifecycle`` and ``strategies`` need the extra
``testing``.
"""

from typing import Any

from ibm_circuit_job.testing.model_service import ModelService
from ibm_circuit_job.testing.scripted_client import ScriptedClient

__all__ = ["JobLifecycle", "ModelService", "ScriptedClient"]


def __getattr__(name: str) -> Any:
    """Import the state machine, and Hypothesis with it, when it is used."""
    if name == "JobLifecycle":
        from ibm_circuit_job.testing.lifecycle import JobLifecycle  # noqa: PLC0415

        return JobLifecycle
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
