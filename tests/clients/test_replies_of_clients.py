"""What ``update_tags()`` of a client returns: it has the members of ``requests.Response`` that tell the outcome."""

import pytest
import requests

from ibm_circuit_job.clients.http import Reply


def test_good_reply_says_so():
    reply = Reply(200, "OK", {}, b'{"tags": ["a"]}')
    assert reply.ok
    assert reply.json() == {"tags": ["a"]}
    reply.raise_for_status()


def test_reply_without_a_body_has_no_json():
    with pytest.raises(ValueError, match="line 1 column 1"):
        Reply(204, "No Content", {}, b"").json()


def test_reply_with_a_bad_status_raises_it():
    reply = Reply(409, "Conflict", {}, b"")
    assert not reply.ok
    with pytest.raises(requests.HTTPError, match="HTTP 409 Conflict"):
        reply.raise_for_status()
