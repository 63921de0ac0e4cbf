"""From the body of a noise learner's result to a record of the learned noise.

Source: ``ibm_quantum_schemas.noise_learner_v3``, versions v0.1 to v0.3, in which rates are tensors; and
``ibm_quantum_schemas.noise_learner_v2``, in which layers are typed JSON. The classes that it names are not built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import field, frozen
from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job.errors import OtherForm, Unreadable
from ibm_circuit_job.wire.results.frozen import FrozenDict, frozen_json, same
from ibm_circuit_job.wire.results.tensors import TensorReader
from ibm_circuit_job.wire.typed_json import Unbuilt

Generator = tuple[tuple[str, tuple[int, ...]], ...]
"""Pauli operators, each as (letters, qubits): ``(("XZ", (0, 3)),)``."""


@frozen(eq=False)
class LearnedNoise:
    """The noise of one layer, or of one instruction; immutable."""

    generators: tuple[Generator, ...] = ()
    """The generators of the noise, in the order of the rates."""
    rates: Any = None
    """The rate of each generator: an array of shape ``(generators,)``; ``None`` if no noise was learned."""
    rates_std: Any = None
    """The standard deviations of the rates, in the same shape; ``None`` if the result lacks them."""
    num_qubits: int | None = None
    """How many qubits the generators act on."""
    qubits: tuple[int, ...] | None = None
    """The physical qubits of the layer; ``None`` if the result lacks them."""
    circuit: Any = None
    """The layer as a ``QuantumCircuit``; ``None`` if the result lacks it."""
    metadata: Mapping[str, Any] = FrozenDict()
    """The metadata of this part."""
    problem: str | None = None
    """Why this part cannot be read; ``None`` if it can."""

    def __eq__(self, other: object) -> bool:
        fields = ("generators", "rates", "rates_std", "num_qubits", "qubits", "circuit", "metadata", "problem")
        return isinstance(other, LearnedNoise) and all(
            same(getattr(self, field), getattr(other, field)) for field in fields
        )

    __hash__ = None  # type: ignore[assignment]


@frozen(eq=False)
class NoiseLearnerResult:
    """The result of a ``noise-learner`` job; immutable.

    Example:
        >>> result = NoiseLearnerResult((LearnedNoise(num_qubits=2),), {})
        >>> len(result), result[0].num_qubits
        (1, 2)
    """

    data: tuple[LearnedNoise, ...]
    """The noise of each layer, in the service's order."""
    metadata: Mapping[str, Any] = field(converter=frozen_json)
    """The metadata of the whole result."""
    schema_version: str | None = None
    """The version of the body, as in ``"v0.3"``."""

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[LearnedNoise]:
        return iter(self.data)

    def __getitem__(self, index: int) -> LearnedNoise:
        return self.data[index]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, NoiseLearnerResult)
            and self.data == other.data
            and same(self.metadata, other.metadata)
            and self.schema_version == other.schema_version
        )

    __hash__ = None  # type: ignore[assignment]


def of_body(body: Mapping[str, Any]) -> Result[NoiseLearnerResult, Unreadable | OtherForm]:
    """Return the record of a body; an ``Unreadable`` if no part can be read."""
    inner = body.get("__value__")
    fields = inner if isinstance(inner, Mapping) else body
    version = body.get("schema_version")
    reader = TensorReader(version)
    data = tuple(_part(part, index, reader) for index, part in enumerate(fields["data"]))
    problems = [part.problem for part in data if part.problem is not None]
    if problems and len(problems) == len(data):
        return Bad(Unreadable("result", "data[0]", problems[0]))
    metadata = fields.get("metadata")
    return Success(
        NoiseLearnerResult(
            data,
            metadata if isinstance(metadata, Mapping) else {},
            version if isinstance(version, str) else None,
        )
    )


def _part(part: Any, index: int, reader: TensorReader) -> LearnedNoise:
    try:
        if isinstance(part, Mapping) and "generators_sparse" in part:
            return _of_tensors(part, reader)
        if isinstance(part, Mapping):
            return _of_layer(part["__value__"], part["__value__"].get("error"))
        # The oldest form: the layer, and its noise.
        layer, noise = part
        return _of_layer(layer, noise)
    except Exception as error:  # noqa: BLE001 - a damaged part may be anything
        return LearnedNoise(problem=f"part {index} of the result cannot be read: {type(error).__name__}: {error}")


def _of_tensors(part: Mapping[str, Any], reader: TensorReader) -> LearnedNoise:
    generators = tuple(
        tuple((str(letters), tuple(map(int, qubits))) for letters, qubits in generator)
        for generator in part["generators_sparse"]
    )
    return LearnedNoise(
        generators,
        reader.array(part["rates"]),
        reader.array(part["rates_std"]),
        int(part["num_qubits"]),
        metadata=part.get("metadata") or {},
    )


def _of_layer(layer: Mapping[str, Any], noise: Any) -> LearnedNoise:
    circuit, qubits = layer["circuit"], tuple(map(int, layer["qubits"]))
    if noise is None:
        return LearnedNoise(num_qubits=len(qubits), qubits=qubits, circuit=circuit)
    fields = noise.get("__value__", noise)
    rates = fields["rates"]
    if isinstance(rates, Unbuilt):
        raise ValueError(rates.problem)  # noqa: TRY004 - of a good type
    generators = fields["generators"]
    labels: Sequence[str] = generators["__value__"]["data"] if isinstance(generators, Mapping) else generators
    return LearnedNoise(
        tuple((_sparse(label),) for label in labels),
        frozen_json(rates),
        num_qubits=len(qubits),
        qubits=qubits,
        circuit=circuit,
    )


def _sparse(label: str) -> tuple[str, tuple[int, ...]]:
    """The letters of a Pauli operator, and the qubits on which they act. The last letter of a label is qubit 0."""
    acting = [(letter, qubit) for qubit, letter in enumerate(reversed(label)) if letter in "XYZ"]
    return "".join(letter for letter, _ in acting), tuple(qubit for _, qubit in acting)
