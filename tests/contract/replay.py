"""A service made of a recording of ``ibm-circuit-job doctor --record``: it answers what was answered then.

A request is matched by its method, its path and its query. Replies to the same request come in the order in which they
were recorded; the last one is repeated. The token, the instance and the API version must be those of the recording.
"""

import json
import re
from collections import defaultdict, deque
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

from loopback import LoopbackServer, Replying

COMPARED = ("Authorization", "Service-CRN", "IBM-API-Version")
AROUND = re.compile(r"^(?:/search|/catalog|(?:/experimental)?/api/v1)?/")
"""Where the hosts of IBM Cloud have a service; on this machine they are paths of one host."""


class Recording:
    """What was recorded.

    Args:
        fixture: The document that the doctor has written.
    """

    def __init__(self, fixture):
        assert fixture["format"] == 1, "another version of the doctor has written it"
        self.exchanges = fixture["exchanges"]

    @classmethod
    def read(cls, path):
        return cls(json.loads(path.read_bytes()))

    @property
    def key(self):
        """What stands for the API key."""
        return next(form["apikey"] for form in self._of_requests("body", "form") if "apikey" in form)

    @property
    def instance(self):
        """What stands for the CRN of the instance."""
        return next(iter(self._of_requests("headers", "Service-CRN")))

    def _of_requests(self, part, name):
        parts = (exchange["request"][part] or {} for exchange in self.exchanges)
        return [part[name] for part in parts if name in part]


class ReplayService(LoopbackServer):
    """The service.

    Args:
        recording: What it answers.
    """

    def __init__(self, recording):
        super().__init__(Handler)
        self.left = defaultdict(deque)
        self.unknown = []
        """The requests that are in no recording, or differ in their headers."""
        for exchange in recording.exchanges:
            self.left[key_of(exchange["request"]["method"], exchange["request"]["url"])].append(exchange)

    @property
    def api(self):
        return f"{self.url}/api/v1"

    def answer(self, method, url, headers):
        """What was recorded for a request; ``None`` where nothing was."""
        replies = self.left[key_of(method, url)]
        if not replies:
            self.unknown.append(f"{method} {url}")
            return None
        exchange = replies.popleft() if len(replies) > 1 else replies[0]
        for name, value in exchange["request"]["headers"].items():
            # A token that was renewed meanwhile is as good as the first.
            if name in COMPARED and not is_alike(name, headers.get(name), value):
                self.unknown.append(f"{method} {url}: {name} is {headers.get(name)!r}, and was {value!r}")
                return None
        return exchange["reply"]


class Handler(Replying, BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Else each answer waits 40 ms for an acknowledgement.
    disable_nagle_algorithm = True

    def handle_any(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = self.server.answer(self.command, self.path, self.headers)
        if found is None:
            self.reply(501, "this was not recorded")
            return
        headers = {name: value for name, value in found["headers"].items() if name != "Location"}
        self.reply(found["status"], body_of(found["body"], self.server.url), **headers)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any  # noqa: N815 - as http.server names them


def key_of(method, url):
    parts = urlsplit(url)
    return method, AROUND.sub("/", parts.path), frozenset(parse_qsl(parts.query, keep_blank_values=True))


def is_alike(name, given, recorded):
    if name == "Authorization":
        return given is not None and given.split()[0] == recorded.split()[0] and "secret-" in given
    return given == recorded


def body_of(recorded, url):
    if recorded is None:
        return b""
    if "json" not in recorded:
        return b"x" * recorded.get("bytes", 0)
    # Results that lie at a URL of another host are served from here, too.
    return re.sub(r"https?://host-\d+\.example", url, json.dumps(recorded["json"]))
