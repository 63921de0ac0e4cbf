"""Jobs that a service gives to an executor of the program that has started it, over the pipes between the two.

A job is a line of JSON on the service's standard output, its answer one on standard input.
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
"""The setting of a service whose jobs the program executes that has started it."""


@frozen
class _Line:
    number: int
    body: bytes | None
    """The call, or its answer; ``None`` where there is none."""
    error: str = ""
    """Why there is no answer."""


class ExecutorFailed(Exception):  # noqa: N818 - named for what it says
    """The executor has raised this, or did not take the job."""


class Relay:
    """In the service: gives calls to the other side, and has their answers.

    Args:
        lines: Where a line for each call is written.
    """

    def __init__(self, lines: IO[bytes]) -> None:
        self._lines = lines
        self._numbers: Final = itertools.count(1)
        self._futures: dict[int, Future[bytes]] = {}
        self._lock = threading.Lock()

    def submit(self, _: Callable[[bytes], bytes], call: bytes) -> Future[bytes]:
        """Let the other side submit a call of :func:`~.pooled.execute_call`; return its future."""
        future: Future[bytes] = Future()
        number = next(self._numbers)
        self._futures[number] = future
        with self._lock:
            self._lines.write(msgspec.json.encode(_Line(number, call)) + b"\n")
            self._lines.flush()
        return future

    def read_answers(self, lines: IO[bytes]) -> None:
        """Read answers until the other side is gone."""
        for line in lines:
            answer = msgspec.json.decode(line, type=_Line)
            future = self._futures.pop(answer.number)
            # It may have been cancelled.
            with contextlib.suppress(InvalidStateError):
                if answer.body is None:
                    future.set_exception(ExecutorFailed(answer.error))
                else:
                    future.set_result(answer.body)


def serve_relay(executor: Executor, calls: IO[bytes], answers: IO[bytes]) -> None:
    """In the program that has started a service: submit its calls until it has ended.

    Args:
        executor: What executes them.
        calls: Where its lines are read.
        answers: Where answers are written.
    """
    lock = threading.Lock()

    def answer(line: _Line) -> None:
        # The service may have ended.
        with contextlib.suppress(OSError, ValueError), lock:
            answers.write(msgspec.json.encode(line) + b"\n")
            answers.flush()

    def done(number: int, future: Future[bytes]) -> None:
        try:
            answer(_Line(number, future.result()))
        except BaseException as error:  # noqa: BLE001 - an executor may raise anything
            answer(_Line(number, None, f"{type(error).__name__}: {error}"))

    # The end of the service closes the pipe, if not in this moment, then in the next read.
    with contextlib.suppress(OSError, ValueError):
        for line in calls:
            call = msgspec.json.decode(line, type=_Line)
            try:
                future = executor.submit(execute_call, call.body or b"")
            except Exception as error:  # noqa: BLE001 - the same
                answer(_Line(call.number, None, f"{type(error).__name__}: {error}"))
            else:
                future.add_done_callback(partial(done, call.number))
