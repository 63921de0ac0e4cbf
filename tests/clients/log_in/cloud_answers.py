"""What each host of the cloud answers, as its published description says. No I/O.

Sources:
- IAM, ``POST /identity/token``: the token client of ``ibm_cloud_sdk_core`` and IBM's page on the IAM token API. A
  refusal is ``{"errorCode", "errorMessage", "context"}``: ``BXNIM0415E`` for a key that is not there, ``BXNIM0462E``
  for one that is disabled, both with status 400.
- Global search, ``POST /v3/resources/search``: ``GlobalSearchV2`` of ``ibm_platform_services``, which is generated
  from IBM's description: 10 items where no limit is named; the crn, and the other fields that were asked for; a cursor
  with each page that is not the last, and with it the rest of the body does not count.
- Global catalogue, ``GET /api/v1/ID``: ``GlobalCatalogV1`` of the same; the official client reads 403 for a plan that
  is not sold any more.
- The API: the facts of ``tests/contract``. What it says to a wrong token (401, code 1201) and to one who may not do
  something (403, code 1200) is in issues of ``Qiskit/qiskit-ibm-runtime`` and ``Qiskit/documentation``. For an instance
  of another account it answers the second, or lets it pass, as #2408 of the former says; both are in the table.
"""

import json
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import facts
from attrs import field, frozen
from checking import Checker
from cloud_state import PRICING
from server import Answers, operation_of
from server import Refused as Refusal


@frozen
class Request:
    """What came in."""

    method: str
    host: str
    target: str
    headers: dict
    """Their names in lower case."""
    body: bytes

    @property
    def path(self):
        return urlsplit(self.target).path

    @property
    def query(self):
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def token(self):
        kind, _, token = self.headers.get("authorization", "").partition(" ")
        return token if kind == "Bearer" else None


@frozen
class Reply:
    """What goes out."""

    status: int
    body: object = None
    """JSON, or a text of HTML."""
    headers: dict = field(factory=dict)

    @property
    def sent(self):
        """The body as bytes, and its type."""
        if self.body is None:
            return b"", "text/plain"
        if isinstance(self.body, str):
            return self.body.encode(), "text/html; charset=utf-8"
        return json.dumps(self.body).encode(), "application/json"


PAGE = "<!DOCTYPE html><html><head><title>{}</title></head><body>{}</body></html>"
REGIONS = ("us-east", "eu-de")
API_HOST = "quantum.cloud.ibm.com"


def answer(cloud, request):
    """Return what the host answers to a request, in this state of the cloud."""
    fault = cloud.faults.get(request.host)
    if fault in FAULTY:
        return FAULTY[fault]
    host = request.host.removeprefix("private.")
    if host in SERVICES:
        return SERVICES[host](cloud, request)
    if host.endswith(API_HOST):
        return api_reply(cloud, request, host.removesuffix(API_HOST).rstrip(".") or "us-east")
    if host.endswith(".ibm.com"):
        return Reply(200, PAGE.format("IBM Cloud", "Log in to IBM Cloud"))
    # A stranger's server takes every key, so that nothing but the record of requests tells.
    return Reply(200, {"access_token": "stolen", "id": "stolen", "expires_in": 3600, "devices": [], "items": []})


FAULTY = {
    "portal": Reply(200, PAGE.format("Guest network", "Accept the terms to go online")),
    "moved": Reply(302, None, {"Location": "https://portal.example/login"}),
    "busy": Reply(503, PAGE.format("503", "Service Unavailable")),
    "limited": Reply(429, {"errors": [{"code": 1429, "message": "Too many requests."}]}, {"Retry-After": "1"}),
    "forbidden": Reply(403, PAGE.format("403", "Forbidden")),
}
"""What a host answers to everything when something is wrong with it."""


def token_reply(cloud, request):
    if (request.method, request.path) != ("POST", "/identity/token"):
        return Reply(404, PAGE.format("404", "Not Found"))
    form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    if form.get("grant_type") != "urn:ibm:params:oauth:grant-type:apikey" or not form.get("apikey"):
        return iam_refusal("BXNIM0109E", "Property missing or empty: 'grant_type' or 'apikey'.")
    account = next((each for each in cloud.accounts if each.key == form["apikey"]), None)
    if account is None:
        return iam_refusal("BXNIM0415E", "Provided API key could not be found.")
    if account.key_is_disabled:
        return iam_refusal("BXNIM0462E", "Provided API key is disabled.")
    reply = {
        "access_token": account.token,
        "refresh_token": "not_supported",
        "token_type": "Bearer",
        "expires_in": 3600,
        "expiration": 4_102_444_800,
        "scope": "ibm openid",
    }
    return Reply(200, reply)


def iam_refusal(code, message):
    context = {"requestId": "witness-1", "requestType": "incoming.Identity_Token", "url": "https://iam.cloud.ibm.com"}
    return Reply(400, {"errorCode": code, "errorMessage": message, "context": context})


def search_reply(cloud, request):
    if (request.method, request.path) != ("POST", "/v3/resources/search"):
        return Reply(404, {"message": "Not Found", "status_code": 404, "trace": "witness-1"})
    account = cloud.account_of(request.token)
    if account is None:
        return Reply(401, {"message": "The access token is not valid.", "status_code": 401, "trace": "witness-1"})
    body = json.loads(request.body)
    if "search_cursor" in body:
        query, fields, start = json.loads(bytes.fromhex(body["search_cursor"]))
    else:
        query, fields, start = body.get("query", "*"), body.get("fields"), 0
    found = [resource for resource in resources(account) if fits(resource, query)]
    limit = min(int(request.query.get("limit", ["10"])[0]), cloud.most_items)
    page = [shown(resource, fields) for resource in found[start : start + limit]]
    more = {}
    if start + limit < len(found):
        more["search_cursor"] = json.dumps([query, fields, start + limit]).encode().hex()
    return Reply(200, {"items": page, "limit": limit, **more})


def resources(account):
    """All that the account has; not only what is meant for quantum computers."""
    yield {
        "crn": "crn:v1:bluemix:public:cloud-object-storage:global:a/1:9::",
        "name": "open-1",
        "service_name": "cloud-object-storage",
    }
    for instance in account.instances:
        yield {
            "crn": instance.crn,
            "name": instance.name,
            "family": "resource_controller",
            "type": "resource-instance",
            "account_id": instance.account,
            "service_name": "quantum-computing",
            "service_plan_unique_id": instance.plan_id,
            "region": instance.region,
            "tags": list(instance.tags),
            "doc": {"extensions": {"allocation_seconds": 600} if instance.is_allocated else None},
        }


def fits(resource, query):
    """Whether a resource fits a query of terms ``field:value``, joined by AND."""
    if query == "*":
        return True
    terms = [term.strip().partition(":") for term in query.replace("(", "").replace(")", "").split(" AND ")]
    return all(resource.get(name) == value.strip('"') for name, _, value in terms)


def shown(resource, fields):
    wanted = fields or ["account_id", "name", "type", "family", "crn"]
    return {name: value for name, value in resource.items() if "*" in wanted or name in wanted or name == "crn"}


def catalogue_reply(cloud, request):
    named = request.path.removeprefix("/api/v1/")
    if request.method != "GET" or named == request.path:
        return Reply(404, {"message": "Not Found"})
    plans = {each.plan_id: each for account in cloud.accounts for each in account.instances}
    instance = plans.get(named)
    if instance is None:
        return Reply(404, {"errors": [{"code": "not_found", "message": f"Object not found: {named}"}]})
    if not instance.is_in_catalogue:
        return Reply(403, {"errors": [{"code": "forbidden", "message": "Access to the object is not allowed."}]})
    return Reply(
        200,
        {
            "id": named,
            "kind": "plan",
            "name": instance.plan.lower(),
            "active": True,
            "overview_ui": {"en": {"display_name": instance.plan, "description": f"The plan {instance.plan}"}},
            "metadata": {"pricing": {"type": PRICING[instance.plan], "origin": "global_catalog"}},
        },
    )


def api_reply(cloud, request, region):
    """What the API of a region answers; beside it the host has the web console."""
    if not request.path.startswith("/api/v1"):
        return Reply(200, PAGE.format("IBM Quantum Platform", "Instances"))
    version = request.headers.get(facts.VERSION_HEADER.lower())
    try:
        name, operation, named = operation_of(request.method, request.path.removeprefix("/api/v1"))
        if operation.needs_version:
            check_version(version)
        if operation.needs_token:
            check_account(cloud, request, region)
        checker = Checker(version or facts.VERSIONS[-1])
        service = SimpleNamespace(versions=dict.fromkeys(facts.VERSIONS, "live"), jobs={}, usage=usage_of(request))
        status, body = getattr(Answers(service, checker, request.headers), name)(named, request.query, None)
    except Refusal as refusal:
        return api_refusal(refusal.status, refusal.code, refusal.message, refusal.solution)
    if name == "get_backend_configuration":
        # It is not in IBM's description, and the official client takes no backend without it.
        body["open_pulse"] = False
    return Reply(status, body)


def check_version(version):
    if version not in facts.VERSIONS:
        raise Refusal(400, 1002, f"The API version {version!r} is not supported.", "Use a supported version.")


def check_account(cloud, request, region):
    account = cloud.account_of(request.token)
    if account is None:
        raise Refusal(401, 1201, "Invalid credentials.", "Verify your credentials and try again.")
    crn = request.headers.get("service-crn")
    owners = [account] if cloud.checks_owner else cloud.accounts
    here = {each.crn for owner in owners for each in owner.instances if each.region == region and region in REGIONS}
    if crn not in here:
        raise Refusal(403, 1200, "You are not authorized to perform this action.", "Try again or contact support.")


def usage_of(request):
    crn = request.headers.get("service-crn", "")
    return {"instance_id": crn, "plan_id": "plan", "usage_consumed_seconds": 12, "usage_limit_seconds": 600}


def api_refusal(status, code, message, solution=""):
    more = "https://cloud.ibm.com/apidocs/quantum-computing#error-handling"
    error = {"code": code, "message": message, "solution": solution, "more_info": more}
    return Reply(status, {"errors": [error], "trace": "witness-1"})


SERVICES = {
    "iam.cloud.ibm.com": token_reply,
    "api.global-search-tagging.cloud.ibm.com": search_reply,
    "globalcatalog.cloud.ibm.com": catalogue_reply,
}
"""Host -> what answers there; the API has a host for each region."""
