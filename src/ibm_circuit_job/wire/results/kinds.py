"""The kind of the body of a results reply. The store, ``resume()`` and the decoders use the same function for it.

A body is recognised by its fields, and not by the job's program: a record may lack the program, and a page of a proxy
comes from no program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

import msgspec

from ibm_circuit_job.state.facts import ResultPayload
from ibm_circuit_job.wire import documents
from ibm_circuit_job.wire.replies import read_result_location


class BodyKind(Enum):
    """The kind of a body."""

    RESULT = "qiskit's Result"
    """Of ``circuit-runner`` and ``qasm3-runner``."""
    SAMPLER = "bits, as typed JSON"
    REST_SAMPLER = "bits, as hexadecimal samples"
    """Of a ``sampler`` job that was submitted without ``support_qiskit``."""
    ESTIMATOR = "expectation values, as typed JSON"
    REST_ESTIMATOR = "expectation values, as numbers"
    """Of an ``estimator`` job that was submitted without ``support_qiskit``."""
    EXECUTOR = "tensors of a quantum program"
    NOISE_LEARNER = "noise models"
    """Of ``noise-learner``, in each of its versions."""
    OTHER = "a result of another program"
    """The service's own JSON, of a program that this library does not know."""
    LOCATION = "the URL of a result"
    NOTHING = "no result"
    """An empty body, a log, a page of a proxy, or a result that was cut off."""


def kind_of(payload: ResultPayload) -> BodyKind:
    """Return the kind of a body.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import ResultPayload
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> bodies = (b'{"results": []}', b'{"url": "https://storage.example.com/x"}', b"502 Bad Gateway")
        >>> [kind_of(ResultPayload(noon, raw)).name for raw in bodies]
        ['RESULT', 'LOCATION', 'NOTHING']
    """
    raw = unwrapped(payload.raw)
    if read_result_location(raw) is not None:
        return BodyKind.LOCATION
    found = documents.fields(raw, "result")
    return found.map(lambda fields: kind_of_fields(fields, _opened)).value_or(BodyKind.NOTHING)


_NAMELESS: Final = frozenset({BodyKind.SAMPLER, BodyKind.REST_SAMPLER, BodyKind.EXECUTOR})
"""The kinds of bodies that lack the names of the circuits."""


def lacks_names(payload: ResultPayload) -> bool:
    """Return whether a body is a result that lacks the names of its circuits.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import ResultPayload
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> lacks_names(ResultPayload(noon, b'{"results": []}'))
        False
    """
    return kind_of(payload) in _NAMELESS


def is_result(payload: ResultPayload, job_id: str | None = None) -> bool:
    """Return whether a body is a complete result of any kind, and not a URL, a page or a part of a result.

    Args:
        payload: The body.
        job_id: The job to which the result must belong; any job by default.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import ResultPayload
        >>> noon = datetime(2024, 2, 3, 12, tzinfo=UTC)
        >>> [is_result(ResultPayload(noon, raw)) for raw in (b'{"results": []}', b"502 Bad Gateway")]
        [True, False]
        >>> is_result(ResultPayload(noon, b'{"job_id": "cq1y", "results": []}'), "cq1x")
        False
    """
    if kind_of(payload) in _NO_RESULT:
        return False
    return job_id is None or not names_another_job(_named_job(unwrapped(payload.raw)), job_id)


def names_another_job(named: object, job_id: str) -> bool:
    """Return whether the ``job_id`` in a result is the ID of another job.

    Simulators write their own ID there. Its length differs from that of the service's IDs, so it does not count.

    Args:
        named: The value in the result.
        job_id: The ID of the job.

    Example:
        >>> [names_another_job(named, "cq1x") for named in ("cq1x", "cq1y", "6ac2f5e8-2c9b-4a3e-8f61-0d3c", None)]
        [False, True, False, False]
    """
    return isinstance(named, str) and named != job_id and len(named) == len(job_id)


def _named_job(raw: bytes) -> object:
    """The ``job_id`` in the body of a qiskit ``Result``."""
    fields = documents.fields(raw, "result").value_or({})
    if "__value__" in fields:
        fields = documents.fields(fields["__value__"], "result").value_or({})
    return _opened(fields.get("job_id"))


_NO_RESULT: Final = frozenset({BodyKind.LOCATION, BodyKind.NOTHING})


def unwrapped(raw: bytes) -> bytes:
    """Return the inner JSON of a body that is a JSON text containing JSON; any other body unchanged."""
    if raw[:1] != b'"':
        return raw
    text = documents.value(raw, "result").value_or(None)
    return text.encode() if isinstance(text, str) else raw


def kind_of_fields(fields: Mapping[str, Any], opened: Callable[[Any], Any] = lambda value: value) -> BodyKind:
    """Return the kind of a body with these fields.

    Args:
        fields: The fields.
        opened: Decodes the value of a field one level deep: to a dictionary, a list or a plain value.
    """
    kind = opened(fields.get("__type__"))
    if isinstance(kind, str):
        if kind == "PrimitiveResult":
            return _of_pubs(opened(fields.get("__value__")), opened)
        return _TYPES.get(kind, BodyKind.OTHER)
    if "results" in fields:
        return _of_results(fields, opened)
    listed = opened(fields.get("data"))
    if isinstance(listed, list):
        return _of_data(fields, listed, opened)
    return BodyKind.OTHER if "schema_version" in fields else BodyKind.NOTHING


_TYPES: Final = {"Result": BodyKind.RESULT, "NoiseLearnerResult": BodyKind.NOISE_LEARNER}
CLASSIC: Final = frozenset({"backend_name", "backend_version", "job_id", "qobj_id", "success"})
"""The fields of qiskit's ``Result``. Each ``Result`` has at least one of them."""
_EXPERIMENT: Final = frozenset({"shots", "success", "header"})
_LOOKED_AT: Final = 5
"""How many parts are examined. More than one, because the first may be damaged."""


def _of_pubs(value: Any, opened: Callable[[Any], Any]) -> BodyKind:
    pubs = opened(value.get("pub_results")) if isinstance(value, Mapping) else None
    for pub in map(opened, pubs[:_LOOKED_AT] if isinstance(pubs, list) else ()):
        kind = opened(pub.get("__type__")) if isinstance(pub, Mapping) else None
        if kind == "SamplerPubResult":
            return BodyKind.SAMPLER
        if kind == "EstimatorPubResult":
            return BodyKind.ESTIMATOR
        fields = pub
        for step in ("__value__", "data", "__value__", "fields"):
            fields = opened(fields.get(step)) if isinstance(fields, Mapping) else None
        if isinstance(fields, Mapping) and "evs" in fields:
            return BodyKind.ESTIMATOR
    return BodyKind.SAMPLER


def _of_results(fields: Mapping[str, Any], opened: Callable[[Any], Any]) -> BodyKind:
    # Decoded only if necessary, because it may have a hundred megabytes.
    parts = opened(fields["results"]) if CLASSIC.isdisjoint(fields) else None
    for part in map(opened, parts[:_LOOKED_AT] if isinstance(parts, list) else ()):
        data = opened(part.get("data")) if isinstance(part, Mapping) and _EXPERIMENT.isdisjoint(part) else None
        if not isinstance(data, Mapping):
            continue
        if "evs" in data:
            return BodyKind.REST_ESTIMATOR
        if any(isinstance(register, Mapping) and "samples" in register for register in map(opened, data.values())):
            return BodyKind.REST_SAMPLER
    return BodyKind.RESULT


def _of_data(fields: Mapping[str, Any], listed: list[Any], opened: Callable[[Any], Any]) -> BodyKind:
    for part in map(opened, listed[:_LOOKED_AT]):
        if isinstance(part, Mapping) and "results" in part:
            return BodyKind.EXECUTOR
        if isinstance(part, (Mapping, list)):
            return BodyKind.NOISE_LEARNER
    metadata = opened(fields.get("metadata"))
    names = {*fields, *(metadata if isinstance(metadata, Mapping) else ())}
    if not names.isdisjoint({"passthrough_data", "semantic_role", "chunk_timing"}):
        return BodyKind.EXECUTOR
    return BodyKind.NOTHING if names.isdisjoint({"schema_version", "input_options"}) else BodyKind.NOISE_LEARNER


def _opened(raw: Any) -> Any:
    """A raw value, decoded one level deep."""
    if not isinstance(raw, msgspec.Raw):
        return raw
    first = bytes(memoryview(raw)[:1])
    if first == b"{":
        return documents.fields(raw, "result").value_or({})
    if first == b"[":
        return documents.elements(raw, "result").value_or([])
    return documents.value(raw, "result").value_or(None)
