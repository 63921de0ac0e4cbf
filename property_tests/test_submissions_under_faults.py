"""Submissions from many threads to a service that spoils every fourth request: each makes one job."""

import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from chaos_jobs import SEED, plan
from hypothesis import settings
from known_circuits import flipped

from ibm_circuit_job import IBMProvider
from ibm_circuit_job.errors import IBMError
from ibm_circuit_job.local import LocalService

THOROUGH = settings().max_examples > 1000
SUBMISSIONS = 200 if THOROUGH else 40
THREADS = 8


@pytest.mark.timeout(0 if THOROUGH else 100)
@pytest.mark.parametrize("channel", ["ibm_quantum", "ibm_quantum_platform"])
def test_submissions_under_faults_make_one_job_each(channel, monkeypatch, caplog):
    caplog.set_level(logging.ERROR)
    with LocalService(seed=SEED, faults=plan()) as service:
        for name, value in service.environment.items():
            monkeypatch.setenv(name, value)
        url = service.url if channel == "ibm_quantum" else service.platform_url
        instance = None if channel == "ibm_quantum" else service.instance
        with IBMProvider(service.token, url, instance=instance, channel=channel) as provider:
            backend = provider.get_backend("local_simulator")
            trouble = Counter()

            def run(number):
                try:
                    # Of each circuit there are several jobs: they are told apart by who has them alone.
                    return backend.run(flipped(3, number % 4), shots=1).job_id()
                except IBMError as error:
                    trouble[str(error)[:80]] += 1
                    return None

            with ThreadPoolExecutor(THREADS) as pool:
                ids = list(pool.map(run, range(SUBMISSIONS)))
            made = set()
            for _ in range(20):
                try:
                    made = {job.job_id() for job in provider.jobs(limit=None)}
                    break
                except IBMError:
                    continue
    doubled = len(made) - len(set(ids))
    print(f"\n{channel}: {SUBMISSIONS} submissions, {len(set(ids))} jobs, {doubled} too many, raised: {dict(trouble)}")
    assert trouble == {}
    assert len(set(ids)) == SUBMISSIONS
    assert made == set(ids)
