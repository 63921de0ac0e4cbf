"""What the devices of the service say is read by the official client, part by part."""

from datetime import UTC, datetime

import pytest
from qiskit import QuantumCircuit
from qiskit_ibm_runtime import SamplerV2
from qiskit_ibm_runtime.utils.backend_converter import convert_to_target
from qiskit_ibm_runtime.utils.backend_decoder import configuration_from_server_data, properties_from_server_data
from real_devices import described, documents

from ibm_circuit_job import BackendConfiguration, BackendProperties
from ibm_circuit_job.devices.target import target_of
from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.given_devices import device_of, documents_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def documents_here(device):
    return device.configuration(), device.properties(NOON)


def theirs(configuration, properties, use_fractional_gates):
    return convert_to_target(
        configuration_from_server_data(configuration, use_fractional_gates=use_fractional_gates),
        properties_from_server_data(properties, use_fractional_gates=use_fractional_gates),
    )


@pytest.mark.parametrize("use_fractional_gates", [False, None])
@pytest.mark.parametrize("name", ["local_5q", "local_27q", "local_heron"])
def test_target_of_each_device_is_the_official_one(name, use_fractional_gates):
    configuration, properties = documents_here(DEVICES[name])
    ours = target_of(
        BackendConfiguration.from_dict(configuration), BackendProperties.from_dict(properties), use_fractional_gates
    )
    assert described(ours) == described(theirs(configuration, properties, use_fractional_gates))


def test_heron_has_every_field_of_a_real_one():
    configuration, properties = documents_here(DEVICES["local_heron"])
    real_configuration, real_properties = documents("boston")
    assert set(real_configuration) <= set(configuration)
    assert set(real_properties) <= set(properties)
    assert configuration["coupling_map"] == real_configuration["coupling_map"]
    assert configuration["coords"] == real_configuration["coords"]


@pytest.mark.parametrize("name", ["fake_fez", "FakeTorino", "FakeSherbrookeV2"])
def test_fake_backend_is_found_by_its_name(name):
    device = device_of(documents_of(name))
    configuration, properties = documents(name.lower().removeprefix("fake").lstrip("_").removesuffix("v2"))
    assert device.configuration() == configuration | {"backend_name": device.name}
    assert device.properties(NOON) == properties


def test_fake_backend_itself_is_the_same_device():
    from qiskit_ibm_runtime.fake_provider import FakeFez  # noqa: PLC0415 - it loads all of them

    device = device_of(documents_of(FakeFez()))
    configuration, properties = documents_here(device)
    named = documents_here(device_of(documents_of("fake_fez")))
    assert device.name == "fake_fez"
    assert described(theirs(configuration, properties, False)) == described(theirs(*named, False))


def test_client_runs_a_dynamic_circuit_on_local_heron(connect):
    # A client that was asked for the device without fractional gates does not look for them again.
    backend = connect().backend("local_heron", use_fractional_gates=None)
    assert (backend.num_qubits, backend.processor_type["family"]) == (156, "Heron")
    circuit = QuantumCircuit(156, 2)
    circuit.rx(3.0, 0)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    counts = SamplerV2(mode=backend).run([circuit], shots=200).result(timeout=100)[0].data.c.get_counts()
    assert counts["11"] > 150


def test_calibration_of_a_day_is_found_by_its_id(service):
    backend = service.backend("local_heron")
    date = backend.properties().last_update_date.astimezone(UTC)
    again = service.backend("local_heron", calibration_id=f"local_heron-{date:%Y%m%dT%H%M%SZ}")
    assert again.properties().qubits == backend.properties().qubits
