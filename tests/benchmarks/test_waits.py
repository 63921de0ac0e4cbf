"""Waits for a job: how soon the end is noticed, and with how many requests and bytes, beside the official clients.

Each client is a process of its own, with a service of its own that it reaches through a proxy that counts. All wait at
the same time, for jobs of the same lengths. A delay is from the moment at which the service marked the job finished, to
the return of ``wait_for_final_state()``; the clock is that of this machine. Without TLS, and without logging in. The
proxy adds to each delay; how long a notice takes without it is in ``test_notice``.
"""

import json
import os
import random
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from attrs import frozen
from counting_proxy import CountingProxy
from waiting_client import SETTLED

from ibm_circuit_job import IBMProvider
from ibm_circuit_job.local import LocalService

HERE = Path(__file__).parent
PEERS = HERE.parents[1] / ".peers"
PYTHONS = {
    "ours_by_push": Path(sys.executable),
    "ours_by_polling": Path(sys.executable),
    "provider": PEERS / "provider/bin/python",
    "runtime": PEERS / "runtime/bin/python",
}
NAMES = {
    "ours_by_push": "ours by push",
    "ours_by_polling": "ours by polling",
    "provider": "qiskit-ibm-provider",
    "runtime": "qiskit-ibm-runtime",
}
SMALL, LARGE = (2, 1), (20, 50)
"""How many circuits, and how many gates in each."""
WAITS = {"1 s": (1, 20, SMALL), "10 s": (10, 6, SMALL), "10 s, 20 circuits": (10, 2, LARGE), "60 s": (60, 2, SMALL)}
"""By name: seconds, how many of them, and what the job is."""


@frozen
class Wait:
    """What one wait came to."""

    delay: float
    requests: int
    bytes: int


def lengths():
    """The jobs that each client waits for: lengths differ by up to a fifth, so that no client's rhythm fits them."""
    chance = random.Random(1)
    return [
        (name, seconds * chance.uniform(0.8, 1.2), *circuits)
        for name, (seconds, repetitions, circuits) in WAITS.items()
        for _ in range(repetitions)
    ]


def all_waits(client, home):
    """Let one client wait for all jobs; its waits by the name of their length."""
    jobs = lengths()
    with LocalService(workers=1) as service, CountingProxy(urlsplit(service.url).port) as proxy:
        lines = said_by(client, home, service, proxy, jobs)
        assert len(lines) == len(jobs)
        assert all(line["right"] for line in lines), f"{NAMES[client]} gave a wrong answer"
        waits = {name: [] for name in WAITS}
        with IBMProvider(url=service.url, token=service.token) as direct:
            for (name, *_), line in zip(jobs, lines, strict=True):
                metrics = json.loads(direct.runtime_client.job_metadata(line["id"]))
                finished = datetime.fromisoformat(metrics["timestamps"]["finished"]).timestamp()
                traffic = proxy.between(line["began"], line["returned"] + SETTLED / 2)
                waits[name].append(Wait(line["returned"] - finished, traffic.requests, traffic.total))
    return waits


def said_by(client, home, service, proxy, jobs):
    """What the client's program says of each wait, when it has to go through the proxy."""

    def through(url):
        return url.replace(f":{urlsplit(service.url).port}", f":{proxy.port}", 1)

    where = {
        "url": through(service.url),
        "platform_url": through(service.platform_url),
        "token": service.token,
        "instance": service.instance,
    }
    own = {name: value for name, value in os.environ.items() if not name.startswith(("QISKIT", "PYTEST", "PYTHON"))}
    led = {name: through(url) for name, url in service.environment.items()}
    wanted = json.dumps({"service": where, "jobs": [circuits for _, *circuits in jobs]})
    said = subprocess.run(
        [PYTHONS[client], HERE / "waiting_client.py", client, wanted],
        env=own | led | {"HOME": str(home)},  # No account that its user has saved is of any effect.
        stdout=subprocess.PIPE,
        check=True,
    )
    return [json.loads(line) for line in said.stdout.splitlines()]


def middle(waits, what):
    return statistics.median(getattr(wait, what) for wait in waits)


@pytest.mark.benchmark(group="waits, beside the official clients")
def test_waits_beside_the_official_clients(benchmark, report, tmp_path):
    """Takes about five minutes, the time of one client, for all wait at the same time."""
    clients = [client for client, python in PYTHONS.items() if python.exists()]

    def wait_all():
        with ThreadPoolExecutor(len(clients)) as threads:
            return dict(zip(clients, threads.map(lambda client: all_waits(client, tmp_path), clients), strict=True))

    found = benchmark.pedantic(wait_all, rounds=1, iterations=1)
    benchmark.extra_info["load"] = os.getloadavg()
    for name, (_, repetitions, _) in WAITS.items():
        for client in clients:
            waits = found[client][name]
            delays = [wait.delay * 1e3 for wait in waits]
            figures = (
                f"median {statistics.median(delays):7.1f} ms, worst {max(delays):7.1f} ms, "
                f"{middle(waits, 'requests'):5.1f} requests, {middle(waits, 'bytes'):8.0f} bytes"
            )
            beside = "; ".join(
                ratios(waits, found[peer][name], peer) for peer in ("provider", "runtime") if peer in found
            )
            is_ours = client.startswith("ours")
            report(f"wait of {name} ({repetitions}), {NAMES[client]}", figures, AIMS.get(client, ""), beside * is_ours)


AIMS = {
    "ours_by_push": "aim 5 ms, 0.1 x provider's bytes",
    "ours_by_polling": "aim from 10 s on: runtime's delay, 0.1 x its requests",
}


def ratios(waits, others, peer):
    shares = [f"{what} {middle(waits, what) / middle(others, what):.3f}" for what in ("delay", "requests", "bytes")]
    return f"x {peer}: {', '.join(shares)}"
