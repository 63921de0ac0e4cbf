"""Sessions and batches of our own, on both channels."""

import copy
import pickle

import pytest
from qiskit import QuantumCircuit

from ibm_circuit_job import Batch, IBMBackendApiError, IBMBackendValueError, Session
from ibm_circuit_job.account.sessions import seconds_of


@pytest.fixture(params=["ibm_quantum", "ibm_quantum_platform"])
def account(request, provider, platform_provider):
    return provider if request.param == "ibm_quantum" else platform_provider


@pytest.fixture
def backend(account):
    return account.get_backend("local_5q")


@pytest.fixture
def ones():
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    return circuit


@pytest.mark.parametrize(("kind", "mode"), [(Session, "dedicated"), (Batch, "batch")])
def test_jobs_of_the_block_belong_to_the_session(account, backend, ones, kind, mode):
    with kind(backend=backend, max_time=300) as session:
        jobs = [backend.run(ones, shots=2) for _ in range(2)]
        outside = account.get_backend("local_simulator").run(ones, shots=1)
        details = session.details()
    assert (details["mode"], details["backend_name"], details["max_time"]) == (mode, "local_5q", 300)
    assert {job.session_id for job in jobs} == {session.session_id}
    assert outside.session_id is None
    for job in jobs:
        job.wait_for_final_state(timeout=60)
        assert account.retrieve_job(job.job_id()).session_id == session.session_id
    assert session.status() == "Closed"
    assert session.usage() >= 0
    assert backend.run(ones, shots=1).session_id is None


def test_session_is_found_by_its_id(account, backend, ones):
    session = Session(backend=backend)
    assert session.status() == "Pending"
    with Session.from_id(session.session_id, account) as again:
        assert (again.session_id, again.backend().name) == (session.session_id, "local_5q")
        assert backend.run(ones, shots=1).session_id == session.session_id
    with pytest.raises(IBMBackendValueError, match="mode 'batch', got one of mode 'dedicated'"):
        Batch.from_id(session.session_id, account)
    with pytest.raises(IBMBackendApiError, match="not found"):
        Session.from_id("no-such-session", account)


def test_closed_session_takes_no_more_jobs(backend, ones):
    with Session(backend=backend) as session:
        session.close()
        with pytest.raises(IBMBackendApiError, match="takes no more jobs"):
            backend.run(ones, shots=1)
    assert session.status() == "Closed"


def test_cancelled_session_cancels_its_jobs(backend, ones):
    with Session(backend=backend) as session:
        jobs = [backend.run(ones, shots=40_000, rep_delay=500e-6) for _ in range(2)]
        session.cancel()
    for job in jobs:
        job.wait_for_final_state(timeout=60)
        assert job.cancelled()
    assert session.status() == "Closed"


def test_backend_submits_into_the_session_it_opened(backend, ones):
    with backend.open_session(max_time="2h 30m") as session:
        assert backend.session is session
        assert copy.deepcopy(backend).session is session
        assert pickle.loads(pickle.dumps(backend)).session is None
        assert session.details()["max_time"] == 9000
        assert backend.run(ones, shots=1).session_id == session.session_id
    assert backend.session is None
    assert backend.run(ones, shots=1).session_id is None
    later = backend.open_session()
    backend.cancel_session()
    assert (later.status(), backend.session) == ("Closed", None)


def test_inner_block_counts_and_the_outer_one_after_it(backend, ones):
    with Session(backend=backend) as outer:
        with Batch(backend=backend) as inner:
            assert backend.run(ones, shots=1).session_id == inner.session_id
        assert backend.run(ones, shots=1).session_id == outer.session_id


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("2h 30m 40s", 9040), ("40s 1h", 3640), ("2H30M", 9000), (" 5m ", 300), ("40 s", 40), (7, 7), (None, None)],
)
def test_longest_time_is_read(given, seconds):
    assert seconds_of(given) == seconds


@pytest.mark.parametrize("wrong", ["", "soon", "30", "1d", "-5m", 0, -1, True, 1.5, 2**31])
def test_longest_time_that_is_none_is_refused(wrong):
    with pytest.raises(IBMBackendValueError, match="expected max_time to be seconds"):
        seconds_of(wrong)
