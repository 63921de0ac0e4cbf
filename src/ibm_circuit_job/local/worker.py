"""A worker process: it prepares itself, then executes jobs, one at a time, until its parent ends.

Tasks and outcomes are MessagePack, so that nothing is unpickled on either side. The parent is :mod:`.crew`, or any
worker with :mod:`.child`, which starts it as ``python -m ibm_circuit_job.local.worker``.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import IO, Final, Protocol

import msgspec
import psutil

from ibm_circuit_job.local import execution
from ibm_circuit_job.local.device import Device
from ibm_circuit_job.local.devices import DEVICES

READY: Final = b"ready"
"""What a worker says when it takes its first task."""
MOST_ANSWER: Final = 900_000_000
"""How many bytes an answer may hold; SQLite has rows of at most 1,000,000,000."""
_MB: Final = 1024 * 1024
_LENGTH_BYTES: Final = 8


class Frames(Protocol):
    """Where tasks come from and answers go to, such as a connection of ``multiprocessing``."""

    def send_bytes(self, buf: bytes, /) -> None:
        """Send a frame."""

    def recv_bytes(self) -> bytes:
        """Return the next frame.

        Raises:
            EOFError: If there is none.
        """


class Pipe:
    """Frames over two pipes: eight bytes for the length of each, then its bytes.

    Args:
        source: Where frames are read.
        sink: Where they are written.

    Example:
        >>> import io
        >>> written = io.BytesIO()
        >>> Pipe(io.BytesIO(), written).send_bytes(b"a task")
        >>> Pipe(io.BytesIO(written.getvalue()), io.BytesIO()).recv_bytes()
        b'a task'
    """

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self._source, self._sink = source, sink

    def send_bytes(self, buf: bytes, /) -> None:
        """Send a frame."""
        self._sink.write(len(buf).to_bytes(_LENGTH_BYTES, "big"))
        self._sink.write(buf)
        self._sink.flush()

    def recv_bytes(self) -> bytes:
        """Return the next frame.

        Raises:
            EOFError: If there is none, or only a part of it.
        """
        return self._read(int.from_bytes(self._read(_LENGTH_BYTES), "big"))

    def close(self) -> None:
        """Close the pipe that is written; the other end reads its end."""
        with contextlib.suppress(OSError):
            self._sink.close()

    def close_source(self) -> None:
        """Close the pipe that is read, once it has ended."""
        self._source.close()

    def _read(self, length: int) -> bytes:
        found = self._source.read(length)
        if len(found) < length:
            raise EOFError
        return found


def main(connection: Frames, parent: int, memory_mb: int, devices: Sequence[Device]) -> None:
    """Execute the tasks that come over a connection; return when it is closed.

    Args:
        connection: The worker's end of a pipe.
        parent: The process ID of the service. When that has ended, so does this process.
        memory_mb: MB of memory that this process may use.
        devices: The backends of the service.
    """
    DEVICES.use(devices)
    # Ctrl-C in a terminal reaches all processes; the service ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with(parent)
    execution.warm_up()
    limit_memory(memory_mb)
    with contextlib.suppress(EOFError, OSError):
        connection.send_bytes(READY)
        while True:
            connection.send_bytes(_answer(connection.recv_bytes()))


def main_of_child() -> None:
    """Execute the tasks that come from standard input; return when that is closed."""
    # What is printed here, and by libraries, goes where errors go: standard output has frames.
    frames = Pipe(sys.stdin.buffer, os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)
    with contextlib.suppress(EOFError):
        # From the process that has started this one, which is where what it runs comes from.
        parent, memory_mb, devices = pickle.loads(frames.recv_bytes())  # noqa: S301
        main(frames, parent, memory_mb, pickle.loads(devices))  # noqa: S301 - the same


def _answer(asked: bytes) -> bytes:
    task = msgspec.msgpack.decode(asked, type=execution.Task)
    answer = msgspec.msgpack.encode(execution.execute(task))
    if len(answer) > MOST_ANSWER:
        reason = f"The result holds {len(answer)} bytes; at most {MOST_ANSWER} can be stored."
        return msgspec.msgpack.encode(execution.Outcome(None, reason))
    return answer


def limit_memory(memory_mb: int) -> bool:
    """Let allocations of this process fail that would make it larger than *memory_mb* MB.

    Only Linux can do that. Elsewhere the service measures the process, and ends it.

    Returns:
        Whether the limit is set.
    """
    if sys.platform == "win32":
        return False
    import resource  # noqa: PLC0415 - not there on Windows

    used = psutil.Process().memory_info()
    if not hasattr(used, "data"):
        return False
    # The limit counts what is reserved, such as stacks of threads, of which most is never used: only growth matters.
    most = used.data + max(0, memory_mb * _MB - used.rss)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    except (ValueError, OSError):
        # Another limit is lower already.
        return False
    return True


def _die_with(parent: int) -> None:
    """Let this process end when the service's does, even if that was killed and cannot end it."""
    if sys.platform == "linux":
        # Aer lets no other thread of Python run while it simulates, so the system does it.
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, name="die-with-the-service", daemon=True).start()


_PARENT_DEATH_SIGNAL: Final = 1
"""``PR_SET_PDEATHSIG`` of Linux's ``prctl``."""


if __name__ == "__main__":
    main_of_child()
