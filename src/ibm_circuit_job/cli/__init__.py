"""The command ``ibm-circuit-job``. Needs the extra ``cli``, and ``local`` for a service on this machine."""

from ibm_circuit_job.cli.command import app, main

__all__ = ["app", "main"]
