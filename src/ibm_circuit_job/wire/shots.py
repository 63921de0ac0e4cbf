"""The number of shots of a job, read from its parameters without decoding a circuit."""

from __future__ import annotations

import msgspec

from ibm_circuit_job.state.job import Job
from ibm_circuit_job.wire import documents


def shots_of(job: Job) -> int | None:
    """Return how many shots each circuit of a job has; ``None`` if that is not known, or differs between circuits.

    Source: ``shots`` in the parameters (``circuit-runner``), in each pub (``sampler``), or in the quantum program
    (``executor``).

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job, JobInputs
        >>> shots_of(Job("a", inputs=JobInputs(datetime.now(UTC), b'{"pubs": [["circuit", null, 10]]}')))
        10
    """
    if job.inputs is None:
        return None
    params = documents.fields(job.inputs.raw, "params").value_or({})
    if "shots" in params:
        found = [_number(params["shots"])]
    elif "quantum_program" in params:
        program = documents.fields(params["quantum_program"], "quantum_program").value_or({})
        found = [_number(program["shots"])] if "shots" in program else []
    else:
        pubs = _elements(params.get("pubs"), "pubs")
        parts = [_elements(pub, "pub") for pub in pubs]
        found = [_number(pub[2]) if len(pub) == 3 else None for pub in parts]
    return found[0] if len(set(found)) == 1 else None


def _elements(raw: msgspec.Raw | None, what: str) -> list[msgspec.Raw]:
    return [] if raw is None else documents.elements(raw, what).value_or([])


def _number(raw: msgspec.Raw) -> int | None:
    number = documents.value(raw, "shots").value_or(None)
    return number if type(number) is int else None
