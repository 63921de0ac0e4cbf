"""Waits for a job: how soon the end is noticed, and with how many requests and bytes, beside the official clients.

Each client is a process of its own, with a service of its own that it reaches through a proxy that counts. All wait at
the same time, for jobs of the same lengths. A delay is from the moment at which the service marked the job finished, to
the return of ``wait_for_final_state()``; the clock is that of this machine. Without TLS, and without logging in. The
proxy adds to each delay; how long a notice takes without it is in ``test_notice``.
"""

import json
import random
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from attrs import frozen
from counting_proxy import CountingProxy
from harness import HERE, printed_by
from harness import PYTHONS as PEERS
from waiting_client import SETTLED

from ibm_circuit_job import IBMProvider
from ibm_circuit_job.local import LocalService

PYTHONS = {"ours_by_push": Path(sys.executable), "ours_by_polling": Path(sys.executable), **PEERS}
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
        assert all(line["right"] for line in lines), f"{client} gave a wrong answer"
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
    led = {name: through(url) for name, url in service.environment.items()}
    wanted = json.dumps({"service": where, "jobs": [circuits for _, *circuits in jobs]})
    script = HERE / "waiting_client.py"
    said = printed_by(PYTHONS[client], script, client, wanted, home=home, environment=led)
    return [json.loads(line) for line in said.splitlines()]


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
    for name, (_, repetitions, _) in WAITS.items():
        for what, unit, scale in (("delay", "ms", 1e3), ("requests", "", 1), ("bytes", "kB", 1e-3)):
            theirs = {peer: middle(found[peer][name], what) * scale for peer in PEERS if peer in found}
            for how in ("push", "polling"):
                waits = found[f"ours_by_{how}"][name]
                worst = max(getattr(wait, what) for wait in waits) * scale
                report(
                    f"{what}, wait of {name} by {how}",
                    middle(waits, what) * scale,
                    unit,
                    **theirs,
                    note=f"{worst:.0f} ms at worst of {repetitions}" if what == "delay" else "",
                    aim=AIMS.get((how, what), ""),
                    headline=(what, name) in HEADLINES,
                )


AIMS = {
    ("push", "delay"): "5 ms",
    ("push", "bytes"): "0.1 x provider's",
    ("polling", "delay"): "from 10 s on: runtime's",
    ("polling", "requests"): "from 10 s on: 0.1 x runtime's",
}
HEADLINES = {("delay", "10 s"), ("requests", "60 s"), ("bytes", "60 s")}
