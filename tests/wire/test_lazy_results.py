"""What of a result is read, and when; and its counts and memory as arrays."""

import json
import threading
from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.primitives.containers import BitArray
from qiskit.result import Result as QiskitResult
from result_bodies import bits, packed_sampler

from ibm_circuit_job import ResultPayload, counts_table, memory_array
from ibm_circuit_job.wire import results

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
HEADER = {"memory_slots": 5, "creg_sizes": [["a", 2], ["b", 3]]}


def body(*memories, width=5, **more):
    """The body of a ``Result`` with an experiment for each list of outcomes."""
    listed = [
        {
            "shots": len(memory),
            "success": True,
            "data": {"counts": dict(Counter(map(hex, memory))), "memory": [*map(hex, memory)]},
            "header": {**HEADER, "memory_slots": width, "name": f"circuit {number}", "creg_sizes": [["c", width]]},
            **more,
        }
        for number, memory in enumerate(memories)
    ]
    return {"backend_name": "b", "backend_version": "1", "job_id": "a", "success": True, "results": listed}


def decoded(raw):
    raw = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    return results.decode(ResultPayload(NOON, raw)).unwrap()


def test_counts_of_one_experiment_read_no_other_data():
    result = decoded(body([1, 2, 2], [3, 3], [4]))
    assert result.get_counts(1) == {"00011": 2}
    assert result.get_memory("circuit 1") == ["00011", "00011"]
    assert all(each.data.untouched("counts") and each.data.untouched("memory") for each in result.results)
    assert result.results[1].data.counts == {"0x3": 2}
    assert [each.data.untouched("counts") is None for each in result.results] == [False, True, False]
    assert all(each.data.untouched("memory") for each in result.results)


def test_changed_data_are_what_counts_are_made_of():
    result = decoded(body([1, 2, 2]))
    result.results[0].data.counts["0x1f"] = 7
    result.results[0].data.memory = ["0x1"]
    assert result.get_counts() == {"00001": 1, "00010": 2, "11111": 7}
    assert result.get_memory() == ["00001"]
    assert result.data()["memory"] == ["0x1"]


def test_counts_have_the_other_forms_after_a_change():
    counts = decoded(body([1, 2, 2])).get_counts()
    counts.clear()
    assert (counts.int_raw, counts.hex_raw) == ({1: 1, 2: 2}, {"0x1": 1, "0x2": 2})


def test_damaged_text_in_data_costs_its_experiment_alone():
    raw = json.dumps(body([1], [2], [3])).encode().replace(b'"memory": ["0x2"]', b'"memory": ["0x2\xff"]')
    result = decoded(raw)
    assert (result.success, [each.success for each in result.results]) == (False, [True, False, True])
    assert result.get_counts(2) == {"00011": 1}
    with pytest.raises(QiskitError, match="experiment 1 cannot be read"):
        result.get_counts("circuit 1")


def test_body_that_was_cut_off_is_no_result():
    raw = json.dumps(body([1], [2])).encode()
    assert results.decode(ResultPayload(NOON, raw[:-3])).failure().message.startswith("expected a JSON value")


def test_fields_that_are_not_known_survive():
    result = decoded({**body([1], of_tomorrow=[1]), "of_today": {"a": 1}})
    assert (result.of_today, result.results[0].of_tomorrow) == ({"a": 1}, [1])
    assert result.get_counts() == {"00001": 1}


def test_threads_that_look_at_the_same_data_see_them():
    data = decoded(body([*range(32)] * 200)).results[0].data
    seen, barrier = [], threading.Barrier(8)

    def look():
        barrier.wait()
        seen.append((len(data.counts), len(data.memory), sorted(data.to_dict())))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [(32, 6400, ["counts", "memory"])] * 8


def test_data_without_a_field_say_so():
    data = decoded(body([1])).results[0].data
    with pytest.raises(AttributeError, match="statevector"):
        _ = data.statevector
    assert not hasattr(data, "snapshots")


# Columns


def test_counts_table_has_a_row_for_each_outcome():
    table = counts_table(decoded(body([1, 9, 1], [2])))
    assert table["experiment"].tolist() == [0, 0, 1]
    assert table["outcome"].tolist() == [[1], [9], [2]]
    assert table["count"].tolist() == [2, 1, 1]
    assert table.dtype["outcome"].base == np.uint8


def test_counts_table_is_as_wide_as_the_widest_circuit():
    circuits = [{"c": bits(1, 50, 3)}, {"c": bits(2, 50, 70)}]
    result = decoded(packed_sampler(*circuits))
    packed, unpacked = counts_table(result), counts_table(result, packed=False)
    assert (packed["outcome"].shape[1], unpacked["outcome"].shape[1]) == (9, 70)
    numbers = [int.from_bytes(bytes(row)) for row in packed["outcome"]]
    assert numbers == [sum(int(bit) << place for place, bit in enumerate(row)) for row in unpacked["outcome"]]
    for index in range(2):
        of_index = packed["experiment"] == index
        found = {numbers[row]: int(packed["count"][row]) for row in np.flatnonzero(of_index)}
        assert found == result.get_counts(index).int_outcomes()


def test_memory_array_has_bit_k_in_column_k():
    measured = {"a": bits(1, 50, 2), "b": bits(2, 50, 9)}
    result = decoded(packed_sampler(measured))
    assert (memory_array(result) == np.concatenate([measured["a"], measured["b"]], axis=1)).all()
    packed = memory_array(result, 0, packed=True)
    assert BitArray(packed, 11).get_counts() == {
        outcome.replace(" ", ""): count for outcome, count in result.get_counts().items()
    }


@pytest.mark.parametrize("circuit", [1, -1, "circuit 1", QuantumCircuit(name="circuit 1")])
def test_memory_array_is_of_the_circuit_that_is_named(circuit):
    plain = QiskitResult.from_dict(body([1], [2, 3]))
    for result in (decoded(body([1], [2, 3])), plain):
        assert memory_array(result, circuit, packed=True).tolist() == [[2], [3]]


def test_arrays_of_nothing_are_empty():
    assert counts_table(decoded({**body(), "results": []})).shape == (0,)
    assert counts_table(decoded(body([]))).shape == (0,)
    assert memory_array(decoded(body([]))).shape == (0, 5)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (body([1], success=False, status="too hot"), "too hot"),
        (body([1], meas_level=1), "got level 1"),
        (body([1], data={"counts": {"0x1": 1}}), "run with memory=True"),
        (body([1], data={"memory": ["0x20"]}), "hexadecimal outcomes of 5 bits"),
        (body([1], header={}), "memory_slots"),
        (body([1], [2]), "select a circuit"),
    ],
)
def test_memory_array_says_what_is_missing(found, words):
    with pytest.raises(QiskitError, match=words):
        memory_array(decoded(found))


def test_memory_array_of_a_name_of_several_asks_for_an_index():
    found = body([1], [2])
    for each in found["results"]:
        each["header"]["name"] = "same"
    with pytest.warns(UserWarning, match="multiple results"), pytest.raises(QiskitError, match="by its index"):
        memory_array(decoded(found), "same")
