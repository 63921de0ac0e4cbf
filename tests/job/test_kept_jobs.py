"""Jobs that are kept in a store: written down before anything else, and back after the process is gone."""

import contextlib
import copy
import gc
import hashlib
import logging
import os
import pickle
import signal
import sqlite3
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from qiskit import QuantumCircuit
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import (
    IBMCircuitJob,
    IBMJobApiError,
    IBMJobTimeoutError,
    IBMProvider,
    Job,
    JobStore,
    JobStoreError,
    ResultPayload,
)
from ibm_circuit_job.account.retired_backend import IBMRetiredBackend
from ibm_circuit_job.clients import ClientParameters, RequestFailed, RuntimeClient, http
from ibm_circuit_job.clients.foreign import adapted
from ibm_circuit_job.errors import (
    IBMAccountError,
    IBMBackendApiError,
    IBMBackendValueError,
    JobStoreDamagedError,
    Refused,
    Unreachable,
)
from ibm_circuit_job.job import journal as journals
from ibm_circuit_job.job.journal import write_pending
from ibm_circuit_job.state.facts import JobDetails
from ibm_circuit_job.store import Writing, opening
from ibm_circuit_job.testing import ScriptedClient
from ibm_circuit_job.wire.replies import status_report

QUEUED = b'{"id": "a", "state": {"status": "Queued"}}'
DONE = (
    b'{"id": "a", "state": {"status": "Completed"}, "backend": "b", "tags": ["x"], "created": "2024-02-03T10:11:12Z"}'
)
FAILED = b'{"id": "a", "state": {"status": "Failed"}}'
# With the ID of a simulator's own, which fits any job.
BODY = b'{"backend_name": "b", "backend_version": "1", "job_id": "6ac2f5e8-2c9b", "success": true, "results": []}'
BROKEN = b'{"results": 3}'
METRICS = (
    b'{"timestamps": {"running": "2024-02-03T10:11:13Z", "finished": "2024-02-03T10:11:14Z"}, "usage": {"seconds": 2}}'
)


@pytest.fixture
def store(tmp_path):
    with JobStore(tmp_path / "jobs.sqlite") as store:
        yield store


@pytest.fixture
def kept_provider(provider, store):
    """A provider of the one service of these tests, with a store."""
    return IBMProvider(provider.token, provider.url, store=store)


def kept(store, *replies, **scripts):
    client = ScriptedClient(replies, **scripts)
    return IBMCircuitJob(None, None, "a", runtime_client=client, store=store), client


# Written down


def test_what_is_learned_is_kept(store):
    job, _ = kept(store, QUEUED, DONE)
    job.status()
    assert store.record("a").status.status is JobStatus.QUEUED
    job.status()
    assert store.record("a") == job.state


def test_the_same_thing_said_again_is_not_written_again(store):
    job, _ = kept(store, QUEUED)
    for _ in range(3):
        job.status()
    assert len(store.history("a")) == 1


def test_details_repeated_after_a_change_of_tags_are_a_change(store):
    said = DONE.replace(b"Completed", b"Running")
    job, client = kept(store, said, said, said.replace(b'"x"', b'"y"'), said)
    job.status()
    assert job.update_tags(["y"]) == ["y"]
    assert store.record("a").tags == ("y",)
    job.refresh()
    assert job.tags() == ["x"]
    assert store.record("a").tags == ("x",)
    assert ("update_tags", "a") in client.calls


def test_result_is_stored_before_a_next_request_and_decoding(store):
    """What a client sees of its answer's way: the answer to the next question comes after it was stored."""

    class Watching(ScriptedClient):
        stored = None

        def job_metadata(self, job_id):
            self.stored = store.load("a").payload
            return super().job_metadata(job_id)

    broken = b"neither JSON nor an error's text"
    client = Watching([DONE], results=[broken, BODY], metrics=[METRICS])
    job = IBMCircuitJob(None, None, "a", runtime_client=client, store=store)
    assert job.result().success
    assert [fact.raw for fact in store.history("a") if isinstance(fact, ResultPayload)] == [broken, BODY]
    assert client.stored.raw == BODY


def test_whoever_submits_is_known_before_run_returns(kept_provider, store, bell):
    job = kept_provider.get_backend("local_simulator").run(bell)
    assert [kept.job_id() for kept in store.jobs()] == [job.job_id()]
    assert store.jobs()[0].circuits()[0].name == "bell"


def test_tags_and_names_that_were_given_are_kept(store):
    job, _ = kept(store, DONE, DONE.replace(b'"x"', b'"y"'))
    job.update_name("bell")
    job.update_tags(["y"])
    assert (store.record("a").name, store.record("a").tags) == ("bell", ("y",))


def test_what_the_constructor_was_told_is_kept(store):
    IBMCircuitJob(None, None, "a", tags=["x"], status="Completed", result=BODY, store=store)
    assert store.jobs()[0].tags() == ["x"]
    assert store.jobs()[0].result().success


class NotingStore(JobStore):
    """A store that notes how it was told to save."""

    def __init__(self, path):
        super().__init__(path)
        self.hows = []

    def save(self, job, *, how=Writing.SYNCED, **more):
        self.hows.append(how)
        super().save(job, how=how, **more)


@pytest.mark.parametrize("label", [{"tags": ["x"]}, {"name": "x"}])
def test_labels_given_to_the_constructor_are_on_the_disk(tmp_path, label):
    with NotingStore(tmp_path / "jobs.sqlite") as store:
        IBMCircuitJob(None, None, "a", **label, store=store)
        IBMCircuitJob(None, None, "b", **label).keep_in(store)
        assert store.hows == [Writing.SYNCED, Writing.SYNCED]


def test_labels_given_before_there_was_a_store_are_on_the_disk(tmp_path):
    job = IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient([DONE]))
    job.update_tags(["y"])
    with NotingStore(tmp_path / "jobs.sqlite") as store:
        job.keep_in(store)
        assert store.hows == [Writing.SYNCED]


def test_what_the_service_said_is_not_waited_for(tmp_path):
    job = IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient([DONE]))
    job.refresh()
    with NotingStore(tmp_path / "jobs.sqlite") as store:
        job.keep_in(store)
        assert store.hows == [Writing.SOON]


def test_job_that_was_handled_without_a_store_can_be_kept_later(store):
    job = IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient([DONE], results=[BODY]))
    assert job.result().success
    assert job.store is None
    job.keep_in(store)
    assert job.store is store
    assert store.load("a").payload.raw == BODY
    assert job.state.payload is None
    assert job.result().success


# Back again


def test_ended_job_answers_from_the_store_without_a_request(store):
    job, _ = kept(store, DONE, results=[BODY], metrics=[METRICS])
    told = job.result().to_dict()
    [back] = store.jobs()
    assert back.client is None
    assert back.status() is JobStatus.DONE
    assert back.result().to_dict() == told
    assert (back.tags(), back.creation_date(), back.usage()) == (["x"], job.creation_date(), 2.0)
    assert back.time_per_step() == job.time_per_step()
    assert (back.metrics(), back.queue_info(), back.name()) == (job.metrics(), None, None)
    assert back.session_id is None


def test_handle_made_with_a_store_knows_what_is_kept(store):
    kept(store, DONE, results=[BODY])[0].result()
    job, client = kept(store, DONE)
    assert job.result().success
    assert client.calls == []


def test_record_of_a_store_becomes_a_handle(store):
    kept(store, DONE, results=[BODY])[0].result()
    job = IBMCircuitJob.from_store(store, store.record("a"))
    assert job.store is store
    assert job.result().success


def test_job_that_failed_says_why_from_the_store(store):
    job, _ = kept(store, FAILED, results=[b"qiskit.JobError: 'Too many shots.'"])
    assert job.error_message() == "Too many shots."
    assert store.jobs()[0].error_message() == "Too many shots."


def test_older_result_is_there_when_the_newest_cannot_be_read(store):
    job, _ = kept(store, DONE, results=[BODY, BROKEN])
    job.result()
    with pytest.raises(IBMJobApiError):
        job.result(refresh=True)
    assert store.load("a").payload.raw == BROKEN
    assert store.jobs()[0].result().success


def test_sampled_circuits_are_named_from_the_stored_submission(provider, store, bell):
    with IBMProvider.local(channel="ibm_quantum_platform", store=store) as platform:
        platform.get_backend("local_simulator").run(bell, shots=10).result()
    [back] = store.jobs()
    assert back.result().results[0].header["name"] == "bell"
    assert back.circuits()[0].name == "bell"


def test_retrieved_job_that_has_ended_is_not_asked_for(kept_provider, bell):
    job = kept_provider.get_backend("local_simulator").run(bell, shots=10)
    counts = job.result().get_counts()
    kept_provider.close()
    served = kept_provider.runtime_client.job_get
    kept_provider.runtime_client.job_get = None
    try:
        back = kept_provider.retrieve_job(job.job_id())
        assert back.result().get_counts() == counts
        assert back.backend().name == "local_simulator"
    finally:
        kept_provider.runtime_client.job_get = served


def test_jobs_of_the_store_are_listed_offline(kept_provider, bell):
    backend = kept_provider.get_backend("local_simulator")
    jobs = [backend.run(bell, shots=10, job_tags=["offline", f"number-{number}"]) for number in range(2)]
    jobs[0].result()
    kept_provider.runtime_client.jobs_get = None
    listed = kept_provider.jobs(offline=True, job_tags=["offline"], descending=False)
    assert [job.job_id() for job in listed] == [job.job_id() for job in jobs]
    assert [job.job_id() for job in kept_provider.jobs(offline=True, status="DONE")] == [jobs[0].job_id()]
    jobs[1].result()


def test_listing_keeps_what_it_shows(provider, kept_provider, store, simulator, bell):
    job = simulator.run(bell, shots=10, job_tags=["kept by listing"])
    job.wait_for_final_state(timeout=30)
    assert store.jobs() == []
    [listed] = kept_provider.jobs(job_tags=["kept by listing"])
    assert store.record(job.job_id()) == listed.state
    assert [back.tags() for back in store.jobs(job_tags=["kept by listing"])] == [["kept by listing"]]


def test_jobs_that_are_not_over_are_resumed(provider, kept_provider, store, bell):
    backend = kept_provider.get_backend("local_simulator")
    read, unread = backend.run(bell, shots=10), backend.run(bell, shots=10)
    read.result()
    unread.wait_for_final_state(timeout=30)
    with_store = IBMProvider(provider.token, provider.url, store=store)
    resumed = with_store.resume()
    assert [job.job_id() for job in resumed] == [unread.job_id()]
    assert resumed[0].result().get_counts().keys() <= {"00", "11"}
    assert with_store.resume() == []


def test_job_with_only_the_url_of_its_result_is_resumed(kept_provider, store, bell):
    job = kept_provider.get_backend("local_simulator").run(bell, shots=10)
    job.wait_for_final_state(timeout=30)
    place = ResultPayload(datetime.now(UTC), b'{"url": "%s/objects/gone"}' % kept_provider.url[:-4].encode())
    store.save(Job(job.job_id(), payload=place), service=kept_provider.service)
    assert [resumed.job_id() for resumed in kept_provider.resume()] == [job.job_id()]
    job.result()
    assert kept_provider.resume() == []


def test_result_just_read_by_another_process_is_in_the_store(store):
    """As seen by the slower of two."""

    class Slower(ScriptedClient):
        def job_results(self, job_id):
            IBMCircuitJob(None, None, job_id, status="Completed", result=BODY, store=store)
            return super().job_results(job_id)

    gone = Refused("read it", "http://127.0.0.1", 404, "It was read.")
    job = IBMCircuitJob(None, None, "a", runtime_client=Slower([DONE], results=[gone]), store=store)
    assert job.result().success


def test_job_unknown_to_the_service_is_not_resumed(kept_provider, store, caplog):
    store.save(Job("gone"), service=kept_provider.service)
    assert kept_provider.resume() == []
    assert "Left out, because the service does not have them: 1 job." in caplog.text


def test_job_of_another_service_on_this_machine_is_left_out_silently(kept_provider, store, caplog):
    """All of them are one service to a store, for one goes on with what another has stored."""
    at = datetime.now(UTC)
    store.save(
        Job("theirs", details=JobDetails(at, service_url="http://127.0.0.1:9/api")), service=kept_provider.service
    )
    assert kept_provider.resume() == []
    assert "Left out" not in caplog.text
    here = JobDetails(at, service_url=kept_provider.account_client.params.url)
    store.save(Job("ours", details=here), service=kept_provider.service)
    assert kept_provider.resume() == []
    assert "Left out, because the service does not have them: 1 job." in caplog.text


@pytest.mark.parametrize("answer", [403, 400, "unreadable"])
def test_job_the_service_does_not_report_delays_no_other(kept_provider, store, bell, caplog, monkeypatch, answer):
    """Such as one of another account; one of which it says what cannot be read is ours all the same."""
    job = kept_provider.get_backend("local_simulator").run(bell)
    store.save(Job("foreign"))
    ask = kept_provider.runtime_client.job_get

    def answers(job_id, **options):
        if job_id != "foreign":
            return ask(job_id, **options)
        if answer == "unreadable":
            return b'{"id": "foreign", "state": {"status": 5}}'
        raise RequestFailed(Refused("read job foreign", "http://127.0.0.1", answer, "No."))

    monkeypatch.setattr(kept_provider.runtime_client, "job_get", answers)
    resumed = {found.job_id() for found in kept_provider.resume()}
    assert resumed == {job.job_id()} | ({"foreign"} if answer == "unreadable" else set())
    assert "job foreign " in caplog.text.lower()


@pytest.mark.parametrize("answer", [401, 403, 503])
def test_service_that_tells_of_no_job_is_an_error(kept_provider, store, monkeypatch, answer):
    store.save_all(Job(job_id) for job_id in "ab")

    def refuse(job_id, **_):
        raise RequestFailed(Refused(f"read job {job_id}", "http://127.0.0.1", answer, "No."))

    monkeypatch.setattr(kept_provider.runtime_client, "job_get", refuse)
    with pytest.raises(IBMJobApiError, match=f"could not read job a: .* {answer}: No"):
        kept_provider.resume()


def test_done_job_unknown_to_the_service_is_not_resumed(kept_provider, store):
    for said in ("Running", "Completed"):
        report = status_report(said, datetime.now(UTC))
        store.save_all([Job(f"gone-{number}", status=report) for number in range(5)], service=kept_provider.service)
    assert len(store.unfinished()) == 5
    assert kept_provider.resume() == []


def test_job_that_was_over_when_it_was_listed_is_not_resumed(simulator, kept_provider, store, bell):
    job = simulator.run(bell, shots=10)
    job.wait_for_final_state(timeout=30)
    assert kept_provider.jobs(limit=None)
    assert job.job_id() in {record.job_id for record in store.records(status="DONE")}
    assert job.job_id() not in {resumed.job_id() for resumed in kept_provider.resume()}


@pytest.mark.parametrize(
    ("status", "is_visible", "ended", "is_resumed"),
    [(410, True, "then", False), (404, True, "then", False), (404, False, "then", True), (404, True, "now", True)],
)
def test_job_whose_result_somebody_else_has_read_is_not_resumed(store, status, is_visible, ended, is_resumed):
    """Who cannot see the job may be another account; and of one that ended just now, somebody may read it now."""
    refused = Refused("read it", "http://127.0.0.1", status, "It is not here.")
    private = DONE.replace(b'"tags"', b'"private": true, "tags"')
    client = ScriptedClient([QUEUED, private, private if is_visible else refused], results=[refused])
    if ended == "then":
        store.save(Job("a", status=status_report("Running", datetime(2024, 2, 3, tzinfo=UTC))))
        store.save(Job("a", status=status_report("Completed", datetime(2024, 2, 4, tzinfo=UTC))))
        client = ScriptedClient([private if is_visible else refused], results=[refused])
    job = IBMCircuitJob(None, None, "a", runtime_client=client, store=store)
    job.status()
    with pytest.raises(IBMJobApiError, match=r"read only once|It is not here"):
        job.result()
    assert [record.job_id for record in store.unfinished()] == (["a"] if is_resumed else [])


@pytest.mark.parametrize("body", [b'{"message": "try later"}', b'{"results": [', b"<html></html>", b""])
def test_job_with_a_body_that_is_no_result_is_unfinished(store, body):
    now = datetime.now(UTC)
    store.save(Job("a", status=status_report("Completed", now), payload=ResultPayload(now, body)))
    assert [job.job_id for job in store.unfinished()] == ["a"]
    store.save(Job("a", payload=ResultPayload(now - timedelta(seconds=1), BODY)))
    assert store.unfinished() == []


def test_service_is_named_with_its_instance_and_no_credentials():
    def named(**given):
        return adapted(RuntimeClient(ClientParameters(token="secret", **given))).service

    classic = {"url": "https://classic.example/api", "channel": "ibm_quantum"}
    assert named(instance="a/b/c", **classic) == "https://classic.example/api a/b/c"
    assert named(instance="d/e/f", **classic) != named(instance="a/b/c", **classic)
    assert named(url="http://127.0.0.1:1/api") == named(url="http://localhost:2/api") == "this machine"
    assert adapted(ScriptedClient()).service is None


def test_jobs_of_another_instance_are_not_listed_offline(kept_provider):
    with pytest.raises(IBMBackendValueError, match="the provider's own offline"):
        kept_provider.jobs(offline=True, instance="no/such/one")


def test_jobs_of_another_service_are_not_resumed(kept_provider, store):
    store.save(Job("elsewhere"), service="https://elsewhere.example")
    assert kept_provider.resume() == []
    assert kept_provider.jobs(offline=True) == []


def test_resuming_without_a_store_says_what_is_missing(provider):
    for ask in (provider.resume, lambda: provider.jobs(offline=True)):
        with pytest.raises(JobStoreError, match="this provider has no store"):
            ask()


def test_attached_job_is_kept(kept_provider, provider, store, simulator, bell):
    job = pickle.loads(pickle.dumps(simulator.run(bell, shots=10)))
    assert job.store is None
    assert kept_provider.attach(job).store is store
    assert store.record(job.job_id()) is not None
    job.result()


def test_local_service_keeps_its_jobs_by_default(tmp_path, monkeypatch, bell):
    monkeypatch.setenv("IBM_CIRCUIT_JOB_STORE", str(tmp_path / "kept" / "jobs.sqlite"))
    with IBMProvider.local() as first:
        counts = first.get_backend("local_simulator").run(bell, shots=10, job_tags=["kept"]).result().get_counts()
    with IBMProvider.local() as second:
        [job] = second.jobs(offline=True, job_tags=["kept"])
        assert second.retrieve_job(job.job_id()).result().get_counts() == counts


@pytest.mark.parametrize("channel", ["ibm_quantum", "ibm_quantum_platform"])
def test_provider_of_a_service_that_is_down_has_stored_jobs(tmp_path, store, bell, caplog, monkeypatch, channel):
    # Each request is tried once, for nobody comes up meanwhile.
    monkeypatch.setattr(http, "RETRY", http.ONCE)
    data = tmp_path / "service"
    with IBMProvider.local(data=data, channel=channel, store=store, seed=1) as provider:
        token, url = provider.token, provider.url
        job = provider.get_backend("local_simulator").run(bell, shots=10, private=True)
        counts = job.result().get_counts()
    with pytest.raises(IBMAccountError, match="check the url"):
        IBMProvider(token, url, channel=channel)
    offline = IBMProvider(token, url, channel=channel, store=store)
    assert "Only the jobs of the store can be used until the service can be reached" in caplog.text
    assert offline.retrieve_job(job.job_id()).result().get_counts() == counts
    assert [listed.result().get_counts() for listed in offline.jobs(offline=True)] == [counts]
    for ask, error in (
        (lambda: offline.get_backend("local_simulator"), IBMBackendApiError),
        (offline.backends, IBMBackendApiError),
        (offline.jobs, IBMJobApiError),
        (offline.resume, IBMJobApiError),
        (lambda: offline.instance, IBMAccountError),
    ):
        with pytest.raises(error, match="no answer from"):
            ask()
    unended = store.jobs()[0]
    assert isinstance(offline.attach(unended).backend(), IBMRetiredBackend)
    with IBMProvider.local(port=urlsplit(url).port, data=data, channel=channel, store=None):
        # Whoever asks first logs in, a handle too.
        back = offline.jobs(offline=True)[0]
        back.refresh()
        again = offline.get_backend("local_simulator").run(bell, shots=10)
        assert again.result().get_counts().keys() <= {"00", "11"}
        assert offline.instance
    offline.close()


def test_wrong_token_is_refused_with_a_store_too(provider, store):
    with pytest.raises(IBMAccountError, match="check the token"):
        IBMProvider("wrong", provider.url, store=store)


def test_silence_about_jobs_does_not_make_them_unknown(kept_provider, store, caplog):
    store.save(Job("a"), service=kept_provider.service)
    kept_provider.runtime_client.job_get = ScriptedClient([Refused("read it", "http://127.0.0.1", 403, "No.")]).job_get
    with pytest.raises(IBMJobApiError, match="403: No"):
        kept_provider.resume()
    assert "left out" not in caplog.text


def test_resumed_job_knows_the_backend_it_learned(kept_provider, bell):
    job_id = kept_provider.get_backend("local_simulator").run(bell, shots=10).job_id()
    [back] = kept_provider.resume()
    assert back.job_id() == job_id
    assert back.backend().name == "local_simulator"
    back.result()


def test_service_of_a_job_is_called_by_the_name_that_says_most(store):
    names = ["https://service.example", "https://service.example one", "https://service.example"]
    for name in names:
        store.save(Job("a"), service=name)
    assert store.records(service="https://service.example two") == []
    assert store.records(service="https://service.example one") == [Job("a")]


def test_jobs_of_an_unknown_instance_belong_to_any(store):
    for instance in ("one", "other"):
        store.save(Job(instance), service=f"https://service.example {instance}")
    store.save(Job("somewhere"), service="https://service.example")
    store.save(Job("elsewhere"), service="https://service.example.org one")

    def found(service):
        return sorted(record.job_id for record in store.records(service=service))

    assert found("https://service.example") == ["one", "other", "somewhere"]
    assert found("https://service.example one") == ["one", "somewhere"]


def test_copy_and_pickle_have_the_result(store):
    job, client = kept(store, DONE, results=[BODY])
    told = job.result().to_dict()
    copied, pickled = copy.copy(job), pickle.loads(pickle.dumps(job))
    assert copied.store is store
    assert pickled.store is None
    assert copied.result().to_dict() == pickled.result().to_dict() == told
    assert client.calls.count(("job_results", "a")) == 1


def test_pickled_stored_job_knows_the_names_of_its_experiments(kept_provider, store):
    circuit = QuantumCircuit(1, name="flip")
    circuit.x(0)
    circuit.measure_all()
    kept_provider.get_backend("local_simulator").run(circuit, shots=10).result()
    [job] = store.jobs()
    pickled = pickle.loads(pickle.dumps(job))
    assert pickled.result().get_counts("flip") == {"1": 10}
    assert pickled.circuits()[0].name == "flip"


def test_pickle_has_a_result_where_there_is_one(store):
    """Though what came last is none."""
    job, _ = kept(store, DONE, results=[BODY, b'{"message": "Try later."}'])
    job.result()
    with pytest.raises(IBMJobApiError):
        job.result(refresh=True)
    assert pickle.loads(pickle.dumps(job)).result().success


def test_inputs_and_result_go_along_into_another_store(kept_provider, tmp_path, bell):
    job = kept_provider.get_backend("local_simulator").run(bell, shots=10, private=True)
    counts = job.result().get_counts()
    with JobStore(tmp_path / "first.sqlite") as first, JobStore(tmp_path / "second.sqlite") as second:
        job.keep_in(first)
        assert job.result().get_counts() == counts
        for back in first.jobs():
            back.keep_in(second)
        [last] = second.jobs()
        assert last.result().get_counts() == counts
        assert last.circuits()[0].name == "bell"


def test_given_result_is_returned_with_and_without_a_store(store):
    given = {"result": BODY, "store": store}
    assert IBMCircuitJob(None, None, "a", **given).result().success
    client = ScriptedClient([QUEUED])
    assert IBMCircuitJob(None, client, "b", **given).result(timeout=1).success
    assert client.calls == []


def test_result_that_is_read_again_is_kept_again(store):
    job, _ = kept(store, DONE, results=[BODY])
    job.result()
    store.delete("a")
    job.result(refresh=True)
    assert store.payload("a").raw == BODY


def test_failed_second_reading_is_an_error_and_loses_nothing(store):
    gone = Refused("read it", "http://127.0.0.1", 410, "It was read.")
    job, _ = kept(store, DONE, results=[BODY, gone])
    job.result()
    with pytest.raises(IBMJobApiError, match="read only once"):
        job.result(refresh=True)
    assert job.result().success


def test_metrics_are_those_of_the_end_whichever_handle_saw_it(store):
    first, _ = kept(store, DONE, results=[BODY], metrics=[METRICS])
    first.result()
    later = status_report("Completed", datetime.now(UTC))
    store.save(Job("a", status=later))
    [back] = store.jobs()
    assert back.state.status == later
    assert (back.usage(), back.metrics()) == (2.0, first.metrics())


def test_job_that_ended_without_usage_has_none_offline(store):
    job, _ = kept(store, DONE, results=[BODY], metrics=[b'{"timestamps": {"finished": "2024-02-03T10:11:14Z"}}'])
    job.result()
    assert store.jobs()[0].usage() == 0.0


def test_partial_result_survives_a_later_outage_page(store):
    job, _ = kept(store, FAILED, results=[BODY, b"<html>Bad gateway</html>"])
    assert not job.result(partial=True).success
    with pytest.raises(IBMJobTimeoutError, match="got HTML"):
        job.result(timeout=1, partial=True, refresh=True)
    assert not job.result(partial=True).success
    assert not store.jobs()[0].result(partial=True).success


# Clients of anybody's


class Proxy:
    """A client that hands on whatever it is asked."""

    def __init__(self, client):
        self._client = client

    def job_get(self, *given, **named):
        return self._client.job_get(*given, **named)

    def job_results(self, *given, **named):
        return self._client.job_results(*given, **named)

    def job_metadata(self, *given, **named):
        raise NotImplementedError


def test_result_through_anybodys_client_is_kept(store, caplog):
    client = Proxy(ScriptedClient([DONE], results=[BODY]))
    job = IBMCircuitJob(None, None, "a", runtime_client=client, store=store)
    assert job.result().success
    assert store.payload("a").raw == BODY
    assert "Could not save the metrics of job a: NotImplementedError" in caplog.text


# Memory


def test_result_is_decoded_once_as_long_as_somebody_holds_it(tmp_path):
    with JobStore(tmp_path / "jobs.sqlite", results_held=0) as store:
        job, client = kept(store, DONE, results=[BODY])
        result = job.result()
        assert job.result() is result
        dead = weakref.ref(result)
        del result
        assert dead() is None
        assert job.result().success
        assert job.state.payload is None
        assert client.calls.count(("job_results", "a")) == 1


def test_results_that_were_asked_for_last_are_held(tmp_path):
    with JobStore(tmp_path / "jobs.sqlite", results_held=1) as store:
        first, second = (
            IBMCircuitJob(None, None, job_id, runtime_client=client, store=store)
            for job_id in ("a", "b")
            for client in [ScriptedClient([DONE.replace(b'"a"', b'"%s"' % job_id.encode())], results=[BODY])]
        )
        of_first = weakref.ref(first.result())
        assert of_first() is first.result()
        of_second = weakref.ref(second.result())
        assert of_first() is None
        assert of_second() is second.result()


def test_result_that_was_read_again_precedes_the_others(tmp_path):
    with JobStore(tmp_path / "jobs.sqlite", results_held=2) as store:
        results = {}
        for job_id in ("a", "b", "c"):
            client = ScriptedClient([DONE.replace(b'"a"', b'"%s"' % job_id.encode())], results=[BODY])
            job = IBMCircuitJob(None, None, job_id, runtime_client=client, store=store)
            results[job_id] = (job, weakref.ref(job.result()))
            results["a"][0].result()
        assert {job_id: ref() is not None for job_id, (_, ref) in results.items()} == {"a": True, "b": False, "c": True}


# Trouble


@pytest.mark.parametrize("wrong", ["jobs.sqlite", Path("jobs.sqlite"), 3])
def test_what_is_no_store_is_refused_before_anything_is_asked(wrong):
    for make in (
        lambda: IBMProvider("token", "http://127.0.0.1:1", store=wrong),
        lambda: IBMCircuitJob(None, None, "a", store=wrong),
    ):
        with pytest.raises(JobStoreError, match="expected store to be a JobStore"):
            make()


def test_unsaved_end_is_saved_when_the_job_is_asked_again(store, monkeypatch):
    monkeypatch.setattr(opening, "_LONGEST_BACK_OFF_SECONDS", 0.0)
    job, _ = kept(store, DONE)
    with locked(store):
        job.status()
    assert store.record("a") is None
    job.status()
    assert store.record("a").is_confirmed_final


DAMAGED = ["'{'", "x'ff'", "CAST(x'ff' AS TEXT)"]
"""What a record may be after something has overwritten a part of it, the last no UTF-8."""


@pytest.mark.parametrize("damaged", DAMAGED)
def test_record_that_is_damaged_hides_no_other(store, caplog, damaged):
    store.save_all([Job("a"), Job("b")])
    with store._database._engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE jobs SET record = {damaged} WHERE job_id = 'a'")  # noqa: S608 - it stands above
    assert list(store.records_of("ab")) == ["b"]
    assert [job.job_id() for job in store.jobs()] == ["b"]
    assert [job.job_id for job in store.unfinished()] == ["b"]
    assert "A job is left out: the record of job a" in caplog.text
    with pytest.raises(JobStoreDamagedError, match="job a"):
        store.load("a")


@pytest.mark.parametrize("damaged", DAMAGED)
def test_job_whose_record_is_damaged_has_its_result_kept(store, damaged):
    store.save(Job("a", details=JobDetails(datetime.now(UTC), name="bell")))
    with store._database._engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE jobs SET record = {damaged}")  # noqa: S608 - it stands above
    job, _ = kept(store, DONE, results=[BODY])
    assert job.result().success
    assert store.load("a").name == "bell"
    assert store.payload("a").raw == BODY


def test_job_whose_id_no_store_can_have_goes_on_without_it(store, caplog):
    said = b'{"id": "\\ud800", "state": {"status": "Completed"}}'
    job = IBMCircuitJob(None, None, "\ud800", runtime_client=ScriptedClient([said]), store=store)
    assert "could not read job \ufffd" in caplog.text
    assert job.store is store


def test_result_that_was_damaged_twice_hides_no_older_one(store):
    job, _ = kept(store, DONE, results=[BODY, b'{"results": 3}'])
    job.result()
    for _ in range(2):
        with pytest.raises(IBMJobApiError):
            job.result(refresh=True)
    with store._database._engine.begin() as connection:
        digest = hashlib.sha256(b'{"results": 3}').hexdigest()
        connection.exec_driver_sql("DELETE FROM body_parts WHERE sha256 = ?", (digest,))
    assert store.jobs()[0].result().success


def break_record(store, job_id):
    with store._database._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE jobs SET record = '{' WHERE job_id = ?", (job_id,))
        connection.exec_driver_sql("UPDATE history SET record = '{' WHERE job_id = ?", (job_id,))


def test_damaged_record_does_not_prevent_saving_others(kept_provider, store, caplog):
    first, second = (
        IBMCircuitJob(None, None, job_id, runtime_client=ScriptedClient(said), store=store)
        for job_id in ("a", "b")
        for said in [[reply.replace(b'"a"', b'"%s"' % job_id.encode()) for reply in (QUEUED, DONE)]]
    )
    for job in (first, second, second):
        if job is second:
            break_record(store, "a")
        job.status()
    first.status()
    assert store.record("b").status.status is JobStatus.DONE
    assert "job a" in caplog.text


def test_listing_with_a_damaged_record_has_the_others(simulator, kept_provider, store, bell):
    jobs = [simulator.run(bell, shots=10, job_tags=["listed together"]) for _ in range(3)]
    for job in jobs:
        job.wait_for_final_state(timeout=30)
    store.save(Job(jobs[1].job_id(), details=JobDetails(datetime.now(UTC), name="bell")))
    break_record(store, jobs[1].job_id())
    assert len(kept_provider.jobs(job_tags=["listed together"])) == 3
    assert {record.job_id for record in store.records()} == {jobs[0].job_id(), jobs[2].job_id()}


def test_listing_has_the_wanted_number_though_one_is_damaged(store):
    for number in range(4):
        store.save(Job(f"{number}", status=status_report("Queued", datetime(2024, 2, 3, 12, number, tzinfo=UTC))))
    break_record(store, "3")
    assert [record.job_id for record in store.records(2)] == ["2", "1"]
    assert [record.job_id for record in store.records(2, 2)] == ["1", "0"]


def test_damaged_result_without_another_copy_is_reported(store):
    job, client = kept(store, DONE, results=[BODY, Refused("read it", "http://127.0.0.1", 410, "It was read.")])
    job.result()
    with store._database._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM body_parts")
    with pytest.raises(JobStoreDamagedError, match=r"could not load the result of job a .* no connection"):
        store.jobs()[0].result()
    again = IBMCircuitJob.from_store(store, store.record("a"), runtime_client=client)
    with pytest.raises(JobStoreDamagedError, match=r"could not load the result of job a .* It was read"):
        again.result()


def test_damaged_result_is_reported_though_its_url_is_saved(store):
    gone = Refused("read it", "http://127.0.0.1", 410, "It was read.")
    job, client = kept(store, DONE, results=[gone])
    store.save(
        Job("a", payload=ResultPayload(datetime(2024, 2, 3, tzinfo=UTC), b'{"url": "http://elsewhere.example/a"}'))
    )
    store.save(Job("a", payload=ResultPayload(datetime(2024, 2, 4, tzinfo=UTC), BODY)))
    with store._database._engine.begin() as connection:
        digest = hashlib.sha256(BODY).hexdigest()
        connection.exec_driver_sql("DELETE FROM body_parts WHERE sha256 = ?", (digest,))
    job.status()
    with pytest.raises(JobStoreDamagedError, match="the result of job a"):
        IBMCircuitJob.from_store(store, store.record("a"), runtime_client=client).result()


def test_unconnected_job_without_a_stored_result_says_so(store, caplog):
    store.save(Job("a", status=status_report("Completed", datetime.now(UTC))))
    store.save(Job("b", status=status_report("Queued", datetime.now(UTC))))
    with pytest.raises(IBMJobApiError, match=r"the store has no result of job a, and .* no connection"):
        store.jobs(status="DONE")[0].result()
    with pytest.raises(IBMJobApiError, match="no connection"):
        store.jobs(status="QUEUED")[0].result()
    assert "goes on" not in caplog.text


def test_name_that_the_store_keeps_is_no_warning(store, caplog):
    job, _ = kept(store, QUEUED)
    job.update_name("bell")
    assert "name" not in caplog.text
    assert store.record("a").name == "bell"


class Broken:
    """A store that is in trouble."""

    opened, is_replaced, leases = 0, False, None

    def end_back_off(self):
        """It stays in trouble."""

    def was_told(self, _):
        """Its trouble is new."""
        return False

    def __getattr__(self, name):
        def fail(*_, **__):
            raise JobStoreError("could not keep it: there is no space left")

        return fail


def test_result_that_cannot_be_saved_is_returned_with_a_warning(caplog):
    caplog.set_level(logging.WARNING)
    job, client = kept(Broken(), DONE, results=[BODY])
    first = job.result()
    assert job.result() is first
    assert "Could not save the result of job a; it exists only in memory: could not keep it" in caplog.text
    assert job.state.payload.raw == BODY
    assert client.calls.count(("job_results", "a")) == 1


def test_unsaved_result_is_saved_by_a_refresh(store, monkeypatch):
    monkeypatch.setattr(opening, "_LONGEST_BACK_OFF_SECONDS", 0.0)
    job, _ = kept(store, DONE, results=[BODY])
    with locked(store):
        job.result()
    job.refresh()
    assert store.load("a").payload.raw == BODY


@contextlib.contextmanager
def locked(store):
    """While another program writes to a store, which does not wait for long."""
    seconds, store._database.timeout = store._database.timeout, 1.0
    try:
        with contextlib.closing(sqlite3.connect(store.location, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
    finally:
        store._database.timeout = seconds


def unkept(store):
    """A handle whose result has arrived and could not be kept."""
    job, client = kept(store, DONE, results=[BODY])
    with locked(store):
        job.result()
        # Nobody waits for it again, but for what was tried just now.
        job.status()
    assert store.payload("a") is None
    return job, client


@pytest.mark.parametrize("way", ["result", "close", "later"])
def test_unsaved_result_is_saved_as_soon_as_possible(store, provider, way):
    job, _ = unkept(store)
    if way == "result":
        assert job.result().success
    elif way == "close":
        IBMProvider(provider.token, provider.url, store=store).close()
    else:
        del job
        gc.collect()
        write_pending(store)
    assert store.payload("a").raw == BODY


def test_results_that_could_not_be_kept_are_all_kept_later(store):
    """What came after it may be none."""
    job, _ = kept(store, DONE, results=[BODY, BROKEN])
    with locked(store):
        job.result()
    with pytest.raises(IBMJobApiError):
        job.result(refresh=True)
    write_pending(store)
    assert store.payload("a").raw == BROKEN
    assert store.payload("a", 1).raw == BODY
    assert store.jobs()[0].result().success


def test_inputs_that_could_not_be_copied_are_copied_later(kept_provider, tmp_path, bell):
    job = kept_provider.get_backend("local_simulator").run(bell, shots=10)
    job.result()
    [back] = kept_provider.store.jobs()
    with JobStore(tmp_path / "second.sqlite") as second:
        with locked(second):
            back.keep_in(second)
            back.status()
        write_pending(second)
        assert second.jobs()[0].circuits()[0].name == "bell"
        assert second.jobs()[0].result().success


def refused(_):
    """What Python says to a new thread at its end."""
    raise RuntimeError("can't create new thread at interpreter shutdown")


def test_last_result_is_written_at_exit_beside_a_damaged_job(store, monkeypatch, caplog):
    jobs = [
        IBMCircuitJob(None, None, job_id, runtime_client=ScriptedClient([done], results=[BODY]), store=store)
        for job_id in ("a", "b")
        for done in [DONE.replace(b'"a"', b'"%s"' % job_id.encode())]
    ]
    store.save(Job("a", details=JobDetails(datetime.now(UTC), name="bell")))
    with locked(store):
        for job in jobs:
            job.result()
    break_record(store, "a")
    monkeypatch.setattr(threading.Thread, "start", refused)
    write_pending(store)
    assert store.payload("b").raw == BODY
    assert "the record of job a is damaged" in caplog.text


def test_job_that_is_deleted_does_not_come_back(store):
    job, _ = kept(store, QUEUED)
    with locked(store):
        job.update_name("bell")
    store.delete("a")
    write_pending(store)
    assert store.records() == []


def test_fork_can_save_whatever_other_threads_of_its_parent_did(store):
    job, _ = kept(store, QUEUED)
    with journals._lock():
        child = os.fork()
        if not child:
            signal.alarm(10)
            job.status()
            os._exit(0 if store.record("a") else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_fork_reads_a_result_a_thread_of_its_parent_was_reading(store):
    reading, go_on = threading.Event(), threading.Event()

    class Slow(ScriptedClient):
        def job_results(self, job_id):
            reading.set()
            go_on.wait(30)
            return super().job_results(job_id)

    job = IBMCircuitJob(None, None, "a", runtime_client=Slow([DONE], results=[BODY]), store=store)
    thread = threading.Thread(target=job.result)
    thread.start()
    assert reading.wait(30)
    child = os.fork()
    if not child:
        signal.alarm(10)
        go_on.set()
        os._exit(0 if job.result().success else 1)
    go_on.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_result_whose_save_ctrl_c_broke_off_is_not_read_again(store, monkeypatch):
    job, client = kept(store, DONE, results=[BODY])

    def interrupt(*_, **__):
        monkeypatch.undo()
        raise KeyboardInterrupt

    job.status()
    monkeypatch.setattr(store._database, "write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        job.result()
    assert job.result().success
    assert store.payload("a").raw == BODY
    assert client.calls.count(("job_results", "a")) == 1


def test_unsaved_result_is_there_for_every_handle_on_the_job(store):
    """And nobody is told that it is gone."""
    gone = Refused("read the result of job a", "http://127.0.0.1", 410, "It was read.")
    for said in ("Running", "Completed"):
        store.save(Job("a", status=status_report(said, datetime(2024, 2, 3, tzinfo=UTC))))
    client = ScriptedClient([DONE], results=[BODY, gone])

    def another():
        return IBMCircuitJob.from_store(store, store.record("a"), runtime_client=client)

    with locked(store), JobStore(store.location) as second:
        another().result()
        assert another().result().success
        assert IBMCircuitJob(None, None, "a", status="Completed", store=second).result().success
        assert store.payload("a") is None
        assert pickle.loads(pickle.dumps(another())).result().success
    assert another().result().success
    assert store.payload("a").raw == BODY


def test_fork_whose_parent_is_gone_writes_what_it_goes_on_with(store):
    """As of a program that makes itself a daemon."""
    job, _ = unkept(store)
    child = os.fork()
    if not child:
        signal.alarm(20)
        job.status()
        job.result()
        os._exit(0 if store.payload("a") else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_result_is_returned_after_its_write_which_delays_no_poll(store, tmp_path, caplog):
    job, client = kept(store, DONE, results=[BODY])
    job.status()
    other = IBMCircuitJob(None, None, "a", runtime_client=client, status="Completed", store=store)
    with ThreadPoolExecutor(2) as pool:
        with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            first = pool.submit(job.result)
            while not any(journal.payloads and journal.writing().locked() for journal in left_for(store)):
                assert not first.done()
                time.sleep(0.01)
            second = pool.submit(other.result)
            assert job.status() is other.status() is JobStatus.DONE
            assert not first.done()
            assert not second.done()
        assert first.result(30).success
        assert second.result(30).success
    assert client.calls.count(("job_results", "a")) == 1
    assert "only in memory" not in caplog.text
    assert store.payload("a").raw == BODY


def test_result_is_kept_through_the_store_that_it_was_given_to(store, tmp_path):
    """Though another one at the same place cannot be used any more, and has something to write."""
    before, _ = kept(store, QUEUED)
    for part in tmp_path.glob("jobs.sqlite*"):
        part.unlink()
    before.status()
    with JobStore(tmp_path / "jobs.sqlite") as opened_again:
        job, _ = kept(opened_again, DONE, results=[BODY])
        assert job.result().success
        assert opened_again.payload("a").raw == BODY


def test_job_that_could_not_be_deleted_is_still_written(store):
    job, _ = unkept(store)
    del job
    with locked(store), pytest.raises(JobStoreError, match="another program or thread has locked it"):
        store.delete("a")
    write_pending(store)
    assert store.payload("a").raw == BODY


def test_job_deleted_during_a_write_is_deleted_after_it(store, tmp_path):
    job, _ = kept(store, DONE, results=[BODY])
    with ThreadPoolExecutor(2) as pool:
        with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            reading = pool.submit(job.result)
            # The status is written before; what is deleted while that is written has no result yet.
            while not any(journal.payloads and journal.writing().locked() for journal in left_for(store)):
                assert not reading.done()
                time.sleep(0.01)
            deleting = pool.submit(store.delete, "a")
            assert not deleting.done()
        assert reading.result(30).success
        deleting.result(30)
    assert store.payload("a") is None


def test_poll_of_one_handle_does_not_wait_for_another(store, tmp_path):
    named, polled = kept(store, QUEUED)[0], kept(store, QUEUED)[0]
    with ThreadPoolExecutor(1) as pool:
        with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            naming = pool.submit(named.update_name, "bell")
            while not any(journal.writing().locked() for journal in left_for(store)):
                assert not naming.done()
                time.sleep(0.01)
            polled.status()
            assert not naming.done()
        assert naming.result(30) == "bell"
    assert store.record("a").name == "bell"


def test_anonymous_client_still_gets_the_stored_result(store):
    class Closed(ScriptedClient):
        @property
        def params(self):
            raise RuntimeError("the session is closed")

    job = IBMCircuitJob(None, None, "a", runtime_client=Closed([DONE], results=[BODY]), store=store)
    assert job.result().success
    assert store.payload("a").raw == BODY


def left_for(store):
    """What is to be written to a store yet."""
    return [journal for journal in [*journals._unwritten] if journal.store.location == store.location]


def test_what_many_handles_could_not_write_is_written_at_once(store, monkeypatch):
    with locked(store):
        handles = [kept(store, QUEUED)[0] for _ in range(20)]
        for job in handles:
            job.status()
    monkeypatch.setattr(store, "_backs_off_until", 0.0)
    handles[7].learn(Job("a", status=status_report("Completed", datetime.now(UTC))))
    assert left_for(store) == []
    assert store.record("a").is_confirmed_final


UNKEPT = """
import sqlite3, sys
from ibm_circuit_job import IBMCircuitJob, JobStore
from ibm_circuit_job.testing import ScriptedClient

class Noting(JobStore):
    def save(self, job, **given):
        print("tried", self.location, file=sys.stderr)
        super().save(job, **given)

def locked(name):
    store = Noting(FOLDER + name, timeout=1)
    client = ScriptedClient([DONE], results=[BODY])
    job = IBMCircuitJob(None, None, "a", runtime_client=client, store=store)
    other = sqlite3.connect(store.location, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    job.result()
    return store, other

stays_locked = locked("locked.sqlite")
store, other = locked("jobs.sqlite")
other.close()
assert store.payload("a") is None
print("ends", file=sys.stderr)
"""
CHILD = """
import multiprocessing
if __name__ == "__main__":
    child = multiprocessing.get_context({way!r}).Process(target=exec, args=({script!r}, {{}}))
    child.start()
    child.join()
    assert child.exitcode == 0
"""


@pytest.mark.parametrize("way", ["alone", "fork", "forkserver", "spawn"])
def test_unsaved_result_is_saved_at_the_end_of_a_process(store, tmp_path, program, way):
    """A child ends without what Python does when it ends. A store that cannot be written to is tried once."""
    script = f"FOLDER, DONE, BODY = {f'{tmp_path}/'!r}, {DONE!r}, {BODY!r}" + UNKEPT
    with program("-c", script if way == "alone" else CHILD.format(way=way, script=script)) as process:
        _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert store.payload("a").raw == BODY
    with JobStore(tmp_path / "locked.sqlite") as other:
        assert other.payload("a") is None
    assert errors.count("Could not save the result of job a; it exists only in memory") == 2
    assert errors.partition("ends\n")[2].count(f"tried {other.location}\n") == 1


BEGUN = """
import asyncio, atexit, threading
from ibm_circuit_job import IBMCircuitJob, JobStore
from ibm_circuit_job.testing import ScriptedClient

reading, at_the_end = threading.Event(), threading.Event()

class Slow(ScriptedClient):
    def job_results(self, job_id):
        reading.set()
        at_the_end.wait(30)
        # The rest of it takes half a second.
        threading.Event().wait(0.5)
        return super().job_results(job_id)

async def read_and_leave():
    client = Slow([DONE], results=[BODY])
    job = IBMCircuitJob(None, None, "a", runtime_client=client, store=JobStore(FILE))
    asked = asyncio.create_task(job.result_async())
    while not reading.is_set():
        await asyncio.sleep(0)
    asked.cancel()

asyncio.run(read_and_leave())
atexit.register(at_the_end.set)
"""


def test_reading_that_has_begun_is_completed_at_exit(store, tmp_path, program):
    named = f"FILE, DONE, BODY = {str(tmp_path / 'jobs.sqlite')!r}, {DONE!r}, {BODY!r}"
    with program("-c", named + BEGUN) as process:
        _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert store.payload("a").raw == BODY


def test_stored_job_is_returned_if_the_service_is_unreachable(provider, store, monkeypatch, slow):
    kept_provider = IBMProvider(provider.token, provider.url, store=store)
    job = kept_provider.get_backend("local_simulator").run(slow(0.01).circuits())
    answers = ScriptedClient([Unreachable("read it", "http://127.0.0.1", "Connection refused")])
    monkeypatch.setattr(kept_provider.runtime_client, "job_get", answers.job_get)
    assert kept_provider.retrieve_job(job.job_id()).job_id() == job.job_id()
    answers = ScriptedClient([Refused("read it", "http://127.0.0.1", 404, "No such job.")])
    monkeypatch.setattr(kept_provider.runtime_client, "job_get", answers.job_get)
    with pytest.raises(IBMJobApiError, match="No such job"):
        kept_provider.retrieve_job(job.job_id())
