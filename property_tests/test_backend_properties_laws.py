"""The records of a backend hold what the service said: nothing is lost, changed or shared, whatever it is."""

import contextlib
import copy
import pickle
from datetime import UTC, datetime
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from ibm_circuit_job.devices.configuration import BackendConfiguration
from ibm_circuit_job.devices.properties import BackendProperties
from ibm_circuit_job.errors import BackendPropertyError, IBMBackendApiError

EXPONENTS = {"f": -15, "p": -12, "n": -9, "u": -6, "µ": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12}

texts = st.text(max_size=6)
zones = st.timezones()
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
dates = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=zones).map(  # noqa: DTZ001 - zones are drawn
    lambda moment: moment.astimezone(UTC).isoformat()
)
units = st.sampled_from(["", "s", "m", *(prefix + "s" for prefix in EXPONENTS)])
names = st.sampled_from(["T1", "T2", "frequency", "gate_error", "gate_length", "operational"]) | texts
values = st.floats(-1e100, 1e100) | st.integers(-(10**6), 10**6)
figures = st.lists(
    st.fixed_dictionaries({"date": dates, "name": names, "unit": units, "value": values}),
    max_size=3,
)


def with_unknown(known, optional=None):
    """Objects with some fields that are known, and some that nobody knows."""
    taken = {*known, *(optional or {})}
    others = st.dictionaries(texts.filter(lambda name: name not in taken), json_values, max_size=2)
    return st.builds(lambda one, other: other | one, st.fixed_dictionaries(known, optional=optional), others)


gates = with_unknown(
    {"qubits": st.lists(st.integers(0, 4), max_size=2), "gate": st.sampled_from(["x", "cx"])}, {"parameters": figures}
)
documents = with_unknown(
    {
        "backend_name": texts,
        "last_update_date": dates,
        "qubits": st.lists(figures, max_size=4),
        "gates": st.lists(gates, max_size=4),
    },
    {"backend_version": texts, "general": figures},
)


def as_times(figures):
    return [figure | {"date": datetime.fromisoformat(figure["date"])} for figure in figures]


def expected(document):
    """The document with times in it, and with what may be absent."""
    return {
        "backend_version": "",
        **document,
        "last_update_date": datetime.fromisoformat(document["last_update_date"]),
        "qubits": [as_times(row) for row in document["qubits"]],
        "gates": [gate | {"parameters": as_times(gate.get("parameters", []))} for gate in document["gates"]],
        "general": as_times(document.get("general", [])),
    }


def in_utc(value):
    """The same with all times in UTC: times in zones with summer time are not always equal to the same in UTC."""
    match value:
        case datetime():
            return value.astimezone(UTC)
        case list():
            return [in_utc(item) for item in value]
        case dict():
            return {key: in_utc(item) for key, item in value.items()}
    return value


@given(documents, zones)
def test_dictionary_says_all_that_the_service_said(document, zone):
    assert in_utc(BackendProperties.from_dict(document, zone).to_dict()) == expected(document)


@given(documents, zones, zones)
def test_round_trip_gives_an_equal_record_in_any_zone(document, zone, other):
    properties = BackendProperties.from_dict(document, zone)
    for back in (
        BackendProperties.from_dict(properties.to_dict(), zone),
        BackendProperties.from_dict(properties.to_dict(), other),
        BackendProperties.from_dict(document),
        pickle.loads(pickle.dumps(properties)),
        copy.deepcopy(properties),
    ):
        assert back == properties
        assert hash(back) == hash(properties)


@given(documents, zones)
def test_argument_is_left_as_it_is_and_nothing_is_shared_with_it(document, zone):
    before = copy.deepcopy(document)
    properties = BackendProperties.from_dict(document, zone)
    assert document == before
    damage(properties.to_dict())
    damage(document)
    assert properties == BackendProperties.from_dict(before, zone)


def damage(value):
    """Empty everything that can be emptied."""
    for inner in list(value.values() if isinstance(value, dict) else value):
        if isinstance(inner, (dict, list)):
            damage(inner)
    value.clear()


@given(documents)
def test_every_figure_is_the_float_nearest_to_the_exact_value(document):
    properties = BackendProperties.from_dict(document, UTC)
    before = pickle.dumps(properties)
    for qubit, row in enumerate(document["qubits"]):
        last = {figure["name"]: figure for figure in row}
        for name, figure in last.items():
            assert properties.qubit_property(qubit, name) == in_base_units(figure)
    last_gates = {(gate["gate"], tuple(gate["qubits"])): gate for gate in document["gates"]}
    for (gate, qubits), said in last_gates.items():
        last = {figure["name"]: figure for figure in said.get("parameters", [])}
        found = {name: in_base_units(figure) for name, figure in last.items()}
        assert properties.gate_property(gate, qubits) == properties.gate_property(gate)[qubits] == found
    # Nor do lookups leave a trace.
    assert pickle.dumps(properties) == before


def in_base_units(figure):
    unit = figure["unit"]
    scale = Fraction(10) ** EXPONENTS[unit[0]] if len(unit) > 1 else 1
    return float(Fraction(figure["value"]) * scale), datetime.fromisoformat(figure["date"])


@given(documents, st.integers(-2, 6), names, st.lists(st.integers(-1, 5), max_size=2))
def test_question_is_answered_or_refused_as_documented(document, qubit, name, qubits):
    properties = BackendProperties.from_dict(document)
    for ask in (
        lambda: properties.qubit_property(qubit, name),
        lambda: properties.gate_property("cx", qubits, name or None),
        lambda: properties.is_qubit_operational(qubit),
        lambda: properties.is_gate_operational("x", qubits),
        lambda: properties.is_gate_operational("cx"),
    ):
        with contextlib.suppress(BackendPropertyError):
            ask()
    assert all(not properties.is_qubit_operational(faulty) for faulty in properties.faulty_qubits())
    assert all(not properties.is_gate_operational(faulty.gate, faulty.qubits) for faulty in properties.faulty_gates())


@st.composite
def damaged(draw):
    """A document in which some value, at any depth, is replaced by another or taken away."""
    document = draw(documents)
    within = document
    while True:
        keys = list(within) if isinstance(within, dict) else list(range(len(within)))
        if not keys:
            return document
        key = draw(st.sampled_from(keys))
        if isinstance(within[key], (dict, list)) and draw(st.booleans()):
            within = within[key]
            continue
        if draw(st.booleans()):
            del within[key]
        else:
            within[key] = draw(json_values)
        return document


@given(damaged() | json_values)
def test_damaged_document_is_read_or_refused_as_documented(document):
    with contextlib.suppress(IBMBackendApiError):
        properties = BackendProperties.from_dict(document)
        assert BackendProperties.from_dict(properties.to_dict()) == properties


configurations = with_unknown(
    {"backend_name": texts, "n_qubits": st.integers(0, 9), "basis_gates": st.lists(texts, max_size=3)},
    dict.fromkeys(("dt", "rep_times", "rep_delay_range", "coupling_map", "online_date", "hamiltonian"), json_values),
)


@given(configurations)
def test_configuration_comes_back_as_it_came(document):
    before = copy.deepcopy(document)
    configuration = BackendConfiguration.from_dict(document)
    for name in document:
        try:
            getattr(configuration, name)
        except (IBMBackendApiError, AttributeError):
            assert name not in {"backend_name", "n_qubits", "basis_gates"}
    assert document == before
    assert configuration.to_dict() == document
    back = pickle.loads(pickle.dumps(configuration))
    assert back == configuration == BackendConfiguration.from_dict(configuration.to_dict())
    assert hash(back) == hash(configuration)
