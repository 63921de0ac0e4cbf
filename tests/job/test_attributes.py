"""What a job is as an object: attributes from the service, pickles and copies, local times, threads."""

import copy
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import IBMCircuitJob, IBMJobApiError, Job, WaitPolicy
from ibm_circuit_job.clients import ClientParameters, RuntimeClient
from ibm_circuit_job.testing import ScriptedClient

RESULT = b"""{"backend_name": "b", "job_id": "a", "success": true, "results": [{"shots": 3, "success": true,
    "header": {"name": "c", "memory_slots": 1}, "data": {"counts": {"0x1": 3}}}]}"""
DONE = b"""{"id": "a", "state": {"status": "Completed"}, "created": "2024-02-03T10:00:00Z", "tags": ["x"], "cost": 10,
    "result": "a field", "nested": {"list": [1, 2]}, "backend": "b"}"""
METRICS = b'{"timestamps": {"created": "2024-02-03T10:00:00Z"}, "usage": {"quantum_seconds": 2}}'


def job_of(client, **given):
    return IBMCircuitJob(None, None, "a", runtime_client=client, **given)


# Attributes


def test_service_fields_are_attributes_bare_and_underscored():
    job = job_of(ScriptedClient([DONE]))
    job.refresh()
    assert (job.cost, job.cost_) == (10, 10)
    assert job.nested == job.nested_ == {"list": [1, 2]}


def test_field_named_like_a_member_needs_the_underscore():
    job = job_of(ScriptedClient([DONE], results=[RESULT]))
    job.refresh()
    assert job.result_ == "a field"
    assert job.result().get_counts() == {"1": 3}


def test_field_with_a_leading_underscore_is_an_attribute():
    job = job_of(ScriptedClient([b'{"id": "a", "_id": 5, "_reader": 6}']))
    job.refresh()
    assert (job._id, job._id_, job._reader_) == (5, 5, 6)
    assert job._reader != 6


def test_refresh_may_add_attributes_and_change_them():
    job = job_of(ScriptedClient([b'{"id": "a", "cost": 1}', b'{"id": "a", "cost": 2, "more": 3}']))
    with pytest.raises(AttributeError, match="no member 'cost'"):
        _ = job.cost
    job.refresh()
    assert job.cost == 1
    assert not hasattr(job, "more")
    job.refresh()
    assert (job.cost, job.more) == (2, 3)


def test_attributes_cost_no_request():
    client = ScriptedClient([DONE])
    job = job_of(client, colour="blue")
    assert job.colour == "blue"
    assert not hasattr(job, "cost")
    assert client.calls == []


def test_keyword_arguments_are_attributes_until_a_reply_differs():
    job = job_of(ScriptedClient([DONE]), cost=1, colour="blue", status_="kept")
    assert (job.cost, job.cost_, job.colour, job.colour_, job.status_) == (1, 1, "blue", "blue", "kept")
    job.refresh()
    assert (job.cost, job.colour) == (10, "blue")


def test_keyword_argument_named_like_a_member_hides_nothing():
    job = job_of(ScriptedClient([DONE]), state={"status": "x"}, wait_policy="slow", usage=5)
    assert isinstance(job.state, Job)
    assert job.usage() == 0.0
    assert isinstance(job.wait_policy, WaitPolicy)
    assert (job.state_, job.usage_, job.wait_policy_) == ({"status": "x"}, 5, "slow")


@pytest.mark.parametrize("name", ["cost", "cost_", "result", "status", "job_id", "state", "session_id", "version"])
def test_member_or_attribute_cannot_be_assigned(name):
    job = job_of(ScriptedClient([DONE]))
    job.refresh()
    with pytest.raises(AttributeError, match=f"'{name}' is .* cannot be assigned"):
        setattr(job, name, 5)
    assert job.status() is JobStatus.DONE
    assert job.cost == 10


def test_field_with_a_leading_underscore_cannot_be_assigned():
    job = job_of(ScriptedClient([b'{"id": "a", "_links": {"self": "x"}}']))
    job.refresh()
    for name in ("_links", "_links_"):
        with pytest.raises(AttributeError, match=f"'{name}' is .* cannot be assigned"):
            setattr(job, name, 5)
    assert job._links == {"self": "x"}


@pytest.mark.parametrize("name", ["_api_client", "_find_backend", "_backend", "_cell"])
def test_field_named_like_one_of_ours_does_not_prevent_pickling(name):
    job = job_of(ScriptedClient([b'{"id": "a", "%s": 5}' % name.encode()]))
    job.refresh()
    back = pickle.loads(pickle.dumps(job))
    assert getattr(back, f"{name}_") == 5


def test_backend_given_later_is_the_one_in_methods_of_qiskit():
    first, second = object(), object()
    job = IBMCircuitJob(first, None, "a")
    job.connect(backend=second)
    assert job.backend() is job._backend is second


def test_attribute_error_below_a_property_is_not_hidden():
    class Broken(ScriptedClient):
        def job_get(self, job_id, exclude_params=True):
            return self.no_such_connection

    with pytest.raises(AttributeError, match="no_such_connection"):
        _ = job_of(Broken()).private


def test_users_may_hang_things_of_their_own_on_a_job():
    job = job_of(ScriptedClient())
    job.note = "mine"
    job.wait_policy = WaitPolicy(longest_pause=1.0)
    assert job.note == "mine"


def test_dir_lists_members_and_attributes():
    job = job_of(ScriptedClient([DONE]), colour="blue")
    assert "cost" not in dir(job)
    job.refresh()
    assert {"cost", "nested", "colour", "result", "wait_for_final_state", "usage_estimation"} <= set(dir(job))


def test_what_nobody_knows_is_an_attribute_error_that_names_it():
    job = job_of(ScriptedClient())
    with pytest.raises(AttributeError, match="'no_such_thing'"):
        _ = job.no_such_thing
    assert getattr(job, "_no_such_thing", None) is None


def test_repr_says_which_job_and_how_it_is():
    job = job_of(ScriptedClient([DONE]))
    assert repr(job) == "<IBMCircuitJob('a', status unknown)>"
    job.status()
    assert repr(job) == "<IBMCircuitJob('a', DONE)>"


def test_record_of_the_job_is_there_as_it_is_known():
    job = job_of(ScriptedClient([DONE]))
    assert job.state == Job("a")
    job.status()
    assert job.state.status.server_status == "Completed"
    again = IBMCircuitJob.from_state(job.state)
    assert again.state == job.state
    assert (again.status(), again.tags(), again.cost) == (JobStatus.DONE, ["x"], 10)


# Pickles and copies


class Guarded(ScriptedClient):
    """A client that must not be pickled."""

    def __reduce__(self):
        raise AssertionError("the client was pickled")


@pytest.fixture
def known():
    """A job of which everything is known."""
    job = job_of(Guarded([DONE], metrics=[METRICS], results=[RESULT]), name="mine", colour="blue")
    job.refresh()
    job.result()
    return job


def test_pickle_keeps_what_is_known_and_drops_the_client(known):
    known.wait_policy = WaitPolicy(longest_pause=7.0)
    known.note = "hung on"
    again = pickle.loads(pickle.dumps(known))
    assert again.state == known.state
    assert (again.job_id(), again.name(), again.tags()) == ("a", "mine", ["x"])
    assert (again.cost, again.colour, again.note, again.wait_policy.longest_pause) == (10, "blue", "hung on", 7.0)
    assert again.status() is JobStatus.DONE
    assert again.result().get_counts() == {"1": 3}
    assert again.creation_date() == datetime(2024, 2, 3, 10, tzinfo=UTC)
    assert again.usage() == 2.0
    assert again.error_message() is None
    again.wait_for_final_state()


def test_pickle_holds_no_token():
    parameters = ClientParameters("s3cret-token", "http://127.0.0.1:1/api")
    job = IBMCircuitJob(None, None, "a", runtime_client=RuntimeClient(parameters))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert b"s3cret-token" not in pickle.dumps(job, protocol)


@pytest.mark.parametrize(
    "ask",
    [
        IBMCircuitJob.status,
        IBMCircuitJob.refresh,
        IBMCircuitJob.result,
        IBMCircuitJob.wait_for_final_state,
        IBMCircuitJob.tags,
        IBMCircuitJob.circuits,
        IBMCircuitJob.queue_info,
        IBMCircuitJob.logs,
        IBMCircuitJob.backend,
        IBMCircuitJob.cancel,
        lambda job: job.update_tags(["x"]),
        lambda job: job.usage_estimation,
    ],
)
def test_detached_handle_says_how_to_reconnect_it(ask):
    detached = pickle.loads(pickle.dumps(job_of(ScriptedClient([DONE]))))
    with pytest.raises(
        IBMJobApiError, match=r"no connection to a service; give it one with IBMProvider\.attach\(job\)"
    ):
        ask(detached)


def test_what_the_constructor_was_told_survives_a_pickle():
    job = job_of(ScriptedClient(), status="FAILED", error={"message": "No.", "code": 5}, kind="q-object", result=RESULT)
    again = pickle.loads(pickle.dumps(job))
    assert (again.error_message(), again.kind) == ("Error code 5; No.", "q-object")
    other = pickle.loads(pickle.dumps(job_of(ScriptedClient(), error={"message": "No."})))
    other.connect(runtime_client=ScriptedClient([b'{"id": "a", "state": {"status": "Failed"}}']))
    assert other.error_message() == "No."
    given = pickle.loads(pickle.dumps(job_of(ScriptedClient(), result=RESULT)))
    assert given.result().get_counts() == {"1": 3}


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copy_knows_the_same_and_asks_the_same_client(known, copied):
    backend = object()
    known.connect(backend=backend, runtime_client=known.client)
    again = copied(known)
    assert again is not known
    assert again.state is known.state
    assert (again.backend(), again.cost, again.colour) == (backend, 10, "blue")
    asked = len(known.client.calls)
    again.refresh()
    assert len(known.client.calls) == asked + 2


# Local time


@pytest.fixture
def zone(monkeypatch):
    """Let the machine be in a time zone."""

    def move(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("where", "created", "local", "hours"),
    [
        # Clocks go forward at 01:00 UTC, and back at 01:00 UTC: 02:30 is there twice.
        ("Europe/Berlin", "2024-03-31T00:30:00Z", "2024-03-31T01:30:00+01:00", 1),
        ("Europe/Berlin", "2024-03-31T01:30:00Z", "2024-03-31T03:30:00+02:00", 2),
        ("Europe/Berlin", "2024-10-27T00:30:00Z", "2024-10-27T02:30:00+02:00", 2),
        ("Europe/Berlin", "2024-10-27T01:30:00Z", "2024-10-27T02:30:00+01:00", 1),
        ("America/New_York", "2024-11-03T05:30:00Z", "2024-11-03T01:30:00-04:00", -4),
        ("America/New_York", "2024-11-03T06:30:00Z", "2024-11-03T01:30:00-05:00", -5),
        ("Asia/Kolkata", "2024-07-01T00:00:00Z", "2024-07-01T05:30:00+05:30", 5.5),
    ],
)
def test_times_are_local_aware_and_right_across_daylight_saving(zone, where, created, local, hours):
    zone(where)
    job = job_of(ScriptedClient(), creation_date=created, time_per_step={"CREATED": created})
    for moment in (job.creation_date(), job.time_per_step()["CREATED"]):
        assert moment.isoformat() == local
        assert moment.utcoffset() == timedelta(hours=hours)
        assert moment == datetime.fromisoformat(created)


def test_steps_across_a_daylight_saving_change_stay_ordered(zone):
    zone("Europe/Berlin")
    steps = {"running": "2024-10-27T00:30:00Z", "finished": "2024-10-27T01:30:00Z"}
    found = job_of(ScriptedClient(), time_per_step=steps).time_per_step()
    assert found["finished"] - found["running"] == timedelta(hours=1)
    assert [moment.hour for moment in found.values()] == [2, 2]


def test_estimates_of_the_queue_are_local(zone):
    zone("America/New_York")
    metrics = b'{"position_in_queue": 2, "estimated_start_time": "2024-11-03T06:30:00Z"}'
    info = job_of(ScriptedClient(metrics=[metrics])).queue_info()
    assert info.estimated_start_time.isoformat() == "2024-11-03T01:30:00-05:00"


# Threads


class Shared(ScriptedClient):
    """A script that many threads may read from."""

    lock = threading.Lock()

    def _answer(self, method, job_id):
        with self.lock:
            return super()._answer(method, job_id)


def test_any_member_may_be_called_from_any_thread():
    statuses = ["Queued", "Running", "Completed"]
    replies = [DONE.replace(b"Completed", status.encode()) for status in statuses for _ in range(20)]
    client = Shared(replies, metrics=[METRICS], results=[RESULT])
    job = job_of(client)
    job.wait_policy = WaitPolicy(shortest_pause=0.001, longest_pause=0.001)
    asks = [
        job.status,
        job.tags,
        job.creation_date,
        job.refresh,
        job.queue_position,
        job.queue_info,
        job.time_per_step,
        job.error_message,
        job.result,
        job.metrics,
        lambda: dir(job),
        lambda: repr(job),
        lambda: pickle.dumps(job.state),
        lambda: job.update_name("n"),
    ]
    with ThreadPoolExecutor(8) as threads:
        for answer in [threads.submit(ask) for ask in asks * 6]:
            answer.result(timeout=60)
    assert job.status() is JobStatus.DONE
    assert [method for method, _ in client.calls].count("job_results") == 1


def test_what_two_threads_learn_at_once_is_learned_by_both():
    job = job_of(Shared([DONE]))
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: job.update_name(f"name {number}"), range(100)))
        list(threads.map(lambda _: job.refresh(), range(20)))
    assert job.name().startswith("name ")
    assert job.cost == 10
