"""The replies of the oldest API, in the form of those of the API that runs jobs.

Jobs that ``job_type`` calls ``IQX`` were submitted with ``qiskit-ibmq-provider``, from 2018 to 2023. Only the
account's own API has them. Its replies have the same contents under other names. Their fields are renamed here, and the
readers of all other replies read them. A field without another name stays unchanged.

Source: ``api/rest/job.py`` and ``api/rest/utils/data_mapper.py`` of ``qiskit-ibm-provider`` 0.11.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from returns.result import Failure as Bad
from returns.result import Result

from ibm_circuit_job.errors import Unreadable
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.wire import documents, qobj, typed_json
from ibm_circuit_job.wire.reply_fields import Document

IQX: Final = "IQX"
"""The reply to ``GET /facade/v1/jobs/ID/type`` for one of the oldest jobs."""
_KIND: Final = '"q-object'
"""The beginning of the JSON of ``kind`` of one of the oldest jobs: ``q-object`` or ``q-object-external-storage``."""

_Fields = Mapping[str, Any]


def is_oldest(job: Job) -> bool:
    """Return whether the ``kind`` in a record is that of one of the oldest jobs.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job
        >>> from ibm_circuit_job.wire.given import given_job
        >>> is_oldest(given_job("a", datetime.now(UTC), kind="q-object-external-storage")), is_oldest(Job("a"))
        (True, False)
    """
    unknown = () if job.details is None else job.details.unknown
    return any(name == "kind" and text.startswith(_KIND) for name, text in unknown)


def job_reply(body: Document, *, exclude_params: bool = False) -> Result[bytes, Unreadable]:
    """Return the reply to ``GET /Jobs/ID/v/1`` in the form of a reply to ``GET /jobs/ID``.

    Args:
        body: The reply: its bytes, or the object that the client of ``qiskit-ibm-provider`` made of them.
        exclude_params: Whether what was submitted is left out.

    Example:
        >>> job_reply(b'{"id": "a", "status": "COMPLETED", "backend": {"name": "ibmqx4"}}').unwrap()
        b'{"id":"a","backend":"ibmqx4","state":{"status":"COMPLETED"}}'
    """
    return documents.fields(_raw(body), _JOB).map(lambda fields: _job(fields, exclude_params=exclude_params))


def metrics_reply(body: Document) -> Result[bytes, Unreadable]:
    """Return the times and the place in the queue of the same reply, in the form of ``GET /jobs/ID/metrics``.

    Example:
        >>> metrics_reply(b'{"id": "a", "timePerStep": {"CREATING": "2019-03-01T12:00:00Z"}}').unwrap()
        b'{"timestamps":{"CREATING":"2019-03-01T12:00:00Z"}}'
    """

    def measured(fields: _Fields) -> bytes:
        queue = _value(fields, "infoQueue", "info_queue")
        said = {
            "timestamps": _value(fields, "timePerStep", "time_per_step"),
            "position_in_queue": queue.get("position") if isinstance(queue, Mapping) else None,
        }
        return msgspec.json.encode({name: value for name, value in said.items() if value is not None})

    return documents.fields(_raw(body), _JOB).map(measured)


def page_reply(body: Document | list[Any]) -> Result[bytes, Unreadable]:
    """Return the reply to ``GET /jobs/v2`` in the form of a reply to ``GET /jobs``.

    Args:
        body: The reply, or the list of jobs that the client of ``qiskit-ibm-provider`` made of it.

    Example:
        >>> page_reply(b'{"items": [{"id": "a", "status": "RUNNING"}]}').unwrap()
        b'{"jobs":[{"id":"a","state":{"status":"RUNNING"}}]}'
    """
    raw = _raw({"items": body} if isinstance(body, list) else body)
    return documents.fields(raw, "list of jobs").bind(_page)


def _page(fields: _Fields) -> Result[bytes, Unreadable]:
    if "items" not in fields:
        return Bad(Unreadable("list of jobs", "items", "expected a list of jobs"))
    items = documents.elements(fields["items"], "list of jobs")
    return items.map(lambda found: msgspec.json.encode({"jobs": [msgspec.Raw(_listed(item)) for item in found]}))


def _listed(item: Any) -> bytes:
    # One that cannot be read is left as it is: the reader of the page says so.
    return job_reply(bytes(item), exclude_params=True).value_or(bytes(item))


_JOB: Final = "job reply"
_RENAMED: Final = {"job_id": "id", "creationDate": "created", "creation_date": "created"}
_ELSEWHERE: Final = frozenset({"status", "backend", "_backend_info", "qObject", "qobj", "error"})


def _job(fields: _Fields, *, exclude_params: bool) -> bytes:
    said: dict[str, Any] = {_RENAMED.get(name, name): raw for name, raw in fields.items() if name not in _ELSEWHERE}
    backend = _value(fields, "backend", "_backend_info")
    said |= _unless_none(backend=backend.get("name") if isinstance(backend, Mapping) else backend)
    if (status := _value(fields, "status")) is not None:
        said["state"] = {"status": status, **_reason(_value(fields, "error"))}
    submitted = _value(fields, "qObject", "qobj")
    if isinstance(submitted, Mapping) and not exclude_params:
        said["params"] = msgspec.Raw(typed_json.encode(qobj.params_of(submitted)))
    return msgspec.json.encode(said)


def _reason(error: Any) -> dict[str, Any]:
    if not isinstance(error, Mapping):
        return {}
    return _unless_none(reason=error.get("message"), reason_code=error.get("code"))


def _unless_none(**said: Any) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not None}


def _value(fields: _Fields, *names: str) -> Any:
    """The decoded value of the first of these fields that the object has."""
    raw = next((fields[name] for name in names if name in fields), None)
    return None if raw is None else documents.value(bytes(raw), _JOB).value_or(None)


def _raw(body: Document) -> bytes:
    return json.dumps(dict(body), default=repr).encode() if isinstance(body, Mapping) else bytes(body)
