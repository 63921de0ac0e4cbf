"""Members of a backend that its description answers, and looks at all members, which no attribute breaks."""

import inspect
import pickle
from datetime import UTC, datetime

import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.transpiler import InstructionDurations

from ibm_circuit_job import (
    IBMAccountError,
    IBMBackend,
    IBMBackendApiError,
    IBMBackendError,
    IBMBackendValueError,
    IBMCircuitJob,
    IBMJobApiError,
    IBMProvider,
    IBMRetiredBackend,
    Job,
    JobStore,
)
from ibm_circuit_job.clients import RequestFailed
from ibm_circuit_job.devices.attribute_errors import missing_attribute
from ibm_circuit_job.errors import Unreachable
from ibm_circuit_job.local.devices import DEVICES, configuration, properties
from ibm_circuit_job.testing import ScriptedClient

CALIBRATED = datetime(2024, 2, 3, 4, tzinfo=UTC)
GONE = Unreachable("ask", "http://x", "no route")


class DeviceClient:
    """A client of a service that describes the 5-qubit device, until it is cut off. It notes what it is asked."""

    limits_tags = True

    def __init__(self):
        self.asked = []
        self.is_cut_off = False

    def backend_properties(self, backend_name, datetime=None, **more):
        self.asked.append(("properties", datetime, more))
        if self.is_cut_off:
            raise RequestFailed(GONE)
        return properties(DEVICES[backend_name], datetime or CALIBRATED)

    def program_run(self, *, program_id, backend_name, params, hgp, job_tags, **more):
        self.asked.append((program_id, backend_name, more))
        return b'{"id": "a"}'


class Provider:
    """A provider of backends without a service."""

    channel = "ibm_quantum_platform"
    instance = "crn"
    account_client = None

    def __init__(self):
        self.runtime_client = DeviceClient()

    def handle_on(self, state, backend):
        return state


def backend_of(provider, calibration_id=None, **described):
    said = configuration(DEVICES["local_5q"]) | described
    return IBMBackend(provider, said, calibration_id=calibration_id)


def absent(value):
    """Return the public members that a look at all of them cannot have. Of a property it then has the property."""
    found = dict(inspect.getmembers(value))
    public = {name for name in dir(value) if not name.startswith("_")}
    return {name for name in public if name not in found or isinstance(found[name], property)}


# What the description answers


def test_description_answers_without_a_request():
    provider = Provider()
    backend = backend_of(provider, dtm=0.5, processor_type={"family": "Heron"}, online_date="2024-01-01T04:00:00Z")
    assert backend.online_date == datetime(2024, 1, 1, 4, tzinfo=UTC)
    assert backend.meas_map == [[0, 1, 2, 3, 4]]
    assert (backend.dt, backend.dtm) == pytest.approx((0.2222222222222222e-9, 0.5e-9))
    assert (backend.num_qubits, backend.max_circuits, backend.calibration_id) == (5, 300, None)
    assert backend.processor_type == {"family": "Heron"}
    assert backend.defaults() is backend.defaults(refresh=True) is None
    assert provider.runtime_client.asked == []


def test_durations_are_those_of_the_target(device):
    assert isinstance(device.instruction_durations, InstructionDurations)
    assert device.instruction_durations.get("x", 0, unit="s") == pytest.approx(35.6e-9)


def test_qubits_are_described_by_the_target(device):
    every = device.target.qubit_properties or [None] * 5
    found = [device.qubit_properties(0), *device.qubit_properties([1, 0])]
    assert [getattr(each, "t1", None) for each in found] == [getattr(every[qubit], "t1", None) for qubit in (0, 1, 0)]
    assert device.qubit_properties(()) == []


@pytest.mark.parametrize("qubit", [5, -1, "0", None, [0, 5]])
def test_qubit_that_is_not_there_is_refused(device, qubit):
    with pytest.raises(IBMBackendValueError, match="expected a qubit from 0 to 4, got"):
        device.qubit_properties(qubit)


def test_online_date_that_cannot_be_read_is_none():
    backend = backend_of(Provider(), online_date="soon")
    assert backend.online_date is None
    assert backend.num_qubits == 5


# Properties of another time, or of a calibration


def test_target_of_another_time_has_the_errors_of_that_time(device):
    then = datetime(2024, 2, 3, 12, tzinfo=UTC)
    before = device.target
    old = device.target_history(then)
    assert old["cx"][(0, 1)].error == device.properties(datetime=then).gate_error("cx", [0, 1])
    assert old["cx"][(0, 1)].error != before["cx"][(0, 1)].error
    assert device.target is before
    assert device.target_history()["cx"][(0, 1)].error == before["cx"][(0, 1)].error


def test_target_of_another_time_raises_where_it_cannot_be_asked():
    provider = Provider()
    backend = backend_of(provider)
    provider.runtime_client.is_cut_off = True
    with pytest.raises(IBMBackendApiError, match="no route"):
        backend.target_history(CALIBRATED)
    with pytest.raises(TypeError, match="expected datetime to be a datetime"):
        backend.target_history("yesterday")


def test_calibration_goes_with_each_question_and_job():
    provider = Provider()
    backend = backend_of(provider, calibration_id="c1")
    assert backend.calibration_id == "c1"
    backend.properties()
    backend.properties(datetime=CALIBRATED)
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    backend.run(circuit)
    chosen = {"calibration_id": "c1"}
    assert provider.runtime_client.asked == [
        ("properties", None, chosen),
        ("properties", CALIBRATED, chosen),
        ("sampler", "local_5q", chosen),
    ]


@pytest.fixture
def platform(service):
    url, instance = service.platform_url, service.instance
    return IBMProvider(service.token, url, instance=instance, channel="ibm_quantum_platform")


EARLIER = "local_5q-20260101T040000Z"


def test_calibration_of_a_backend_is_asked_for_by_name(platform):
    backend = platform.get_backend("local_5q", calibration_id=EARLIER)
    assert backend.calibration_id == EARLIER
    assert platform.get_backend("local_5q", calibration_id=EARLIER) is backend
    assert platform.get_backend("local_5q").calibration_id is None
    with pytest.raises(IBMBackendValueError, match="expected a name with calibration_id"):
        platform.get_backend(calibration_id=EARLIER)


def test_calibration_is_chosen_on_the_platform_only(provider):
    with pytest.raises(IBMBackendValueError, match="calibrations are chosen on IBM Quantum Platform only"):
        provider.get_backend("local_5q", calibration_id="c1")
    with pytest.raises(IBMBackendValueError, match="expected calibration_id to be the ID of a calibration, got 5"):
        provider.get_backend("local_5q", calibration_id=5)


# Looking at all members


def test_target_is_absent_while_nothing_answers():
    provider = Provider()
    backend = backend_of(provider)
    provider.runtime_client.is_cut_off = True
    with pytest.raises(IBMBackendApiError):
        _ = backend.target
    assert not hasattr(backend, "target")
    provider.runtime_client.is_cut_off = False
    assert backend.target["cx"][(0, 1)].error > 0


def test_all_members_of_a_backend_can_be_looked_at(device):
    assert absent(device) == set()
    assert {"max_shots", "basis_gates", "target", "meas_map", "url"} <= dict(inspect.getmembers(device)).keys()


def test_members_of_a_backend_that_cannot_ask_can_be_looked_at(device):
    provider = Provider()
    cut_off = backend_of(provider)
    provider.runtime_client.is_cut_off = True
    # What is made of the target needs the properties.
    of_target = {"target", "coupling_map", "instruction_durations", "instructions", "operation_names", "operations"}
    unpickled = pickle.loads(pickle.dumps(device))
    for backend, missing in ((cut_off, of_target), (unpickled, set()), (IBMRetiredBackend(None, "ibm_x"), set())):
        assert absent(backend) == missing
        assert not hasattr(backend, "no_such_thing")


def test_field_that_cannot_be_read_looks_absent_and_says_why():
    names = {"dtm", "qubit_lo_range", "max_experiments"}
    backend = backend_of(Provider(), **dict.fromkeys(names, "soon"))
    assert names <= absent(backend)
    for name in names:
        assert not hasattr(backend, name)
        with pytest.raises(IBMBackendApiError, match=rf"could not read the configuration of the backend: {name}"):
            getattr(backend, name)


def test_all_members_of_a_provider_can_be_looked_at(provider):
    assert absent(provider) == set()
    assert absent(pickle.loads(pickle.dumps(provider))) == {"token"}


def test_provider_that_is_offline_can_be_looked_at(tmp_path):
    with JobStore(tmp_path / "jobs.sqlite") as store:
        offline = IBMProvider("secret", "http://127.0.0.1:1/api", store=store)
        assert absent(offline) == {"instance"}
        with pytest.raises(IBMAccountError, match="could not log in"):
            _ = offline.instance


ASKED_FOR = {"client_version", "usage_estimation", "session_id", "private"}


def test_members_of_a_job_that_cannot_ask_can_be_looked_at():
    assert absent(IBMCircuitJob.from_state(Job("a"))) == ASKED_FOR


@pytest.mark.parametrize("name", sorted(ASKED_FOR))
def test_member_of_a_job_that_fails_asks_once_and_says_why(name):
    client = ScriptedClient([GONE], metrics=[GONE])
    job = IBMCircuitJob(None, None, "a", runtime_client=client)
    assert getattr(job, name, "absent") == "absent"
    assert len(client.calls) == 1
    with pytest.raises(IBMJobApiError, match="no route"):
        getattr(job, name)
    assert len(client.calls) == 2


def test_error_of_an_attribute_is_pickled_as_the_documented_one():
    error = IBMAccountError("no answer")
    error.is_passing = True
    back = pickle.loads(pickle.dumps(missing_attribute(error)))
    assert type(back) is IBMAccountError
    assert (str(back), back.is_passing) == ("no answer", True)


# The backend of a job of a store


def test_stored_job_names_its_backend_without_a_connection(tmp_path, provider, simulator, bell):
    with JobStore(tmp_path / "jobs.sqlite") as store:
        own = IBMProvider(provider.token, provider.url, store=store)
        own.get_backend("local_simulator").run(bell, shots=10).refresh()
        [job] = store.jobs()
        backend = job.backend()
        assert isinstance(backend, IBMRetiredBackend)
        assert (backend.name, backend.num_qubits, backend.properties()) == ("local_simulator", 0, None)
        with pytest.raises(IBMBackendError, match="has no connection and no description; get one that runs jobs with"):
            backend.run(bell)
        with pytest.raises(IBMBackendApiError, match="make an IBMProvider"):
            backend.status()
        assert own.attach(job).backend().num_qubits == simulator.num_qubits
        assert job.result(timeout=60).success


def test_stored_job_of_an_unreachable_service_names_its_backend(tmp_path, provider, bell):
    with JobStore(tmp_path / "jobs.sqlite") as store:
        own = IBMProvider(provider.token, provider.url, store=store)
        own.get_backend("local_simulator").run(bell, shots=10).result(timeout=60)
        offline = IBMProvider("secret", "http://127.0.0.1:1/api", store=store)
        [job] = offline.jobs(offline=True)
        assert job.backend().name == "local_simulator"
        assert job.result().success
        with pytest.raises(IBMBackendError, match="is retired, or the service could not describe it"):
            job.backend().run(bell)


def test_stored_job_of_a_backend_that_is_not_known_has_none(tmp_path):
    with JobStore(tmp_path / "jobs.sqlite") as store:
        store.save(Job("a"))
        with pytest.raises(IBMJobApiError, match="attach"):
            store.jobs()[0].backend()
