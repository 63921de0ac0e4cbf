"""Ten thousand jobs watched by one process: what it asks, what it spends, and how soon it is told of each end.

The service is ``job_listing_stub``, a process of its own behind a proxy that counts.
"""

import json
import statistics
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from counting_proxy import CountingProxy

HERE = Path(__file__).parent
JOBS, SECONDS = 10_000, 60
PAGE, LONGEST_PAUSE = 200, 30


@contextmanager
def stub():
    command = [sys.executable, HERE / "job_listing_stub.py", str(JOBS), str(SECONDS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


@pytest.mark.benchmark(group="many jobs watched by one process")
def test_many_jobs_watched_by_one_process(benchmark, report):
    """All end within a minute; each is told of once, as done, and not before it has ended."""

    def watch_all():
        with stub() as port, CountingProxy(port) as proxy:
            said = subprocess.run(
                [sys.executable, HERE / "watching_client.py", f"http://127.0.0.1:{proxy.port}"],
                stdout=subprocess.PIPE,
                check=True,
            )
            seen = json.loads(said.stdout)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/seen") as reply:
                served = json.load(reply)
            return seen, served, proxy.between(seen["began"], seen["returned"])

    seen, served, traffic = benchmark.pedantic(watch_all, rounds=1, iterations=1)
    ends, share = served["ends"], served["listings"] / traffic.requests
    assert sorted(job_id for job_id, *_ in seen["told"]) == sorted(ends)
    assert {status for _, status, _ in seen["told"]} == {"DONE"}
    delays = [moment - ends[job_id] for job_id, _, moment in seen["told"]]
    assert min(delays) > 0.0
    what, minutes = f"{JOBS:,} jobs watched for {SECONDS} s", (seen["returned"] - seen["began"]) / 60
    steady = 60 // LONGEST_PAUSE * JOBS // PAGE
    listing = f"{share:.0%} are listings; {steady} a minute from 5 minutes on, by listing every {LONGEST_PAUSE} s"
    # The official client asks for each job every half a second.
    report(f"requests a minute, {what}", traffic.requests / minutes, runtime=120 * JOBS, note=listing)
    report(f"traffic a minute, {what}", traffic.total / minutes / 1e6, "MB")
    report(f"CPU, {what}", seen["cpu"], "s")
    report(f"threads, {what}", seen["threads"], aim="a handful")
    report(f"memory for the jobs, {what}", seen["handles"] / 1e6, "MB")
    report(f"further memory for watching, {what}", seen["watching"] / 1e6, "MB")
    report(f"late at the median, {what}", statistics.median(delays), "s", note=f"{max(delays):.2f} s at worst")
