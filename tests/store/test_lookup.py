"""Jobs of a store that are looked up by the first letters of their IDs, and the services that they are on."""

import pytest

from ibm_circuit_job import Job, JobStore, JobStoreError


@pytest.fixture
def store(tmp_path):
    with JobStore(tmp_path / "jobs.sqlite") as store:
        store.save_all(map(Job, ("cq1x", "CQ2", "cq3", "c%", "c_")), service="this machine")
        store.save(Job("cq4"))
        yield store


def test_letters_are_compared_as_they_are(store):
    assert store.ids_like("cq") == ["cq1x", "cq3", "cq4"]
    assert store.ids_like("CQ") == ["CQ2"]
    assert (store.ids_like("c%"), store.ids_like("c_"), store.ids_like("%")) == (["c%"], ["c_"], [])


def test_number_of_ids_is_limited(store):
    assert store.ids_like("cq", limit=2) == ["cq1x", "cq3"]


@pytest.mark.parametrize("wrong", ["", None, 3])
def test_nothing_begins_with_what_is_no_text(store, wrong):
    with pytest.raises(JobStoreError, match="expected the ID of a job"):
        store.ids_like(wrong)


def test_service_that_is_not_known_is_left_out(store):
    assert store.services_of(["cq1x", "cq4", "another"]) == {"cq1x": "this machine"}
