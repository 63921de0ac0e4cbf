"""The modules that a handle consists of, each imported when it is first used, so that the package is imported fast."""

from typing import TYPE_CHECKING

from ibm_circuit_job.lazy_names import lazy_names

__all__ = [
    "cell",
    "progress",
    "result_reader",
    "result_waiter",
    "saved_job",
    "shared_future",
    "shown",
    "status_callback",
    "waiter",
]

if TYPE_CHECKING:
    from ibm_circuit_job.job import (
        cell,
        progress,
        result_reader,
        result_waiter,
        saved_job,
        shared_future,
        shown,
        status_callback,
        waiter,
    )
else:
    __getattr__, __dir__ = lazy_names("ibm_circuit_job.job", modules=__all__)
