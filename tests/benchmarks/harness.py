"""What benchmarks share: the time of a piece of work, and programs in the environment of an official client."""

import os
import statistics
import subprocess
import time
import timeit
from pathlib import Path

HERE = Path(__file__).parent
_PEERS = HERE.parents[1] / ".peers"
PYTHONS = {client: _PEERS / client / "bin/python" for client in ("provider", "runtime")}
"""The Python of each official client; it may not be there."""


def seconds(work):
    """Return how long a piece of work takes, once, in seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def fastest(work, rounds=5):
    """Return the CPU time of the fastest of some rounds, in seconds, and what that work returned last."""
    times = []
    for _ in range(rounds):
        began = time.process_time()
        found = work()
        times.append(time.process_time() - began)
    return min(times), found


def typical(call, number=1000, repeat=100):
    """Return the median time of a call, in microseconds: many calls a round, for one is too short."""
    return statistics.median(timeit.Timer(call).repeat(repeat=repeat, number=number)) / number * 1e6


def in_turn(ours, plain, rounds=5):
    """Return the medians of two kinds of work, done in turn, in seconds: what else the machine does meets both."""
    took = [(seconds(ours), seconds(plain)) for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*took, strict=True)]


def printed_by(python, script, *arguments, home=None, given=None, environment=()):
    """Return what a program prints that runs with the Python of a client, and with no setting of this process.

    Args:
        python: The Python.
        script: The file of the program.
        arguments: Its arguments.
        home: The folder that it takes for the user's, so that no account saved there is of any effect.
        given: What it reads from its standard input, as bytes.
        environment: Further variables.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith(("QISKIT", "PYTEST", "PYTHON"))}
    own |= dict(environment) | ({} if home is None else {"HOME": str(home)})
    said = subprocess.run([python, script, *arguments], input=given, env=own, stdout=subprocess.PIPE, check=True)
    return said.stdout
