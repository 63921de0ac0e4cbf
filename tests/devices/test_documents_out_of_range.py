"""Numbers out of range in the documents of a backend cost their part alone."""

import math

import pytest

from ibm_circuit_job import BackendConfiguration, BackendProperties, IBMBackendApiError
from ibm_circuit_job.devices.configuration import BackendStatus
from ibm_circuit_job.devices.target import target_of

SAID = {"backend_name": "ibm_x", "n_qubits": 2, "basis_gates": ["cz", "x"], "coupling_map": [[0, 1]]}
FIGURE = {"name": "T1", "date": "2024-02-03T04:00:00Z", "unit": "us", "value": 80.5}
HUGE = [10**9, -1, 2**64, 10**400, 1e400, -1e400, math.nan, None, "", []]


@pytest.mark.parametrize("qubits", HUGE)
def test_number_of_qubits_out_of_range_is_refused(qubits):
    with pytest.raises(IBMBackendApiError, match="n_qubits"):
        BackendConfiguration.from_dict({**SAID, "n_qubits": qubits})


@pytest.mark.parametrize("number", [10**400, 1e400, math.nan, 1e308])
def test_frequency_that_no_float_holds_is_refused_when_asked_for(number):
    read = BackendConfiguration.from_dict({**SAID, "qubit_lo_range": [[number, 1]]})
    with pytest.raises(IBMBackendApiError, match=r"qubit_lo_range\[0\]\[0\]"):
        _ = read.qubit_lo_range
    assert read.num_qubits == 2


def test_field_that_cannot_be_written_costs_itself_alone():
    read = BackendConfiguration.from_dict({**SAID, "sample": 10**5000, "max_shots": 10})
    assert (read.max_shots, "sample" in read) == (10, False)


@pytest.mark.parametrize("place", HUGE)
def test_gate_on_qubits_out_of_range_costs_itself_alone(place):
    gates = [{"name": "cz", "coupling_map": [[0, 1], [0, place]], "parameters": []}]
    target = target_of(BackendConfiguration.from_dict({**SAID, "gates": gates}), None)
    assert sorted(target["cz"]) == [(0, 1)]


@pytest.mark.parametrize("value", [10**400, 1e400, math.nan, None, [], "x"])
def test_figure_out_of_range_costs_itself_alone(value):
    said = {
        "backend_name": "ibm_x",
        "last_update_date": "2024-02-03T04:00:00Z",
        "qubits": [[{**FIGURE, "value": value}, {**FIGURE, "name": "T2"}]],
        "gates": [],
    }
    read = BackendProperties.from_dict(said)
    assert [figure.name for figure in read.qubits[0]] == ["T2"]
    assert read.unreadable[0].startswith("qubits[0][0].value: expected a")


@pytest.mark.parametrize("count", [-1, "-3"])
def test_negative_queue_is_an_empty_one(count):
    assert BackendStatus.from_reply({"state": True, "length_queue": count}, "ibm_x").pending_jobs == 0


@pytest.mark.parametrize("count", [10**400, 1e400, math.nan, []])
def test_queue_out_of_range_is_refused(count):
    with pytest.raises(IBMBackendApiError, match="length_queue"):
        BackendStatus.from_reply({"state": True, "length_queue": count}, "ibm_x")
