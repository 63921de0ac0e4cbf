"""The store: records and bodies of jobs that outlive the process. It knows records, and no handles."""

from typing import TYPE_CHECKING, Any

from ibm_circuit_job.store.writing import Writing

if TYPE_CHECKING:
    from ibm_circuit_job.store.record_store import RecordStore

__all__ = ["RecordStore", "Writing"]


def __getattr__(name: str) -> Any:
    # SQLAlchemy is loaded with the first store.
    if name == "RecordStore":
        from ibm_circuit_job.store.record_store import RecordStore  # noqa: PLC0415

        return RecordStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
