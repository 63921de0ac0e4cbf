"""Processes whose clocks differ by up to an hour, and which watch the same jobs with one store.

A counter says which observation of a job is the last. The processes share it, and take a lock for each observation and
its save.
"""

import ctypes
import multiprocessing
import os
import random
from datetime import UTC, datetime, timedelta

# What each process would load by itself when it connects.
import psycopg  # noqa: F401

from ibm_circuit_job import Job, JobStore, effects, refresh
from ibm_circuit_job.job import stored
from ibm_circuit_job.state.facts import JobDetails, JobInputs, JobMetrics, ResultPayload
from ibm_circuit_job.store.writing import Writing
from ibm_circuit_job.wire.replies import status_report

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
JOBS, ROUNDS = (1_000, 3) if THOROUGH else (7, 2)
PROCESSES = 8 if THOROUGH else 3
# A clock of one process is never that of another, however long a save takes.
AHEAD = [timedelta(minutes=60 * number / (PROCESSES - 1) - 30) for number in range(PROCESSES)]
LOCKS = 64


def watched(url):
    """Have processes watch the jobs; return how often each job was seen."""
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
        raise SystemExit("a process failed")
    return {f"job {index}": count for index, count in enumerate(counters)}


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
                    effects.value(stored.save(store, seen, how=Writing.SYNCED, seen_at=effects.now()))


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
