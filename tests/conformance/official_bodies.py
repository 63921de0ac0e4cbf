"""Bodies of jobs as the official encoders and models write them, and a client of theirs that answers with them."""

import importlib
import json
from datetime import UTC, datetime

import numpy as np
from ibm_quantum_schemas.common import CompressedTensorModel, F64TensorModel, TensorModel
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.primitives.containers import BitArray, DataBin, PrimitiveResult, PubResult, SamplerPubResult
from qiskit.quantum_info import PauliList
from qiskit_ibm_runtime import RuntimeJobV2
from qiskit_ibm_runtime.execution_span import DoubleSliceSpan, ExecutionSpans, TwirledSliceSpanV2
from qiskit_ibm_runtime.json import RuntimeDecoder, RuntimeEncoder
from qiskit_ibm_runtime.options_models.executor import ExecutorOptions
from qiskit_ibm_runtime.quantum_program.converters import converters_2_0
from qiskit_ibm_runtime.results.noise_learner import LayerError, PauliLindbladError

VERSIONS = ["v0.1", "v0.2", "v1.0", "v1.1", "v2.0"]
NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)


class TheirClient:
    """A client that answers as the official one does: replies decoded, results as text."""

    def __init__(self, program, params, body):
        self.program, self.params, self.body = program, params, body
        self.calls = []

    def job_get(self, job_id, exclude_params=True):
        self.calls.append("job_get")
        reply = {"id": job_id, "state": {"status": "Completed"}, "program": {"id": self.program}, "backend": "device"}
        if not exclude_params:
            reply["params"] = json.loads(self.params)
        return json.loads(json.dumps(reply), cls=RuntimeDecoder)

    def job_metadata(self, job_id):
        self.calls.append("job_metadata")
        return {}

    def job_results(self, job_id):
        self.calls.append("job_results")
        return self.body


def their_job(program, params, body):
    """A job of the official client whose service answers with these."""
    client = TheirClient(program, params, body)
    return RuntimeJobV2(None, client, "job-a", program, None)


def rotation():
    theta, phi = Parameter("theta"), Parameter("phi")
    circuit = QuantumCircuit(2, name="rotation", metadata={"mine": 1})
    for qubit, angle in enumerate((theta, phi)):
        circuit.sx(qubit)
        circuit.rz(angle, qubit)
        circuit.sx(qubit)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def pair():
    """A circuit with two registers, of which the first is the shorter one."""
    circuit = QuantumCircuit(
        QuantumRegister(11, "q"), ClassicalRegister(2, "a"), ClassicalRegister(9, "b"), name="pair"
    )
    circuit.measure(range(2), circuit.cregs[0])
    circuit.measure(range(2, 11), circuit.cregs[1])
    return circuit


def random_bits(seed, *shape):
    return np.random.default_rng(seed).integers(0, 2, shape).astype(bool)


def sampler_job(seed=1):
    """A job of the program ``sampler``: a sweep, and a circuit with two registers; with execution spans."""
    sweep = DataBin(meas=BitArray.from_bool_array(random_bits(seed, 3, 50, 2), "little"), shape=(3,))
    registers = DataBin(
        a=BitArray.from_bool_array(random_bits(seed, 50, 2), "little"),
        b=BitArray.from_bool_array(random_bits(seed + 1, 50, 9), "little"),
    )
    spans = ExecutionSpans(
        [
            DoubleSliceSpan(NOON, NOON.replace(second=4), {0: ((3, 50), slice(0, 3), slice(0, 50))}),
            TwirledSliceSpanV2(NOON, NOON.replace(second=9), {1: ((2, 25), False, slice(0, 2), slice(0, 25), 50)}),
        ]
    )
    result = PrimitiveResult(
        [
            SamplerPubResult(sweep, {"circuit_metadata": {"mine": 1, "xs": np.arange(3), "when": NOON}}),
            SamplerPubResult(registers, {"circuit_metadata": {}}),
        ],
        {"execution": {"execution_spans": spans}, "version": 2},
    )
    values = np.linspace(0, 1, 6).reshape(3, 2)
    params = {"pubs": [[rotation(), values, 50], [pair(), np.array([]), 50]], "support_qiskit": True, "version": 2}
    return their_job("sampler", json.dumps(params, cls=RuntimeEncoder), json.dumps(result, cls=RuntimeEncoder))


def kerneled_job(seed=1, *, averaged=False):
    shape = (3, 2) if averaged else (3, 50, 2)
    numbers = np.random.default_rng(seed).normal(size=(*shape, 2)) @ np.array([1, 1j])
    result = PrimitiveResult([SamplerPubResult(DataBin(meas=numbers, shape=(3,)), {})], {"version": 2})
    return their_job("sampler", "{}", json.dumps(result, cls=RuntimeEncoder))


def estimator_job():
    data = DataBin(
        evs=np.array([0.5, -0.25]),
        stds=np.array([0.1, 0.2]),
        ensemble_standard_error=np.array([0.1, 0.3]),
        shape=(2,),
    )
    metadata = {
        "target_precision": 0.015625,
        "shots": 4096,
        "resilience": {"zne": {"extrapolators": np.array(["linear"])}},
    }
    result = PrimitiveResult([PubResult(data, metadata)], {"version": 2, "resilience": {"measure_mitigation": True}})
    params = {"pubs": [[rotation(), {"ZZ": 1.0}, np.zeros((2, 2)), None]], "version": 2, "resilience_level": 1}
    return their_job("estimator", json.dumps(params, cls=RuntimeEncoder), json.dumps(result, cls=RuntimeEncoder))


def _name(version):
    return version[1:].replace(".", "_")


def executor_body(version, items, *, passthrough_data=None, role=None):
    """The body of an ``executor`` job, as the service's models of a version write it.

    Args:
        version: The version of the schema.
        items: For each item of the program its arrays by name.
        passthrough_data: What was passed through.
        role: The semantic role.
    """
    models = importlib.import_module(f"ibm_quantum_schemas.executor.version_{_name(version)}")
    tensor = CompressedTensorModel if version == "v2.0" else TensorModel
    part = {"idx_item": 0, "size": 1}
    if version >= "v1.0":
        part |= {"permutation": [0], "element_range": (0, 1, 1)}
    fields = {
        "data": [
            {
                "results": {name: tensor.from_numpy(array).model_dump() for name, array in item.items()},
                "metadata": None if version == "v0.1" else {},
            }
            for item in items
        ],
        "metadata": {"chunk_timing": [{"start": NOON, "stop": NOON.replace(second=5), "parts": [part]}]},
    }
    if version >= "v0.2":
        convert = importlib.import_module(f"qiskit_ibm_runtime.quantum_program.converters.converters_{_name(version)}")
        fields["passthrough_data"] = getattr(convert, f"passthrough_data_to_{_name(version)}")(passthrough_data)
    if version >= "v1.0":
        fields["semantic_role"] = role
    return models.QuantumProgramResultModel.model_validate(fields).model_dump_json()


def executor_params(program):
    """The parameters of a submission of a quantum program, as the official client writes them."""
    return converters_2_0.quantum_program_to_2_0(program, ExecutorOptions()).model_dump_json()


def measured_job(program, *, role, seed=1):
    """A job of a program that a client-side primitive prepared, of which each item measured random bits."""
    rng = np.random.default_rng(seed)
    items = []
    for item in program.items:
        arrays = {}
        shape = tuple(getattr(item, "shape", ()))
        for register in item.circuit.cregs:
            size = (*shape, program.shots, register.size)
            kind = program.meas_level
            if kind == "classified":
                arrays[register.name] = rng.random(size) < 0.3
            elif kind == "kerneled":
                arrays[f"{register.name}_iq"] = rng.normal(size=size) + 1j * rng.normal(size=size)
            else:
                averaged = (*shape, register.size)
                arrays[f"{register.name}_avg_iq"] = rng.normal(size=averaged) + 1j * rng.normal(size=averaged)
        outputs = item.samplex.outputs().specs if hasattr(item, "samplex") else []
        for spec in outputs:
            if spec.name.startswith("measurement_flips."):
                arrays[spec.name] = rng.random((*shape, 1, spec.shape[-1])) < 0.5
            elif spec.name == "pauli_signs":
                arrays[spec.name] = rng.random((*shape, spec.shape[-1])) < 0.2
        items.append(arrays)
    body = executor_body("v2.0", items, passthrough_data=program.passthrough_data, role=role)
    return their_job("executor", executor_params(program), body)


def noise_learner_job():
    """A job of the second version of ``noise-learner``, whose JSON names the classes of the official client."""
    layer = QuantumCircuit(2)
    layer.cx(0, 1)
    error = PauliLindbladError(PauliList(["XI", "ZY"]), np.array([0.1, 0.2]))
    data = {
        "data": [LayerError(layer, [4, 7], error), LayerError(layer, [5, 6], None)],
        "metadata": {"backend": "device"},
    }
    return their_job("noise-learner", "{}", json.dumps(data, cls=RuntimeEncoder))


def noise_learner_v3_job():
    models = importlib.import_module("ibm_quantum_schemas.noise_learner_v3.version_0_3")
    selection = {"fraction_kept": {0: 1.0}, "success_rates": {0: {0: 1.0}}}
    part = {
        "generators_sparse": [[("XZ", [0, 1])], [("Y", [1])]],
        "num_qubits": 2,
        "rates": F64TensorModel.from_numpy(np.array([0.1, 0.2])).model_dump(),
        "rates_std": F64TensorModel.from_numpy(np.array([0.01, 0.02])).model_dump(),
        "metadata": {"learning_protocol": "lindblad", "post_selection": selection},
    }
    body = models.NoiseLearnerV3ResultsModel.model_validate({"data": [part]}).model_dump_json()
    return their_job("noise-learner", "{}", body)
