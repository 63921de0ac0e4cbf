"""A service made from the table of facts: it refuses whatever the description does not have.

Each request and each reply is compared with the table, for the API version that the request names. What a client did
that the description does not have is refused with 400, and is in ``violations``.
"""

import base64
import io
import json
import re
import zlib
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlsplit

import facts
import numpy as np
from checking import Checker, Wrong
from loopback import LoopbackServer, Replying
from qiskit import qpy

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/1:2::"
KEY = "api-key"
TOKEN = "iam-token"
BACKEND = "ibm_contract"
FIRST = datetime(2026, 4, 20, 8, tzinfo=UTC)


class Refused(Exception):  # noqa: N818 - named for what it says
    def __init__(self, status, code, message, solution=""):
        super().__init__(message)
        self.status, self.code, self.message, self.solution = status, code, message, solution


class Service(LoopbackServer):
    """The service.

    Args:
        versions: The API versions that it serves, and lists.
        status: Their status: ``live`` or ``deprecated``.
    """

    def __init__(self, versions=facts.VERSIONS, status="live"):
        super().__init__(Handler)
        self.versions = dict.fromkeys(versions, status)
        self.jobs = {}
        self.asked = []
        """(operation, version) of each request."""
        self.violations = []
        self.checks = 0
        self.late_results = 0
        """How many requests for a result are answered 204 first."""
        self.usage = {
            "instance_id": CRN,
            "plan_id": "plan",
            "usage_period": {"start_time": "2026-04-01T00:00:00Z", "end_time": "2026-04-29T00:00:00Z"},
            "usage_consumed_seconds": 12,
            "usage_limit_seconds": 600,
            "usage_allocation_seconds": 900,
            "usage_limit_reached": False,
        }
        self.validate_params = None
        """What raises where the params of a submission are none of the program's schema."""
        self.validate_result = None

    @property
    def api(self):
        return f"{self.url}/api/v1"

    def operations(self, name):
        """The versions that an operation was asked for with."""
        return [version for asked, version in self.asked if asked == name]

    def add(self, program="sampler", params=None, tags=(), caller="qiskit/2.6.2", **more):
        number = len(self.jobs)
        job = {
            "id": f"job{number}",
            "program": program,
            "backend": BACKEND,
            "params": params or {},
            "tags": list(tags),
            "created": FIRST + timedelta(minutes=number),
            "steps": ["Queued", "Running", "Completed"],
            "charged": 7,
            "caller": caller,
            **more,
        }
        self.jobs[job["id"]] = job
        return job


class Handler(Replying, BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    # Else each answer waits 40 ms for an acknowledgement.
    disable_nagle_algorithm = True

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        parts = urlsplit(self.path)
        if parts.path == "/identity/token":
            self.give_token(body)
            return
        try:
            name, operation, named = operation_of(self.command, parts.path.removeprefix("/api/v1"))
            version = self.checked_version(operation)
            self.server.asked.append((name, version))
            checker = Checker(version or facts.VERSIONS[-1])
            self.check_account(operation)
            query = parse_qs(parts.query, keep_blank_values=True)
            given = self.checked_request(checker, operation, query, body)
            status, answer = getattr(Answers(self.server, checker, self.headers), name)(named, query, given)
            self.send_checked(checker, operation, status, answer)
            self.server.checks += checker.count
        except Refused as refusal:
            error = {
                "code": refusal.code,
                "message": refusal.message,
                "solution": refusal.solution,
                "more_info": "https://docs.quantum.ibm.com/errors",
            }
            self.reply(refusal.status, json.dumps({"trace": "trace-1", "errors": [error]}))

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any  # noqa: N815 - as http.server names them

    def give_token(self, body):
        form = parse_qs(body.decode())
        if form.get("apikey") != [KEY]:
            self.reply(
                400, json.dumps({"errorCode": "BXNIM0415E", "errorMessage": "Provided API key could not be found."})
            )
        else:
            self.reply(200, json.dumps({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600}))

    def checked_version(self, operation):
        version = self.headers.get(facts.VERSION_HEADER)
        if not operation.needs_version:
            return None
        if version not in self.server.versions:
            raise Refused(400, 1002, f"The API version {version!r} is not supported.", "Use a supported version.")
        return version

    def check_account(self, operation):
        if not operation.needs_token:
            return
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Refused(401, 1001, "The token is not valid.")
        if self.headers.get("Service-CRN") != CRN:
            raise Refused(403, 1003, "The instance is not yours.")

    def checked_request(self, checker, operation, query, body):
        try:
            checker.query(query, operation.query)
            given = json.loads(body) if body else None
            checker.body(given, operation.body)
        except (Wrong, ValueError) as wrong:
            self.server.violations.append(f"{self.command} {self.path}: {wrong}")
            raise Refused(400, 1004, str(wrong)) from None
        return given

    def send_checked(self, checker, operation, status, answer):
        """Send an answer, once it was compared with the table itself."""
        assert status in operation.statuses, (operation, status)
        if status == 204:
            assert answer is None
            self.reply(204)
            return
        if operation.reply in facts.SHAPES:
            checker.fields(operation.reply, answer, facts.SHAPES[operation.reply])
            answer = json.dumps(answer)
        self.reply(status, answer)


def operation_of(method, path):
    for name, operation in facts.OPERATIONS.items():
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", operation.path)
        found = re.fullmatch(pattern, path)
        if found and operation.method == method:
            return name, operation, unquote(found.groupdict().get("id", ""))
    raise Refused(404, 1000, f"There is no {method} {path}.")


class Answers:
    """What each operation answers, in the form of the version that was asked for."""

    def __init__(self, service, checker, headers):
        self.service = service
        self.version = checker.version
        self.checker = checker
        self.headers = headers

    def get_versions(self, *_):
        listed = []
        for version, status in self.service.versions.items():
            sunset = {} if status == "live" else {"sunset_date": facts.SUNSETS.get(version, "2027-06-01")}
            listed.append({"version": version, "status": status, **sunset})
        return 200, {"versions": listed}

    def list_jobs(self, _, query, __):
        limit = int(query.get("limit", ["0"])[0])
        offset = int(query.get("offset", ["0"])[0])
        limit = limit if 1 <= limit <= facts.MOST_PAGE else facts.MOST_PAGE
        chosen = [job for job in self.service.jobs.values() if self.fits(job, query)]
        chosen.sort(key=lambda job: job["created"], reverse=query.get("sort") != ["ASC"])
        without = query.get("exclude_params", ["true"]) == ["true"]
        page = [self.described(job, without=without) for job in chosen[offset : offset + limit]]
        return 200, {"jobs": page, "count": len(chosen), "limit": limit, "offset": offset}

    def fits(self, job, query):
        moments = {
            name: datetime.fromisoformat(texts[0]) for name, texts in query.items() if name.startswith("created_")
        }
        ended = status_of(job) in {"Completed", "Cancelled", "Failed"}
        return (
            query.get("pending", [None])[0] in {None, str(not ended).lower()}
            and query.get("program", [job["program"]]) == [job["program"]]
            and query.get("backend", [job["backend"]]) == [job["backend"]]
            and query.get("session_id", [job.get("session_id")]) == [job.get("session_id")]
            and set(query.get("tags", [])) <= set(job["tags"])
            and moments.get("created_after", FIRST) <= job["created"]
            and job["created"] <= moments.get("created_before", job["created"])
        )

    def create_job(self, _, __, given):
        if given["backend"] != BACKEND:
            raise Refused(404, 1216, "The backend is not found.")
        if given["program_id"] not in facts.PROGRAMS:
            raise Refused(404, 1235, "The program is not found.")
        if self.service.usage["usage_limit_reached"]:
            raise Refused(409, 1280, "The usage exceeds the limit of the instance.")
        if self.service.validate_params is not None:
            try:
                self.service.validate_params(given["program_id"], given["params"])
            except ValueError as error:
                self.service.violations.append(f"params of {given['program_id']}: {error}")
                raise Refused(400, 1005, f"The params are not valid: {error}"[:300]) from None
        more = {name: given[name] for name in ("session_id", "private") if given.get(name)}
        job = self.service.add(
            given["program_id"],
            given.get("params"),
            given.get("tags", ()),
            self.headers.get("x-qx-client-application", ""),
            **more,
        )
        return 200, {"id": job["id"], "backend": job["backend"], **more}

    def get_job(self, named, query, _):
        job = self.found(named)
        reply = self.described(job, without=query.get("exclude_params") == ["true"])
        if len(job["steps"]) > 1:
            job["steps"].pop(0)
        return 200, reply

    def delete_job(self, named, *_):
        job = self.found(named)
        if status_of(job) not in {"Completed", "Cancelled", "Failed"}:
            raise Refused(400, 1296, "The job has not ended.")
        del self.service.jobs[named]
        return 204, None

    def get_job_results(self, named, *_):
        job = self.found(named)
        if self.service.late_results > 0 or status_of(job) != "Completed" or job.get("was_read"):
            self.service.late_results -= 1
            return 204, None
        job["was_read"] = job.get("private", False)
        body = job.get("result") or sampler_result(job)
        if self.service.validate_result is not None:
            self.service.validate_result(job["program"], body)
        return 200, json.dumps(body)

    def get_job_logs(self, named, *_):
        if status_of(self.found(named)) not in {"Completed", "Cancelled", "Failed"}:
            raise Refused(404, 1293, "The job has no log yet.")
        return 200, "2026-04-20 the log"

    def cancel_job(self, named, *_):
        job = self.found(named)
        if status_of(job) in {"Completed", "Cancelled", "Failed"}:
            raise Refused(409, 1294, "The job cannot be cancelled any more.")
        job["steps"] = ["Cancelled"]
        return 204, None

    def get_job_metrics(self, named, *_):
        job = self.found(named)
        times = {
            step: iso(job["created"] + timedelta(seconds=seconds))
            for seconds, step in enumerate(("created", "running", "finished"))
        }
        return 200, self.of_this_version(
            {
                "caller": job["caller"],
                "timestamps": times,
                "usage": self.usage_of(job),
                "bss": {"seconds": job["charged"]},
                "circuits_execution_time_ns": 1_234_567,
                "qiskit_version": "2.6.2",
            },
            "metrics",
        )

    def replace_job_tags(self, named, _, given):
        self.found(named)["tags"] = given["tags"]
        return 204, None

    def list_backends(self, *_):
        device = {
            "name": BACKEND,
            "status": {"name": "online", "reason": "available"},
            "is_simulator": False,
            "qubits": 3,
            "clops": {"type": "hardware", "value": 100},
            "processor_type": {"family": "Heron", "revision": "2", "segment": None},
            "queue_length": 4,
        }
        return 200, {"devices": [device]}

    def get_backend_configuration(self, named, *_):
        self.known_backend(named)
        gates = [
            {"name": name, "parameters": [], "qasm_def": "", "coupling_map": [[0], [1], [2]]}
            for name in ("x", "sx", "rz")
        ]
        gates.append({"name": "cz", "parameters": [], "qasm_def": "", "coupling_map": [[0, 1], [1, 2]]})
        return 200, {
            "backend_name": BACKEND,
            "backend_version": "1.0.0",
            "basis_gates": ["x", "sx", "rz", "cz"],
            "conditional": True,
            "coords": [[0, 0], [0, 1], [0, 2]],
            "coupling_map": [[0, 1], [1, 2]],
            "gates": gates,
            "local": False,
            "memory": True,
            "n_qubits": 3,
            "online_date": "2025-11-12T15:30:00.000Z",
            "u_channel_lo": [],
            "simulator": False,
            "max_shots": 10_000,
            "max_experiments": 100,
            "supported_instructions": ["x", "sx", "rz", "cz", "measure", "reset", "delay"],
            "dynamic_reprate_enabled": True,
            "default_rep_delay": 250,
            "rep_delay_range": [0, 500],
            "processor_type": {"family": "Heron", "revision": "2.0"},
        }

    def get_backend_properties(self, named, query, _):
        self.known_backend(named)
        date = "2026-04-19T04:00:00Z" if "updated_before" in query else "2026-04-20T04:00:00Z"
        qubits = [[{"name": "T1", "value": 100.0, "unit": "us", "date": date}] for _ in range(3)]
        return 200, {
            "backend_name": BACKEND,
            "backend_version": "1.0.0",
            "gates": [],
            "general": [],
            "last_update_date": date,
            "qubits": qubits,
        }

    def get_backend_status(self, named, *_):
        self.known_backend(named)
        return 200, {"state": True, "status": "active", "message": "", "length_queue": 4, "backend_version": "1.0.0"}

    def get_usage(self, *_):
        return 200, self.service.usage

    def found(self, named):
        if named not in self.service.jobs:
            raise Refused(404, 1291, "The job is not found.", "Check the ID.")
        return self.service.jobs[named]

    def known_backend(self, named):
        if named != BACKEND:
            raise Refused(404, 1216, "The backend is not found.")

    def described(self, job, *, without):
        state = {"status": status_of(job), **job.get("state", {})}
        reply = {
            "id": job["id"],
            "backend": job["backend"],
            "state": state,
            "status": job.get("long_status", state["status"]),
            "program": {"id": job["program"]},
            "created": iso(job["created"]),
            "cost": 600,
            "tags": job["tags"],
            "user_id": "user",
            "usage": self.usage_of(job),
            "bss": {"seconds": job["charged"]},
            "estimated_running_time_seconds": 2.5,
            **{name: job[name] for name in ("session_id", "private") if name in job},
        }
        if not without and "private" not in job:
            reply["params"] = job["params"]
        return self.of_this_version(reply, "job")

    def usage_of(self, job):
        ended = status_of(job) in {"Completed", "Cancelled", "Failed"}
        return self.of_this_version(
            {
                "qpu_charge_time_seconds": job["charged"] if ended else 1,
                "status": "complete" if ended else "pending",
                "quantum_seconds": job["charged"],
                "seconds": job["charged"],
            },
            "usage",
        )

    def of_this_version(self, reply, shape):
        return {name: value for name, value in reply.items() if self.checker.has(facts.SHAPES[shape][name])}


def status_of(job):
    return job["steps"][0]


def iso(moment):
    return moment.isoformat().replace("+00:00", "Z")


def typed(kind, value):
    return {"__type__": kind, "__value__": value}


def array(values):
    body = io.BytesIO()
    np.save(body, values)
    return typed("ndarray", base64.b64encode(zlib.compress(body.getvalue())).decode())


def registers_of(circuit):
    """The classical registers of a circuit as it was submitted: name -> number of bits."""
    raw = zlib.decompress(base64.b64decode(circuit["__value__"]))
    return {register.name: len(register) for register in qpy.load(io.BytesIO(raw))[0].cregs}


def sampler_result(job):
    """A result for a submission: every second shot has all its bits set."""
    pubs = []
    spans = []
    for index, (circuit, _, shots) in enumerate(job["params"]["pubs"]):
        fields = {}
        for name, bits in registers_of(circuit).items():
            samples = np.zeros((shots, (bits + 7) // 8), np.uint8)
            samples[::2] = list(((1 << bits) - 1).to_bytes(samples.shape[1], "big"))
            fields[name] = typed("BitArray", {"array": array(samples), "num_bits": bits})
        data = {"field_names": [*fields], "field_types": ["BitArray"] * len(fields), "shape": [], "fields": fields}
        pubs.append(typed("SamplerPubResult", {"data": typed("DataBin", data), "metadata": {"circuit_metadata": {}}}))
        spans.append((index, shots))
    start, stop = (typed("datetime", iso(FIRST + timedelta(seconds=seconds))) for seconds in (1, 2))
    slices = {str(index): [[shots], 0, 1, 0, shots] for index, shots in spans}
    span = typed("DoubleSliceSpan", {"start": start, "stop": stop, "data_slices": slices})
    metadata = {"execution": {"execution_spans": typed("ExecutionSpans", {"spans": [span]})}, "version": 2}
    return typed("PrimitiveResult", {"pub_results": pubs, "metadata": metadata})
