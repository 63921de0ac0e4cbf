"""What is made of the body of each program: counts, memory, headers; and of bodies of which a part is damaged."""

import json
import pickle
from datetime import UTC, datetime
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.primitives.containers import DataBin, PrimitiveResult, SamplerPubResult
from qiskit.result import Result as QiskitResult
from result_bodies import (
    CLASSIC,
    ESTIMATOR,
    EXECUTOR_VERSIONS,
    NOISE_LEARNER,
    NOISE_LEARNER_V3,
    REST_ESTIMATOR,
    bits,
    executor,
    packed_sampler,
    rest_sampler,
)

from ibm_circuit_job import IBMJobApiError, ResultPayload
from ibm_circuit_job.errors import OtherForm
from ibm_circuit_job.wire import execution_spans, results, typed_json
from ibm_circuit_job.wire.results import Binding, BodyKind, ResultContext, primitives
from ibm_circuit_job.wire.results.frozen import thawed_json
from ibm_circuit_job.wire.results.limits import MOST_BITS

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
ONE = {"c": bits(1, 20, 3)}
TWO = {"a": bits(2, 20, 2), "b": bits(3, 20, 9)}


def payload(body):
    return ResultPayload(NOON, body if isinstance(body, bytes) else msgspec.json.encode(body))


def decoded(body, context=None):
    return results.decode(payload(body), context).unwrap()


def primitive(body):
    return results.decode_primitive(payload(body)).unwrap()


# What a body holds


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (CLASSIC, BodyKind.RESULT),
        (b'{"results": []}', BodyKind.RESULT),
        (b'{"results": [{"success": false, "status": "ERROR"}]}', BodyKind.RESULT),
        (typed_json.encode(QiskitResult.from_dict(json.loads(CLASSIC))), BodyKind.RESULT),
        (packed_sampler(ONE), BodyKind.SAMPLER),
        (packed_sampler(), BodyKind.SAMPLER),
        (rest_sampler(ONE), BodyKind.REST_SAMPLER),
        (ESTIMATOR, BodyKind.ESTIMATOR),
        (REST_ESTIMATOR, BodyKind.REST_ESTIMATOR),
        (NOISE_LEARNER, BodyKind.NOISE_LEARNER),
        (NOISE_LEARNER_V3, BodyKind.NOISE_LEARNER),
        (b'{"data": [], "metadata": {"chunk_timing": []}}', BodyKind.EXECUTOR),
        (b'{"schema_version": "v0.1", "start": "x", "stop": "y"}', BodyKind.OTHER),
        (b'{"__type__": "settings", "__value__": {}}', BodyKind.OTHER),
        (json.dumps(REST_ESTIMATOR.decode()).encode(), BodyKind.REST_ESTIMATOR),
        (b'{"url": "https://storage.example.com/x"}', BodyKind.LOCATION),
        (b"", BodyKind.NOTHING),
        (b"<html>502</html>", BodyKind.NOTHING),
        (b'{"errors": [{"code": 1, "message": "x"}]}', BodyKind.NOTHING),
        (b'{"data": null}', BodyKind.NOTHING),
        (packed_sampler(ONE)[:-1], BodyKind.NOTHING),
        *((executor(version, ONE), BodyKind.EXECUTOR) for version in EXECUTOR_VERSIONS),
    ],
)
def test_body_is_recognised_by_what_it_holds(body, kind):
    assert results.kind_of(payload(body)) is kind
    assert results.is_result(payload(body)) is (kind not in {BodyKind.LOCATION, BodyKind.NOTHING})


def test_body_is_told_by_a_later_part_if_the_first_is_damaged():
    body = {"results": [{}, {"data": {"c": {"samples": ["0x0"], "num_bits": 1}}}]}
    assert results.kind_of(payload(body)) is BodyKind.REST_SAMPLER


# Counts


def test_rest_registers_are_as_those_of_a_packed_body():
    rest, packed = decoded(rest_sampler(ONE, TWO)), decoded(packed_sampler(ONE, TWO))
    assert rest.get_counts() == packed.get_counts()
    assert rest.get_memory(1) == packed.get_memory(1)
    assert rest.results[1].header["creg_sizes"] == [["a", 2], ["b", 9]]


def test_first_register_has_the_lowest_bits():
    body = {"results": [{"data": {"a": {"samples": ["0x1"], "num_bits": 2}, "b": {"samples": ["0x4"], "num_bits": 3}}}]}
    assert decoded(body).get_counts() == {"100 01": 1}


def test_registers_are_in_circuit_order_if_it_is_known():
    context = ResultContext("a", "b", ("x",), (Binding(("b", "a")),))
    body = {"results": [{"data": {"a": {"samples": ["0x1"], "num_bits": 2}, "b": {"samples": ["0x4"], "num_bits": 3}}}]}
    assert decoded(body, context).get_counts() == {"01 100": 1}


@pytest.mark.parametrize("version", EXECUTOR_VERSIONS)
def test_executor_has_the_counts_of_a_sampler(version):
    assert decoded(executor(version, ONE, TWO)).get_counts() == decoded(packed_sampler(ONE, TWO)).get_counts()


def test_flips_of_twirling_are_undone():
    flips = bits(7, 4, 1, 3)
    measured = bits(8, 4, 20, 3)
    twirled = executor("v1.0", {"c": measured ^ flips, "measurement_flips.c": flips})
    assert decoded(twirled).get_counts() == decoded(executor("v1.0", {"c": measured})).get_counts()


def test_flips_of_another_shape_cost_their_item_alone():
    body = executor("v1.0", ONE, {"c": bits(1, 1, 3), "measurement_flips.c": bits(7, 9, 9, 1, 3)})
    result = decoded(body)
    assert sum(result.get_counts(0).values()) == 20
    with pytest.raises(QiskitError, match=r"circuit-1.*expected flips"):
        result.get_counts(1)


def client_side(*items, twirling, **more):
    data = {"version": "v0.1", "twirling": twirling, "meas_type": "classified", "shots": 5, "options": {"x": [1]}}
    data |= {"circuits_metadata": [{"mine": 1}, None], **more}
    return executor("v1.0", *items, passthrough_data={"post_processor": data}, role="sampler_v2")


def test_randomizations_of_the_client_side_sampler_are_its_shots():
    measured = bits(9, 4, 2, 5, 3)
    result = decoded(client_side({"c": measured}, twirling=True, circuits_metadata=None))
    assert [experiment.shots for experiment in result.results] == [20, 20]
    first = decoded(packed_sampler({"c": measured[:, 0].reshape(20, 3)}))
    assert result.get_counts(0) == first.get_counts()
    assert result.results[0].header["metadata"] == {}


def test_client_side_sampler_of_a_later_version_has_its_arrays():
    body = client_side(ONE, ONE, twirling=False, version="v9")
    assert primitive(body).passthrough_data["post_processor"]["version"] == "v9"
    assert sum(decoded(body).get_counts(0).values()) == 20


# Complex numbers


def kerneled(array, shape=()):
    return typed_json.encode(PrimitiveResult([SamplerPubResult(DataBin(c=array, shape=shape), {})], {}))


def test_kerneled_data_are_memory_without_counts():
    numbers = np.array([[1 + 2j, 0], [3 + 4j, 1j]])
    result = decoded(kerneled(numbers))
    assert np.array_equal(result.get_memory(0), numbers)
    assert (result.results[0].meas_level, result.results[0].meas_return) == (1, "single")
    with pytest.raises(QiskitError, match="No counts"):
        result.get_counts(0)
    assert json.loads(json.dumps(result.to_dict()))["results"][0]["data"]["memory"][0] == [[1.0, 2.0], [0.0, 0.0]]


def test_averaged_data_are_one_number_per_bit():
    numbers = np.arange(6).reshape(3, 2) * 1j
    result = decoded(kerneled(numbers, (3,)))
    assert [np.array_equal(result.get_memory(index), numbers[index]) for index in range(3)] == [True] * 3
    assert result.results[0].meas_return == "avg"


def test_kerneled_data_of_an_executor_are_memory():
    numbers = np.arange(12).reshape(2, 3, 2) * 1j
    assert np.array_equal(decoded(executor("v1.0", {"c_iq": numbers})).get_memory(1), numbers[1])
    averaged = decoded(executor("v1.0", {"c_avg_iq": numbers[0]}))
    assert np.array_equal(averaged.get_memory(2), numbers[0][2])


# Headers


def test_header_says_which_parameters_were_measured():
    values = np.array([[0.1, 0.2], [0.3, 0.4]])
    context = ResultContext("a", "b", ("sweep",), (Binding(("c",), ("p", "q"), values),))
    result = decoded(packed_sampler({"c": bits(1, 2, 20, 3)}), context)
    header = result.results[1].header
    assert (header["name"], header["pub_index"], header["pub_shape"], header["index"]) == ("sweep", 0, [2], [1])
    assert header["parameters"] == {"p": 0.3, "q": 0.4}


def test_counts_of_a_circuit_with_several_parameters_are_a_list():
    context = ResultContext("a", "b", ("sweep", "one"))
    result = decoded(packed_sampler({"c": bits(1, 2, 2, 20, 3)}, ONE), context)
    sweep = QuantumCircuit(3, name="sweep")
    assert result.get_counts(sweep) == [result.get_counts(index) for index in range(4)]
    assert result.get_memory("sweep")[3] == result.get_memory(3)
    assert result.get_counts("one") == result.get_counts(4)
    with pytest.raises(QiskitError, match="could not be found"):
        result.get_counts("another")


# Metadata


def test_typed_values_in_metadata_survive_and_go_to_json():
    note = {"n": np.int64(3), "xs": np.arange(2), "z": 1j, "when": NOON, "inner": [{"f": np.float64(0.5)}]}
    body = packed_sampler(ONE, notes=[note]).replace(
        b'"2024-02-03T12:00:00Z"',
        json.dumps({"__type__": "datetime", "__value__": "2024-02-03T12:00:00+00:00"}).encode(),
    )
    result = decoded(body)
    found = result.results[0].header["metadata"]
    assert (found["n"], found["xs"].tolist(), found["z"], found["when"]) == (3, [0, 1], 1j, NOON)
    plain = json.loads(json.dumps(result.to_dict()))["results"][0]["header"]["metadata"]
    assert (plain["xs"], plain["z"], plain["inner"]) == ([0, 1], [0.0, 1.0], [{"f": 0.5}])
    assert plain["when"].startswith("2024-02-03T12:00:00")


@pytest.mark.parametrize("kind", ["ndarray", "QuantumCircuit", "datetime", "complex", "DoubleSliceSpan", "Result"])
def test_metadata_that_cannot_be_read_stay_as_they_came(kind):
    damaged = {"__type__": kind, "__value__": "AAAA"}
    body = json.loads(packed_sampler(ONE, metadata={"version": 2, "x": 1}, notes=[{"y": 1, "good": 2}]))
    body["__value__"]["metadata"]["x"] = damaged
    body["__value__"]["pub_results"][0]["__value__"]["metadata"]["circuit_metadata"]["y"] = damaged
    result = decoded(body)
    assert result.metadata["x"] == damaged
    assert result.results[0].header["metadata"] == {"y": damaged, "good": 2}
    assert sum(result.get_counts().values()) == 20
    json.dumps(result.to_dict())
    assert pickle.loads(pickle.dumps(result)).metadata["x"] == damaged


def test_result_goes_to_json_and_back():
    result = decoded(packed_sampler(ONE, TWO))
    back = type(result).from_dict(json.loads(json.dumps(result.to_dict())))
    assert isinstance(back, QiskitResult)
    assert back.get_counts() == result.get_counts()
    assert pickle.loads(pickle.dumps(result)).get_counts() == result.get_counts()


def spans_body(*spans):
    body = json.loads(packed_sampler(ONE))
    body["__value__"]["metadata"]["execution"] = {
        "execution_spans": {"__type__": "ExecutionSpans", "__value__": {"spans": list(spans)}}
    }
    return body


def span(kind, second, slices):
    moment = {"__type__": "datetime", "__value__": f"2025-01-01T00:00:0{second}+00:00"}
    return {"__type__": kind, "__value__": {"start": moment, "stop": moment, "data_slices": {"0": slices}}}


def test_execution_spans_are_records_without_the_official_client():
    found = decoded(
        spans_body(
            span("DoubleSliceSpan", 1, [[3, 10], 0, 2, 0, 10]),
            span("TwirledSliceSpan", 2, [[2, 3, 10], True, 0, 6, 0, 5]),
            span("TwirledSliceSpanV2", 3, [[2, 3, 10], False, 0, 6, 0, 10, 20]),
            span("ExecutionSpan", 4, [[3, 10], 0, 30]),
        )
    )
    spans = found.metadata["execution"]["execution_spans"]
    if not isinstance(spans, execution_spans.ExecutionSpans):
        pytest.skip("the official client is installed here")
    assert [each.size for each in spans] == [20, 30, 60, 30]
    assert (spans.start.second, spans.stop.second, spans.duration, spans.pub_idxs) == (1, 4, 3.0, [0])
    plain = json.loads(json.dumps(found.to_dict()))["metadata"]["execution"]["execution_spans"]["spans"]
    assert plain[0] == {
        "start": "2025-01-01T00:00:01+00:00",
        "stop": "2025-01-01T00:00:01+00:00",
        "pub_idxs": [0],
        "size": 20,
    }
    assert pickle.loads(pickle.dumps(spans)) == spans


def test_spans_of_the_official_client_go_to_json():
    theirs = type("DoubleSliceSpan", (SimpleNamespace,), {"__module__": "qiskit_ibm_runtime.execution_span.x"})
    plain = execution_spans.plain(theirs(start=NOON, stop=NOON, pub_idxs=[1], size=np.int64(4)))
    assert json.loads(json.dumps(plain))["size"] == 4


# Damage


def test_damaged_circuit_of_a_sampler_costs_itself_alone():
    body = json.loads(packed_sampler(ONE, TWO, ONE))
    fields = body["__value__"]["pub_results"][1]["__value__"]["data"]["__value__"]["fields"]
    fields["b"]["__value__"]["array"]["__value__"] = "AAAA"
    result = decoded(body, ResultContext("a", "b", ("good", "bad", "fine")))
    assert not result.success
    assert result.get_counts("fine") == result.get_counts("good")
    with pytest.raises(QiskitError, match=r"the circuit 'bad' cannot be read: .*ndarray"):
        result.get_counts("bad")
    json.dumps(result.to_dict())
    found = primitive(body)
    assert found[0].data.c.num_shots == 20
    with pytest.raises(IBMJobApiError, match="pub 1 of the result cannot be read"):
        _ = found[1].data
    assert "pub 1" in repr(found)
    assert pickle.loads(pickle.dumps(found))[0].data.c.num_shots == 20


@pytest.mark.parametrize(
    "register",
    [
        {"samples": ["0x9"], "num_bits": 3},
        {"samples": ["zero"], "num_bits": 3},
        {"samples": ["0x1"], "num_bits": MOST_BITS + 1},
        {"samples": ["0x1"], "num_bits": -1},
        {"samples": ["0x1"], "num_bits": True},
        {"samples": [["0x1"], ["0x1", "0x0"]], "num_bits": 3},
        {"samples": "0x1", "num_bits": None},
        {"samples": ["0x1"]},
        {"samples": ["-0x1"], "num_bits": 3},
    ],
)
def test_damaged_samples_cost_their_circuit_alone(register):
    good = {"data": {"c": {"samples": ["0x1"], "num_bits": 3}}}
    result = decoded({"results": [good, {"data": {"c": register}}], "metadata": {}})
    assert result.get_counts(0) == {"001": 1}
    with pytest.raises(QiskitError, match="circuit-1"):
        result.get_counts(1)


@pytest.mark.parametrize(
    "tensor",
    [
        {"data": "AAAA", "shape": [10**9, 3], "dtype": "bool"},
        {"data": "AAAA", "shape": [-1], "dtype": "u8"},
        {"data": "AAAA", "shape": "3", "dtype": "u8"},
        {"data": "????", "shape": [3], "dtype": "u8"},
        {"data": "AAAA", "shape": [3], "dtype": "O"},
        {"data": None, "shape": [3], "dtype": "u8"},
        {"data": "AAAA", "shape": [3]},
        None,
    ],
)
@pytest.mark.parametrize("version", ["v1.0", "v2.0"])
def test_damaged_item_of_an_executor_costs_itself_alone(tensor, version):
    body = json.loads(executor(version, ONE, ONE))
    body["data"][1]["results"]["c"] = tensor
    found = primitive(body)
    assert found[0]["c"].shape == (20, 3)
    with pytest.raises(IBMJobApiError, match="item 1 of the result cannot be read"):
        found[1]["c"]
    assert sum(decoded(body).get_counts(0).values()) == 20


def test_item_that_claims_too_much_leaves_the_others_their_share():
    body = json.loads(executor("v1.0", ONE, ONE, ONE))
    body["data"][0]["results"]["c"]["shape"] = [10**12, 3]
    found = primitive(body)
    assert [item.problem is None for item in found] == [False, True, True]


def test_oversized_register_does_not_affect_the_others(monkeypatch):
    monkeypatch.setattr(primitives, "MOST_ARRAY_BYTES", 3)
    pubs = [{"data": {"c": {"samples": ["0x1"] * number, "num_bits": 1}}} for number in (4, 1, 1)]
    assert decoded({"results": pubs, "metadata": {}}).get_counts(1) == {"1": 1}


@pytest.mark.parametrize("dtype", [["f64"], {"f64": 1}, 8, None])
def test_passthrough_data_that_look_like_a_tensor_are_unchanged(dtype):
    body = json.loads(executor("v1.0", ONE))
    body["passthrough_data"] = {"mine": {"data": "", "shape": [], "dtype": dtype}}
    assert thawed_json(primitive(body).passthrough_data)["mine"]["dtype"] == dtype
    assert decoded(body).success


def test_body_of_which_nothing_can_be_read_is_no_result():
    body = json.loads(executor("v1.0", ONE))
    body["data"][0]["results"]["c"]["data"] = "AAAA"
    assert "item 0" in results.decode(payload(body)).failure().message
    sampler = json.loads(packed_sampler(ONE))
    sampler["__value__"]["pub_results"][0]["__value__"]["data"] = 3
    assert results.decode(payload(sampler)).failure().path == "pub_results[0].data"


def test_damaged_experiment_costs_only_itself():
    good = {"shots": 1, "success": True, "data": {"counts": {"0x1": 1}}, "header": {"name": "good", "memory_slots": 1}}
    body = json.loads(CLASSIC) | {"results": [good, {"success": True}, 3]}
    result = decoded(body)
    assert result.get_counts("good") == {"1": 1}
    for index in (1, 2):
        with pytest.raises(QiskitError, match=f"experiment {index} cannot be read"):
            result.get_counts(index)


# Other forms


@pytest.mark.parametrize("body", [ESTIMATOR, REST_ESTIMATOR, NOISE_LEARNER, NOISE_LEARNER_V3])
def test_result_without_counts_names_the_call_that_returns_it(body):
    failure = results.decode(payload(body), ResultContext("job-7")).failure()
    assert isinstance(failure, OtherForm)
    assert failure.message.startswith("the result of job job-7 has no counts: it has ")
    assert "primitive_result()" in failure.message


def test_executor_without_bits_has_no_counts():
    body = executor("v1.0", {"expectation": np.array([0.5])})
    assert "primitive_result()" in results.decode(payload(body)).failure().message
    assert primitive(body)[0]["expectation"].tolist() == [0.5]


def test_classic_result_names_the_call_that_returns_it():
    assert "; result() returns it" in results.decode_primitive(payload(CLASSIC)).failure().message


def test_result_of_an_unknown_program_says_where_its_bytes_are():
    body = payload(b'{"schema_version": "v0.1", "start": "x"}')
    for decode in (results.decode, results.decode_primitive):
        assert "job.state.payload.raw" in decode(body).failure().message


@pytest.mark.parametrize("body", [ESTIMATOR, REST_ESTIMATOR])
def test_expectation_values_are_in_the_primitive_result(body):
    [pub] = primitive(body)
    assert (pub.data.evs.item(), pub.data.stds.item(), pub.metadata["shots"]) == (0.5, 0.1, 10)


def test_records_cannot_be_changed():
    found = primitive(executor("v2.0", ONE, passthrough_data={"a": [1]}))
    with pytest.raises(ValueError, match="read-only"):
        found[0]["c"][0] = True
    with pytest.raises(TypeError, match="cannot be changed"):
        found.metadata["x"] = 1
    assert found.passthrough_data == {"a": (1,)}
    [learned] = primitive(NOISE_LEARNER_V3)
    assert not learned.rates.flags.writeable
    for record in (found, primitive(NOISE_LEARNER_V3), primitive(NOISE_LEARNER)):
        assert pickle.loads(pickle.dumps(record)) == record
    assert found != primitive(executor("v2.0", TWO))


def test_times_of_an_executor_are_utc():
    [chunk] = primitive(executor("v1.0", ONE)).metadata["chunk_timing"]
    assert chunk["start"] == datetime(2025, 1, 1, 12, tzinfo=UTC)
    assert chunk["stop"].utcoffset().total_seconds() == 0
