"""A store of very many jobs: how fast they are saved, what listings and usage cost, and how large it is on disk.

``STORED_JOBS=1000000 make bench`` measures a million, and ``READING_THREADS=1000`` with so many threads.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sql
from qiskit.providers.jobstatus import JobStatus
from slow_line import SlowLine

from ibm_circuit_job import Job, JobDetails, JobStore, ResultPayload, StatusReport

pytest_plugins = ["postgresql"]

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
JOBS = int(os.environ.get("STORED_JOBS", "5000"))
THREADS = int(os.environ.get("READING_THREADS", "100"))
AT_ONCE = 1000
LINE_SECONDS = 0.04
ENDS = ((JobStatus.DONE, "Completed"), (JobStatus.ERROR, "Failed"), (JobStatus.CANCELLED, "Cancelled"))


def described(number):
    """One of very many jobs, of which one in a thousand has not ended."""
    seen = NOON + timedelta(seconds=number)
    status, spelt = ENDS[number % 3] if number % 1000 else (JobStatus.QUEUED, "Queued")
    details = JobDetails(
        seen,
        backend=f"ibm_{number % 10}",
        created=seen,
        tags=[f"tag-{number % 100}", "all"],
        program="sampler",
        charged_seconds=2.5 if number % 2 else None,
    )
    return Job(f"cq1x{number:016d}", status=StatusReport(seen, status, spelt), details=details)


def bytes_of(store, url):
    if store._database.is_sqlite:
        return sum(file.stat().st_size for file in Path(url).parent.glob("jobs.sqlite*"))
    with store._database._engine.connect() as connection:
        return connection.execute(sql.text("SELECT pg_database_size(current_database())")).scalar()


@pytest.mark.benchmark(group="store: very many jobs")
def test_very_many_jobs(benchmark, report, unmade_store_url, request):
    kind = request.node.callspec.params["unmade_store_url"]
    with JobStore(unmade_store_url, timeout=600) as store:

        def save_all():
            took = 0.0
            for start in range(0, JOBS, AT_ONCE):
                jobs = [described(number) for number in range(start, min(start + AT_ONCE, JOBS))]
                began = time.perf_counter()
                store.save_all(jobs)
                took += time.perf_counter() - began
            return took

        took = benchmark.pedantic(save_all, rounds=1, iterations=1)
        report(f"{kind}: save {JOBS:,} jobs", took, "s", note=f"{JOBS / took:.0f} a second", aim="1,000,000 in 600 s")
        report(f"{kind}: size of a job on disk", bytes_of(store, unmade_store_url) / JOBS, "bytes")
        for what, filters in {
            "newest": {},
            "tag": {"job_tags": ["tag-7"]},
            "status": {"status": "ERROR"},
            "backend": {"backend_name": "ibm_3"},
            "time": {"start_datetime": NOON + timedelta(seconds=JOBS // 2), "descending": False},
        }.items():
            began = time.perf_counter()
            assert len(store.records(limit=10, **filters)) == 10
            report(f"{kind}: ten by {what}", (time.perf_counter() - began) * 1e3, "ms", aim="20 ms")
        for by in ("tag", "backend", "day", "instance"):
            began = time.perf_counter()
            assert store.usage(by=by)
            report(f"{kind}: usage by {by}", time.perf_counter() - began, "s", aim="2 s")


@pytest.mark.benchmark(group="store: a long line")
def test_store_behind_a_long_line(benchmark, report, postgresql_url):
    line = SlowLine(sql.make_url(postgresql_url).port, LINE_SECONDS)
    try:
        with JobStore(sql.make_url(postgresql_url).set(port=line.port), pool_size=50, timeout=120) as store:
            began, turns = time.perf_counter(), line.turns
            store.save_all(described(number) for number in range(100))
            took = time.perf_counter() - began
            report("save_all of 100 jobs over 40 ms", took, "s", note=f"{line.turns - turns} turns")

            def save(number):
                arrived = ResultPayload(NOON, b'{"results": [%d]}' % number)
                store.save(Job(f"job {number}", payload=arrived))

            def save_all():
                began = time.perf_counter()
                with ThreadPoolExecutor(THREADS) as threads:
                    list(threads.map(save, range(THREADS)))
                return time.perf_counter() - began

            took = benchmark.pedantic(save_all, rounds=1, iterations=1)
            assert len(store.records()) == THREADS + 100
            report(f"{THREADS} threads save a result each over 40 ms", took, "s", note="all saved")
    finally:
        line.close()
