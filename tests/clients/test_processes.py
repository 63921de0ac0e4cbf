"""Processes of a pool beside their parent: each reads the answers to its own questions, however it was made."""

import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pool_worker
import pytest
import tls_front
from pool_worker import SHOTS, WIDTH

from ibm_circuit_job.threads.locks import PerProcess

NUMBERS = range(12)

pytestmark = [
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
]


FRONT = """
import sys
sys.path.insert(0, {folder!r})
from tls_front import tls_front
with tls_front({port}) as (port, _):
    print(port, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def tls_port(service, program):
    """A port with TLS, of another process: where one forks while its threads use OpenSSL, the fork may hang in it."""
    [port] = re.findall(r"(?<=:)\d+(?=/)", service.url)
    with program("-c", FRONT.format(folder=str(Path(tls_front.__file__).parent), port=port)) as process:
        yield int(process.stdout.readline())
        process.terminate()


METHODS = [("fork", "http"), ("fork", "https"), ("spawn", "http"), ("forkserver", "https")]
"""How processes are made, and how they speak with the service."""


@pytest.fixture(scope="module", params=METHODS, ids="-".join)
def method(request):
    if request.param[0] not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {request.param[0]}")
    return request.param


@pytest.fixture(scope="module")
def account(method, service, tls_port):
    """The arguments of a provider."""
    if method[1] == "http":
        return (service.token, service.url), {}
    platform = (service.token, f"https://127.0.0.1:{tls_port}/api/v1")
    return platform, {"instance": service.instance, "verify": False, "channel": "ibm_quantum_platform"}


@pytest.fixture(scope="module")
def connected(account):
    pool_worker.connect(*account)
    yield pool_worker._backend
    pool_worker._backend.provider.close()
    pool_worker._backend = None


@pytest.fixture(scope="module")
def processes(method, account, connected):
    """A pool for all tests of a method, since a process that is not forked takes seconds to load the library."""
    context = multiprocessing.get_context(method[0])
    if method[0] == "forkserver":
        context.set_forkserver_preload(["pool_worker"])
    # Each process of "spawn" loads Qiskit; that several go on beside each other is seen with the others.
    number = 1 if method[0] == "spawn" else 2
    with ProcessPoolExecutor(
        number, mp_context=context, initializer=pool_worker.connect, initargs=account
    ) as processes:
        yield processes


def test_processes_and_threads_get_their_own_answers(processes):
    with ThreadPoolExecutor(2) as threads:
        here, there = NUMBERS[::2], NUMBERS[1::2]
        answers = [
            *processes.map(pool_worker.submit_wait_and_read, there),
            *threads.map(pool_worker.submit_wait_and_read, here),
        ]
    assert sorted(answers) == [pool_worker.expected(number) for number in NUMBERS]


def test_processes_read_the_results_of_jobs_of_their_parent(processes, connected):
    jobs = [(connected.run(pool_worker.flipped(WIDTH, number), shots=SHOTS), number) for number in NUMBERS]
    for job, _ in jobs:
        job.wait_for_final_state(60)
    answers = [*processes.map(pool_worker.read, jobs)]
    assert answers == [pool_worker.expected(number)[:2] for number in NUMBERS]


@pytest.mark.parametrize("method", [each for each in METHODS if each[0] == "fork"], indirect=True, ids="-".join)
def test_forked_children_of_a_handle_share_no_connection(connected):
    context = multiprocessing.get_context("fork")
    jobs = [connected.run(pool_worker.flipped(WIDTH, number), shots=SHOTS) for number in NUMBERS]
    for job in jobs:
        job.wait_for_final_state(60)
    answers = context.Queue()
    # Not pickled: each child has the very handle of its parent.
    children = [
        context.Process(target=lambda part=part: [answers.put(pool_worker.read((jobs[n], n))) for n in part])
        for part in (NUMBERS[::3], NUMBERS[1::3], NUMBERS[2::3])
    ]
    for child in children:
        child.start()
    seen = [answers.get(timeout=60) for _ in NUMBERS]
    for child in children:
        child.join(60)
    assert sorted(seen) == [pool_worker.expected(number)[:2] for number in NUMBERS]


def test_a_fork_makes_its_own_object_once():
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system has no fork")
    context = multiprocessing.get_context("fork")
    held, seen = PerProcess(lambda: [multiprocessing.current_process().name]), context.Queue()
    child = context.Process(target=lambda: seen.put((held() is held(), held())), name="child")
    child.start()
    assert seen.get(timeout=60) == (True, ["child"])
    child.join(60)
    assert held() == ["MainProcess"]
