"""The submitted circuits, header and options, read from the parameters of a job of any program.

Each parameter is decoded separately and on demand, so that one that cannot be decoded does not hide the others.

Sources: ``ibm_quantum_schemas.sampler``, ``.estimator``, ``.executor`` (v0.1, v0.2, v1.0, v1.1, v2.0) and
``.noise_learner_v2``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job.errors import Unreadable
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.wire import documents, typed_json
from ibm_circuit_job.wire.results.context import Binding
from ibm_circuit_job.wire.results.tensors import TensorReader

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


def params(job: Job) -> Result[Mapping[str, Any], Unreadable]:
    """Return the decoded parameters of the submitted job; empty if they are not known.

    Returns:
        The parameters; or an ``Unreadable`` if they are known but cannot be decoded.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job
        >>> from ibm_circuit_job.state.facts import JobInputs
        >>> params(Job("a", inputs=JobInputs(datetime.now(UTC), b'{"shots": 10}'))).unwrap()
        {'shots': 10}
    """
    if job.inputs is None:
        return Success({})
    return typed_json.decode(job.inputs.raw, "params").bind(_object)


def _object(decoded: Any) -> Result[Mapping[str, Any], Unreadable]:
    if isinstance(decoded, Mapping):
        return Success(decoded)
    return Bad(Unreadable("params", "", f"expected an object, got a {type(decoded).__name__}"))


def circuits(job: Job) -> list[QuantumCircuit]:
    """Return the job's circuits, in their order; empty if they are not known or cannot be decoded.

    Source: the pubs of ``sampler`` and ``estimator``, and the quantum program of ``executor``. The circuit of a
    randomized item is the template, with the parameters that a samplex sets.

    Example:
        >>> from ibm_circuit_job import Job
        >>> circuits(Job("a"))
        []
    """
    return [circuit for circuit, _ in _submitted(job) if circuit is not None]


def header(job: Job) -> dict[str, Any]:
    """Return the header that the user gave to the job; empty if there is none.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job
        >>> from ibm_circuit_job.state.facts import JobInputs
        >>> header(Job("a", inputs=JobInputs(datetime.now(UTC), b'{"header": {"note": "x"}}')))
        {'note': 'x'}
    """
    given = _param(job, "header")
    return dict(given) if isinstance(given, Mapping) else {}


def backend_options(job: Job) -> dict[str, Any]:
    """Return the options of the job: all its parameters except the circuits and the header.

    ``shots`` is included if all circuits have the same number, also if it was submitted with each circuit (``sampler``)
    or in the quantum program (``executor``).

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job
        >>> from ibm_circuit_job.state.facts import JobInputs
        >>> backend_options(Job("a", inputs=JobInputs(datetime.now(UTC), b'{"shots": 10, "circuits": []}')))
        {'shots': 10}
    """
    options = {option: _param(job, option) for option in _raw_params(job) if option not in _NO_OPTIONS}
    if "shots" not in options:
        program = _program(job)
        given = [program.get("shots")] if program else [pub[2] for pub in _pubs(job) if len(pub) == 3]
        shots = {number for number in given if type(number) is int}
        options |= {"shots": shots.pop()} if len(shots) == 1 else {}
    return {option: value for option, value in options.items() if value is not _UNREADABLE}


def sampled_names(job: Job) -> tuple[str, ...]:
    """Return the names of the circuits of a job whose result lacks them, in their order.

    Empty for programs whose result has the names, and if the inputs are not known.

    Example:
        >>> from ibm_circuit_job import Job
        >>> sampled_names(Job("a"))
        ()
    """
    return tuple(name for name, _ in named_bindings(job))


def named_bindings(job: Job) -> list[tuple[str, Binding]]:
    """Return the name and the :class:`Binding` of each circuit of a ``sampler``, ``estimator`` or ``executor`` job.

    Example:
        >>> from ibm_circuit_job import Job
        >>> named_bindings(Job("a"))
        []
    """
    if "circuits" in _raw_params(job):
        return []
    return [_named(circuit, values, index) for index, (circuit, values) in enumerate(_submitted(job))]


def _named(circuit: QuantumCircuit | None, values: Any, index: int) -> tuple[str, Binding]:
    if circuit is None:
        return f"circuit-{index}", Binding()
    parameters = tuple(parameter.name for parameter in circuit.parameters)
    return circuit.name, Binding(tuple(register.name for register in circuit.cregs), parameters, values)


_NO_OPTIONS: Final = frozenset({"circuits", "header", "pubs", "quantum_program"})
_UNREADABLE: Final = object()


def _raw_params(job: Job) -> Mapping[str, Any]:
    return {} if job.inputs is None else documents.fields(job.inputs.raw, "params").value_or({})


def _param(job: Job, name: str) -> Any:
    """One parameter, decoded separately; ``_UNREADABLE`` if it cannot be decoded."""
    raw = _raw_params(job).get(name)
    return None if raw is None else typed_json.decode(bytes(raw), name).value_or(_UNREADABLE)


def _pubs(job: Job) -> list[list[Any]]:
    """The pubs of a job, ``[circuit, parameter values, shots]`` or ``[circuit, observables, values, precision]``."""
    raw = _raw_params(job).get("pubs")
    found = None if raw is None else typed_json.decode_parts(bytes(raw), "pubs").value_or(None)
    return [pub if isinstance(pub, list) else [] for pub in found] if isinstance(found, list) else []


def _program(job: Job) -> Mapping[str, Any]:
    """The quantum program of an ``executor`` job; empty for other jobs."""
    raw = _raw_params(job).get("quantum_program")
    found = None if raw is None else typed_json.decode_parts(bytes(raw), "quantum_program").value_or(None)
    return found if isinstance(found, Mapping) else {}


def _submitted(job: Job) -> list[tuple[QuantumCircuit | None, Any]]:
    """The circuits of a job, each with the values of its parameters: an array whose last axis is over the parameters.

    A circuit that cannot be read is ``None``, and so are the values of a circuit without parameters.
    """
    from qiskit import QuantumCircuit  # noqa: PLC0415 - the core is imported without it

    names = _raw_params(job).keys()
    given: list[tuple[Any, Any]]
    if "circuits" in names:
        listed = _param(job, "circuits")
        given = [(circuit, None) for circuit in (listed if isinstance(listed, list) else [listed])]
    elif "quantum_program" in names:
        given = _items(_program(job), _param(job, "schema_version"))
    else:
        given = [(pub[0], _array_in(pub)) if pub else (None, None) for pub in _pubs(job)]
    return [(circuit if isinstance(circuit, QuantumCircuit) else None, values) for circuit, values in given]


def _array_in(pub: list[Any]) -> Any:
    return next((part for part in pub[1:] if hasattr(part, "dtype")), None)


def _items(program: Mapping[str, Any], schema_version: Any) -> list[tuple[Any, Any]]:
    """The circuits of a quantum program, one for each item, with their arguments.

    The circuits have one file each (schema v0), or one file together.
    """
    items = program.get("items")
    items = [item if isinstance(item, Mapping) else {} for item in (items if isinstance(items, list) else ())]
    reader = TensorReader(schema_version)
    together = program.get("circuits")
    if isinstance(together, Mapping):
        loaded = _loaded(together.get("b64_data"), len(items))
        circuits = loaded if len(loaded) == len(items) else [None] * len(items)
    else:
        circuits = [_circuit_of(item.get("circuit")) for item in items]
    return [(circuit, _argument(item, reader)) for circuit, item in zip(circuits, items, strict=True)]


def _loaded(text: Any, most: int) -> list[Any]:
    """The circuits of a QPY file in base64; empty if it cannot be read."""
    found: list[Any] = typed_json.decode_circuits(text, most).value_or([]) if isinstance(text, str) else []
    return found


def _circuit_of(model: Any) -> Any:
    """The circuit of one item, read from its file unless a third-party client has decoded it."""
    if not isinstance(model, Mapping):
        return model
    return next(iter(_loaded(model.get("circuit_b64"), 1)), None)


def _argument(item: Mapping[str, Any], reader: TensorReader) -> Any:
    given = item.get("circuit_arguments")
    try:
        return given if hasattr(given, "dtype") else reader.array(given)
    except ValueError:
        return None
