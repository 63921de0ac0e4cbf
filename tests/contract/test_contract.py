"""Our client on a service made from IBM's API description, in every API version that is known."""

import logging
from datetime import date

import checks
import facts
import pytest
from checking import Checker, Wrong
from loopback import served
from server import BACKEND, CRN, KEY, Service

from ibm_circuit_job import IBMAccountError, IBMProvider
from ibm_circuit_job.clients import RequestFailed
from ibm_circuit_job.clients.api_versions import KNOWN

NEWEST = facts.VERSIONS[-1]
CHANGES = {each for table in facts.SHAPES.values() for value in table.values() for each in (value.since, value.until)}
FORMS = [version for version in facts.VERSIONS if version in {facts.VERSIONS[0], NEWEST} | CHANGES]
"""One version of each form: versions between which no field differs are one to the client."""


def test_client_knows_every_version():
    assert KNOWN == facts.VERSIONS


@pytest.mark.parametrize("version", FORMS)
@pytest.mark.parametrize("name", checks.CHECKS)
def test_check_holds(name, version, record_property):
    if name == "submission_is_valid_by_the_schema":
        pytest.importorskip("ibm_quantum_schemas", reason="IBM's models of bodies are not installed")
    record_property("values compared with the description", checks.run(name, version))


@pytest.mark.parametrize("version", [each for each in facts.VERSIONS if each not in FORMS])
@pytest.mark.parametrize("name", ["every_request_names_the_version", "metrics_are_read", "usage_is_what_is_charged"])
def test_version_of_a_known_form_is_served(name, version):
    assert checks.run(name, version) > 0


@pytest.mark.parametrize(
    "name", ["log_in_with_a_crn", "circuits_run_and_give_counts", "listing_filters_by_every_argument"]
)
def test_all_versions_are_served_and_the_newest_is_spoken(name):
    assert checks.run(name, *facts.VERSIONS) > 0


def test_deprecated_version_is_used_with_one_warning(caplog):
    with caplog.at_level(logging.WARNING):
        checks.run("circuits_run_and_give_counts", "2025-05-01", status="deprecated")
    (said,) = [record.getMessage() for record in caplog.records if "2025-05-01" in record.getMessage()]
    assert "2027-01-01" in said


def test_version_that_nobody_knows_here_is_a_clear_error():
    with served(Service(["2031-01-01"])) as service:
        with pytest.raises(IBMAccountError, match=rf"2031-01-01.*{NEWEST}; upgrade ibm-circuit-job"):
            IBMProvider(KEY, service.api, instance=CRN)
        assert service.asked == [("get_versions", None)]


def test_version_that_is_withdrawn_is_left_for_another():
    with checks.world(*facts.VERSIONS) as (service, provider):
        del service.versions[NEWEST]
        assert provider.jobs() == []
        assert service.operations("list_jobs") == [facts.VERSIONS[-2]]


def test_withdrawn_version_without_a_successor_is_a_clear_error():
    with checks.world(NEWEST) as (service, provider):
        service.versions = {"2031-01-01": "live"}
        with pytest.raises(RequestFailed, match=rf"does not accept API version {NEWEST}, and offers 2031-01-01"):
            provider.runtime_client.list_backends()


# The witness itself: it must see what is wrong.


@pytest.mark.parametrize(
    ("ask", "wrong"),
    [
        (lambda client: client._call("x", "GET", "/jobs", query={"provider": "h/g/p"}), "query.provider"),
        (lambda client: client._call("x", "GET", "/jobs", query={"sort": "UP"}), "query.sort"),
        (lambda client: client._call("x", "GET", "/jobs", query={"pending": "yes"}), "query.pending"),
        (lambda client: client._call("x", "GET", "/jobs", query={"created_after": "noon"}), "query.created_after"),
        (lambda client: client._call("x", "POST", "/jobs", body=b'{"program_id": "sampler"}'), "body.backend"),
        (
            lambda client: client._call("x", "POST", "/jobs", body=b'{"program_id": "a", "backend": "b", "hub": "c"}'),
            "hub is not in the description",
        ),
        (lambda client: client.update_tags("job0", ["x"] * 9), "at most 8 items"),
        (lambda client: client.update_tags("job0", ["x" * 87]), "at most 86 characters"),
        (lambda client: client._call("x", "GET", "/jobs/job0", body=b"{}"), "the operation has none"),
    ],
)
def test_service_refuses_what_the_description_does_not_have(ask, wrong):
    with checks.world(NEWEST) as (service, provider):
        service.add()
        with pytest.raises(RequestFailed) as failed:
            ask(provider.runtime_client)
        assert failed.value.status_code == 400
        assert wrong in service.violations[0]


def test_service_refuses_an_unknown_path():
    with checks.world(NEWEST) as (_, provider), pytest.raises(RequestFailed) as failed:
        provider.runtime_client._call("x", "GET", "/jobs/job0/transpiled_circuits")
    assert failed.value.status_code == 404


@pytest.mark.parametrize(
    ("shape", "version", "found"),
    [
        ("metrics", "2026-03-15", {"bss": {"seconds": 1}}),
        ("metrics", "2026-03-15", {"usage": {"quantum_seconds": 1}}),
        ("metrics", "2026-03-15", {"circuits_execution_time_ns": 1}),
        ("metrics", "2026-02-15", {"usage": {"qpu_charge_time_seconds": 1}}),
        ("metrics", NEWEST, {"position_in_queue": 1}),
        ("metrics", NEWEST, {"timestamps": {"created": "2026-04-20T08:00:00"}}),
        ("usage", NEWEST, {"status": "completed"}),
        ("state", NEWEST, {"status": "DONE"}),
        ("state", NEWEST, {"status": "Failed", "reason_code": 7}),
        ("created", NEWEST, {"id": "a"}),
        ("job", NEWEST, {"id": "a"}),
    ],
)
def test_reply_of_another_form_is_seen(shape, version, found):
    with pytest.raises(Wrong):
        Checker(version).fields(shape, found, facts.SHAPES[shape])


def test_table_is_whole():
    kinds = {value.kind for table in facts.SHAPES.values() for value in table.values()}
    plain = {"text", "number", "integer", "flag", "time", "date", "object", "any"}
    assert kinds <= plain | facts.SHAPES.keys()
    assert [*facts.VERSIONS] == sorted(facts.VERSIONS, key=date.fromisoformat)
    assert all(len(commit) == 40 for commit in facts.SOURCES.values())
    assert BACKEND.isascii()
