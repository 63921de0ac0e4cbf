"""IBMJob: what a single job and a composite job have in common."""

from __future__ import annotations

MYPY = False
if MYPY:
    # mypy takes a constant of this name for true. To it qiskit's class is of any type, and so would be each attribute.
    class _QiskitJob:
        """What a handle has of ``JobV1``."""

        version: int
        metadata: dict[str, object]
        _job_id: str

        def __init__(self, backend: object, job_id: str, **kwargs: object) -> None: ...
        def job_id(self) -> str: ...
else:
    from qiskit.providers import JobV1 as _QiskitJob


class IBMJob(_QiskitJob):
    """A job on IBM Quantum: an :class:`~ibm_circuit_job.IBMCircuitJob`, or an ``IBMCompositeJob`` of several.

    It has no members of its own. ``isinstance(job, IBMJob)`` is what programs ask with it.
    """
