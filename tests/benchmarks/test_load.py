"""The local service under load, and every answer checked: jobs all at once, idle streams, status requests."""

import resource
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import websocket
from qiskit import QuantumCircuit

JOBS, STREAMS, REQUESTS, CLIENTS = 200, 2_000, 5_000, 16


@pytest.fixture(autouse=True)
def many_files():
    """Let this process hold as many connections as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def numbered(number):
    circuit = QuantumCircuit(8, 8)
    for bit in range(8):
        if number >> bit & 1:
            circuit.x(bit)
    circuit.measure(range(8), range(8))
    return circuit


@pytest.mark.benchmark(group="load on the local service")
def test_jobs_submitted_all_at_once(benchmark, simulator, report):
    """200 jobs from 16 threads, and 200 right results."""

    def submit_and_read():
        with ThreadPoolExecutor(CLIENTS) as threads:
            began = time.monotonic()
            jobs = list(threads.map(lambda number: simulator.run(numbered(number), shots=10), range(JOBS)))
            submitted = time.monotonic() - began
            counts = list(threads.map(lambda job: job.result(timeout=120).get_counts(), jobs))
        assert counts == [{f"{number:08b}": 10} for number in range(JOBS)]
        return submitted

    submitted = benchmark.pedantic(submit_and_read, rounds=1, iterations=1)
    report(f"{JOBS} jobs at once, until all are acknowledged", submitted, "s", note="all results right")


@pytest.mark.benchmark(group="load on the local service")
def test_status_requests_beside_idle_streams(benchmark, device, provider, slow, report):
    """2,000 streams of a job that runs, and status requests meanwhile; at its end every stream is closed."""
    job = slow(50)
    while not job.running():
        time.sleep(0.01)
    url = f"{provider.url.replace('http', 'ws', 1)}/stream/jobs/{job.job_id()}"
    headers = provider.account_client.headers()
    with ThreadPoolExecutor(CLIENTS) as threads:
        streams = list(
            threads.map(lambda _: websocket.create_connection(url, header=headers, timeout=60), range(STREAMS))
        )
        client, wrong = provider.runtime_client, []

        def ask(_):
            if b'"status":"Running"' not in client.job_get(job.job_id()):
                wrong.append(1)

        def ask_all():
            began = time.monotonic()
            list(threads.map(ask, range(REQUESTS)))
            return REQUESTS / (time.monotonic() - began)

        rate = benchmark.pedantic(ask_all, rounds=1, iterations=1)
        assert job.cancel()
        closed = sum(threads.map(_is_closed, streams))
    assert (wrong, closed) == ([], STREAMS)
    what, note = f"status requests answered beside {STREAMS:,} streams", "all right, and all streams closed at the end"
    report(what, rate, "a second", more_is_better=True, aim="500 a second", note=note)


def _is_closed(stream):
    try:
        while True:
            opcode, _ = stream.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return True
    finally:
        stream.shutdown()
