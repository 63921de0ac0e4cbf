"""What local_heron says of itself: the fields of a device of today, and a new calibration each day."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from ibm_circuit_job import BackendConfiguration, BackendProperties
from ibm_circuit_job.devices.target import target_of
from ibm_circuit_job.local.calibrations import calibration_id
from ibm_circuit_job.local.devices import BY_DEFAULT, DEVICES, Devices
from ibm_circuit_job.local.heron import line

HERON = DEVICES["local_heron"]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_it_has_the_lattice_of_156_qubits():
    coupled = [[other for one, other in HERON.coupling if one == qubit] for qubit in range(HERON.qubits)]
    assert HERON.qubits == 156
    assert len(HERON.coupling) == 352
    assert {len(neighbours) for neighbours in coupled} == {1, 2, 3}


def test_each_qubit_has_coordinates_of_its_own():
    coordinates = HERON.configuration()["coords"]
    assert len({tuple(each) for each in coordinates}) == HERON.qubits
    distances = [
        abs(coordinates[one][0] - coordinates[other][0]) + abs(coordinates[one][1] - coordinates[other][1])
        for one, other in HERON.coupling
    ]
    assert set(distances) == {1}


def test_line_runs_along_couplings():
    qubits = line(128)
    assert len(set(qubits)) == 128
    assert all(pair in HERON.coupling for pair in pairwise(qubits))


@pytest.mark.parametrize(("use_fractional_gates", "fractional"), [(False, set()), (True, {"rx", "rzz"})])
def test_target_has_fractional_gates_where_wanted(use_fractional_gates, fractional):
    target = target_of(
        BackendConfiguration.from_dict(HERON.configuration()),
        BackendProperties.from_dict(HERON.properties(NOON)),
        use_fractional_gates,
    )
    assert set(target.operation_names) == {"cz", "delay", "id", "measure", "reset", "rz", "sx", "x"} | {
        "if_else",
        "for_loop",
        "switch_case",
        "while_loop",
        *fractional,
    }
    assert target["cz"][3, 16].error == target["cz"][16, 3].error > 0


def test_every_part_of_the_documents_is_readable():
    assert not BackendProperties.from_dict(HERON.properties(NOON)).unreadable


def test_calibration_is_another_one_each_day():
    today, before = HERON.properties(NOON), HERON.properties(NOON - timedelta(days=1))
    assert today["qubits"] != before["qubits"]
    assert today == HERON.properties(NOON + timedelta(hours=1))
    assert today["last_update_date"] == "2026-01-01T04:00:00Z"


def test_calibration_is_found_by_its_id():
    made = HERON.calibrated_at(NOON)
    assert HERON.calibration(calibration_id("local_heron", made), NOON) == made


@pytest.mark.parametrize(
    "given",
    [
        "local_heron-20260101T050000Z",  # not calibrated then
        "local_heron-20260102T040000Z",  # not yet
        "local_5q-20260101T040000Z",  # of another device
        "local_heron-2026011T040000Z",
        "x",
        "",
    ],
)
def test_other_ids_name_no_calibration(given):
    assert HERON.calibration(given, NOON) is None


def test_default_devices_are_listed_once_each_in_order():
    assert list(DEVICES) == ["local_simulator", "local_5q", "local_27q", "local_heron", "ibmq_qasm_simulator"]


def test_simulator_by_its_old_name_differs_in_nothing_else():
    old, new = DEVICES["ibmq_qasm_simulator"], DEVICES["local_simulator"]
    assert old.configuration() == new.configuration() | {"backend_name": "ibmq_qasm_simulator"}


def test_service_offers_the_devices_that_it_is_told_to():
    devices = Devices(BY_DEFAULT)
    devices.use([HERON])
    assert list(devices) == ["local_heron"]
    assert "ibmq_qasm_simulator" not in devices
