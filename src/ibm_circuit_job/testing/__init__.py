"""Tools to test code that uses jobs: a scripted client, a model of the service, Hypothesis strategies, and laws.

``ScriptedClient``, ``ModelService`` and ``laws`` need no extra. ``JobLifecycle`` and ``strategies`` need the extra
``testing``. The fixtures of ``pytest_plugin`` need the extra ``local``. Every run of pytest imports this package for
its plugin, so the import must be fast.
"""

from typing import TYPE_CHECKING

from ibm_circuit_job.lazy_names import lazy_names

__all__ = ["JobLifecycle", "ModelService", "ScriptedClient"]


if TYPE_CHECKING:
    from ibm_circuit_job.testing.lifecycle import JobLifecycle
    from ibm_circuit_job.testing.model_service import ModelService
    from ibm_circuit_job.testing.scripted_client import ScriptedClient
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        module_of={
            "JobLifecycle": "lifecycle",
            "ModelService": "model_service",
            "ScriptedClient": "scripted_client",
        },
        extra_of={"JobLifecycle": "testing"},
    )
