"""Clears the local variables in the frames of a traceback, since some of them contain keys."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator

from ibm_circuit_job.errors import IBMError


@contextlib.contextmanager
def cleared() -> Iterator[None]:
    """Clear the local variables in the traceback of an exception of this library that leaves the block.

    ``rich`` and IPython can show the local variables of each frame of a traceback.
    """
    try:
        yield
    except IBMError as error:
        cause: BaseException | None = error
        while cause is not None:
            traceback.clear_frames(cause.__traceback__)
            cause = cause.__cause__ or cause.__context__
        raise
