"""No key and no token is said again, whatever a server repeats of them, and wherever."""

import base64
import html
import inspect
import json
import logging
import pickle
import re
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from counting_cloud import CONFIGURATION
from hostile_server import hostile, reply

import ibm_circuit_job
from ibm_circuit_job import IBMCircuitJob, IBMProvider, JobStore
from ibm_circuit_job.clients import http, object_store
from ibm_circuit_job.clients.version_agreement import VersionAgreement

KEY = "Zk9/q+Vw~x1.R7-pTt&0aB%cD3fGh5JkLmN"
ACCESS = 'header.claims-X7/+w"q0<Tt5>.s1gnature~8Jh2Kd9Lq'
SIGNATURE = "5f2c81d0e7b94a36af1c0d9e8b7a6f54"
CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/mine:1::"
OURS = str(Path(ibm_circuit_job.__file__).parent)


def spellings(secret):
    raw = secret.encode()
    half = len(secret) // 2
    return {
        "plain": secret,
        "upper": secret.upper(),
        "quoted": quote(secret, safe=""),
        "quoted twice": quote(quote(secret, safe=""), safe=""),
        "every byte quoted": "".join(f"%{byte:02x}" for byte in raw),
        "json": json.dumps(secret)[1:-1],
        "unicode": "".join(f"\\u{byte:04X}" for byte in raw),
        "entities": html.escape(secret),
        "numbers": "".join(f"&#x{byte:x};" for byte in raw),
        "base64": base64.b64encode(raw).decode(),
        "base64 of a login": base64.b64encode(b"user:" + raw + b"!").decode(),
        "urlsafe": base64.urlsafe_b64encode(b"k=" + raw).decode(),
        "hex": raw.hex(),
        "HEX": raw.hex().upper(),
        "split": f"{secret[:half]}\n {secret[half:]}",
    }


# What must be found nowhere: of base64 the characters that are certain, of a split secret its halves.
FORBIDDEN = [
    piece.casefold()
    for secret in (KEY, ACCESS)
    for name, spelt in spellings(secret).items()
    for piece in (
        spelt.split("\n ") if name == "split" else [spelt[4:-4] if "64" in name or name == "urlsafe" else spelt]
    )
]
ECHO = [spelt for secret in (KEY, ACCESS) for spelt in spellings(secret).values()]
LINE = " ".join(spelt for spelt in ECHO if "\n" not in spelt)
TEXT = " ".join(ECHO)


def error(status, body, *headers):
    return reply(body.encode(), *headers, status=status)


HOSTILE = {
    "data": reply(
        json.dumps(
            {
                "id": "a",
                "status": "Failed",
                "state": {"status": "Failed", "reason": TEXT, "reason_code": TEXT},
                "tags": ECHO,
                "backend": LINE,
                "program": {"id": TEXT},
                "metadata": TEXT,
                "devices": [{"name": LINE}],
                "jobs": [{"id": "a", "state": {"status": "Failed", "reason": TEXT}}],
                "urls": TEXT,
                "usage": {"quantum_seconds": TEXT},
                TEXT: TEXT,
            }
        ).encode(),
        f"X-Trace: {LINE}",
        f"Date: {LINE}",
    ),
    "another job": reply(json.dumps({"id": TEXT, "state": {"status": TEXT}, "devices": TEXT}).encode()),
    "no JSON": reply(TEXT.encode()),
    "cut JSON": reply(b'{"id": "a", "state": {"status": "' + TEXT.encode()),
    "page": reply(f"<html><title>{TEXT}</title></html>".encode()),
    "400": error(
        "400 " + LINE,
        json.dumps({"errors": [{"code": TEXT, "message": TEXT, "solution": TEXT}], "trace": TEXT}),
        f"Retry-After: {LINE}",
    ),
    "401": error("401 No", json.dumps({"errors": [{"code": TEXT, "message": TEXT}], "trace": TEXT})),
    "404 of IAM": error("404 No", json.dumps({"errorCode": TEXT, "errorMessage": TEXT, "errorDetails": TEXT})),
    "500": error("500 " + LINE, json.dumps({"error": {"code": TEXT, "message": TEXT}})),
    "503 page": error("503 No", f"<html><title>{TEXT}</title></html>"),
    "status line alone": error("403 " + LINE, ""),
    "redirect": error("302 Go", "", f"Location: http://127.0.0.1:1/?{quote(KEY)}"),
    "no status line": f"{LINE}\r\n\r\n".encode(),
    "no number": f"HTTP/1.1 {LINE}\r\n\r\n".encode(),
    "no header": f"HTTP/1.1 200 OK\r\n{LINE}\r\nX: {LINE}\r\n\r\n".encode(),
    "no length": f"HTTP/1.1 200 OK\r\nContent-Length: {LINE}\r\n\r\n".encode(),
    "encoding": reply(b"{}", f"Content-Encoding: {LINE}"),
    "chunk": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{LINE}\r\n".encode(),
    "switched": f"HTTP/1.1 101 {LINE}\r\nUpgrade: {LINE}\r\nSec-WebSocket-Accept: {LINE}\r\n\r\n".encode(),
}


def repeating_the_key(sent):
    """The same bytes, without what is of the access token."""
    for name, spelt in spellings(ACCESS).items():
        of_key = spellings(KEY)[name]
        for form in {spelt: of_key, json.dumps(spelt)[1:-1]: json.dumps(of_key)[1:-1]}.items():
            sent = sent.replace(form[0].encode(), form[1].encode())
    return re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(sent.partition(b"\r\n\r\n")[2]), sent)


class Service:
    """Answers as a service of either channel, and to the paths that hold one of ``hostile_at`` with ``hostile``."""

    def __init__(self, server):
        self.server, self.hostile, self.hostile_at = server, b"", ()
        server.answer = self.answer

    def answer(self, connection, head):
        path = head.split(" ")[1].partition("?")[0]
        if any(part in path for part in self.hostile_at):
            connection.sendall(self.hostile)
            return "close"
        connection.sendall(reply(json.dumps(self.good(path)).encode()))
        return None

    def good(self, path):  # noqa: PLR0911 - one for each
        url = self.server.url
        match path.rpartition("/")[2]:
            case "loginWithToken":
                return {"id": ACCESS}
            case "me":
                return {"urls": {"http": f"{url}/api", "services": {"runtime": f"{url}/api"}}}
            case "Network":
                return [{"name": "h", "groups": {"g": {"projects": {"p": {}}}}}]
            case "token":
                return {"access_token": ACCESS, "expires_in": 3600}
            case "versions":
                return {"versions": [{"version": "2026-04-15", "status": "live"}]}
            case "backends":
                return {"devices": [{"name": "ibm_a"}]}
            case "configuration":
                return CONFIGURATION
        return {"id": "a", "state": {"status": "Running"}}


@pytest.fixture
def service(monkeypatch, tmp_path):
    monkeypatch.setattr(http, "RETRY", http.ONCE)
    monkeypatch.setenv("HOME", str(tmp_path))
    with hostile() as server:
        for variable in ("IAM_URL", "GLOBAL_SEARCH_URL", "GLOBAL_CATALOG_URL"):
            monkeypatch.setenv(variable, server.url)
        yield Service(server)


class Heard(logging.Handler):
    """Everything that was said: log lines, messages, reprs, pickles, and local variables of our frames."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        self.said = []

    def emit(self, record):
        self.said.append(f"log: {self.format(record)} {record.args}")

    def value(self, what, value):
        self.said += [f"{what}: {value}", f"{what}: {value!r}"]

    def raised(self, what, failed):
        seen = set()
        while failed is not None and id(failed) not in seen:
            seen.add(id(failed))
            self.value(what, failed)
            self.said += [f"{what}: {value!r}" for value in (vars(failed), failed.args)]
            for frame, _ in traceback.walk_tb(failed.__traceback__):
                code = frame.f_code
                if code.co_filename.startswith(OURS):
                    self.said.append(f"{what}: {code.co_qualname}: {shown(frame.f_locals)}")
            self.pickled(what, failed)
            failed = failed.__cause__ or failed.__context__

    def pickled(self, what, value):
        with suppress(TypeError, AttributeError, pickle.PicklingError):
            self.said.append(f"pickle of {what}: {pickle.dumps(value).decode('latin-1')}")

    def attempt(self, what, call):
        try:
            value = call()
        except Exception as failed:  # noqa: BLE001 - whatever it is, it must not say a secret
            self.raised(what, failed)
            return None
        self.value(what, value)
        return value

    def check(self):
        lower = "\0".join(self.said).casefold()
        for piece in FORBIDDEN:
            at = lower.find(piece)
            assert at < 0, (lower[lower.rfind("\0", 0, at) + 1 :][:120], lower[max(at - 200, 0) : at + 60])


def shown(variables):
    # As tools do, which pass over an object that is only half made.
    return " ".join(f"{name}={repr_of(value)}" for name, value in variables.items())


def repr_of(value):
    try:
        return repr(value)
    except AttributeError:
        return ""


@contextmanager
def listening():
    heard, root = Heard(), logging.getLogger()
    loggers = [root, *(logging.getLogger(name) for name in ("urllib3", "websocket", "requests", "ibm_circuit_job"))]
    before = [each.level for each in loggers]
    root.addHandler(heard)
    for each in loggers:
        each.setLevel(logging.DEBUG)
    try:
        yield heard
    finally:
        root.removeHandler(heard)
        for each, level in zip(loggers, before, strict=True):
            each.setLevel(level)


ARGUMENTS = {
    "wait_for_final_state": {"timeout": 0.05, "wait": 0.01},
    "result": {"timeout": 0.05},
    "primitive_result": {"timeout": 0.05},
    "update_name": {"name": "b"},
    "update_tags": {"new_tags": ["b"]},
    "run": {"circuits": []},
    "retrieve_job": {"job_id": "a"},
    "get_backend": {"name": "ibm_a"},
    "job": {"job_id": "a"},
}
NOT_CALLED = {"close", "local", "save_account", "delete_account", "saved_accounts", "from_store", "attach", "token"}


def members(heard, of, name):
    """Call every public member that needs no argument, or one of ours."""
    for each in sorted(dir(type(of))):
        if (each.startswith("_") and each != "_repr_html_") or each in NOT_CALLED:
            continue
        if isinstance(inspect.getattr_static(type(of), each), (classmethod, staticmethod, type)):
            continue
        got = heard.attempt(f"{name}.{each}", lambda each=each: getattr(of, each))
        if not callable(got):
            continue
        given = ARGUMENTS.get(each, {})
        try:
            inspect.signature(got).bind(**given)
        except (TypeError, ValueError):
            continue
        if not inspect.iscoroutinefunction(got) and not inspect.isasyncgenfunction(got):
            heard.attempt(f"{name}.{each}()", lambda got=got, given=given: got(**given))
    heard.value(name, of)
    heard.pickled(name, of)


def provider_of(service, channel, **more):
    url, instance = ("/api", "h/g/p") if channel == "ibm_quantum" else ("/api/v1", CRN)
    return IBMProvider(KEY, service.server.url + url, instance=instance, channel=channel, **more)


CHANNELS = ["ibm_quantum", "ibm_quantum_platform"]
READ_BY_CHANNEL = ["data", "another job", "no JSON", "page", "400", "401"]
"""What each channel reads in its own way; the rest is of HTTP, which both speak by the same session."""


@pytest.mark.parametrize(
    ("kind", "channel"),
    [
        *((kind, channel) for kind in READ_BY_CHANNEL for channel in CHANNELS),
        *((kind, CHANNELS[n % 2]) for n, kind in enumerate(kind for kind in HOSTILE if kind not in READ_BY_CHANNEL)),
    ],
)
def test_no_member_says_what_a_server_repeats(service, kind, channel, tmp_path):
    with listening() as heard, JobStore(tmp_path / "jobs.sqlite") as store:
        provider = provider_of(service, channel, store=store)
        service.hostile, service.hostile_at = HOSTILE[kind], ("/jobs", "/ibm_a/", "/backends", "/usage")
        job = IBMCircuitJob(None, None, "a", runtime_client=provider.runtime_client, store=store)
        members(heard, job, "job")
        members(heard, provider, "provider")
        backend = next(iter(provider._backends.values()), None)
        if backend is not None:
            members(heard, backend, "backend")
        provider.close()
    for file in tmp_path.rglob("*"):
        if file.is_file():
            heard.said.append(f"{file}: {file.read_bytes().decode('latin-1')}")
            assert file.stat().st_mode & 0o777 == 0o600, file
    heard.check()


@pytest.mark.parametrize("kind", ["data", "no JSON", "page", "400", "404 of IAM", "503 page", "no number", "no header"])
@pytest.mark.parametrize("path", ["/loginWithToken", "/me", "/Network", "/identity/token", "/resources", "/versions"])
def test_no_login_says_what_a_server_repeats(service, kind, path):
    is_classic = path in {"/loginWithToken", "/me", "/Network"}
    channel = "ibm_quantum" if is_classic else "ibm_quantum_platform"
    VersionAgreement.with_service(service.server.url)._agreed = None
    # At the first login, nothing is known of the token that has not come yet.
    service.hostile, service.hostile_at = HOSTILE[kind], (path,)
    if path in {"/loginWithToken", "/identity/token"}:
        service.hostile = repeating_the_key(HOSTILE[kind])
    with listening() as heard:
        heard.attempt("provider", lambda: provider_of(service, channel).close())
        if not is_classic:
            api = service.server.url + "/api/v1"
            heard.attempt("name", lambda: IBMProvider(KEY, api, instance="lab", channel=channel).close())
    heard.check()


@pytest.mark.parametrize("frame", ["text", "reserved bits", "close"])
def test_no_frame_of_a_stream_says_a_secret(service, frame):
    service.hostile_at = ()
    with listening() as heard:
        provider = provider_of(service, "ibm_quantum")
        body = LINE.encode()
        opcode = {"text": 0x81, "reserved bits": 0xF1, "close": 0x88}[frame]
        sent = bytes([opcode, 126]) + len(body).to_bytes(2, "big") + body

        def answer(connection, head):
            if "/stream/" not in head.split(" ")[1]:
                return Service.answer(service, connection, head)
            from ibm_circuit_job.clients.stream import _accepted  # noqa: PLC0415

            key = next(line for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
            accepted = _accepted(key.partition(":")[2].strip())
            head = f"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accepted}\r\nX: {LINE}\r\n\r\n"
            connection.sendall(head.encode() + sent)
            return "close"

        service.server.answer = answer
        heard.attempt("stream", lambda: provider.runtime_client.job_stream("a", 1.0))
        provider.close()
    heard.check()


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_presigned_query_is_said(service, kind):
    def repeated(sent):
        return sent.replace(LINE.encode(), SIGNATURE.encode()).replace(TEXT.encode(), SIGNATURE.encode())

    service.hostile, service.hostile_at = repeated(HOSTILE[kind]), ("/result",)
    with listening() as heard:
        url = f"{service.server.url}/result?X-Amz-Signature={SIGNATURE}&Expires=60"
        failed = None
        try:
            object_store.read(url, doing="read it")
        except http.RequestFailed as error:
            failed = error
        heard.said += [] if failed is None else [str(failed), repr(failed), pickle.dumps(failed).decode("latin-1")]
    assert any("/result" in said for said in heard.said)
    assert not [said for said in heard.said if SIGNATURE in said]


# Accounts that are refused before any request


def test_refused_accounts_are_in_no_local_variable(service, monkeypatch, tmp_path):
    monkeypatch.setenv("QISKIT_IBM_TOKEN", KEY)
    monkeypatch.setenv("QISKIT_IBM_INSTANCE", "crn:v1:cut")
    saved = tmp_path / "accounts.json"
    saved.write_text(json.dumps({"a": {"token": KEY, "channel": "ibm_quantum_platform", "url": "ftp://x"}}))
    proxies = {"urls": {"https": f"http://user:{quote(KEY, safe='')}@proxy:8", "unknown": "x"}}
    calls = {
        "variables": IBMProvider,
        "file": lambda: IBMProvider(filename=saved),
        "name": lambda: IBMProvider(filename=saved, name="b"),
        "token": lambda: IBMProvider(KEY, "ftp://x"),
        "proxies": lambda: IBMProvider("a-key", proxies=proxies),
        "save": lambda: IBMProvider.save_account(KEY, filename=saved, name="a", proxies=proxies),
        "save again": lambda: IBMProvider.save_account(KEY, filename=saved, name="a"),
    }
    heard = Heard()
    for name, call in calls.items():
        with pytest.raises(ibm_circuit_job.IBMAccountError) as raised:
            call()
        heard.raised(name, raised.value)
    heard.check()


def test_log_line_that_cannot_be_made_does_no_harm(service, caplog):
    provider = provider_of(service, "ibm_quantum")
    monkeyed = logging.getLogger("urllib3.connectionpool").makeRecord("x", 10, "", 1, "%d", ("no number",), None)
    assert all(each(monkeyed) for each in logging.getLogger("urllib3.connectionpool").filters)
    logging.getLogger("urllib3.connectionpool").error("%s", KEY)
    logging.getLogger("urllib3.connection").error("broken", exc_info=OSError(KEY))
    provider.close()
    assert KEY not in caplog.text
    assert "OSError: ***" in caplog.text
