"""Cancelling, and what a user may change of a job: its tags and its name."""

from unittest.mock import MagicMock

import pytest
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import IBMCircuitJob, IBMJobApiError, IBMJobError, IBMJobInvalidStateError, IBMJobTimeoutError
from ibm_circuit_job.clients import RequestFailed
from ibm_circuit_job.errors import Refused, Unreachable
from ibm_circuit_job.testing import ScriptedClient

DOWN = Unreachable("ask", "http://x", "no route")
CONFLICT = Refused("cancel job a", "http://x", 409, "Too late.")


def reply(status):
    return b'{"id": "a", "state": {"status": "%s"}}' % status.encode()


def job_of(client, **given):
    return IBMCircuitJob(None, None, "a", runtime_client=client, **given)


def asked(client):
    return [method for method, _ in client.calls]


class Answering(ScriptedClient):
    """A client whose cancel answers something."""

    answer = None

    def job_cancel(self, job_id):
        super().job_cancel(job_id)
        return self.answer


@pytest.mark.parametrize("answer", [None, b"", {}, {"cancelled": True}, b'{"cancelled": true}', True])
def test_cancel_that_the_service_accepted_is_true(answer):
    client = Answering([reply("Running")])
    client.answer = answer
    assert job_of(client).cancel() is True


@pytest.mark.parametrize("answer", [{"cancelled": False}, b'{"cancelled": false}', {"cancel": False}, False])
def test_cancel_the_service_did_not_do_is_false(answer):
    client = Answering([reply("Running")])
    client.answer = answer
    job = job_of(client)
    assert job.cancel() is False
    assert job.status() is JobStatus.RUNNING


@pytest.mark.parametrize("status", ["Completed", "Failed"])
def test_cancel_of_an_ended_job_is_invalid_and_sends_no_request(status):
    client = ScriptedClient()
    with pytest.raises(IBMJobInvalidStateError, match="cannot be cancelled"):
        job_of(client, status=status).cancel()
    assert client.calls == []


@pytest.mark.parametrize("status", ["Completed", "Failed", "Running"])
def test_cancel_refused_as_too_late_is_an_invalid_state(status):
    with pytest.raises(IBMJobInvalidStateError, match=r"409: Too late\."):
        job_of(ScriptedClient([reply(status)], cancels=[CONFLICT])).cancel()


def test_cancel_of_a_cancelled_job_is_true_and_asks_nobody():
    client = ScriptedClient()
    assert job_of(client, status="Cancelled").cancel() is True
    assert client.calls == []


def test_second_cancel_is_true_and_asks_nobody():
    client = ScriptedClient([reply("Running")])
    job = job_of(client)
    assert job.cancel()
    assert job.cancel()
    assert asked(client) == ["job_cancel"]


@pytest.mark.parametrize("trouble", [DOWN, Refused("cancel job a", "http://x", 404, "No such job."), CONFLICT])
def test_cancel_that_fails_changes_nothing(trouble):
    job = job_of(ScriptedClient([reply("Running")], cancels=[trouble]))
    with pytest.raises(IBMJobError):
        job.cancel()
    assert job.status() is JobStatus.RUNNING


def test_refused_cancel_is_an_error_in_the_words_of_the_service():
    refusal = Refused("cancel job a", "http://x", 403, "Not yours.")
    with pytest.raises(IBMJobError, match=r"403: Not yours\.") as raised:
        job_of(ScriptedClient([reply("Running")], cancels=[refusal])).cancel()
    assert not isinstance(raised.value, IBMJobInvalidStateError)


def test_wait_after_a_cancel_hears_how_the_service_ended_the_job():
    client = ScriptedClient([reply("Running"), reply("Completed")])
    job = job_of(client)
    job.cancel()
    job.wait_for_final_state(timeout=30)
    assert job.done()


def test_wait_after_a_cancel_ends_when_the_service_says_so():
    job = job_of(ScriptedClient([reply("Running")]))
    job.cancel()
    with pytest.raises(IBMJobTimeoutError):
        job.wait_for_final_state(timeout=0)


# Tags


class Tagging:
    """A service that keeps tags: those that it is given, and one that it adds."""

    def __init__(self, tags, adds=()):
        self.tags, self.adds, self.puts = list(tags), list(adds), []

    def job_get(self, job_id, exclude_params=True):
        return {"id": job_id, "state": {"status": "Running"}, "tags": self.tags}

    def update_tags(self, job_id, tags):
        self.puts.append(tags)
        self.tags = [*tags, *self.adds]


def test_tags_are_replaced_by_the_new_ones():
    service = Tagging(["old"])
    job = job_of(service)
    assert job.update_tags(["new", "other"]) == ["new", "other"]
    assert job.tags() == service.tags == ["new", "other"]


def test_tags_that_the_service_then_holds_are_returned():
    job = job_of(Tagging(["old"], adds=["by-the-service"]))
    assert job.update_tags(["new"]) == ["new", "by-the-service"]
    assert job.tags() == ["new", "by-the-service"]


def test_tags_of_whoever_manages_a_set_of_jobs_are_kept():
    service = Tagging(["ibmq_jobset_1", "old", "ibm_composite_job_2", "an_ibmq_jobset_"])
    assert job_of(service).update_tags(["new"]) == ["new", "ibmq_jobset_1", "ibm_composite_job_2"]
    assert job_of(service).update_tags([]) == ["ibmq_jobset_1", "ibm_composite_job_2"]
    assert job_of(service).update_tags(["ibmq_jobset_1"]) == ["ibmq_jobset_1", "ibm_composite_job_2"]


def test_tag_of_a_manager_that_was_added_elsewhere_since_is_kept():
    client = Tagging(["a"])
    job = job_of(client)
    assert job.tags() == ["a"]
    client.tags = ["a", "ibmq_jobset_elsewhere"]
    assert job.update_tags(["b"]) == ["b", "ibmq_jobset_elsewhere"]


def test_tags_that_were_given_twice_are_sent_once():
    service = Tagging([])
    job_of(service).update_tags(["x", "y", "x"])
    assert service.puts == [["x", "y"]]


@pytest.mark.parametrize("tags", [None, "tag", ("a", "b"), {"a"}, ["a", 5], [["a"]], ["\ud800"], 5])
def test_tags_that_are_no_list_of_texts_are_refused_unsent(tags):
    service = Tagging(["old"])
    with pytest.raises(IBMJobInvalidStateError, match="expected new_tags to be a list of strings"):
        job_of(service).update_tags(tags)
    assert (service.puts, service.tags) == ([], ["old"])


class Limiting(Tagging):
    """A service that takes few and short tags, as IBM Quantum Platform does."""

    limits_tags = True


@pytest.mark.parametrize(
    ("held", "tags", "message"),
    [
        ([], [f"{number}" for number in range(9)], "expected new_tags to be at most 8 tags, got 9"),
        ([], ["a" * 87], "expected new_tags to be tags of at most 86 characters, got one of 87"),
        (
            ["ibmq_jobset_1"],
            [f"{number}" for number in range(8)],
            "expected new_tags with the 1 that stay to be at most 8 tags, got 9",
        ),
    ],
)
def test_tags_that_the_service_would_refuse_are_not_sent(held, tags, message):
    service = Limiting(held)
    with pytest.raises(IBMJobInvalidStateError, match=message):
        job_of(service).update_tags(tags)
    assert service.puts == []


def test_as_many_tags_as_the_service_takes_are_sent():
    tags = [f"{number}" * 86 for number in range(7)]
    assert job_of(Limiting(["ibmq_jobset_1"])).update_tags(tags) == [*tags, "ibmq_jobset_1"]
    assert len(job_of(Tagging([])).update_tags([*tags, "a" * 100, "b"])) == 9


def test_tags_that_the_service_refuses_stay_as_they_were():
    class Refusing(Tagging):
        def update_tags(self, job_id, tags):
            raise RequestFailed(Refused("tag job a", "http://x", 400, "Too long."))

    job = job_of(Refusing(["old"]))
    with pytest.raises(IBMJobApiError, match=r"400: Too long\."):
        job.update_tags(["new"])
    assert job.tags() == ["old"]


def test_tags_answered_with_an_error_status_are_refused():
    client = MagicMock()
    client.job_get.return_value = {"id": "a", "tags": ["old"]}
    client.update_tags.return_value = MagicMock(status_code=404)
    job = job_of(client)
    with pytest.raises(IBMJobApiError, match="404"):
        job.update_tags(["new"])
    assert job.tags() == ["old"]


def test_list_of_tags_that_was_returned_is_nobody_elses():
    job = job_of(Tagging(["old"]))
    job.tags().append("mine")
    assert job.tags() == ["old"]


# The name


def test_name_is_kept_on_the_handle_and_one_warning_says_so(caplog):
    client = ScriptedClient([reply("Running")])
    job = job_of(client)
    assert job.update_name("first") == "first"
    assert job.update_name("second") == "second"
    assert job.name() == "second"
    job.refresh()
    assert job.name() == "second"
    assert [record.getMessage() for record in caplog.records] == [
        "The service saves no names of jobs: only this handle has the new name of job a."
    ]


def test_job_without_a_name_has_none():
    assert job_of(ScriptedClient([b'{"id": "a", "backend": "b"}'])).name() is None


@pytest.mark.parametrize("name", [None, 5, "", ["a"], "\ud800"])
def test_name_that_is_no_text_is_refused(name):
    job = job_of(ScriptedClient([b'{"id": "a", "name": "old"}']))
    with pytest.raises(IBMJobInvalidStateError, match="name"):
        job.update_name(name)
    assert job.name() == "old"


class OldAccount:
    """An account client of the oldest API, which can rename."""

    def __init__(self, failure=None):
        self.renamed, self.failure = [], failure

    def job_update_attribute(self, job_id, attribute, value):
        if self.failure is not None:
            raise RequestFailed(self.failure)
        self.renamed.append((job_id, attribute, value))


def test_service_that_keeps_names_is_told_and_nobody_is_warned(caplog):
    account = OldAccount()
    job = IBMCircuitJob(None, account, "a", runtime_client=ScriptedClient())
    assert job.update_name("new") == "new"
    assert account.renamed == [("a", "name", "new")]
    assert caplog.records == []


def test_refusal_of_a_name_is_an_api_error():
    account = OldAccount(Refused("rename job a", "http://x", 400, "Too long."))
    job = IBMCircuitJob(None, account, "a", runtime_client=ScriptedClient(), name="old")
    with pytest.raises(IBMJobApiError, match="Too long"):
        job.update_name("new")
    assert job.name() == "old"


def test_mock_is_not_mistaken_for_an_account_that_keeps_names(caplog):
    job = IBMCircuitJob(None, MagicMock(), "a", runtime_client=ScriptedClient())
    assert job.update_name("new") == "new"
    assert len(caplog.records) == 1
