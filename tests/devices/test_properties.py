"""What was measured of a backend answers as qiskit 1's class did."""

import copy
import json
import pickle
import sys
import time
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import attrs
import numpy as np
import pytest

from ibm_circuit_job.devices.figures import GateProperties, Nduv
from ibm_circuit_job.devices.properties import BackendProperties
from ibm_circuit_job.errors import BackendPropertyError, IBMBackendApiError, IBMBackendError
from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.devices import properties as document_of

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
MEASURED = datetime(2024, 2, 3, 4, tzinfo=UTC)
DATE = "2024-02-03T04:00:00Z"


@pytest.fixture
def document():
    return document_of(DEVICES["local_5q"], NOON)


@pytest.fixture
def properties(document):
    return BackendProperties.from_dict(document, UTC)


def entry(name="T1", value=1.0, unit="us", date=DATE):
    return {"name": name, "value": value, "unit": unit, "date": date}


def said(**fields):
    """A small document, with some of its fields as given."""
    small = {"backend_name": "ibm_x", "last_update_date": DATE, "qubits": [[entry()]], "gates": []}
    return small | fields


def gate(name="cx", qubits=(0, 1), *parameters, **fields):
    return {"gate": name, "qubits": list(qubits), "parameters": list(parameters), **fields}


def read(**fields):
    return BackendProperties.from_dict(said(**fields), UTC)


# Reading


def test_document_of_the_service_is_read(properties):
    assert properties.backend_name == "local_5q"
    assert properties.backend_version == "1.0.0"
    assert properties.last_update_date == MEASURED
    assert len(properties.qubits) == 5
    assert properties.qubits[0][0].name == "T1"
    assert properties.gates[0].gate == "id"
    assert properties.gates[0].qubits == (0,)
    assert properties.general == ()
    assert properties.unknown == ()


def test_argument_is_left_as_it_is(document):
    before = copy.deepcopy(document)
    BackendProperties.from_dict(document)
    assert document == before


def test_what_is_done_to_the_document_later_changes_nothing(document, properties):
    document["qubits"][0][0]["value"] = -1.0
    document["gates"].clear()
    properties.to_dict()["qubits"].clear()
    assert properties == BackendProperties.from_dict(document_of(DEVICES["local_5q"], NOON))


def test_fields_that_may_be_absent_are_empty():
    properties = read(gates=[{"gate": "cx", "qubits": [0, 1]}])
    assert properties.backend_version == ""
    assert properties.general == ()
    assert properties.gates[0].parameters == ()
    assert read(general=None, backend_version=None) == read()


def test_figure_without_a_unit_has_an_empty_one():
    without = {name: value for name, value in entry().items() if name != "unit"}
    assert read(qubits=[[without]]) == read(qubits=[[entry(unit=None)]]) == read(qubits=[[entry(unit="")]])


def test_fields_that_nobody_knows_are_kept_and_come_back():
    properties = read(
        site={"fridge": [1, 2.50, None]},
        calibrated=True,
        gates=[gate(name="cx", url=None) | {"name": "cx0_1"}],
    )
    assert properties.unknown == (("calibrated", "true"), ("site", '{"fridge": [1, 2.5, null]}'))
    assert properties.gates[0].unknown == (("name", '"cx0_1"'), ("url", "null"))
    again = properties.to_dict()
    assert (again["site"], again["calibrated"]) == ({"fridge": [1, 2.5, None]}, True)
    assert (again["gates"][0]["name"], again["gates"][0]["url"]) == ("cx0_1", None)


def test_time_among_the_fields_that_nobody_knows_becomes_a_text():
    properties = read(next_calibration=NOON)
    assert properties.to_dict()["next_calibration"] == str(NOON)
    assert BackendProperties.from_dict(properties.to_dict()) == properties


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2024-02-03T04:00:00Z", MEASURED),
        ("2024-02-03t04:00:00z", MEASURED),
        ("2024-02-03T04:00:00", MEASURED),
        ("2024-02-03T04:00:00+02:00", MEASURED - timedelta(hours=2)),
        ("2024-02-03", MEASURED - timedelta(hours=4)),
        (MEASURED, MEASURED),
        (datetime(2024, 2, 3, 4), MEASURED),  # noqa: DTZ001 - as a client may give it
        (datetime(2024, 2, 3, 4, tzinfo=ZoneInfo("Asia/Tokyo")), MEASURED - timedelta(hours=9)),
    ],
)
def test_date_is_read_however_it_is_written(written, meant):
    properties = read(last_update_date=written, qubits=[[entry(date=written)]])
    assert properties.last_update_date == meant
    assert properties.qubit_property(0, "T1")[1] == meant


def test_dates_are_given_in_the_zone_that_is_asked_for(document):
    tokyo = ZoneInfo("Asia/Tokyo")
    properties = BackendProperties.from_dict(document, tokyo)
    for date in (properties.last_update_date, properties.qubits[0][0].date):
        assert date.tzinfo is tokyo
        assert date.hour == 13
    assert properties.gates[0].parameters[0].date.hour == 13


def test_dates_are_given_in_the_local_zone_by_default(document, monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        date = BackendProperties.from_dict(document).last_update_date
        assert (date.hour, date.utcoffset()) == (23, timedelta(hours=-5))
    finally:
        monkeypatch.undo()
        time.tzset()


def test_date_at_the_edge_of_the_calendar_stays_in_utc():
    west = timezone(timedelta(hours=-12))
    properties = BackendProperties.from_dict(said(last_update_date="0001-01-01T00:00:00Z"), west)
    assert properties.last_update_date.utcoffset() == timedelta(0)
    assert BackendProperties.from_dict(properties.to_dict(), west) == properties


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "expected an object, got None"),
        ([], "expected an object, got []"),
        ({}, "backend_name: expected a string, got nothing"),
        (said(backend_name=5), "backend_name: expected a string, got 5"),
        (
            {"backend_name": "a", "qubits": [], "gates": []},
            "last_update_date: expected a time in ISO 8601, got nothing",
        ),
        (said(last_update_date="yesterday", qubits=[]), "last_update_date: expected a time in ISO 8601, got 'yester"),
        (said(qubits=None), "qubits: expected a list, got None"),
        (said(qubits={}), "qubits: expected a list, got {}"),
        ({"backend_name": "a", "last_update_date": DATE, "qubits": []}, "gates: expected a list, got nothing"),
    ],
)
def test_document_that_cannot_be_read_is_refused_with_the_path(data, message):
    with pytest.raises(IBMBackendApiError) as refused:
        BackendProperties.from_dict(data, UTC)
    assert str(refused.value).startswith(f"could not read the properties of the backend: {message}")


def test_zone_of_the_wrong_type_is_not_blamed_on_the_service():
    with pytest.raises(TypeError, match="tzinfo"):
        BackendProperties.from_dict(said(), "Europe/Berlin")


# Asking


@pytest.mark.parametrize("qubit", [0, np.int64(4)])
def test_figures_of_a_qubit_are_in_base_units(document, properties, qubit):
    figures = {figure["name"]: figure["value"] for figure in document["qubits"][qubit]}
    assert properties.t1(qubit) == figures["T1"] / 10**6
    assert properties.t2(qubit) == figures["T2"] / 10**6
    assert properties.frequency(qubit) == figures["frequency"] * 10**9
    assert properties.readout_error(qubit) == figures["readout_error"]
    assert properties.readout_length(qubit) == 860.4 / 10**9
    assert properties.qubit_property(qubit, "anharmonicity") == (-0.34 * 10**9, MEASURED)


def test_all_figures_of_a_qubit_are_given_by_name(properties):
    figures = properties.qubit_property(0)
    assert set(figures) == {figure.name for figure in properties.qubits[0]}
    assert all(figures[name] == properties.qubit_property(0, name) for name in figures)
    figures.clear()
    assert properties.qubit_property(0)


def test_figures_of_a_gate_are_in_base_units(properties):
    assert properties.gate_length("sx", 0) == 35.6 / 10**9
    assert properties.gate_length("sx", [0]) == properties.gate_length("sx", (0,)) == 35.6 / 10**9
    assert properties.gate_length("cx", iter((0, 1))) == properties.gate_property("cx", (0, 1), "gate_length")[0]
    assert properties.gate_error("x", np.int64(2)) == properties.gate_error("x", 2) > 0
    assert properties.gate_error("rz", 2) == 0.0


def test_gate_is_told_by_the_order_of_its_qubits(properties):
    assert properties.gate_error("cx", (0, 1)) != properties.gate_error("cx", (1, 0))


def test_all_figures_of_a_gate_are_given_by_qubits_and_name(properties):
    everywhere = properties.gate_property("cx")
    assert set(everywhere) == set(DEVICES["local_5q"].coupling)
    assert everywhere[1, 3] == properties.gate_property("cx", (1, 3))
    assert everywhere[1, 3]["gate_error"] == (properties.gate_error("cx", (1, 3)), MEASURED)
    everywhere.clear()
    assert properties.gate_property("cx")


def test_empty_name_of_a_figure_of_a_gate_is_none_as_in_qiskit(properties):
    assert properties.gate_property("cx", (1, 3), "") == properties.gate_property("cx", (1, 3))
    assert properties.gate_property("cx", None, "") == properties.gate_property("cx")


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("fs", 35.6 / 10**15),
        ("ps", 35.6 / 10**12),
        ("ns", 3.56e-08),
        ("us", 35.6 / 10**6),
        ("\u00b5s", 35.6 / 10**6),
        ("\u03bcs", 35.6 / 10**6),
        ("ms", 35.6 / 10**3),
        ("kHz", 35.6 * 10**3),
        ("MHz", 35.6 * 10**6),
        ("GHz", 35.6 * 10**9),
        ("THz", 35.6 * 10**12),
        ("PHz", 35.6 * 10**15),
        ("", 35.6),
        ("s", 35.6),
        ("m", 35.6),
        ("G", 35.6),
    ],
)
def test_prefix_of_a_unit_is_applied(unit, expected):
    properties = read(qubits=[[entry(value=35.6, unit=unit)]], gates=[gate("x", [0], entry(value=35.6, unit=unit))])
    assert properties.t1(0) == expected
    assert properties.gate_property("x", 0, "T1")[0] == expected


def test_unknown_unit_is_an_error_only_for_its_own_figure():
    properties = read(qubits=[[entry(unit="Hz"), entry("T2", 2.0), entry("operational", 0, "Hz")]])
    assert properties.t2(0) == 2e-06
    assert properties.is_qubit_operational(0) is False
    with pytest.raises(BackendPropertyError, match=r"T1 has an unknown unit.* got 'Hz'"):
        properties.t1(0)
    assert set(properties.qubit_property(0)) == {"T2"}


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (lambda p: p.t1(5), "expected a qubit for which local_5q has figures, got 5; there are 0, 1, 2, 3, 4"),
        (lambda p: p.t1(-1), "got -1; there are 0, 1, 2, 3, 4"),
        (lambda p: p.is_qubit_operational(5), "got 5"),
        (lambda p: p.qubit_property(0, "colour"), "expected a figure of qubit 0, got 'colour'; there are 'T1', 'T2', "),
        (lambda p: p.gate_error("cz", (0, 1)), "expected a gate of local_5q, got 'cz'; there are 'id', 'sx', 'x', "),
        (lambda p: p.gate_property("cz"), "got 'cz'"),
        (lambda p: p.is_gate_operational("cz"), "got 'cz'"),
        (lambda p: p.gate_error("cx", (0, 4)), "expected qubits that cx acts on, got (0, 4); there are (0, 1), "),
        (lambda p: p.gate_error("cx", 0), "got (0,)"),
        (lambda p: p.is_gate_operational("cx", (0, 4)), "got (0, 4)"),
        (lambda p: p.gate_property("x", 0, "colour"), "expected a figure of x on 0, got 'colour'; there are 'gate_"),
        (lambda p: p.gate_property("cx", None, "gate_error"), "expected qubits as well, to find 'gate_error' of cx"),
    ],
)
def test_what_is_not_there_is_an_error_that_says_what_is(properties, question, message):
    with pytest.raises(BackendPropertyError) as missing:
        question(properties)
    assert message in str(missing.value)


def test_error_lists_not_everything_that_there_is():
    large = BackendProperties.from_dict(document_of(DEVICES["local_27q"], NOON))
    with pytest.raises(BackendPropertyError) as missing:
        large.gate_error("cx", (0, 26))
    assert str(missing.value).endswith(" and 46 more")
    assert len(str(missing.value)) < 200
    with pytest.raises(BackendPropertyError, match="there are none"):
        read(gates=[gate("x", [0])]).gate_error("x", 0)


def test_missing_property_is_an_error_of_a_backend():
    assert issubclass(BackendPropertyError, IBMBackendError)


def test_qubit_of_which_nothing_is_said_is_missing():
    properties = read(qubits=[[], [entry()]])
    assert properties.t1(1) == 1e-06
    assert properties.faulty_qubits() == []
    with pytest.raises(BackendPropertyError, match="got 0; there are 1"):
        properties.qubit_property(0)


def test_gate_of_which_nothing_is_said_has_no_figures():
    assert read(gates=[gate("x", [0])]).gate_property("x", 0) == {}


def test_later_figure_of_the_same_name_holds():
    properties = read(
        qubits=[[entry(value=1), entry(value=2)]],
        gates=[gate("x", [0], entry("a", 1, ""), entry("b", 1, "")), gate("x", [0], entry("a", 2, ""))],
    )
    assert properties.t1(0) == 2e-06
    assert properties.gate_property("x", 0) == {"a": (2.0, MEASURED)}


# Faults


def test_everything_works_where_nothing_is_said_of_it(properties):
    assert properties.faulty_qubits() == []
    assert properties.faulty_gates() == []
    assert properties.is_qubit_operational(0)
    assert properties.is_gate_operational("cx", (0, 1))
    assert properties.is_gate_operational("cx")


def test_what_does_not_work_is_named():
    works, fails = entry("operational", 1, ""), entry("operational", 0, "")
    properties = read(
        qubits=[[works], [fails], [entry()]],
        gates=[gate("x", [0], works), gate("x", [1], fails), gate("cx", [0, 1]), gate("cx", [1, 0], fails)],
    )
    assert properties.faulty_qubits() == [1]
    assert [(faulty.gate, faulty.qubits) for faulty in properties.faulty_gates()] == [("x", (1,)), ("cx", (1, 0))]
    assert [properties.is_qubit_operational(qubit) for qubit in range(3)] == [True, False, True]
    assert properties.is_gate_operational("x", 0)
    assert not properties.is_gate_operational("x", 1)
    assert not properties.is_gate_operational("x")
    assert not properties.is_gate_operational("cx")


# The records


def test_round_trip_keeps_everything(document, properties):
    assert BackendProperties.from_dict(properties.to_dict()) == properties
    assert BackendProperties.from_dict(document, ZoneInfo("Asia/Tokyo")) == properties


def test_dictionary_is_the_service_s_with_times_in_it(document, properties):
    again = properties.to_dict()
    for row in again["qubits"]:
        for figure in row:
            assert isinstance(figure["date"], datetime)
    assert json.loads(json.dumps(again, default=lambda date: date.isoformat().replace("+00:00", "Z"))) == document


def test_caches_are_no_part_of_the_record(document, properties):
    fresh = BackendProperties.from_dict(document, UTC)
    before = pickle.dumps(properties)
    properties.t1(0)
    properties.gate_error("cx", (0, 1))
    assert pickle.dumps(properties) == before
    assert properties == fresh
    assert hash(properties) == hash(fresh)
    assert pickle.loads(before).t1(0) == properties.t1(0)
    assert copy.deepcopy(properties) == properties


def test_lookup_does_not_go_through_all_figures():
    assert lines_of_lookups(2_000) == lines_of_lookups(20)


def lines_of_lookups(number):
    """How many lines are executed for two questions about the last of so many qubits."""
    many = [[entry()] for _ in range(number)]
    properties = read(qubits=many, gates=[gate("x", [qubit], entry()) for qubit in range(number)])
    lines = []

    def ask(qubit):
        properties.t1(qubit)
        properties.gate_property("x", qubit, "T1")

    def trace(frame, event, _):
        lines.append(event)
        return trace

    # What is computed once is computed before.
    ask(0)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        ask(number - 1)
    finally:
        sys.settrace(before)
    return len(lines)


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Europe/Berlin")])
def test_hour_that_a_clock_shows_twice_is_two_hours(zone):
    """In a zone with summer time, Python holds the two equal, and neither equal to the same time in UTC."""
    for document in (lambda date: said(last_update_date=date), lambda date: said(qubits=[[entry(date=date)]])):
        first = BackendProperties.from_dict(document("2024-10-27T00:30:00Z"), zone)
        second = BackendProperties.from_dict(document("2024-10-27T01:30:00Z"), zone)
        assert first != second
        assert BackendProperties.from_dict(first.to_dict(), UTC) == first
        assert BackendProperties.from_dict(second.to_dict(), zone) == second
        assert hash(BackendProperties.from_dict(second.to_dict(), UTC)) == hash(second)


def test_records_can_be_made_by_hand_and_are_frozen():
    figure = Nduv(MEASURED, "T1", "us", 80)
    on = GateProperties([0, np.int64(1)], "cx", [figure])
    properties = BackendProperties("ibm_x", "1", MEASURED, [[figure]], [on], [figure], [("b", "2"), ("a", "1")])
    assert on.qubits == (0, 1)
    assert properties.qubits == ((figure,),)
    assert properties.gates == (on,)
    assert properties.unknown == (("a", "1"), ("b", "2"))
    assert BackendProperties.from_dict(properties.to_dict()) == properties
    assert len({properties, BackendProperties.from_dict(properties.to_dict())}) == 1
    for record in (figure, on, properties):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            record.name = "other"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Nduv("today", "T1", "us", 1), TypeError, "date: expected a time, got 'today'"),
        (lambda: Nduv(MEASURED.replace(tzinfo=None), "T1", "us", 1), ValueError, "date: expected a time with a time z"),
        (
            lambda: Nduv(datetime.min.replace(tzinfo=timezone(timedelta(hours=1))), "T1", "us", 1),
            ValueError,
            "date: expected a time between the years 1 and 9999",
        ),
        (lambda: Nduv(MEASURED, None, "us", 1), TypeError, "name"),
        (lambda: Nduv(MEASURED, "T1", None, 1), TypeError, "unit"),
        (lambda: Nduv(MEASURED, "T1", "us", "1"), TypeError, "value: expected a number, got '1'"),
        (lambda: Nduv(MEASURED, "T1", "us", float("inf")), ValueError, "value: expected a finite number, got inf"),
        (lambda: GateProperties([0.5], "x", []), TypeError, "integer"),
        (lambda: GateProperties([0], 3, []), TypeError, "gate"),
        (lambda: GateProperties([0], "x", [{}]), TypeError, "parameters"),
        (lambda: BackendProperties("a", "1", MEASURED, [[{}]], []), TypeError, "qubits"),
        (lambda: BackendProperties("a", "1", MEASURED, [], [{}]), TypeError, "gates"),
        (lambda: BackendProperties("a", "1", MEASURED, [], [], [{}]), TypeError, "general"),
        (lambda: BackendProperties("a", "1", DATE, [], []), TypeError, "last_update_date: expected a time, got"),
    ],
)
def test_wrong_argument_of_a_record_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_representation_is_short(properties):
    assert repr(properties) == "BackendProperties('local_5q', 5 qubits, last update 2024-02-03T04:00:00+00:00)"
    assert repr(read()).startswith("BackendProperties('ibm_x', 1 qubit, ")
