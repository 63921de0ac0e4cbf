"""Small tables and texts of the core: statuses, tags, the place in the queue, versions of a client."""

from datetime import UTC, datetime

import pytest
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import IBMBackendValueError, QueueInfo
from ibm_circuit_job.state import status
from ibm_circuit_job.state.client_versions import classic_versions, named_versions
from ibm_circuit_job.state.tag_limits import checked_tags, excess_of_tags

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(("word", "meant"), status.STATUS_OF.items())
def test_status_is_found_in_any_case_and_with_spaces(word, meant):
    for spelt in (word, word.lower(), f" {word.title()} "):
        assert status.status_of(spelt) is meant
        assert status.is_known(spelt)


@pytest.mark.parametrize("word", ["Levitating", "", "Ran", "Cancelled - Ran too longer"])
def test_status_outside_of_the_table_is_unknown(word):
    assert status.status_of(word) is JobStatus.INITIALIZING
    assert not status.is_known(word)


@pytest.mark.parametrize("word", ["Ran too long", "CANCELED_RAN_TOO_LONG", "cancelled: ran too long!"])
def test_job_that_ran_too_long_is_cancelled_however_it_is_spelt(word):
    assert status.says_ran_too_long(word)
    assert status.is_known(word)
    assert status.status_of(word) is JobStatus.CANCELLED


def test_final_statuses_rank_done_over_error_over_cancelled():
    ranked = sorted(status.FINAL_RANK, key=status.FINAL_RANK.__getitem__)
    assert ranked == [JobStatus.CANCELLED, JobStatus.ERROR, JobStatus.DONE]


@pytest.mark.parametrize(("text", "says"), [("Too hot.", True), ("Error", False), ("", False), (None, False)])
def test_reason_says_something_beyond_the_word_error(text, says):
    assert status.is_reason(text) is says


@pytest.mark.parametrize(
    ("tags", "excess"),
    [
        ([], None),
        (["a"] * 8, None),
        (["a"] * 9, "at most 8 tags, got 9"),
        (["a" * 86], None),
        (["b", "a" * 87], f"tags of at most 86 characters, got one of 87: {'a' * 87!r}"),
    ],
)
def test_tags_beyond_the_limits_are_described(tags, excess):
    assert excess_of_tags(tags) == excess


def test_tags_are_a_list_of_strings_or_refused():
    assert checked_tags(None) == []
    assert checked_tags(("a", "b")) == ["a", "b"]
    for wrong in ("a", {"a"}, [5], ["\ud800"], 5):
        with pytest.raises(IBMBackendValueError) as raised:
            checked_tags(wrong)
        assert raised.value.message == f"expected job_tags to be a list of strings, got {wrong!r}"


def test_queue_info_shows_each_figure_that_is_known():
    info = QueueInfo("a", 0, "Queued", NOON, NOON, 0.25, 0.5, 0.75)
    assert info.format().splitlines() == [
        "Job a queue information:",
        "    queue position: 0",
        "    status: Queued",
        "    estimated start time: 2024-02-03 12:00:00+00:00",
        "    estimated completion time: 2024-02-03 12:00:00+00:00",
        "    hub priority: 0.25",
        "    group priority: 0.5",
        "    project priority: 0.75",
    ]
    assert QueueInfo("a").format() == "Job a queue information:"
    assert repr(QueueInfo("a", hub_priority=0.25)) == "QueueInfo(job_id='a', hub_priority=0.25)"


@pytest.mark.parametrize(
    ("caller", "versions"),
    [
        ("", {}),
        ("qiskit", {}),
        ("qiskit/2.6.2/ibm-circuit-job/0.1.0", {"qiskit": "2.6.2", "ibm-circuit-job": "0.1.0"}),
        ("qiskit-version-2/a_b-0.5,qiskit-2.6.2*/qiskit", {"a_b": "0.5", "qiskit": "2.6.2"}),
        ("x" * 2001 + "/1", {}),
        ("x" * 1998 + "/1", {"x" * 1998: "1"}),
    ],
)
def test_packages_are_named_with_their_versions(caller, versions):
    assert named_versions(caller) == versions


def test_versions_of_the_classic_service_are_of_client_and_core():
    assert classic_versions("") == {}
    assert classic_versions("0.45.1") == {"qiskit": "0.45.1"}
    assert classic_versions("0.1,0.2") == {"qiskit-ibm-provider": "0.1", "qiskit-terra": "0.2"}
