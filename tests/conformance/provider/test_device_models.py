"""What a device's configuration answers, beside the models of qiskit 1.4, for the 68 devices of qiskit-ibm-runtime."""

from copy import deepcopy

import pytest
from device_models import DEVICES, different, document, name_of, properties_of
from qiskit_ibm_provider.utils.backend_decoder import configuration_from_server_data, properties_from_server_data

from ibm_circuit_job import BackendConfiguration, BackendProperties

OF_PULSES = {"_qubit_channel_map", "_channel_qubit_map", "_control_channels"}
"""What qiskit 1.4 made of its pulse channels, which qiskit 2 does not have."""


@pytest.mark.parametrize("device", DEVICES, ids=name_of)
def test_configurations_answer_alike(device):
    said = document(device)
    theirs = configuration_from_server_data(deepcopy(said))
    ours = BackendConfiguration.from_dict(said)

    names = {*vars(theirs), *theirs._data} - {"_data", *OF_PULSES}
    names |= {"sample_rate"} & {*dir(theirs)}
    assert different(names, ours, theirs) == {}


@pytest.mark.parametrize("device", DEVICES, ids=name_of)
def test_properties_answer_alike(device):
    said = properties_of(device)
    theirs = properties_from_server_data(deepcopy(said))
    ours = BackendProperties.from_dict(said)

    assert different({*vars(theirs), *theirs._data} - {"_data", "_qubits", "_gates"}, ours, theirs) == {}
