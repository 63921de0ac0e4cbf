"""A submission: sent once, looked for where the answer was lost, paced where the service takes no more jobs."""

import itertools
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from known_circuits import flipped

from ibm_circuit_job import IBMBackendApiError, IBMProvider
from ibm_circuit_job.account.submission_ledger import LEDGER
from ibm_circuit_job.account.submitter import Order, submit
from ibm_circuit_job.clients import ClientParameters, RequestFailed
from ibm_circuit_job.errors import Refused, SubmissionUnknown, Unreachable, describe
from ibm_circuit_job.local import LocalService
from ibm_circuit_job.wire.submitting import SubmissionPolicy, are_same_params

DOING = "submit a job to b"
PARAMS = b'{"pubs":[["a circuit",null,10]]}'
_numbers = itertools.count(1)


class Clock:
    """A clock that a pause moves on."""

    def __init__(self):
        self.seconds = 1000.0
        self.pauses = []

    def __call__(self):
        return self.seconds

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.seconds += seconds


class Service:
    """A client of a service in memory, which loses answers as a script says.

    A line of the script for submissions: a failure is raised, before the job is made or, in a list, after that.
    """

    clock_ahead = 0.0

    def __init__(self, submissions=(), listings=(), private_params=b"{}"):
        self.params = ClientParameters("token", f"http://127.0.0.1/{next(_numbers)}")
        self.submissions, self.listings = list(submissions), list(listings)
        self.private_params = private_params
        self.jobs = {}
        self.sent = 0

    def program_run(self, program_id, backend_name, params, hgp=None, job_tags=(), private=False):
        line = self.submissions.pop(0) if self.submissions else None
        self.sent += 1
        if line is not None and not isinstance(line, list):
            raise RequestFailed(line)
        job_id = self.made(bytes(params), program_id, backend_name, job_tags, private)
        if line is not None:
            raise RequestFailed(line[0])
        return msgspec.json.encode({"id": job_id})

    def made(self, params=PARAMS, program="sampler", backend="b", tags=(), private=False, ago=0.0):
        job_id = f"job-{next(_numbers)}"
        created = (datetime.now(UTC) - timedelta(seconds=ago)).isoformat()
        self.jobs[job_id] = {
            "id": job_id,
            "program": {"id": program},
            "backend": backend,
            "tags": list(tags),
            "created": created,
            "private": private,
            "params": msgspec.Raw(self.private_params if private else params),
        }
        return job_id

    def jobs_get(self, limit=None, backend_name=None, program_id=None):
        line = self.listings.pop(0) if self.listings else None
        if line == "lagging":
            return b'{"jobs": []}'
        if line is not None:
            raise RequestFailed(line)
        listed = [{**job, "params": None} for job in reversed(self.jobs.values())]
        return msgspec.json.encode({"jobs": listed})

    def job_get(self, job_id, exclude_params=True):
        return msgspec.json.encode(self.jobs[job_id])


RESET = Unreachable(DOING, "http://x", "reset")
BUSY = Refused(DOING, "http://x", 503)
DOWN = Refused("list jobs", "http://x", 503)


def submitted(service, clock=None, order=None, **policy):
    clock = clock or Clock()
    order = order or Order("sampler", "b", PARAMS, None)
    return submit(service, order, SubmissionPolicy(**policy), sleep=clock.sleep, monotonic=clock)


@pytest.mark.parametrize("lost", [RESET, BUSY])
def test_job_whose_answer_was_lost_is_found(lost):
    service = Service([[lost]])
    assert submitted(service).unwrap() in service.jobs
    assert (service.sent, len(service.jobs)) == (1, 1)


@pytest.mark.parametrize("lost", [RESET, BUSY])
def test_request_that_made_no_job_is_sent_again(lost):
    service = Service([lost, lost])
    assert submitted(service).unwrap() in service.jobs
    assert (service.sent, len(service.jobs)) == (3, 1)


def test_listing_that_lags_is_read_again():
    service, clock = Service([[RESET]], ["lagging"]), Clock()
    assert submitted(service, clock).unwrap() in service.jobs
    assert (service.sent, clock.pauses) == (1, [1.0])


@pytest.mark.parametrize("status", [408, 504, 524])
def test_submission_after_a_gateway_timeout_is_sought_longer(status):
    service, clock = Service([[Refused(DOING, "http://x", status, by_service=False)]], ["lagging"] * 4), Clock()
    assert submitted(service, clock).unwrap() in service.jobs
    assert (service.sent, clock.pauses) == (1, [1.0, 2.0, 4.0, 8.0])


def test_trouble_with_the_listing_is_waited_out():
    service, clock = Service([[RESET]], [DOWN] * 5), Clock()
    assert submitted(service, clock).unwrap() in service.jobs
    assert clock.pauses == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2])


def test_patience_ends_with_the_words_that_the_job_may_exist():
    service, clock = Service([[RESET]], [DOWN] * 100), Clock()
    failure = submitted(service, clock, patience=60.0).failure()
    assert failure == SubmissionUnknown(DOING, DOWN)
    assert "or the job exists and its ID is not known" in describe(failure)
    assert sum(clock.pauses) <= 60.0
    assert service.sent == 1


def test_service_that_refuses_the_listing_ends_it_at_once():
    service = Service([[RESET]], [Refused("list jobs", "http://x", 403)])
    assert isinstance(submitted(service).failure(), SubmissionUnknown)
    assert service.sent == 1


def test_client_without_a_listing_is_not_asked_twice():
    class Bare:
        def program_run(self, **_):
            raise RequestFailed(RESET)

    assert "has no method jobs_get()" in describe(submitted(Bare()).failure())


@pytest.mark.parametrize(
    "other",
    [
        {"params": b'{"pubs":[["another circuit",null,10]]}'},
        {"program": "estimator"},
        {"backend": "c"},
        {"tags": ["t"]},
        {"private": True},
        {"ago": 60.0},
    ],
)
def test_another_job_is_not_mistaken_for_it(other):
    service = Service([RESET])
    there = service.made(**other)
    assert submitted(service).unwrap() != there
    assert service.sent == 2


def test_job_of_another_submission_is_not_taken():
    service = Service([None, RESET])
    first = submitted(service).unwrap()
    assert submitted(service).unwrap() != first
    assert len(service.jobs) == 2


def test_job_of_a_submission_that_awaits_its_answer_is_not_taken():
    looked_at, ended = threading.Event(), threading.Event()

    class Slow(Service):
        def program_run(self, **arguments):
            if self.sent:
                return super().program_run(**arguments)
            answer = super().program_run(**arguments)
            looked_at.wait(60)
            # Time enough to take the job, for one that would.
            ended.wait(0.2)
            return answer

        def job_get(self, *arguments, **named):
            looked_at.set()
            return super().job_get(*arguments, **named)

    service = Slow([None, RESET])
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(submitted, service)
        while not service.jobs:
            time.sleep(0.01)
        second = pool.submit(submitted, service)
        second.add_done_callback(lambda _: ended.set())
        ids = {first.result().unwrap(), second.result().unwrap()}
    assert ids == service.jobs.keys()
    assert len(ids) == 2


def test_service_whose_clock_is_wrong_is_believed():
    service = Service([[RESET]])
    service.clock_ahead = -7200.0
    made = service.made
    service.made = lambda *arguments, **named: made(*arguments, **named, ago=7200.0)
    assert submitted(service).unwrap() in service.jobs
    assert service.sent == 1


@pytest.mark.parametrize("private_params", [b"{}", b"null"])
def test_private_jobs_that_cannot_be_told_apart_are_named(private_params):
    service = Service([[RESET]], private_params=private_params)
    failure = submitted(service, order=Order("sampler", "b", PARAMS, None, private=True)).failure()
    assert failure.candidates == tuple(service.jobs)
    assert f"or the job is {failure.candidates[0]}: the service does not say enough" in describe(failure)
    assert service.sent == 1


def test_private_job_without_a_candidate_is_sent_again():
    service = Service([RESET])
    assert submitted(service, order=Order("sampler", "b", PARAMS, None, private=True)).unwrap() in service.jobs


@pytest.mark.parametrize("refusal", [Refused(DOING, "http://x", 400), Refused("log in", "http://x", 503)])
def test_refusal_is_told_at_once(refusal):
    service, clock = Service([refusal]), Clock()
    assert submitted(service, clock).failure() == refusal
    assert (service.sent, clock.pauses) == (1, [])


def test_service_without_a_connection_is_told_at_once():
    failure = Unreachable(DOING, "http://x", "refused", was_sent=False)
    assert submitted(Service([failure])).failure() == failure


# Pacing


def limited(seconds):
    return Refused(DOING, "http://x", 429, "Too many.", retry_after=seconds)


def test_pause_that_the_service_asks_for_is_made_and_logged_once(caplog):
    service, clock = Service([limited(17.0), limited(5.0)]), Clock()
    assert submitted(service, clock).unwrap() in service.jobs
    assert clock.pauses == [17.0, 5.0]
    assert [record.getMessage() for record in caplog.records] == [
        f"The service accepts no more jobs at the moment: the next job for b is submitted in {seconds} seconds."
        for seconds in (17, 5)
    ]


def test_other_submissions_to_the_service_make_the_same_pause():
    service, clock, other = Service([limited(17.0)]), Clock(), Clock()
    submitted(service, clock)
    submitted(service, other)
    assert other.pauses == [17.0]
    assert service.sent == 3


def test_service_that_asks_for_no_pause_is_asked_ever_less_often():
    service, clock = Service([limited(None)] * 4), Clock()
    submitted(service, clock)
    assert clock.pauses == pytest.approx([0.2, 0.4, 0.8, 1.6])


def test_pause_of_more_than_an_hour_is_an_error_that_says_so():
    failure = submitted(Service([limited(7200.0)])).failure()
    assert "429: Too many. run() waits 3600 seconds in all, and the next try would be in 7200 seconds" in describe(
        failure
    )


def test_pauses_end_with_the_patience():
    clock = Clock()
    failure = submitted(Service([limited(600.0)] * 100), clock).failure()
    assert failure.http_status == 429
    assert sum(clock.pauses) == 3600.0


def test_answer_that_is_lost_after_a_long_pause_is_looked_for():
    service, clock = Service([RESET, limited(700.0), [RESET]]), Clock()
    assert submitted(service, clock, patience=60.0).unwrap() in service.jobs
    assert len(service.jobs) == 1


def test_pause_of_another_submission_costs_no_patience():
    service, clock = Service([RESET, [RESET]]), Clock()

    def pause(seconds):
        clock.sleep(seconds)
        LEDGER.pause((service.params.url, service.params.instance), 1700.0)

    policy = SubmissionPolicy(patience=60.0)
    done = submit(service, Order("sampler", "b", PARAMS, None), policy, sleep=pause, monotonic=clock)
    assert done.unwrap() in service.jobs
    assert clock.seconds >= 1700.0


def test_ctrl_c_ends_a_pause_at_once():
    def interrupted(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        submit(Service([limited(17.0)]), Order("sampler", "b", PARAMS, None), SubmissionPolicy(), sleep=interrupted)


# Over HTTP


def plan(*faults):
    return {"faults": [{"path": "/jobs$", "method": "POST", **fault} for fault in faults]}


def listed(provider):
    return {job.job_id() for job in provider.jobs(limit=None)}


def opened(service, channel, monkeypatch):
    for name, value in service.environment.items():
        monkeypatch.setenv(name, value)
    if channel == "ibm_quantum":
        return IBMProvider(service.token, service.url)
    return IBMProvider(service.token, service.platform_url, instance=service.instance, channel=channel)


LOST = ["reset_before", "reset_during", "cut_off", "garbled", "html", "status"]


@pytest.mark.parametrize("channel", ["ibm_quantum", "ibm_quantum_platform"])
def test_run_submits_once_whatever_happens_to_the_answer(channel, monkeypatch, caplog):
    caplog.set_level(logging.ERROR)
    faults = plan(*({"kind": kind, "times": 1, "status": 200 if kind == "html" else 503} for kind in LOST))
    with LocalService(workers=1, faults=faults) as service, opened(service, channel, monkeypatch) as provider:
        backend = provider.get_backend("local_simulator")
        jobs = [backend.run(flipped(2, number % 3), shots=10, job_tags=["once"]) for number in range(len(LOST))]
        assert listed(provider) == {job.job_id() for job in jobs}
        for number, job in enumerate(jobs):
            assert job.result(timeout=60).get_counts() == {f"{number % 3:02b}": 10}


def test_identical_submissions_at_once_end_with_a_job_each(monkeypatch, caplog):
    caplog.set_level(logging.ERROR)
    threads = 8
    faults = plan({"kind": "reset_during", "rate": 0.5}, {"kind": "reset_before", "rate": 0.3})
    with (
        LocalService(workers=1, faults=faults) as service,
        opened(service, "ibm_quantum_platform", monkeypatch) as provider,
        ThreadPoolExecutor(threads) as pool,
    ):
        backend, ready = provider.get_backend("local_simulator"), threading.Barrier(threads)

        def run(_):
            ready.wait()
            return backend.run(flipped(1, 1), shots=10).job_id()

        ids = list(pool.map(run, range(threads)))
        assert len(set(ids)) == threads
        assert listed(provider) == set(ids)


def test_run_waits_for_a_service_that_takes_no_more_jobs(monkeypatch, caplog):
    faults = plan({"kind": "status", "status": 429, "retry_after": 0, "times": 2})
    with (
        LocalService(workers=1, faults=faults) as service,
        opened(service, "ibm_quantum_platform", monkeypatch) as provider,
    ):
        job = provider.get_backend("local_simulator").run(flipped(1, 1), shots=10)
        assert listed(provider) == {job.job_id()}
    assert caplog.text.count("accepts no more jobs at the moment: the next job for local_simulator") == 2


def test_run_names_private_jobs_that_cannot_be_told_apart(monkeypatch):
    faults = plan({"kind": "cut_off", "times": 1})
    with (
        LocalService(workers=1, faults=faults) as service,
        opened(service, "ibm_quantum_platform", monkeypatch) as provider,
    ):
        with pytest.raises(IBMBackendApiError, match="or the job is ") as raised:
            provider.get_backend("local_simulator").run(flipped(1, 1), shots=10, private=True)
        (job_id,) = listed(provider)
        assert job_id in str(raised.value)


# Comparing


@pytest.mark.parametrize(
    ("sent", "served", "same"),
    [
        (b'{"a": 1, "b": [true]}', b'{"b": [true], "a": 1.0, "c": null}', True),
        (b'{"a": "\\u00e4"}', '{"a": "ä"}'.encode(), True),
        (b'{"a": 1}', b'{"a": true}', False),
        (b'{"a": 1}', b'{"a": 1, "seed": 3}', False),
        (b'{"a": [1]}', b'{"a": [1, 2]}', False),
        (b'{"a": "eJwDAAAAAAE="}', b'{"a": "eAEDAAAAAAE="}', True),
        (b'{"a": "eJwDAAAAAAE="}', b'{"a": ""}', False),
        (b'{"a": 1}', b"<html>", False),
    ],
)
def test_params_are_compared_by_what_they_say(sent, served, same):
    assert are_same_params(sent, served) is same
