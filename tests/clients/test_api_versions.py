"""Which version of IBM's API is spoken with a service, and how that is agreed on."""

import json
import logging
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest
from loopback import LoopbackServer, Replying, served

from ibm_circuit_job import IBMAccountError, IBMProvider
from ibm_circuit_job.clients import ClientParameters, PlatformClient, RequestFailed, version_agreement
from ibm_circuit_job.clients.api_versions import (
    KNOWN,
    NEWEST,
    OfferedVersion,
    best_version,
    is_about_version,
    read_versions,
)
from ibm_circuit_job.errors import Refused, Unreachable, Unsupported

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/1:2::"
TOKEN = {"access_token": "issued", "expires_in": 3600}


def listing(*versions, status="live", **more):
    return json.dumps({"versions": [{"version": version, "status": status, **more} for version in versions]})


class VersionedApi(Replying, BaseHTTPRequestHandler):
    """Lists versions as the test says, and lists backends to those who name one that it accepts."""

    def do_POST(self):
        self.reply(200, json.dumps(TOKEN))

    def do_GET(self):
        server, sent = self.server, self.headers.get("IBM-API-Version")
        server.asked.append((self.path, sent, self.headers.get("Authorization")))
        if self.path == "/api/v1/versions":
            server.hold.wait(10)
            self.reply(*server.versions)
        elif server.accepted is not None and sent not in server.accepted:
            error = {
                "code": 1234,
                "message": f"Unknown value of IBM-API-Version: {sent}.",
                "solution": "",
                "more_info": "",
            }
            self.reply(400, json.dumps({"errors": [error], "trace": "t"}))
        else:
            self.reply(200, json.dumps({"devices": [{"name": "ibm_a"}]}))


ALL = (200, listing(*KNOWN))


@contextmanager
def api(versions=ALL, accepted=None):
    server = LoopbackServer(VersionedApi)
    server.versions, server.accepted, server.asked, server.hold = versions, accepted, [], threading.Event()
    server.hold.set()
    with served(server):
        # A port that another test has had is a service with which nothing is agreed on.
        version_agreement._agreements.pop(f"{server.url}/api/v1", None)
        yield server
        server.hold.set()


def client_of(server):
    return PlatformClient(ClientParameters("key", f"{server.url}/api/v1", CRN, channel="ibm_quantum_platform"))


def sent_by(server):
    return [version for path, version, _ in server.asked if path != "/api/v1/versions"]


def questions(server):
    return [asked for asked in server.asked if asked[0] == "/api/v1/versions"]


def test_newest_live_version_that_both_know_is_spoken():
    with api((200, listing("2026-02-15", "2026-03-15", "2031-01-01"))) as server:
        assert client_of(server).list_backends() == ["ibm_a"]
        assert sent_by(server) == ["2026-03-15"]


def test_versions_are_asked_for_once_without_token_or_version():
    with api() as server:
        for client in (client_of(server), client_of(server)):
            client.list_backends()
            client.list_backends()
        assert questions(server) == [("/api/v1/versions", None, None)]
        assert sent_by(server) == [NEWEST] * 4


def test_threads_that_start_together_ask_once():
    with api() as server:
        clients = [client_of(server) for _ in range(8)]
        threads = [threading.Thread(target=client.list_backends) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(questions(server)) == 1
        assert sent_by(server) == [NEWEST] * 8


@pytest.mark.parametrize(
    "answer",
    [
        (404, "{}"),
        (500, ""),
        (503, "<html>down</html>"),
        (200, "<html>hello</html>"),
        (200, "[]"),
        (200, '{"versions": 3}'),
    ],
)
def test_newest_known_is_spoken_where_none_are_listed(answer):
    with api(answer) as server:
        client = client_of(server)
        client.list_backends()
        client.list_backends()
        assert sent_by(server) == [NEWEST] * 2
        assert len(questions(server)) == 1


def test_entry_that_cannot_be_read_costs_itself_alone():
    offered = read_versions(
        b'{"versions": [3, {"version": "soon", "status": "live"}, {"version": "2026-03-15", '
        b'"status": "Live", "sunset_date": 5}]}'
    )
    assert offered == (OfferedVersion("2026-03-15", "live"),)


def test_deprecated_version_is_one_warning_with_its_sunset(caplog):
    offered = (200, listing("2025-05-01", status="deprecated", sunset_date="2027-01-01"))
    with caplog.at_level(logging.WARNING), api(offered) as server:
        for client in (client_of(server), client_of(server)):
            client.list_backends()
        assert sent_by(server) == ["2025-05-01"] * 2
    (record,) = caplog.records
    assert "2025-05-01" in record.getMessage()
    assert "2027-01-01" in record.getMessage()


def test_older_live_version_comes_before_a_deprecated_one():
    offered = [OfferedVersion("2026-03-15", "live"), OfferedVersion("2026-04-15", "deprecated")]
    assert best_version(offered).version == "2026-03-15"


def test_nothing_in_common_names_both_sides():
    with api((200, listing("2031-01-01", "2032-02-02"))) as server:
        with pytest.raises(IBMAccountError, match=r"2031-01-01, 2032-02-02.*2026-04-15; upgrade ibm-circuit-job"):
            IBMProvider("key", f"{server.url}/api/v1", instance=CRN)
        with pytest.raises(RequestFailed) as failed:
            client_of(server).list_backends()
        assert isinstance(failed.value.failure, Unsupported)
        assert not failed.value.failure.can_retry
        assert sent_by(server) == []


def test_version_withdrawn_meanwhile_is_replaced_by_another():
    with api((200, listing("2026-04-15"))) as server:
        client = client_of(server)
        client.list_backends()
        server.versions, server.accepted = (200, listing("2026-03-15")), {"2026-03-15"}
        assert client.list_backends() == ["ibm_a"]
        client.list_backends()
        assert sent_by(server) == ["2026-04-15", "2026-04-15", "2026-03-15", "2026-03-15"]
        assert len(questions(server)) == 2


def test_refused_version_is_an_error_that_says_what_is_offered():
    with api(accepted={"2031-01-01"}, versions=(500, "")) as server:
        client = client_of(server)
        with pytest.raises(
            RequestFailed, match=r"does not accept API version 2026-04-15, and does not list its versions"
        ):
            client.list_backends()
        server.versions = (200, listing("2031-01-01"))
        with pytest.raises(
            RequestFailed, match=r"2026-04-15, and offers 2031-01-01; upgrade ibm-circuit-job"
        ) as failed:
            client.list_backends()
        assert failed.value.status_code == 400


def test_refusal_of_an_offered_version_stays_as_it_is():
    with api(accepted=set()) as server, pytest.raises(RequestFailed) as failed:
        client_of(server).list_backends()
    assert failed.value.failure.message == "Unknown value of IBM-API-Version: 2026-04-15."
    assert sent_by(server) == ["2026-04-15"]


@pytest.mark.parametrize(
    ("failure", "is_about"),
    [
        (Refused("x", "u", 400, "The API version is not supported."), True),
        (Refused("x", "u", 400, "2025-05-01 was withdrawn."), True),
        (Refused("x", "u", 400, "Bad request.", code="invalid_api_version"), True),
        (Refused("x", "u", 400, "Expected circuits in QPY version 13 to 17."), False),
        (Refused("x", "u", 503, "The API version service is down."), False),
        (Unreachable("x", "u", "api version"), False),
    ],
)
def test_refusal_about_the_version_is_recognised(failure, is_about):
    assert is_about_version(failure, "2025-05-01") is is_about


def test_silent_listing_takes_half_of_the_time_at_most():
    with api() as server:
        client = client_of(server)
        server.hold.clear()
        # The versions do not come; the call has its own answer within its limit all the same.
        assert b"ibm_a" in client.jobs_get(seconds=0.8)
        client.jobs_get(seconds=0.8)
        assert len(questions(server)) == 1
        assert sent_by(server) == [NEWEST] * 2


def test_client_application_goes_with_every_request(monkeypatch):
    from ibm_circuit_job.clients.client_application import HEADER, client_headers  # noqa: PLC0415

    assert client_headers()[HEADER].startswith("qiskit-version-2/qiskit-")
    assert "/ibm-circuit-job/" in client_headers()[HEADER]
    monkeypatch.setenv("USAGE_DATA_OPT_OUT", "True")
    assert client_headers() == {}


@pytest.mark.parametrize("number", range(len(KNOWN)))
def test_each_known_version_is_spoken_where_it_is_the_only_one(number):
    with api((200, listing(KNOWN[number])), accepted={KNOWN[number]}) as server:
        assert client_of(server).list_backends() == ["ibm_a"]
