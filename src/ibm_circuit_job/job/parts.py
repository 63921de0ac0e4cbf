"""The modules that a handle is made of, each loaded when it is first used: with the first handle."""

from typing import TYPE_CHECKING

from ibm_circuit_job.lazy_names import lazy_names

__all__ = [
    "cell",
    "keeper",
    "progress",
    "result_reader",
    "result_waiter",
    "shared_future",
    "shown",
    "telling",
    "waiter",
]

if TYPE_CHECKING:
    from ibm_circuit_job.job import (
        cell,
        keeper,
        progress,
        result_reader,
        result_waiter,
        shared_future,
        shown,
        telling,
        waiter,
    )
else:
    __getattr__, __dir__ = lazy_names("ibm_circuit_job.job", modules=__all__)
