"""Where the qubits of a device are drawn."""

from itertools import combinations
from math import dist

import pytest

from ibm_circuit_job.local.coupling_layout import places
from ibm_circuit_job.local.devices import DEVICES

WITH_MAPS = [device for device in DEVICES.values() if device.coupling]


@pytest.mark.parametrize("device", WITH_MAPS, ids=lambda device: device.name)
def test_coupled_qubits_are_about_one_unit_apart(device):
    where = places(device.qubits, device.coupling)
    assert all(0.5 < dist(where[first], where[second]) < 1.7 for first, second in device.coupling)


@pytest.mark.parametrize("device", WITH_MAPS, ids=lambda device: device.name)
def test_no_two_qubits_are_drawn_over_each_other(device):
    where = places(device.qubits, device.coupling)
    assert min(dist(one, other) for one, other in combinations(where, 2)) > 0.5


def test_all_places_are_from_0_on_and_the_longer_side_lies_flat():
    where = places(27, DEVICES["local_27q"].coupling)
    right, down = zip(*where, strict=True)
    assert min(right) == min(down) == 0
    assert max(right) > max(down)


def test_parts_that_nothing_connects_are_side_by_side():
    assert places(4, ((0, 1), (2, 3))) == ((0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (3.0, 0.0))
    assert places(0, ()) == ()
    assert places(2, ()) == ((0.0, 0.0), (1.0, 0.0))
