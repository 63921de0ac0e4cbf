"""What a device's configuration and properties answer, beside the models of qiskit-ibm-runtime, for its 68 devices."""

from copy import deepcopy
from datetime import datetime

import pytest
from device_models import DEVICES, as_plain, different, document, name_of, properties_of
from qiskit_ibm_runtime.models import BackendProperties as TheirProperties
from qiskit_ibm_runtime.models.exceptions import BackendPropertyError as TheirError
from qiskit_ibm_runtime.utils.backend_decoder import configuration_from_server_data, properties_from_server_data

from ibm_circuit_job import BackendConfiguration, BackendProperties
from ibm_circuit_job.errors import BackendPropertyError

IN_HERTZ = {"hamiltonian", "channel_bandwidth"}
"""Fields that qiskit 1.4 gave in hertz, as we do, and qiskit-ibm-runtime gives in gigahertz."""
QUESTIONS = ("t1", "t2", "frequency", "readout_error", "readout_length", "is_qubit_operational", "qubit_property")


def answer(properties, question, qubit):
    """Return an answer, or that there is none."""
    try:
        return as_plain(getattr(properties, question)(qubit))
    except (BackendPropertyError, TheirError):
        return "no such property"


def test_all_the_devices_are_there():
    assert len(DEVICES) == 68


@pytest.mark.parametrize("device", DEVICES, ids=name_of)
def test_configurations_answer_alike(device):
    said = document(device)
    theirs = configuration_from_server_data(deepcopy(said), use_fractional_gates=None)
    ours = BackendConfiguration.from_dict(said)

    names = {*vars(theirs), *theirs._data, "num_qubits"} - {"_data", *IN_HERTZ}
    assert len(names) >= 25
    assert different(names, ours, theirs) == {}
    assert ours.online_date == datetime.fromisoformat(said["online_date"])
    # What they have as an attribute of its own, ours has as a field.
    assert [name for name in vars(theirs) if name in said and name not in ours] == []


@pytest.mark.parametrize("device", DEVICES, ids=name_of)
def test_gates_answer_alike(device):
    said = document(device)
    theirs = configuration_from_server_data(deepcopy(said), use_fractional_gates=None)
    ours = BackendConfiguration.from_dict(said)

    for mine, official in zip(ours.gates, theirs.gates, strict=True):
        assert {name: getattr(mine, name) for name in vars(official)} == vars(official)
        assert hasattr(mine, "coupling_map") == hasattr(official, "coupling_map")
        assert mine.to_dict() == official.to_dict()


@pytest.mark.parametrize("device", DEVICES, ids=name_of)
def test_properties_answer_alike(device):
    said = properties_of(device)
    theirs = properties_from_server_data(deepcopy(said), use_fractional_gates=None)
    ours = BackendProperties.from_dict(said)
    assert isinstance(theirs, TheirProperties)

    assert different({*vars(theirs), *theirs._data} - {"_data", "_qubits", "_gates"}, ours, theirs) == {}
    assert ours.last_update_date == datetime.fromisoformat(said["last_update_date"])
    assert ours.qubits[0][0].date == datetime.fromisoformat(said["qubits"][0][0]["date"])
    for qubit in range(len(said["qubits"])):
        for question in QUESTIONS:
            assert answer(ours, question, qubit) == answer(theirs, question, qubit), (question, qubit)
    for gate in dict.fromkeys(each["gate"] for each in said["gates"]):
        assert as_plain(ours.gate_property(gate)) == as_plain(theirs.gate_property(gate))
    assert ours.faulty_qubits() == theirs.faulty_qubits()
    assert as_plain(ours.faulty_gates()) == as_plain(theirs.faulty_gates())
