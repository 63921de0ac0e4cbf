"""Computes the seconds that a job is charged. The limits of a job, a session and an instance are on these seconds.

Source: IBM's guide on the usage of a workload, with the formula
``<overhead per sub-job> + (rep_delay + <circuit length>) * <number of executions>``. Here the overhead is 0, and the
configuration of a device has it as ``usage_overhead_seconds``, a field that IBM's configurations do not have.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from ibm_circuit_job.local.devices import DEVICES

if TYPE_CHECKING:
    # It loads the database, which a worker does not use.
    from ibm_circuit_job.local.records import JobRecord

RAN_TOO_LONG: Final = 1305
"""The reason code of a job that exceeded a limit on charged seconds."""
OVERHEAD: Final = 0.0
"""Seconds that are charged for a job in addition to its executions."""
MOST_COST: Final = 10_800
"""The largest ``cost`` of a submission, in seconds, and its default: 3 hours."""


class _Submitted(msgspec.Struct):
    """The parameters of a job that determine how long a device takes for it."""

    shots: int = 4000
    rep_delay: float | None = None
    circuits: list[msgspec.Raw] = msgspec.field(default_factory=list)
    pubs: list[list[msgspec.Raw]] = msgspec.field(default_factory=list)
    options: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)
    quantum_program: msgspec.Raw = msgspec.Raw(b"null")


class _ExecutionOptions(msgspec.Struct):
    rep_delay: float | None = None


class _Array(msgspec.Struct):
    shape: list[int] = msgspec.field(default_factory=list)


class _Item(msgspec.Struct):
    circuit_arguments: _Array | None = None
    shape: list[int] = msgspec.field(default_factory=list)

    @property
    def sets(self) -> int:
        """The number of sets of parameter values."""
        given = [] if self.circuit_arguments is None else self.circuit_arguments.shape[:-1]
        return max(math.prod(given), math.prod(self.shape))


class _Program(msgspec.Struct):
    shots: int = 0
    items: list[_Item] = msgspec.field(default_factory=list)


def estimated_seconds(backend: str, program: str, params: bytes) -> float | None:
    """Return the seconds that a backend takes for a job, estimated as executions x repetition delay.

    The circuits are not decoded, so their lengths are unknown. The number of executions of ``estimator`` and
    ``noise-learner`` is known only when the job runs. A pub of an estimator is taken to measure one basis without
    mitigation, and learning to take no time.

    Args:
        backend: The name of the backend.
        program: The name of the program.
        params: The parameters of the job, as they were submitted.

    Returns:
        Seconds. 0 if the parameters cannot be read; ``None`` for a simulator, which takes as long as it computes.

    Example:
        >>> params = b'{"circuits": [{}, {}], "shots": 1000, "rep_delay": 0.0005}'
        >>> estimated_seconds("local_5q", "circuit-runner", params)
        1.0
        >>> estimated_seconds("local_simulator", "circuit-runner", b"{}") is None
        True
    """
    device = DEVICES[backend]
    if device.is_simulator:
        return None
    try:
        given = msgspec.json.decode(params, type=_Submitted)
        return charged(_executions(program, given), device.pace.delay(_rep_delay(given)), 0.0)
    except (msgspec.MsgspecError, RecursionError, ArithmeticError):
        return 0.0


def _rep_delay(given: _Submitted) -> float | None:
    own = msgspec.json.decode(given.options.get("rep_delay", b"null"), type=float | None)
    wanted = msgspec.json.decode(given.options.get("execution", b"null"), type=_ExecutionOptions | None)
    of_execution = None if wanted is None else wanted.rep_delay
    return next((each for each in (of_execution, own, given.rep_delay) if each is not None), None)


def _executions(program: str, given: _Submitted) -> int:
    match program:
        case "circuit-runner" | "qasm3-runner":
            return max(given.shots, 0) * len(given.circuits)
        case "executor":
            items = msgspec.json.decode(given.quantum_program, type=_Program)
            return max(items.shots, 0) * sum(item.sets for item in items.items)
        case "sampler":
            default = msgspec.json.decode(given.options.get("default_shots", b"null"), type=int | None) or 4096
            shots = (msgspec.json.decode(pub[2], type=int | None) if len(pub) > 2 else None for pub in given.pubs)
            return sum(default if each is None else max(each, 0) for each in shots)
        case "estimator":
            wanted = given.options.get("default_precision", b"0.015625")
            default_precision = msgspec.json.decode(wanted, type=float | None) or 0.015625
            precisions = (
                msgspec.json.decode(pub[3], type=float | None) if len(pub) > 3 else None for pub in given.pubs
            )
            return sum(math.ceil(1 / (each or default_precision) ** 2) for each in precisions)
        case _:
            return 0


def charged(executions: int, rep_delay: float, circuit_seconds: float) -> float:
    """Return the seconds that a device charges, by IBM's formula.

    Args:
        executions: The number of executions of circuits: shots x circuits.
        rep_delay: The repetition delay in seconds, between two executions.
        circuit_seconds: The length of a circuit in seconds.

    Example:
        >>> charged(10_000, 0.0002, 0.00005)
        2.5
    """
    return executions * (max(rep_delay, 0.0) + circuit_seconds)


def charged_for(job: JobRecord, now: datetime) -> float:
    """Return the seconds that a job is charged, up to now.

    Args:
        job: The job.
        now: The time now, in UTC.

    Returns:
        For a job that has ended, the seconds that were settled then. For a job that is running, or that an earlier
        version of the service saved, the seconds that it ran. 0 for a job that has not started.
    """
    if job.charged is not None:
        return job.charged
    if job.running is None:
        return 0.0
    return max(0.0, ((job.finished or now) - job.running).total_seconds())


def settled(job: JobRecord, finished: datetime, device_seconds: float | None = None) -> float:
    """Return the seconds that a job is charged when it ends.

    Args:
        job: The job.
        finished: When it ended, in UTC.
        device_seconds: The seconds that its device charges; ``None`` for a simulator, and for a job that was stopped.
            Then the job is charged the time that it ran; on a device, at most its ``estimate``.
    """
    if device_seconds is not None:
        return device_seconds
    ran = 0.0 if job.running is None else max(0.0, (finished - job.running).total_seconds())
    return ran if job.estimate is None else min(ran, job.estimate)
