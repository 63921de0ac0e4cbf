"""Thin REST clients for the service: they move bytes, and say what went wrong. They take no decisions."""

from ibm_circuit_job.clients.account import AccountClient
from ibm_circuit_job.clients.http import RequestFailed
from ibm_circuit_job.clients.parameters import ClientParameters
from ibm_circuit_job.clients.platform import PlatformAccount, PlatformClient
from ibm_circuit_job.clients.protocols import JobClient, StreamingClient
from ibm_circuit_job.clients.runtime import RuntimeClient

__all__ = [
    "AccountClient",
    "ClientParameters",
    "JobClient",
    "PlatformAccount",
    "PlatformClient",
    "RequestFailed",
    "RuntimeClient",
    "StreamingClient",
]
