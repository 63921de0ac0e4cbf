"""Jobs that belong together."""

import pytest
from qiskit_ibm_runtime import Batch, Session
from qiskit_ibm_runtime.exceptions import IBMInputValueError, IBMRuntimeError


@pytest.mark.parametrize(("kind", "mode"), [(Session, "dedicated"), (Batch, "batch")])
def test_jobs_of_a_session_bear_its_id(service, device, ones, sample, kind, mode):
    with kind(backend=device, max_time=300) as session:
        jobs = [sample(session, ones, shots=10) for _ in range(2)]
        assert {job.session_id for job in jobs} == {session.session_id}
        details = session.details()
        assert (details["mode"], details["backend_name"], details["max_time"]) == (mode, "local_5q", 300)
        assert details["accepting_jobs"]
        for job in jobs:
            assert job.result(timeout=60)[0].data.c.num_shots == 10
    found = service.jobs(session_id=session.session_id)
    assert [job.job_id() for job in found] == [job.job_id() for job in reversed(jobs)]


def test_session_goes_from_pending_over_in_progress_to_closed(device, ones, sample, slow, until):
    session = Session(backend=device)
    assert session.status() == "Pending"
    job = slow(2, mode=session)
    until(job.running)
    assert session.status() == "In progress, accepting new jobs"
    session.close()
    assert session.status() == "In progress, not accepting new jobs"
    job.wait_for_final_state(timeout=60)
    assert session.status() == "Closed"
    details = session.details()
    assert details["closed_at"]
    assert details["last_job_started"] <= details["last_job_completed"]
    assert [step["status"] for step in details["timestamps"]] == ["open", "active", "closed"]
    assert session.usage() == pytest.approx(2, abs=1)


def test_closed_session_takes_no_more_jobs(device, ones, sample):
    session = Session(backend=device)
    session.close()
    with pytest.raises(IBMRuntimeError, match="closed"):
        sample(session, ones)
    again = Session(backend=device, create_new=False)
    again._session_id = session.session_id
    with pytest.raises(IBMRuntimeError, match="takes no more jobs"):
        sample(again, ones)


def test_cancelled_session_cancels_its_jobs(device, slow, until):
    session = Session(backend=device)
    first = slow(20, mode=session)
    until(first.running)
    second = slow(20, mode=session)
    session.cancel()
    assert second.status() == "CANCELLED"
    assert session.status() == "Closed"


def test_session_can_be_found_again_by_its_id(service, device, ones, sample):
    session = Session(backend=device)
    again = Session.from_id(session.session_id, service)
    assert again.session_id == session.session_id
    assert sample(again, ones, shots=5).result(timeout=60)
    with pytest.raises(IBMInputValueError, match="execution mode"):
        Batch.from_id(session.session_id, service)
    again.close()


def test_unknown_session_is_not_found(service):
    with pytest.raises(IBMInputValueError, match="not found"):
        Session.from_id("no-such-session", service)


def test_simulator_runs_jobs_in_a_session(simulator, bell, sample):
    with Session(backend=simulator) as session:
        assert sample(session, bell, shots=5).result(timeout=60)[0].data.meas.num_shots == 5
