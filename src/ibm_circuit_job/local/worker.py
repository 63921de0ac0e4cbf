"""The main program of a worker process, which executes one job after another until its parent ends.

Tasks and outcomes are MessagePack, so that neither side unpickles data of the other. Either :mod:`.crew` starts the
process, or :mod:`.child` does, as ``python -m ibm_circuit_job.local.worker``.
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
"""The first frame that a worker sends: it is ready for its first task."""
MOST_ANSWER: Final = 900_000_000
"""The most bytes of an outcome, since a row of SQLite has at most 1,000,000,000 bytes."""
_MB: Final = 1024 * 1024
_LENGTH_BYTES: Final = 8


class Frames(Protocol):
    """Sends and receives frames of bytes, like a connection of ``multiprocessing``."""

    def send_bytes(self, buf: bytes, /) -> None:
        """Send a frame."""

    def recv_bytes(self) -> bytes:
        """Return the next frame.

        Raises:
            EOFError: If the other end is closed.
        """


class Pipe:
    """Sends and receives frames over two pipes. A frame is its length in eight bytes (big-endian), then its bytes.

    Args:
        source: The pipe from which frames are read.
        sink: The pipe to which frames are written.

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
            EOFError: If the other end is closed before the whole frame has arrived.
        """
        return self._read(int.from_bytes(self._read(_LENGTH_BYTES), "big"))

    def close(self) -> None:
        """Close the pipe to which frames are written. The other side then reads its end."""
        with contextlib.suppress(OSError):
            self._sink.close()

    def close_source(self) -> None:
        """Close the pipe from which frames are read, after its end was read."""
        self._source.close()

    def _read(self, length: int) -> bytes:
        found = self._source.read(length)
        if len(found) < length:
            raise EOFError
        return found


def main(connection: Frames, parent: int, memory_mb: int, devices: Sequence[Device]) -> None:
    """Execute the tasks that arrive on a connection, and return when it is closed.

    Args:
        connection: The worker's end of a pipe.
        parent: The process ID of the parent. When the parent has ended, this process ends, too.
        memory_mb: MB of memory that this process may use.
        devices: The backends of the service.
    """
    DEVICES.use(devices)
    # Ctrl-C in a terminal reaches all processes, but the service stops its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with(parent)
    execution.warm_up()
    limit_memory(memory_mb)
    with contextlib.suppress(EOFError, OSError):
        connection.send_bytes(READY)
        while True:
            connection.send_bytes(_answer_to(connection.recv_bytes()))


def main_of_child() -> None:
    """Execute the tasks that arrive on standard input, and return when it is closed."""
    # Standard output has the frames, so everything that is printed goes to standard error.
    frames = Pipe(sys.stdin.buffer, os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)
    with contextlib.suppress(EOFError):
        # Safe: the bytes are from the process that has started this one, and could make it run anything.
        parent, memory_mb, devices = pickle.loads(frames.recv_bytes())  # noqa: S301
        main(frames, parent, memory_mb, pickle.loads(devices))  # noqa: S301 - the same


def _answer_to(frame: bytes) -> bytes:
    task = msgspec.msgpack.decode(frame, type=execution.Task)
    answer = msgspec.msgpack.encode(execution.execute(task))
    if len(answer) > MOST_ANSWER:
        reason = (
            f"The result has {len(answer)} bytes, but the service can save at most {MOST_ANSWER}. "
            "Split the job into several jobs, or use fewer shots."
        )
        return msgspec.msgpack.encode(execution.Outcome(None, reason))
    return answer


def limit_memory(memory_mb: int) -> bool:
    """Limit the memory of this process: an allocation beyond the limit fails with ``MemoryError``.

    Only Linux has such a limit. On other systems, the service measures the memory of the process, and kills it.

    Args:
        memory_mb: MB of memory that the process may use.

    Returns:
        Whether the limit is set.
    """
    if sys.platform == "win32":
        return False
    import resource  # noqa: PLC0415 - Windows does not have it

    used = psutil.Process().memory_info()
    if not hasattr(used, "data"):
        return False
    # The limit counts reserved memory, such as stacks of threads, most of which is never used. So what the process has
    # reserved up to now is added.
    most = used.data + max(0, memory_mb * _MB - used.rss)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    except (ValueError, OSError):
        # The hard limit of the process is lower.
        return False
    return True


def _end_with(parent: int) -> None:
    """Make this process end when its parent ends, even if the parent is killed."""
    if sys.platform == "linux":
        # The thread below does not run while Aer simulates, since Aer does not release Python's lock.
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-the-parent", daemon=True).start()


_PARENT_DEATH_SIGNAL: Final = 1
"""``PR_SET_PDEATHSIG`` of Linux's ``prctl``."""


if __name__ == "__main__":
    main_of_child()
