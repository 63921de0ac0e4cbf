"""Jobs in an executor of concurrent.futures: what fails there, and the child processes in which they run."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from job_children import job_children
from qiskit import QuantumCircuit

from ibm_circuit_job import IBMJobFailureError, IBMProvider
from ibm_circuit_job.local import LocalService, LocalServiceError
from ibm_circuit_job.local.child import NOT_WANTED, Setup, end_idle_children, execute_in_child, is_file_there, packed
from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.execution import Task
from ibm_circuit_job.local.limits import Limits
from ibm_circuit_job.wire import typed_json

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)


@pytest.fixture(scope="module", autouse=True)
def _no_child_is_left():
    yield
    end_idle_children()


def task_of(circuit, shots=1):
    params = typed_json.encode({"circuits": [circuit], "shots": shots})
    return Task("a", "local_simulator", "circuit-runner", params, NOON)


def setup(job_seconds=60.0):
    return Setup(Limits(memory_mb=700, job_seconds=job_seconds), packed(tuple(DEVICES.values())))


def test_child_that_dies_is_replaced_and_the_job_goes_on(endless, until):
    killed = []

    def kill_once():
        # Asked while the job runs: the first child dies in the midst of it.
        if not killed and (busy := [each for each in job_children() if each.cpu_times().user > 0.5]):
            os.kill(busy[0].pid, signal.SIGKILL)
            killed.append(busy[0])
        return True

    outcome = execute_in_child(task_of(endless), setup(job_seconds=1.0), kill_once)
    assert "ran longer than the 1 seconds" in outcome.reason
    assert len(killed) == 1


def test_child_that_dies_twice_fails_the_job_with_the_signal(endless):
    def kill_all():
        for child in job_children():
            child.kill()
        return True

    outcome = execute_in_child(task_of(endless), setup(), kill_all)
    assert outcome.reason.startswith("The process that executed the job died twice: signal SIGKILL; its limit of")


def test_job_that_is_not_wanted_starts_no_child(endless):
    before = job_children()
    assert execute_in_child(task_of(endless), setup(), lambda: False) == NOT_WANTED
    assert job_children() == before


def test_job_is_wanted_where_its_folder_cannot_be_seen(tmp_path):
    file = tmp_path / "1"
    file.touch()
    is_wanted, is_elsewhere = is_file_there(file), is_file_there(tmp_path / "none" / "1")
    assert is_wanted()
    file.unlink()
    assert not is_wanted()
    assert is_elsewhere()


def test_executor_that_takes_no_job_fails_the_job_with_its_error():
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with LocalService(executor=executor, workers=1) as service:
        simulator = IBMProvider(service.token, service.url).get_backend("local_simulator")
        with pytest.raises(IBMJobFailureError, match="cannot schedule new futures after shutdown"):
            simulator.run(QuantumCircuit(1, 1)).result(timeout=60)


def test_simulator_gives_an_executor_as_many_jobs_at_once_as_workers(until):
    begun, go_on = threading.Semaphore(0), threading.Event()

    class Counting(ThreadPoolExecutor):
        def submit(self, function, /, *args, **kwargs):
            begun.release()
            return super().submit(go_on.wait, 60.0)

    with Counting(4) as executor, LocalService(executor=executor, workers=3) as service:
        provider = IBMProvider(service.token, service.url)
        jobs = [provider.get_backend("local_simulator").run(QuantumCircuit(1, 1)) for _ in range(4)]
        until(lambda: sum(job.running() for job in jobs) == 3)
        assert [begun.acquire(timeout=60.0) for _ in range(3)] == [True] * 3
        assert not begun.acquire(blocking=False)
        jobs[0].cancel()
        assert begun.acquire(timeout=60.0)
        go_on.set()


@pytest.mark.parametrize("given", [7, print, "dask:/127.0.0.1:8786", "dask://", "dask://host", "http://host:80"])
def test_executor_that_is_none_is_refused_with_what_would_be_right(given):
    with pytest.raises(LocalServiceError, match=r"dask://127\.0\.0\.1:8786|a concurrent\.futures\.Executor") as caught:
        LocalService(executor=given)
    assert (given if isinstance(given, str) else type(given).__name__) in str(caught.value)
