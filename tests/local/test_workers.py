"""Worker processes of the local service: those that die, and jobs that use more than a worker may."""

import asyncio
import contextlib
import os
import re
import resource
import signal
import warnings
from datetime import UTC, datetime

import psutil
import pytest
from attrs import evolve
from qiskit import QuantumCircuit

from ibm_circuit_job import IBMJobFailureError, IBMProvider
from ibm_circuit_job.local import LocalService
from ibm_circuit_job.local.crew import Crew
from ibm_circuit_job.local.execution import Task
from ibm_circuit_job.local.limits import LEAST_MB, Limits, share_of_machine
from ibm_circuit_job.wire import typed_json


@pytest.fixture(scope="module")
def service():
    with LocalService(workers=2, memory_mb=700) as service:
        yield service


@pytest.fixture(scope="module")
def simulator(service):
    return IBMProvider(service.token, service.url).get_backend("local_simulator")


@pytest.fixture(scope="module")
def hasty():
    """A simulator whose jobs may take half a second: a loop without an end uses a processor for as long."""
    with LocalService(workers=1, memory_mb=700, job_seconds=0.5) as service:
        yield IBMProvider(service.token, service.url).get_backend("local_simulator")


@pytest.fixture(scope="module")
def one():
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    return circuit


@pytest.fixture(autouse=True)
def nothing_else_is_harmed(simulator, one):
    yield
    assert simulator.run(one, shots=7).result(timeout=60).get_counts() == {"1": 7}


def kill(workers):
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


def test_job_runs_though_every_idle_worker_was_killed(service, simulator, one, workers_of):
    simulator.run(one).result(timeout=60)
    kill(workers_of(service))
    assert simulator.run(one, shots=3).result(timeout=60).get_counts() == {"1": 3}


def test_job_whose_worker_dies_is_tried_once_more(service, simulator, endless, workers_of, until):
    before = workers_of(service)
    used = {worker: psutil.Process(worker).cpu_times().user for worker in before}
    job = simulator.run(endless, shots=1, dynamic=True)
    until(lambda: any(psutil.Process(worker).cpu_times().user > used[worker] + 0.05 for worker in before))
    kill(before)
    until(lambda: workers_of(service) - before)
    job.cancel()
    assert len(set(re.findall(r"executed by process (\d+)", job.logs()))) == 2


def test_job_whose_worker_dies_twice_fails(service, simulator, endless, workers_of, until):
    job = simulator.run(endless, shots=1, dynamic=True)
    until(lambda: kill(workers_of(service)) or job.in_final_state())
    with pytest.raises(IBMJobFailureError, match=r"died twice: signal SIGKILL; its limit of memory is 700 MB"):
        job.result(timeout=60)


def test_gates_that_unfold_to_millions_fail_with_a_limit(hasty):
    levels = [f"gate g{n} q {{ g{n - 1} q; g{n - 1} q; }}" for n in range(1, 25)]
    head = ["OPENQASM 3.0;", 'include "stdgates.inc";', "gate g0 q { h q; t q; }"]
    text = "\n".join([*head, *levels, "qubit[1] q; bit[1] c;", "g24 q[0];", "c[0] = measure q[0];"])
    job = hasty.run(text, shots=1)
    with pytest.raises(IBMJobFailureError, match=r"\(setting (job_seconds|memory_mb)\)"):
        job.result(timeout=60)


def test_cancelled_job_ends_its_worker_and_no_other(service, simulator, endless, workers_of, until):
    before = workers_of(service)
    job = simulator.run(endless, shots=1, dynamic=True)
    until(job.running)
    job.cancel()
    until(lambda: len(workers_of(service) - before) == 1)
    assert len(workers_of(service) & before) == 1


def test_worker_in_an_endless_loop_ends_with_a_killed_service(one, endless, workers_of, until):
    with LocalService(workers=1) as service:
        simulator = IBMProvider(service.token, service.url).get_backend("local_simulator")
        simulator.run(one).result(timeout=60)
        (worker,) = map(psutil.Process, workers_of(service))
        used = worker.cpu_times().user
        simulator.run(endless, shots=1, dynamic=True)
        until(lambda: worker.cpu_times().user > used + 0.05)
        os.kill(service.pid, signal.SIGKILL)
        until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)


def test_by_default_all_workers_fit_into_the_free_memory():
    free = psutil.virtual_memory().available // 2**20
    shares = {workers: share_of_machine(workers) for workers in (1, 2, 8)}
    assert all(workers * share <= free * 1.1 or share == LEAST_MB for workers, share in shares.items())


def test_reasons_name_the_figure_and_the_setting():
    limits = Limits(memory_mb=900, job_seconds=1.5)
    assert "900 MB" in limits.over_memory()
    assert "1.5 seconds" in limits.over_time()


@contextlib.contextmanager
def no_more_files():
    """While this process can open no more files."""
    least, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (least, most))


def started(crew):
    with warnings.catch_warnings():
        # Newer versions of Python warn of forks beside threads: the child needs none of them.
        warnings.simplefilter("ignore", DeprecationWarning)
        crew.start()
    return crew


def test_task_with_a_time_of_its_own_ends_then_and_the_next_runs():
    crew = started(Crew(1, Limits(memory_mb=700)))
    task = Task("a", "local_simulator", "circuit-runner", b"{}", datetime(2024, 2, 3, tzinfo=UTC))
    circuit = QuantumCircuit(22, 22)
    for layer in range(100):
        circuit.rx(0.1 + layer, circuit.qubits)
        circuit.cx(circuit.qubits[:-1], circuit.qubits[1:])
    circuit.measure(circuit.qubits, circuit.clbits)
    long = evolve(task, params=typed_json.encode({"circuits": [circuit], "shots": 10}), seconds=0.01)

    async def outcomes():
        try:
            return await crew.execute(long, print), await asyncio.wait_for(crew.execute(task, print), 60)
        finally:
            await crew.stop()

    short, later = asyncio.run(outcomes())
    assert short.reason == "It took longer than 0.01 seconds."
    assert "took longer" not in later.reason


def test_worker_not_replaced_for_lack_of_files_is_replaced_later():
    task = Task("a", "local_simulator", "circuit-runner", b"{}", datetime(2024, 2, 3, tzinfo=UTC))
    crew = started(Crew(1, Limits(memory_mb=700)))
    crew.kill()

    async def outcomes():
        try:
            with no_more_files():
                failed = await crew.execute(task, print)
            return failed, await asyncio.wait_for(crew.execute(task, print), 60)
        finally:
            await crew.stop()

    failed, later = asyncio.run(outcomes())
    assert "could not be started: Too many open files" in failed.reason
    assert "could not be started" not in later.reason
    assert later.reason
