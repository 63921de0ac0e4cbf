"""Make replies of the service from facts, as bytes in the form of the channel ``ibm_quantum``.

Each function does the reverse of a reader in :mod:`ibm_circuit_job.wire.replies`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ibm_circuit_job.state.facts import JobMetrics
from ibm_circuit_job.state.job import Job


def job_reply(job: Job, *, exclude_params: bool = True) -> bytes:
    """Return the reply to ``GET /jobs/ID`` with the status, the details and the inputs of a record.

    Args:
        job: The record.
        exclude_params: Whether to leave out the inputs.

    Example:
        >>> from ibm_circuit_job import Job
        >>> job_reply(Job("a"))
        b'{"id":"a"}'
    """
    reply: dict[str, Any] = {"id": job.job_id}
    if job.status is not None:
        state = {
            "status": job.status.server_status,
            "reason": job.status.reason,
            "reason_code": job.status.reason_code,
            "reason_solution": job.status.reason_solution,
        }
        reply["state"] = _given(state)
    if job.details is not None:
        details = job.details
        reply |= _given(
            {
                "backend": details.backend,
                "program": None if details.program is None else {"id": details.program},
                "created": None if details.created is None else details.created.isoformat(),
                "name": details.name,
                "tags": None if details.tags is None else list(details.tags),
                "session_id": details.session_id,
                "run_mode": details.run_mode,
                "estimated_running_time_seconds": details.usage_estimate,
                "private": details.private,
                "usage": _given({"qpu_charge_time_seconds": details.charged_seconds, "status": details.usage_status})
                or None,
            }
        )
        reply |= {name: msgspec.Raw(text.encode()) for name, text in details.unknown}
    if job.inputs is not None and not exclude_params:
        reply["params"] = msgspec.Raw(job.inputs.raw)
    return msgspec.json.encode(reply)


def metrics_reply(metrics: JobMetrics) -> bytes:
    """Return the reply to ``GET /jobs/ID/metrics`` with these metrics.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import JobMetrics
        >>> metrics_reply(JobMetrics(datetime(2024, 2, 3, tzinfo=UTC), position_in_queue=3))
        b'{"position_in_queue":3}'
    """
    unknown = {name: msgspec.Raw(text.encode()) for name, text in metrics.unknown if name != "usage"}
    usage = _given(
        {
            "quantum_seconds": metrics.quantum_seconds,
            "seconds": metrics.usage_seconds,
            "qpu_charge_time_seconds": metrics.charged_seconds,
            "status": metrics.usage_status,
        }
    )
    reply = {
        "timestamps": {step: moment.isoformat() for step, moment in metrics.timestamps} or None,
        "position_in_queue": metrics.position_in_queue,
        "position_in_provider": metrics.position_in_provider,
        "estimated_start_time": None if metrics.estimated_start is None else metrics.estimated_start.isoformat(),
        "estimated_completion_time": (
            None if metrics.estimated_completion is None else metrics.estimated_completion.isoformat()
        ),
        "usage": usage or None,
        "caller": metrics.caller,
        "qiskit_version": metrics.client_version,
    }
    return msgspec.json.encode(_given(reply) | unknown)


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that are not ``None``."""
    return {name: value for name, value in fields.items() if value is not None}
