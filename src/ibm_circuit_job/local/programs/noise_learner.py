"""The program ``noise-learner``, which learns the noise of layers: version 2 finds the layers in circuits, 3 gets them.

Source: ``ibm_quantum_schemas.noise_learner_v2`` and ``noise_learner_v3``, in all of their versions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import ibm_quantum_schemas.noise_learner_v3 as schemas
import msgspec
import numpy as np
from ibm_quantum_schemas.common import F64TensorModel
from ibm_quantum_schemas.noise_learner_v2.version_0_1 import ParamsModel
from qiskit import QuantumCircuit, QuantumRegister
from qiskit.circuit import BoxOp, CircuitInstruction
from qiskit_aer.noise import NoiseModel
from samplomatic.transpiler import generate_boxing_pass_manager
from samplomatic.utils import undress_box

from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.execution import Outcome, Task
from ibm_circuit_job.local.programs.learning import Design, Layer, Learned, learn
from ibm_circuit_job.local.programs.options import check_repetition, check_simulator, refuse_given, remarks
from ibm_circuit_job.local.programs.qasm3_text import read_if_text
from ibm_circuit_job.local.programs.refusals import CannotRun, checked, decoded, plain
from ibm_circuit_job.local.programs.schemas import schema_of
from ibm_circuit_job.local.programs.sweeps import Sweep, run_sweeps
from ibm_circuit_job.local.simulation import checked_shots, noise_of_options
from ibm_circuit_job.wire import typed_json


def run(task: Task) -> Outcome:
    """Return the noise of layers.

    Raises:
        CannotRun: If the parameters do not fit IBM's model, or a layer cannot be learned.
    """
    submitted = plain(task.params)
    if "schema_version" in submitted:
        return _of_instructions(task, submitted)
    return _of_circuits(task, submitted)


def _design(options: Any) -> Design:
    depths = tuple(sorted(set(options.layer_pair_depths)))
    if len(depths) < 2 or depths[0] < 0:
        raise CannotRun(f"options.layer_pair_depths: expected two or more numbers from 0 up, got {[*depths]}.")
    if options.num_randomizations < 2:
        raise CannotRun(f"options.num_randomizations: expected 2 or more, got {options.num_randomizations}.")
    return Design(depths, options.num_randomizations, checked_shots(options.shots_per_randomization))


def _learned(
    task: Task,
    layers: Sequence[Layer],
    design: Design,
    seed: int | None,
    noise: NoiseModel | None = None,
    rep_delay: float | None = None,
) -> tuple[list[Learned], float | None]:
    """Return the noise of layers, and the seconds that the device charges; ``None`` for a simulator."""
    charges: list[float | None] = []
    random = np.random.default_rng(task.seed if seed is None else abs(seed))

    def measure(sweeps: Sequence[Sweep]) -> list[Any]:
        ran = run_sweeps(task, sweeps, seed, noise, rep_delay)
        charges.append(ran.device_seconds)
        return ran.outcomes

    learned = learn(layers, design, DEVICES[task.backend].qubits, random, measure)
    return learned, None if None in charges else sum(each or 0.0 for each in charges)


def _layer(task: Task, instruction: CircuitInstruction, place: Callable[[Any], int], path: str) -> Layer:
    """Return the layer in a box."""
    if not isinstance(instruction.operation, BoxOp):
        raise CannotRun(f"{path}: expected a box, got {instruction.operation.name!r}.")
    body = undress_box(instruction.operation).body
    places = [place(qubit) for qubit in instruction.qubits]
    ascending = sorted(places)
    own = {qubit: ascending.index(places[index]) for index, qubit in enumerate(body.qubits)}
    gates = QuantumCircuit(len(places))
    names = set()
    connected = set()
    for each in body.data:
        if each.operation.name == "barrier":
            continue
        names.add(each.operation.name)
        at = [own[qubit] for qubit in each.qubits]
        if each.operation.name != "measure":
            gates.append(each.operation, at)
        if len(at) == 2:
            connected.add((min(at), max(at)))
    coupling = {*DEVICES[task.backend].coupling}
    connected |= {
        (one, other)
        for other in range(len(places))
        for one in range(other)
        if (ascending[one], ascending[other]) in coupling
    }
    if "measure" in names and names != {"measure"}:
        raise CannotRun(f"{path}: expected gates or measurements, got both.")
    return Layer(gates, tuple(ascending), tuple(sorted(connected)), "measure" in names, path)


# Version 3


def _of_instructions(task: Task, submitted: dict[str, Any]) -> Outcome:
    schema = schema_of(schemas, submitted["schema_version"])
    # The official client sends the version of the program as well, which is no field of the model.
    params = checked(schema.ParamsModel, {name: value for name, value in submitted.items() if name != "version"})
    options, device = params.options, DEVICES[task.backend]
    rep_delay = getattr(options, "rep_delay", None)
    check_repetition(device, getattr(options, "init_qubits", True), rep_delay, "options")
    unselected = "expected false; the local service uses all shots of a circuit."
    refuse_given({"enable": options.post_selection.enable}, "options.post_selection", unselected)
    checks = getattr(options, "bit_flip_checks", None)
    for name in ("pre_circuit", "post_circuit"):
        of = getattr(checks, name, None)
        refuse_given({"enable": of is not None and of.enable}, f"options.bit_flip_checks.{name}", unselected)
    try:
        circuit = params.instructions.to_quantum_circuit()
    except Exception as error:  # noqa: BLE001 - the reader of QPY raises anything
        raise CannotRun(f"instructions: {type(error).__name__}: {error}") from None
    # The circuit may have its qubits in any order. Qubits of a register q of the device's size are numbered by it.
    physical = {qubit: index for index, qubit in enumerate(QuantumRegister(device.qubits, "q"))}

    def place(qubit: Any) -> int:
        index: int = physical.get(qubit, circuit.find_bit(qubit).index)
        return index

    layers = [_layer(task, each, place, f"instructions[{index}]") for index, each in enumerate(circuit.data)]
    design = _design(options)
    learned, seconds = _learned(task, layers, design, None, rep_delay=rep_delay)
    data = [
        {
            "generators_sparse": [[(letters, list(qubits))] for letters, qubits in each.generators],
            "num_qubits": len(layer.places),
            "rates": F64TensorModel.from_numpy(np.asarray(each.rates, dtype=float)).model_dump(),
            "rates_std": F64TensorModel.from_numpy(np.asarray(each.errors, dtype=float)).model_dump(),
            "metadata": _metadata(layer, design),
        }
        for layer, each in zip(layers, learned, strict=True)
    ]
    body = schema.NoiseLearnerV3ResultsModel.model_validate({"data": data})
    return Outcome(msgspec.json.encode(body.model_dump(mode="json")), device_seconds=seconds)


def _metadata(layer: Layer, design: Design) -> dict[str, Any]:
    if layer.measures:
        return {"learning_protocol": "trex", "post_selection": {"fraction_kept": 1.0, "success_rates": {}}}
    fractions: dict[int, float] = dict.fromkeys(design.depths, 1.0)
    rates: dict[int, dict[int, float]] = {depth: {} for depth in design.depths}
    return {"learning_protocol": "lindblad", "post_selection": {"fraction_kept": fractions, "success_rates": rates}}


# Version 2


def _of_circuits(task: Task, submitted: dict[str, Any]) -> Outcome:
    params = checked(ParamsModel, submitted | {"circuits": [], "options": submitted.get("options") or {}})
    options = params.options
    refuse_given(options.experimental, "options.experimental", "not known here.")
    if not options.support_qiskit:
        raise CannotRun("options.support_qiskit: expected true; IBM's models describe no other result of this program.")
    check_simulator(options.simulator)
    simulator, seed, noise = options.simulator, None, None
    if simulator is not None:
        seed = simulator.seed_simulator
        if simulator.noise_model is not None:
            fields = simulator.noise_model.value_
            noise = noise_of_options(DEVICES[task.backend], fields, "options.simulator.noise_model")
    layers = _found(task, decoded(task.params, "circuits")["circuits"], options)
    learned, seconds = _learned(task, layers, _design(options), seed, noise)
    data = [_layer_error(layer, each) for layer, each in zip(layers, learned, strict=True)]
    given = {
        name: getattr(options, name)
        for name in (
            "max_layers_to_learn",
            "shots_per_randomization",
            "num_randomizations",
            "layer_pair_depths",
            "twirling_strategy",
        )
    }
    body = {
        "data": data,
        "metadata": {"backend": task.backend, "input_options": given} | remarks(options, DEVICES[task.backend]),
    }
    return Outcome(typed_json.encode(body), device_seconds=seconds)


def _found(task: Task, circuits: Any, options: Any) -> list[Layer]:
    """Return the layers with two-qubit gates in circuits, the most frequent ones first."""
    if not isinstance(circuits, list) or not circuits:
        raise CannotRun("circuits: expected a list of circuits.")
    boxing = generate_boxing_pass_manager(
        enable_measures=False, twirling_strategy=options.twirling_strategy.replace("-", "_")
    )
    counted: Counter[tuple[Any, ...]] = Counter()
    layers: dict[tuple[Any, ...], Layer] = {}
    for index, given in enumerate(circuits):
        path = f"circuits[{index}]"
        circuit = read_if_text(given, path)
        if not isinstance(circuit, QuantumCircuit):
            raise CannotRun(f"{path}: expected a circuit, got a {type(circuit).__name__}.")
        try:
            boxed = boxing.run(circuit)
        except Exception as error:  # noqa: BLE001 - the passes of samplomatic raise anything
            raise CannotRun(f"{path}: its layers cannot be found: {error}") from None
        for each in boxed.data:
            if isinstance(each.operation, BoxOp):
                layer = _layer(task, each, partial(_index, boxed), path)
                gates = sorted(
                    (part.operation.name, tuple(layer.gates.find_bit(qubit).index for qubit in part.qubits))
                    for part in layer.gates.data
                )
                if gates:
                    key = (layer.places, *gates)
                    counted[key] += 1
                    layers.setdefault(key, layer)
    return [layers[key] for key, _ in counted.most_common(options.max_layers_to_learn)]


def _index(circuit: QuantumCircuit, qubit: Any) -> int:
    index: int = circuit.find_bit(qubit).index
    return index


def _layer_error(layer: Layer, learned: Learned) -> dict[str, Any]:
    """Return the noise of a layer as the JSON of ``LayerError``, a class of the official client."""
    size = len(layer.places)
    labels = [
        "".join(dict(zip(qubits, letters, strict=True)).get(qubit, "I") for qubit in reversed(range(size)))
        for letters, qubits in learned.generators
    ]
    generators = {
        "__type__": "settings",
        "__module__": "qiskit.quantum_info.operators.symplectic.pauli_list",
        "__class__": "PauliList",
        "__value__": {"data": labels},
    }
    module = {"__type__": "_json", "__module__": "qiskit_ibm_runtime.utils.noise_learner_result"}
    error = module | {
        "__class__": "PauliLindbladError",
        "__value__": {"generators": generators, "rates": np.asarray(learned.rates, dtype=float)},
    }
    fields = {"circuit": layer.gates, "qubits": [*layer.places], "error": error}
    return module | {"__class__": "LayerError", "__value__": fields}
