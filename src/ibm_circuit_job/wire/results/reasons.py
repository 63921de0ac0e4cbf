"""The reason of a failure, read from the text that a failed job has in place of a result."""

from __future__ import annotations

import re
from typing import Final

from ibm_circuit_job.state.facts import ResultPayload

_JOB_ERROR = re.compile(r"JobError: '(.*)'\s*$|JobError: '(.*?)'", re.MULTILINE)

_LONGEST_REASON: Final = 10_000
"""Characters of a traceback that are returned. They are its last ones, which have the error."""


def error_in(payload: ResultPayload) -> str | None:
    """Return the error in the results text of a failed job; ``None`` if it has none.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import ResultPayload
        >>> error_in(ResultPayload(datetime.now(UTC), b"qiskit.JobError: 'Too many shots.'"))
        'Too many shots.'
    """
    text = payload.raw.decode("utf-8", "replace")
    found = _JOB_ERROR.search(text)
    if found:
        return (found[1] or found[2])[:_LONGEST_REASON]
    start = text.rfind("Traceback")
    return None if start < 0 else text[max(start, len(text) - _LONGEST_REASON) :]
