"""The description of the local service, held against the table of facts of IBM's description."""

import facts
import pytest
import requests

from ibm_circuit_job.local.description import OPERATIONS, SHAPES, description

DESCRIBED = description("/api/v1")
MORE = {400, 401, 403, 404, 409}
"""Statuses that IBM's description has of many operations, and of some does not."""


@pytest.mark.parametrize("name", facts.OPERATIONS)
def test_operation_is_as_ibm_describes_it(name):
    fact, ours = facts.OPERATIONS[name], OPERATIONS[name]
    assert (ours.method, ours.path, ours.reply) == (fact.method, fact.path, fact.reply)
    assert {*ours.query} == {*fact.query}
    assert {status for status in ours.statuses if status != 429} <= {*fact.statuses} | MORE
    assert {status for status in fact.statuses if status < 400} == {s for s in ours.statuses if s < 400}
    assert ours.is_open == (not fact.needs_token)


@pytest.mark.parametrize(
    "name", sorted(facts.SHAPES.keys() & SHAPES.keys() - {"device", "configuration", "properties"})
)
def test_reply_has_the_fields_that_ibm_describes(name):
    fact, ours = facts.SHAPES[name], SHAPES[name]
    assert ours["properties"].keys() <= fact.keys()
    assert {field for field, value in fact.items() if value.required} <= set(ours["required"])
    for field, schema in ours["properties"].items():
        if fact[field].among:
            assert set(schema["enum"]) <= set(fact[field].among)


def test_submission_has_the_bounds_that_ibm_describes():
    schemas = DESCRIBED["components"]["schemas"]
    ours, fact = schemas["Submission"], facts.OPERATIONS["create_job"].body
    assert {*ours["required"]} == {field for field, value in fact.items() if value.required}
    assert ours["properties"].keys() == fact.keys() - {"runtime", "remote_storage"}
    tags, cost = ours["properties"]["tags"], ours["properties"]["cost"]["anyOf"][0]
    assert (tags["maxItems"], tags["items"]["maxLength"]) == (fact["tags"].most_items, fact["tags"].longest)
    assert (cost["minimum"], cost["maximum"]) == (fact["cost"].least, fact["cost"].most)
    for field in ("session_id", "calibration_id"):
        assert ours["properties"][field]["anyOf"][0]["maxLength"] == fact[field].longest


def test_service_serves_its_description(service):
    root = service.environment["IAM_URL"]
    served = requests.get(f"{root}/openapi.json", timeout=10).json()
    assert served["paths"] == DESCRIBED["paths"]
    assert service.platform_url == root + served["servers"][0]["url"]


def test_every_reference_leads_somewhere():
    def references(value):
        if isinstance(value, dict):
            yield from ([value["$ref"]] if "$ref" in value else [])
            for part in value.values():
                yield from references(part)
        elif isinstance(value, list):
            for part in value:
                yield from references(part)

    known = {f"#/components/schemas/{name}" for name in DESCRIBED["components"]["schemas"]}
    assert set(references(DESCRIBED)) <= known
