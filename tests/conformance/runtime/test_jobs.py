"""What a job says of itself, and finding jobs again."""

from datetime import UTC, datetime, timedelta

import pytest
from qiskit import QuantumCircuit
from qiskit_ibm_runtime.exceptions import RuntimeJobNotFound


def ids(jobs):
    return [job.job_id() for job in jobs]


@pytest.fixture(scope="module")
def six(simulator, sample):
    """Six jobs, the oldest first."""
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    jobs = [
        sample(simulator, circuit, shots=number + 1, tags=["six", "even" if number % 2 == 0 else "odd"])
        for number in range(6)
    ]
    for job in jobs:
        job.wait_for_final_state(timeout=60, poll_interval=0.1)
    return jobs


@pytest.fixture
def again(service, six):
    return service.job(six[0].job_id())


def test_retrieved_job_is_the_same(six, again, services):
    assert again.job_id() == six[0].job_id()
    assert again.primitive_id == "sampler"
    assert again.backend().name == "local_simulator"
    assert again.instance == services.plain.instance
    assert not again.private
    assert again.result()[0].data.c.get_counts() == {"0": 1}


def test_creation_date_is_now_and_local(six):
    created = six[0].creation_date
    assert timedelta(0) <= datetime.now(UTC) - created < timedelta(minutes=5)
    assert created.utcoffset() == created.astimezone().utcoffset()


def test_inputs_are_those_of_the_submission(again):
    inputs = again.inputs
    circuit, _, shots = inputs["pubs"][0]
    assert dict(circuit.count_ops()) == {"measure": 1}
    assert shots == 1
    assert inputs["version"] == 2


def test_tags_are_those_of_the_submission(again):
    assert sorted(again.tags) == ["even", "six"]


def test_tags_can_be_replaced_and_taken_away(service, simulator, bell, sample):
    job = sample(simulator, bell, tags=["old"])
    for tags in (["new", "newer"], ["old", "foo"], []):
        assert sorted(job.update_tags(tags)) == sorted(tags)
        assert sorted(job.tags) == sorted(service.job(job.job_id()).tags) == sorted(tags)


def test_metrics_hold_times_and_usage(six):
    metrics = six[0].metrics()
    times = [datetime.fromisoformat(metrics["timestamps"][step]) for step in ("created", "running", "finished")]
    assert times == sorted(times)
    assert metrics["usage"]["status"] == "complete"
    assert metrics["qiskit_version"]


def test_usage_is_told_when_the_job_has_ended(slow):
    job = slow(1)
    assert job.usage() == 0
    job.wait_for_final_state(timeout=60)
    assert job.usage() == pytest.approx(1, abs=0.7)
    assert job.usage(partial=True) == job.usage()


def test_usage_of_a_device_is_estimated(slow):
    assert slow(2).usage_estimation["quantum_seconds"] == pytest.approx(2, abs=0.5)


def test_logs_are_there_when_the_job_has_ended(six, slow):
    assert slow(20).logs() == ""
    assert "Completed" in six[0].logs()


def test_properties_are_those_of_the_time_of_the_run(slow):
    job = slow(0.05)
    job.wait_for_final_state(timeout=60)
    assert job.properties().last_update_date <= job.creation_date
    assert job.properties().t1(0) > 0


def test_newest_come_first(service, six):
    assert ids(service.jobs(job_tags=["six"])) == ids(reversed(six))


def test_oldest_come_first_where_asked_for(service, six):
    assert ids(service.jobs(job_tags=["six"], descending=False)) == ids(six)


def test_pages_can_be_skipped(service, six):
    pages = [ids(service.jobs(limit=2, skip=skip, job_tags=["six"])) for skip in (0, 2, 4)]
    assert [job_id for page in pages for job_id in page] == ids(reversed(six))


def test_no_limit_gives_all(service, six):
    found = ids(service.jobs(limit=None))
    assert set(ids(six)) <= set(found)
    assert len(found) == len(set(found))


def test_all_tags_must_be_there(service, six):
    assert ids(service.jobs(job_tags=["six", "odd"])) == ids(reversed(six[1::2]))
    assert service.jobs(job_tags=["six", "phantom"]) == []


def test_backend_can_be_chosen(service, six, slow):
    job = slow(0.05)
    found = service.jobs(backend_name="local_5q", limit=100)
    assert job.job_id() in ids(found)
    assert {each.backend().name for each in found} == {"local_5q"}
    assert not set(ids(six)) & set(ids(found))


def test_pending_and_ended_are_told_apart(service, six, slow):
    job = slow(20)
    assert job.job_id() in ids(service.jobs(pending=True))
    assert not set(ids(six)) & set(ids(service.jobs(pending=True, limit=100)))
    ended = ids(service.jobs(pending=False, limit=200))
    assert job.job_id() not in ended
    assert set(ids(six)) <= set(ended)


def test_program_can_be_chosen(service, six):
    assert ids(service.jobs(program_id="sampler", job_tags=["six"])) == ids(reversed(six))
    assert service.jobs(program_id="estimator") == []


def test_time_of_creation_can_be_bounded(service, six):
    third = six[2].creation_date
    assert ids(service.jobs(job_tags=["six"], created_after=third)) == ids(reversed(six[2:]))
    assert ids(service.jobs(job_tags=["six"], created_before=third)) == ids(reversed(six[:3]))
    assert ids(service.jobs(job_tags=["six"], created_after=third, created_before=third)) == ids(six[2:3])


def test_naive_times_are_local(service, six):
    an_hour_ago = datetime.now() - timedelta(hours=1)  # noqa: DTZ005 - this is what is checked
    assert len(service.jobs(job_tags=["six"], created_after=an_hour_ago)) == 6
    assert service.jobs(job_tags=["six"], created_before=an_hour_ago) == []


def test_session_that_has_no_jobs_finds_none(service, six):
    assert service.jobs(session_id="no-such-session") == []


def test_instance_can_be_named(service, services, six):
    assert ids(service.jobs(job_tags=["six"], instance=services.plain.instance)) == ids(reversed(six))


def test_unknown_job_is_not_found(service):
    with pytest.raises(RuntimeJobNotFound, match="no-such-job"):
        service.job("no-such-job")
