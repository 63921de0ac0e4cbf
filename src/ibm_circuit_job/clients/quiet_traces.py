"""Local variables are taken out of the frames of a traceback, since some are accounts and variables with keys."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator

from ibm_circuit_job.errors import IBMError


@contextlib.contextmanager
def cleared() -> Iterator[None]:
    """Let an exception of this library out of the block without the local variables of the functions that have ended.

    Tools such as ``rich`` and IPython show the local variables of each frame of a traceback.
    """
    try:
        yield
    except IBMError as error:
        cause: BaseException | None = error
        while cause is not None:
            traceback.clear_frames(cause.__traceback__)
            cause = cause.__cause__ or cause.__context__
        raise
