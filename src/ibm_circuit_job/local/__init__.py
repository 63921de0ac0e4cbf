"""An IBM Quantum service that runs on this machine, with real HTTP, real websockets and real simulators.

It needs the extra ``local``. :class:`LocalService` starts the service, which runs in its own process.
"""

from ibm_circuit_job.local.service import LocalService, LocalServiceError

__all__ = ["LocalService", "LocalServiceError"]
