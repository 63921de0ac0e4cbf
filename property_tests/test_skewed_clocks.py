"""Processes whose clocks differ by up to an hour share a store: what was seen last is what it has.

They are those of ``tests/shared/skewed_processes.py``.
"""

import time
from datetime import timedelta

from skewed_processes import JOBS, PROCESSES, body, has_bodies_alone

from ibm_circuit_job import JobStore

pytest_plugins = ["clean_process", "postgresql"]


def test_last_observation_wins_whatever_the_clocks_say(store_url, clean_process):
    began = time.monotonic()
    last = clean_process.call("skewed_processes", "watched", store_url)
    seconds = time.monotonic() - began
    assert len(last) == JOBS
    with JobStore(store_url) as store:
        for job_id, number in last.items():
            assert {*what_is_said(store.load(job_id))} == {number}
            assert store.payload(job_id).raw == body(number)
            # By wall time, which is that of different machines here, and by no order of theirs.
            seen = [fact.observed_at for fact in store.history(job_id)]
            assert min(seen) < max(seen) - timedelta(minutes=5)
        kind = store._database.url.get_backend_name()
    print(f"{kind}: {PROCESSES} processes saw {len(last)} jobs {sum(last.values())} times in {seconds:.1f} s")


def what_is_said(job):
    """The number of the observation that each part of a record is from."""
    bodies = [int(job.inputs.raw), int(job.payload.raw)]
    if has_bodies_alone(job.job_id):
        return bodies
    assert job.status.server_status == ("Queued", "Running")[int(job.status.reason) % 2]
    said = (job.status.reason, job.name, job.tags[0], job.details.unknown[0][1], job.metrics.position_in_queue)
    return [*map(int, said), *bodies]
