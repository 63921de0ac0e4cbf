"""Services that start in a tenth of a second: each is a fork of a process that has loaded Qiskit and Aer.

To start one as users do takes more than a second of computing, nearly all of it for imports, and a run of the tests
starts about a hundred. A fork runs the same ``main``, in a process and a session of its own, with the same pipes.
The tests of how a service starts and ends start it as users do, with ``started_as_users_do``.
"""

import json
import os
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
from pathlib import Path

MOST_BYTES = 1_000_000
"""How many bytes are read of a request at once."""


class PreparedServices:
    """Starts services; the process of which they are forked starts with the first one."""

    def __init__(self):
        self._lock = threading.Lock()
        self._folder, self._process = tempfile.mkdtemp(prefix="ibm-circuit-job-"), None

    def start(self):
        """Return the process of a new service, which waits for its settings."""
        with self._lock:
            umask = os.umask(0o077)
            try:
                if self._process is None:
                    self._prepare()
            finally:
                os.umask(umask)
        stdin, to_stdin = os.pipe()
        from_stdout, stdout = os.pipe()
        from_ended, ended = os.pipe()
        asked = {"environment": dict(os.environ), "folder": str(Path.cwd()), "umask": umask}
        # A socket for each service: tests count those that are open.
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(self._address)
            socket.send_fds(asking, [json.dumps(asked).encode() + b"\n"], [stdin, stdout, 2, ended])
            replied, [pidfd], _, _ = socket.recv_fds(asking, 4, 1)
        for each in (stdin, stdout, ended):
            os.close(each)
        return ServiceProcess(int.from_bytes(replied), pidfd, to_stdin, from_stdout, from_ended)

    @property
    def _address(self):
        return f"{self._folder}/socket"

    def _prepare(self):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self._address)
            listener.listen()
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(listener.fileno())],
                stdin=subprocess.PIPE,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )

    def stop(self):
        """End the process; a service that runs ends with the program that started it, as every service does."""
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()
        shutil.rmtree(self._folder)


class ServiceProcess:
    """The process of a service, with those members of ``subprocess.Popen`` that ``LocalService`` uses."""

    def __init__(self, pid, pidfd, stdin, stdout, ended):
        self.pid, self.returncode = pid, None
        self.stdin, self.stdout, self._ended = os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb"), os.fdopen(ended, "rb")
        self._pidfd = pidfd
        self._lock = threading.Lock()

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
        self._signal(signal.SIGTERM)

    def kill(self):
        self._signal(signal.SIGKILL)

    def _signal(self, number):
        if self.poll() is None:
            signal.pidfd_send_signal(self._pidfd, number)


def main():
    """Fork a service for each request, and say with which code it ended, until standard input is closed."""
    from ibm_circuit_job.local import __main__ as entry  # noqa: PLC0415 - the tests, which import this file, need none
    from ibm_circuit_job.local import execution  # noqa: PLC0415 - the same

    execution.load()
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
            asked, handles, _, _ = socket.recv_fds(asking, MOST_BYTES, 4)
            while not asked.endswith(b"\n"):
                asked += asking.recv(MOST_BYTES)
            *pipes, ended = handles
            pid = os.fork()
            if pid:
                pidfd = os.pidfd_open(pid)
                running[pidfd] = (pid, ended)
                socket.send_fds(asking, [pid.to_bytes(4)], [pidfd])
        if not pid:
            listener.close()
            for each in (ended, *running, *(other for _, other in running.values())):
                os.close(each)
            become_service(pipes, **json.loads(asked))
            return entry.main()
        for each in pipes:
            os.close(each)


def become_service(pipes, environment, folder, umask):
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
