"""Jobs on a Dask cluster: workers that die, a scheduler that is lost or is not there, other versions."""

import contextlib
import os
import signal
import socket
import subprocess
import sys

import pytest
from distributed import Client, LocalCluster
from qiskit import QuantumCircuit

from ibm_circuit_job import IBMJobFailureError, IBMProvider
from ibm_circuit_job.local import LocalService, LocalServiceError
from ibm_circuit_job.local.dask_cluster import check_versions, dask_address
from ibm_circuit_job.local.executor import ExecutorUnavailable


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(n_workers=2, threads_per_worker=1, memory_limit="900MB", dashboard_address=None) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def dask(cluster):
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        yield client


@pytest.fixture(scope="module")
def service(cluster):
    with LocalService(executor=cluster.scheduler_address.replace("tcp://", "dask://"), job_seconds=60.0) as service:
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


def lines_of(job):
    return [line for line in job.logs().splitlines() if "executed by Dask worker" in line]


def test_forty_jobs_are_right_though_a_worker_is_killed(dask, simulator, endless, until):
    blocking = simulator.run(endless, shots=1, dynamic=True)
    jobs = [simulator.run(bits(number), shots=5) for number in range(40)]
    tasks = dask.processing
    until(lambda: [address for address, found in tasks().items() if any(blocking.job_id() in key for key in found)])
    (address,) = [address for address, found in tasks().items() if any(blocking.job_id() in key for key in found)]
    until(lambda: jobs[0].done())
    os.kill(dask.run(os.getpid, workers=[address])[address], signal.SIGKILL)
    counts = [job.result(timeout=100).get_counts() for job in jobs]
    until(lambda: any(blocking.job_id() in key for found in tasks().values() for key in found))
    blocking.cancel()
    assert counts == [{f"{number:06b}": 5} for number in range(40)]
    assert len(lines_of(blocking)) == 2
    assert "tried again: executed by Dask worker" in blocking.logs()
    assert all(lines_of(job) for job in jobs)
