"""A process to fork others from: it has one thread, and has loaded the library, but neither pytest nor Hypothesis.

Test modules that want it say ``pytest_plugins = ["clean_process"]``, and import nothing of it. There is one for all
tests of a worker, since most of the time of its start goes into imports.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("clean_program.py")


class CleanProcess:
    """Calls functions in a process of its own, which starts with the first call, and anew after one that failed."""

    def __init__(self):
        self._process = None

    def call(self, module, function, *arguments):
        """Call a function of a module of this folder there, with values of JSON; return what it returns."""
        if self._process is None:
            command = [sys.executable, PROGRAM]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        # By its input: a URL may hold a password, and the arguments of a process can be listed.
        self._process.stdin.write(json.dumps([module, function, arguments]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            self.end()
        assert answer, f"{module}.{function} failed in the clean process: see its error output"
        return json.loads(answer)

    def end(self):
        """End the process, if there is one."""
        if self._process is not None:
            self._process.communicate()
            self._process = None


@pytest.fixture(scope="session")
def clean_process():
    process = CleanProcess()
    yield process
    process.end()
