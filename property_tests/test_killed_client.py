"""A client that is killed at any moment while it reads results that can be read once: none of them is lost.

After each kill, the result is in the store, or it is still unread on the service.
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

THOROUGH = settings().max_examples > 1000
MOMENTS = 200 if THOROUGH else 6
BOUNDARIES = None if THOROUGH else 6
"""How many of the boundaries a process is killed at; ``None`` for each."""
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
        """Return where the result is: ``stored``, ``unread`` on the service, or both; else fail."""
        [kept] = [job for job in store.jobs() if job.job_id() == job_id] or [None]
        stored = kept is not None and self.holds(kept, job_id)
        unread = self.holds(self.provider.retrieve_job(job_id), job_id)
        assert stored or unread, f"the result of job {job_id} is lost"
        return " and ".join(name for name, is_there in (("stored", stored), ("unread", unread)) if is_there)

    def holds(self, job, job_id):
        try:
            return job.result().get_counts() == self.jobs[job_id]
        except IBMJobApiError:
            return False


class Reader:
    """The program that reads and is killed."""

    def __init__(self, process, **told):
        self.process = process
        self.order(told, answers=False)

    def order(self, order, *, answers=True):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline()) if answers else None


@pytest.mark.timeout(900)
@pytest.mark.parametrize("channel", ["ibm_quantum", "ibm_quantum_platform"])
def test_result_is_in_the_store_or_still_unread_wherever_its_reader_is_killed(channel, tmp_path):
    chance, found = random.Random(SEED), Counter()
    with LocalService(results_at_url=LARGE) as service, JobStore(tmp_path / "jobs.sqlite") as store:
        url, instance = (service.url, None) if channel == "ibm_quantum" else (service.platform_url, service.instance)
        account = {"token": service.token, "url": url, "instance": instance, "channel": channel}
        provider = IBMProvider(**account)
        command = [sys.executable, str(READER)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            reader = Reader(process, store=str(tmp_path / "jobs.sqlite"), account=account)
            probes = Results(provider, 6)
            whole = [reader.order({"job_id": job_id}) for job_id in probes.jobs]
            assert [probes.check(store, job_id) for job_id in probes.jobs] == ["stored"] * 6
            last = max(probe["boundaries"] for probe in whole)
            boundaries = range(1, last + 1)
            chosen = boundaries if BOUNDARIES is None else sorted(chance.sample(boundaries, BOUNDARIES))
            orders = [{"after": boundary} for boundary in chosen]
            longest = 1.2 * max(probe["took"] for probe in whole)
            orders += [{"seconds": chance.uniform(0.0, longest)} for _ in range(MOMENTS)]
            results = Results(provider, len(orders))
            for job_id, order in zip(results.jobs, orders, strict=True):
                went = reader.order({"job_id": job_id, **order})
                assert not went["failed"]
                found[results.check(store, job_id)] += 1
                found["killed"] += went["killed"]
            process.stdin.close()
    print(f"{channel}: {len(chosen)} of {last} boundaries, {MOMENTS} moments: {dict(found)}")
    assert found["killed"] > len(orders) / 2
