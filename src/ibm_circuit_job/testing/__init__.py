"""For testing code that uses jobs: a client that plays a script, a model of the service, strategies, laws.

``ScriptedClient``, ``ModelService`` and ``laws`` need nothing more; ``JobLifecycle`` and ``strategies`` need the extra
``testing``.
"""

from typing import TYPE_CHECKING

from ibm_circuit_job.lazy_names import lazy_names
from ibm_circuit_job.testing.model_service import ModelService
from ibm_circuit_job.testing.scripted_client import ScriptedClient

__all__ = ["JobLifecycle", "ModelService", "ScriptedClient"]


if TYPE_CHECKING:
    from ibm_circuit_job.testing.lifecycle import JobLifecycle
else:
    __getattr__, __dir__ = lazy_names(
        __name__, module_of={"JobLifecycle": "lifecycle"}, extra_of={"JobLifecycle": "testing"}
    )
