"""The OpenAPI description of the API of IBM Quantum Platform, as the local service has it: ``GET /openapi.json``.

The schemas of request bodies are made from the same types with which the service reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from attrs import field, frozen

from ibm_circuit_job.local.api_forms import SUNSETS
from ibm_circuit_job.local.charges import MOST_COST
from ibm_circuit_job.local.job_api import MOST_PAGE_JOBS, Submission, TagsChange
from ibm_circuit_job.local.platform_api import InstanceConfiguration
from ibm_circuit_job.local.sessions import Opening, SessionChange

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_NUMBER: Final[Schema] = {"type": "number"}
_SECONDS: Final[Schema] = {"type": "number", "minimum": 0}
_WHOLE: Final[Schema] = {"type": "integer"}
_FLAG: Final[Schema] = {"type": "boolean"}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_DATE: Final[Schema] = {"type": "string", "format": "date"}
_OBJECT: Final[Schema] = {"type": "object"}
_STATE: Final = ("Queued", "Running", "Completed", "Cancelled", "Failed")


def _among(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def _many(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _shape(required: str, **properties: Schema) -> Schema:
    """Return the schema of an object with exactly these fields; those named in *required* are never missing."""
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def _of(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_TAGS: Final[Schema] = {"type": "array", "items": {"type": "string", "maxLength": 86}, "maxItems": 8}

SHAPES: Final[Mapping[str, Schema]] = {
    "usage": _shape(
        "",
        qpu_charge_time_seconds=_SECONDS,
        status=_among("pending", "complete"),
        quantum_seconds=_SECONDS,
        seconds=_SECONDS,
    ),
    "bss": _shape("", seconds=_SECONDS),
    "state": _shape(
        "status",
        status=_among(*_STATE),
        reason=_TEXT,
        reason_code={"type": "integer", "minimum": 1000, "maximum": 9999},
    ),
    "program": _shape("id", id=_TEXT),
    "job": _shape(
        "id state status program created cost",
        id=_TEXT,
        backend=_TEXT,
        state=_of("state"),
        status=_among(*_STATE, "Cancelled - Ran too long"),
        params=_OBJECT,
        program=_of("program"),
        created=_TIME,
        runtime=_TEXT,
        cost={"type": "integer", "minimum": 0, "maximum": MOST_COST},
        tags=_TAGS,
        session_id=_TEXT,
        user_id=_TEXT,
        usage=_of("usage"),
        bss=_of("bss"),
        private={"type": "boolean", "enum": [True]},
        estimated_running_time_seconds=_NUMBER,
        calibration_id=_TEXT,
    ),
    "jobs": _shape(
        "jobs offset limit",
        jobs=_many(_of("job")),
        count={"type": "integer", "minimum": 0},
        offset={"type": "integer", "minimum": 0},
        limit={"type": "integer", "minimum": 1, "maximum": MOST_PAGE_JOBS},
    ),
    "created": _shape(
        "id backend",
        id=_TEXT,
        backend=_TEXT,
        session_id=_TEXT,
        private={"type": "boolean", "enum": [True]},
        calibration_id=_TEXT,
    ),
    "timestamps": _shape("", created=_TIME, running=_TIME, finished=_TIME),
    "metrics": _shape(
        "",
        caller=_TEXT,
        timestamps=_of("timestamps"),
        usage=_of("usage"),
        bss=_of("bss"),
        circuits_execution_time_ns={"type": "number", "minimum": 0},
        qiskit_version=_TEXT,
    ),
    "session": _shape(
        "id backend_name mode",
        id=_TEXT,
        backend_name={"type": ["string", "null"]},
        mode=_among("dedicated", "batch"),
        state=_among("open", "active", "inactive", "closed"),
        accepting_jobs=_FLAG,
        max_ttl=_WHOLE,
        active_ttl=_WHOLE,
        interactive_ttl=_WHOLE,
        elapsed_time=_SECONDS,
        started_at=_TIME,
        activated_at=_TIME,
        closed_at=_TIME,
        last_job_started=_TIME,
        last_job_completed=_TIME,
        timestamps=_many(
            _shape("status timestamp", status=_among("open", "active", "inactive", "closed"), timestamp=_TIME)
        ),
    ),
    "instance": _shape(
        "plan_id",
        backends=_many(_TEXT),
        plan_id=_TEXT,
        instance_limit=_NUMBER,
        instance_limit_seconds=_TEXT,
        usage_allocation_seconds=_TEXT,
    ),
    "instance_configuration": _shape("", instance_limit=_NUMBER),
    "period": _shape("", start_time=_TIME, end_time=_TIME),
    "instance_usage": _shape(
        "instance_id plan_id usage_consumed_seconds",
        instance_id=_TEXT,
        plan_id=_TEXT,
        usage_period=_of("period"),
        usage_consumed_seconds=_NUMBER,
        usage_limit_seconds=_NUMBER,
        usage_allocation_seconds=_NUMBER,
        usage_limit_reached=_FLAG,
    ),
    "versions": _shape("versions", versions=_many(_of("version"))),
    "version": _shape("version status", version=_DATE, status=_among("live", "deprecated"), sunset_date=_DATE),
    # Devices may have more fields: the documents of a device that the service was given are sent unchanged.
    "backends": _shape("devices", devices=_many(_of("device"))),
    "device": {"type": "object", "required": ["name", "status", "queue_length"]},
    "backend_status": _shape(
        "length_queue", state=_FLAG, status=_TEXT, message=_TEXT, length_queue=_WHOLE, backend_version=_TEXT
    ),
    "configuration": {"type": "object", "required": ["backend_name", "backend_version", "n_qubits"]},
    "properties": _OBJECT,
    "error": _shape("", code={}, message=_TEXT, solution=_TEXT, more_info=_TEXT),
    "errors": _shape("", trace=_TEXT, errors=_many(_of("error"))),
}
"""Name -> schema of a reply or a part of one, with the fields of all versions of the API."""


@frozen
class Operation:
    """One method on one path."""

    method: str
    path: str
    statuses: tuple[int, ...]
    """The HTTP statuses of its replies, in addition to those that every operation has."""
    query: Mapping[str, Schema] = field(factory=dict)
    """Query parameter -> schema."""
    body: type[msgspec.Struct] | None = None
    """The type of the request body; ``None`` if there is none."""
    reply: str | None = None
    """The name in :data:`SHAPES` of a reply without error, or ``text`` or ``result``; ``None`` if it has no body."""
    is_open: bool = False
    """Whether it needs no version, token or instance."""


_MOMENT: Final[Schema] = {"type": "string", "format": "date-time", "minLength": 1, "maxLength": 100}
_CALIBRATION: Final[Mapping[str, Schema]] = {"calibration_id": {"type": "string", "maxLength": 100}}

OPERATIONS: Final[Mapping[str, Operation]] = {
    "get_versions": Operation("GET", "/versions", (200,), reply="versions", is_open=True),
    "list_jobs": Operation(
        "GET",
        "/jobs",
        (200,),
        {
            "limit": _WHOLE,
            "offset": _WHOLE,
            "pending": _FLAG,
            "program": {"type": "string", "minLength": 1, "maxLength": 63},
            "backend": {"type": "string", "minLength": 1, "maxLength": 100},
            "created_after": _MOMENT,
            "created_before": _MOMENT,
            "sort": _among("ASC", "DESC"),
            "tags": _TAGS,
            "session_id": {"type": "string", "minLength": 1, "maxLength": 1000},
            "exclude_params": _FLAG,
        },
        reply="jobs",
    ),
    "create_job": Operation("POST", "/jobs", (200, 404, 409, 429), body=Submission, reply="created"),
    "get_job": Operation("GET", "/jobs/{id}", (200, 404), {"exclude_params": _FLAG}, reply="job"),
    "delete_job": Operation("DELETE", "/jobs/{id}", (204, 404)),
    "get_job_results": Operation("GET", "/jobs/{id}/results", (200, 204, 404, 409), reply="result"),
    "get_job_logs": Operation("GET", "/jobs/{id}/logs", (200, 404), reply="text"),
    "cancel_job": Operation("POST", "/jobs/{id}/cancel", (204, 404, 409)),
    "get_job_metrics": Operation("GET", "/jobs/{id}/metrics", (200, 404), reply="metrics"),
    "replace_job_tags": Operation("PUT", "/jobs/{id}/tags", (204, 404), body=TagsChange),
    "list_backends": Operation("GET", "/backends", (200,), {"fields": _among("wait_time_seconds")}, reply="backends"),
    "get_backend_configuration": Operation(
        "GET", "/backends/{id}/configuration", (200, 404), _CALIBRATION, reply="configuration"
    ),
    "get_backend_properties": Operation(
        "GET",
        "/backends/{id}/properties",
        (200, 404),
        {"updated_before": _MOMENT, **_CALIBRATION},
        reply="properties",
    ),
    "get_backend_status": Operation("GET", "/backends/{id}/status", (200, 404), reply="backend_status"),
    "create_session": Operation("POST", "/sessions", (200, 404), body=Opening, reply="session"),
    "get_session": Operation("GET", "/sessions/{id}", (200, 404), reply="session"),
    "update_session": Operation("PATCH", "/sessions/{id}", (204, 404), body=SessionChange),
    "delete_session_close": Operation("DELETE", "/sessions/{id}/close", (204, 404)),
    "get_instance": Operation("GET", "/instance", (200,), reply="instance"),
    "get_usage": Operation("GET", "/instances/usage", (200,), reply="instance_usage"),
    "get_instance_configuration": Operation("GET", "/instances/configuration", (200,), reply="instance_configuration"),
    "replace_instance_configuration": Operation(
        "PUT", "/instances/configuration", (204, 409), body=InstanceConfiguration
    ),
}
"""Name in IBM's API description -> operation."""

_ANY: Final = (400, 401, 403, 503)
"""HTTP statuses of every operation that is not open; 503 means that a change could not be saved."""
_OF_BODIES: Final = (408, 413)
"""Further HTTP statuses of operations with a request body."""


def description(path: str) -> dict[str, Any]:
    """Return the OpenAPI description of the service, as the reply to ``GET /openapi.json``.

    Args:
        path: The path of the API on its host.

    Example:
        >>> sorted(description("/api/v1")["paths"]["/jobs"])
        ['get', 'post']
    """
    bodies = [operation.body for operation in OPERATIONS.values() if operation.body is not None]
    _, components = msgspec.json.schema_components(bodies, ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, Any]] = {}
    for name, operation in OPERATIONS.items():
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(name, operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The local service of ibm-circuit-job",
            "version": [*SUNSETS][-1],
        },
        "servers": [{"url": path}],
        "paths": paths,
        "components": {
            "schemas": {**SHAPES, **components},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "instance": {"type": "apiKey", "in": "header", "name": "Service-CRN"},
            },
        },
    }


def _described(name: str, operation: Operation) -> dict[str, Any]:
    parameters = [
        {"name": named, "in": "query", "schema": schema, **({"explode": True} if schema is _TAGS else {})}
        for named, schema in operation.query.items()
    ]
    if "{id}" in operation.path:
        parameters.append({"name": "id", "in": "path", "required": True, "schema": _TEXT})
    statuses = operation.statuses if operation.is_open else (*operation.statuses, *_ANY)
    described: dict[str, Any] = {"operationId": name}
    if operation.body is not None:
        statuses = (*statuses, *_OF_BODIES)
        body = _of(operation.body.__name__)
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    if not operation.is_open:
        described["security"] = [{"token": [], "instance": []}]
        version = {"name": "IBM-API-Version", "in": "header", "required": True, "schema": _among(*SUNSETS)}
        parameters.append(version)
    responses = {str(status): _response(operation, status) for status in sorted(set(statuses))}
    return described | {"parameters": parameters, "responses": responses}


def _response(operation: Operation, status: int) -> dict[str, Any]:
    if status == 204:
        return {"description": "Done, or nothing there."}
    if status >= 400:
        return {"description": "Refused.", "content": {"application/json": {"schema": _of("errors")}}}
    if operation.reply in SHAPES:
        return {"description": "The answer.", "content": {"application/json": {"schema": _of(operation.reply or "")}}}
    content = {"text/plain": {"schema": _TEXT}}
    if operation.reply == "result":
        content["application/json"] = {"schema": {}}
    return {"description": "The answer.", "content": content}
