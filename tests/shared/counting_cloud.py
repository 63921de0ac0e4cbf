"""IBM Cloud on loopback: IAM, the search, the catalog and the API, which answer as a test says and count."""

import base64
import json
import threading
from collections import defaultdict
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from loopback import LoopbackServer, Replying, served


def crn(number, region="us-east", account="mine"):
    return f"crn:v1:bluemix:public:quantum-computing:{region}:a/{account}:{number}::"


def item(number, name="lab", plan="open-plan", **more):
    return {
        "crn": crn(number),
        "name": name,
        "service_plan_unique_id": plan,
        "doc": {"extensions": {"backends": []}},
        "tags": [],
    } | more


def access_token(account):
    claims = base64.urlsafe_b64encode(json.dumps({"account": {"bss": account}}).encode()).decode().rstrip("=")
    return f"header.{claims}.signature"


CONFIGURATION = {
    "backend_name": "ibm_a",
    "backend_version": "1.0.0",
    "n_qubits": 1,
    "basis_gates": ["x"],
    "gates": [{"name": "x", "parameters": [], "qasm_def": "", "coupling_map": [[0]]}],
    "local": False,
    "simulator": False,
    "conditional": False,
    "open_pulse": False,
    "memory": True,
    "max_shots": 10,
    "coupling_map": [],
}
VERSIONS = {"versions": [{"version": "2026-04-15", "status": "live"}]}
PLANS = {"open-plan": ("Open", "free"), "flex-plan": ("Flex", "subscription"), "premium-plan": ("Premium", "paid")}


_LONGEST_WAIT = 20.0
"""Seconds after which a request that is waited for will not come."""


class Cloud(LoopbackServer):
    """One server for all of them; ``asked`` lists the requests, ``connections`` counts the connections."""

    daemon_threads = True

    def __init__(self):
        super().__init__(_Replies)
        self.api = f"{self.url}/api/v1"
        self.asked, self.connections = [], 0
        self.pages = [[item(1)]]
        self.usable = {crn(1)}
        self.account = "mine"
        self.plans = dict(PLANS)
        self.replies = {}
        self.came = defaultdict(threading.Event)
        self.after = {}
        """The path of a request -> that of another one, which must have come before it is answered."""

    def process_request(self, request, client_address):
        self.connections += 1
        super().process_request(request, client_address)

    def parameters(self, instance=None, **more):
        from ibm_circuit_job.clients import ClientParameters  # noqa: PLC0415

        return ClientParameters("the-key", self.api, instance, channel="ibm_quantum_platform", **more)


class _Replies(Replying, BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        path = urlsplit(self.path).path
        self.server.asked.append(f"{self.command} {path}")
        self.server.came[path].set()
        first = self.server.after.get(path)
        if first is not None and not self.server.came[first].wait(_LONGEST_WAIT):
            self.reply(501, f"there was no {first}")
            return
        if path in self.server.replies:
            self.reply(*self.server.replies[path][:2], **dict(self.server.replies[path][2:]))
            return
        status, reply = self._answer(path, body)
        self.reply(status, json.dumps(reply), Content_Type="application/json")

    def do_POST(self):
        self.do_GET()

    def _answer(self, path, body):  # noqa: PLR0911 - one for each service
        server, plan = self.server, path.removeprefix("/catalog/")
        if path == "/identity/token":
            return 200, {"access_token": access_token(server.account), "expires_in": 3600}
        if path == "/search/v3/resources/search":
            assert parse_qs(urlsplit(self.path).query) == {"limit": ["100"]}
            return self._search(json.loads(body))
        if plan != path:
            name, pricing = server.plans.get(plan, (None, None))
            entry = {"overview_ui": {"en": {"display_name": name}}, "metadata": {"pricing": {"type": pricing}}}
            return (403, {"message": "archived", "status_code": 403}) if name is None else (200, entry)
        if path == "/api/v1/versions":
            return 200, VERSIONS
        if self.headers["Service-CRN"] not in server.usable:
            return 403, {"errors": [{"code": 1215, "message": "You are not authorized for the instance."}]}
        if path == "/api/v1/backends":
            return 200, {"devices": [{"name": "ibm_a"}]}
        if path == "/api/v1/backends/ibm_a/configuration":
            return 200, CONFIGURATION
        return 404, {"errors": [{"code": 1200, "message": "No such path."}]}

    def _search(self, asked):
        cursor = asked.get("search_cursor")
        if cursor is None:
            assert asked["query"] == "service_name:quantum-computing"
        number = 0 if cursor is None else int(cursor)
        reply = {"items": self.server.pages[number] if number < len(self.server.pages) else []}
        return 200, reply | ({"search_cursor": str(number + 1)} if number < len(self.server.pages) else {})


@contextmanager
def cloud():
    with served(Cloud()) as server:
        yield server
