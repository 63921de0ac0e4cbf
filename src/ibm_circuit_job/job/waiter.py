"""The two shells around :class:`~ibm_circuit_job.state.course.Course`: one blocks its thread, one is for asyncio.

Neither decides anything. The blocking one is ``threads.following.follow``, whose failure becomes an exception here.
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
    job: JobCell, policy: WaitPolicy, timeout: float | None = None, tell: Callable[[], object] | None = None
) -> None:
    """Wait until a job has ended, blocking this thread.

    Args:
        job: What is known of the job.
        policy: How the wait is paced.
        timeout: Seconds to wait; ``None`` for as long as it takes.
        tell: Called after each good reply, and at the end.

    Raises:
        IBMJobTimeoutError: If the job has not ended in time.
        IBMJobApiError: If the service refused for good, or was in trouble for longer than the policy's patience.
    """
    steps = effects.begin_wait(job, job.client, policy, timeout, job.clock)
    steps.shared = shared = shared_job(job)
    try:
        ended = effects.perform(follow(steps, tell))
    finally:
        if shared is not None:
            shared.wait.leave()
    match ended:
        case Bad(failure):
            raise to_exception(failure)


async def wait_async(
    job: JobCell, policy: WaitPolicy, timeout: float | None = None, tell: Callable[[], object] | None = None
) -> None:
    """Wait until a job has ended, while the event loop goes on; see :func:`wait`."""
    steps = effects.begin_wait(job, job.client, policy, timeout, job.clock)
    if job.keeper is None:
        await _follow(steps, tell, job.clock)
        return
    # A store is not to hold the loop up.
    steps.shared = shared = await aside(partial(shared_job, job))
    try:
        await _follow(steps, tell, job.clock)
    finally:
        if shared is not None:
            # Before the caller goes on, who may close the store.
            await aside(shared.wait.leave)


async def _follow(steps: Steps, tell: Callable[[], object] | None, clock: Clock) -> None:
    if tell is not None:
        steps.look_first()
    while True:
        step = steps.next()
        match step:
            case Listen(seconds):
                await aside(partial(steps.listen, seconds))
            case Poll(after):
                await _pause(steps, after, clock)
                # What is learned may be written to a store, which is not to hold the loop up either.
                await aside(steps.poll)
                if steps.wants_metrics(has_listener=tell is not None):
                    await aside(steps.measure)
                if tell is not None:
                    tell()
            case Finished():
                if tell is not None:
                    tell()
                return
            case TimedOut() | GaveUp():
                raise to_exception(steps.failure(step))
            case _:
                assert_never(step)


async def _pause(steps: Steps, seconds: float, clock: Clock) -> None:
    """Wait before the next poll; where another process asks, in a thread, which what it saves ends."""
    if steps.is_following:
        await aside(partial(steps.pause, seconds))
        return
    if steps.shared is not None:
        steps.shared.promise(seconds)
    await pause(seconds, clock)


async def pause(seconds: float, clock: Clock) -> None:
    """Wait, while the event loop goes on: by the machine's clock on the loop, by any other in a thread."""
    import asyncio  # noqa: PLC0415 - costly, and for those who use it

    if clock is SYSTEM_CLOCK:
        await asyncio.sleep(max(seconds, 0.0))
    else:
        await aside(partial(clock.sleep, seconds))
