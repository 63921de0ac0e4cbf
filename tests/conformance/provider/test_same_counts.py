"""What this client counts is kept, to be compared with what the others count."""

import pytest
from qiskit_ibm_provider import IBMProvider
from same_counts import DEVICES, SHOTS, circuits
from waiting import ended


@pytest.mark.parametrize("name", DEVICES)
def test_twenty_circuits_are_counted_on_a_seeded_device(services, keep_counts, name):
    device = IBMProvider(token=services.seeded.token, url=services.seeded.url).get_backend(name)
    counts = ended(device.run(circuits(name), shots=SHOTS, rep_delay=0.0)).result().get_counts()
    assert len(counts) == 20
    keep_counts(name, "run of qiskit-ibm-provider", counts)
