"""The program ``sampler``, version 2, which returns the measured bits of circuits for each register.

Source: ``ibm_quantum_schemas.sampler.version_0_1``. Unlike there, a pub may omit its last entries, and consist of plain
JSON, as in the examples of IBM's REST API guide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from attrs import frozen
from ibm_quantum_schemas.sampler.version_0_1 import ParamsModel
from qiskit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.primitives.containers import BitArray, DataBin, PrimitiveResult, SamplerPubResult
from qiskit.primitives.containers.sampler_pub import SamplerPub

from ibm_circuit_job.local.devices import DEVICES, MAX_CIRCUITS
from ibm_circuit_job.local.execution import Outcome, Task
from ibm_circuit_job.local.programs.options import check_repetition, check_simulator, refuse_given, remarks
from ibm_circuit_job.local.programs.qasm3_text import read_if_text
from ibm_circuit_job.local.programs.randomized import ANGLES, bound, drawn
from ibm_circuit_job.local.programs.refusals import CannotRun, checked, decoded, plain
from ibm_circuit_job.local.programs.signals import points
from ibm_circuit_job.local.programs.sweeps import Chunk, Sweep, register_bits, run_sweeps
from ibm_circuit_job.local.programs.twirling import randomizations, twirled
from ibm_circuit_job.local.simulation import checked_shots, noise_of_options
from ibm_circuit_job.wire import typed_json

_FLIPS = "measurement_flips."


@frozen(eq=False)
class _Pub:
    """A pub, ready to run."""

    given: SamplerPub
    """The pub that was submitted."""
    sweep: Sweep
    """Its circuit and parameter values; with twirling, the values of each randomization."""
    rounds: int = 0
    """The number of randomizations; 0 without twirling."""
    flips: Mapping[str, Any] = {}
    """Register -> which bits twirling has flipped, of shape (randomizations, *shape of the pub, 1, bits)."""


def run(task: Task) -> Outcome:
    """Return the measured bits of each pub.

    Raises:
        CannotRun: If the parameters do not fit IBM's model, or have an option that cannot be simulated.
    """
    submitted, body = decoded(task.params, "pubs"), plain(task.params)
    # Without pubs, since the model accepts only those of the official client.
    params = checked(ParamsModel, body | {"pubs": [], "options": body.get("options") or {}})
    options, device = params.options, DEVICES[task.backend]
    _check_options(task, options)
    given = submitted["pubs"]
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_CIRCUITS:
        raise CannotRun(f"pubs: expected a list of 1 to {MAX_CIRCUITS} pubs.")
    pubs = [_coerced(pub, index, options.default_shots) for index, pub in enumerate(given)]
    simulator = options.simulator
    seed = simulator.seed_simulator if simulator is not None else None
    random = np.random.default_rng(task.seed if seed is None else abs(seed))
    is_twirled = options.twirling.enable_gates or options.twirling.enable_measure
    ready = [
        _twirled_pub(pub, options.twirling, random, f"pubs[{index}]") if is_twirled else _plain_pub(pub)
        for index, pub in enumerate(pubs)
    ]
    noise = None
    if simulator is not None and simulator.noise_model is not None:
        noise = noise_of_options(device, simulator.noise_model.value_, "options.simulator.noise_model")
    ran = run_sweeps(task, [pub.sweep for pub in ready], seed, noise, options.execution.rep_delay)
    kind = options.execution.meas_type
    data = [_data(pub, packed, kind, random) for pub, packed in zip(ready, ran.outcomes, strict=True)]
    spans = [_span(chunk, ready) for chunk in ran.chunks]
    metadata = [
        {"circuit_metadata": pub.given.circuit.metadata}
        | ({"num_randomizations": pub.rounds} if pub.rounds else {})
        | remarks(options, device)
        for pub in ready
    ]
    # The official client sends true. A body that was written by hand has no such field, and gets plain JSON.
    if body.get("support_qiskit"):
        return Outcome(_qiskit_body(ready, data, metadata, spans), device_seconds=ran.device_seconds)
    return Outcome(_plain_body(data, metadata, spans), device_seconds=ran.device_seconds)


def _check_options(task: Task, options: Any) -> None:
    device = DEVICES[task.backend]
    check_repetition(device, options.execution.init_qubits, options.execution.rep_delay, "options.execution")
    refuse_given(options.experimental, "options.experimental", "not known here.")
    check_simulator(options.simulator)
    if options.twirling.enable_measure and options.execution.meas_type != "classified":
        kind = options.execution.meas_type
        raise CannotRun(f"options.twirling.enable_measure: expected false where meas_type is {kind!r}.")


def _coerced(pub: Any, index: int, shots: int) -> SamplerPub:
    path = f"pubs[{index}]"
    if isinstance(pub, list) and pub:
        pub = [read_if_text(pub[0], f"circuit-{index}"), *pub[1:]]
    if not isinstance(pub, list) or not 1 <= len(pub) <= 3 or not isinstance(pub[0], QuantumCircuit):
        raise CannotRun(f"{path}: expected a list that starts with a circuit, got a {type(pub).__name__}.")
    circuit, values, wanted = [*pub, None, None][:3]
    try:
        # An array whose last axis has length 0 runs a circuit without parameters many times.
        array = None if values is None else np.asarray(values, dtype=float)
        coerced = SamplerPub.coerce((circuit, array, checked_shots(wanted or shots)))
    except (ValueError, TypeError, QiskitError) as error:
        raise CannotRun(f"{path}: {error}") from None
    if not coerced.circuit.cregs:
        raise CannotRun(f"{path}: expected a circuit with classical registers, got one without.")
    return coerced


def _angles(pub: SamplerPub) -> Any:
    """Return the parameter values of a pub, of shape (*shape of the pub, parameters)."""
    return pub.parameter_values.as_array(pub.circuit.parameters)


def _plain_pub(pub: SamplerPub) -> _Pub:
    return _Pub(pub, Sweep(pub.circuit, _angles(pub).reshape(pub.size, -1), pub.shots))


def _twirled_pub(pub: SamplerPub, options: Any, random: np.random.Generator, path: str) -> _Pub:
    number, size = randomizations(pub.shots, options.num_randomizations, options.shots_per_randomization)
    template, samplex = twirled(pub.circuit, options, path)
    # The samplex of a circuit without parameters has no such input.
    inputs = bound(samplex, {ANGLES: _angles(pub)} if pub.circuit.num_parameters else {}, path)
    shape = (number, *pub.shape)
    outputs = drawn(samplex, inputs, shape, random, path)
    angles = outputs.get(ANGLES, np.empty((*shape, 0)))
    flips = {name.removeprefix(_FLIPS): each for name, each in outputs.items() if name.startswith(_FLIPS)}
    return _Pub(pub, Sweep(template, angles.reshape(number * pub.size, -1), size), number, flips)


def _data(pub: _Pub, packed: Any, kind: str, random: np.random.Generator) -> dict[str, Any]:
    """Return register -> bits or complex numbers, of shape (*shape of the pub, shots, bits)."""
    shape = pub.given.shape
    found: dict[str, Any] = {}
    for name, bits in register_bits(pub.sweep.circuit, packed).items():
        array = bits.reshape(*((pub.rounds,) if pub.rounds else ()), *shape, *bits.shape[1:])
        if pub.rounds:
            array = array ^ pub.flips[name] if name in pub.flips else array
            # The shots of all randomizations one after the other, cut to the number of shots of the pub.
            array = np.moveaxis(array, 0, len(shape)).reshape(*shape, -1, array.shape[-1])
            array = array[..., : pub.given.shots, :]
        if kind == "classified":
            found[name] = BitArray.from_bool_array(array, "little")
        else:
            signals = points(array, random)
            found[name] = signals if kind == "kerneled" else signals.mean(axis=-2)
    return found


def _span(chunk: Chunk, pubs: Sequence[_Pub]) -> tuple[str, datetime, datetime, dict[str, list[Any]]]:
    """Return a chunk in the form of the span classes of the official client."""
    kind = "TwirledSliceSpanV2" if pubs[0].rounds else "DoubleSliceSpan"
    slices: dict[str, list[Any]] = {}
    for part in chunk.parts:
        pub, shots = pubs[part.sweep], pubs[part.sweep].sweep.shots
        if pub.rounds:
            shape = [pub.rounds, *pub.given.shape, shots]
            slices[str(part.sweep)] = [shape, True, part.start, part.stop, 0, shots, pub.given.shots]
        else:
            slices[str(part.sweep)] = [[*pub.given.shape, shots], part.start, part.stop, 0, shots]
    return kind, chunk.start, chunk.stop, slices


def _qiskit_body(pubs: Sequence[_Pub], data: Any, metadata: Any, spans: Any) -> bytes:
    results = [
        SamplerPubResult(DataBin(**fields, shape=pub.given.shape), metadata=each)
        for pub, fields, each in zip(pubs, data, metadata, strict=True)
    ]
    typed = [
        {"__type__": kind, "__value__": {"start": start, "stop": stop, "data_slices": slices}}
        for kind, start, stop, slices in spans
    ]
    execution = {"execution_spans": {"__type__": "ExecutionSpans", "__value__": {"spans": typed}}}
    return typed_json.encode(PrimitiveResult(results, metadata={"execution": execution, "version": 2}))


def _plain_body(data: Any, metadata: Any, spans: Any) -> bytes:
    """Return the result as plain JSON, with samples in hexadecimal and complex numbers as pairs."""
    results = [
        {"data": {name: _plain_register(each) for name, each in fields.items()}, "metadata": about}
        for fields, about in zip(data, metadata, strict=True)
    ]
    listed = [[{"date": start.isoformat()}, {"date": stop.isoformat()}, slices] for _, start, stop, slices in spans]
    body = {"results": results, "metadata": {"execution": {"execution_spans": listed}, "version": 2}}
    return typed_json.encode(body)


def _plain_register(data: Any) -> Any:
    if not isinstance(data, BitArray):
        return np.stack([data.real, data.imag], axis=-1).tolist()
    width = data.array.shape[-1]
    texts = [hex(int.from_bytes(bytes(row))) for row in data.array.reshape(-1, width)]
    samples: Any = np.array(texts, dtype=object).reshape(data.array.shape[:-1]).tolist()
    return {"samples": samples, "num_bits": data.num_bits}
