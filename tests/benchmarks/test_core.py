"""The pure core: transitions, reading a reply, and the memory of many records."""

import gc
import json
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from harness import HERE, PYTHONS, printed_by, typical
from qiskit.providers.jobstatus import JobStatus
from replies import TYPICAL

from ibm_circuit_job import StatusReport, apply_status, merge
from ibm_circuit_job.wire.replies import read_job

NOW = datetime(2024, 2, 3, 12, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)
JOB = read_job(TYPICAL, NOW).unwrap()
OLD = StatusReport(NOW - timedelta(seconds=1), JobStatus.QUEUED, "Queued")
NEW = StatusReport(LATER, JobStatus.RUNNING, "Running")
OTHER = read_job(TYPICAL, LATER).unwrap()
LEFT_OUT = ("tags", "session_id", "private", "created")
THIN = json.dumps({name: said for name, said in json.loads(TYPICAL).items() if name not in LEFT_OUT}).encode()
PARTIAL = read_job(THIN, LATER).unwrap()
MERGED = merge(JOB, read_job(THIN, NOW + timedelta(milliseconds=1)).unwrap())
HELD = 100_000


def measured(benchmark, function, *arguments):
    """What the function returns, and the microseconds that it takes: many calls a round, for one is too short."""
    result = benchmark.pedantic(function, arguments, iterations=1000, rounds=100, warmup_rounds=5)
    return result, benchmark.stats.stats.median * 1e6


@pytest.mark.benchmark(group="transitions")
def test_transition_that_changes_nothing(benchmark, report):
    result, time = measured(benchmark, apply_status, JOB, OLD)
    assert result is JOB
    report("apply_status that changes nothing", time, "us", aim="0.3 us")


@pytest.mark.benchmark(group="transitions")
def test_transition_that_changes_the_status(benchmark, report):
    result, time = measured(benchmark, apply_status, JOB, NEW)
    assert result.status is NEW
    report("apply_status that changes the status", time, "us", aim="3 us")


@pytest.mark.benchmark(group="transitions")
def test_merge_of_two_records(benchmark, report):
    result, time = measured(benchmark, merge, JOB, OTHER)
    assert result == OTHER
    report("merge of two records", time, "us", aim="3 us")


@pytest.mark.benchmark(group="transitions")
@pytest.mark.parametrize(("known", "which"), [(JOB, "the first"), (MERGED, "a further")])
def test_merge_of_a_partial_reply(benchmark, report, known, which):
    result, time = measured(benchmark, merge, known, PARTIAL)
    assert (result.tags, result.stamp) == (JOB.tags, PARTIAL.stamp)
    report(f"merge of {which} reply that leaves {len(LEFT_OUT)} fields out", time, "us")


@pytest.mark.benchmark(group="reading a job reply")
def test_reading_a_reply(benchmark, report):
    result, ours = measured(benchmark, read_job, TYPICAL, NOW)
    assert result.unwrap() == JOB
    loads = typical(lambda: json.loads(TYPICAL))
    python, script = PYTHONS["provider"], HERE / "peers/provider_decoder.py"
    theirs = float(printed_by(python, script, given=TYPICAL)) if python.exists() else None
    note = f"{ours / loads:.1f} x json.loads alone"
    report("reading a job reply to facts", ours, "us", provider=theirs, note=note, aim="3 x json.loads")


@pytest.mark.benchmark(group="memory")
def test_memory_of_many_records(benchmark, report):
    replies = [TYPICAL.replace(b"cq1xdzt0j7zg008vh8cg", b"cq1x%016d" % number) for number in range(HELD)]
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    held = benchmark.pedantic(lambda: [read_job(reply, NOW).unwrap() for reply in replies], rounds=1)
    each = (tracemalloc.get_traced_memory()[0] - before) / len(held)
    tracemalloc.stop()
    report(f"memory of a record, of {HELD:,} in memory", each, "bytes", aim="1024 bytes")
