"""Jobs on a Dask cluster: workers that die, a scheduler that is lost or is not there, other versions."""

import itertools
import json
import os
import re
import signal
import socket
from pathlib import Path

import pytest
import requests
from qiskit import QuantumCircuit

from ibm_circuit_job import IBMJobFailureError, IBMProvider
from ibm_circuit_job.local import LocalService, LocalServiceError
from ibm_circuit_job.local.dask_cluster import check_versions, dask_address
from ibm_circuit_job.local.executor import ExecutorUnavailable


@pytest.fixture(scope="module")
def cluster():
    from dask import config as dask_config  # noqa: PLC0415 - slow to load, for each worker that collects the tests
    from distributed import LocalCluster  # noqa: PLC0415 - the same

    # One worker's death is forgiven to a job, and not three, as by default: that would take three more processes.
    forked = {"distributed.worker.multiprocessing-method": "forkserver"}
    with (
        dask_config.set({"distributed.scheduler.allowed-failures": 1} | forked),
        LocalCluster(n_workers=2, threads_per_worker=1, memory_limit="900MB", dashboard_address=":0") as cluster,
    ):
        yield cluster


@pytest.fixture(scope="module")
def dask(cluster):
    from distributed import Client  # noqa: PLC0415 - slow to load

    with Client(cluster.scheduler_address, set_as_default=False) as client:
        yield client


@pytest.fixture(scope="module")
def service(cluster):
    with LocalService(executor=cluster.scheduler_address.replace("tcp://", "dask://"), job_seconds=300.0) as service:
        yield service


@pytest.fixture(scope="module")
def simulator(service):
    return IBMProvider(service.token, service.url).get_backend("local_simulator")


def bits(number):
    """A circuit whose only outcome is a number."""
    circuit = QuantumCircuit(6, 6)
    for qubit in range(6):
        if number >> qubit & 1:
            circuit.x(qubit)
    circuit.measure(range(6), range(6))
    return circuit


def worker_of(job, dask):
    """The address of the worker that has a job; ``None`` where none has. Another one may draw its circuits."""

    def executes(task):
        return job.job_id() in task and not task.startswith("showing-")

    return next((at for at, tasks in dask.processing().items() if any(map(executes, tasks))), None)


def kill(address, dask):
    os.kill(dask.run(os.getpid, workers=[address])[address], signal.SIGKILL)


def page_of(job, service):
    """What the page shows of a job now: the first event of its view."""
    url = f"{service.page_url.partition('#')[0]}page/live/jobs/{job.job_id()}"
    with requests.get(url, headers={"Authorization": f"apikey {service.token}"}, stream=True, timeout=30) as events:
        return "\n".join(itertools.takewhile(bool, events.iter_lines(decode_unicode=True)))


# Two workers and their children start anew meanwhile; each start takes seconds of a processor.
@pytest.mark.timeout(600)
def test_jobs_are_right_though_workers_are_killed(service, dask, simulator, endless, until):
    long = simulator.run(endless, shots=1, dynamic=True)
    jobs = [simulator.run(bits(number), shots=5) for number in range(12)]
    until(lambda: "executed by Dask worker" in page_of(long, service), 200.0)
    first = worker_of(long, dask)
    kill(first, dask)
    until(lambda: "tried again: executed by Dask worker" in page_of(long, service), 200.0)
    second = worker_of(long, dask)
    kill(second, dask)
    with pytest.raises(IBMJobFailureError, match=rf"died 2 times, the last time at {second} \(.*allowed-failures\)"):
        long.result(timeout=200)
    assert re.findall(r"executed by Dask worker \d at (\S+)", long.logs()) == [first, second]
    assert [job.result(timeout=200).get_counts() for job in jobs] == [{f"{number:06b}": 5} for number in range(12)]
    assert all("executed by Dask worker" in job.logs() for job in jobs)


def test_scheduler_that_is_not_there_is_an_error_with_its_address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(LocalServiceError, match=rf"Dask cluster at tcp://127\.0\.0\.1:{port} cannot be reached"):
        LocalService(executor=f"dask://127.0.0.1:{port}")


def versions(**changes):
    here = {"python": "3.11.7.final.0", "ibm_circuit_job": "0.1.0", "qiskit": "2.1.0", "qiskit_aer": "0.17.1"}
    return here | changes


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ({"ibm_circuit_job": None}, r"tcp://a:1 does not have .*install ibm-circuit-job\[dask\]==0\.1\.0 there"),
        ({"ibm_circuit_job": "0.0.9"}, r"tcp://a:1 has ibm-circuit-job 0\.0\.9"),
        ({"python": "3.13.1.final.0"}, r"tcp://a:1 runs Python 3\.13, and the service Python 3\.11"),
    ],
)
def test_worker_of_another_version_is_refused(there, said):
    with pytest.raises(ExecutorUnavailable, match=said):
        check_versions(versions(), {"tcp://a:1": versions(**there)})


def test_worker_with_another_qiskit_is_a_warning(caplog):
    check_versions(versions(), {"tcp://a:1": versions(python="3.11.9.final.0", qiskit="2.0.0")})
    assert [record.getMessage() for record in caplog.records] == [
        "The Dask worker at tcp://a:1 has qiskit 2.0.0, and the service 2.1.0: the same seed may give other counts."
    ]


def test_addresses_of_dask_are_taken_as_they_are():
    addresses = ["dask://a:1", "dask+tls://a:1", "tcp://a:1", "tls://a:1", "dask://[::1]:8786"]
    assert [dask_address(each) for each in addresses] == [
        "tcp://a:1", "tls://a:1", "tcp://a:1", "tls://a:1", "tcp://[::1]:8786",
    ]  # fmt: skip


def test_jobs_go_on_when_a_lost_scheduler_is_back(program):
    # In a process of its own: sockets of Dask's lost connections are left there, and no later test is warned of them.
    path = Path(__file__).parents[1] / "shared" / "lost_scheduler.py"
    found = f"import runpy, sys\nsys.path.insert(0, {str(path.parent)!r})\n"
    text = f"{found}runpy.run_path({str(path)!r}, run_name='__main__')"
    with program("-c", text) as process:
        said, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    again, reason = json.loads(said)
    assert again.startswith("Dask worker")
    assert "'circuits'" in reason
