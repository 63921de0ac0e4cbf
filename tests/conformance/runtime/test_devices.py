"""Our Target of a real device is the official client's, and what is transpiled for it runs in the official client."""

import copy
import random
from functools import cache

import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.random import random_circuit
from qiskit_ibm_runtime.utils.backend_converter import convert_to_target
from qiskit_ibm_runtime.utils.backend_decoder import configuration_from_server_data, properties_from_server_data
from qiskit_ibm_runtime.utils.utils import is_isa_circuit
from real_devices import FOLDER, described, documents

from ibm_circuit_job import BackendConfiguration, BackendProperties
from ibm_circuit_job.devices.instruction_set import InstructionSet, why_not
from ibm_circuit_job.devices.target import target_of

DEVICES = sorted(path.stem.removeprefix("conf_") for path in FOLDER.glob("*/conf_*.json"))
CIRCUITS = 200
"""Random circuits for each device and level."""

TRANSPILED = {
    "guadalupe": False,  # Falcon
    "fractional": None,  # Falcon, with rx, rzz and control flow
    "jakarta": False,  # Falcon, with control flow
    "melbourne": False,  # without reset
    "peekskill": False,  # Falcon, with ecr
    "manhattan": False,  # Hummingbird
    "sherbrooke": False,  # Eagle
    "strasbourg": False,  # Eagle
    "torino": False,  # Heron
    "boston": None,  # Heron, with measure_2, rx and rzz
}
"""Devices of every kind, and ``use_fractional_gates``."""


def with_faults(configuration, properties):
    """Let a qubit, a pair of qubits and a gate on one qubit not work."""
    couplings = [gate for gate in properties["gates"] if len(gate["qubits"]) == 2 and 1 not in gate["qubits"]]
    singles = [gate for gate in properties["gates"] if gate["gate"] == "sx"]
    for figures in (properties["qubits"][1], couplings[0]["parameters"], singles[0]["parameters"]):
        figures.append({"name": "operational", "value": 0, "unit": "", "date": properties["last_update_date"]})


def with_fractional_gates(configuration, properties):
    """Add rx and rzz, as the service says them of a Heron; the files leave them out."""
    for name, like in (("rx", "sx"), ("rzz", "cz")):
        configuration["basis_gates"].append(name)
        configuration["supported_instructions"].append(name)
        for gates, field in ((configuration["gates"], "name"), (properties["gates"], "gate")):
            gates += [copy.deepcopy(gate) | {field: name} for gate in gates if gate[field] == like]


CHANGES = {
    "guadalupe": with_faults,
    "sherbrooke": with_faults,
    "torino": with_faults,
    "boston": with_fractional_gates,
}
"""Devices that are changed before circuits are transpiled for them."""


def changed(name):
    configuration, properties = copy.deepcopy(documents(name))
    CHANGES.get(name, lambda *_: None)(configuration, properties)
    return configuration, properties


@cache
def ours(name, use_fractional_gates, said=documents):
    configuration, properties = said(name)
    return target_of(
        BackendConfiguration.from_dict(configuration), BackendProperties.from_dict(properties), use_fractional_gates
    )


@cache
def theirs(name, use_fractional_gates, said=documents):
    configuration, properties = copy.deepcopy(said(name))
    return convert_to_target(
        configuration_from_server_data(configuration, use_fractional_gates=use_fractional_gates),
        properties_from_server_data(properties, use_fractional_gates=use_fractional_gates),
    )


@pytest.mark.parametrize("use_fractional_gates", [False, None])
def test_targets_of_all_devices_are_the_official_ones(use_fractional_gates):
    equal = [
        name
        for name in DEVICES
        if described(ours(name, use_fractional_gates)) == described(theirs(name, use_fractional_gates))
    ]
    print(f"{len(equal)} of {len(DEVICES)} targets are equal with use_fractional_gates={use_fractional_gates}")
    assert equal == DEVICES
    assert len(DEVICES) >= 68


@pytest.mark.parametrize("use_fractional_gates", [False, None])
@pytest.mark.parametrize("name", CHANGES)
def test_target_of_a_changed_device_is_the_official_one(name, use_fractional_gates):
    made = described(ours(name, use_fractional_gates, changed))
    assert made == described(theirs(name, use_fractional_gates, changed))
    assert made != described(ours(name, None)) or (name, use_fractional_gates) == ("boston", False)


def circuit_of(seed, *, control_flow):
    """A random circuit of 2 to 5 qubits: gates of all kinds, ``rzz`` with any angle, and perhaps control flow.

    Each qubit is coupled to another: at level 1 qiskit lays one that is not on a qubit that does not work, and then
    gives up, with the official target as well.
    """
    chance = random.Random(seed)
    width = chance.randint(2, 5)
    circuit = QuantumCircuit(width, width)
    circuit.compose(random_circuit(width, chance.randint(1, 4), max_operands=2, seed=seed), inplace=True)
    couplings = [(one, one + 1) for one in range(width - 1)] + [chance.sample(range(width), 2)]
    for one, other in couplings:
        circuit.rzz(chance.uniform(-7, 7), one, other)
        circuit.rx(chance.uniform(-7, 7), one)
    if control_flow and chance.random() < 0.5:
        circuit.measure(0, 0)
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.rzz(chance.uniform(-7, 7), 0, 1)
            circuit.h(1)
    circuit.measure(range(width), range(width))
    return circuit


@pytest.mark.parametrize("level", [1, 3])
@pytest.mark.parametrize("name", TRANSPILED)
def test_transpiled_circuits_run_in_the_official_client(name, level):
    target, official = (made(name, TRANSPILED[name], changed) for made in (ours, theirs))
    control_flow = "if_else" in target.operation_names
    circuits = [circuit_of(1000 * level + number, control_flow=control_flow) for number in range(CIRCUITS)]
    ready = transpile(circuits, target=target, optimization_level=level, seed_transpiler=level, num_processes=1)
    refused = [why for each in ready if (why := is_isa_circuit(each, official))]
    print(f"{len(ready) - len(refused)} of {len(ready)} circuits run on {name} at level {level}")
    assert refused == []
    within = InstructionSet(target)
    moved = [each.copy_empty_like().compose(each, qubits=each.qubits[::-1]) for each in ready[:20]]
    for circuit in [*ready, *circuits[:20], *moved]:
        assert bool(why_not(circuit, within)) == bool(is_isa_circuit(circuit, official))
