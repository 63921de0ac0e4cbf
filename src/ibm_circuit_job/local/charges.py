"""What a job is charged, and the limits that count it: the longest run of a job, of a session, of an instance.

Source: IBM's guide on the usage of a workload, whose formula is
``<overhead per sub-job> + (rep_delay + <circuit length>) * <number of executions>``. Here the overhead is 0, as the
field ``usage_overhead_seconds`` of a device's configuration says. IBM's has no such field.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

import msgspec

from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.records import JobRecord

RAN_TOO_LONG: Final = 1305
"""The service's reason code of a job that went over a limit on charged seconds."""
OVERHEAD: Final = 0.0
"""Seconds that are charged for a job besides its executions. Replies about devices say it."""
MOST_COST: Final = 10_800
"""The largest ``cost`` that a submission may name, in seconds; also what counts where it names none."""


class _Submitted(msgspec.Struct):
    """What of a job's parameters decides how long a device takes for it."""

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
        """How many sets of parameters there are."""
        given = [] if self.circuit_arguments is None else self.circuit_arguments.shape[:-1]
        return max(math.prod(given), math.prod(self.shape))


class _Program(msgspec.Struct):
    shots: int = 0
    items: list[_Item] = msgspec.field(default_factory=list)


def estimated_seconds(backend: str, program: str, params: bytes) -> float | None:
    """Return how long a backend takes for a job, before its circuits are known: executions x repetition delay.

    Nothing that a client submitted is decoded into objects for it. Of the programs ``estimator`` and ``noise-learner``,
    the number of executions is not known before the job runs: a pub counts as one basis, without mitigation, and
    learning as nothing.

    Args:
        backend: The name of the backend.
        program: The name of the program.
        params: The parameters of the job, as they were submitted.

    Returns:
        Seconds; 0 where the parameters cannot be read; ``None`` for a simulator, which takes as long as it computes.

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
        executions: How many times a circuit is executed: shots x circuits.
        rep_delay: Seconds between two executions.
        circuit_seconds: Seconds that a circuit takes.

    Example:
        >>> charged(10_000, 0.0002, 0.00005)
        2.5
    """
    return executions * (max(rep_delay, 0.0) + circuit_seconds)


def charged_for(job: JobRecord, now: datetime) -> float:
    """Return the seconds that a job is charged, so far as is known.

    Args:
        job: The job.
        now: The time, for a job that runs.

    Returns:
        What was settled when it ended; for a job that runs, or was written by an earlier version, the seconds of its
        run; 0 for one that has not begun.
    """
    if job.charged is not None:
        return job.charged
    if job.running is None:
        return 0.0
    return max(0.0, ((job.finished or now) - job.running).total_seconds())


def settled(job: JobRecord, finished: datetime, device_seconds: float | None = None) -> float:
    """Return the seconds that a job is charged in the end.

    Args:
        job: The job, with the seconds that its device was expected to take for it in ``estimate``; ``None`` there for
            a simulator.
        finished: When it ended.
        device_seconds: The seconds that its device charges; ``None`` where it was not executed to its end, or by a
            simulator: then the time until it ended counts, and of a device no more than it was expected to take.
    """
    if device_seconds is not None:
        return device_seconds
    ran = 0.0 if job.running is None else max(0.0, (finished - job.running).total_seconds())
    return ran if job.estimate is None else min(ran, job.estimate)
