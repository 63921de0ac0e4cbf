"""What a backend is, and whether it is up, reads as qiskit 1's classes did."""

import copy
import pickle
from datetime import UTC, datetime

import attrs
import pytest

from ibm_circuit_job.devices.configuration import BackendConfiguration, BackendStatus
from ibm_circuit_job.errors import IBMBackendApiError
from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.devices import configuration as document_of


@pytest.fixture
def document():
    return document_of(DEVICES["local_5q"])


@pytest.fixture
def configuration(document):
    return BackendConfiguration.from_dict(document)


def said(**fields):
    """A small document, with some of its fields as given."""
    return {"backend_name": "ibm_x", "n_qubits": 5, "basis_gates": ["cx"]} | fields


def read(**fields):
    return BackendConfiguration.from_dict(said(**fields))


def test_document_of_the_service_is_read(configuration):
    assert configuration.backend_name == "local_5q"
    assert configuration.backend_version == "1.0.0"
    assert configuration.n_qubits == configuration.num_qubits == 5
    assert configuration.basis_gates == ["cx", "id", "rz", "sx", "x", "reset"]
    assert [1, 3] in configuration.coupling_map
    assert configuration.simulator is False
    assert configuration.max_shots == 100_000
    assert configuration.max_experiments == 300
    assert configuration.dynamic_reprate_enabled is True
    assert "measure" in configuration.supported_instructions
    assert configuration.supported_features == []


def test_simulator_is_read():
    configuration = BackendConfiguration.from_dict(document_of(DEVICES["local_simulator"]))
    assert configuration.simulator is True
    assert configuration.coupling_map is None
    assert configuration.dynamic_reprate_enabled is False


def test_times_are_in_seconds(configuration):
    assert configuration.dt == 0.2222222222222222 * 1e-9
    assert configuration.default_rep_delay == 250e-6
    assert configuration.rep_delay_range == [0.0, 500e-6]
    other = read(dtm=0.5, rep_times=[1000.0, 35.7])
    assert other.dtm == 0.5e-9
    assert other.rep_times == [1000.0 * 1e-6, 35.7 * 1e-6]


def test_frequencies_are_in_hertz():
    configuration = read(
        qubit_lo_range=[[4.5, 5.5]],
        meas_lo_range=[[6.5, 7.5]],
        channel_bandwidth=[[-0.4, 0.4]],
        hamiltonian={"description": "H", "vars": {"wq0": 5.0, "other": "text"}},
    )
    assert configuration.qubit_lo_range == [[4.5e9, 5.5e9]]
    assert configuration.meas_lo_range == [[6.5e9, 7.5e9]]
    assert configuration.channel_bandwidth == [[-0.4 * 1e9, 0.4 * 1e9]]
    assert configuration.hamiltonian == {"description": "H", "vars": {"wq0": 5e9, "other": "text"}}


def test_online_date_is_an_aware_time(configuration):
    assert configuration.online_date == datetime(2024, 1, 1, 4, tzinfo=UTC)
    assert read(online_date="2024-01-01T04:00:00").online_date == datetime(2024, 1, 1, 4, tzinfo=UTC)
    assert read(online_date=None).online_date is None


def test_every_other_field_is_an_attribute_as_it_came(document, configuration):
    told_otherwise = {"dt", "default_rep_delay", "rep_delay_range", "online_date"}
    for name in document.keys() - told_otherwise:
        assert getattr(configuration, name) == document[name], name
        assert name in dir(configuration)


def test_dictionary_is_the_document_as_it_came(document, configuration):
    assert configuration.to_dict() == document
    assert BackendConfiguration.from_dict(configuration.to_dict()) == configuration


def test_argument_is_left_as_it_is(document):
    before = copy.deepcopy(document)
    BackendConfiguration.from_dict(document)
    assert document == before


def test_what_is_done_to_a_value_changes_nothing(document, configuration):
    for name in ("basis_gates", "coupling_map", "gates", "supported_instructions", "rep_delay_range", "meas_map"):
        getattr(configuration, name).clear()
    configuration.coupling_map[0].clear()
    configuration.gates[0].coupling_map.clear()
    configuration.to_dict().clear()
    document["n_qubits"] = 7
    document["gates"].clear()
    assert configuration == BackendConfiguration.from_dict(document_of(DEVICES["local_5q"]))
    assert configuration.n_qubits == 5


def test_what_the_service_does_not_say_is_none_or_empty():
    configuration = read()
    for name in ("backend_version", "coupling_map", "max_shots", "max_experiments", "dt", "rep_delay_range"):
        assert getattr(configuration, name) is None
    assert configuration.default_rep_delay is None
    assert configuration.simulator is False
    assert configuration.dynamic_reprate_enabled is False
    assert configuration.supported_instructions == []
    assert configuration.supported_features == []
    assert read(dt=None, simulator=None, supported_features=None).supported_features == []


def test_unknown_attribute_is_an_error_that_suggests_a_name(configuration):
    with pytest.raises(AttributeError, match="of local_5q has no 'basis_gate'; did you mean basis_gates"):
        configuration.basis_gate  # noqa: B018
    with pytest.raises(AttributeError, match=r"has no 'zzz'$"):
        configuration.zzz  # noqa: B018
    assert not hasattr(configuration, "sample_name")
    assert not hasattr(configuration, "__array__")
    assert getattr(configuration, "sample_name", "none") == "none"


def test_field_that_cannot_be_written_costs_itself_alone():
    assert BackendConfiguration.from_dict(said(url={(1, 2): 3}, new=1)).to_dict() == said(new=1)


def test_field_with_the_name_of_a_method_does_not_hide_it():
    document = said(to_dict="hidden", num_qubits=7)
    configuration = BackendConfiguration.from_dict(document)
    assert configuration.to_dict() == document
    assert configuration.num_qubits == 5


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "expected an object, got None"),
        ({}, "expected fields that are missing: backend_name, n_qubits, basis_gates"),
        (said(basis_gates=None), "expected fields that are missing: basis_gates"),
        (said(backend_name=3), "backend_name: expected a string, got 3"),
        (said(n_qubits="many"), "n_qubits: expected a number, got 'many'"),
        (said(n_qubits=1.5), "n_qubits: expected a whole number, got 1.5"),
        (said(basis_gates="cx"), "basis_gates: expected a list, got 'cx'"),
        (said(n_qubits=-1), "n_qubits: expected a number from 0 to 100000, got -1"),
        (said(n_qubits=10**9), "n_qubits: expected a number from 0 to 100000, got 1000000000"),
    ],
)
def test_document_that_describes_no_backend_is_refused(data, message):
    with pytest.raises(IBMBackendApiError) as refused:
        BackendConfiguration.from_dict(data)
    assert str(refused.value).startswith(f"could not read the configuration of the backend: {message}")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("dt", "x", "dt: expected a number, got 'x'"),
        ("max_shots", [], "max_shots: expected a number, got []"),
        ("simulator", 3, "simulator: expected true or false, got 3"),
        ("coupling_map", [[0, "x"]], "coupling_map[0][1]: expected a number, got 'x'"),
        ("rep_times", [1, None], "rep_times[1]: expected a number, got None"),
        ("online_date", "soon", "online_date: expected a time in ISO 8601, got 'soon'"),
        ("hamiltonian", {"vars": 3}, "hamiltonian.vars: expected an object, got 3"),
    ],
)
def test_field_of_a_wrong_type_is_an_error_only_when_read(field, value, message):
    configuration = read(**{field: value})
    assert configuration.n_qubits == 5
    assert configuration.to_dict()[field] == value
    with pytest.raises(IBMBackendApiError) as refused:
        getattr(configuration, field)
    assert str(refused.value) == f"could not read the configuration of the backend: {message}"


def test_odd_name_in_a_list_costs_itself_alone():
    configuration = read(basis_gates=["cx", 3, None], supported_instructions=[None, "x"], supported_features=[5])
    assert configuration.basis_gates == ["cx"]
    assert configuration.supported_instructions == ["x"]
    assert configuration.supported_features == []


def test_get_has_a_default_for_what_cannot_be_read():
    configuration = read(max_shots="many", dt=None)
    assert configuration.get("max_shots", 5) == 5
    assert configuration.get("dt") is None
    assert configuration.get("colour", "red") == "red"
    assert configuration.get("n_qubits") == 5


def test_record_is_frozen_hashable_and_picklable(document, configuration):
    same = BackendConfiguration.from_dict(dict(reversed(document.items())))
    assert configuration.n_qubits == 5
    assert len({configuration, same}) == 1
    assert read() != read(n_qubits=6)
    back = pickle.loads(pickle.dumps(configuration))
    assert back == configuration
    assert back.basis_gates == configuration.basis_gates
    assert pickle.dumps(same) == pickle.dumps(configuration)
    assert copy.deepcopy(configuration) == configuration
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        configuration.n_qubits = 6


def test_representation_is_short(configuration):
    assert repr(configuration) == "BackendConfiguration('local_5q', 5 qubits)"
    assert repr(read(n_qubits=1)) == "BackendConfiguration('ibm_x', 1 qubit)"


# Whether it is up


@pytest.mark.parametrize(
    "reply",
    [
        {"backend_name": "ibm_x", "backend_version": "1.2", "state": True, "status": "active", "length_queue": 3},
        {"backend_version": "1.2", "state": True, "status": "active", "length_queue": 3, "message": "available"},
        {"name": "ibm_x", "backend_version": "1.2", "status": {"name": "active"}, "queue_length": 3, "state": True},
        {"backend_version": "1.2", "operational": True, "status_msg": "active", "pending_jobs": 3},
    ],
)
def test_status_is_read_from_every_kind_of_reply(reply):
    assert BackendStatus.from_reply(reply, "ibm_x") == BackendStatus("ibm_x", "1.2", True, 3, "active")


@pytest.mark.parametrize(
    ("reply", "operational", "pending", "message"),
    [
        ({"state": False, "status": "maintenance"}, False, 0, "maintenance"),
        ({"state": True}, True, 0, ""),
        ({"state": True, "status": None, "length_queue": None}, True, 0, ""),
        ({"state": True, "status": "internal", "length_queue": -1}, True, 0, "internal"),
        ({"status": "active"}, False, 0, "active"),
        ({"status": {"name": "online", "reason": "available"}}, True, 0, "online"),
        ({"status": {"name": "offline"}, "queue_length": 4}, False, 4, "offline"),
    ],
)
def test_what_a_reply_does_not_say_of_the_status_is_not_assumed(reply, operational, pending, message):
    status = BackendStatus.from_reply(reply)
    assert (status.backend_name, status.backend_version) == ("", "")
    assert (status.operational, status.pending_jobs, status.status_msg) == (operational, pending, message)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (None, "expected an object, got None"),
        ({"length_queue": 3}, "state: expected true or false, got nothing"),
        ({"state": "perhaps"}, "state: expected true or false, got 'perhaps'"),
        ({"state": True, "status": 3}, "status: expected a string, got 3"),
        ({"state": True, "length_queue": "long"}, "length_queue: expected a number, got 'long'"),
        ({"state": True, "queue_length": 1.5}, "queue_length: expected a whole number, got 1.5"),
    ],
)
def test_reply_that_is_no_status_is_refused(reply, message):
    with pytest.raises(IBMBackendApiError) as refused:
        BackendStatus.from_reply(reply)
    assert str(refused.value) == f"could not read the status of the backend: {message}"


def test_status_round_trips_through_a_dictionary_of_qiskit_names():
    status = BackendStatus("ibm_x", "1.2", True, 3, "active")
    fields = {
        "backend_name": "ibm_x",
        "backend_version": "1.2",
        "operational": True,
        "pending_jobs": 3,
        "status_msg": "active",
    }
    assert status.to_dict() == fields
    assert BackendStatus.from_dict(fields) == status
    assert pickle.loads(pickle.dumps(status)) == status
    assert hash(BackendStatus.from_dict(fields)) == hash(status)
    for name in fields:
        with pytest.raises(IBMBackendApiError, match=f"{name}: expected .* got nothing"):
            BackendStatus.from_dict({other: fields[other] for other in fields if other != name})


def test_fewer_jobs_than_none_cannot_wait():
    with pytest.raises(ValueError, match="pending_jobs"):
        BackendStatus("ibm_x", "1.2", True, -1, "active")
    with pytest.raises(IBMBackendApiError, match="pending_jobs: expected a whole number from 0, got -1"):
        BackendStatus.from_dict(BackendStatus("ibm_x", "1.2", True, 3, "active").to_dict() | {"pending_jobs": -1})
