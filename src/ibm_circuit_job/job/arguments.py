"""Checks of the arguments of a handle's members: each returns the value, or raises."""

from __future__ import annotations

import math
import os
import threading
from numbers import Real
from typing import TYPE_CHECKING, Any

from attrs import evolve

from ibm_circuit_job.effects import SYSTEM_CLOCK, Clock
from ibm_circuit_job.errors import IBMJobInvalidStateError, JobStoreError

if TYPE_CHECKING:
    from ibm_circuit_job.state.waiting import WaitPolicy
    from ibm_circuit_job.store import RecordStore


_LONGEST_PAUSE_SECONDS = 86_400.0
"""The longest pause between two polls: a day."""


def paced(policy: WaitPolicy, wait: Any, name: str = "wait") -> WaitPolicy:
    """Return a policy whose pauses last *wait* seconds; the policy itself for ``None``.

    Args:
        policy: The policy.
        wait: Seconds of each pause; ``None`` for the pauses of the policy.
        name: The name of the argument in an error message.

    Raises:
        IBMJobInvalidStateError: If *wait* is no number of seconds above 0.
    """
    if wait is None:
        return policy
    seconds = _seconds(wait)
    if seconds is None or not 0 < seconds <= _LONGEST_PAUSE_SECONDS:
        expected = f"expected {name} to be a number of seconds above 0 and at most {_LONGEST_PAUSE_SECONDS:g}, or None"
        raise IBMJobInvalidStateError(f"{expected}, got {wait!r}")
    return evolve(policy, shortest_pause=seconds, longest_pause=seconds, spread=0.0)


def checked_timeout(timeout: Any) -> float | None:
    """Return a timeout as a number of seconds from 0 up; ``None`` for no limit.

    Raises:
        IBMJobInvalidStateError: If it is neither a number nor ``None``.
    """
    if timeout is None:
        return None
    seconds = _seconds(timeout)
    if seconds is None:
        raise IBMJobInvalidStateError(f"expected timeout to be a number of seconds, or None, got {timeout!r}")
    return None if seconds > threading.TIMEOUT_MAX / 2 else max(seconds, 0.0)


def checked_clock(clock: Any) -> Clock:
    """Return a clock; the machine's for ``None``.

    Raises:
        IBMJobInvalidStateError: If it is neither a ``Clock`` nor ``None``.
    """
    if clock is None:
        return SYSTEM_CLOCK
    if not isinstance(clock, Clock):
        raise IBMJobInvalidStateError(f"expected clock to be an ibm_circuit_job.effects.Clock, or None, got {clock!r}")
    return clock


def checked_store(store: Any) -> RecordStore:
    """Return a store.

    Raises:
        JobStoreError: If it is no store, for example the path of one.
    """
    if isinstance(store, (str, os.PathLike)) or not callable(getattr(store, "save", None)):
        raise JobStoreError(
            f"expected store to be a JobStore, such as JobStore(...) returns, got a {type(store).__name__}"
        )
    opened: RecordStore = store
    return opened


def _seconds(given: Any) -> float | None:
    """Return any real number as a float; ``None`` for another value and for NaN."""
    if isinstance(given, bool) or not isinstance(given, Real):
        return None
    try:
        seconds = float(given)
    except OverflowError:
        return math.inf
    return None if math.isnan(seconds) else seconds
