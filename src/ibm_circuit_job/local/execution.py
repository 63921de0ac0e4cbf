"""Executes one job, in a worker process: from its parameters to the bytes of its result.

Only worker processes decode circuits and other objects that clients submitted. The service imports this module for
:class:`Task` and :class:`Outcome`; modules that take long to import are imported by workers only.
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
    """One job, as it is sent to a worker process."""

    job_id: str
    """Its ID, which the result contains."""
    backend: str
    """The name of one of ``DEVICES``."""
    program: str
    """One of ``programs.PROGRAMS``."""
    params: bytes
    """The parameters that were submitted, as JSON."""
    started: datetime
    """The time whose calibration is simulated, with a time zone."""
    seed: int | None = None
    """The seed of the simulation, if the job gives no seed."""
    memory_mb: int | None = None
    """MB of memory that it may use; ``None`` for any number."""
    seconds: float | None = None
    """Its own time limit in seconds, if that is lower than the one for every job."""
    memory_setting: str = MEMORY_SETTING
    """The setting that limits the memory, for the reason of a job."""


@frozen
class Outcome:
    """How a job ended."""

    result: bytes | None
    """The bytes of its result; for a job that failed, of a partial result; ``None`` if it has none."""
    reason: str = ""
    """Why it failed; empty if it succeeded."""
    reason_code: int | None = None
    """The code of the reason; ``None`` if it has none."""
    device_seconds: float | None = None
    """Seconds that a device takes for its circuits, and charges; ``None`` for a simulator."""

    @property
    def succeeded(self) -> bool:
        """Whether it has a complete result."""
        return self.result is not None and not self.reason


def load() -> None:
    """Import Qiskit and Aer, so that processes that are forked later need not import them."""
    run_of("circuit-runner")


def warm_up() -> None:
    """Run a small circuit, so that what Qiskit and Aer load with their first run does not delay the first job."""
    from qiskit import QuantumCircuit  # noqa: PLC0415 - only a worker needs it
    from qiskit_aer import AerSimulator  # noqa: PLC0415 - the same

    load()
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    AerSimulator().run(circuit, shots=1).result()


def execute(task: Task) -> Outcome:
    """Execute a job. Never raises, whatever was submitted.

    Args:
        task: The job.

    Returns:
        The outcome, with the result, or with the reason why there is none.
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
    except Exception as error:  # noqa: BLE001 - what clients submit may raise anything, and the worker must go on
        outcome = Outcome(None, f"{type(error).__name__}: {error}")
    if task.memory_mb is not None and _NO_MEMORY.search(outcome.reason):
        outcome = evolve(
            outcome, reason=f"{over_memory(task.memory_mb, task.memory_setting)} {outcome.reason}", reason_code=None
        )
    # Shortened, since every listing of jobs repeats the reason.
    return evolve(outcome, reason=outcome.reason[:_LONGEST_REASON])


_NO_MEMORY: Final = re.compile(r"^MemoryError|[Ii]nsufficient memory|[Cc]annot allocate memory|\bbad_alloc\b")
"""Messages of Python, Aer and the C++ library when there is no more memory."""
