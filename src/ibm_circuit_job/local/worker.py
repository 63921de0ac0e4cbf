"""A worker process: it prepares itself, then executes jobs, one at a time, until the service ends.

Tasks and outcomes are MessagePack, so that nothing is unpickled on either side. The parent is :mod:`.crew`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Final

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


def main(connection: Connection, parent: int, memory_mb: int, devices: Sequence[Device]) -> None:
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
