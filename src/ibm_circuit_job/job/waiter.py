"""Waiting for one job: ``wait`` blocks its thread, and ``wait_async`` is for asyncio.

Both do what :class:`~ibm_circuit_job.state.course.Course` decides. The blocking loop is ``threads.following.follow``;
here its failure becomes an exception.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import assert_never

from returns.result import Failure as Bad

from ibm_circuit_job import effects
from ibm_circuit_job.effects import SYSTEM_CLOCK, Clock
from ibm_circuit_job.errors import to_exception
from ibm_circuit_job.job.cell import JobCell
from ibm_circuit_job.job.sharing import shared_job
from ibm_circuit_job.state.waiting import Finished, GaveUp, Listen, Poll, TimedOut, WaitPolicy
from ibm_circuit_job.threads.background import aside
from ibm_circuit_job.threads.following import Steps, follow


def wait(
    job: JobCell, policy: WaitPolicy, timeout: float | None = None, report: Callable[[], object] | None = None
) -> None:
    """Wait until a job has ended, blocking this thread.

    Args:
        job: The cell of the job's handle.
        policy: The pauses of the wait.
        timeout: Seconds to wait; ``None`` for as long as it takes.
        report: Called after each good reply, and at the end.

    Raises:
        IBMJobTimeoutError: If the job has not ended in time.
        IBMJobApiError: If the service refused for good, or failed for longer than the policy's patience.
    """
    steps = effects.begin_wait(job, job.client, policy, timeout, job.clock)
    steps.shared = shared = shared_job(job)
    try:
        ended = effects.perform(follow(steps, report))
    finally:
        if shared is not None:
            shared.wait.leave()
    match ended:
        case Bad(failure):
            raise to_exception(failure)


async def wait_async(
    job: JobCell, policy: WaitPolicy, timeout: float | None = None, report: Callable[[], object] | None = None
) -> None:
    """Wait until a job has ended, without blocking the event loop; see :func:`wait`."""
    steps = effects.begin_wait(job, job.client, policy, timeout, job.clock)
    if job.saved_job is None:
        await _follow(steps, report, job.clock)
        return
    # In a thread: a call of a store would block the event loop.
    steps.shared = shared = await aside(partial(shared_job, job))
    try:
        await _follow(steps, report, job.clock)
    finally:
        if shared is not None:
            # Before this returns, because the caller may close the store next.
            await aside(shared.wait.leave)


async def _follow(steps: Steps, report: Callable[[], object] | None, clock: Clock) -> None:
    if report is not None:
        steps.look_first()
    while True:
        step = steps.next()
        match step:
            case Listen(seconds):
                await aside(partial(steps.listen, seconds))
            case Poll(after):
                await _pause(steps, after, clock)
                # In a thread: the request, and saving its reply, would block the event loop.
                await aside(steps.poll)
                if steps.wants_metrics(has_listener=report is not None):
                    await aside(steps.measure)
                if report is not None:
                    report()
            case Finished():
                if report is not None:
                    report()
                return
            case TimedOut() | GaveUp():
                raise to_exception(steps.failure(step))
            case _:
                assert_never(step)


async def _pause(steps: Steps, seconds: float, clock: Clock) -> None:
    """Wait before the next poll. If another process polls, the wait is in a thread, and ends when that one saves."""
    if steps.is_following:
        await aside(partial(steps.pause, seconds))
        return
    if steps.shared is not None:
        steps.shared.promise(seconds)
    await pause(seconds, clock)


async def pause(seconds: float, clock: Clock) -> None:
    """Wait without blocking the event loop. A clock other than the machine's sleeps in a thread."""
    import asyncio  # noqa: PLC0415 - slow to import, and only asynchronous programs need it

    if clock is SYSTEM_CLOCK:
        await asyncio.sleep(max(seconds, 0.0))
    else:
        await aside(partial(clock.sleep, seconds))
