"""Run the jobs of the chaos test as users of one client write it, in that client's environment.

The client's name is the argument; where the service is, is JSON on standard input. Prints one line of JSON: what came
of each job, and which exceptions were raised. Stops by itself, whatever hangs.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from chaos_jobs import REP_DELAY, THREADS, Errand, errands

TRIES = 20
"""How often a submission is tried."""
READS = 5
"""How often a result is read."""
JOB_SECONDS = 60.0
"""After so long a wait is given up: the job ended long before."""
SECONDS = 75.0
"""After so long all is given up."""

Run = Callable[[Errand], Any]
Count = Callable[[Any], Mapping[str, int]]


def of_provider(where: Mapping[str, Any]) -> tuple[Run, Count]:
    """Return how to run a job with ``qiskit-ibm-provider``, and how to count what a result holds."""
    from qiskit_ibm_provider import IBMProvider  # noqa: PLC0415 - it is there in its own environment

    return of_backends(IBMProvider(token=where["token"], url=where["url"]))


def of_ours(where: Mapping[str, Any]) -> tuple[Run, Count]:
    """Return the same with our own client, in the legacy dialect."""
    from ibm_circuit_job import IBMProvider  # noqa: PLC0415 - the official clients' environments need it not

    return of_backends(IBMProvider(where["token"], where["url"]))


def of_ours_today(where: Mapping[str, Any]) -> tuple[Run, Count]:
    """Return the same with our own client, in the platform dialect."""
    from ibm_circuit_job import IBMProvider  # noqa: PLC0415 - the official clients' environments need it not

    account = {"url": where["platform_url"], "instance": where["instance"], "channel": "ibm_quantum_platform"}
    return of_backends(IBMProvider(where["token"], **account))


def of_backends(provider: Any) -> tuple[Run, Count]:
    """Return how to run a job with ``backend.run()``."""
    backends = {name: provider.get_backend(name) for name in ("local_simulator", "local_5q", "local_27q")}

    def run(errand: Errand) -> Any:
        given = {"rep_delay": REP_DELAY} if errand.takes_time else {}
        return backends[errand.backend].run(errand.circuit(), shots=errand.shots, **given)

    return run, lambda result: result.get_counts()


def of_runtime(where: Mapping[str, Any]) -> tuple[Run, Count]:
    """Return how to run a job with the sampler of ``qiskit-ibm-runtime``."""
    from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2  # noqa: PLC0415 - as above

    service = QiskitRuntimeService(
        channel="ibm_quantum_platform",
        token=where["token"],
        instance=where["instance"],
        url=where["platform_url"],
        url_resolver=lambda url, *_: url,
    )
    backends = {name: service.backend(name) for name in ("local_simulator", "local_5q", "local_27q")}

    def run(errand: Errand) -> Any:
        options = {"execution": {"rep_delay": REP_DELAY}} if errand.takes_time else {}
        sampler = SamplerV2(mode=backends[errand.backend], options=options)
        return sampler.run([errand.circuit()], shots=errand.shots)

    return run, lambda result: result[0].data.c.get_counts()


CLIENTS = {"provider": of_provider, "runtime": of_runtime, "ours": of_ours, "ours_today": of_ours_today}


class Customer:
    """A program that runs many jobs, and writes down what came of each."""

    def __init__(self, run: Run, counts: Count) -> None:
        self.run, self.counts = run, counts
        self.outcomes: Counter[str] = Counter()
        self.raised: Counter[str] = Counter()
        self.again: Counter[str] = Counter()
        self.waiting: queue.SimpleQueue[Errand] = queue.SimpleQueue()

    def work(self) -> None:
        """Run what waits, until there is no more."""
        while True:
            try:
                errand = self.waiting.get_nowait()
            except queue.Empty:
                return
            self.outcomes[self.outcome(errand)] += 1

    def outcome(self, errand: Errand) -> str:
        """Run a job, and say what came of it."""
        job = self.tried("submission", TRIES, lambda: self.run(errand))
        if job is None:
            return "not submitted"
        try:
            job.wait_for_final_state(timeout=JOB_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
            name = type(error).__name__
            if "Timeout" in name:
                return "hung"
            self.raised[f"wait: {name}"] += 1
            return "wait raised"
        counts = self.tried("result", READS, lambda: self.counts(job.result(timeout=JOB_SECONDS)))
        if counts is None:
            return "result raised"
        return "right" if errand.is_right(counts) and self.has_ended(job) else "wrong"

    def has_ended(self, job: Any) -> bool:
        """Return whether a job that has ended says so; no answer is no wrong one."""
        try:
            return bool(job.in_final_state())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
            self.raised[f"status: {type(error).__name__}"] += 1
            return True

    def tried(self, what: str, times: int, call: Callable[[], Any]) -> Any:
        """Return what a call returns; ``None`` where it raises each time."""
        for _ in range(times):
            try:
                return call()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
                self.raised[f"{what}: {type(error).__name__}"] += 1
                self.again[what] += 1
        return None


def main() -> None:
    """Run it all, and say what came of it."""
    run, counts = CLIENTS[sys.argv[1]](json.load(sys.stdin))
    customer, work = Customer(run, counts), errands(int(sys.argv[2]))
    for errand in work:
        customer.waiting.put(errand)
    began = time.monotonic()
    threads = [threading.Thread(target=customer.work, daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, began + SECONDS - time.monotonic()))
    seconds = time.monotonic() - began
    outcomes = dict(customer.outcomes)
    outcomes["not finished"] = len(work) - sum(outcomes.values())
    said = {"outcomes": outcomes, "raised": customer.raised, "again": customer.again, "seconds": seconds}
    print(json.dumps(said), flush=True)
    # Threads that hang may be anything but daemons.
    os._exit(0)


if __name__ == "__main__":
    main()
