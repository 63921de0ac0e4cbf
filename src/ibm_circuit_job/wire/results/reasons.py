"""The reason of a failure, which the results text of a failed job gives."""

from __future__ import annotations

import re
from typing import Final

from ibm_circuit_job.state.facts import ResultPayload

_JOB_ERROR = re.compile(r"JobError: '(.*)'\s*$|JobError: '(.*?)'", re.MULTILINE)

_LONGEST_REASON: Final = 10_000
"""Characters of a traceback that are repeated: its end, which says what went wrong."""


def error_in(payload: ResultPayload) -> str | None:
    """Return the reason that the results text of a failed job gives, or ``None`` where it gives none.

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
