"""Where a job stands in the queue, what was measured of it, and how good its backend was when it ran."""

from datetime import UTC, datetime

import attrs
import pytest

from ibm_circuit_job import BackendProperties, IBMCircuitJob, IBMJobApiError, QueueInfo
from ibm_circuit_job.clients import RequestFailed
from ibm_circuit_job.errors import Refused, Unreachable
from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.devices import properties as documented_properties
from ibm_circuit_job.testing import ScriptedClient

DOWN = Unreachable("read the metrics of job a", "http://x", "no route")
QUEUED = b'{"id": "a", "state": {"status": "Queued"}, "created": "2024-02-03T10:00:00Z", "backend": "local_5q"}'
RUNNING = QUEUED.replace(b"Queued", b"Running")
DONE = QUEUED.replace(b"Queued", b"Completed")
FAILED = QUEUED.replace(b"Queued", b"Failed")
WAITS = b"""{"position_in_queue": 7, "position_in_provider": 3, "estimated_start_time": "2024-02-03T12:00:00Z",
    "estimated_completion_time": "2024-02-03T13:00:00Z", "hub_priority": 0.5, "group_priority": 0.25,
    "project_priority": 1}"""
MEASURED = b"""{"timestamps": {"created": "2024-02-03T10:00:00Z", "running": "2024-02-03T11:00:00Z",
    "finished": "2024-02-03T11:00:05Z"}, "usage": {"quantum_seconds": 4.5, "seconds": 5}, "qiskit_version": "1.0.2",
    "bss": {"seconds": 5}, "position_in_queue": null}"""


def job_of(client, backend=None, **given):
    return IBMCircuitJob(backend, None, "a", runtime_client=client, **given)


def asked(client):
    return [method for method, _ in client.calls]


# The queue


def test_queue_info_says_all_that_the_service_does():
    job = job_of(ScriptedClient([QUEUED], metrics=[WAITS]))
    job.status()
    info = job.queue_info()
    assert isinstance(info, QueueInfo)
    assert (info.job_id, info.position, info.status) == ("a", 3, "Queued")
    assert info.estimated_start_time == datetime(2024, 2, 3, 12, tzinfo=UTC)
    assert info.estimated_complete_time == datetime(2024, 2, 3, 13, tzinfo=UTC)
    assert (info.hub_priority, info.group_priority, info.project_priority) == (0.5, 0.25, 1.0)


def test_times_of_queue_info_are_in_the_zone_of_the_machine():
    info = job_of(ScriptedClient([QUEUED], metrics=[WAITS])).queue_info()
    there = datetime(2024, 2, 3, 12, tzinfo=UTC).astimezone()
    assert (info.estimated_start_time.utcoffset(), info.estimated_start_time.hour) == (there.utcoffset(), there.hour)


def test_queue_info_is_frozen_and_can_be_shown():
    info = job_of(ScriptedClient([QUEUED], metrics=[b'{"position_in_queue": 7}'])).queue_info()
    assert repr(info) == "QueueInfo(job_id='a', position=7)"
    assert info.format().splitlines() == ["Job a queue information:", "    queue position: 7"]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        info.position = 1


@pytest.mark.parametrize("metrics", [b"{}", b'{"position_in_queue": null}', MEASURED])
def test_queue_info_is_none_where_nothing_useful_is_known(metrics):
    assert job_of(ScriptedClient([QUEUED], metrics=[metrics])).queue_info() is None


def test_queue_info_asks_each_time_until_the_job_has_ended():
    client = ScriptedClient([QUEUED, DONE], metrics=[WAITS, b'{"position_in_queue": 1}'])
    job = job_of(client)
    assert (job.queue_info().position, job.queue_info().position) == (3, 1)
    job.status()
    job.status()
    assert job.queue_info() is None
    assert asked(client).count("job_metadata") == 2


def test_queue_position_is_that_within_the_provider_and_is_kept():
    client = ScriptedClient([QUEUED], metrics=[WAITS, b'{"position_in_queue": 1}'])
    job = job_of(client)
    assert job.queue_position() == 3
    assert job.queue_position() == 3
    assert job.queue_position(refresh=True) == 1
    assert job.queue_position() == 1
    assert asked(client) == ["job_metadata"] * 2


def test_queue_position_that_was_learned_costs_no_request():
    client = ScriptedClient([QUEUED], metrics=[WAITS])
    job = job_of(client)
    job.refresh()
    asked_before = len(client.calls)
    assert job.queue_position() == 3
    assert len(client.calls) == asked_before


@pytest.mark.parametrize("reply", [RUNNING, DONE, FAILED])
def test_job_that_does_not_wait_has_no_position(reply):
    job = job_of(ScriptedClient([reply], metrics=[WAITS]))
    job.status()
    assert job.queue_position(refresh=True) is None


@pytest.mark.parametrize("ask", [IBMCircuitJob.queue_info, IBMCircuitJob.queue_position, IBMCircuitJob.metrics])
def test_service_that_cannot_be_reached_is_an_api_error(ask):
    with pytest.raises(IBMJobApiError, match="no route"):
        ask(job_of(ScriptedClient([QUEUED], metrics=[DOWN])))


# What was measured


def test_what_was_measured_of_a_job_that_ended_is_asked_for_once():
    client = ScriptedClient([DONE], metrics=[MEASURED])
    job = job_of(client)
    job.status()
    assert job.usage() == 4.5
    assert job.metrics()["usage"] == {"quantum_seconds": 4.5, "seconds": 5}
    assert job.metrics()["timestamps"]["running"] == "2024-02-03T11:00:00Z"
    assert job.metrics()["bss"] == {"seconds": 5}
    assert list(job.time_per_step()) == ["created", "running", "finished"]
    assert job.time_per_step()["finished"] == datetime(2024, 2, 3, 11, 0, 5, tzinfo=UTC)
    assert job.client_version == {"qiskit": "1.0.2"}
    assert asked(client) == ["job_get", "job_metadata"]


@pytest.mark.parametrize("tagged", [False, True])
@pytest.mark.parametrize(
    ("ask", "measured"),
    [
        (IBMCircuitJob.time_per_step, MEASURED),
        (IBMCircuitJob.time_per_step, b"{}"),
        (IBMCircuitJob.metrics, MEASURED),
        (IBMCircuitJob.metrics, b"{}"),
        (IBMCircuitJob.usage, MEASURED),
        (IBMCircuitJob.usage, b'{"usage": {"quantum_seconds": 0}}'),
    ],
)
def test_any_metrics_of_an_ended_job_are_asked_for_once(tagged, ask, measured):
    client = ScriptedClient([DONE], metrics=[measured])
    job = job_of(client)
    job.status()
    first = ask(job)
    if tagged:
        job.update_tags(["new"])
    assert ask(job) == first
    assert asked(client).count("job_metadata") == 1


def test_metrics_of_a_running_job_are_asked_for_each_time():
    client = ScriptedClient([RUNNING], metrics=[b"{}", MEASURED])
    job = job_of(client)
    job.status()
    assert job.time_per_step() is None
    assert job.time_per_step() is not None
    assert job.metrics() != {}


def test_nothing_measured_is_no_error():
    job = job_of(ScriptedClient([RUNNING], metrics=[b"{}"]))
    assert (job.metrics(), job.usage(), job.time_per_step(), job.client_version) == ({}, 0.0, None, {})


def test_usage_without_quantum_seconds_is_what_is_accounted_for():
    assert job_of(ScriptedClient([DONE], metrics=[b'{"bss": {"seconds": 5}}'])).usage() == 5.0


@pytest.mark.parametrize(
    ("reply", "seconds"), [(b'{"id": "a", "estimated_running_time_seconds": 2.5}', 2.5), (DONE, None)]
)
def test_usage_estimation_is_in_quantum_seconds(reply, seconds):
    client = ScriptedClient([reply])
    job = job_of(client)
    assert job.usage_estimation == {"quantum_seconds": seconds}
    assert job.usage_estimation == {"quantum_seconds": seconds}
    assert asked(client) == ["job_get"]


@pytest.mark.parametrize("errored", [True, False])
def test_errored_is_whether_the_job_failed(errored):
    assert job_of(ScriptedClient([FAILED if errored else DONE])).errored() is errored


def test_session_and_privacy_are_asked_for_once():
    client = ScriptedClient([b'{"id": "a", "session_id": "s", "private": true}'])
    job = job_of(client)
    assert (job.session_id, job.private) == ("s", True)
    assert asked(client) == ["job_get"]


def test_job_without_session_and_privacy_has_none():
    job = job_of(ScriptedClient([DONE]))
    assert (job.session_id, job.private, job.scheduling_mode()) == (None, False, None)


class Logging(ScriptedClient):
    """A client that has logs, or trouble."""

    log = ""

    def job_logs(self, job_id):
        if not isinstance(self.log, str):
            raise RequestFailed(self.log)
        return self.log


def test_log_is_a_text():
    client = Logging([DONE])
    client.log = "one\ntwo"
    assert job_of(client).logs() == "one\ntwo"


def test_log_that_is_not_there_yet_is_empty():
    client = Logging([RUNNING])
    client.log = Refused("read the log of job a", "http://x", 404, "Not yet.")
    assert job_of(client).logs() == ""


def test_log_that_cannot_be_read_is_an_api_error():
    client = Logging([DONE])
    client.log = DOWN
    with pytest.raises(IBMJobApiError, match="no route"):
        job_of(client).logs()


# The backend when the job ran


class Calibrated(ScriptedClient):
    """A client of a service that calibrates its backends each day."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.moments = []

    def backend_properties(self, backend_name, datetime=None):
        self.moments.append((backend_name, datetime))
        return documented_properties(DEVICES[backend_name], datetime)


def test_properties_are_those_of_the_time_at_which_the_job_ran():
    client = Calibrated([DONE], metrics=[MEASURED])
    properties = job_of(client).properties()
    assert isinstance(properties, BackendProperties)
    assert properties.last_update_date == datetime(2024, 2, 3, 4, tzinfo=UTC)
    assert client.moments == [("local_5q", datetime(2024, 2, 3, 11, tzinfo=UTC))]
    assert 1e-6 < properties.t1(0) < 1e-3


def test_steps_in_capitals_still_date_the_properties():
    client = Calibrated([DONE])
    job_of(client, time_per_step={"RUNNING": "2024-02-03T11:00:00Z"}).properties()
    assert client.moments == [("local_5q", datetime(2024, 2, 3, 11, tzinfo=UTC))]
    assert "job_metadata" not in asked(client)


def test_properties_of_a_job_that_never_ran_are_of_its_creation():
    client = Calibrated([QUEUED])
    job_of(client).properties()
    assert client.moments == [("local_5q", datetime(2024, 2, 3, 10, tzinfo=UTC))]


def test_properties_are_asked_for_once_unless_refreshed():
    client = Calibrated([DONE], metrics=[MEASURED])
    job = job_of(client)
    job.status()
    kept = job.properties()
    assert job.properties() is kept
    assert job.properties(refresh=True) == kept
    assert len(client.moments) == 2


def test_properties_of_a_simulator_are_none():
    client = Calibrated([DONE.replace(b"local_5q", b"local_simulator")], metrics=[MEASURED])
    assert job_of(client).properties() is None


@pytest.mark.parametrize("status", [404, 500])
def test_absent_properties_are_none_and_trouble_is_an_error(status):
    class Without(ScriptedClient):
        def backend_properties(self, backend_name, datetime=None):
            raise RequestFailed(Refused("read the properties", "http://x", status, "No."))

    job = job_of(Without([DONE], metrics=[MEASURED]))
    if status == 404:
        assert job.properties() is None
    else:
        with pytest.raises(IBMJobApiError, match="500"):
            job.properties()


def test_properties_are_none_if_the_client_cannot_ask():
    assert job_of(ScriptedClient([DONE], metrics=[MEASURED])).properties() is None
