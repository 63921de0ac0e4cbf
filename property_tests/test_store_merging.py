"""Processes that merge what they know of the same jobs into one store, all at once, on either database.

This file is also the program that they run: a clean process, which forks them.
"""

import json
import multiprocessing
import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import reduce

import pytest
from attrs import evolve
from hypothesis import settings

from ibm_circuit_job import Job, JobStore, refresh
from ibm_circuit_job.state.facts import JobDetails, JobInputs, JobMetrics, JobName, JobTags, ResultPayload
from ibm_circuit_job.store import schema
from ibm_circuit_job.wire.replies import status_report

pytest_plugins = ["postgresql"]

# The program is told, for it knows no profile.
THOROUGH = "thorough" in sys.argv if __name__ == "__main__" else settings().max_examples > 1000
HISTORIES, JOBS, ROUNDS = (10_000, 1_000, 40) if THOROUGH else (120, 12, 2)
PROCESSES = 8 if THOROUGH else 4
SEED = 20261124
MOMENTS = [datetime(2024, 2, 3, 12, tzinfo=UTC) + timedelta(seconds=second) for second in range(20)]


def test_processes_that_merge_at_once_lose_nothing(store_url):
    started = time.monotonic()
    saves = sum(as_processes(store_url, "merge", PROCESSES))
    seconds = time.monotonic() - started
    came = {}
    for number in range(PROCESSES):
        for records in what_comes(number):
            for record in records:
                came.setdefault(record.job_id, set()).update(record.facts)
    started = time.monotonic()
    with JobStore(store_url) as store:
        kind = store._database.url.get_backend_name()
        assert {job.job_id for job in store.records()} == came.keys()
        for job_id, facts in came.items():
            expected = refresh(Job(job_id), *facts)
            history, kept = store.history(job_id), store.load(job_id)
            assert kept == expected
            assert store.record(job_id) == evolve(expected, inputs=None, payload=None)
            assert len(history) == len(facts)
            assert set(history) == facts
            assert reduce(refresh, history, Job(job_id)) == expected
            if expected.payload is not None:
                assert kept.payload.raw == expected.payload.raw
    print(
        f"{kind}: {PROCESSES} processes merged {HISTORIES} histories of {len(came)} jobs, "
        f"{sum(map(len, came.values()))} facts, in {saves} transactions and {seconds:.1f} s "
        f"({saves / seconds:.0f} a second); read and folded in {time.monotonic() - started:.1f} s"
    )


@pytest.mark.parametrize("processes", [2, 8] if THOROUGH else [3])
def test_processes_that_create_the_store_at_once_all_succeed(store_url, processes):
    assert as_processes(store_url, "create", processes, ROUNDS) == [processes] * processes * ROUNDS


# The program


def as_processes(url, what, processes, rounds=1):
    """What each of so many processes, which begin at once, returns."""
    # By its input: the URL may hold a password, and whoever lists the processes sees their arguments.
    given = json.dumps({"url": url, "what": what, "processes": processes, "rounds": rounds})
    program = [sys.executable, __file__, *(["thorough"] if THOROUGH else [])]
    done = subprocess.run(program, input=given, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def main(url, what, processes, rounds):
    work, returned = {"merge": merge, "create": create}[what], []
    for number in range(rounds):
        if number:
            at_once(forget, url, 1)
        returned += at_once(work, url, processes)
    print(json.dumps(returned))


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

if __name__ == "__main__":
    main(**json.load(sys.stdin))
