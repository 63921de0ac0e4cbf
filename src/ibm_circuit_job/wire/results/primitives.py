"""From the body of a ``sampler`` or ``estimator`` job to a ``PrimitiveResult``, and from that to a ``Result``.

Source: ``ibm_quantum_schemas.sampler`` and ``.estimator`` for the typed JSON; for the JSON without ``support_qiskit``
the guides of the REST API: ``{"results": [{"data": {REGISTER: {"samples": ["0x3"], "num_bits": n}}, "metadata"}]}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, NoReturn

from qiskit.primitives.containers import BitArray, DataBin, PrimitiveResult, PubResult, SamplerPubResult
from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job.errors import IBMJobApiError, OtherForm, Unreadable
from ibm_circuit_job.wire.results.context import ResultContext
from ibm_circuit_job.wire.results.decoded import DecodedResult
from ibm_circuit_job.wire.results.experiments import Gathered, experiments, gathered
from ibm_circuit_job.wire.results.limits import MOST_ARRAY_BYTES, MOST_BITS
from ibm_circuit_job.wire.typed_json import Unbuilt


class UnreadablePubResult(SamplerPubResult):
    """The result of a pub that cannot be read. Access to its data raises an ``IBMJobApiError`` that names the pub.

    Args:
        index: The index of the pub.
        problem: Why it cannot be read.
        metadata: Its metadata, if they can be read.
    """

    def __init__(self, index: int, problem: str, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(DataBin(), metadata)
        self.problem = f"pub {index} of the result cannot be read: {problem}"
        """Why it cannot be read."""

    @property
    def data(self) -> NoReturn:
        """Raise an ``IBMJobApiError``."""
        raise IBMJobApiError(self.problem)

    def __repr__(self) -> str:
        return f"UnreadablePubResult({self.problem!r})"


def of_typed(body: Any) -> Result[PrimitiveResult[Any], Unreadable | OtherForm]:
    """Return the ``PrimitiveResult`` of a body in typed JSON.

    Args:
        body: The body, decoded by :func:`~ibm_circuit_job.wire.typed_json.decode_parts`.

    Returns:
        The result. A pub that cannot be read is an :class:`UnreadablePubResult` in it. An ``Unreadable`` if no pub can
        be read.
    """
    if not isinstance(body, PrimitiveResult):
        problem = body.problem if isinstance(body, Unbuilt) else f"expected an object, got a {type(body).__name__}"
        return Bad(Unreadable("result", "", problem))
    return of_pubs((checked_pub(pub, index) for index, pub in enumerate(_listed(body))), body.metadata, "pub_results")


def _listed(body: PrimitiveResult[Any]) -> Iterable[Any]:
    try:
        return [*body]
    except TypeError:
        return []


def checked_pub(pub: Any, index: int) -> Any:
    """Return the result of a pub after a check, or an :class:`UnreadablePubResult` if it has no data."""
    if isinstance(pub, Unbuilt):
        return UnreadablePubResult(index, pub.problem)
    if not isinstance(pub, PubResult) or not isinstance(pub.data, DataBin):
        return UnreadablePubResult(index, f"expected the result of a pub, got a {type(pub).__name__}")
    return pub


def of_pubs(pubs: Iterable[Any], metadata: Any, field: str) -> Result[PrimitiveResult[Any], Unreadable | OtherForm]:
    """Return the ``PrimitiveResult`` of some pub results; an ``Unreadable`` if none of them can be read.

    Args:
        pubs: The results, in the order of the pubs.
        metadata: The metadata of the whole result.
        field: The field of the body that has them, for the failure.
    """
    listed = [*pubs]
    unreadable = [pub for pub in listed if isinstance(pub, UnreadablePubResult)]
    if unreadable and len(unreadable) == len(listed):
        return Bad(Unreadable("result", f"{field}[0].data", unreadable[0].problem))
    return Success(PrimitiveResult(listed, dict(metadata) if isinstance(metadata, Mapping) else {}))


def of_rest(body: Mapping[str, Any]) -> Result[PrimitiveResult[Any], Unreadable | OtherForm]:
    """Return the ``PrimitiveResult`` of a job that was submitted without ``support_qiskit``.

    Example:
        >>> body = {"results": [{"data": {"c": {"samples": ["0x0", "0x3"], "num_bits": 2}}, "metadata": {}}]}
        >>> of_rest(body).unwrap()[0].data.c.get_counts()
        {'00': 1, '11': 1}
    """
    budget = _Budget()
    return of_pubs(
        (_rest_pub(pub, index, budget) for index, pub in enumerate(body["results"])), body.get("metadata"), "results"
    )


class _Budget:
    """How many more bytes the samples of one result may need."""

    def __init__(self) -> None:
        self.left = MOST_ARRAY_BYTES


def _rest_pub(pub: Any, index: int, budget: _Budget) -> Any:
    import numpy as np  # noqa: PLC0415 - costly

    metadata = pub.get("metadata") if isinstance(pub, Mapping) else None
    metadata = dict(metadata) if isinstance(metadata, Mapping) else {}
    try:
        data = pub["data"]
        if any(isinstance(value, Mapping) and "samples" in value for value in data.values()):
            registers = {name: _rest_bits(value, budget) for name, value in data.items()}
            shape = next(iter(registers.values())).shape
            return SamplerPubResult(DataBin(shape=shape, **registers), metadata)
        values = {name: None if value is None else np.asarray(value, dtype=float) for name, value in data.items()}
        known = {name: value for name, value in values.items() if value is not None}
        return PubResult(DataBin(shape=known["evs"].shape, **known), metadata)
    except Exception as error:  # noqa: BLE001 - numpy and qiskit raise anything on shapes that do not fit
        return UnreadablePubResult(index, f"{type(error).__name__}: {error}", metadata)


def _rest_bits(register: Mapping[str, Any], budget: _Budget) -> BitArray:
    """The bits of hexadecimal samples, which are nested lists for several sets of parameters."""
    import numpy as np  # noqa: PLC0415 - costly

    size, samples = register["num_bits"], register["samples"]
    if type(size) is not int or not 0 <= size <= MOST_BITS:
        raise ValueError(f"expected num_bits to be a number from 0 to {MOST_BITS}, got {size!r}")
    shape, flat = _flattened(samples)
    width = (size + 7) // 8
    if len(flat) * width > budget.left:
        raise ValueError(f"expected at most {MOST_ARRAY_BYTES} bytes of samples")
    budget.left -= len(flat) * width
    # to_bytes() raises for a sample that needs more bytes.
    written = {sample: int(sample, 16).to_bytes(width) for sample in {*flat}}
    if any(int(sample, 16) >> size for sample in written):
        raise ValueError(f"expected samples of {size} bits")
    packed = np.frombuffer(b"".join(map(written.__getitem__, flat)), dtype=np.uint8)
    return BitArray(packed.reshape(*shape, width), size)


def _flattened(samples: Any) -> tuple[list[int], list[str]]:
    """The shape of nested lists, and their texts in C order."""
    shape, level = [len(samples)], [*samples]
    while level and isinstance(level[0], list):
        sizes = {len(part) for part in level}
        if len(sizes) != 1:
            raise ValueError("expected lists of one length")
        shape.append(sizes.pop())
        level = [item for part in level for item in part]
    return shape, level


def counted(found: PrimitiveResult[Any], context: ResultContext) -> Result[DecodedResult, Unreadable | OtherForm]:
    """Return the ``Result`` of a sampler's bits: one experiment for each circuit and each set of its parameters.

    A circuit whose data cannot be read has one experiment with ``success`` False and a ``status`` with the reason.
    """

    def of_pub(pub: Any, index: int) -> Iterable[Any]:
        data = pub.data
        return experiments(dict(data.items()), tuple(data.shape), circuit_metadata(pub.metadata), index, context)

    def result(all_of_them: Gathered) -> Result[DecodedResult, Unreadable | OtherForm]:
        problems = all_of_them.problems
        if problems and len(problems) == len(all_of_them.experiments):
            return Bad(Unreadable("result", "pub_results[0].data", problems[0]))
        return Success(result_of(all_of_them, found.metadata, context))

    return gathered((partial(of_pub, pub, index) for index, pub in enumerate(found)), "pub_results", context).bind(
        result
    )


def circuit_metadata(metadata: Any) -> Any:
    """Return the user's metadata of a circuit from the metadata of its pub."""
    return metadata.get("circuit_metadata") or {} if isinstance(metadata, Mapping) else {}


def result_of(found: Gathered, metadata: Any, context: ResultContext) -> DecodedResult:
    """Return a ``Result`` with these experiments."""
    return DecodedResult(
        backend_name=context.backend,
        backend_version=None,
        job_id=context.job_id,
        success=not found.problems,
        results=found.experiments,
        status="COMPLETED",
        header={},
        metadata=metadata if isinstance(metadata, dict) else {},
    )
