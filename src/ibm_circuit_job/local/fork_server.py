"""Starts worker processes at any time, by forks of a process that has loaded Qiskit and Aer. For Linux.

Such a fork is ready for its first job after hundredths of a second. A new process, which imports Qiskit and Aer, takes
more than a second of a processor. The service cannot fork by itself: it has threads, and a lock that a thread holds
would stay locked in a forked process.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, Pipe
from typing import Any, Final, NoReturn, TypeAlias

Main: TypeAlias = Callable[[Any, int], None]
"""What a forked process runs. Its arguments are its end of a pipe, and the process ID of the process that forked it."""

_NUMBER: Final = struct.Struct("!i")
_FORK: Final = 0
"""A request for a fork, with the two pipes of the new process. Any other request is a process ID."""


class ForkServer:
    """A process that forks worker processes when it is asked to. It ends with the process that has started it.

    It must be made before other threads exist.

    Args:
        main: What each worker process runs.
    """

    def __init__(self, main: Main) -> None:
        self._asking, requests = socket.socketpair()
        self._lock = threading.Lock()
        context: Any = get_context("fork")
        with requests:
            self._process = context.Process(
                target=_fork_on_request, args=(self._asking, requests, main), name="fork server", daemon=True
            )
            self._process.start()

    @property
    def is_alive(self) -> bool:
        """Whether it can start processes."""
        return bool(self._process.is_alive())

    def start(self, theirs: Any) -> Forked:
        """Start a worker process.

        Args:
            theirs: Its end of a pipe, a ``Connection`` of ``multiprocessing``. The caller closes it.

        Raises:
            OSError: If there are too many processes or open files.
        """
        ended, theirs_as_well = Pipe(duplex=False)
        with theirs_as_well:
            pid = self._asked(_FORK, theirs.fileno(), theirs_as_well.fileno())
        if pid < 0:
            raise OSError(-pid, os.strerror(-pid))
        return Forked(self, pid, ended)

    def exit_code_of(self, pid: int) -> int | None:
        """Return the exit code of a process that has ended; ``None`` if it is not known."""
        try:
            return self._asked(pid)
        except OSError:
            return None

    def stop(self) -> None:
        """End the process, and with it all worker processes."""
        self._asking.close()
        self._process.join()

    def _asked(self, request: int, *pipes: int) -> int:
        if sys.platform == "win32":
            raise NotImplementedError
        with self._lock:
            socket.send_fds(self._asking, [_NUMBER.pack(request)], pipes)
            answer = self._asking.recv(_NUMBER.size)
        if not answer:
            raise OSError("the process that starts workers has ended")
        number: int = _NUMBER.unpack(answer)[0]
        return number


class Forked:
    """A worker process, with those members of ``multiprocessing.Process`` that :mod:`.crew` uses.

    Args:
        forks: The process that has forked it.
        pid: Its process ID.
        ended: The end of a pipe whose other end is open as long as the process runs.
    """

    def __init__(self, forks: ForkServer, pid: int, ended: Any) -> None:
        self.pid: Final = pid
        """Its process ID."""
        self._forks = forks
        self._ended = ended
        self._exit_code: int | None = None

    def is_alive(self) -> bool:
        """Return whether it runs."""
        return not self._ended.poll()

    def kill(self) -> None:
        """Kill it, if it runs."""
        if sys.platform != "win32" and self.is_alive():
            # It may have ended just now.
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def join(self, seconds: float) -> None:
        """Wait until it ends, for at most so many seconds."""
        self._ended.poll(seconds)

    @property
    def exitcode(self) -> int | None:
        """Its exit code, negative for a signal; ``None`` if it runs, or if the exit code is not known."""
        if self._exit_code is None and not self.is_alive():
            self._exit_code = self._forks.exit_code_of(self.pid)
        return self._exit_code


def _fork_on_request(asking: socket.socket, requests: socket.socket, main: Main) -> NoReturn:
    """Fork a process for each request, until the other end of the socket is closed."""
    if sys.platform == "win32":
        raise NotImplementedError
    asking.close()
    # Ctrl-C in a terminal reaches all processes, but the service stops its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    own, running, codes = os.getpid(), set[int](), dict[int, int]()
    while True:
        request, pipes, _, _ = socket.recv_fds(requests, _NUMBER.size, 2)
        if not request:
            os._exit(0)
        (asked,) = _NUMBER.unpack(request)
        ended = [os.waitpid(pid, os.WNOHANG if asked == _FORK else 0) for pid in running if asked in {_FORK, pid}]
        codes |= {pid: os.waitstatus_to_exitcode(status) for pid, status in ended if pid}
        running -= codes.keys()
        if asked != _FORK:
            requests.sendall(_NUMBER.pack(codes[asked]))
            continue
        try:
            new = os.fork()
        except OSError as error:
            new = -(error.errno or 1)
        if new == 0:
            requests.close()
            _run(main, Connection(pipes[0]), own)
        for pipe in pipes:
            os.close(pipe)
        if new > 0:
            running.add(new)
            # An earlier process may have had the same ID.
            codes.pop(new, None)
        requests.sendall(_NUMBER.pack(new))


def _run(main: Main, connection: Any, parent: int) -> NoReturn:
    try:
        main(connection, parent)
    except BaseException:  # noqa: BLE001 - a forked process must not return
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
