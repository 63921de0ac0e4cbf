"""The target is the whole device: what it offers, where, how well, and in which steps of time."""

import math

import pytest
import self_made_device as device
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import IGate
from qiskit.transpiler import generate_preset_pass_manager

from ibm_circuit_job import BackendConfiguration, BackendProperties, IBMBackendValueError
from ibm_circuit_job.devices.fractional_gates import checked_choice
from ibm_circuit_job.devices.target import target_of


def made(configuration=None, properties=None, use_fractional_gates=None):
    return target_of(
        BackendConfiguration.from_dict(configuration or device.configuration()),
        BackendProperties.from_dict(properties or device.properties()),
        use_fractional_gates,
    )


def with_gate(name, **changes):
    """The configuration, with an entry of ``gates`` changed."""
    said = device.configuration()
    [entry] = [gate for gate in said["gates"] if gate["name"] == name]
    entry |= changes
    return said


# What there is


def test_target_has_what_the_device_offers_and_nothing_else():
    assert set(made().operation_names) == {
        *("id", "rz", "sx", "x", "rx", "cz", "rzz"),
        *("measure", "measure_2", "delay", "reset", "if_else"),
    }


@pytest.mark.parametrize("name", ["reset", "delay", "measure", "if_else"])
def test_instruction_that_is_not_offered_is_not_there(name):
    offered = [each for each in device.configuration()["supported_instructions"] if each != name]
    assert name not in made(device.configuration(supported_instructions=offered)).operation_names


def test_device_that_lists_no_instructions_has_no_control_flow():
    names = made(device.configuration(supported_instructions=None)).operation_names
    assert {"measure", "delay", "reset"} <= set(names)
    assert "if_else" not in names


def test_instruction_with_a_signature_is_there():
    operation = made().operation_from_name("measure_2")
    assert (operation.num_qubits, operation.num_clbits) == (1, 1)


def test_gate_that_qiskit_does_not_know_is_made_from_its_entry():
    said = device.configuration()
    said["basis_gates"].append("swirl")
    said["gates"].append({"name": "swirl", "parameters": ["a", "b"], "coupling_map": [[0, 1], [2, 3]]})
    target = made(said)
    assert [parameter.name for parameter in target.operation_from_name("swirl").params] == ["a", "b"]
    assert set(target["swirl"]) == {(0, 1), (2, 3)}


def test_gate_of_which_nothing_is_said_is_left_out():
    said = device.configuration()
    said["basis_gates"].append("swirl")
    assert "swirl" not in made(said).operation_names


# Where


@pytest.mark.parametrize("coupler", ["cx", "ecr", "cz"])
def test_gate_stands_on_its_own_pairs(coupler):
    said = device.configuration(coupler)
    said["gates"][-2]["coupling_map"] = [[1, 0], [2, 3]]
    bare = device.properties(coupler)
    bare["gates"] = [gate for gate in bare["gates"] if gate["gate"] != coupler]
    assert set(made(said, bare)[coupler]) == {(1, 0), (2, 3)}


def test_gate_without_pairs_of_its_own_has_those_of_the_device():
    bare = device.properties()
    bare["gates"] = []
    target = made(device.configuration(gates=[]), bare)
    assert set(target["cz"]) == set(map(tuple, device.PAIRS))
    assert set(target["x"]) == {(0,), (1,), (2,), (3,)}


@pytest.mark.parametrize("gates", [True, False], ids=["with gates", "without gates"])
@pytest.mark.parametrize("coupler", ["cx", "ecr"])
def test_nothing_is_offered_on_a_qubit_that_does_not_work(coupler, gates):
    said = device.properties(coupler, faulty_qubits=[3])
    if not gates:
        said["gates"] = []
    target = made(device.configuration(coupler), said)
    for name in ("x", "rz", coupler, "rzz", "measure", "delay", "reset"):
        assert target[name], name
        assert not any(3 in qubits for qubits in target[name]), name


@pytest.mark.parametrize(
    ("coupler", "gate"), [("cx", ("cx", 1, 2)), ("ecr", ("ecr", 2, 1)), ("cz", ("rzz", 0, 1)), ("cz", ("x", 2))]
)
def test_gate_that_does_not_work_is_not_offered_there(coupler, gate):
    target = made(device.configuration(coupler), device.properties(coupler, faulty_gates=[gate]))
    name, *qubits = gate
    whole = made(device.configuration(coupler), device.properties(coupler))
    assert set(whole[name]) - set(target[name]) == {tuple(qubits)}
    assert all(set(whole[other]) == set(target[other]) for other in ("sx", "measure", "id"))


def test_transpiler_avoids_what_does_not_work():
    faulty = device.properties(faulty_qubits=[0], faulty_gates=[("cz", 1, 2), ("cz", 2, 1)])
    target = made(properties=faulty, use_fractional_gates=False)
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    for seed in range(5):
        ready = transpile(circuit, target=target, seed_transpiler=seed)
        assert set(ready.layout.final_index_layout()) == {2, 3}


# How well, and when


def test_figures_are_in_si_units():
    target = made()
    assert target.qubit_properties[2].t1 == pytest.approx(1e-4)
    assert target.qubit_properties[2].t2 == pytest.approx(8e-5)
    assert target.qubit_properties[2].frequency == 5e9
    assert target["cz"][(1, 2)].duration == pytest.approx(6e-8)
    assert target["cz"][(1, 2)].error == 0.001
    assert target["measure"][(3,)].duration == pytest.approx(1e-6)


def test_time_steps_and_constraints_are_those_of_the_device():
    target = made()
    assert target.dt == pytest.approx(5e-10)
    assert (target.granularity, target.min_length, target.pulse_alignment, target.acquire_alignment) == (8, 16, 8, 4)


def test_delays_are_scheduled_in_whole_steps_of_the_device():
    circuit = QuantumCircuit(2, 1)
    circuit.x(0)
    circuit.delay(100, 0, "ns")
    circuit.cz(0, 1)
    circuit.measure(0, 0)
    manager = generate_preset_pass_manager(1, target=made(), seed_transpiler=1, scheduling_method="alap")
    delays = [each.operation for each in manager.run(circuit).data if each.operation.name == "delay"]
    assert delays
    assert {(delay.unit, delay.duration % 4) for delay in delays} == {("dt", 0)}


# Fractional gates


def test_fractional_gates_are_left_out_unless_they_are_wanted():
    assert {"rx", "rzz"} <= set(made(use_fractional_gates=True).operation_names)
    assert {"rx", "rzz"} <= set(made(use_fractional_gates=None).operation_names)
    left = made(use_fractional_gates=False).operation_names
    assert not {"rx", "rzz"} & set(left)
    assert {"rz", "cz", "delay", "if_else"} <= set(left)


def test_simulator_has_its_fractional_gates_always():
    said = device.configuration(simulator=True)
    assert {"rx", "rzz"} <= set(made(said, use_fractional_gates=False).operation_names)


@pytest.mark.parametrize("wrong", [1, 0, "yes"])
def test_other_choices_of_fractional_gates_are_refused(wrong):
    with pytest.raises(IBMBackendValueError, match="expected use_fractional_gates to be True, False or None"):
        checked_choice(wrong)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_transpiler_folds_the_angles_of_rzz(level):
    circuit = QuantumCircuit(3)
    for angle in [-7.0, -2.0, -0.5, 0.0, 1.0, math.pi / 2, 2.0, 3.5, 6.0]:
        circuit.rzz(angle, 0, 1)
        circuit.rzz(angle, 0, 2)
        circuit.rzz(angle, 0, 1)
        # So that no two angles are added up.
        circuit.barrier()
    ready = transpile(circuit, target=made(), optimization_level=level, seed_transpiler=1)
    angles = [each.operation.params[0] for each in ready.data if each.operation.name == "rzz"]
    assert angles
    assert [each for each in angles if not 0 <= each <= math.pi / 2 + 1e-10] == []


# One odd part


@pytest.mark.parametrize("value", [None, "x", [], {}, float("nan")])
@pytest.mark.parametrize(("name", "attribute"), [("T1", "t1"), ("T2", "t2"), ("frequency", "frequency")])
def test_figure_that_is_no_number_costs_itself_alone(name, attribute, value):
    said = device.properties()
    [figure] = [each for each in said["qubits"][1] if each["name"] == name]
    figure["value"] = value
    whole, target = made(), made(properties=said)
    assert getattr(target.qubit_properties[1], attribute) is None
    others = {"t1", "t2", "frequency"} - {attribute}
    assert all(getattr(target.qubit_properties[1], each) == getattr(whole.qubit_properties[1], each) for each in others)
    for instruction, qubits in (("measure", (1,)), ("cz", (1, 2))):
        assert target[instruction][qubits].error == whole[instruction][qubits].error
        assert target[instruction][qubits].duration == whole[instruction][qubits].duration


def test_null_length_of_a_gate_leaves_its_error():
    said = device.properties()
    [gate] = [each for each in said["gates"] if each["gate"] == "cz" and each["qubits"] == [1, 2]]
    gate["parameters"][1]["value"] = None
    measured = made(properties=said)["cz"][(1, 2)]
    assert (measured.error, measured.duration) == (0.001, None)


@pytest.mark.parametrize(
    "odd", [[None], ["x"], [[0, "x"]], [[0, 0]], [[0, 9]], [[-1, 0]], [[0, 1, 2]], [[0]], [{"a": 1}], [[]]]
)
def test_odd_pair_of_a_gate_costs_itself_alone(odd):
    said = with_gate("cz", coupling_map=[*odd, *device.PAIRS])
    assert set(made(said)["cz"]) == set(map(tuple, device.PAIRS))


@pytest.mark.parametrize(
    "changes",
    [
        {"timing_constraints": {"granularity": "x", "min_length": 16, "pulse_alignment": 8, "acquire_alignment": 4}},
        {"timing_constraints": {"granularity": -8, "min_length": 16, "pulse_alignment": 8, "acquire_alignment": 4}},
    ],
)
def test_odd_constraint_costs_itself_alone(changes):
    target = made(device.configuration(**changes))
    assert (target.granularity, target.min_length, target.pulse_alignment, target.acquire_alignment) == (1, 16, 8, 4)


@pytest.mark.parametrize("field", ["timing_constraints", "dt", "instruction_signatures", "coupling_map", "max_shots"])
@pytest.mark.parametrize("odd", ["x", 3, {"a": 1}, [None], [[None]], [{"name": 5}], -1])
def test_odd_field_of_the_configuration_costs_itself_alone(field, odd):
    target = made(device.configuration(**{field: odd}))
    assert set(target["cz"]) == set(map(tuple, device.PAIRS))
    assert {"x", "measure", "if_else"} <= set(target.operation_names)
    assert target.operation_from_name("id") == IGate()
