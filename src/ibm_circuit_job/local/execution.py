"""Executing one job, in a worker process: parameters in, the body of the result out.

What a client submitted is turned into objects in the programs, and nowhere else. The service imports this module for
its records alone; what is costly to import is imported by a worker.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from ibm_circuit_job.local.limits import MEMORY_SETTING, over_memory
from ibm_circuit_job.local.programs import run_of
from ibm_circuit_job.local.programs.refusals import NOT_FOR_THIS_BACKEND, CannotRun

_LONGEST_REASON: Final = 2_000


@frozen
class Task:
    """One job, as it goes to a worker process."""

    job_id: str
    """Its ID, which goes into the result."""
    backend: str
    """The name of one of ``DEVICES``."""
    program: str
    """One of ``programs.PROGRAMS``."""
    params: bytes
    """The parameters that were submitted, as the service's JSON."""
    started: datetime
    """When it starts, for the calibration that holds then."""
    seed: int | None = None
    """The seed of the simulation, where the job gives none."""
    memory_mb: int | None = None
    """MB of memory that it may use; any by default."""
    seconds: float | None = None
    """Seconds that it may take, where that is less than what the service gives every job."""
    memory_setting: str = MEMORY_SETTING
    """Where *memory_mb* is set, as reasons say it."""


@frozen
class Outcome:
    """How a job ended."""

    result: bytes | None
    """The body of its result; of a job that failed, what there is of one."""
    reason: str = ""
    """Why it failed; empty where it did not."""
    reason_code: int | None = None
    """The service's number for the reason."""
    device_seconds: float | None = None
    """Seconds that a device takes for the circuits that it executed, and charges; ``None`` for a simulator."""

    @property
    def succeeded(self) -> bool:
        """Whether the whole result is there."""
        return self.result is not None and not self.reason


def load() -> None:
    """Import Qiskit and Aer, for the processes that are forked afterwards."""
    run_of("circuit-runner")


def warm_up() -> None:
    """Run something, so that the first job need not wait for what is loaded with the first run."""
    from qiskit import QuantumCircuit, transpile  # noqa: PLC0415 - only a worker needs them
    from qiskit_aer import AerSimulator  # noqa: PLC0415 - the same

    load()
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    AerSimulator().run(transpile(circuit, AerSimulator(), optimization_level=0), shots=1).result()


def execute(task: Task) -> Outcome:
    """Execute a job.

    Returns:
        The result, or the reason why there is none. Whatever was submitted, nothing is raised.
    """
    from qiskit.exceptions import QiskitError  # noqa: PLC0415 - only a worker needs it

    try:
        outcome: Outcome = run_of(task.program)(task)
    except CannotRun as error:
        outcome = Outcome(None, str(error), NOT_FOR_THIS_BACKEND)
    except QiskitError as error:
        outcome = Outcome(None, str(error.message))
    except MemoryError:
        outcome = Outcome(None, "MemoryError")
    except Exception as error:  # noqa: BLE001 - anything may be in there, and the service must live
        outcome = Outcome(None, f"{type(error).__name__}: {error}")
    if task.memory_mb is not None and _NO_MEMORY.search(outcome.reason):
        outcome = evolve(
            outcome, reason=f"{over_memory(task.memory_mb, task.memory_setting)} {outcome.reason}", reason_code=None
        )
    # Every listing repeats it, so not at any length.
    return evolve(outcome, reason=outcome.reason[:_LONGEST_REASON])


_NO_MEMORY: Final = re.compile(r"^MemoryError|[Ii]nsufficient memory|[Cc]annot allocate memory|\bbad_alloc\b")
"""How Python, Aer and the C++ library say that there is no more memory."""
