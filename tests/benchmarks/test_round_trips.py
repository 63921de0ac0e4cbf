"""Round trips: what logging in, ``run().result()`` and a listing of 200 jobs ask, and what CPU time they take.

Each client is a process of its own, which reaches one service through a proxy that counts. Without TLS. The first of
some listings loads modules and is not counted.
"""

import json
import os
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from attrs import frozen
from counting_proxy import CountingProxy
from qiskit import QuantumCircuit
from round_trip_client import LISTED

from ibm_circuit_job import IBMProvider
from ibm_circuit_job.local import LocalService

HERE = Path(__file__).parent
PEERS = HERE.parents[1] / ".peers"
PYTHONS = {
    "ours": Path(sys.executable),
    "ours_on_classic": Path(sys.executable),
    "provider": PEERS / "provider/bin/python",
    "runtime": PEERS / "runtime/bin/python",
}
RUNS, LISTINGS = 5, 6
SUBMISSION, RESULT, POLL = "POST /jobs", "GET /jobs/ID/results", "GET /jobs/ID"


@frozen
class Step:
    """What one step came to."""

    requests: Counter[str]
    cpu: float
    seconds: float
    """From the call to its return."""

    @property
    def number(self):
        return sum(self.requests.values())


def kind_of(request):
    """A request without the ID of its job, the root of the API and its query."""
    method, path = request.split(" ", 1)
    parts = urlsplit(path).path.removeprefix("/experimental").removeprefix("/api/v1").strip("/").split("/")
    if parts[0] == "jobs" and len(parts) > 1:
        parts[1] = "ID"
    return f"{method} /{'/'.join(parts)}"


def steps_of(client, service, home):
    """What each step of a client came to, by name, and how many connections it opened."""
    port = urlsplit(service.url).port
    with CountingProxy(port) as proxy:

        def through(url):
            return url.replace(f":{port}", f":{proxy.port}", 1)

        where = {
            "url": through(service.url),
            "platform_url": through(service.platform_url),
            "token": service.token,
            "instance": service.instance,
        }
        own = {name: value for name, value in os.environ.items() if not name.startswith(("QISKIT", "PYTEST"))}
        if not client.startswith("ours"):
            own.pop("PYTHONPATH", None)
        led = {name: through(url) for name, url in service.environment.items()}
        wanted = json.dumps({"service": where, "jobs": RUNS, "listings": LISTINGS})
        said = subprocess.run(
            [PYTHONS[client], HERE / "round_trip_client.py", client, wanted],
            env=own | led | {"HOME": str(home)},  # No account that its user has saved is of any effect.
            stdout=subprocess.PIPE,
            check=True,
        )
        steps = {}
        for line in map(json.loads, said.stdout.splitlines()):
            asked = Counter(map(kind_of, proxy.requests_between(line["began"], line["returned"])))
            step = Step(asked, line["cpu"], line["returned"] - line["began"])
            steps.setdefault(line["step"], []).append(step)
        return steps, proxy.connections


def median(steps, what):
    return statistics.median(getattr(step, what) for step in steps)


FIGURES = {
    "log_in_requests": ("requests of log-in and first backend", "", "4"),
    "run_requests_but_polls": ("requests of run().result() beside polls", "", "2, one submission and one result"),
    "run_cpu_ms": ("CPU time of run().result()", "ms", ""),
    "listing_requests": (f"requests of a listing of {LISTED} jobs", "", "1"),
    "listing_cpu_ms": (f"CPU time of a listing of {LISTED} jobs", "ms", "30 ms"),
    "connections": ("connections for all of that", "", ""),
}
"""By name: what is reported, its unit, and the aim."""


@pytest.mark.benchmark(group="round trips, beside the official clients")
def test_round_trips_beside_the_official_clients(benchmark, report, tmp_path):
    clients = [client for client, python in PYTHONS.items() if python.exists()]

    def measure_all():
        with LocalService() as service:
            with IBMProvider(service.token, service.url, store=None) as provider:
                simulator = provider.get_backend("local_simulator")
                for job in [simulator.run(QuantumCircuit(1, 1), shots=1) for _ in range(LISTED)]:
                    job.wait_for_final_state()
            return {client: steps_of(client, service, tmp_path) for client in clients}

    found = benchmark.pedantic(measure_all, rounds=1, iterations=1)
    figures = {}
    for client in clients:
        steps, connections = found[client]
        listings = steps["list"][1:]
        figures[client] = {
            "log_in_requests": sum(median(steps[step], "number") for step in ("log in", "get a backend")),
            "transpile_requests": median(steps["transpile"], "number"),
            "run_requests": [dict(step.requests) for step in steps["run and result"]],
            "run_requests_but_polls": statistics.median(
                step.number - step.requests[POLL] for step in steps["run and result"]
            ),
            "run_cpu_ms": median(steps["run and result"], "cpu") * 1e3,
            "listing_requests": median(listings, "number"),
            "listing_cpu_ms": median(listings, "cpu") * 1e3,
            "connections": connections,
        }
    peers = {peer: figures[peer] for peer in ("provider", "runtime") if peer in figures}
    for name, (what, unit, aim) in FIGURES.items():
        theirs = {peer: its[name] for peer, its in peers.items()}
        report(what, figures["ours"][name], unit, **theirs, aim=aim)
    for asked in figures["ours"]["run_requests"]:
        assert asked.keys() == {SUBMISSION, RESULT, POLL}
        assert (asked[SUBMISSION], asked[RESULT]) == (1, 1)
    assert (figures["ours"]["listing_requests"], figures["ours"]["connections"]) == (1, 1)
