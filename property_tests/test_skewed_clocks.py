"""Processes whose clocks differ by up to an hour share a store: what was seen last is what it has.

This file is also the program that they run: a clean process, which forks them. A counter says which observation of a
job is the last. The processes share it, and take a lock for each observation and its save.
"""

import ctypes
import json
import multiprocessing
import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

from hypothesis import settings

from ibm_circuit_job import Job, JobStore, effects, refresh
from ibm_circuit_job.job import stored
from ibm_circuit_job.state.facts import JobDetails, JobInputs, JobMetrics, ResultPayload
from ibm_circuit_job.store.writing import Writing
from ibm_circuit_job.wire.replies import status_report

pytest_plugins = ["postgresql"]

# The program is told, for it knows no profile.
THOROUGH = "thorough" in sys.argv if __name__ == "__main__" else settings().max_examples > 1000
JOBS, ROUNDS = (1_000, 3) if THOROUGH else (12, 2)
PROCESSES = 8 if THOROUGH else 4
# A clock of one process is never that of another, however long a save takes.
AHEAD = [timedelta(minutes=60 * number / (PROCESSES - 1) - 30) for number in range(PROCESSES)]
LOCKS = 64


def test_last_observation_wins_whatever_the_clocks_say(store_url):
    program = [sys.executable, __file__, *(["thorough"] if THOROUGH else [])]
    began = time.monotonic()
    # By its input: the URL may hold a password.
    done = subprocess.run(program, input=json.dumps(store_url), stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.monotonic() - began
    last = json.loads(done.stdout)
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


def observation(number, job_id):
    """What a process sees at the time that its clock has, of which each part says which observation it is."""
    now = effects.now()
    bodies = Job(job_id, inputs=JobInputs(now, body(number)), payload=ResultPayload(now, body(number)))
    if has_bodies_alone(job_id):
        return bodies
    return refresh(
        bodies,
        status_report(("Queued", "Running")[number % 2], now, reason=f"{number}"),
        JobDetails(now, name=f"{number}", tags=[f"{number}"], unknown=[("n", f"{number}")]),
        JobMetrics(now, position_in_queue=number),
    )


def has_bodies_alone(job_id):
    """Of some jobs nothing else is seen, so that nothing else has a stamp."""
    return job_id.endswith(("0", "5"))


def body(number):
    return f"{number}".encode()


def what_is_said(job):
    """The number of the observation that each part of a record is from."""
    bodies = [int(job.inputs.raw), int(job.payload.raw)]
    if has_bodies_alone(job.job_id):
        return bodies
    assert job.status.server_status == ("Queued", "Running")[int(job.status.reason) % 2]
    said = (job.status.reason, job.name, job.tags[0], job.details.unknown[0][1], job.metrics.position_in_queue)
    return [*map(int, said), *bodies]


# The program


def main(url):
    fork = multiprocessing.get_context("fork")
    locks = [fork.Lock() for _ in range(LOCKS)]
    counters = fork.RawArray(ctypes.c_long, JOBS)
    barrier = fork.Barrier(PROCESSES)
    running = [fork.Process(target=watch, args=(url, number, locks, counters, barrier)) for number in range(PROCESSES)]
    for process in running:
        process.start()
    for process in running:
        process.join()
    if any(process.exitcode for process in running):
        sys.exit("a process failed")
    print(json.dumps({f"job {index}": count for index, count in enumerate(counters)}))


def watch(url, number, locks, counters, barrier):
    """See each job some times, in an order of its own, by a clock of its own."""
    effects.now = lambda: datetime.now(UTC) + AHEAD[number]
    chance = random.Random(number)
    with JobStore(url) as store:
        barrier.wait(60)
        for _ in range(ROUNDS):
            for index in chance.sample(range(JOBS), JOBS):
                with locks[index % LOCKS]:
                    counters[index] += 1
                    seen = observation(counters[index], f"job {index}")
                    effects.value(stored.keep(store, seen, how=Writing.SYNCED, seen_at=effects.now()))


if __name__ == "__main__":
    main(json.load(sys.stdin))
