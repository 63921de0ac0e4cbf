"""Many jobs through a service at which every fourth request goes wrong: each ends right, and nothing stays behind."""

import asyncio
import logging
import os
import stat
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from chaos_jobs import REP_DELAY, SEED, THREADS, errands, plan
from hypothesis import settings
from qiskit.providers.jobstatus import JOB_FINAL_STATES, JobStatus

from ibm_circuit_job import IBMProvider, as_completed, wait_all
from ibm_circuit_job.clients import stream
from ibm_circuit_job.errors import IBMError, IBMJobTimeoutError
from ibm_circuit_job.local import LocalService

THOROUGH = settings().max_examples > 1000
JOBS = 1000 if THOROUGH else 30
TRIES = 20
LIMIT = 120.0
"""Seconds in which a job must be seen to end."""
"""Seconds in which everything must be gone afterwards: a stream that is silent is found after 20."""


class Customers:
    """Programs as users write them. Submissions and results they try again; a wait must need no second try."""

    def __init__(self, providers):
        self.providers = providers
        self.numbers = {}
        self.right = set()
        self.seen = defaultdict(list)
        self.again = Counter()

    def serve_themselves(self, work):
        """One way to wait in each thread, until all errands are run."""
        ways = [self.one_by_one] * (THREADS - 6) + [self.as_they_end, self.all_of_them, self.with_asyncio] * 2
        with ThreadPoolExecutor(THREADS) as pool:
            done = [
                pool.submit(way, self.providers[thread % 2], work[thread::THREADS]) for thread, way in enumerate(ways)
            ]
            for each in done:
                each.result()

    def one_by_one(self, provider, work):
        for errand in work:
            job = self.submitted(provider, errand)
            callback = self.told if errand.number % 3 else None
            job.wait_for_final_state(timeout=LIMIT, callback=callback)
            self.read(job, errand)

    def as_they_end(self, provider, work):
        for batch in batches(work, 20):
            wanted = {self.submitted(provider, errand): errand for errand in batch}
            for job in as_completed(wanted, LIMIT, callback=lambda job_id, status, *_, **__: self.told(job_id, status)):
                self.read(job, wanted[job])

    def all_of_them(self, provider, work):
        for batch in batches(work, 20):
            wanted = {self.submitted(provider, errand): errand for errand in batch}
            wait_all(wanted, LIMIT)
            for job, errand in wanted.items():
                self.read(job, errand)

    def with_asyncio(self, provider, work):
        async def run(errand):
            job = await asyncio.to_thread(self.submitted, provider, errand)
            await job.wait_for_final_state_async(timeout=LIMIT)
            await asyncio.to_thread(self.read, job, errand)

        async def run_all(batch):
            await asyncio.gather(*map(run, batch))

        for batch in batches(work, 8):
            asyncio.run(run_all(batch))

    # What all of them do

    def submitted(self, provider, errand):
        backend = provider.get_backend(errand.backend)
        given = {"rep_delay": REP_DELAY} if errand.takes_time else {}
        job = self.tried("submission", lambda: backend.run(errand.circuit(), shots=errand.shots, **given))
        self.numbers[job.job_id()] = errand.number
        return job

    def told(self, job_id, status, job=None, queue_info=None):
        self.seen[job_id].append(status)

    def read(self, job, errand):
        """The job has ended, as its handle knows and keeps knowing, whatever the service says of it."""
        self.told(job.job_id(), job.state.status.status)
        counts = self.tried("result", lambda: job.result(timeout=LIMIT).get_counts())
        if errand.is_right(counts):
            self.right.add(errand.number)
        self.tried("refresh", job.refresh)
        self.told(job.job_id(), job.status())

    def tried(self, what, call):
        for _ in range(TRIES):
            try:
                return call()
            except IBMJobTimeoutError:
                raise
            except IBMError:
                self.again[what] += 1
        return call()


def batches(work, size):
    return [work[first : first + size] for first in range(0, len(work), size)]


def sockets():
    """How many sockets this process has open."""
    found = 0
    for each in Path("/dev/fd").iterdir():
        try:
            found += stat.S_ISSOCK(os.fstat(int(each.name)).st_mode)
        except OSError:
            continue
    return found


def wait_until(holds):
    """Return when something holds; where it never does, the timeout of the test shows what the threads do."""
    while not holds():
        time.sleep(0.01)


def environment_of(service, monkeypatch):
    """Log in to the platform dialect."""
    for name, value in service.environment.items():
        monkeypatch.setenv(name, value)
    return IBMProvider(service.token, service.platform_url, instance=service.instance, channel="ibm_quantum_platform")


@pytest.mark.timeout(0 if THOROUGH else 60)
def test_every_job_ends_right_when_a_quarter_of_requests_fail(monkeypatch, caplog):
    # Each trouble is logged once; here that is too much to keep.
    caplog.set_level(logging.ERROR)
    if not THOROUGH:
        # So that a silent stream costs the short form 2 seconds, and not 20.
        monkeypatch.setattr(stream, "PING_SECONDS", 1.0)
    began, threads, open_before = time.monotonic(), set(threading.enumerate()), sockets()
    with LocalService(seed=SEED, faults=plan()) as service:
        with ExitStack() as stack:
            legacy = stack.enter_context(IBMProvider(service.token, service.url))
            platform = stack.enter_context(environment_of(service, monkeypatch))
            customers = Customers([legacy, platform])
            customers.serve_themselves(errands(JOBS))
            seconds = time.monotonic() - began
            listed = {job.job_id(): job for job in customers.tried("list", lambda: platform.jobs(limit=None))}
            listed |= {job.job_id(): job for job in customers.tried("list", lambda: legacy.jobs(limit=None))}
            wait_until(lambda: set(threading.enumerate()) <= threads)
        wait_until(lambda: sockets() <= open_before)
        # The service still answers.
        told = requests.get(f"{service.environment['IAM_URL']}/faults", timeout=10).json()

    again = dict(customers.again)
    print(f"\n{JOBS} jobs, {len(customers.right)} right, in {seconds:.0f} s, by {told['served']}")
    print(f"faults: {told['faults']}")
    print(f"tried again by the program: {again}; jobs whose acknowledgement was lost: {len(listed) - JOBS}")

    assert customers.right == set(range(JOBS))
    # No answer that was lost has cost a second job.
    assert listed.keys() == customers.numbers.keys()
    for statuses in customers.seen.values():
        ended = [status in JOB_FINAL_STATES for status in statuses]
        assert ended == sorted(ended), statuses
        assert statuses[-1] is JobStatus.DONE
