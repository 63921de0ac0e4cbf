"""Many jobs at once: how many requests it takes, who is told, and what ends a wait."""

import threading
import time

import msgspec
import pytest
from qiskit import QuantumCircuit
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import (
    IBMCircuitJob,
    IBMJobApiError,
    IBMJobInvalidStateError,
    IBMJobNotFoundError,
    IBMJobTimeoutError,
    WaitPolicy,
    as_completed,
    effects,
    refresh_all,
    wait_all,
)
from ibm_circuit_job.clients import RequestFailed
from ibm_circuit_job.errors import Refused, Unreachable

QUICK = WaitPolicy(shortest_pause=0.001, share=0.001)


class Listing:
    """A service that lists jobs, newest first, and counts what it is asked."""

    def __init__(self, statuses, others=0):
        self.statuses = dict(statuses)
        self.others = [f"other-{number}" for number in range(others)]
        self.asked = []
        self.down = 0

    def handles(self):
        return [IBMCircuitJob(None, None, job_id, runtime_client=self) for job_id in self.statuses]

    def job_get(self, job_id, exclude_params=True):
        self.asked.append(job_id)
        self._fail()
        if job_id not in self.statuses:
            raise RequestFailed(Refused(f"read job {job_id}", "http://x", 404, "Job not found."))
        return msgspec.json.encode({"id": job_id, "state": {"status": self.statuses[job_id]}})

    def jobs_get(self, limit, skip, pending):
        self.asked.append("list")
        self._fail()
        every = {**dict.fromkeys(self.others, "Queued"), **self.statuses}
        ended = {"Completed", "Failed", "Cancelled"}
        fitting = [job_id for job_id in reversed(every) if (every[job_id] not in ended) == pending]
        page = fitting[skip : skip + limit]
        return msgspec.json.encode(
            {"jobs": [{"id": job_id, "state": {"status": every[job_id]}} for job_id in page], "count": len(fitting)}
        )

    def _fail(self):
        if self.down:
            self.down -= 1
            raise RequestFailed(Unreachable("ask", "http://x", "no route"))


def mixture(number):
    states = ("Queued", "Running", "Completed", "Failed", "Cancelled", "Levitating")
    return {f"job-{index}": states[index % len(states)] for index in range(number)}


@pytest.mark.parametrize(("number", "requests"), [(0, 0), (1, 1), (3, 3), (4, 3), (200, 2), (1000, 6)])
def test_statuses_of_200_jobs_take_one_request(number, requests):
    service = Listing(mixture(number))
    handles = service.handles()
    refresh_all(handles)
    assert len(service.asked) <= requests
    assert [handle.state.status.server_status for handle in handles] == list(service.statuses.values())


def test_jobs_that_have_ended_are_not_asked_for_again():
    service = Listing(dict.fromkeys(map(str, range(500)), "Completed"))
    handles = service.handles()
    refresh_all(handles)
    service.asked.clear()
    refresh_all(handles)
    assert service.asked == []


def test_jobs_outside_the_listing_are_asked_for_one_by_one():
    service = Listing(dict.fromkeys(map(str, range(10)), "Running"), others=5_000)
    handles = service.handles()
    refresh_all(handles)
    assert {handle.state.status.status for handle in handles} == {JobStatus.RUNNING}


def test_client_without_a_listing_is_asked_for_each():
    class Plain(Listing):
        jobs_get = None

    service = Plain(mixture(20))
    handles = service.handles()
    refresh_all(handles)
    assert sorted(service.asked) == sorted(service.statuses)


def test_two_handles_on_one_job_are_asked_for_once():
    service = Listing({"a": "Completed"})
    handles = [*service.handles(), *service.handles()]
    assert list(as_completed(handles)) == handles
    assert service.asked == ["a"]


def test_trouble_of_a_refresh_is_an_api_error():
    service = Listing(mixture(50))
    service.down = 1
    with pytest.raises(IBMJobApiError, match="no route"):
        refresh_all(service.handles())


def test_jobs_come_as_they_end_and_every_change_is_told():
    service = Listing(dict.fromkeys("abcde", "Queued"))
    told, ended = [], []

    def heard(told_id, seen, job, *, queue_info):
        assert (told_id, queue_info) == (job.job_id(), None)
        told.append((told_id, seen.name))
        for job_id, status in service.statuses.items():
            if status == "Queued":
                service.statuses[job_id] = "Running"
                return
            if status == "Running":
                service.statuses[job_id] = "Completed"

    for job in as_completed(service.handles(), timeout=20, callback=heard, policy=QUICK):
        ended.append(job.job_id())
        service.statuses.update(dict.fromkeys(sorted(set("abcde") - set(ended))[:1], "Completed"))
    assert sorted(ended) == list("abcde")
    assert {(job_id, "DONE") for job_id in "abcde"} <= set(told)
    assert len(told) == len(set(told))


def test_trouble_that_may_pass_does_not_end_a_wait():
    service = Listing(dict.fromkeys(map(str, range(10)), "Completed"))
    service.down = 5
    wait_all(service.handles(), timeout=20, policy=QUICK)
    assert "list" in service.asked


def test_unknown_job_is_reported_when_all_others_have_ended():
    service = Listing({"a": "Queued", "b": "Completed"})
    lost = IBMCircuitJob(None, None, "lost", runtime_client=service)
    ended = []

    def collect():
        for job in as_completed([lost, *service.handles()], timeout=20, policy=QUICK):
            ended.append(job.job_id())
            service.statuses["a"] = "Completed"

    with pytest.raises(IBMJobNotFoundError, match="lost"):
        collect()
    assert ended == ["b", "a"]


def test_timeout_names_those_that_have_not_ended():
    service = Listing({"a": "Queued", "b": "Completed", "c": "Running"})
    with pytest.raises(IBMJobTimeoutError, match=r"2 jobs have not ended within 0.3 seconds: a, c"):
        wait_all(service.handles(), timeout=0.3, policy=QUICK)


def test_timeout_that_is_no_number_is_refused_before_any_request():
    service = Listing({"a": "Queued"})
    with pytest.raises(IBMJobInvalidStateError, match="timeout"):
        wait_all(service.handles(), timeout="5")
    assert service.asked == []


def test_no_jobs_are_no_wait():
    assert list(as_completed([])) == []


def test_many_jobs_are_awaited_with_few_requests_no_thread(provider, device, simulator, bell):
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    jobs = [simulator.run(bell, shots=10) for _ in range(20)]
    jobs += [device.run(circuit, shots=400, rep_delay=500e-6) for _ in range(3)]
    asked, send = [], provider.account_client.http.request
    provider.account_client.http.request = lambda *args, **keywords: (asked.append(args), send(*args, **keywords))[1]
    try:
        wait_all(jobs, timeout=60)
    finally:
        del provider.account_client.http.request
    assert {job.state.status.status for job in jobs} == {JobStatus.DONE}
    assert len(asked) < 60
    # One that stays is ended by the timeout of the test, which shows what it does.
    while any("effect" in thread.name for thread in threading.enumerate()):
        time.sleep(0.01)


def test_listening_ends_soon_after_nobody_iterates_any_more(device, simulator, bell):
    ones = QuantumCircuit(1, 1)
    ones.x(0)
    ones.measure(0, 0)
    slow = device.run(ones, shots=80_000, rep_delay=500e-6)
    while slow.status() is not JobStatus.RUNNING:
        time.sleep(0.01)
    quick = simulator.run(bell, shots=10)
    before = set(threading.enumerate())
    ending = as_completed([slow, quick], policy=WaitPolicy(guard_pause=0.5))
    assert next(ending) is quick
    ending.close()
    try:
        while set(threading.enumerate()) - before:
            assert not slow.in_final_state()
            time.sleep(0.01)
    finally:
        slow.cancel()


def test_timeout_is_honoured_by_a_service_that_hangs():
    released = threading.Event()

    class Hanging(Listing):
        def jobs_get(self, limit, skip, pending):
            released.wait()

    with pytest.raises(IBMJobTimeoutError, match="5 jobs have not ended"):
        wait_all(Hanging(dict.fromkeys("abcde", "Queued")).handles(), timeout=0.3)
    released.set()


def test_job_that_ended_in_time_is_no_timeout_for_a_slow_reader(monkeypatch):
    service = Listing({"a": "Completed", "b": "Queued"})
    ended, late, monotonic = [], 0.0, effects.monotonic
    monkeypatch.setattr(effects, "monotonic", lambda: monotonic() + late)
    for job in as_completed(service.handles(), timeout=100.0, policy=QUICK):
        ended.append(job.job_id())
        service.statuses["b"] = "Completed"
        late += 200.0
    assert ended == ["a", "b"]


def test_one_lost_job_does_not_prevent_requests_for_the_others():
    service, other = Listing({"b": "Running"}), Listing({"c": "Running"})
    lost = IBMCircuitJob(None, None, "a", runtime_client=service)
    handles = [lost, *service.handles(), *other.handles()]
    with pytest.raises(IBMJobNotFoundError):
        refresh_all(handles)
    assert [handle.state.status.status for handle in handles[1:]] == [JobStatus.RUNNING] * 2


def test_handles_on_one_job_share_what_they_know():
    service = Listing({"a": "Completed"})
    (known,), (fresh,) = service.handles(), service.handles()
    known.refresh()
    service.asked.clear()
    refresh_all([known, fresh])
    assert fresh.state.status.status is JobStatus.DONE
    assert service.asked == []


def test_listing_that_cannot_be_read_leaves_to_ask_for_each():
    class Odd(Listing):
        def jobs_get(self, limit, skip, pending):
            return b'{"jobs": [{"id": 5}], "count": 1}'

    service = Odd(dict.fromkeys("abcde", "Completed"))
    wait_all(service.handles(), timeout=20, policy=QUICK)
    assert sorted(service.asked) == list("abcde")


def test_trouble_of_many_is_logged_once(caplog):
    service = Listing(dict.fromkeys(map(str, range(10)), "Completed"))
    service.down = 5
    wait_all(service.handles(), timeout=20, policy=QUICK)
    said = [record.getMessage() for record in caplog.records]
    assert [("continues after a failure" in line, "succeed again" in line) for line in said] == [
        (True, False),
        (False, True),
    ]
