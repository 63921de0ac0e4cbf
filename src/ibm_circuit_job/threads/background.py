"""Run effects in daemon threads: with a time limit, or while an event loop runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, TypeVar

from returns.io import IO, IOFailure, IOResult
from returns.result import Result
from returns.unsafe import unsafe_perform_io

from ibm_circuit_job.errors import Failure, Unreachable

if TYPE_CHECKING:
    import asyncio

_T = TypeVar("_T")

_GRACE_SECONDS: Final = 0.03
"""The additional seconds for an effect with its own time limit, so that it reports this itself."""


def perform(effect: IOResult[_T, Failure]) -> Result[_T, Failure]:
    """Return the ``Result`` in an ``IOResult``.

    This is the end of a pipeline, and of each member of the classic classes.

    Example:
        >>> from returns.io import IOSuccess
        >>> perform(IOSuccess(1))
        <Success: 1>
    """
    return unsafe_perform_io(IO.from_ioresult(effect))


def within(seconds: float | None, effect: Callable[[], IOResult[_T, Failure]]) -> IOResult[_T, Failure]:
    """Run *effect* in a daemon thread; fail after *seconds*.

    A name server, a handshake or a third-party client may have no time limit. After a failure the thread runs until
    the effect ends, and its outcome is discarded.

    Args:
        seconds: The longest wait; ``None`` for no limit, and no thread.
        effect: The effect.

    Returns:
        The outcome of the effect; or :class:`~ibm_circuit_job.errors.Unreachable` after *seconds*.

    Example:
        >>> from returns.io import IOSuccess
        >>> perform(within(5.0, lambda: IOSuccess(1)))
        <Success: 1>
    """
    if seconds is None:
        return effect()
    try:
        return started(effect).result(seconds + _GRACE_SECONDS)
    except TimeoutError:
        return IOFailure(Unreachable("hear from the service", "the service", f"no answer within {seconds:.2g} seconds"))


_unfinished: Final[set[threading.Thread]] = set()


def started(effect: Callable[[], _T], *, to_its_end: bool = False) -> Future[_T]:
    """Start an effect in a daemon thread, and return its future. The future cannot be cancelled.

    Args:
        effect: The effect.
        to_its_end: Whether :func:`finish` waits for the effect. Otherwise the end of the program stops it.

    Example:
        >>> started(lambda: 1).result()
        1
    """
    done: Future[_T] = Future()
    done.set_running_or_notify_cancel()

    def run() -> None:
        if to_its_end:
            _unfinished.add(threading.current_thread())
        try:
            result = effect()
        except BaseException as error:  # noqa: BLE001 - the future raises it for the caller
            done.set_exception(error)
        else:
            done.set_result(result)
        finally:
            _unfinished.discard(threading.current_thread())

    try:
        threading.Thread(target=run, name="ibm-circuit-job-effect", daemon=True).start()
    except RuntimeError:
        # Python is ending, and starts no more threads.
        run()
    return done


def finish(seconds: float) -> None:
    """Wait for the effects that were started with ``to_its_end``, at most for *seconds* in all."""
    deadline = time.monotonic() + seconds
    for thread in [*_unfinished]:
        thread.join(max(deadline - time.monotonic(), 0.0))


def wait_for(event: threading.Event, seconds: float) -> bool:
    """Wait until an event is set (True), or for *seconds* (False). Ctrl-C ends the wait at once."""
    return event.wait(max(seconds, 0.0))


def await_end(future: Future[Any], seconds: float | None) -> None:
    """Wait until an effect that was :func:`started` has ended, or for *seconds*. Ctrl-C ends the wait at once."""
    futures.wait([future], seconds)


async def await_end_async(future: Future[Any], seconds: float | None) -> None:
    """Wait as :func:`await_end` does, while the event loop runs. If the task is cancelled, the effect continues."""
    import asyncio  # noqa: PLC0415 - slow to import, and not always needed

    ended = asyncio.wrap_future(future)
    # The caller reads the outcome from the other future. Without this callback, asyncio would log that the exception
    # of this one was never retrieved.
    ended.add_done_callback(_retrieve)
    await asyncio.wait([ended], timeout=seconds)


def _retrieve(ended: asyncio.Future[Any]) -> None:
    if not ended.cancelled():
        ended.exception()


async def aside(effect: Callable[[], _T]) -> _T:
    """Run an effect in a daemon thread, while the event loop runs, and return its outcome."""
    import asyncio  # noqa: PLC0415 - slow to import, and not always needed

    return await asyncio.wrap_future(started(effect))
