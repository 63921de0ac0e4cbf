"""Processes that merge what they know of the same jobs into one store, or create it, all at once."""

import multiprocessing
import os
import random
from datetime import UTC, datetime, timedelta

# What each process would load by itself when it connects.
import psycopg  # noqa: F401

from ibm_circuit_job import Job, JobStore, refresh
from ibm_circuit_job.state.facts import JobDetails, JobInputs, JobMetrics, JobName, JobTags, ResultPayload
from ibm_circuit_job.store import schema
from ibm_circuit_job.wire.replies import status_report

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
HISTORIES, JOBS, ROUNDS = (10_000, 1_000, 40) if THOROUGH else (45, 8, 2)
PROCESSES = 8 if THOROUGH else 3
SEED = 20261124
MOMENTS = [datetime(2024, 2, 3, 12, tzinfo=UTC) + timedelta(seconds=second) for second in range(20)]


def merged(url):
    """Have processes merge all that comes to them; return in how many transactions each did."""
    return at_once(merge, url, PROCESSES)


def created(url, processes):
    """Have processes create the store again and again; return how many jobs each saw in it each time."""
    returned = []
    for number in range(ROUNDS):
        if number:
            at_once(forget, url, 1)
        returned += at_once(create, url, processes)
    return returned


def at_once(work, url, processes):
    """Do some work in so many processes, which are forks of this one, and begin when all of them are there."""
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(processes)

    def begin(number, end):
        barrier.wait(60)
        end.send(work(url, number, barrier))

    pipes = [fork.Pipe(duplex=False) for _ in range(processes)]
    running = [fork.Process(target=begin, args=(number, end)) for number, (_, end) in enumerate(pipes)]
    for process in running:
        process.start()
    for _, end in pipes:
        end.close()
    # Of one that died there is nothing to be read, and that ends the program, with what it said.
    returned = [start.recv() for start, _ in pipes]
    for process in running:
        process.join()
    return returned


def create(url, number, barrier):
    """Create the store, and see what everybody has put into it."""
    with JobStore(url) as store:
        store.save(Job(f"job {number}"))
        barrier.wait(60)
        return len(store.records())


def forget(url, *_):
    """Make the database empty again."""
    with JobStore(url) as store, store._database._engine.begin() as connection:
        schema.tables.drop_all(connection)
        schema.version.drop(connection)


def merge(url, number, _):
    """Save all that comes to a process; return in how many transactions."""
    with JobStore(url) as store:
        return sum(store.save_all(records) is None for records in what_comes(number))


def what_comes(number):
    """What comes to a process, the same whenever it is asked: lists of records, each to be saved at once.

    A history comes as one record, or fact by fact, or with others. Every tenth comes to the next process, too.
    """
    chance, together = random.Random(f"{SEED} {number}"), []
    for index in range(HISTORIES):
        if index % PROCESSES == number or (index % PROCESSES == (number - 1) % PROCESSES and index % 10 == 0):
            job_id, history = history_of(index)
            match chance.randrange(4):
                case 0:
                    yield from ([refresh(Job(job_id), fact)] for fact in history)
                case 1:
                    together.append(refresh(Job(job_id), *history))
                case _:
                    yield [refresh(Job(job_id), *history)]
            if len(together) == 5:
                yield together
                together = []
    yield together


def history_of(index):
    """A history, and the job that it is of."""
    chance = random.Random(f"{SEED} history {index}")
    facts = [chance.choice(KINDS)(chance, chance.choice(MOMENTS)) for _ in range(chance.randrange(1, 7))]
    return f"job-{index % JOBS}", facts


def some_body(chance):
    # Some bodies are those of many jobs, others of one alone.
    return chance.choice([b"", b"{}", b"circuit " * 1000, chance.randbytes(chance.randrange(1, 5000))])


KINDS = (
    lambda chance, moment: status_report(chance.choice(["Queued", "Running", "Completed", "Failed"]), moment),
    lambda chance, moment: JobDetails(moment, backend=chance.choice(["a", "b"]), tags=chance.sample("xyz", 2)),
    lambda chance, moment: JobMetrics(moment, position_in_queue=chance.randrange(100)),
    lambda chance, moment: JobTags(moment, chance.sample("xyz", 1)),
    lambda chance, moment: JobName(moment, chance.choice(["bell", "ghz"])),
    lambda chance, moment: JobInputs(moment, some_body(chance)),
    lambda chance, moment: ResultPayload(moment, some_body(chance)),
)
