"""The one reader of a reply: spellings, parts that cannot be read, and what a client has decoded."""

from datetime import UTC, datetime

import pytest

from ibm_circuit_job.wire.reply_fields import JobFields, MetricsFields, PushFields, SubmissionFields, opened


def read(body, target=JobFields):
    return opened(body, target, "reply").unwrap()


def test_exact_spelling_counts_before_another():
    said, unknown = read({"id": "a", "Backend": "x", "backend": "y"})
    assert said.backend == "y"
    assert unknown == (("Backend", '"x"'),)


@pytest.mark.parametrize("name", ["sessionId", "Session-ID", "SESSION_ID", "session_id"])
def test_name_is_read_without_case_and_underscores(name):
    assert read({"id": "a", name: "s"})[0].session_id == "s"


@pytest.mark.parametrize("name", ["_backend", "backend_", "b" * 65])
def test_name_that_is_none_of_ours_is_unknown(name):
    assert read({"id": "a", name: 1})[1] == ((name, "1"),)


def test_unreadable_part_of_an_object_costs_itself_alone():
    said, unknown = read({"id": "a", "usage": {"seconds": "many", "status": "pending"}})
    assert (said.usage.seconds, said.usage.status) == (None, "pending")
    assert unknown == (("usage", '{"seconds": "many", "status": "pending"}'),)


def test_unknown_part_of_a_known_object_is_stored_with_it():
    assert read({"id": "a", "program": {"id": "sampler", "v": 2}})[1] == (("program", '{"id": "sampler", "v": 2}'),)
    assert read({"id": "a", "program": "sampler"})[0].program.id == "sampler"


def test_number_that_is_too_large_is_null():
    said, _ = read(b'{"id": "a", "estimated_running_time_seconds": 1e400, "tags": ["x"]}')
    assert (said.estimated_running_time_seconds, said.tags) == (None, ("x",))


def test_step_without_a_time_costs_itself_alone():
    said, unknown = read({"timestamps": {"created": "now", "running": 3, "finished": None}}, MetricsFields)
    assert said.timestamps == {"created": "now", "finished": None}
    assert dict(unknown).keys() == {"timestamps"}


@pytest.mark.parametrize(
    ("body", "target", "path"),
    [
        ({"id": None}, JobFields, "id"),
        ({"id": "a", "state": {"status": []}}, JobFields, "state.status"),
        ({"id": "a", "state": {"status": None}, "status": 3}, JobFields, "status"),
        ({"type": "job-status", "data": {}}, PushFields, "data.status"),
        ({"type": "job-status", "data": 3}, PushFields, "data"),
        ({"backend": "b"}, SubmissionFields, "id"),
    ],
)
def test_reply_that_says_nothing_names_the_path(body, target, path):
    assert opened(body, target, "reply").failure().path == path


def test_wrong_status_beside_a_state_costs_itself_alone():
    assert read({"id": "a", "state": {"status": "Running"}, "status": 3})[0].state.status == "Running"


@pytest.mark.parametrize("body", [None, 3, [], object()])
def test_what_is_neither_json_nor_an_object_is_refused(body):
    assert "expected JSON, or an object" in opened(body, JobFields, "reply").failure().message


def test_text_is_read_like_bytes():
    assert read('{"id": "a", "tags": ["\ud800"]}')[0].tags == ("\ufffd",)


class Options:
    """Options of the official client."""

    def model_dump(self, mode):
        return {"shots": 10}


class QuantumProgram:
    shots = 5
    meas_level = "classified"

    class Item:
        circuit = None

    items = (Item(),)


def test_objects_of_a_client_become_json_again():
    said, unknown = read(
        {
            "id": "a",
            "created": datetime(2024, 2, 3, tzinfo=UTC),
            "options": Options(),
            "program_of_quanta": QuantumProgram(),
            "set": {1},
            "strange": object,
        }
    )
    assert said.created == "2024-02-03T00:00:00+00:00"
    fields = dict(unknown)
    assert fields["options"] == '{"shots": 10}'
    assert fields["set"] == '{"__type__": "set", "__value__": [1]}'
    assert '"circuit_arguments": null' in fields["program_of_quanta"]
    assert fields["strange"] == "\"<class 'object'>\""


def test_field_that_cannot_be_json_costs_itself_alone():
    endless = []
    endless.append(endless)
    said, unknown = read({"id": "a", "tags": ["x"], "loop": endless, "long": 10**5000})
    assert said.tags == ("x",)
    assert dict(unknown) == {"loop": '"[[...]]"', "long": '"a int that cannot be shown"'}
