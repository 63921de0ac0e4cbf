"""From the body of a results reply to a qiskit ``Result``, or to the reason of a failure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from qiskit.result import Result as QiskitResult
from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job.errors import Unreadable
from ibm_circuit_job.state import typed_json
from ibm_circuit_job.state.facts import ResultPayload


def decode(payload: ResultPayload) -> Result[QiskitResult, Unreadable]:
    """Return the qiskit ``Result`` that a payload holds.

    Args:
        payload: The body of a results reply of the programs ``circuit-runner`` or ``qasm3-runner``.

    Returns:
        The ``Result``; or an ``Unreadable`` that names the path to what is no result.

    Example:
        >>> from datetime import UTC, datetime
        >>> body = b'{"backend_name": "b", "job_id": "a", "success": true, "results": []}'
        >>> decode(ResultPayload(datetime.now(UTC), body)).unwrap().job_id
        'a'
        >>> decode(ResultPayload(datetime.now(UTC), b'{"success": true}')).failure().message
        "expected a field 'results', which is missing"
    """
    return typed_json.decode(payload.raw, "result").bind(_result)


def _result(body: Any) -> Result[QiskitResult, Unreadable]:
    if isinstance(body, QiskitResult):
        return Success(body)
    if not isinstance(body, Mapping):
        return Bad(Unreadable("result", "", f"expected an object, got {type(body).__name__}"))
    if not isinstance(body.get("results"), list):
        return Bad(Unreadable("result", "results", "expected a field 'results', which is missing"))
    try:
        return Success(QiskitResult.from_dict(dict(body)))
    except KeyError as error:
        return Bad(Unreadable("result", "results", f"expected a field {error}, which is missing"))
    except (TypeError, ValueError, AttributeError) as error:
        return Bad(Unreadable("result", "results", f"expected the form of qiskit's Result.to_dict(): {error}"))


_JOB_ERROR = re.compile(r"JobError: '(.*)'")


def error_in(payload: ResultPayload) -> str | None:
    """Return the reason that the results text of a failed job gives, or ``None`` where it gives none.

    Example:
        >>> from datetime import UTC, datetime
        >>> error_in(ResultPayload(datetime.now(UTC), b"qiskit.JobError: 'Too many shots.'"))
        'Too many shots.'
    """
    text = payload.raw.decode("utf-8", "replace")
    found = _JOB_ERROR.search(text)
    if found:
        return found[1]
    start = text.rfind("Traceback")
    return None if start < 0 else text[start:]
