"""What IBM's API description says of the REST API of IBM Quantum Platform, as a table. Facts only, in our own words.

Source: the files ``openapi/ibm-quantum-*-api-openapi.yml`` of the public repository ``api-evangelist/ibm-quantum``
(API 0.45.3), at the commits in :data:`SOURCES`. The description has the newest form of each reply. What earlier
versions had instead, and the version 2026-04-15, are facts of the official client and of the project's protocol page.

Nothing here was taken from our client or our local service: both are tested against it.
"""

from attrs import field, frozen

SOURCES = {
    "jobs": "55346b7d7c481135afd38a61a15bb64fb216de85",
    "instances": "55346b7d7c481135afd38a61a15bb64fb216de85",
    "backends": "55346b7d7c481135afd38a61a15bb64fb216de85",
    "sessions": "55346b7d7c481135afd38a61a15bb64fb216de85",
    "tags": "55346b7d7c481135afd38a61a15bb64fb216de85",
    "workloads": "55346b7d7c481135afd38a61a15bb64fb216de85",
    "accounts": "55346b7d7c481135afd38a61a15bb64fb216de85",
    "versions": "5b3dad9a8c377e49a596b4e2fb809394cc4e6a61",
}
"""File of the description -> the commit at which it was read."""

VERSIONS = ("2024-01-01", "2025-01-01", "2025-05-01", "2026-02-01", "2026-02-15", "2026-03-15", "2026-04-15")
"""The API versions, oldest first. The description lists those to 2026-03-15; the official client sends 2026-04-15."""
SUNSETS = {
    "2024-01-01": "2027-01-01",
    "2025-01-01": "2027-01-01",
    "2025-05-01": "2027-01-01",
    "2026-02-01": "2027-02-01",
    "2026-02-15": "2027-02-15",
}
"""Deprecated version -> when it may be withdrawn."""
VERSION_HEADER = "IBM-API-Version"


@frozen
class Value:
    """What a query parameter, or a field of a body or a reply, may be."""

    kind: str
    """``text``, ``number``, ``integer``, ``flag``, ``time``, ``date``, ``object``, ``any``, or a name in SHAPES."""
    many: bool = False
    """Whether it is a list of these."""
    required: bool = False
    since: str | None = None
    """The first API version that has it."""
    until: str | None = None
    """The first API version that has it no more."""
    among: tuple = ()
    """The only values that it may have."""
    least: float | None = None
    most: float | None = None
    longest: int | None = None
    """How many characters it has at most."""
    most_items: int | None = None
    nullable: bool = False


def must(kind, **more):
    return Value(kind, required=True, **more)


@frozen
class Operation:
    """One method on one path."""

    method: str
    path: str
    statuses: tuple
    """The statuses of its answers."""
    query: dict = field(factory=dict)
    body: dict | None = None
    """Fields of the request; ``None`` where it has no body."""
    reply: str | None = None
    """The shape of a good answer; ``None`` where it has no body; ``text`` and ``result`` are no shapes."""
    needs_version: bool = True
    needs_token: bool = True


TAGS = Value("text", many=True, most_items=8, longest=86)
COST = {"least": 0, "most": 10_800}
MOMENT = Value("time", longest=100)

SHAPES = {
    "usage": {
        "qpu_charge_time_seconds": Value("number", least=0, since="2026-03-15"),
        "status": Value("text", among=("pending", "complete"), since="2026-03-15"),
        "quantum_seconds": Value("number", least=0, until="2026-03-15"),
        "seconds": Value("number", least=0, until="2026-03-15"),
    },
    "bss": {"seconds": Value("number", least=0)},
    "state": {
        "status": must("text", among=("Queued", "Running", "Completed", "Cancelled", "Failed")),
        "reason": Value("text"),
        "reason_code": Value("integer", least=1000, most=9999),
        "reason_solution": Value("text"),
    },
    "program": {"id": must("text")},
    "job": {
        "id": must("text"),
        "backend": Value("text"),
        "state": must("state"),
        "status": must(
            "text", among=("Queued", "Running", "Completed", "Cancelled", "Cancelled - Ran too long", "Failed")
        ),
        "params": Value("object"),
        "program": must("program"),
        "created": must("time"),
        "runtime": Value("text"),
        "cost": must("integer", **COST),
        "tags": TAGS,
        "remote_storage": Value("object"),
        "session_id": Value("text"),
        "user_id": Value("text"),
        "usage": Value("usage"),
        "bss": Value("bss", until="2026-03-15"),
        # Only where it is true.
        "private": Value("flag", among=(True,)),
        "estimated_running_time_seconds": Value("number"),
        "calibration_id": Value("text"),
    },
    "jobs": {
        "jobs": must("job", many=True),
        "count": Value("integer", least=0),
        "offset": must("integer", least=0),
        "limit": must("integer", least=1, most=200),
    },
    "created": {
        "id": must("text"),
        "backend": must("text"),
        "session_id": Value("text"),
        "private": Value("flag", among=(True,)),
        "calibration_id": Value("text", longest=100),
    },
    "timestamps": {"created": Value("time"), "running": Value("time"), "finished": Value("time")},
    "metrics": {
        "caller": Value("text"),
        "timestamps": Value("timestamps"),
        "usage": Value("usage"),
        "bss": Value("bss", until="2026-03-15"),
        "circuits_execution_time_ns": Value("number", least=0, since="2026-04-15"),
        "qiskit_version": Value("text", longest=100),
    },
    "instance_usage": {
        "instance_id": must("text"),
        "plan_id": must("text"),
        "usage_period": Value("period"),
        "usage_consumed_seconds": must("number"),
        "usage_limit_seconds": Value("number"),
        "usage_allocation_seconds": Value("number"),
        "usage_limit_reached": Value("flag"),
    },
    "period": {"start_time": Value("time"), "end_time": Value("time")},
    "versions": {"versions": must("version", many=True)},
    "version": {
        "version": must("date"),
        "status": must("text", among=("live", "deprecated")),
        "sunset_date": Value("date"),
    },
    "backends": {"devices": must("device", many=True)},
    "device": {
        "name": must("text", longest=255),
        "status": must("device_status"),
        "is_simulator": Value("flag"),
        "qubits": Value("integer", least=0, nullable=True),
        "clops": Value("object", nullable=True),
        "processor_type": Value("object", nullable=True),
        "queue_length": must("integer", least=0),
        "performance_metrics": Value("object"),
        "wait_time_seconds": Value("object", nullable=True),
    },
    "device_status": {"name": must("text", among=("online", "paused", "offline")), "reason": Value("text")},
    "backend_status": {
        "state": Value("flag"),
        "status": Value("text"),
        "message": Value("text"),
        "length_queue": must("integer", least=0),
        "backend_version": Value("text"),
    },
    "configuration": {
        "backend_name": must("text", longest=64),
        "backend_version": must("text", longest=16),
        "basis_gates": must("text", many=True),
        "conditional": must("flag"),
        "coords": must("any"),
        "coupling_map": must("any"),
        "gates": must("object", many=True),
        "local": must("flag"),
        "memory": must("flag"),
        "n_qubits": must("integer", least=1),
        "online_date": must("time"),
        "u_channel_lo": must("any"),
        "simulator": Value("flag"),
        "max_shots": Value("integer", least=1),
        "max_experiments": Value("integer", least=1),
        "supported_instructions": Value("text", many=True),
        "supported_features": Value("text", many=True),
        "dynamic_reprate_enabled": Value("flag"),
        "default_rep_delay": Value("integer", least=0),
        "rep_delay_range": Value("number", many=True),
        "dt": Value("integer", least=0),
        "meas_levels": Value("any"),
        "timing_constraints": Value("object"),
        "processor_type": Value("object"),
        "description": Value("text", longest=64),
    },
    "properties": {
        "backend_name": must("text", longest=64),
        "backend_version": must("text", longest=16),
        "gates": must("object", many=True),
        "general": must("any"),
        "last_update_date": must("time"),
        "qubits": must("any"),
    },
    "error": {"code": Value("any"), "message": Value("text"), "solution": Value("text"), "more_info": Value("text")},
    "errors": {"trace": Value("text"), "errors": Value("error", many=True)},
}
"""The shape of replies: field -> what it may be. A reply has no other fields.

``transpiled_circuits``, which is gone since 2026-02-01, is a path and no field; see OPERATIONS.
"""

OPERATIONS = {
    "get_versions": Operation("GET", "/versions", (200,), reply="versions", needs_version=False, needs_token=False),
    "list_jobs": Operation(
        "GET",
        "/jobs",
        (200, 400, 401, 403, 404),
        query={
            # Outside of its bounds the default counts, and that is no error.
            "limit": Value("integer"),
            "offset": Value("integer"),
            "pending": Value("flag"),
            "program": Value("text", longest=63),
            "backend": Value("text", longest=100),
            "created_after": MOMENT,
            "created_before": MOMENT,
            "sort": Value("text", among=("ASC", "DESC")),
            "tags": TAGS,
            "session_id": Value("text", longest=1000),
            "exclude_params": Value("flag"),
        },
        reply="jobs",
    ),
    "create_job": Operation(
        "POST",
        "/jobs",
        (200, 400, 401, 403, 404, 409),
        body={
            "program_id": must("text", longest=10_000),
            "backend": must("text", longest=10_000),
            "runtime": Value("text", longest=10_000),
            "tags": TAGS,
            "log_level": Value("text", among=("critical", "error", "warning", "info", "debug")),
            "cost": Value("integer", **COST),
            "session_id": Value("text", longest=36),
            "calibration_id": Value("text", longest=100),
            "params": Value("object"),
            "private": Value("flag"),
            "remote_storage": Value("object"),
        },
        reply="created",
    ),
    "get_job": Operation(
        "GET", "/jobs/{id}", (200, 401, 403, 404), query={"exclude_params": Value("flag")}, reply="job"
    ),
    "delete_job": Operation("DELETE", "/jobs/{id}", (204, 400, 401, 403, 404, 500)),
    "get_job_results": Operation("GET", "/jobs/{id}/results", (200, 204, 400, 401, 403, 404), reply="result"),
    "get_job_logs": Operation("GET", "/jobs/{id}/logs", (200, 401, 403, 404), reply="text"),
    "cancel_job": Operation("POST", "/jobs/{id}/cancel", (204, 400, 401, 403, 404, 409, 500)),
    "get_job_metrics": Operation("GET", "/jobs/{id}/metrics", (200, 401, 403, 404), reply="metrics"),
    "replace_job_tags": Operation(
        "PUT",
        "/jobs/{id}/tags",
        (204, 401, 403, 404),
        body={"tags": must("text", many=True, most_items=8, longest=86)},
    ),
    "list_backends": Operation(
        "GET", "/backends", (200,), query={"fields": Value("text", among=("wait_time_seconds",))}, reply="backends"
    ),
    "get_backend_configuration": Operation(
        "GET",
        "/backends/{id}/configuration",
        (200,),
        query={"calibration_id": Value("text", longest=100)},
        reply="configuration",
    ),
    "get_backend_properties": Operation(
        "GET",
        "/backends/{id}/properties",
        (200,),
        query={"updated_before": MOMENT, "calibration_id": Value("text", longest=100)},
        reply="properties",
    ),
    "get_backend_status": Operation("GET", "/backends/{id}/status", (200,), reply="backend_status"),
    "get_usage": Operation("GET", "/instances/usage", (200, 401), reply="instance_usage"),
}
"""The operations that a client of jobs needs. Those for sessions, workloads, tags, analytics and accounts are not here.

Any operation may answer 400 to a version that it does not know, 429 and 5xx.
"""

MOST_PAGE = 200
"""How many jobs a page has by default, and at most."""
PROGRAMS = ("sampler", "estimator", "executor", "noise-learner")
