"""Every option of IBM's published models: each changes a seeded answer or the charge, is refused by name, or is said.

The options are read from the models themselves, so one that a new version of ``ibm-quantum-schemas`` adds fails here
until it has a row.
"""

import pkgutil
from functools import cache
from importlib import import_module
from typing import get_args, get_type_hints

import msgspec
import pytest
import quantum_programs
from attrs import field, frozen
from ibm_quantum_schemas.common import QpyModel
from programs import body_of, outcome_of
from pydantic import BaseModel
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit_aer.noise import NoiseModel, depolarizing_error
from samplomatic import Twirl

from ibm_circuit_job.wire import typed_json


@frozen
class Changes:
    """The answer with the value differs from the one without it, where *beside* is given in both."""

    value: object
    beside: dict = field(factory=dict)
    backend: str = "local_simulator"


@frozen
class Charges:
    """A device charges other seconds with the value than without it."""

    value: object


@frozen
class Refused:
    """The job fails, and its reason names the option, or the option *by* that turns on what it is a part of."""

    value: object
    by: str = ""


@frozen
class Said:
    """The answer is the same, and its metadata say under *name* that the option is not applied."""

    value: object
    name: str
    beside: dict = field(factory=dict)


def noise_of(loss):
    """Noise of gates on two qubits, as JSON."""
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(loss, 2), ["cx"])
    return msgspec.json.decode(typed_json.encode(noise))


COUPLING, GATES = [[0, 1], [1, 0]], ["cx", "rz", "sx"]
DECOUPLED = {"dynamical_decoupling.enable": True}

DECOUPLING = {
    "dynamical_decoupling.enable": Said(True, "dynamical_decoupling"),
    "dynamical_decoupling.sequence_type": Said("XY4", "dynamical_decoupling", DECOUPLED),
    "dynamical_decoupling.extra_slack_distribution": Said("edges", "dynamical_decoupling", DECOUPLED),
    "dynamical_decoupling.scheduling_method": Said("asap", "dynamical_decoupling", DECOUPLED),
    "dynamical_decoupling.skip_reset_qubits": Said(True, "dynamical_decoupling", DECOUPLED),
}
SIMULATOR = {
    "simulator.noise_model": Changes(noise_of(0.05)),
    "simulator.seed_simulator": Changes(11),
    "simulator.coupling_map": Refused(COUPLING),
    "simulator.basis_gates": Said(GATES, "basis_gates"),
}
TWIRLED = {"twirling.enable_gates": True}
TWIRLING = {
    "twirling.enable_gates": Changes(True),
    "twirling.enable_measure": Changes(True),
    "twirling.num_randomizations": Changes(3, TWIRLED),
    "twirling.shots_per_randomization": Changes(5, TWIRLED),
    "twirling.strategy": Changes("all", TWIRLED | {"default_shots": 2000}, "local_5q"),
}
SAMPLER = {
    "default_shots": Changes(31),
    "execution.init_qubits": Refused(False),
    "execution.rep_delay": Charges(1e-4),
    "execution.meas_type": Changes("kerneled"),
    "experimental": Refused({"fast": True}),
    **DECOUPLING,
    **SIMULATOR,
    **TWIRLING,
}

MITIGATED, EXTRAPOLATED = {"resilience.measure_mitigation": True}, {"resilience.zne_mitigation": True}
SOME_GATES = EXTRAPOLATED | {"resilience.zne.noise_factors": [1, 2]}
OF_LAYERS = "resilience.pec_mitigation"
ESTIMATOR = {
    "default_precision": Changes(0.2),
    "default_shots": Changes(31),
    "seed_estimator": Changes(11),
    "resilience.measure_mitigation": Changes(True),
    "resilience.measure_noise_learning.num_randomizations": Changes(4, MITIGATED, "local_5q"),
    "resilience.measure_noise_learning.shots_per_randomization": Changes(50, MITIGATED, "local_5q"),
    "resilience.zne_mitigation": Changes(True),
    "resilience.zne.amplifier": Changes("gate_folding_front", SOME_GATES, "local_5q"),
    "resilience.zne.noise_factors": Changes([1, 5], EXTRAPOLATED),
    "resilience.zne.extrapolator": Changes("linear", EXTRAPOLATED),
    "resilience.zne.extrapolated_noise_factors": Changes([0.5], EXTRAPOLATED),
    "resilience.pec_mitigation": Refused(True),
    "resilience.pec.max_overhead": Refused(2.0, by=OF_LAYERS),
    "resilience.pec.noise_gain": Refused(0.5, by=OF_LAYERS),
    "resilience.layer_noise_learning.max_layers_to_learn": Refused(1, by=OF_LAYERS),
    "resilience.layer_noise_learning.shots_per_randomization": Refused(10, by=OF_LAYERS),
    "resilience.layer_noise_learning.num_randomizations": Refused(2, by=OF_LAYERS),
    "resilience.layer_noise_learning.layer_pair_depths": Refused([0, 1], by=OF_LAYERS),
    "resilience.layer_noise_model": Refused(
        [
            {
                "__type__": "_json",
                "__module__": "qiskit_ibm_runtime.utils.noise_learner_result",
                "__class__": "LayerError",
                "__value__": {
                    "circuit": msgspec.json.decode(typed_json.encode(QuantumCircuit(2))),
                    "qubits": [0, 1],
                    "error": None,
                },
            }
        ]
    ),
    "execution.init_qubits": Refused(False),
    "execution.rep_delay": Charges(1e-4),
    "experimental": Refused({"fast": True}),
    **DECOUPLING,
    **SIMULATOR,
    **TWIRLING,
}
EXECUTOR = {
    "init_qubits": Refused(False),
    "rep_delay": Charges(1e-4),
    "scheduler_timing": Refused(True),
    "stretch_values": Refused(True),
    "experimental": Refused({"fast": True}),
}
LEARNING = {"shots_per_randomization": 25, "num_randomizations": 3, "layer_pair_depths": [0, 2]}
"""Values that differ from those of ``FEW``."""
NOISE_LEARNER = {
    "max_layers_to_learn": Changes(2),
    "twirling_strategy": Changes("all"),
    "support_qiskit": Refused(False),
    "experimental": Refused({"fast": True}),
    **{name: Changes(value) for name, value in LEARNING.items()},
    **SIMULATOR,
}
NOISE_LEARNER_V3 = {
    "init_qubits": Refused(False),
    "rep_delay": Charges(1e-4),
    **{name: Changes(value, backend="local_5q") for name, value in LEARNING.items()},
    **{f"{selection}.enable": Refused(True) for selection in ("post_selection", "bit_flip_checks.pre_circuit")},
    "bit_flip_checks.post_circuit.enable": Refused(True),
    **{
        f"{selection}.{name}": Refused(value, by=f"{selection}.enable")
        for selection in ("post_selection", "bit_flip_checks.pre_circuit", "bit_flip_checks.post_circuit")
        for name, value in (("x_pulse_type", "rx"), ("strategy", "edge"))
    },
}
TABLES = {
    "sampler": SAMPLER,
    "estimator": ESTIMATOR,
    "executor": EXECUTOR,
    "noise_learner_v2": NOISE_LEARNER,
    "noise_learner_v3": NOISE_LEARNER_V3,
}


# The models


def versions_of(package):
    """The modules of all versions of a program's models, the oldest first."""
    path = import_module(f"ibm_quantum_schemas.{package}").__path__
    names = sorted(each.name for each in pkgutil.iter_modules(path) if each.name.startswith("version_"))
    return [import_module(f"ibm_quantum_schemas.{package}.{name}") for name in names]


def paths_of(model, before=""):
    """The paths of a model's options, as in ``twirling.strategy``."""
    hints = get_type_hints(model)
    for name in model.model_fields:
        parts = [each for each in (hints[name], *get_args(hints[name])) if is_options(each)]
        for part in parts:
            yield from paths_of(part, f"{before}{name}.")
        if not parts:
            yield f"{before}{name}"


def options_model(version):
    return get_type_hints(version.ParamsModel)["options"]


def is_options(kind):
    return isinstance(kind, type) and issubclass(kind, BaseModel) and "Options" in kind.__name__


@pytest.mark.parametrize("package", TABLES)
def test_every_option_of_every_version_has_a_row(package):
    found = {path for version in versions_of(package) for path in paths_of(options_model(version))}
    assert found == set(TABLES[package])


# Jobs


def entangled():
    """Three qubits of which a layer of gates leaves one alone."""
    circuit = QuantumCircuit(3)
    circuit.sx(0)
    circuit.rz(Parameter("a"), 0)
    circuit.sx(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    return circuit


def layers():
    register = QuantumRegister(5, "q")
    circuit = QuantumCircuit(register, ClassicalRegister(1, "c"))
    with circuit.box([Twirl()]):
        circuit.cx(0, 1)
    return circuit


def options_of(given):
    """Options as the nested objects that a client submits, from their paths."""
    options = {}
    for path, value in given.items():
        *inside, name = path.split(".")
        at = options
        for each in inside:
            at = at.setdefault(each, {})
        at[name] = value
    return options


FEW = {"layer_pair_depths": [0, 1], "num_randomizations": 2, "shots_per_randomization": 100}


def params_of(package, given, version=None):
    """The parameters of a small job, as JSON."""
    match package:
        case "sampler":
            circuit = entangled()
            circuit.measure_all()
            params = {"pubs": [[circuit, [1.0]]], "version": 2, "options": options_of({"default_shots": 30} | given)}
        case "estimator":
            pub = [entangled(), {"IZZ": 1.0, "XIX": 0.5}, [1.0]]
            options = options_of({"default_precision": 0.1} | given)
            params = {"pubs": [pub], "version": 2, "resilience_level": 0, "options": options}
        case "noise_learner_v2":
            options = options_of(FEW | {"simulator.noise_model": noise_of(0.1), "max_layers_to_learn": 1} | given)
            circuit = entangled().assign_parameters([1.0])
            params = {"version": 2, "circuits": [circuit], "options": options}
        case "noise_learner_v3":
            written = QpyModel.from_quantum_circuit(layers(), 16).model_dump(mode="json")
            params = {"schema_version": version, "instructions": written, "options": options_of(FEW | given)}
        case _:
            params = quantum_programs.params(version, shots=50, options=options_of(given))
    return typed_json.encode(params)


def cases(*kinds):
    """Rows of these kinds: the package, the newest version that has the option, its path and the row."""
    return [
        pytest.param(package, newest_with(package, path), path, row, id=f"{package}-{path}")
        for package, table in TABLES.items()
        for path, row in table.items()
        if isinstance(row, kinds)
    ]


def newest_with(package, path):
    """The version of the schema in which the options have a path."""
    having = [each for each in versions_of(package) if path in paths_of(options_model(each))]
    field = having[-1].ParamsModel.model_fields.get("schema_version")
    return None if field is None else field.default


PROGRAMS = {"noise_learner_v2": "noise-learner", "noise_learner_v3": "noise-learner-v3"}


@cache
def body_written(package, version, given, backend):
    return body_of(
        PROGRAMS.get(package, package), params_of(package, msgspec.json.decode(given), version), backend=backend
    )


def ran(package, version, given, backend="local_simulator"):
    """The result of a job, which is run once for all tests."""
    return body_written(package, version, msgspec.json.encode(given), backend)


def answer(body):
    """What a result says besides its metadata, and besides the circuits of layers, which are written in many ways."""
    if "results" in body:
        return [pub["data"] for pub in body["results"]]
    layers = (each.get("__value__", each) for each in body["data"])
    return [{name: part for name, part in each.items() if name not in {"metadata", "circuit"}} for each in layers]


@pytest.mark.parametrize(("package", "version", "path", "row"), cases(Changes))
def test_option_changes_a_seeded_answer(package, version, path, row):
    given = row.beside | {path: row.value}
    assert answer(ran(package, version, row.beside, row.backend)) != answer(ran(package, version, given, row.backend))


@pytest.mark.parametrize("package", TABLES)
def test_answer_is_seeded(package):
    backend = "local_5q" if package == "noise_learner_v3" else "local_simulator"
    version = newest_with(package, next(iter(TABLES[package])))
    first = ran(package, version, {}, backend)
    again = body_of(PROGRAMS.get(package, package), params_of(package, {}, version), backend=backend)
    assert answer(first) == answer(again)


@pytest.mark.parametrize(("package", "version", "path", "row"), cases(Charges))
def test_option_changes_the_charge(package, version, path, row):
    plain, other = (
        outcome_of(PROGRAMS.get(package, package), params_of(package, given, version), backend="local_5q")
        for given in ({}, {path: row.value})
    )
    assert 0 < other.device_seconds < plain.device_seconds


@pytest.mark.parametrize(("package", "version", "path", "row"), cases(Refused))
def test_option_is_refused_by_name(package, version, path, row):
    given = {path: row.value} | ({row.by: True} if row.by else {})
    outcome = outcome_of(PROGRAMS.get(package, package), params_of(package, given, version), backend="local_5q")
    assert outcome.result is None
    assert f"options.{row.by or path}" in outcome.reason


@pytest.mark.parametrize(("package", "version", "path", "row"), cases(Said))
def test_option_that_changes_nothing_is_said(package, version, path, row):
    plain, other = (ran(package, version, given) for given in ({}, row.beside | {path: row.value}))
    assert answer(plain) == answer(other)
    said, unsaid = ((each["results"][0] if "results" in each else each)["metadata"] for each in (other, plain))
    assert said[row.name].startswith("not applied: ")
    assert row.name not in unsaid
