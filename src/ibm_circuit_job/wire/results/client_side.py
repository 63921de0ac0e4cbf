"""From the body of an ``executor`` job of the official client-side primitives to a ``PrimitiveResult``.

These primitives put what they need into the pass-through data. The semantic role names the primitive, ``sampler_v2`` or
``estimator_v2``, and ``post_processor.version`` names the form of the data.

Source: ``qiskit_ibm_runtime.decoders`` and ``qiskit_mitigation``. ``tests/conformance`` compares the results with
theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job.errors import OtherForm
from ibm_circuit_job.wire.results.executor import FLIPS, ExecutorItem, ExecutorResult, flipped_back
from ibm_circuit_job.wire.results.expectation import Calibration, Task, calibration_of, expectations
from ibm_circuit_job.wire.results.frozen import thawed_json
from ibm_circuit_job.wire.results.primitives import UnreadablePubResult

_VERSION: Final = "v0.1"
"""The version of the post-processor that this module implements."""


def role_of(result: ExecutorResult) -> str | None:
    """Return which primitive made a job: ``sampler_v2`` or ``estimator_v2``; ``None`` for any other program."""
    role = (result.semantic_role or "").replace("-", "_")
    return role if role in _READERS else None


def primitive_result(result: ExecutorResult) -> Result[Any, OtherForm]:
    """Return the ``PrimitiveResult`` of a job with a known role.

    Returns:
        The result. A pub that cannot be read is an ``UnreadablePubResult`` in it. An ``OtherForm`` if the pass-through
        data are damaged, or of an unknown version.
    """
    role = role_of(result)
    if role is None:
        return Bad(OtherForm(f"expected one of the roles {[*_READERS]}, got {result.semantic_role!r}"))
    try:
        data = result.passthrough_data["post_processor"]
        if data["version"] == _VERSION:
            return Success(_READERS[role](result, data))
        return Bad(OtherForm(f"expected the version {_VERSION} of the post-processor, got {data['version']!r}"))
    except Exception as error:  # noqa: BLE001 - what was passed through may be anything
        return Bad(OtherForm(f"the pass-through data of the job cannot be read: {type(error).__name__}: {error}"))


# The sampler


def _sampled(result: ExecutorResult, data: Mapping[str, Any]) -> Any:
    from qiskit.primitives.containers import PrimitiveResult  # noqa: PLC0415 - costly

    twirling, kind = bool(data["twirling"]), data["meas_type"]
    pubs = []
    for index, item in enumerate(result.items):
        try:
            pubs.append(_sampler_pub(item, twirling, kind, _note(data, index)))
        except Exception as error:  # noqa: BLE001 - shapes that do not fit make numpy raise anything
            pubs.append(UnreadablePubResult(index, str(error)))
    metadata = {"executor": dict(result.metadata), "options": thawed_json(data["options"]), "shots": data["shots"]}
    return PrimitiveResult(pubs, metadata)


def are_bits_twirled(result: ExecutorResult) -> bool | None:
    """Return whether the first axis of the bits of a sampler's job is over randomizations; ``None`` if it has no bits.

    Args:
        result: The result of a job of the role ``sampler_v2``, which :func:`primitive_result` can read.
    """
    data = result.passthrough_data["post_processor"]
    return bool(data["twirling"]) if data["meas_type"] == "classified" else None


def _sampler_pub(item: ExecutorItem, twirling: bool, kind: str, note: Any) -> Any:
    from qiskit.primitives.containers import BitArray, DataBin, SamplerPubResult  # noqa: PLC0415 - costly

    own_axes = 1 if kind == "avg_kerneled" else 2
    suffix = {"kerneled": "_iq", "avg_kerneled": "_avg_iq"}.get(kind, "")
    fields = {}
    shape: tuple[int, ...] | None = None
    randomizations = 0
    for name in item:
        if name.startswith(FLIPS):
            continue
        array = flipped_back(item, name)
        if array.ndim < own_axes + twirling:
            raise ValueError(f"expected at least {own_axes + twirling} axes of {name}, got the shape {array.shape}")
        if shape is None:
            shape = array.shape[int(twirling) : array.ndim - own_axes]
            randomizations = array.shape[0] if twirling else 0
        if twirling:
            array = array.mean(axis=0) if kind == "avg_kerneled" else _merged(array, shape)
        fields[name.removesuffix(suffix)] = BitArray.from_bool_array(array, "little") if not suffix else array
    if shape is None:
        raise ValueError(item.problem or "the item has no data")
    metadata: dict[str, Any] = {"circuit_metadata": thawed_json(note) or {}}
    if randomizations:
        metadata["num_randomizations"] = randomizations
    compilation = _compilation(item)
    if compilation:
        metadata["compilation"] = compilation
    return SamplerPubResult(DataBin(shape=shape, **fields), metadata)


def _merged(array: Any, shape: tuple[int, ...]) -> Any:
    """The randomizations of a register, the first axis, one after the other along its shots."""
    import numpy as np  # noqa: PLC0415 - costly

    moved = np.moveaxis(array, 0, len(shape))
    return moved.reshape(*shape, moved.shape[-3] * moved.shape[-2], moved.shape[-1])


def _note(data: Mapping[str, Any], index: int) -> Any:
    """The user's metadata of a circuit; ``None`` if there are none."""
    notes = data.get("circuits_metadata")
    return notes[index] if notes else None


def _compilation(item: ExecutorItem) -> dict[str, Any]:
    """The metadata of an item about its schedule."""
    known = {name: thawed_json(item.metadata.get(name)) for name in ("scheduler_timing", "stretch_values")}
    return {name: value for name, value in known.items() if value}


# The estimator


def _estimated(result: ExecutorResult, data: Mapping[str, Any]) -> Any:
    from qiskit.primitives.containers import PrimitiveResult  # noqa: PLC0415 - costly

    parts = result.passthrough_data["qiskit_mitigation"]
    calibration = calibration_of(result, parts)
    tasks = [Task.of(part) for part in parts if part.get("mitigation") != "trex"]
    if len(tasks) != data["num_pubs"]:
        raise ValueError(f"expected {data['num_pubs']} tasks, got {len(tasks)}")
    pubs = []
    for index, task in enumerate(tasks):
        try:
            pubs.append(_estimator_pub(result, task, calibration, _note(data, index)))
        except Exception as error:  # noqa: BLE001 - shapes that do not fit make numpy raise anything
            pubs.append(UnreadablePubResult(index, f"{type(error).__name__}: {error}"))
    return PrimitiveResult(pubs, {**_program_metadata(data), "executor": dict(result.metadata)})


def _estimator_pub(result: ExecutorResult, task: Task, calibration: Calibration | None, note: Any) -> Any:
    from qiskit.primitives.containers import DataBin, PubResult  # noqa: PLC0415 - costly

    items = result.items[task.first_item : task.first_item + task.number_of_items]
    fields, extrapolators = expectations(items, task, calibration)
    compiled = [_compilation(item) for item in items]
    # With folded gates there is an item for each noise factor.
    metadata: dict[str, Any] = {"compilation": compiled if task.mitigation == "gate_folding" else compiled[0]}
    if extrapolators is not None:
        metadata["resilience"] = {"zne": {"extrapolators": extrapolators}}
    if note is not None:
        metadata["circuit_metadata"] = thawed_json(note)
    return PubResult(DataBin(shape=fields["evs"].shape, **fields), metadata)


def _program_metadata(data: Mapping[str, Any]) -> dict[str, Any]:
    """The options without those of inactive mitigations, the precision, and the shots."""
    options = thawed_json(data.get("options"))
    if options is None:
        return {}
    resilience = options.get("resilience")
    if isinstance(resilience, dict):
        for switch, name in (
            ("zne_mitigation", "zne"),
            ("pec_mitigation", "pec"),
            ("measure_mitigation", "measure_noise_learning"),
        ):
            if not resilience.get(switch):
                resilience.pop(name, None)
    return {"options": options, "target_precision": data.get("precision"), "shots": data.get("shots")}


SAMPLER: Final = "sampler_v2"
"""The role of a sampler's jobs."""
_READERS: Final = {SAMPLER: _sampled, "estimator_v2": _estimated}
