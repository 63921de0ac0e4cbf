"""For testing code that uses jobs: a client that plays a script."""

from ibm_circuit_job.testing.scripted_client import ScriptedClient

__all__ = ["ScriptedClient"]
