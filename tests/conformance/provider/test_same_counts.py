"""What this client counts is kept, to be compared with what the others count."""

from qiskit_ibm_provider import IBMProvider
from same_counts import SHOTS, circuits
from waiting import ended


def test_twenty_circuits_are_counted_on_a_seeded_device(services, keep_counts):
    device = IBMProvider(token=services.seeded.token, url=services.seeded.url).get_backend("local_5q")
    counts = ended(device.run(circuits(), shots=SHOTS, rep_delay=0.0)).result().get_counts()
    assert len(counts) == 20
    keep_counts(counts)
