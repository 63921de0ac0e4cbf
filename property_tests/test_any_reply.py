"""Whatever JSON or bytes a server sends, each reader answers with a value, a Success or a Failure."""

import json
from datetime import UTC, datetime

from attrs import fields_dict
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from returns.result import Failure, Result, Success

from ibm_circuit_job import BackendConfiguration, BackendProperties, Job, JobInputs, JobMetrics, ResultPayload
from ibm_circuit_job.devices.configuration import BackendStatus
from ibm_circuit_job.devices.target import target_of
from ibm_circuit_job.errors import BackendPropertyError, IBMBackendApiError
from ibm_circuit_job.wire import (
    documents,
    error_replies,
    instance_usage,
    queries,
    records,
    replies,
    results,
    typed_json,
)
from ibm_circuit_job.wire.reply_fields import BssFields, JobFields, MetricsFields, PageFields, StateFields, UsageFields

NOW = datetime(2024, 2, 3, 12, tzinfo=UTC)
NAMES = sorted(
    {
        name
        for kind in (JobFields, MetricsFields, PageFields, StateFields, UsageFields, BssFields)
        for name in fields_dict(kind)
    }
    | {"data", "type", "url", "results", "metadata", "__type__", "__value__", "pub_results", "qubit_properties"}
    | {
        "usage_period",
        "usage_limit_seconds",
        "format",
        "job",
        "cancelled",
        "error",
        "errors",
        "message",
        "code",
        "trace",
    }
)
NUMBERS = (
    st.integers(-2, 5)
    | st.sampled_from([2**31, 2**53, 2**63, 2**64, -(2**64), 10**9, 10**400, -(10**400)])
    | st.floats()
)
TEXTS = st.sampled_from(
    ["", "a", "x" * 200, "\ud800", "1e400", "NaN", "job-status", "complex", "ndarray", "QuantumCircuit", "Completed"]
) | st.text(max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | TEXTS, inner, max_size=4),
    max_leaves=8,
)


BODIES = VALUES.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60)
NOTHING_MUCH = (b"null", b"[]", b'""', b"0", b"", b"{}", b"1e400", b"-1e400", b"1" + b"0" * 5000, b"NaN", b'"\\ud800"')

READERS = {
    "job": lambda body: replies.read_job(body, NOW),
    "page": lambda body: replies.read_job_page(body, NOW),
    "metrics": lambda body: replies.read_metrics(body, NOW),
    "submission": replies.read_submission,
    "pushed status": lambda body: replies.read_pushed_status(body, NOW),
    "instance usage": instance_usage.read_instance_usage,
    "stored job": records.from_json,
    "result": lambda body: results.decode(ResultPayload(NOW, body)),
    "primitive result": lambda body: results.decode_primitive(ResultPayload(NOW, body)),
    "typed JSON": lambda body: typed_json.decode(body, "body"),
    "parts of typed JSON": lambda body: typed_json.decode_parts(body, "body"),
    "value": lambda body: documents.value(body, "body"),
    "fields": lambda body: documents.fields(body, "body"),
    "elements": lambda body: documents.elements(body, "body"),
}


def with_each(bodies):
    """A decorator: these bodies are tried as well."""

    def decorated(test):
        for body in bodies:
            test = example(body=body)(test)
        return test

    return decorated


patient = settings(suppress_health_check=[HealthCheck.too_slow])


# To make a body up takes longer than to read it.
@settings(patient, max_examples=4 * settings.default.max_examples)
@with_each(NOTHING_MUCH)
@given(body=BODIES)
def test_each_reader_of_any_body_answers(body):
    for name, reader in READERS.items():
        assert isinstance(reader(body), Success | Failure), name


@patient
@with_each(NOTHING_MUCH)
@given(body=BODIES)
def test_reader_without_a_failure_answers(body):
    assert len(error_replies.read_error(body).message) <= 1000
    assert replies.read_result_location(body) is None or isinstance(replies.read_result_location(body), str)
    assert replies.read_cancel(body) in {True, False}
    assert replies.is_empty(body) in {True, False}
    assert results.error_in(ResultPayload(NOW, body)) is None or results.error_in(ResultPayload(NOW, body))


@patient
@given(value=VALUES)
def test_reader_of_what_a_client_decoded_answers(value):
    for read in (replies.read_job(value, NOW), replies.read_metrics(value, NOW), replies.read_job_page(value, NOW)):
        assert isinstance(read, Result)
    assert replies.read_cancel(value) in {True, False}


@patient
@with_each(NOTHING_MUCH)
@given(body=BODIES)
def test_query_of_any_inputs_or_fields_answers(body):
    job = Job("a", inputs=JobInputs(NOW, body), payload=ResultPayload(NOW, body))
    for query in (queries.circuits, queries.header, queries.backend_options, queries.params, queries.error_message):
        query(job)
    read = replies.read_metrics(body, NOW).value_or(JobMetrics(NOW))
    for query in (queries.metrics, queries.queue_info, queries.usage, queries.client_version, queries.queue_position):
        query(Job("a", metrics=read))


@patient
@given(field=st.sampled_from(sorted(fields_dict(JobFields))), value=VALUES)
def test_field_of_any_value_costs_itself_alone(field, value):
    whole = {"id": "a", "state": {"status": "Completed"}, "backend": "b", "tags": ["x"], "cost": 10}
    read = replies.read_job((json.dumps(whole)[:-1] + f', "{field}": {json.dumps(value)}}}').encode(), NOW)
    if field not in {"id", "state"}:
        assert read.unwrap().status.server_status
        assert field == "tags" or read.unwrap().tags == ("x",)


CONFIGURATION = {
    "backend_name": "ibm_x",
    "n_qubits": 2,
    "basis_gates": ["cz", "x", "rzz"],
    "gates": [{"name": "cz", "coupling_map": [[0, 1]], "parameters": []}],
    "coupling_map": [[0, 1]],
    "dt": 0.5,
    "dtm": 0.5,
    "max_shots": 100,
    "max_experiments": 10,
    "timing_constraints": {"granularity": 1},
    "rep_delay_range": [0, 500],
    "default_rep_delay": 250,
    "meas_map": [[0, 1]],
    "qubit_lo_range": [[1, 2]],
    "hamiltonian": {"vars": {"a": 1}},
    "u_channel_lo": [[{"q": 0, "scale": [1.0, 0.0]}]],
    "online_date": "2024-02-03T00:00:00Z",
    "supported_instructions": ["cz", "x", "delay", "if_else"],
    "instruction_signatures": [{"name": "measure_2", "num_qubits": 1, "num_clbits": 1}],
}
FIGURE = {"name": "T1", "date": "2024-02-03T04:00:00Z", "unit": "us", "value": 80.5}
PROPERTIES = {
    "backend_name": "ibm_x",
    "last_update_date": "2024-02-03T04:00:00Z",
    "qubits": [[FIGURE], [FIGURE]],
    "gates": [{"gate": "cz", "qubits": [0, 1], "parameters": [{**FIGURE, "name": "gate_error"}]}],
    "general": [FIGURE],
}


@patient
@given(name=st.sampled_from(sorted(CONFIGURATION)), value=VALUES)
def test_configuration_of_any_values_is_read_or_refused(name, value):
    try:
        read = BackendConfiguration.from_dict({**CONFIGURATION, name: value})
    except IBMBackendApiError:
        assert name in {"backend_name", "n_qubits", "basis_gates"}
        return
    for attribute in dir(read):
        if not attribute.startswith("_"):
            _asked(read, attribute)
    assert target_of(read, None).num_qubits == read.n_qubits


def _asked(record, attribute):
    try:
        return getattr(record, attribute)
    except IBMBackendApiError:
        return None


@patient
@given(
    place=st.sampled_from(["date", "name", "unit", "value"]),
    value=VALUES,
    other=st.sampled_from(sorted(PROPERTIES)),
    instead=st.none() | VALUES,
)
def test_properties_of_any_values_are_read_or_refused(place, value, other, instead):
    said = {**PROPERTIES, "qubits": [[FIGURE, {**FIGURE, place: value}], [FIGURE]]}
    if instead is not None:
        said[other] = instead
    try:
        read = BackendProperties.from_dict(said, UTC)
    except IBMBackendApiError:
        assert instead is not None
        return
    for question in (read.t1, read.t2, read.readout_error, read.frequency, read.is_qubit_operational):
        try:
            question(1)
        except BackendPropertyError:
            continue
    assert isinstance(read.to_dict(), dict)
    assert isinstance(hash(read), int)
    target_of(BackendConfiguration.from_dict(CONFIGURATION), read)


@patient
@given(value=VALUES | st.dictionaries(st.sampled_from(["state", "status", "length_queue", "backend_version"]), VALUES))
def test_status_of_any_values_is_read_or_refused(value):
    try:
        assert BackendStatus.from_reply(value, "ibm_x").pending_jobs >= 0
    except IBMBackendApiError:
        return


@patient
@given(value=VALUES)
def test_usage_of_any_values_is_read(value):
    body = json.dumps({"usage_consumed_seconds": value, "usage_period": value, "usage_limit_reached": value})
    assert isinstance(instance_usage.read_instance_usage(body.encode()), Success)


@patient
@given(value=VALUES)
def test_what_is_read_survives_json(value):
    read = replies.read_job({"id": "a", "note": value, "backend": value, "tags": value, "usage": value}, NOW)
    job = read.unwrap()
    assert records.from_json(records.to_json(job)).unwrap() == job
