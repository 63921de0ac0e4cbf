"""A sampler's bits become the counts that backend.run gave."""

import json
from collections import Counter
from datetime import UTC, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from qiskit.primitives.containers import BitArray, DataBin, PrimitiveResult, SamplerPubResult
from result_bodies import EXECUTOR_VERSIONS, executor, packed_sampler, rest_sampler
from result_bodies import bits as bits_of

from ibm_circuit_job.state.facts import ResultPayload
from ibm_circuit_job.wire import results, typed_json

NOW = datetime(2024, 2, 3, 12, tzinfo=UTC)


@st.composite
def registers(draw, shots):
    """Between one and three registers of up to 130 bits, each with its outcomes as integers."""
    sizes = draw(st.lists(st.integers(1, 130), min_size=1, max_size=3))
    return [
        (f"r{index}", size, draw(st.lists(st.integers(0, 2**size - 1), min_size=shots, max_size=shots)))
        for index, size in enumerate(sizes)
    ]


@st.composite
def jobs(draw):
    """Some circuits, each with its registers."""
    shots = draw(st.integers(1, 6))
    return draw(st.lists(registers(shots), min_size=1, max_size=3))


def bits(size, outcomes):
    width = (size + 7) // 8
    rows = [list(outcome.to_bytes(width)) for outcome in outcomes]
    return BitArray(np.array(rows, dtype=np.uint8), size)


def sampled(circuits):
    pubs = [
        SamplerPubResult(DataBin(**{name: bits(size, outcomes) for name, size, outcomes in circuit}))
        for circuit in circuits
    ]
    return ResultPayload(NOW, typed_json.encode(PrimitiveResult(pubs, {"version": 2})))


def expected(circuit):
    """The outcomes as qiskit writes them: the last register first, with spaces between registers."""
    written = [[f"{outcome:0{size}b}" for outcome in outcomes] for _, size, outcomes in circuit]
    return [" ".join(reversed(shot)) for shot in zip(*written, strict=True)]


@given(jobs())
def test_counts_and_memory_of_a_sampler_are_those_of_backend_run(circuits):
    context = results.ResultContext("a", "b", [f"circuit {index}" for index in range(len(circuits))])
    result = results.decode(sampled(circuits), context).unwrap()
    assert (result.job_id, result.backend_name, result.success) == ("a", "b", True)
    for index, circuit in enumerate(circuits):
        assert result.get_counts(f"circuit {index}") == Counter(expected(circuit))
        assert result.get_memory(index) == expected(circuit)
        assert result.results[index].shots == len(circuit[0][2])
        assert result.results[index].header["creg_sizes"] == [[name, size] for name, size, _ in circuit]


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 9), st.data())
def test_each_set_of_parameters_is_an_experiment(rows, columns, size, data):
    shape = (rows, columns)
    outcomes = data.draw(st.lists(st.integers(0, 2**size - 1), min_size=rows * columns, max_size=rows * columns))
    width = (size + 7) // 8
    array = np.array([list(outcome.to_bytes(width)) for outcome in outcomes], dtype=np.uint8)
    body = PrimitiveResult([SamplerPubResult(DataBin(c=BitArray(array.reshape(*shape, 1, width), size), shape=shape))])
    result = results.decode(ResultPayload(NOW, typed_json.encode(body))).unwrap()
    assert [next(iter(counts)) for counts in _listed(result.get_counts())] == [f"{each:0{size}b}" for each in outcomes]


@st.composite
def measured(draw):
    """The bits of some circuits: registers of the shape (*sweep, shots, bits)."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        sweep = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
        sizes, shots = draw(st.lists(st.integers(1, 20), min_size=1, max_size=3)), draw(st.integers(1, 5))
        seed = draw(st.integers(0, 1000))
        found.append({f"r{place}": bits_of(seed + place, *sweep, shots, size) for place, size in enumerate(sizes)})
    return found


@given(measured(), st.sampled_from(EXECUTOR_VERSIONS))
def test_every_form_of_the_same_bits_gives_the_same_counts(circuits, version):
    packed, rest, executed = (
        results.decode(ResultPayload(NOW, body)).unwrap()
        for body in (packed_sampler(*circuits), rest_sampler(*circuits), executor(version, *circuits))
    )
    assert packed.get_counts() == rest.get_counts() == executed.get_counts()
    for number, experiment in enumerate(packed.results):
        assert packed.get_memory(number) == rest.get_memory(number) == executed.get_memory(number)
        assert experiment.header == rest.results[number].header == executed.results[number].header
    assert json.loads(json.dumps(packed.to_dict()))["results"] == json.loads(json.dumps(rest.to_dict()))["results"]


def _listed(counts):
    return counts if isinstance(counts, list) else [counts]
