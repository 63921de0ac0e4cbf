"""Eight processes that wait for the same 200 jobs of one store: what they ask, how soon they learn, and after deaths.

The service is ``job_listing_stub``, a process of its own behind a proxy that counts. One process alone, which shares
nothing, is the measure.
"""

import json
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from counting_proxy import CountingProxy

pytest_plugins = ["postgresql"]

HERE = Path(__file__).parent
JOBS, SECONDS, WATCHERS, KILLED = 200, 30, 8, 3
KILLED_AFTER = 15.0


@contextmanager
def stub():
    command = [sys.executable, HERE / "job_listing_stub.py", str(JOBS), str(SECONDS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def watched(store, watchers, *, shares=True, killed=0):
    """Have processes wait for all jobs; return what each that lived said, when the jobs ended, and the requests."""
    with stub() as port, CountingProxy(port) as proxy, ExitStack() as stack:
        said = json.dumps({"url": f"http://127.0.0.1:{proxy.port}", "store": store, "shares": shares})
        clients = []
        for _ in range(watchers):
            command = [sys.executable, HERE / "sharing_client.py"]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            client = stack.enter_context(subprocess.Popen(command, **pipes))
            client.stdin.write(f"{said}\n")
            client.stdin.flush()
            clients.append(client)
        for client in clients:
            assert client.stdout.readline() == "ready\n"
        began = time.time()
        for client in clients:
            client.stdin.write("begin\n")
            client.stdin.flush()
        if killed:
            time.sleep(KILLED_AFTER)
            # The first of them asks the service, for it began first.
            for client in clients[:killed]:
                client.send_signal(signal.SIGKILL)
        told = [json.loads(client.communicate(timeout=200)[0]) for client in clients[killed:]]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/seen") as reply:
            ends = json.load(reply)["ends"]
        # Each has listed all jobs once before it began to wait.
        return told, ends, proxy.between(began, time.time()).requests - watchers


@pytest.mark.benchmark(group="jobs that eight processes wait for")
def test_eight_processes_that_wait_for_the_same_jobs(benchmark, report, unmade_store_url, tmp_path):
    alone, ends, requests_alone = watched(str(tmp_path / "alone.sqlite"), 1, shares=False)
    late_alone = [alone[0]["told"][job_id] - ends[job_id] for job_id in ends]

    told, ends, requests = benchmark.pedantic(lambda: watched(unmade_store_url, WATCHERS), rounds=1, iterations=1)

    where = "PostgreSQL" if unmade_store_url.startswith("postgresql") else "SQLite"
    assert all(each["told"].keys() == ends.keys() for each in told)
    wrote = {job_id: min(each["wrote"].get(job_id, 1e12) for each in told) for job_id in ends}
    delays = [each["told"][job_id] - wrote[job_id] for each in told for job_id in ends if job_id not in each["wrote"]]
    what = f"{WATCHERS} processes wait for {JOBS} jobs in {where}"
    note = f"{requests / requests_alone:.2f} of those of one process"
    report(f"requests, {what}", requests, note=note, aim="1.2 of those of one process")
    late = [each["told"][job_id] - ends[job_id] for each in told for job_id in ends]
    worst = f"{sorted(delays)[int(len(delays) * 0.99)] * 1e3:.0f} ms (99 %), {max(delays) * 1e3:.0f} ms (worst)"
    median = statistics.median(delays) * 1e3
    report(f"from the write of an end to the other processes, {what}", median, "ms", note=worst, aim="100 ms")
    alone_late = (
        f"{max(late):.2f} s at worst; alone {statistics.median(late_alone):.2f} s, {max(late_alone):.2f} s at worst"
    )
    report(f"late at the median, {what}", statistics.median(late), "s", note=alone_late)
    report(f"CPU of all, {what}", sum(each["cpu"] for each in told), "s", note=f"alone {alone[0]['cpu']:.1f} s")


@pytest.mark.benchmark(group="jobs that eight processes wait for")
def test_three_of_eight_processes_are_killed(benchmark, report, unmade_store_url):
    told, ends, requests = benchmark.pedantic(
        lambda: watched(unmade_store_url, WATCHERS, killed=KILLED), rounds=1, iterations=1
    )
    where = "PostgreSQL" if unmade_store_url.startswith("postgresql") else "SQLite"
    assert len(told) == WATCHERS - KILLED
    assert all(each["told"].keys() == ends.keys() for each in told)
    late = [each["told"][job_id] - ends[job_id] for each in told for job_id in ends]
    what, note = f"{KILLED} of {WATCHERS} killed, {where}", f"{max(late):.2f} s at worst; {requests} requests"
    report(f"late at the median, {what}", statistics.median(late), "s", note=note, aim="10 s more")
