"""Hypothesis strategies for facts, records, histories of facts, and replies of the service."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
from attrs import evolve, fields_dict
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from qiskit import QuantumCircuit

from ibm_circuit_job.state.facts import (
    Fact,
    JobDetails,
    JobInputs,
    JobMetrics,
    JobName,
    JobTags,
    ResultPayload,
    StatusReport,
)
from ibm_circuit_job.state.field_values import JsonText
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.status import STATUS_OF
from ibm_circuit_job.state.transitions import after, merge, refresh
from ibm_circuit_job.testing.model_service import ModelService
from ibm_circuit_job.testing.replies import job_reply
from ibm_circuit_job.wire.replies import read_job, read_metrics, status_report

_F = TypeVar("_F", bound=Fact)

JOB_ID = "cq1xexample"
"""The ID of the job in records and histories."""

_FIRST_MOMENT = datetime(2024, 2, 3, 12, tzinfo=UTC)


def moments() -> SearchStrategy[datetime]:
    """Aware times in UTC. There are only six of them, so that equal times are frequent."""
    return st.integers(0, 5).map(lambda seconds: _FIRST_MOMENT + timedelta(seconds=seconds))


def stamped(facts: SearchStrategy[_F]) -> SearchStrategy[_F]:
    """Facts with a stamp at their own time or later. A later stamp occurs if the clock of a program is behind."""
    ahead = st.sampled_from([0, 0, 0, 1, 2, 1_000_000, 2_000_000])
    return st.builds(lambda fact, micros: evolve(fact, stamp=fact.stamp + micros) if micros else fact, facts, ahead)


def texts() -> SearchStrategy[str]:
    """Short texts of any characters, without lone surrogates."""
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def server_statuses() -> SearchStrategy[str]:
    """Status strings: the known ones of the service, in upper and lower case, and unknown ones."""
    known = st.sampled_from(sorted(STATUS_OF))
    return st.one_of(known, known.map(str.title), known.map(str.lower), texts().filter(bool))


def status_reports() -> SearchStrategy[StatusReport]:
    """Reports of any status, from the service or assumed."""
    from_service = st.builds(
        status_report,
        server_status=server_statuses(),
        observed_at=moments(),
        reason=st.none() | st.just("Error") | texts(),
        reason_code=st.none() | st.just(1305) | st.integers(1000, 9999) | texts(),
        reason_solution=st.none() | texts(),
    )
    assumed = moments().map(lambda moment: StatusReport(moment, STATUS_OF["CANCELLED"], "Cancelled", assumed=True))
    return stamped(from_service | assumed)


def job_details() -> SearchStrategy[JobDetails]:
    """The details of a job: most of the fields, or two at most."""
    full = st.builds(
        JobDetails,
        observed_at=moments(),
        backend=st.none() | texts(),
        program=st.none() | st.sampled_from(["circuit-runner", "qasm3-runner", "sampler"]),
        created=st.none() | moments(),
        name=st.none() | texts(),
        tags=st.none() | st.lists(texts(), max_size=3),
        session_id=st.none() | texts(),
        run_mode=st.none() | texts(),
        usage_estimate=st.none() | st.floats(0, 1e6),
        private=st.none() | st.booleans(),
        unknown=_unknown_fields(),
        charged_seconds=st.none() | st.floats(0, 1e6),
        usage_status=_usage_statuses(),
        service_url=st.none() | texts(),
    )
    return stamped(full | _parts_of(full))


def job_metrics() -> SearchStrategy[JobMetrics]:
    """The metrics of a job: most of the fields, or two at most."""
    position = st.none() | st.integers(1, 100)
    seconds = st.none() | st.floats(0, 1e6)
    steps = st.tuples(st.sampled_from(["created", "running", "finished", "Running"]), moments())
    full = st.builds(
        JobMetrics,
        observed_at=moments(),
        timestamps=st.lists(steps, max_size=3, unique_by=lambda step: step[0]),
        position_in_queue=position,
        position_in_provider=position,
        estimated_start=st.none() | moments(),
        estimated_completion=st.none() | moments(),
        quantum_seconds=seconds,
        usage_seconds=seconds,
        client_version=st.none() | st.sampled_from(["0.1.0,0.21.2", "0.45.1", ""]),
        unknown=_unknown_fields(),
        charged_seconds=seconds,
        usage_status=_usage_statuses(),
        caller=st.none() | st.sampled_from(["qiskit/2.6.2/ibm-circuit-job/0.1.0", "qiskit/2.6.2"]) | texts(),
    )
    return stamped(full | _parts_of(full))


def _parts_of(facts: SearchStrategy[_F]) -> SearchStrategy[_F]:
    """Facts with two of their fields at most."""
    return st.builds(_part, facts, st.lists(st.integers(0, 99), max_size=2))


def _part(fact: Any, chosen: list[int]) -> Any:
    fields = {name: getattr(fact, name) for name in fields_dict(type(fact)) if name not in _NEVER_LEFT_OUT}
    present = [name for name, value in fields.items() if value]
    left = {present[number % len(present)] for number in chosen} if present else set()
    return type(fact)(fact.observed_at, **{name: fields[name] for name in left})


_NEVER_LEFT_OUT = {"observed_at", "stamp", "earlier"}


def _usage_statuses() -> SearchStrategy[str | None]:
    return st.none() | st.sampled_from(["pending", "complete"]) | texts()


def _unknown_fields() -> SearchStrategy[list[tuple[str, JsonText]]]:
    json_texts = st.sampled_from(["null", "1", '"x"', '{"y":[1, 2]}', "1.00"])
    # No field of the service has a name that begins with x.
    names = st.sampled_from(["cost", "hub", "runtime", "Cost"]) | texts().map("x{}".format)
    return st.lists(st.tuples(names, json_texts), max_size=2, unique_by=lambda pair: pair[0])


def job_inputs() -> SearchStrategy[JobInputs]:
    """Inputs of a job: any bytes."""
    return stamped(st.builds(JobInputs, observed_at=moments(), raw=st.binary(max_size=8)))


def payloads() -> SearchStrategy[ResultPayload]:
    """Payloads of a job: any bytes."""
    return stamped(st.builds(ResultPayload, observed_at=moments(), raw=st.binary(max_size=8)))


def facts() -> SearchStrategy[Fact]:
    """Facts of all kinds about a job."""
    return st.one_of(status_reports(), job_details(), job_metrics(), job_inputs(), payloads(), job_tags(), job_names())


def job_tags() -> SearchStrategy[JobTags]:
    """Facts about tags that a service has accepted."""
    return stamped(st.builds(JobTags, observed_at=moments(), tags=st.lists(texts(), max_size=3)))


def job_names() -> SearchStrategy[JobName]:
    """Facts about names that a user has given."""
    return stamped(st.builds(JobName, observed_at=moments(), name=texts()))


def histories(*, max_size: int = 8) -> SearchStrategy[list[Fact]]:
    """Histories: facts about one job, in the order in which they were seen."""
    return st.lists(facts(), max_size=max_size)


def terse_histories(*, max_size: int = 6) -> SearchStrategy[list[Fact]]:
    """Histories whose facts often lack a field that another fact has: a reason, a figure, or a value that is not null.

    Args:
        max_size: The most facts.
    """
    reports = st.builds(
        status_report,
        server_status=st.sampled_from(["Cancelled", "Cancelled - Ran too long", "Failed", "Running"]),
        observed_at=moments(),
        reason=st.sampled_from([None, "", "Error", "Too many shots."]),
        reason_code=st.sampled_from([None, "", 7, 1305]),
        reason_solution=st.sampled_from([None, "", "Use fewer."]),
    )
    figure, usage_status = st.sampled_from([None, 2.0]), st.sampled_from([None, "pending", "complete"])
    unknown = st.sampled_from([(), (("cost", "1"),), (("cost", "null"),), (("usage", '{"x": 1}'), ("cost", "2"))])
    details = st.builds(
        JobDetails,
        observed_at=moments(),
        tags=st.sampled_from([None, (), ("x",)]),
        backend=st.sampled_from([None, "model"]),
        charged_seconds=figure,
        usage_status=usage_status,
        unknown=unknown,
    )
    metrics = st.builds(
        JobMetrics,
        observed_at=moments(),
        caller=st.sampled_from([None, "qiskit/2.6.2", "a program"]),
        client_version=st.sampled_from([None, "", "0.45.1"]),
        quantum_seconds=figure,
        usage_status=usage_status,
        position_in_queue=st.sampled_from([None, 2]),
        unknown=unknown,
    )
    tags = st.builds(JobTags, observed_at=moments(), tags=st.sampled_from([(), ("y",)]))
    inputs = st.builds(JobInputs, observed_at=moments(), raw=st.sampled_from([b"{}", b'{"shots": 1}']))
    return st.lists(stamped(st.one_of(reports, details, metrics, tags, inputs)), max_size=max_size)


def jobs() -> SearchStrategy[Job]:
    """Records of the same job, each with the facts of a history."""
    return (histories() | lives() | terse_histories()).map(lambda history: refresh(Job(JOB_ID), *history))


def histories_of_several(*job_ids: str, max_size: int = 12) -> SearchStrategy[list[tuple[str, Fact]]]:
    """Histories of several jobs: pairs of a job ID and a fact, in the order in which the facts were seen.

    Args:
        job_ids: The IDs of the jobs.
        max_size: The most facts in all.
    """
    return st.lists(st.tuples(st.sampled_from(job_ids), facts()), max_size=max_size)


def lives(*, max_size: int = 12) -> SearchStrategy[list[Fact]]:
    """Realistic histories: the facts that a handle gets from a service which leaves fields out of its replies.

    The job is submitted, queued, run and ended, is cancelled, or fails. Its usage is pending before it is complete.
    Replies arrive late and twice. The handle's clock is set back and forward. The stamp of each fact is later than
    all stamps in the handle's record.

    Args:
        max_size: The most events; not every event is a reply.
    """
    return st.builds(life, st.integers(0, 2**32 - 1), st.lists(st.sampled_from(sorted(_EVENTS)), max_size=max_size))


def life(seed: int, events: list[str]) -> list[Fact]:
    """Return the facts that a handle gets during a list of events, in their order.

    Args:
        seed: The seed of the model of the service, which leaves fields out at random.
        events: The names of the events, as in ``"advance"``, ``"ask"``, ``"measure"``, ``"clock back"``.

    Example:
        >>> [type(fact).__name__ for fact in life(1, ["ask", "advance", "measure"])]
        ['StatusReport', 'JobDetails', 'JobMetrics']
    """
    service, known, history = ModelService(JOB_ID, seed=seed), Job(JOB_ID), list[Fact]()
    wall = _FIRST_MOMENT
    for event in events:
        wall += timedelta(seconds=1)
        if event in _CLOCK:
            wall += _CLOCK[event]
            continue
        reply = _EVENTS[event](service)
        if reply is None:
            continue
        if event == "measure":
            seen = Job(JOB_ID, metrics=read_metrics(reply, wall).unwrap())
        elif event == "tag":
            seen = refresh(Job(JOB_ID), JobTags(wall, service.tags))
        else:
            seen = read_job(reply, wall).unwrap()
        seen = after(seen, known, wall)
        known = merge(known, seen)
        history += seen.facts
    return history


def _tag(service: ModelService) -> bytes:
    service.update_tags(service.job_id, [f"tag {len(service.tags)}", *service.tags][:3])
    return b"{}"


def _happens(what: Callable[[ModelService], object]) -> Callable[[ModelService], None]:
    def happen(service: ModelService) -> None:
        what(service)

    return happen


_CLOCK = {"clock back": timedelta(minutes=-1), "clock forward": timedelta(hours=1)}
_EVENTS: dict[str, Callable[[ModelService], bytes | None]] = {
    "advance": _happens(ModelService.advance),
    "advance again": _happens(ModelService.advance),
    "fail": _happens(lambda service: service.fail("The qubits are cold.")),
    "run too long": _happens(ModelService.run_too_long),
    "mumble": _happens(lambda service: service.mumble("Levitating")),
    "late reply": _happens(lambda service: service.repeat_reply(2)),
    "same reply": _happens(lambda service: service.repeat_reply(0)),
    "ask": lambda service: service.job_get(service.job_id),
    "ask for all": lambda service: service.job_get(service.job_id, exclude_params=False),
    "measure": lambda service: service.job_metadata(service.job_id),
    "tag": _tag,
    **dict.fromkeys(_CLOCK, lambda _: None),
}


def job_replies() -> SearchStrategy[bytes]:
    """Valid replies to ``GET /jobs/ID`` as bytes, in each spelling that the service has used."""
    reports = st.none() | status_reports()
    records = st.builds(Job, st.just(JOB_ID), reports, st.none() | job_details(), inputs=st.none() | json_inputs())
    plain = records.map(lambda job: job_reply(job, exclude_params=False))
    return plain | st.builds(_spelt_otherwise, plain, st.sets(st.sampled_from(["state", "status", "code", "number"])))


def json_inputs() -> SearchStrategy[JobInputs]:
    """Inputs of a job that are JSON, as from a service."""
    params = st.dictionaries(texts(), st.integers(0, 9) | texts(), min_size=1, max_size=3)
    return st.builds(JobInputs, observed_at=moments(), raw=params.map(msgspec.json.encode))


def _spelt_otherwise(reply: bytes, what: set[str]) -> bytes:
    """The same reply, with some names and numbers as other versions of the service spell them."""
    fields = msgspec.json.decode(reply)
    if "code" in what and "reason_code" in fields.get("state", {}):
        fields["state"]["reasonCode"] = fields["state"].pop("reason_code")
    if "status" in what and "status" in fields.get("state", {}):
        fields["state"]["Status"] = fields["state"].pop("status")
    if "number" in what and "estimated_running_time_seconds" in fields:
        fields["estimated_running_time_seconds"] = str(fields["estimated_running_time_seconds"])
    if "state" in what and "state" in fields:
        fields["State"] = fields.pop("state")
    return msgspec.json.encode(fields)


def hostile_replies() -> SearchStrategy[bytes]:
    """Replies of a broken or malicious server: any bytes, JSON of wrong types, and damaged replies."""
    return st.one_of(
        st.binary(max_size=200),
        _wrong_json().map(msgspec.json.encode),
        st.builds(_damaged, job_replies(), st.integers(0, 1000), st.binary(max_size=4)),
        st.sampled_from(_MONSTERS),
    )


def _wrong_json() -> SearchStrategy[object]:
    """JSON with names of the protocol and values of any type."""
    names = st.sampled_from(_NAMES) | texts()
    numbers = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
    leaves = st.none() | st.booleans() | numbers | texts() | st.sampled_from(_LEAVES)
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6), max_leaves=12
    )


_NAMES = (
    *(
        "id",
        "state",
        "status",
        "reason",
        "reason_code",
        "reasonCode",
        "backend",
        "program",
        "created",
        "tags",
        "private",
    ),
    *(
        "params",
        "jobs",
        "count",
        "offset",
        "usage",
        "timestamps",
        "position_in_queue",
        "type",
        "data",
        "error",
        "errors",
    ),
    *("message", "code", "trace", "results", "success", "counts", "shots", "header", "creg_sizes", "memory", "url"),
    *("__type__", "__value__", "__module__", "__class__", "array", "num_bits", "fields", "shape", "pub_results"),
    *("metadata", "estimated_start_time", "estimated_running_time_seconds", "circuits", "pubs"),
)

_LEAVES = (
    *("datetime", "complex", "set", "ndarray", "QuantumCircuit", "Parameter", "ParameterExpression", "Instruction"),
    *("NoiseModel", "Result", "BitArray", "DataBin", "PubResult", "SamplerPubResult", "PrimitiveResult", "settings"),
    *("to_json", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "0x1", "Completed", "AAAA", "eJwDAAAAAAE="),
)

_MONSTERS = (
    b"",
    b"null",
    b"<html><body>Bad gateway</body></html>",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"id":"a","cost":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"id":"a","estimated_running_time_seconds":' + b"9" * 100_000 + b"}",
    b'{"id":"a","created":1e400}',
    b'{"id":"a","tags":["\\ud800"],"id":"b"}',
    b'\xef\xbb\xbf{"id":"a"}',
    b'{"id":"\xff\xfe"}',
    b'{"id":"a","state":{"status":"Running"',
    b'{"results": NaN}',
)


def _damaged(reply: bytes, at: int, with_what: bytes) -> bytes:
    """A reply that is cut off, or has some bytes replaced."""
    place = at % (len(reply) + 1)
    return reply[:place] + with_what + (reply[place + len(with_what) :] if with_what else b"")


def circuits(*, max_qubits: int = 4) -> SearchStrategy[QuantumCircuit]:
    """Small circuits that measure all qubits into one register or two."""
    return st.builds(
        _circuit,
        st.integers(1, max_qubits),
        st.lists(st.tuples(st.sampled_from(["x", "h", "cx"]), st.integers(0, 99), st.integers(0, 99)), max_size=6),
        st.booleans(),
    )


def _circuit(qubits: int, gates: list[tuple[str, int, int]], two_registers: bool) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits)
    for gate, first, second in gates:
        operands = (
            [first % qubits] if gate != "cx" else [first % qubits, (first + 1 + second % max(qubits - 1, 1)) % qubits]
        )
        if len(set(operands)) == len(operands):
            getattr(circuit, gate)(*operands)
    circuit.measure_all()
    if two_registers:
        circuit.measure_all()
    return circuit
