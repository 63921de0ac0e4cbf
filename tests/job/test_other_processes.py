"""Handles and records in other processes: pools of concurrent.futures, and bags of Dask."""

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from operator import attrgetter, methodcaller
from types import SimpleNamespace

import pytest
from qiskit import QuantumCircuit

from ibm_circuit_job import IBMCircuitJob, IBMJobApiError, IBMJobInvalidStateError, IBMProvider
from ibm_circuit_job.local import LocalService
from ibm_circuit_job.testing import ScriptedClient

QUEUED = b'{"id": "a", "state": {"status": "Queued"}}'
made = []
"""The clients of the providers that were made here."""


def provider(*replies):
    """A provider whose client has replies for all handles together."""
    client = ScriptedClient(replies or [QUEUED])
    made.append(client)
    return SimpleNamespace(attach=lambda job: job.connect(runtime_client=client))


@pytest.fixture(autouse=True)
def _nothing_was_made():
    made.clear()


def unpickled(job, times=1):
    dumped = pickle.dumps(job)
    return [pickle.loads(dumped) for _ in range(times)]


def detached(factory):
    return IBMCircuitJob(None, None, "a").reconnect_with(factory)


# In this process


def test_unpickled_handle_connects_with_its_first_question():
    (job,) = unpickled(detached(partial(provider, QUEUED, QUEUED)))
    assert (job.job_id(), made) == ("a", [])
    assert job.status().name == "QUEUED"
    assert job.client is made[0]


def test_equal_factories_make_one_provider_for_all_handles():
    first, *others = unpickled(detached(partial(provider, *[QUEUED] * 9)), times=3)
    assert [job.status().name for job in (first, *others)] == ["QUEUED"] * 3
    assert len(made) == 1


def test_threads_that_ask_one_handle_at_once_connect_it_once():
    (job,) = unpickled(detached(partial(provider, *[QUEUED] * 40)))
    with ThreadPoolExecutor(8) as threads:
        assert {status.name for status in threads.map(lambda _: job.status(), range(30))} == {"QUEUED"}
    assert len(made) == 1


def test_handle_with_a_connection_goes_on_with_it():
    client = ScriptedClient([QUEUED])
    job = IBMCircuitJob(None, None, "a", runtime_client=client).reconnect_with(partial(provider, QUEUED, b"{}"))
    assert job.status().name == "QUEUED"
    assert (job.client, made) == (client, [])
    assert copy.copy(job).client is client


def test_copy_of_an_unpickled_handle_connects_by_itself():
    (job,) = unpickled(detached(partial(provider, QUEUED, QUEUED, QUEUED, QUEUED)))
    copied = copy.copy(job)
    assert made == []
    assert copied.status().name == job.status().name == "QUEUED"


def test_factory_that_failed_is_called_again():
    attempts = []

    def failing():
        attempts.append(1)
        if len(attempts) == 1:
            raise IBMJobApiError("the line is down")
        return provider()

    job = detached(failing)
    with pytest.raises(IBMJobApiError, match="the line is down"):
        job.status()
    assert job.status().name == "QUEUED"


@pytest.mark.parametrize(("factory", "got"), [(None, "NoneType"), (ScriptedClient(), "ScriptedClient")])
def test_factory_that_is_no_function_is_refused(factory, got):
    with pytest.raises(IBMJobInvalidStateError, match=f"expected provider_factory to be a function .* got {got}"):
        detached(factory)


def test_factory_of_something_else_than_a_provider_is_an_error():
    with pytest.raises(IBMJobInvalidStateError, match="expected provider_factory to return an IBMProvider, got list"):
        detached(list).status()


def test_handle_of_an_older_pickle_says_how_to_connect_it():
    state = IBMCircuitJob(None, None, "a").__getstate__()
    del state["provider_factory"]
    older = IBMCircuitJob.__new__(IBMCircuitJob)
    older.__setstate__(state)
    with pytest.raises(IBMJobApiError, match=r"call reconnect_with\(IBMProvider\) before it is pickled"):
        older.status()


# In others


@pytest.fixture(scope="module")
def jobs():
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    with LocalService(workers=1) as service:
        backend = IBMProvider(service.token, service.url).get_backend("local_simulator")
        jobs = [backend.run(circuit, shots=shots) for shots in (3, 4)]
        yield [job.reconnect_with(partial(IBMProvider, service.token, service.url)) for job in jobs]


@pytest.fixture(scope="module")
def pool():
    """A pool of one process, which is no fork: it has only what it is given."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        yield pool


def test_pool_of_processes_reads_results_of_handles_and_records(jobs, pool):
    results = list(pool.map(methodcaller("result", timeout=60), jobs))
    ids = list(pool.map(attrgetter("job_id"), [job.state for job in jobs]))
    assert [result.get_counts() for result in results] == [{"1": 3}, {"1": 4}]
    assert ids == [job.job_id() for job in jobs]


def test_bag_of_dask_reads_results_of_handles_and_records(jobs, pool):
    import dask.bag  # noqa: PLC0415 - slow to load

    counts = dask.bag.from_sequence(jobs, npartitions=1).map(lambda job: job.result(timeout=60).get_counts())
    ids = dask.bag.from_sequence([job.state for job in jobs], npartitions=1).map(lambda job: job.job_id)
    found = dask.compute(counts, ids, scheduler="processes", pool=pool)
    assert found == ([{"1": 3}, {"1": 4}], [job.job_id() for job in jobs])
