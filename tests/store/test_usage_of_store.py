"""``store.usage()``: the charged seconds of all jobs, by tag, backend, instance and day."""

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from ibm_circuit_job import IBMBackendValueError, IBMProvider, Job, JobDetails, JobMetrics, JobStore

pytest_plugins = ["postgresql"]

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)


@pytest.fixture
def store(store_url):
    with JobStore(store_url) as store:
        yield store


def charged(job_id, seconds, *, day=0, tags=None, backend="ibm_a", **more):
    created = NOON + timedelta(days=day)
    return Job(
        job_id, details=JobDetails(NOON, created=created, tags=tags, backend=backend, charged_seconds=seconds, **more)
    )


def test_jobs_with_several_tags_count_for_each_tag(store):
    store.save_all([charged("a", 2.0, tags=["x", "y"]), charged("b", 0.5, tags=["y"])])
    assert store.usage(by="tag") == {"x": 2.0, "y": 2.5}


def test_jobs_without_tags_are_under_an_empty_name(store):
    store.save_all([charged("a", 2.0), charged("b", 0.5, tags=[])])
    assert store.usage() == {"": 2.5}


def test_backends_and_days_are_summed(store):
    store.save_all([charged("a", 2.0), charged("b", 1.0, day=1), charged("c", 4.0, day=1, backend=None)])
    assert store.usage(by="backend") == {"": 4.0, "ibm_a": 3.0}
    assert store.usage(by="day") == {"2024-02-03": 2.0, "2024-02-04": 5.0}


@pytest.mark.parametrize(
    ("created", "day"),
    [
        (datetime(2024, 2, 3, tzinfo=UTC), "2024-02-03"),
        (datetime(2024, 2, 3, 23, 59, 59, 999_999, tzinfo=UTC), "2024-02-03"),
        (datetime(1969, 12, 31, 23, tzinfo=UTC), "1969-12-31"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01"),
        (datetime(9999, 12, 31, 23, tzinfo=UTC), "9999-12-31"),
    ],
)
def test_days_begin_at_midnight_in_utc(store, created, day):
    store.save(Job("a", details=JobDetails(NOON, created=created, charged_seconds=1)))
    assert store.usage(by="day") == {day: 1.0}


def test_instances_are_those_of_the_services(store):
    store.save(charged("a", 2.0), service="https://one crn:v1:x")
    store.save(charged("b", 1.0), service="https://one crn:v1:y")
    store.save(charged("c", 4.0))
    assert store.usage(by="instance") == {"": 4.0, "crn:v1:x": 2.0, "crn:v1:y": 1.0}
    assert store.usage(by="instance", service="https://one crn:v1:x") == {"": 4.0, "crn:v1:x": 2.0}


@pytest.mark.parametrize("name", ["naïve", "x" * 300, "sha256:really"])
def test_names_that_no_column_has_are_read_from_a_record(store, name):
    store.save(charged("a", 2.0, tags=["x", name], backend=name), service=f"https://one {name}")
    assert store.usage(by="tag") == {name: 2.0, "x": 2.0}
    assert store.usage(by="backend") == store.usage(by="instance") == {name: 2.0}


def test_groups_without_a_figure_are_left_out(store):
    store.save_all([charged("a", None, tags=["x"]), charged("b", 0.0, tags=["y"])])
    assert store.usage(by="tag") == {"y": 0.0}


def test_charges_that_are_pending_count_nothing(store):
    store.save(Job("a", metrics=JobMetrics(NOON, charged_seconds=9, usage_status="pending")))
    assert store.usage(by="tag") == {"": 0.0}


def test_only_jobs_of_a_time_are_summed(store):
    store.save_all([charged("a", 2.0), charged("b", 1.0, day=1), charged("c", 4.0, day=2)])
    since, until = NOON + timedelta(days=1), NOON + timedelta(days=1, hours=1)
    assert store.usage(by="day", start_datetime=since, end_datetime=until) == {"2024-02-04": 1.0}
    assert store.usage(by="tag", start_datetime=since) == {"": 5.0}


@pytest.mark.parametrize("by", ["week", None, 1, ["tag"]])
def test_other_groups_are_refused_with_those_there_are(store, by):
    with pytest.raises(IBMBackendValueError, match="expected by to be one of 'tag', 'backend', 'day', 'instance', got"):
        store.usage(by=by)


def test_damaged_records_do_not_hide_the_sums_of_others(tmp_path, caplog):
    path = tmp_path / "jobs.sqlite"
    with JobStore(path) as store:
        store.save_all([charged("a", 2.0, backend="naïve"), charged("b", 1.0, backend="naïve")])
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE jobs SET record = '{}' WHERE job_id = 'a'")
    with JobStore(path) as store:
        assert store.usage(by="backend") == {"naïve": 3.0}


def test_each_job_comes_with_its_bodies_in_order_of_time(store, monkeypatch):
    monkeypatch.setattr("ibm_circuit_job.store.survey._PAGE", 2)
    jobs = [charged(f"j{number}", 1.0, day=number % 3) for number in range(7)]
    store.save_all(jobs, service="https://one x")
    expected = sorted(jobs, key=lambda job: (job.created, job.job_id))
    assert list(store.each()) == expected
    assert list(store.each(service="https://other x")) == []


def test_jobs_that_ran_are_summed_by_the_figure_of_the_service(tmp_path):
    from qiskit import QuantumCircuit  # noqa: PLC0415

    circuit = QuantumCircuit(1)
    circuit.measure_all()
    with JobStore(tmp_path / "jobs.sqlite") as store, IBMProvider.local(store=store) as provider:
        job = provider.get_backend("local_5q").run(circuit, shots=100, job_tags=["x"])
        job.result(timeout=60)
        used = job.usage()
        assert used > 0
        assert store.usage(by="tag") == {"x": pytest.approx(used)}
        assert store.usage(by="backend") == {"local_5q": pytest.approx(used)}
