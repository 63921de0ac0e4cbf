"""What a job says of itself, while it waits and when it has ended."""

from datetime import UTC, datetime, timedelta

import pytest
import qiskit
from waiting import ended


@pytest.fixture(scope="module")
def done(simulator):
    from qiskit import QuantumCircuit  # noqa: PLC0415 - a fixture of the module cannot take one of a function

    circuit = QuantumCircuit(1, 1, name="done")
    circuit.h(0)
    circuit.measure(0, 0)
    job = simulator.run(circuit, shots=20, job_tags=["one", "two"], header={"note": "x"}, seed_simulator=3)
    ended(job).result()
    return job


@pytest.fixture
def again(provider, done):
    return provider.retrieve_job(done.job_id())


def test_retrieved_job_is_the_same(done, again):
    assert again.job_id() == done.job_id()
    assert again.backend().name == "local_simulator"
    assert again.result().get_counts() == done.result().get_counts()


def test_creation_date_is_now_and_local(again):
    created = again.creation_date()
    assert timedelta(0) <= datetime.now(UTC) - created < timedelta(minutes=5)
    assert created.utcoffset() == created.astimezone().utcoffset()


def test_time_per_step_is_in_order(again):
    steps = again.time_per_step()
    assert list(steps) == ["created", "running", "finished"]
    assert steps["created"] <= steps["running"] <= steps["finished"]


def test_waiting_job_has_no_later_steps(slow):
    steps = slow(20).time_per_step()
    assert steps["created"]
    assert steps["finished"] is None


def test_tags_are_those_of_the_submission(again):
    assert sorted(again.tags()) == ["one", "two"]


def test_tags_can_be_replaced_and_taken_away(provider, simulator, bell):
    job = simulator.run(bell, shots=1, job_tags=["old"])
    job.refresh()
    assert sorted(job.update_tags(["new", "newer"])) == ["new", "newer"]
    assert sorted(provider.retrieve_job(job.job_id()).tags()) == ["new", "newer"]
    assert job.update_tags([]) == []
    assert provider.retrieve_job(job.job_id()).tags() == []


def test_client_version_is_that_which_submitted(again):
    assert again.client_version == {"qiskit": qiskit.__version__}


def test_circuits_are_those_of_the_submission(again):
    (circuit,) = again.circuits()
    assert circuit.name == "done"
    assert dict(circuit.count_ops()) == {"h": 1, "measure": 1}


def test_header_is_that_of_the_submission(again):
    assert again.header() == {"note": "x"}


def test_options_are_those_of_the_submission(again):
    options = again.backend_options()
    assert options["shots"] == 20
    assert options["seed_simulator"] == 3
    assert not {"circuits", "header"} & set(options)


def test_properties_are_those_of_the_day_of_the_job(slow, provider):
    job = slow(0.05)
    ended(job)
    properties = provider.retrieve_job(job.job_id()).properties()
    assert properties.last_update_date <= job.creation_date()
    assert properties.t1(0) == job.backend().properties().t1(0)


def test_waiting_job_has_a_place_in_the_queue(slow, until):
    first = slow(20)
    until(first.running)
    second, third = slow(20), slow(20)
    for job, position in ((second, 1), (third, 2)):
        job.status()
        info = job.queue_info()
        assert info.position == position
        assert str(position) in info.format()
        assert job.queue_position() == position
        assert job.queue_position(refresh=True) == position


def test_waiting_job_knows_when_it_will_run(slow, until):
    first = slow(20)
    until(first.running)
    second, third = slow(10), slow(10)
    infos = []
    for job in (second, third):
        job.status()
        infos.append(job.queue_info())
    assert infos[0].estimated_start_time < infos[0].estimated_complete_time
    assert infos[0].estimated_complete_time <= infos[1].estimated_start_time + timedelta(seconds=1)


def test_job_that_is_done_has_no_place_in_the_queue(again):
    again.status()
    assert again.queue_position(refresh=True) is None


def test_metrics_hold_times_and_usage(provider, done):
    metrics = provider._runtime_client.job_metadata(done.job_id())
    assert set(metrics["timestamps"]) == {"created", "running", "finished"}
    assert metrics["usage"]["quantum_seconds"] >= 0
    assert metrics["bss"]["seconds"] >= 0


def test_usage_of_a_device_is_estimated(slow):
    assert slow(2).usage_estimation["quantum_seconds"] == pytest.approx(2, abs=0.5)


def test_logs_are_there_when_the_job_has_ended(provider, done):
    assert "Completed" in provider._runtime_client.job_logs(done.job_id())


def test_refresh_learns_the_tags_that_another_gave(provider, simulator, bell):
    job = simulator.run(bell, shots=1)
    provider.retrieve_job(job.job_id()).update_tags(["by another"])
    job.refresh()
    assert job.tags() == ["by another"]
