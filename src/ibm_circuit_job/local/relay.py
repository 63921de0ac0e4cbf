"""Executes jobs of the service in an executor of the program that has started it, over the pipes between the two.

A call for a job is a line of JSON on the standard output of the service; its answer is a line on standard input.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, InvalidStateError
from functools import partial
from typing import IO, Final

import msgspec
from attrs import frozen

from ibm_circuit_job.local.pooled import execute_call

RELAYED: Final = "relayed"
"""The setting ``executor`` of a service whose jobs the program that started it executes."""


@frozen
class _Line:
    number: int
    body: bytes | None
    """The call, or its answer; ``None`` if there is no answer."""
    error: str = ""
    """Why there is no answer."""


class ExecutorFailed(Exception):  # noqa: N818 - named for what it says
    """The executor of the program raised an exception, or did not accept the job."""


class Relay:
    """The side of the service: sends calls to the program, and receives their answers.

    Args:
        lines: The pipe to the program.
    """

    def __init__(self, lines: IO[bytes]) -> None:
        self._lines = lines
        self._numbers: Final = itertools.count(1)
        self._futures: dict[int, Future[bytes]] = {}
        self._lock = threading.Lock()

    def submit(self, _: Callable[[bytes], bytes], call: bytes) -> Future[bytes]:
        """Send a call of :func:`~.pooled.execute_call` to the program, and return its future."""
        future: Future[bytes] = Future()
        number = next(self._numbers)
        self._futures[number] = future
        with self._lock:
            self._lines.write(msgspec.json.encode(_Line(number, call)) + b"\n")
            self._lines.flush()
        return future

    def read_answers(self, lines: IO[bytes]) -> None:
        """Read answers until the program closes the pipe, and complete their futures."""
        for line in lines:
            answer = msgspec.json.decode(line, type=_Line)
            future = self._futures.pop(answer.number)
            # The future may have been cancelled.
            with contextlib.suppress(InvalidStateError):
                if answer.body is None:
                    future.set_exception(ExecutorFailed(answer.error))
                else:
                    future.set_result(answer.body)


def serve_relay(executor: Executor, calls: IO[bytes], answers: IO[bytes]) -> None:
    """Submit the calls of a service to an executor until the service ends. Runs in the program that started it.

    Args:
        executor: Executes the calls.
        calls: The pipe from which calls are read.
        answers: The pipe to which answers are written.
    """
    lock = threading.Lock()

    def answer(line: _Line) -> None:
        # Suppressed, since the service may have ended.
        with contextlib.suppress(OSError, ValueError), lock:
            answers.write(msgspec.json.encode(line) + b"\n")
            answers.flush()

    def done(number: int, future: Future[bytes]) -> None:
        try:
            answer(_Line(number, future.result()))
        except BaseException as error:  # noqa: BLE001 - an executor may raise anything
            answer(_Line(number, None, f"{type(error).__name__}: {error}"))

    # When the service ends, the pipe is closed, perhaps in the middle of a read.
    with contextlib.suppress(OSError, ValueError):
        for line in calls:
            call = msgspec.json.decode(line, type=_Line)
            try:
                future = executor.submit(execute_call, call.body or b"")
            except Exception as error:  # noqa: BLE001 - the same
                answer(_Line(call.number, None, f"{type(error).__name__}: {error}"))
            else:
                future.add_done_callback(partial(done, call.number))
