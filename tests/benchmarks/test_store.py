"""What it costs to keep jobs: a large result, a hundred thousand jobs, and the statuses of ten thousand."""

import os
import statistics
import time
from datetime import UTC, datetime, timedelta

import pytest
from harness import in_turn, seconds
from large_results import classic
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import IBMCircuitJob, Job, JobDetails, JobStore, ResultPayload, StatusReport
from ibm_circuit_job.store.writing import Writing
from ibm_circuit_job.testing import ScriptedClient

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
CIRCUITS, SHOTS, QUBITS = 300, 4000, 127
LISTED, WATCHED = 100_000, 10_000
STATUSES = (JobStatus.DONE, JobStatus.ERROR, JobStatus.QUEUED, JobStatus.RUNNING)
_SPELT = dict(zip(STATUSES, ("Completed", "Failed", "Queued", "Running"), strict=True))
ROUNDS = 5


@pytest.fixture(scope="module")
def body():
    """A result with memory: over 90 MB."""
    return classic(CIRCUITS, SHOTS, QUBITS)


def size_of(folder):
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@pytest.mark.benchmark(group="store: a large result")
def test_large_result_beside_a_plain_file(benchmark, report, tmp_path, body):
    """Profiled: of a save, 56 % is the compression, and 42 % the database, which writes its log and then its file; the
    SHA-256 was made when the result arrived. Of a load, 53 % is the decompression, 33 % the SHA-256, and 12 % the
    database.
    """
    plain, kept = tmp_path / "plain", tmp_path / "kept"
    kept.mkdir()
    stores = iter([JobStore(kept / f"{number}.sqlite") for number in range(ROUNDS)])
    job = Job("a", payload=ResultPayload(NOON, body))

    def save():
        with next(stores) as store:
            store.save(job)

    def write():
        with plain.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())

    saved, written = in_turn(save, write, ROUNDS)
    on_disk = size_of(kept) / ROUNDS
    with JobStore(kept / "0.sqlite") as store:
        loaded, read = in_turn(lambda: store.load("a"), plain.read_bytes, ROUNDS)
        found = benchmark.pedantic(store.load, ["a"], rounds=1, iterations=1)
    assert found.payload.raw == body
    what = f"result of {len(body) / 1e6:.0f} MB"
    plainly = f"{saved / written:.1f} x a file with fsync ({written * 1e3:.0f} ms)"
    report(f"save a {what}", saved * 1e3, "ms", note=plainly)
    report(f"load a {what}", loaded * 1e3, "ms", note=f"{loaded / read:.1f} x reading the file ({read * 1e3:.0f} ms)")
    report(f"size of a {what} on disk", on_disk / 1e6, "MB", note=f"{on_disk / len(body):.2f} x its bytes")


def described(number):
    """A job such as a listing tells of."""
    seen = NOON + timedelta(seconds=number)
    status = STATUSES[number % len(STATUSES)]
    details = JobDetails(
        seen,
        backend=f"ibm_{number % 10}",
        created=seen,
        tags=[f"tag-{number % 100}", "all"],
        program="circuit-runner",
        private=False,
    )
    return Job(f"cq1x{number:016d}", status=StatusReport(seen, status, _SPELT[status]), details=details)


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    """A store of a hundred thousand jobs, its folder, and how long it took to save them."""
    folder = tmp_path_factory.mktemp("crowded")
    with JobStore(folder / "jobs.sqlite") as store:
        took = sum(
            seconds(lambda start=start: store.save_all(described(start + number) for number in range(1000)))
            for start in range(0, LISTED, 1000)
        )
        yield store, folder, took


LISTINGS = {
    "all of them": ({}, LISTED),
    "with a status": ({"status": "RUNNING"}, LISTED // 4),
    "with a tag": ({"job_tags": ["tag-7"]}, LISTED // 100),
    "the newest ten": ({"limit": 10}, 10),
    "the newest ten with a status": ({"status": "RUNNING", "limit": 10}, 10),
    "the newest ten that have ended": ({"status": "completed", "limit": 10}, 10),
    "the newest ten with a tag": ({"job_tags": ["tag-7"], "limit": 10}, 10),
    "the newest ten before a time": ({"end_datetime": NOON + timedelta(seconds=LISTED // 2), "limit": 10}, 10),
    "the newest ten with a status and a tag": ({"status": "ERROR", "job_tags": ["tag-9"], "limit": 10}, 10),
}
TEN_SECONDS, ALL_SECONDS = 0.02, 2.0
"""How long a listing of ten jobs may take, and one of all."""


@pytest.mark.benchmark(group="store: a hundred thousand jobs")
def test_listing_a_hundred_thousand_jobs(benchmark, report, crowded):
    store, folder, took = crowded
    report(f"save each of {LISTED:,} jobs, 1,000 at once", took / LISTED * 1e6, "us")
    store.close()
    report("size of each job on disk", size_of(folder) / LISTED, "bytes")

    def measured(list_them, filters, expected):
        found = []
        needed = seconds(lambda: found.extend(list_them(**filters)))
        assert len(found) == expected
        return needed

    def listed():
        return {
            (name, what): (min(measured(list_them, filters, many) for _ in range(rounds_of(many))), many)
            for name, (filters, many) in LISTINGS.items()
            for what, list_them in (("records", store.records), ("jobs", store.jobs))
        }

    store.records(limit=1)  # Opened again.
    found = benchmark.pedantic(listed, rounds=1, iterations=1)
    for (name, what), (needed, many) in found.items():
        aim = TEN_SECONDS if many == 10 else ALL_SECONDS if (what, many) == ("jobs", LISTED) else None
        said = {} if aim is None else {"aim": f"{aim * 1e3:.0f} ms"}
        report(f"{what}() of {LISTED:,}, {name}", needed * 1e3, "ms", note=f"{needed / many * 1e6:.0f} us each", **said)
    report(f"CPU time of jobs() of {LISTED:,}", cpu_seconds(store.jobs) / LISTED * 1e6, "us each")


def rounds_of(many):
    """A few listings take a moment each, so that the fastest of several counts; one of many jobs is seconds of work."""
    return ROUNDS if many <= LISTED // 100 else 1


def cpu_seconds(work):
    began = time.process_time()
    work()
    return time.process_time() - began


def statuses(number):
    """What is learned of a job while it runs, one after another."""
    for turn in range(number):
        status = JobStatus.QUEUED if turn % 2 else JobStatus.RUNNING
        yield Job("a", status=StatusReport(NOON + timedelta(seconds=turn), status, _SPELT[status]))


@pytest.mark.benchmark(group="store: statuses")
@pytest.mark.parametrize("synced", [True, False], ids=["synced", "not synced"])
def test_saving_one_status(benchmark, report, tmp_path, synced):
    """Beside the write of so many bytes to a file, with fsync where it is synced."""
    news = list(statuses(200))
    with JobStore(tmp_path / "jobs.sqlite") as store, (tmp_path / "plain").open("ab", buffering=0) as plain:
        store.save(news[0])

        def write():
            plain.write(bytes(4096))
            if synced:
                os.fsync(plain.fileno())

        def save_all():
            return [
                (
                    seconds(lambda job=job: store.save(job, how=Writing.SYNCED if synced else Writing.SOON)),
                    seconds(write),
                )
                for job in news[1:]
            ]

        took = benchmark.pedantic(save_all, rounds=1, iterations=1)
    ours, theirs = (statistics.median(column) * 1e6 for column in zip(*took, strict=True))
    how = "synced" if synced else "not synced"
    report(f"save one status, {how}", ours, "us", note=f"{ours / theirs:.1f} x 4 KB to a file ({theirs:.0f} us)")


@pytest.mark.benchmark(group="store: statuses")
def test_statuses_of_ten_thousand_jobs_through_their_handles(benchmark, report, tmp_path):
    """Each is asked once, and learns something: beside handles without a store."""

    def handles(store):
        replies = [b'{"id": "cq1x%016d", "state": {"status": "Queued"}}' % number for number in range(WATCHED)]
        return [
            IBMCircuitJob(None, None, f"cq1x{number:016d}", runtime_client=ScriptedClient([reply]), store=store)
            for number, reply in enumerate(replies)
        ]

    def ask_all(jobs):
        return seconds(lambda: [job.status() for job in jobs])

    with JobStore(tmp_path / "jobs.sqlite") as store:
        kept, unkept = handles(store), handles(None)
        took = benchmark.pedantic(ask_all, [kept], rounds=1, iterations=1)
        without = ask_all(unkept)
        assert len(store.records(status="QUEUED")) == WATCHED
    each = took / WATCHED * 1e6
    note = f"{without / WATCHED * 1e6:.0f} us without a store"
    report(f"status of each of {WATCHED:,} jobs, saved", each, "us", note=note)
