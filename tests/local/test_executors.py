"""What executes jobs: processes of the service, executors of concurrent.futures and a Dask cluster do the same."""

import contextlib
import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import psutil
import pytest
from qiskit import QuantumCircuit

from ibm_circuit_job import IBMJobFailureError, IBMProvider
from ibm_circuit_job.local import LocalService

KINDS = {
    "own processes": r"process \d+",
    "processes": r"process \d+ of .+",
    "Dask": r"Dask worker .* at tcp://127\.0\.0\.1:\d+",
}
"""What executes jobs -> what its workers are called in the log of a job."""


@contextlib.contextmanager
def executor_of(kind):
    match kind:
        case "processes":
            with ProcessPoolExecutor(1, get_context("spawn")) as processes:
                yield processes
        case "Dask":
            from distributed import LocalCluster  # noqa: PLC0415 - slow to load

            given = {"n_workers": 1, "threads_per_worker": 1, "memory_limit": "900MB", "dashboard_address": ":0"}
            with LocalCluster(**given) as cluster:
                yield cluster.scheduler_address.replace("tcp://", "dask://")
        case _:
            yield None


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def executor(kind):
    with executor_of(kind) as executor:
        yield executor


def service_with(kind, executor, **settings):
    memory = {} if kind == "Dask" else {"memory_mb": 700}
    return LocalService(executor=executor, workers=1, **memory, **settings)


@pytest.fixture(scope="module")
def service(kind, executor):
    # No test lasts as long as a job may: what ends before does not end with the limit of time.
    with service_with(kind, executor, job_seconds=600.0) as service:
        yield service


@pytest.fixture(scope="module")
def simulator(service):
    return IBMProvider(service.token, service.url).get_backend("local_simulator")


@pytest.fixture(scope="module")
def one():
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    return circuit


@pytest.fixture
def simulating(kind, service, workers_of, simulator, one):
    """The processes that simulate, below this one. An executor starts them for the first job."""
    simulator.run(one, shots=1).result(timeout=60)

    def found():
        if kind == "own processes":
            return {psutil.Process(pid) for pid in workers_of(service)}
        return {each for each in psutil.Process().children(recursive=True) if is_child_of_worker(each)}

    return found


def is_child_of_worker(process):
    try:
        return "ibm_circuit_job.local.worker" in process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def test_log_names_the_worker_that_executed_a_job(kind, simulator, one):
    job = simulator.run(one, shots=7)
    assert job.result(timeout=60).get_counts() == {"1": 7}
    (line,) = [line for line in job.logs().splitlines() if "executed" in line]
    assert re.fullmatch(f"executed by {KINDS[kind]}", line)


def test_job_that_needs_more_memory_fails_with_the_limit(kind, simulator):
    circuit = QuantumCircuit(30)
    for gate in (circuit.h, circuit.t, circuit.h):
        gate(range(30))
    circuit.measure_all()
    setting = "the --memory-limit of the Dask worker" if kind == "Dask" else "setting memory_mb"
    with pytest.raises(IBMJobFailureError, match=rf"more memory than the \d+ MB .* \({setting}\).*16384M"):
        simulator.run(circuit, shots=1).result(timeout=60)


def test_cancel_ends_the_simulation(simulator, endless, simulating, until):
    (process,) = simulating()
    before = process.cpu_times().user
    job = simulator.run(endless, shots=1, dynamic=True)
    until(lambda: process.cpu_times().user > before + 0.05)
    job.cancel()
    until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    assert job.status().name == "CANCELLED"


def test_job_over_the_limit_of_time_fails(kind, executor, endless):
    with service_with(kind, executor, job_seconds=0.5) as service:
        simulator = IBMProvider(service.token, service.url).get_backend("local_simulator")
        job = simulator.run(endless, shots=1, dynamic=True)
        with pytest.raises(IBMJobFailureError, match=r"ran longer than the 0\.5 seconds .* \(setting job_seconds\)"):
            job.result(timeout=60)
