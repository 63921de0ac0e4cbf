"""Jobs and results that outlive the process: in a file of SQLite, or in PostgreSQL. Needs the extra ``store``."""

from ibm_circuit_job.store.record_store import JobStore

__all__ = ["JobStore"]
