"""Services and programs that start in a tenth of a second: forks of a process that has loaded Qiskit and Aer.

To start one as users do takes more than a second of computing, nearly all of it for imports, and a run of the tests
starts about a hundred. A fork runs the same ``main``, in a process and a session of its own, with the same pipes.
The tests of how a service starts and ends start it as users do, with ``started_as_users_do``.

A program starts in the same way. One test of each kind starts it as users do, by ``subprocess``.
"""

import atexit
import gc
import json
import os
import re
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path

LOADED_LATER = {
    "service": ["jinja2", "sqlalchemy.dialects.sqlite", "sqlite3", "uvicorn.lifespan.on", "wsproto"],
    "program": [
        "ibm_circuit_job.cli",
        "ibm_circuit_job.clients.oldest_jobs",
        "ibm_circuit_job.job.result_reader",
        "ibm_circuit_job.job.result_waiter",
        "ibm_circuit_job.job.waiter",
        "ibm_circuit_job.wire.qobj",
        "ibm_circuit_job.wire.results.decoding",
        "pydantic.type_adapter",
        "pydantic.types",
        "sqlalchemy.dialects.sqlite",
        "uvicorn.protocols.websockets.wsproto_impl",
    ],
}
"""What services and programs import when they need it, which takes most of the time of their start."""
MOST_BYTES = 1_000_000
"""How many bytes are read of a request at once."""
CODES = []
"""The exit code of this fork, once its ``main`` has ended with one."""


class PreparedServices:
    """Starts services and programs, as forks of a process that starts with the first one, or of one that is there."""

    def __init__(self, address=None):
        self._address, self._process = address, None
        self._lock = threading.Lock()

    @property
    def address(self):
        """Where the process takes requests for forks."""
        with self._lock:
            if self._address is None:
                self._listen()
        return self._address

    def start(self):
        """Return the process of a new service, which waits for its settings."""
        return forked(self.address)

    def program(self, *words, terminal=None):
        """Return the process of a program: of Python with the words ``-c TEXT``, or ``-m MODULE`` and more.

        It has pipes, or reads from a terminal and writes to it.
        """
        return forked(self.address, words, terminal)

    def _listen(self):
        self._address = f"{tempfile.mkdtemp(prefix='ibm-circuit-job-')}/socket"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self._address)
            listener.listen()
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(listener.fileno()), self._address],
                stdin=subprocess.PIPE,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )

    def stop(self):
        """End the process, where this started it; a service ends with the program that started it, as each does."""
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()
            shutil.rmtree(Path(self._address).parent)


def forked(address, words=None, terminal=None):
    """Return a fork of the process that listens at an address: a service, or a program that is called by words."""
    theirs, ours = pipes(words is None) if terminal is None else ([os.dup(terminal) for _ in range(3)], [None] * 3)
    from_ended, ended = os.pipe()
    asked = {"words": words, "environment": dict(os.environ), "folder": str(Path.cwd()), "umask": umask()}
    # A socket for each service: tests count those that are open.
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(address)
        socket.send_fds(asking, [json.dumps(asked).encode() + b"\n"], [*theirs, ended])
        replied, [pidfd], _, _ = socket.recv_fds(asking, 4, 1)
    for each in (*theirs, ended):
        os.close(each)
    return ForkedProcess(int.from_bytes(replied), pidfd, from_ended, *ours)


def pipes(is_service):
    """Return the ends that a fork has of its three pipes, and ours; a service has our error output."""
    (stdin, to_stdin), (from_stdout, stdout) = os.pipe(), os.pipe()
    from_stderr, stderr = (None, os.dup(2)) if is_service else os.pipe()
    return [stdin, stdout, stderr], [to_stdin, from_stdout, from_stderr]


def umask():
    """Return the umask of this process. os.umask() would change it for a moment, for all threads."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"^Umask:\s*(\d+)$", status, re.MULTILINE).group(1), 8)


class ForkedProcess:
    """The process of a service or a program, with those members of ``subprocess.Popen`` that are used of it.

    The pipes of a service are of bytes, and those of a program of text.
    """

    def __init__(self, pid, pidfd, ended, stdin, stdout, stderr):
        self.pid, self.returncode = pid, None
        kind = "b" if stderr is None else ""
        self.stdin, self.stdout, self.stderr = (
            None if handle is None else os.fdopen(handle, mode)
            for handle, mode in ((stdin, f"w{kind}"), (stdout, f"r{kind}"), (stderr, "r"))
        )
        self._pidfd, self._ended = pidfd, os.fdopen(ended, "rb")
        self._lock = threading.Lock()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Wait for its end; an error of the test ends a program that has not ended."""
        if self.returncode is None:
            self.kill()
        self.communicate()

    def communicate(self, timeout=60.0):
        """Return what a program wrote to both outputs, which fits into a pipe, until its end."""
        self.wait(timeout)
        said = []
        for pipe in (self.stdout, self.stderr):
            said.append("" if pipe.closed else pipe.read())
            pipe.close()
        with suppress(BrokenPipeError):
            self.stdin.close()
        return said

    def poll(self):
        with suppress(subprocess.TimeoutExpired):
            self.wait(0.0)
        return self.returncode

    def wait(self, timeout=None):
        with self._lock:
            if self.returncode is None:
                if not select.select([self._pidfd], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired("a service", timeout)
                with self._ended:
                    # Nothing is said of one that ends after the last test.
                    self.returncode = int(self._ended.read() or 0)
                os.close(self._pidfd)
        return self.returncode

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number):
        if self.poll() is None:
            # It may have ended just now.
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)


def main():
    """Fork a process for each request, and say with which code it ended, until standard input is closed."""
    # What is registered first is called last.
    atexit.register(end_at_once)
    from ibm_circuit_job.local import __main__ as entry  # noqa: PLC0415 - the tests, which import this file, need none
    from ibm_circuit_job.local import execution  # noqa: PLC0415 - the same

    execution.load()
    load_for("service")
    listener = socket.socket(fileno=int(sys.argv[1]))
    running = {}
    while True:
        readable, _, _ = select.select([0, listener, *running], [], [])
        if 0 in readable:
            return 0
        for pidfd in running.keys() & readable:
            pid, ended = running.pop(pidfd)
            os.close(pidfd)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            with suppress(BrokenPipeError), os.fdopen(ended, "wb") as pipe:
                pipe.write(str(code).encode())
        if listener not in readable:
            continue
        with listener.accept()[0] as asking:
            asked, (*pipes, ended) = request_of(asking)
            words = asked.pop("words")
            # Else the garbage collector of each fork would copy nearly all memory.
            gc.freeze()
            pid = os.fork()
            if pid:
                pidfd = os.pidfd_open(pid)
                running[pidfd] = (pid, ended)
                socket.send_fds(asking, [pid.to_bytes(4)], [pidfd])
        if not pid:
            listener.close()
            for each in (ended, *running, *(other for _, other in running.values())):
                os.close(each)
            become(pipes, **asked)
            return code_of(entry.main if words is None else partial(run, words))
        for each in pipes:
            os.close(each)


def code_of(program):
    """Run a program, and return its exit code; note it, unless the program ends with an error or a message."""
    try:
        CODES.append(program())
    except SystemExit as ended:
        if isinstance(ended.code, int):
            CODES.append(ended.code)
        raise
    return CODES[0]


def end_at_once():
    """End a fork after all else that Python does at an end: to take its memory apart costs more than most forks do."""
    if CODES:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(CODES[0])


def request_of(asking):
    """Return what is asked for, and the pipes; for a program, load first what programs import."""
    asked, handles, _, _ = socket.recv_fds(asking, MOST_BYTES, 4)
    while not asked.endswith(b"\n"):
        asked += asking.recv(MOST_BYTES)
    asked = json.loads(asked)
    if asked["words"] is not None:
        load_for("program")
    return asked, handles


def load_for(kind):
    for module in LOADED_LATER[kind]:
        import_module(module)


def run(words):
    """Run a program as Python does; the services that it starts are forks as well."""
    from ibm_circuit_job.local import service  # noqa: PLC0415 - the tests, which import this file, need none

    service._new_process = partial(forked, sys.argv[2])
    how, what, *rest = words
    sys.argv = [how, *rest]
    if how == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 - the program of a test
    return 0


def become(pipes, environment, folder, umask):
    """Give a forked process what a started one has from the beginning."""
    os.setsid()
    for number, pipe in enumerate(pipes):
        os.dup2(pipe, number)
        os.close(pipe)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    os.umask(umask)


if __name__ == "__main__":
    sys.exit(main())
