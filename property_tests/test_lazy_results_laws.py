"""A result that is read when it is looked at is, in every answer, the one that is read as a whole."""

import copy
import json
import pickle
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from qiskit.result import Counts, marginal_counts
from qiskit.result import Result as QiskitResult
from qiskit.result.models import ExperimentResult
from result_bodies import EXECUTOR_VERSIONS, bits, executor, packed_sampler, rest_sampler
from returns.result import Success

from ibm_circuit_job.state.facts import ResultPayload
from ibm_circuit_job.wire import results, typed_json
from ibm_circuit_job.wire.results import classic, client_side, primitives
from ibm_circuit_job.wire.results import executor as executor_results

NOW = datetime(2024, 2, 3, 12, tzinfo=UTC)
TYPED = {"__type__": "ndarray", "__value__": [1, 2]}
DAMAGED = {"__type__": "ndarray", "__value__": "AAAA"}


def outcome_of(call, *arguments):
    """What a call returns, or the error that it raises."""
    try:
        return call(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever qiskit raises, a lazy result raises as well
        return type(error), str(error)


def written(number):
    """A number as services write it, and as none should."""
    return st.sampled_from([hex(number), hex(number), hex(number).upper().replace("X", "x"), f"0x0{number:x}"])


outcomes = st.one_of(
    st.integers(0, 2**9 - 1).flatmap(written),
    st.sampled_from(["0b11", "11", "0x", "0xg", "", "é", "0x1\\n", "0x1_0", hex(2**70)]),
)
plain_outcomes = st.integers(0, 2**5 - 1).map(hex)
headers = st.one_of(
    st.just({"memory_slots": 5, "creg_sizes": [["a", 2], ["b", 3]], "name": "x", "time_taken": 0.5}),
    st.just({"memory_slots": 9, "creg_sizes": [["c", 9]], "name": "y"}),
    st.fixed_dictionaries(
        {},
        optional={
            "memory_slots": st.sampled_from([0, 5, 9, 80, None, True]),
            "creg_sizes": st.sampled_from([[], [["a", 2], ["b", 3]], [["a", 5], ["e", 0]], [["a", 4]], ["a"], None]),
            "name": st.sampled_from(["x", "y", "z"]),
            "metadata": st.sampled_from([{}, {"t": TYPED}, {"t": DAMAGED}]),
        },
    ),
)
data = st.one_of(
    st.fixed_dictionaries(
        {
            "counts": st.dictionaries(plain_outcomes, st.integers(0, 10**12), max_size=5),
            "memory": st.lists(plain_outcomes, max_size=5),
        }
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "counts": st.one_of(
                st.dictionaries(outcomes, st.sampled_from([1, 0, -1, 0.5, None, 10**30, "3"]), max_size=3),
                st.sampled_from([None, [], {"0x1": {"0x2": 3}}, TYPED, DAMAGED]),
            ),
            "memory": st.one_of(
                st.lists(outcomes, max_size=3),
                st.sampled_from([None, [1], [["0x1"], ["0x2"]], [{"0x1": "0x2"}, {}], [[]], {}, [[0.0, 1.0]], TYPED]),
            ),
            "statevector": st.just([[1.0, 0.0], [0.0, 0.0]]),
            "_own": st.just(1),
            "self": st.just(1),
        },
    ),
    st.sampled_from([{}, None, [], DAMAGED, 3]),
)
experiments = st.fixed_dictionaries(
    {
        "shots": st.sampled_from([3, [0, 3]]),
        "success": st.sampled_from([True, True, True, False, 1, None]),
        "data": data,
    },
    optional={
        "header": st.one_of(headers, headers, st.sampled_from([None, {}])),
        "meas_level": st.sampled_from([2, 2, 1, 0, 7]),
        "meas_return": st.sampled_from(["single", "avg", "none"]),
        "status": st.sampled_from(["DONE", None, TYPED]),
        "of_tomorrow": st.sampled_from([1, TYPED]),
    },
)
bodies = st.fixed_dictionaries(
    {
        "backend_name": st.just("b"),
        "job_id": st.just("a"),
        "success": st.sampled_from([True, True, False]),
        "results": st.lists(st.one_of(experiments, experiments, experiments, st.sampled_from([3, {}])), max_size=3),
    },
    optional={
        "status": st.sampled_from(["COMPLETED", None]),
        "metadata": st.just({"t": TYPED}),
        "of_tomorrow": st.just([1]),
    },
)
layouts = st.sampled_from([{}, {"separators": (",", ":")}, {"indent": 1}, {"ensure_ascii": False}, {"sort_keys": True}])


def same_answers(lazy, eager):
    """Compare every answer; each result is used once, for an answer may be made when it is asked for."""
    for number in range(-1, len(eager.results) + 1):
        for ask in ("get_counts", "get_memory", "data", "get_statevector"):
            got, expected = (outcome_of(getattr(each, ask), number) for each in (lazy, eager))
            assert str(got) == str(expected)
            if isinstance(expected, Counts):
                assert isinstance(got, Counts)
                assert (got, vars(copy.copy(got))) == (expected, vars(expected))
                assert str(outcome_of(got.hex_outcomes)) == str(outcome_of(expected.hex_outcomes))


@given(bodies, layouts, st.booleans())
def test_lazy_classic_result_is_the_eager_one(body, layout, is_typed):
    whole = json.dumps(body, **layout).encode()
    eager = typed_json.decode_parts(whole, "result").bind(classic.of_fields)
    # One that is typed, and has an experiment that is no object, leaves typed metadata as they came.
    is_typed = is_typed and all(isinstance(each, dict) for each in body["results"])
    raw = b'{"__type__": "Result", "__value__": %b}' % whole if is_typed else whole

    def lazily():
        return results.decode(ResultPayload(NOW, raw))

    match eager:
        case Success(expected):
            assert isinstance(lazily().unwrap().results, list)
            assert all(isinstance(each, ExperimentResult) for each in lazily().unwrap().results)
            assert (lazily().unwrap().success, lazily().unwrap().status) == (expected.success, expected.status)
            same_answers(lazily().unwrap(), expected)
            for change in (copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each)), lambda each: each):
                assert str(change(lazily().unwrap()).to_dict()) == str(expected.to_dict())
            assert repr(lazily().unwrap()) == repr(expected)
            got = outcome_of(lambda result: marginal_counts(result, [0]).to_dict(), lazily().unwrap())
            assert str(got) == str(outcome_of(lambda result: marginal_counts(result, [0]).to_dict(), expected))
        case failure:
            assert lazily() == failure


notes = st.sampled_from([None, [], [{"a": 1}, None, {}], ["x", None, {}]])
programs = st.one_of(
    st.just({}),
    st.builds(
        lambda twirling, notes: {
            "role": "sampler_v2",
            "passthrough_data": {
                "post_processor": {
                    "version": "v0.1",
                    "twirling": twirling,
                    "meas_type": "classified",
                    "options": {},
                    "shots": 4,
                    "circuits_metadata": notes,
                }
            },
        },
        st.booleans(),
        notes,
    ),
)
"""Programs of the executor: any, and those of the official client's sampler, whose first axis may be twirled."""


def is_twirled(role):
    return bool(role) and role["passthrough_data"]["post_processor"]["twirling"]


@st.composite
def bit_bodies(draw):
    """Bodies of the other programs that have bits, with sweeps and several registers."""
    circuits, write, role = [], draw(st.sampled_from([packed_sampler, rest_sampler, None])), draw(programs)
    for _ in range(draw(st.integers(1, 3))):
        # The first axis is over randomizations, if they are twirled.
        sweep = draw(st.sampled_from([(2,), (1, 2), *([] if is_twirled(role) else [()])]))
        sizes, shots = draw(st.lists(st.integers(1, 70), min_size=1, max_size=3)), draw(st.integers(1, 5))
        seed = draw(st.integers(0, 1000))
        circuits.append({f"r{place}": bits(seed + place, *sweep, shots, size) for place, size in enumerate(sizes)})
    return write(*circuits) if write else executor(draw(st.sampled_from(EXECUTOR_VERSIONS)), *circuits, **role)


@given(bit_bodies())
def test_lazy_bits_are_those_of_a_whole_result(raw):
    def lazily():
        return results.decode(ResultPayload(NOW, raw)).unwrap()

    plain = lazily().to_dict()
    expected = QiskitResult(**{**plain, "results": [ExperimentResult.from_dict(each) for each in plain["results"]]})
    same_answers(lazily(), expected)
    for change in (copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))):
        assert change(lazily()).to_dict() == plain


def read_as_a_whole(raw):
    """The result of a body of bits all of which are read at once."""
    body, context = typed_json.decode_parts(raw, "result").unwrap(), results.ResultContext()
    if not isinstance(body, dict):
        return primitives.of_typed(body).bind(lambda found: primitives.counted(found, context))
    if "results" in body:
        return primitives.of_rest(body).bind(lambda found: primitives.counted(found, context))
    found = executor_results.of_body(body).unwrap()
    match client_side.primitive_result(found):
        case Success(sampled):
            return primitives.counted(sampled, context)
    return executor_results.counted(found, context)


@given(bit_bodies())
def test_bits_read_late_are_those_of_a_whole_body(raw):
    def lazily():
        return results.decode(ResultPayload(NOW, raw))

    match read_as_a_whole(raw):
        case Success(expected):
            known = [(each.shots, each.success, each.header) for each in expected.results]
            assert [(each.shots, each.success, each.header) for each in lazily().unwrap().results] == known
            # A copy has qiskit's own data, all of them read.
            same_answers(lazily().unwrap(), pickle.loads(pickle.dumps(expected)))
            assert str(lazily().unwrap().to_dict()) == str(expected.to_dict())
        case failure:
            assert lazily() == failure


@given(st.sampled_from([packed_sampler, executor]), st.data())
def test_damage_is_the_same_error_whenever_it_is_found(write, data):
    circuits = [{"c": bits(number, 1500, 9)} for number in range(3)]
    raw = (
        write(*circuits) if write is packed_sampler else write(data.draw(st.sampled_from(EXECUTOR_VERSIONS)), *circuits)
    )
    text = bytearray(raw)
    place = data.draw(st.integers(0, len(text) - 1))
    text[place] = data.draw(st.sampled_from(b'Az0+="}x'))
    if typed_json.decode_parts(bytes(text), "result").value_or(None) is None:
        return
    match results.decode(ResultPayload(NOW, bytes(text))):
        case Success(lazy):
            expected = read_as_a_whole(bytes(text)).unwrap()
            for number in range(3):
                assert str(outcome_of(lazy.get_counts, number)) == str(outcome_of(expected.get_counts, number))
            assert lazy.success == expected.success
            assert str(lazy.to_dict()["results"]) == str(expected.to_dict()["results"]) or not lazy.success
        case _:
            pass
