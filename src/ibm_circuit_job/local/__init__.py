"""An IBM Quantum service that runs on this machine: real HTTP, real websocket, real simulator.

Needs the extra ``local``. This module is the handle; the service itself runs in a process of its own.
"""

from ibm_circuit_job.local.service import LocalService, LocalServiceError

__all__ = ["LocalService", "LocalServiceError"]
