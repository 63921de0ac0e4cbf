"""Finding jobs again."""

from datetime import datetime, timedelta

import pytest
from qiskit.providers.jobstatus import JOB_FINAL_STATES, JobStatus
from qiskit_ibm_provider.exceptions import IBMInputValueError
from qiskit_ibm_provider.job.exceptions import IBMJobNotFoundError
from waiting import ended


def ids(jobs):
    return [job.job_id() for job in jobs]


@pytest.fixture(scope="module")
def six(simulator):
    """Six jobs, the oldest first."""
    from qiskit import QuantumCircuit  # noqa: PLC0415 - a fixture of the module cannot take one of a function

    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    jobs = [
        simulator.run(circuit, shots=number + 1, job_tags=["six", "even" if number % 2 == 0 else "odd"])
        for number in range(6)
    ]
    for job in jobs:
        ended(job)
    return jobs


def test_newest_come_first(provider, six):
    assert ids(provider.jobs(limit=6, job_tags=["six"])) == ids(reversed(six))


def test_oldest_come_first_where_asked_for(provider, six):
    assert ids(provider.jobs(limit=6, job_tags=["six"], descending=False)) == ids(six)


def test_pages_can_be_skipped(provider, six):
    pages = [ids(provider.jobs(limit=2, skip=skip, job_tags=["six"])) for skip in (0, 2, 4)]
    assert [job_id for page in pages for job_id in page] == ids(reversed(six))


def test_all_tags_must_be_there(provider, six):
    assert ids(provider.jobs(limit=6, job_tags=["six", "odd"])) == ids(reversed(six[1::2]))
    assert provider.jobs(job_tags=["six", "phantom"]) == []


def test_backend_can_be_chosen(provider, six, slow):
    job = slow(0.05)
    assert job.job_id() in ids(provider.jobs(backend_name="local_5q"))
    assert not set(ids(six)) & set(ids(provider.jobs(backend_name="local_5q")))
    assert {each.backend().name for each in provider.jobs(backend_name="local_5q")} == {"local_5q"}


def test_pending_and_completed_are_told_apart(provider, six, slow):
    job = slow(20)
    pending = provider.jobs(status="pending")
    assert job.job_id() in ids(pending)
    assert all(each.status() not in JOB_FINAL_STATES for each in pending)
    completed = provider.jobs(limit=20, status="completed")
    assert job.job_id() not in ids(completed)
    assert set(ids(six)) <= set(ids(completed))


def test_exact_status_can_be_chosen(provider, six, slow, until):
    job = slow(20)
    until(job.running)
    assert ids(provider.backend.jobs(status=JobStatus.RUNNING)) == [job.job_id()]
    assert set(ids(six)) <= set(ids(provider.backend.jobs(limit=100, status="DONE", job_tags=["six"])))
    job.cancel()
    cancelled = provider.backend.jobs(limit=1, status=["CANCELLED", JobStatus.ERROR])
    assert ids(cancelled) == [job.job_id()]


def test_time_of_creation_can_be_bounded(provider, six):
    third = six[2].creation_date()
    after = provider.jobs(limit=6, job_tags=["six"], start_datetime=third)
    before = provider.jobs(limit=6, job_tags=["six"], end_datetime=third)
    assert ids(after) == ids(reversed(six[2:]))
    assert ids(before) == ids(reversed(six[:3]))
    assert ids(provider.jobs(job_tags=["six"], start_datetime=third, end_datetime=third)) == ids(six[2:3])


def test_naive_times_are_local(provider, six):
    an_hour_ago = datetime.now() - timedelta(hours=1)  # noqa: DTZ005 - this is what is checked
    assert len(provider.jobs(limit=6, job_tags=["six"], start_datetime=an_hour_ago)) == 6
    assert provider.jobs(limit=6, job_tags=["six"], end_datetime=an_hour_ago) == []


def test_instance_can_be_named(provider, six):
    assert ids(provider.jobs(limit=6, job_tags=["six"], instance="ibm-q/open/main")) == ids(reversed(six))


def test_listed_job_knows_its_result(provider, six):
    newest = provider.jobs(limit=1, job_tags=["six"])[0]
    assert newest.result().get_counts() == {"0": 6}


def test_no_limit_gives_all(provider, six):
    assert set(ids(six)) <= set(ids(provider.backend.jobs(limit=500, job_tags=["six"])))


def test_unknown_job_is_not_found(provider):
    with pytest.raises(IBMJobNotFoundError, match="no-such-job"):
        provider.retrieve_job("no-such-job")


def test_unknown_instance_is_refused_in_a_listing(provider):
    with pytest.raises((IBMInputValueError, ValueError)):
        provider.jobs(instance="nonsense")
