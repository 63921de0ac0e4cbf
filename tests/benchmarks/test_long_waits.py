"""Waits of an hour, a day and ten days, by a simulated clock: how often is asked, and how late the end is noticed.

A job is queued for as long as the wait is named, and then runs for 4 to 14 seconds; a request takes 50 ms. Ours is the
policy itself. The official clients are computed from their defaults: ``qiskit-ibm-provider`` asks every 3 seconds, for
its job opens no stream unless it is told to call back, and ``qiskit-ibm-runtime`` every half a second. The service
gives no estimates.
"""

import math
import random
import statistics

import pytest

from ibm_circuit_job import WaitPolicy
from ibm_circuit_job.state import waiting
from ibm_circuit_job.state.waiting import Finished, Listen, Poll, Wait

WAITS = {"10 s": 10.0, "60 s": 60.0, "1 h": 3600.0, "1 day": 86_400.0, "10 days": 864_000.0}
JOBS = {"10 s": 60, "60 s": 60, "1 h": 60, "1 day": 20, "10 days": 3}
INTERVALS = {"qiskit-ibm-provider": 3.0, "qiskit-ibm-runtime": 0.5}
LATENCY = 0.05
POLICY = WaitPolicy()


def by_policy(queued, runs, seed, *, pushes):
    """How many requests our policy takes for one wait, and how late the end is noticed."""
    now, streams, ends = 0.0, 0, queued + runs
    wait = Wait(started=now, offers_stream=pushes, seed=seed)
    while True:
        match waiting.next_step(POLICY, wait, now):
            case Poll(after):
                asked, now = now + after + LATENCY / 2, now + after + LATENCY
                wait = waiting.after_poll(wait, now, ended=asked >= ends, running=queued <= asked < ends)
            case Listen() if now + LATENCY / 2 < queued:
                # No stream is given for a job that does not run yet.
                now, streams = now + LATENCY, streams + 1
                wait = waiting.after_stream_failed(wait, now)
            case Listen(seconds) if now + seconds < ends:
                now, streams = now + seconds, streams + 1
                wait = waiting.after_stream_quiet(wait, now)
            case Listen():
                now, streams = max(now, ends) + LATENCY / 2, streams + 1
                wait = waiting.after_stream_closed(wait, now)
            case Finished():
                return wait.polls + streams, now - ends
            case step:
                pytest.fail(f"a wait without trouble ended in {step}")


def by_interval(length, seconds):
    each = seconds + LATENCY
    polls = math.ceil((length - LATENCY / 2) / each)
    return polls + 1, polls * each + LATENCY - length


@pytest.mark.benchmark(group="long waits, simulated")
def test_long_waits_by_a_simulated_clock(benchmark, report):
    chance = random.Random(1)
    lengths = {
        name: [(about * chance.uniform(0.8, 1.2), chance.uniform(4.0, 14.0)) for _ in range(JOBS[name])]
        for name, about in WAITS.items()
    }

    def all_waits():
        return {
            "ours by push": simulated(lengths, lambda *job: by_policy(*job, chance.random(), pushes=True)),
            "ours by polling": simulated(lengths, lambda *job: by_policy(*job, chance.random(), pushes=False)),
            **{
                peer: simulated(lengths, lambda *job, seconds=seconds: by_interval(sum(job), seconds))
                for peer, seconds in INTERVALS.items()
            },
        }

    found = benchmark.pedantic(all_waits, rounds=1, iterations=1)
    for name in WAITS:
        assert min(delay for waits in found.values() for _, delay in waits[name]) >= 0.0
        middles = {client: [*map(statistics.median, zip(*waits[name], strict=True))] for client, waits in found.items()}
        peers = {client: middles[f"qiskit-ibm-{client}"] for client in ("provider", "runtime")}
        for place, (figure, unit) in enumerate((("requests", ""), ("seconds late, median", "s"))):
            for how in ("push", "polling"):
                report(
                    f"{figure}, wait of {name} by {how}",
                    middles[f"ours by {how}"][place],
                    unit,
                    **{client: middle[place] for client, middle in peers.items()},
                    headline=how == "polling" and name in {"1 h", "1 day"},
                )


def simulated(lengths, one):
    return {name: [one(*job) for job in each] for name, each in lengths.items()}
