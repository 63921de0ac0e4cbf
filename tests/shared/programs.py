"""Jobs of the local service's programs, executed in this process as a worker does it."""

from datetime import UTC, datetime

import msgspec

from ibm_circuit_job.local.execution import Task, execute
from ibm_circuit_job.wire import typed_json

NOON = datetime(2026, 2, 3, 12, tzinfo=UTC)
"""A time, and with it a calibration."""


def outcome_of(program, params, backend="local_simulator", seed=7):
    """Execute a job; its parameters are the service's JSON, or what is written as such."""
    written = params if isinstance(params, bytes) else typed_json.encode(params)
    return execute(Task("job", backend, program, written, NOON, seed))


def body_of(program, params, **wanted):
    """Execute a job that succeeds, and return the JSON of its result."""
    outcome = outcome_of(program, params, **wanted)
    assert outcome.succeeded, outcome.reason
    return msgspec.json.decode(outcome.result)


def result_of(program, params, **wanted):
    """Execute a job that succeeds, and return the objects of its result."""
    outcome = outcome_of(program, params, **wanted)
    assert outcome.succeeded, outcome.reason
    return typed_json.decode(outcome.result, "result").unwrap()
