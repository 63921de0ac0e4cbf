"""What this client counts is kept, to be compared with what the others count."""

from same_counts import SHOTS, circuits


def test_twenty_circuits_are_counted_on_a_seeded_device(connect, services, sample, keep_counts):
    device = connect(services.seeded).backend("local_5q")
    result = sample(device, *circuits(), shots=SHOTS, execution={"rep_delay": 0.0}).result(timeout=60)
    counts = [pub.data.meas.get_counts() for pub in result]
    assert len(counts) == 20
    keep_counts(counts)
