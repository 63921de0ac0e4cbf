"""Records and bodies of jobs that outlive the process. Knows records, and no handles."""

from ibm_circuit_job.store.record_store import RecordStore

__all__ = ["RecordStore"]
