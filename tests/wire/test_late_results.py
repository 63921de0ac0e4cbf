"""Results of bits that are read when they are looked at: what is known before, and damage that is found then."""

import base64
import copy
import json
import pickle
import zlib
from datetime import UTC, datetime

import pytest
from qiskit.exceptions import QiskitError
from result_bodies import bits, executor, packed_sampler

from ibm_circuit_job import ResultPayload, counts_table, memory_array
from ibm_circuit_job.wire import results
from ibm_circuit_job.wire.results.outcomes import Layout
from ibm_circuit_job.wire.results.shown import result_view

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
SHOTS, SIZE = 2000, 9
CIRCUITS = [{"c": bits(number, SHOTS, SIZE)} for number in range(3)]
CONTEXT = results.ResultContext("a", "b", ("first", "second", "third"))


def sampler_role():
    """The program of the official client's sampler, without twirling."""
    data = {"version": "v0.1", "twirling": False, "meas_type": "classified", "options": {}, "shots": SHOTS}
    return {"role": "sampler_v2", "passthrough_data": {"post_processor": data}}


BODIES = {
    "sampler": packed_sampler(*CIRCUITS),
    "executor": executor("v1.0", *CIRCUITS),
    "compressed executor": executor("v2.0", *CIRCUITS),
    "executor of a sampler": executor("v2.0", *CIRCUITS, **sampler_role()),
}


def decoded(raw):
    return results.decode(ResultPayload(NOON, raw), CONTEXT).unwrap()


def damaged(raw, index):
    """The body with the last bytes of a circuit's array changed, which say its checksum, or are no base64."""
    body = json.loads(raw)
    if "data" in body:
        holder, name = body["data"][index]["results"]["c"], "data"
    else:
        pub = body["__value__"]["pub_results"][index]["__value__"]
        holder, name = pub["data"]["__value__"]["fields"]["c"]["__value__"]["array"], "__value__"
    holder[name] = holder[name][:-12] + "?!?!" + holder[name][-8:]
    return json.dumps(body).encode()


@pytest.fixture(params=BODIES)
def body(request):
    return BODIES[request.param]


def test_what_is_known_is_known_before_bits_are_read(body):
    result = decoded(damaged(body, 1))
    assert [(each.shots, each.success, each.status) for each in result.results] == [(SHOTS, True, "DONE")] * 3
    assert [each.header["memory_slots"] for each in result.results] == [SIZE] * 3
    assert all(each.data.untouched("counts") for each in result.results)


def test_damage_is_an_error_that_names_its_circuit(body):
    result = decoded(damaged(body, 1))
    for ask in (result.get_counts, result.get_memory, result.data):
        with pytest.raises(QiskitError, match=r"the circuit 'second' cannot be read: .*base64"):
            ask("second")
    assert (result.success, [each.success for each in result.results]) == (False, [True, False, True])
    with pytest.raises(QiskitError, match="'second'"):
        result.get_counts()


@pytest.mark.parametrize("header", [b"(2000, #)", b"((2000, 2", b"{1: 2, ''"])
def test_damaged_header_costs_its_circuit_alone(header):
    """The header of an array is Python's syntax, for which numpy raises more than a ValueError."""
    body = json.loads(BODIES["sampler"])
    array = body["__value__"]["pub_results"][1]["__value__"]["data"]["__value__"]["fields"]["c"]["__value__"]["array"]
    data = zlib.decompress(base64.b64decode(array["__value__"]))
    array["__value__"] = base64.b64encode(zlib.compress(data.replace(b"(2000, 2)", header))).decode()
    result = decoded(json.dumps(body).encode())
    with pytest.raises(QiskitError, match="the circuit 'second' cannot be read"):
        result.get_counts("second")
    assert sum(result.get_counts("third").values()) == SHOTS


def test_damage_costs_its_circuit_alone(body):
    whole, result = decoded(body), decoded(damaged(body, 1))
    for number in (0, 2):
        assert result.get_counts(number) == whole.get_counts(number)
        assert result.get_memory(number) == whole.get_memory(number)
        assert (memory_array(result, number) == memory_array(whole, number)).all()
    assert result.success


@pytest.mark.parametrize("how", ["to_dict", "pickle", "deepcopy", "repr"])
def test_damage_does_not_prevent_copies_of_the_rest(body, how):
    result = decoded(damaged(body, 1))
    made = {
        "to_dict": lambda: type(result).from_dict(result.to_dict()),
        "pickle": lambda: pickle.loads(pickle.dumps(result)),
        "deepcopy": lambda: copy.deepcopy(result),
        "repr": lambda: (repr(result), result)[1],
    }[how]()
    assert made.get_counts(2) == decoded(body).get_counts(2)
    assert [each.success for each in made.results] == [True, False, True]
    with pytest.raises(QiskitError, match="the circuit 'second' cannot be read"):
        made.get_counts(1)


def test_damage_is_named_by_direct_looks_at_the_data(body):
    result = decoded(damaged(body, 0))
    with pytest.raises(QiskitError, match="the circuit 'first' cannot be read"):
        _ = result.results[0].data.counts
    with pytest.raises(QiskitError, match="the circuit 'first' cannot be read"):
        counts_table(result)
    assert result_view(result).circuits[0].note == "no counts"


def test_registers_of_different_shots_cost_their_circuit_alone():
    raw, other = (json.loads(packed_sampler(*CIRCUITS[:2], {"c": bits(9, shots, SIZE)})) for shots in (SHOTS, 40))
    first, shorter = (
        body["__value__"]["pub_results"][index]["__value__"]["data"]["__value__"]
        for body, index in ((raw, 0), (other, 2))
    )
    first["fields"]["d"], first["field_names"] = shorter["fields"]["c"], ["c", "d"]
    result = decoded(json.dumps(raw).encode())
    with pytest.raises(QiskitError, match="'first' cannot be read: expected as many shots in each register"):
        result.get_counts(0)
    assert sum(result.get_counts(1).values()) == SHOTS


def test_damaged_result_of_one_circuit_is_no_result():
    for write in (packed_sampler, lambda *circuits: executor("v2.0", *circuits)):
        failure = results.decode(ResultPayload(NOON, damaged(write(CIRCUITS[0]), 0)), CONTEXT).failure()
        assert "base64" in failure.message or "no bits of registers" in failure.message


def test_sweep_is_decompressed_once_for_all_its_sets():
    sweep = {"c": bits(1, 50, 20, 5)}
    result = decoded(packed_sampler(sweep, CIRCUITS[0]))
    first, second = (each.data.untouched("counts").rows(Layout(5)) for each in result.results[:2])
    assert first.base is not None
    assert first.base is second.base
