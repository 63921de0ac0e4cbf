"""Run one job in each of some attempts, as users of one client write it, in that client's environment.

The client's name is the argument. Standard input is JSON: where the service is, for each attempt, and what an attempt
may take. Each attempt is a process of its own, forked when the client is loaded; all run at once. Prints one line of
JSON: what came of each.
"""

import contextlib
import json
import logging
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

from qiskit import QuantumCircuit

SHOTS = 10
LONG_SHOTS = 6000
"""Of a job that runs for three seconds, so that there is something to listen to."""


def of_provider(where):
    """Log in with ``qiskit-ibm-provider``, and return how to run a job."""
    from qiskit_ibm_provider import IBMProvider  # noqa: PLC0415 - it is there in its own environment

    return _by_backend(IBMProvider(token=where["token"], url=where["url"]))


def of_ours(where):
    """The same with our own client, in the dialect of Classic."""
    from ibm_circuit_job import IBMProvider  # noqa: PLC0415 - the official clients' environments need it not

    return _by_backend(IBMProvider(where["token"], where["url"]))


def of_ours_today(where):
    """The same with our own client, in the dialect of the platform."""
    from ibm_circuit_job import IBMProvider  # noqa: PLC0415 - as above

    account = {"url": where["platform_url"], "instance": where["instance"], "channel": "ibm_quantum_platform"}
    return _by_backend(IBMProvider(where["token"], **account))


def _by_backend(provider):
    def run(circuit, takes_time):
        backend = provider.get_backend("local_5q" if takes_time else "local_simulator")
        given = {"rep_delay": 500e-6, "shots": LONG_SHOTS} if takes_time else {"shots": SHOTS}
        return backend.run(circuit, **given)

    return run, lambda result: result.get_counts()


def of_runtime(where):
    """The same with the sampler of ``qiskit-ibm-runtime``."""
    from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2  # noqa: PLC0415 - as above

    service = QiskitRuntimeService(
        channel="ibm_quantum_platform",
        token=where["token"],
        instance=where["instance"],
        url=where["platform_url"],
        url_resolver=lambda url, *_: url,
    )

    def run(circuit, takes_time):
        assert not takes_time, "it opens no websocket"
        return SamplerV2(mode=service.backend("local_simulator")).run([circuit], shots=SHOTS)

    return run, lambda result: result[0].data.meas.get_counts()


CLIENTS = {"provider": of_provider, "runtime": of_runtime, "ours": of_ours, "ours_today": of_ours_today}
OWN_ERRORS = ("ibm_circuit_job.", "qiskit")
"""What the modules of documented errors begin with; ``QiskitError`` is the base of those of the official clients."""


def attempt(client, where):
    """Run a job to its end, and return what came of it. All that is logged is written down, and searched for tokens."""
    logging.basicConfig(level=logging.DEBUG)
    try:
        run, counts_of = CLIENTS[client](where)
        circuit = QuantumCircuit(2)
        circuit.x(0)
        circuit.measure_all()
        job = run(circuit, where["takes_time"])
        job.wait_for_final_state()
        counts = counts_of(job.result())
    except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
        kind = type(error)
        is_own = any(base.__module__.startswith(OWN_ERRORS) for base in kind.__mro__)
        print(f"{kind.__module__}.{kind.__name__}: {error}", file=sys.stderr)
        return {"outcome": "clear error" if is_own else "raw error", "error": kind.__name__}
    likely = max(counts, key=lambda bits: counts[bits])
    return {"outcome": "right" if likely == "01" else "wrong"}


ACCESS_TOKEN = re.compile(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}")
"""The beginning of a token of the service's, as it is in a header."""


class Attempt:
    """One attempt, in a process."""

    def __init__(self, client, where, folder, number):
        self.wrote = Path(folder, f"{number}.json")
        self.said = Path(folder, f"{number}.txt")
        self.token, self.began = where["token"], time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            self._run(client, where)
        self.outcome = None

    def _run(self, client, where):
        os.environ.update(where["environment"])
        said = os.open(self.said, os.O_WRONLY | os.O_CREAT, 0o600)
        for stream in (0, 1, 2):
            os.dup2(said, stream)
        with contextlib.suppress(BaseException):
            self.wrote.write_text(json.dumps(attempt(client, where)))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)

    def look(self, seconds, most_bytes):
        """Note what came of it, and return whether it has ended."""
        if os.waitpid(self.pid, os.WNOHANG)[0]:
            written = self.wrote.read_text() if self.wrote.exists() else ""
            self.outcome = json.loads(written) if written else {"outcome": "died"}
            return self._note()
        with contextlib.suppress(OSError, IndexError):
            pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
            if pages * os.sysconf("SC_PAGE_SIZE") > most_bytes:
                return self._end({"outcome": "memory"})
        if time.monotonic() - self.began > seconds:
            return self._end({"outcome": "hung"})
        return False

    def _end(self, outcome):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.outcome = outcome
        return self._note()

    def _note(self):
        text = self.said.read_text(errors="replace") if self.said.exists() else ""
        if self.token in text or ACCESS_TOKEN.search(text):
            self.outcome = {"outcome": "token shown"}
        self.outcome |= {"seconds": time.monotonic() - self.began, "said": text[-8000:]}
        return True


def main():
    client, order = sys.argv[1], json.load(sys.stdin)
    __import__({"provider": "qiskit_ibm_provider", "runtime": "qiskit_ibm_runtime"}.get(client, "ibm_circuit_job"))
    with tempfile.TemporaryDirectory() as folder:
        going = attempts = [Attempt(client, where, folder, number) for number, where in enumerate(order["attempts"])]
        while going:
            going = [each for each in going if not each.look(order["seconds"], order["most_bytes"])]
            time.sleep(0.05)
    print(json.dumps([each.outcome for each in attempts]))


if __name__ == "__main__":
    main()
