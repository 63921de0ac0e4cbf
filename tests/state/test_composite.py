"""Jobs that the archived client split a long list of circuits into."""

import pytest
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.state.composite import PlaceInComposite, own_tags, place_in_composite, status_of_all

PART = "ibm_composite_job_indexes:1:3:75:149"


def test_tag_says_which_part_a_job_is():
    assert place_in_composite(["vqe", PART]) == PlaceInComposite(1, 3, 75, 149)


@pytest.mark.parametrize("tags", [[], ["vqe"], ["ibm_composite_job_indexes:1:3:75"], [f"{PART}:1"], [f"x{PART}"]])
def test_other_tags_say_nothing(tags):
    assert place_in_composite(tags) is None


def test_tags_of_the_user_are_those_without_the_prefix():
    assert own_tags(["vqe", PART, "ibm_composite_job_id_af1_", "b"]) == ["vqe", "b"]


@pytest.mark.parametrize(
    ("names", "status"),
    [
        ("DONE DONE", "DONE"),
        ("DONE CANCELLED", "CANCELLED"),
        ("CANCELLED ERROR DONE", "ERROR"),
        ("ERROR RUNNING", "RUNNING"),
        ("RUNNING QUEUED INITIALIZING VALIDATING", "INITIALIZING"),
    ],
)
def test_status_is_that_of_the_job_furthest_from_its_end(names, status):
    assert status_of_all([JobStatus[name] for name in names.split()]) is JobStatus[status]


def test_no_job_has_no_status():
    with pytest.raises(ValueError, match="at least one status"):
        status_of_all([])
