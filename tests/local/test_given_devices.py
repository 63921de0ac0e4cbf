"""Devices that a service is given: from names, files and backends of qiskit to what the service says of them."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator

from ibm_circuit_job import BackendConfiguration, BackendProperties, IBMProvider
from ibm_circuit_job.devices.target import target_of
from ibm_circuit_job.local import LocalService, LocalServiceError
from ibm_circuit_job.local.calibrations import calibration_id
from ibm_circuit_job.local.device_simulation import run_on_device, why_cannot_run
from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.given_devices import Documents, NoDevice, device_of, devices_of, documents_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CLASSIC = DEVICES["local_5q"]
CONSTRAINTS = {"granularity": 8, "min_length": 64, "pulse_alignment": 8, "acquire_alignment": 16}


@pytest.fixture
def files(tmp_path):
    """A configuration and two calibrations, as IBM's API gives them; a qubit did not work in the second."""
    configuration = CLASSIC.configuration() | {"backend_name": "ibm_past", "timing_constraints": CONSTRAINTS}
    documents = [configuration]
    for day in (1, 2):
        properties = CLASSIC.properties(datetime(2025, 5, day, 12, tzinfo=UTC)) | {"backend_name": "ibm_past"}
        documents.append(properties)
    documents[2]["qubits"][4].append({"name": "operational", "value": 0, "unit": "", "date": "2025-05-02T04:00:00Z"})
    paths = [tmp_path / f"{index}.json" for index in range(3)]
    for path, document in zip(paths, documents, strict=True):
        path.write_text(json.dumps(document))
    return paths


def test_files_of_a_device_become_it(files):
    device = device_of(documents_of(files))
    assert (device.name, device.qubits, device.coupling) == ("ibm_past", 5, CLASSIC.coupling)
    assert device.configuration() == json.loads(files[0].read_text())
    assert device.properties(NOON) == json.loads(files[2].read_text())


def test_calibration_is_found_by_date_and_by_id(files):
    device = device_of(documents_of(files))
    first, second = (datetime(2025, 5, day, 4, tzinfo=UTC) for day in (1, 2))
    assert device.calibrated_at(datetime(2025, 5, 1, 23, tzinfo=UTC)) == first
    assert device.calibrated_at(datetime(2020, 1, 1, tzinfo=UTC)) == first
    assert device.calibrated_at(NOON) == second
    assert device.calibration(calibration_id("ibm_past", first), NOON) == first
    assert device.calibration("ibm_past-20250503T040000Z", NOON) is None


def test_part_that_does_not_work_is_refused(files):
    device = device_of(documents_of(files))
    circuit = QuantumCircuit(5, 1)
    circuit.x(4)
    assert why_cannot_run(device, datetime(2025, 5, 1, 12, tzinfo=UTC), circuit, 1000) is None
    assert "its qubit 4 does not work" in why_cannot_run(device, NOON, circuit, 1000)


def test_backend_of_qiskit_becomes_a_device_like_it():
    backend = GenericBackendV2(
        4, basis_gates=["cz", "id", "rz", "sx", "x"], coupling_map=[(0, 1), (1, 2), (3, 2)], seed=3
    )
    device = device_of(documents_of(backend))
    properties = device.properties(NOON)
    made = target_of(BackendConfiguration.from_dict(device.configuration()), BackendProperties.from_dict(properties))
    assert sorted(made["cz"]) == [(0, 1), (1, 2), (3, 2)]
    for name in ("cz", "sx", "measure"):
        for place, said in backend.target[name].items():
            assert made[name][place].error == pytest.approx(said.error)
            assert made[name][place].duration == pytest.approx(said.duration)
    assert made.qubit_properties[2].t1 == pytest.approx(backend.target.qubit_properties[2].t1)
    assert made.dt == pytest.approx(backend.target.dt)


def test_circuit_for_such_a_backend_runs_with_its_noise():
    backend = GenericBackendV2(3, basis_gates=["cz", "id", "rz", "sx", "x"], coupling_map=[(0, 1), (1, 2)], seed=3)
    device = device_of(documents_of(backend))
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    ready = transpile(circuit, backend, seed_transpiler=1)
    counts = run_on_device(device, NOON, [ready], shots=2000, memory=False, seed=1, memory_mb=1000).get_counts()
    ideal = AerSimulator().run(ready, shots=2000, seed_simulator=1).result().get_counts()
    assert all(abs(counts[each] - ideal[each]) < 5 * (2 * ideal[each]) ** 0.5 + 200 for each in ideal)
    assert set(counts) > set(ideal)


@pytest.mark.parametrize("given", ["ibm_nowhere", "fake_nowhere", 5, [], ["a", 1], None])
def test_what_is_no_device_is_refused(given):
    with pytest.raises(NoDevice, match="expected a device to be one of local_simulator"):
        documents_of(given)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (None, "cannot be read: No such file"),
        ("[1]", "is not a JSON object"),
        ("{}", "a reply of GET /backends/NAME/configuration: .*`backend_name`"),
        ('{"backend_name": "a", "n_qubits": 0}', r"conf.json, which comes first, .* at `\$.n_qubits`"),
        ('{"backend_name": "a", "n_qubits": 1, "basis_gates": [], "coupling_map": [1]}', "coupling_map"),
    ],
)
def test_file_that_cannot_be_used_is_refused(tmp_path, written, why):
    path = tmp_path / "conf.json"
    if written is not None:
        path.write_text(written)
    with pytest.raises(NoDevice, match=why):
        documents_of([path])


@pytest.mark.parametrize(
    ("order", "change", "why"),
    [
        ((1, 0), {}, "1.json, which comes first, to be a reply of GET /backends/NAME/configuration"),
        ((0, 0), {}, "0.json to be a reply of GET /backends/NAME/properties: .*`qubits`"),
        ((0, 1), {"last_update_date": "yesterday"}, "1.json to be .*'yesterday'"),
        ((0, 1), {"qubits": [[]]}, "1.json to have the 5 qubits of the configuration, got 1"),
    ],
)
def test_files_that_do_not_fit_are_named(files, order, change, why):
    files[1].write_text(json.dumps(json.loads(files[1].read_text()) | change))
    with pytest.raises(NoDevice, match=why):
        documents_of([files[index] for index in order])


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("local_hero", "got 'local_hero'; did you mean 'local_heron'?"),
        ("LOCAL_5Q", "did you mean 'local_5q'?"),
        (["local_5q", "local_heron"], "expected paths of a configuration and its properties, got 'local_5q', a device"),
    ],
)
def test_name_that_is_meant_is_said(given, why):
    with pytest.raises(NoDevice) as raised:
        documents_of(given)
    assert why in str(raised.value)


def test_two_devices_of_one_name_are_refused():
    with pytest.raises(NoDevice, match="different names, got local_5q twice"):
        devices_of([Documents("local_5q"), Documents("local_5q")])


def test_documents_go_to_another_process_unchanged(files):
    documents = documents_of(files)
    assert device_of(msgspec.json.decode(msgspec.json.encode(documents), type=Documents)) == device_of(documents)


@pytest.mark.parametrize("name", ["a/b", "..", " ", "a\nb"])
def test_name_for_which_no_client_could_ask_is_refused(name):
    backend = GenericBackendV2(2, seed=1)
    backend.name = name
    with pytest.raises(NoDevice, match="name of printable characters without '/'"):
        documents_of(backend)


def test_service_refuses_what_is_no_device():
    with pytest.raises(LocalServiceError, match="devices: expected a device to be one of"):
        LocalService(devices=["ibm_nowhere"])
    with pytest.raises(LocalServiceError, match="expected devices to be a list, got 'local_5q'"):
        LocalService(devices="local_5q")


def test_service_has_the_devices_that_it_is_given(files):
    with (
        LocalService(devices=["local_simulator", files], workers=1, seed=1) as service,
        IBMProvider(service.token, service.platform_url, instance=service.instance) as provider,
    ):
        assert [backend.name for backend in provider.backends()] == ["local_simulator", "ibm_past"]
        backend = provider.get_backend("ibm_past")
        circuit = QuantumCircuit(5, 1)
        circuit.x(0)
        circuit.measure(0, 0)
        counts = backend.run(circuit, shots=200).result(timeout=100).get_counts()
        assert counts["1"] > 150
        assert {name: getattr(backend.target, name) for name in CONSTRAINTS} == CONSTRAINTS
        assert (4,) not in backend.target["x"]
        assert not any(4 in pair for pair in backend.target["cx"])
        busy = backend.run(circuit, shots=40_000, rep_delay=500e-6)
        assert (backend.status().pending_jobs, provider.get_backend("local_simulator").status().pending_jobs) == (1, 0)
        busy.cancel()
        first = backend.properties(datetime=datetime(2025, 5, 1, 12, tzinfo=UTC))
        assert first.last_update_date == datetime(2025, 5, 1, 4, tzinfo=UTC)
