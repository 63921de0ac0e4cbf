"""What damaged bytes are thrown at: the readers of replies, the clients, the websocket, and the import of archives.

Each target takes a damaged body and raises whatever must not be raised.
"""

import base64
import contextlib
import hashlib
import os
import struct
import sys
import tempfile
from datetime import UTC
from pathlib import Path

from returns.result import Result

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/shared"))

from hostile_server import HostileServer, reply

from fuzz_bodies import CRN, NOW
from ibm_circuit_job import (
    BackendConfiguration,
    BackendProperties,
    Job,
    JobDetails,
    JobInputs,
    JobStore,
    JobStoreError,
    ResultPayload,
    refresh,
)
from ibm_circuit_job.clients import ClientParameters, RequestFailed, http, stream
from ibm_circuit_job.clients.account import AccountClient, ServiceUrls
from ibm_circuit_job.clients.api_versions import read_versions
from ibm_circuit_job.clients.instances import read_plan, read_search
from ibm_circuit_job.clients.platform import PlatformAccount, PlatformClient
from ibm_circuit_job.clients.runtime import RuntimeClient
from ibm_circuit_job.devices.configuration import BackendStatus
from ibm_circuit_job.devices.target import target_of
from ibm_circuit_job.errors import IBMError
from ibm_circuit_job.wire import (
    documents,
    error_replies,
    instance_usage,
    queries,
    records,
    replies,
    results,
)


class Readers:
    """Every pure reader of a body; each must return a ``Result``, and the queries must answer."""

    def run(self, chance, body):
        for read in (
            replies.read_job(body, NOW),
            replies.read_job_page(body, NOW),
            replies.read_metrics(body, NOW),
            replies.read_submission(body),
            replies.read_pushed_status(body, NOW),
            records.from_json(body),
            results.decode(ResultPayload(NOW, body)),
            results.decode_primitive(ResultPayload(NOW, body)),
            instance_usage.read_instance_usage(body),
            read_search(body),
        ):
            assert isinstance(read, Result)
        results.is_result(ResultPayload(NOW, body))
        results.error_in(ResultPayload(NOW, body))
        assert len(error_replies.read_error(body).message) <= 1000
        replies.read_result_location(body)
        replies.read_cancel(body)
        read_versions(body)
        read_plan(body)
        job = Job("a", inputs=JobInputs(NOW, body))
        for query in (queries.circuits, queries.header, queries.backend_options, queries.named_bindings):
            query(job)
        self._devices(documents.value(body, "body").value_or(None))

    @staticmethod
    def _devices(value):
        if not isinstance(value, dict):
            return
        with contextlib.suppress(IBMError):
            BackendStatus.from_reply(value, "ibm_x")
        with contextlib.suppress(IBMError):
            properties = BackendProperties.from_dict(value, UTC)
            properties.to_dict()
            properties.faulty_qubits()
        with contextlib.suppress(IBMError):
            configuration = BackendConfiguration.from_dict(value)
            for name in dir(configuration):
                with contextlib.suppress(IBMError):
                    getattr(configuration, name)
            target_of(configuration, None)


class Calls:
    """Every call of both clients, to a server that answers with the body, at the login as well."""

    def __init__(self):
        self._body, self._status = b"", "200 OK"
        self._server = HostileServer(lambda connection, _: connection.sendall(reply(self._body, status=self._status)))
        # What is tried again is tried with the same body.
        http.RETRY = http.ONCE
        for name in ("IAM_URL", "GLOBAL_SEARCH_URL", "GLOBAL_CATALOG_URL"):
            os.environ[name] = self._server.url
        known = ClientParameters("secret", f"{self._server.url}/api", channel="ibm_quantum")
        platform = ClientParameters("secret", f"{self._server.url}/api/v1", CRN, channel="ibm_quantum_platform")
        self._legacy, self._platform = known, platform

    def run(self, chance, body):
        self._body = body
        self._status = chance.choice(("200 OK", "200 OK", "400 Bad Request", "401 No", "404 Not Found", "409 No"))
        self._log_in()
        clients = (
            RuntimeClient(self._legacy, account=LoggedIn(self._legacy, self._server)),
            PlatformClient(self._platform, account=PlatformLoggedIn(self._platform)),
        )
        for client in clients:
            self._ask(client)
        allowed(clients[1].instance_usage)
        for client in clients:
            client.close()

    @staticmethod
    def _ask(client):
        for call in (
            client.list_backends,
            lambda: client.backend_configuration("x"),
            lambda: client.backend_properties("x"),
            lambda: client.backend_status("x"),
            lambda: client.job_get("x"),
            lambda: client.jobs_get(limit=1),
            lambda: client.job_metadata("x"),
            lambda: client.job_results("x", prompt=True),
            lambda: client.job_cancel("x"),
            lambda: client.job_type("x"),
            lambda: client.job_logs("x"),
        ):
            allowed(call)

    def _log_in(self):
        legacy, platform = AccountClient(self._legacy), PlatformAccount(self._platform)
        for call in (
            lambda: legacy.access_token(seconds=5.0),
            lambda: legacy.user_urls(seconds=5.0),
            lambda: platform.access_token(seconds=5.0),
            platform.find_instance,
            platform.instances,
        ):
            allowed(call)
        legacy.close()
        platform.close()


def allowed(call):
    """Call it; it may raise what is documented."""
    with contextlib.suppress(IBMError):
        call()


class LoggedIn(AccountClient):
    """An account of the legacy dialect that has logged in."""

    def __init__(self, params, server):
        super().__init__(params)
        self._access_token, self._urls = "token", ServiceUrls(params.url, params.url, server.ws)


class PlatformLoggedIn(PlatformAccount):
    """An account of the platform dialect that has logged in."""

    def access_token(self, rejected=None, *, seconds=None):
        return "token"


class Streams:
    """The websocket, with damaged frames behind a good handshake, or a damaged handshake."""

    def __init__(self):
        self._sent, self._is_whole = b"", True
        self._server = HostileServer(self._answer)
        self._parameters = ClientParameters("secret", self._server.url)

    def run(self, chance, body):
        self._is_whole = chance.random() < 0.9
        frames = b"".join(frame(chance, body) for _ in range(chance.randint(1, 5)))
        data = bytearray(frames)
        for _ in range(chance.randint(0, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        self._sent = bytes(data)
        with contextlib.suppress(RequestFailed):
            stream.listen(self._server.ws, {}, 1.0, doing="listen", parameters=self._parameters)

    def _answer(self, connection, head):
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        proof = hashlib.sha1(
            f"{fields['Sec-WebSocket-Key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode(), usedforsecurity=False
        ).digest()
        lines = ("HTTP/1.1 101 Go", "Upgrade: websocket", "Connection: Upgrade")
        accept = f"Sec-WebSocket-Accept: {base64.b64encode(proof).decode()}"
        connection.sendall(("\r\n".join((*lines, accept, "", "")).encode() if self._is_whole else b"") + self._sent)
        return "close"


def frame(chance, body):
    """One frame of a server, of any kind, with some of the body."""
    start = chance.randrange(len(body) + 1)
    content = body[start : start + chance.choice((0, 2, 100, 125, 126, 70_000))]
    first = chance.choice((0x81, 0x82, 0x01, 0x00, 0x80, 0x88, 0x89, 0x8A, 0xF1))
    size = len(content)
    if size < 126:
        length = bytes([size])
    elif size < 65536:
        length = b"\x7e" + struct.pack(">H", size)
    else:
        length = b"\x7f" + struct.pack(">Q", size)
    return bytes([first]) + length + content


class Archives:
    """The import of an archive with one file damaged: a documented error, or what was exported."""

    def __init__(self):
        self._folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        self._jobs = {}
        with JobStore(self._folder / "made.sqlite") as store:
            for name in ("a", "b"):
                self._jobs[name] = refresh(
                    Job(name, payload=ResultPayload(NOW, b'{"of": "%s"}' % name.encode() * 50)),
                    JobDetails(NOW, tags=[name], backend="ibm_x"),
                    JobInputs(NOW, b"{}"),
                )
                store.save(self._jobs[name])
            store.export(self._folder / "archive")
        self._files = {path: path.read_bytes() for path in (self._folder / "archive").rglob("*") if path.is_file()}
        self._number = 0

    def run(self, chance, body):
        self._number += 1
        path = chance.choice(list(self._files))
        data = bytearray(self._files[path])
        match chance.randrange(4):
            case 0:
                del data[chance.randrange(len(data)) :]
            case 1:
                place = chance.randrange(len(data))
                data[place:place] = body[:1000]
            case 2:
                data = bytearray(body)
            case _:
                data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(data)
        into = self._folder / f"{self._number}.sqlite"
        try:
            with JobStore(into) as store:
                with contextlib.suppress(JobStoreError):
                    store.import_(self._folder / "archive")
                    if bytes(data) == self._files[path]:
                        assert {record.job_id for record in store.records()} == set(self._jobs)
                for record in store.records():
                    with contextlib.suppress(JobStoreError):
                        store.load(record.job_id)
        finally:
            path.write_bytes(self._files[path])
            for old in self._folder.glob(f"{self._number}.sqlite*"):
                old.unlink()
