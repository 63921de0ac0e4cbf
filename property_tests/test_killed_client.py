"""A client that is killed at any moment while it reads results that can be read once.

Before the request, the result is unread on the service. After the sync, it is in the store. It can be lost between
the two, and nowhere else: the service has sent its last byte, and the store has not synced it.
"""

import json
import random
import subprocess
import sys
from collections import Counter
from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import settings
from known_circuits import flipped

from ibm_circuit_job import IBMJobApiError, IBMProvider, JobStore, wait_all
from ibm_circuit_job.local import LocalService
from ibm_circuit_job.state import reading
from ibm_circuit_job.wire.replies import read_result_location

THOROUGH = settings().max_examples > 1000
MOMENTS = 200 if THOROUGH else 1
BOUNDARIES = None if THOROUGH else 3
"""How many of the boundaries a process is killed at; ``None`` for each."""
PROBES = 6 if THOROUGH else 2
"""How many results are read to the end first; every third one is large."""
SEED = 20261123
READER = Path(__file__).parents[1] / "tests/shared/killed_reader.py"
WIDTH = 6
LARGE = 100_000
"""From how many bytes on results lie at a URL, as those of the larger jobs do."""


class Results:
    """Private jobs that have ended, whose results nobody has read; each has another outcome than the one before."""

    def __init__(self, provider, number):
        backend = provider.get_backend("local_simulator")
        self.provider = provider
        self.jobs = {}
        outcomes = cycle(range(2**WIDTH))
        # Every third one is large.
        for index, outcome in zip(range(number), outcomes, strict=False):
            shots = 20_000 if index % 3 == 0 else 10
            job = backend.run(flipped(WIDTH, outcome), shots=shots, memory=True, private=True)
            self.jobs[job.job_id()] = {f"{outcome:0{WIDTH}b}": shots}
        wait_all([provider.retrieve_job(job_id) for job_id in self.jobs], timeout=300)
        self.unread = list(self.jobs)

    def check(self, store, job_id):
        """Return where the result is: ``stored``, at a URL that is stored, ``unread`` on the service, or ``lost``."""
        payload = store.payload(job_id)
        is_url = payload is not None and read_result_location(payload.raw) is not None
        [kept] = [job for job in store.jobs() if job.job_id() == job_id] or [None]
        stored = kept is not None and self.holds(kept, job_id)
        unread = self.holds(self.provider.retrieve_job(job_id), job_id)
        assert not (stored and unread), f"the result of job {job_id} was sent twice"
        if stored:
            return "at its URL" if is_url else "stored"
        return "unread" if unread else "lost"

    def holds(self, job, job_id):
        try:
            return job.result().get_counts() == self.jobs[job_id]
        except IBMJobApiError:
            return False


@pytest.fixture(scope="module")
def read():
    """Have the program that reads and is killed carry out an order; return how that went."""
    command = [sys.executable, str(READER)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def carry_out(**order):
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield carry_out
        process.stdin.close()


@pytest.fixture(scope="module")
def service():
    with LocalService(results_at_url=LARGE) as service:
        yield service


MAY_BE = {
    "started": {"unread", "at its URL"},
    "asked": {"unread", "at its URL", "lost"},
    "answered": {"lost", "stored"},
    "synced": {"stored"},
}
"""Where a result may be, by how far its reader came. Once the commit has begun, it may have reached the disk."""
EXACTLY = {"asked": "unread", "answered": "lost", "synced": "stored"}
"""Where it is if the reader is killed there: the request is not sent yet, the last byte has come, it is synced."""


@pytest.mark.parametrize("channel", ["ibm_quantum", "ibm_quantum_platform"])
def test_result_is_lost_only_from_its_last_byte_to_the_sync(channel, service, read, tmp_path, monkeypatch):
    # What was read elsewhere is answered as what is not there yet; here it is not waited for.
    monkeypatch.setattr(reading, "COMES_WITHIN", 1.0)
    chance, found, killed, path = random.Random(SEED), Counter(), 0, str(tmp_path / "jobs.sqlite")
    url, instance = (service.url, None) if channel == "ibm_quantum" else (service.platform_url, service.instance)
    account = {"token": service.token, "url": url, "instance": instance, "channel": channel}
    with JobStore(path) as store, IBMProvider(**account) as provider:
        probes = Results(provider, PROBES)
        whole = [read(store=path, account=account, job_id=job_id) for job_id in probes.jobs]
        assert [probes.check(store, job_id) for job_id in probes.jobs] == ["stored"] * PROBES
        last = max(probe["boundaries"] for probe in whole)
        boundaries = range(1, last + 1)
        chosen = boundaries if BOUNDARIES is None else sorted(chance.sample(boundaries, BOUNDARIES))
        orders = [{"at": place} for place in EXACTLY]
        orders += [{"after": boundary} for boundary in chosen]
        longest = 1.2 * max(probe["took"] for probe in whole)
        orders += [{"seconds": chance.uniform(0.0, longest)} for _ in range(MOMENTS)]
        results = Results(provider, len(orders))
        for job_id, order in zip(results.jobs, orders, strict=True):
            went = read(store=path, account=account, job_id=job_id, **order)
            assert not went["failed"]
            place = results.check(store, job_id)
            assert place in MAY_BE[went["came_to"]], (order, went, place)
            assert "at" not in order or place == EXACTLY[order["at"]], (order, place)
            found[f"{went['came_to']}, {place}"] += 1
            killed += went["killed"]
    between = max(probe["open"] for probe in whole)
    print(f"{channel}: {len(chosen)} of {last} boundaries, {between} of them from the request to the sync")
    print(f"and {MOMENTS} moments: {dict(found)}")
    assert killed > len(orders) / 2
