"""What the constructor is told counts: it becomes facts and answers without a request; what is wrong is refused."""

from datetime import UTC, datetime

import msgspec
import pytest
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import IBMCircuitJob, IBMJobApiError, IBMJobFailureError, IBMJobInvalidStateError
from ibm_circuit_job.testing import ScriptedClient

RESULT = {
    "backend_name": "b",
    "backend_version": "1",
    "job_id": "a",
    "success": True,
    "results": [
        {
            "shots": 3,
            "success": True,
            "header": {"name": "c", "memory_slots": 1, "creg_sizes": [["c", 1]]},
            "data": {"counts": {"0x1": 3}},
        }
    ],
}
TEN_TO_NOON = datetime(2024, 2, 3, 11, 50, tzinfo=UTC)


@pytest.fixture
def client():
    return ScriptedClient()


def job_of(client, **given):
    return IBMCircuitJob(None, None, "a", runtime_client=client, **given)


def test_all_of_it_together_costs_no_request(client):
    job = IBMCircuitJob(
        None,
        None,
        "a",
        "2024-02-03T11:50:00Z",
        "COMPLETED",
        client,
        "q-object",
        "my job",
        {"CREATED": "2024-02-03T11:50:00Z", "RUNNING": "2024-02-03T11:51:00Z"},
        RESULT,
        None,
        "session",
        ["x", "y"],
        "fairshare",
        {"qiskit": "0.45.1"},
        cost=3,
    )
    assert job.job_id() == "a"
    assert job.creation_date() == TEN_TO_NOON
    assert job.status() is JobStatus.DONE
    assert (job.done(), job.running(), job.cancelled(), job.errored(), job.in_final_state()) == (
        True, False, False, False, True,
    )  # fmt: skip
    assert job.kind == "q-object"
    assert job.name() == "my job"
    assert list(job.time_per_step()) == ["CREATED", "RUNNING"]
    assert job.result().get_counts() == {"1": 3}
    assert job.error_message() is None
    assert job.session_id == "session"
    assert job.tags() == ["x", "y"]
    assert job.scheduling_mode() == "fairshare"
    assert job.client_version == {"qiskit": "0.45.1"}
    assert job.cost == 3
    assert job.queue_info() is None
    assert job.queue_position(refresh=True) is None
    assert client.calls == []


@pytest.mark.parametrize(
    "date",
    [
        "2024-02-03T11:50:00Z",
        "2024-02-03T11:50:00.000Z",
        "2024-02-03T11:50:00",
        "2024-02-03T12:50:00+01:00",
        TEN_TO_NOON,
    ],
)
def test_creation_date_is_in_utc_where_it_names_no_zone(client, date):
    assert job_of(client, creation_date=date).creation_date() == TEN_TO_NOON


@pytest.mark.parametrize(
    ("status", "meant"),
    [("COMPLETED", JobStatus.DONE), ("Cancelled", JobStatus.CANCELLED), ("ERROR_RUNNING_JOB", JobStatus.ERROR)],
)
def test_final_status_is_never_asked_for(client, status, meant):
    job = job_of(client, status=status)
    job.wait_for_final_state(timeout=0)
    assert [job.status() for _ in range(3)] == [meant] * 3
    assert client.calls == []


def test_status_that_is_not_final_is_asked_for():
    client = ScriptedClient([b'{"id": "a", "state": {"status": "Completed"}}'])
    assert job_of(client, status="RUNNING").status() is JobStatus.DONE


def test_steps_that_were_given_count_until_the_service_says_more():
    more = b'{"timestamps": {"created": "2024-02-03T11:50:00Z", "running": "2024-02-03T11:51:00Z"}}'
    client = ScriptedClient([b'{"id": "a"}'], metrics=[more])
    job = job_of(client, time_per_step={"CREATED": "2024-02-03T11:50:00Z", "RUNNING": None})
    assert job.time_per_step() == {"CREATED": TEN_TO_NOON}
    assert client.calls == []
    job.refresh()
    assert list(job.time_per_step()) == ["created", "running"]


def test_given_steps_are_asked_for_again_after_the_end():
    more = b'{"timestamps": {"created": "2024-02-03T11:50:00Z", "finished": "2024-02-03T11:51:00Z"}}'
    client = ScriptedClient([b'{"id": "a", "state": {"status": "Completed"}}'], metrics=[more])
    job = job_of(client, time_per_step={"created": "2024-02-03T11:50:00Z"})
    assert job.done()
    assert list(job.time_per_step()) == ["created", "finished"]
    asked = len(client.calls)
    assert list(job.time_per_step()) == ["created", "finished"]
    assert len(client.calls) == asked


@pytest.mark.parametrize(
    "result",
    [
        RESULT,
        msgspec.json.encode(RESULT).decode(),
        msgspec.json.encode(RESULT),
        bytearray(msgspec.json.encode(RESULT)),
    ],
    ids=["dict", "text", "bytes", "bytearray"],
)
def test_result_is_there_at_once(client, result):
    job = job_of(client, result=result)
    assert job.result().get_counts() == {"1": 3}
    assert job.result() is job.result()
    assert client.calls == []


def test_given_result_is_read_again_on_refresh():
    other = msgspec.json.encode(RESULT).replace(b'"0x1":3', b'"0x0":3')
    client = ScriptedClient([b'{"id": "a", "state": {"status": "Completed"}}'], results=[other])
    job = job_of(client, result=RESULT)
    assert job.result(refresh=True).get_counts() == {"0": 3}


def test_result_does_not_hide_that_the_job_failed(client):
    job = job_of(client, result=RESULT, status="FAILED", error={"message": "No."})
    with pytest.raises(IBMJobFailureError, match="No"):
        job.result()
    assert job.result(partial=True).success is False
    assert client.calls == []


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ({"message": "Too many shots.", "code": 1517}, "Error code 1517; Too many shots."),
        ({"message": "Too many shots."}, "Too many shots."),
        ("Too many shots.", "Too many shots."),
    ],
)
def test_error_answers_why_the_job_failed(client, error, message):
    assert job_of(client, status="FAILED", error=error).error_message() == message
    assert client.calls == []


def test_given_error_counts_once_the_service_reports_a_failure():
    client = ScriptedClient([b'{"id": "a", "state": {"status": "Failed"}}'])
    assert job_of(client, error={"message": "Too many shots.", "code": 1517}).error_message() == (
        "Error code 1517; Too many shots."
    )


def test_error_is_no_error_of_a_job_that_is_done():
    client = ScriptedClient([b'{"id": "a", "state": {"status": "Completed"}}'])
    assert job_of(client, error={"message": "Too many shots."}).error_message() is None


def test_error_without_words_leaves_the_reason_to_the_service():
    client = ScriptedClient(
        [b'{"id": "a", "state": {"status": "Failed"}}'], results=[b"qiskit.JobError: 'Out of memory.'"]
    )
    assert job_of(client, error={"code": 1517}).error_message() == "Out of memory."


@pytest.mark.parametrize(
    ("info", "versions"),
    [
        ({"qiskit": "0.45.1", "extra": "1"}, {"qiskit": "0.45.1", "extra": "1"}),
        ("0.1.0,0.21.2", {"qiskit-ibm-provider": "0.1.0", "qiskit-terra": "0.21.2"}),
        ("0.45.1", {"qiskit": "0.45.1"}),
    ],
)
def test_client_info_is_a_dictionary_or_the_text_of_the_service(client, info, versions):
    assert job_of(client, client_info=info).client_version == versions
    assert client.calls == []


def test_what_the_service_says_beats_what_was_given():
    client = ScriptedClient(
        [b'{"id": "a", "tags": ["new"], "session_id": "s2", "run_mode": "dedicated", "name": "new"}'],
        metrics=[b'{"qiskit_version": "1.0"}'],
    )
    job = job_of(client, tags=["old"], session_id="s1", run_mode="fairshare", name="old", client_info="0.45.1")
    job.refresh()
    assert (job.tags(), job.session_id, job.scheduling_mode(), job.name()) == (["new"], "s2", "dedicated", "new")
    assert job.client_version == {"qiskit": "1.0"}


def test_what_the_service_does_not_say_stays_as_it_was_given():
    client = ScriptedClient([b'{"id": "a", "backend": "b"}'])
    job = job_of(
        client,
        creation_date="2024-02-03T11:50:00Z",
        tags=["old"],
        session_id="s1",
        run_mode="fairshare",
        name="old",
        kind="q-object",
    )
    job.refresh()
    assert (job.tags(), job.session_id, job.scheduling_mode(), job.name()) == (["old"], "s1", "fairshare", "old")
    assert (job.creation_date(), job.kind) == (TEN_TO_NOON, "q-object")


def test_no_tags_are_known_tags(client):
    assert job_of(client, tags=[]).tags() == []
    assert client.calls == []


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("creation_date", "noon"),
        ("creation_date", 5),
        ("creation_date", "0001-01-01T00:00:00+10:00"),
        ("status", 5),
        ("status", JobStatus.DONE),
        ("kind", 5),
        ("name", 5),
        ("time_per_step", "noon"),
        ("time_per_step", {"CREATED": "noon"}),
        ("time_per_step", {1: "2024-02-03T11:50:00Z"}),
        ("result", 5),
        ("result", [1]),
        ("result", {"a": object()}),
        ("result", "\ud800"),
        ("error", 5),
        ("error", {"message": 5}),
        ("error", {"message": "No.", "code": 1.5}),
        ("session_id", 5),
        ("tags", "x"),
        ("tags", ["x", 5]),
        ("tags", ["\ud800"]),
        ("run_mode", 5),
        ("client_info", 5),
        ("client_info", {"qiskit": 1}),
        ("name", "\ud800"),
        ("kind", "\ud800"),
        ("status", "\ud800"),
        ("session_id", "\ud800"),
        ("error", "\ud800"),
        ("client_info", {"qiskit": "\ud800"}),
    ],
)
def test_wrong_argument_is_refused_by_name(client, argument, value):
    with pytest.raises(IBMJobInvalidStateError, match=argument):
        job_of(client, **{argument: value})


@pytest.mark.parametrize("job_id", ["", None, 5])
def test_job_id_that_cannot_be_one_is_refused_by_name(client, job_id):
    with pytest.raises(IBMJobInvalidStateError, match="job_id"):
        IBMCircuitJob(None, None, job_id, runtime_client=client)


def test_backend_is_the_one_that_was_given(client):
    backend = object()
    assert IBMCircuitJob(backend, None, "a", runtime_client=client).backend() is backend


def test_absent_backend_is_an_error_that_says_what_helps(client):
    with pytest.raises(IBMJobApiError, match=r"IBMProvider\.attach\(job\)"):
        job_of(client).backend()


def test_api_client_is_asked_where_there_is_no_other():
    client = ScriptedClient([b'{"id": "a", "state": {"status": "Running"}}'])
    assert IBMCircuitJob(None, client, "a").running()
    other = ScriptedClient([b'{"id": "a", "state": {"status": "Queued"}}'])
    assert not IBMCircuitJob(None, client, "a", runtime_client=other).running()
