"""AccountClient: a client of the account's API: the log-in, the URLs of the services, the hubs and the oldest jobs."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol
from urllib.parse import quote

import msgspec
from attrs import frozen
from returns.result import Success

from ibm_circuit_job.clients import object_store
from ibm_circuit_job.clients.client_application import client_headers
from ibm_circuit_job.clients.http import HttpSession, RequestFailed, deadline_of, seconds_until
from ibm_circuit_job.clients.log_in_errors import log_in_error
from ibm_circuit_job.clients.parameters import ClientParameters
from ibm_circuit_job.errors import Unreachable, Unreadable, Unsupported
from ibm_circuit_job.threads.locks import ForkFreeLock
from ibm_circuit_job.wire import documents
from ibm_circuit_job.wire.hidden_values import HiddenBytes, HiddenText


@frozen
class ServiceUrls:
    """The URLs of the services of an account."""

    http: str
    """The URL of the account's own API."""
    runtime: str
    """The URL of the API that runs jobs."""
    ws: str
    """The root of the URLs of the push streams; empty where there are none."""


class Account(Protocol):
    """What a client of jobs needs of an account: the URLs of the services and the authentication headers."""

    http: HttpSession

    def headers(self, rejected: Mapping[str, str] | None = None, *, seconds: float | None = None) -> dict[str, str]:
        """Return the headers of a request, with a new token if the service has rejected the token in *rejected*."""
        ...

    def user_urls(self, *, seconds: float | None = None) -> ServiceUrls:
        """Return the URLs of the services."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


@contextmanager
def acquired(lock: threading.Lock, seconds: float | None, doing: str, url: str) -> Iterator[None]:
    """Hold a lock within the block.

    Args:
        lock: The lock.
        seconds: The longest time to wait for the lock; ``None`` for no limit.
        doing: What the caller wants to do, for the error, as in ``"log in"``.
        url: The URL that the other thread waits for, for the error.

    Raises:
        RequestFailed: If another thread still holds the lock after that time.
    """
    if not lock.acquire(timeout=-1 if seconds is None else max(seconds, 0.0)):
        raise RequestFailed(Unreachable(doing, url, "another thread waits for the same answer"))
    try:
        yield
    finally:
        lock.release()


class AccountClient:
    """A client of the account's API on IBM Quantum Platform Classic.

    It logs in with the first request that needs a token, and again after the token has expired.

    Source: ``POST /users/loginWithToken``, ``GET /users/me``, ``GET /Network``.

    Args:
        params: The URL and the credentials of the account.
    """

    def __init__(self, params: ClientParameters) -> None:
        self.params = params
        self.http = HttpSession(params)
        self._lock = ForkFreeLock()
        self._access_token: str | None = None
        self._urls: ServiceUrls | None = None

    def __repr__(self) -> str:
        return f"<AccountClient({self.params.url!r})>"

    def access_token(self, rejected: str | None = None, *, seconds: float | None = None) -> str:
        """Return the access token. Log in first if there is none, or if the service has rejected it.

        Args:
            rejected: A token that the service has rejected. Several threads that pass the same token cause one log-in.
            seconds: The time limit; the request is then sent once. By default it is sent again after some failures.

        Raises:
            RequestFailed: If the log-in failed.
        """
        deadline = deadline_of(seconds)
        with acquired(self._lock(), seconds, "log in", self.params.url):
            if self._access_token is None or self._access_token == rejected:
                reply = self._call(
                    "log in",
                    "POST",
                    "/users/loginWithToken",
                    body=HiddenBytes(msgspec.json.encode({"apiToken": str(self.params.token)})),
                    seconds=seconds_until(deadline),
                    brings_token=True,
                )
                token = HiddenText(_text(reply, "id", "login reply"))
                # The reply contains the token, and a traceback may show the local variables of this frame.
                del reply
                self.http.add_secret(token)
                if not is_token(token):
                    expected = "expected a token of printable ASCII characters, without blanks"
                    raise RequestFailed(Unreadable("login reply", "id", expected))
                self._access_token = token
            return self._access_token

    def user_urls(self, *, seconds: float | None = None) -> ServiceUrls:
        """Return the URLs of the account's services. They are requested once.

        Args:
            seconds: The time limit; the request is then sent once. By default it is sent again after some failures.

        Raises:
            RequestFailed: If the service refused or could not be reached.
        """
        if self._urls is None:
            deadline = deadline_of(seconds)
            headers = self.headers(seconds=seconds)
            left = seconds_until(deadline)
            reply = self._call("read the account's URLs", "GET", "/users/me", headers=headers, seconds=left)
            urls = _object(reply, "urls", "account reply")
            runtime = _text(_object(urls, "services", "account reply"), "runtime", "account reply")
            check_is_safe(runtime, self.params.url)
            self._urls = ServiceUrls(_text(urls, "http", "account reply"), runtime, runtime.replace("http", "ws", 1))
        return self._urls

    def user_hubs(self) -> list[str]:
        """Return the names ``hub/group/project`` that the account may use, its default first.

        Raises:
            RequestFailed: If the service refused or could not be reached.
        """
        reply = self._call("read the account's hubs", "GET", "/Network", headers=self.headers())
        try:
            found = [
                (not project.get("isDefault", False), f"{hub['name']}/{group_name}/{project_name}")
                for hub in reply
                for group_name, group in hub["groups"].items()
                for project_name, project in group["projects"].items()
            ]
        except (TypeError, KeyError, AttributeError):
            raise RequestFailed(Unreadable("hubs reply", "", "expected hubs with groups with projects")) from None
        return [instance for _, instance in sorted(found)]

    def check_login(self) -> None:
        """Log in now, so that a wrong URL or token raises here and not with the first job.

        Raises:
            IBMAccountError: If the service cannot be reached at the URL, or rejects the token.
        """
        try:
            self.access_token()
            self.user_urls()
        except RequestFailed as error:
            raise log_in_error(error.failure, self.params.url) from None

    def headers(self, rejected: Mapping[str, str] | None = None, *, seconds: float | None = None) -> dict[str, str]:
        """Return the authentication headers, see :meth:`access_token`, and the header that names this client."""
        old = None if rejected is None else HiddenText(rejected["X-Access-Token"])
        return client_headers() | {"X-Access-Token": HiddenText(self.access_token(old, seconds=seconds))}

    # The oldest jobs, for which ``job_type`` returns ``IQX``; see ``clients.oldest_jobs``

    def job_get(self, job_id: str) -> bytes:
        """Return the account API's reply about one of the oldest jobs. Source: ``GET /Jobs/ID/v/1``.

        Raises:
            RequestFailed: If the service refused or could not be reached.
        """
        return self._job_call("read", job_id, "GET", "/v/1")

    def list_jobs(
        self,
        limit: int = 10,
        skip: int = 0,
        descending: bool = True,
        extra_filter: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return one page of the oldest jobs. Source: ``GET /jobs/v2``.

        Args:
            limit: The most jobs in the page.
            skip: The number of jobs before the page.
            descending: Whether the newest jobs come first.
            extra_filter: Further filters of the query: ``backend``, ``pending``, ``job_tags``, ``created_after`` ...

        Raises:
            RequestFailed: If the service refused or could not be reached.
        """
        order = f"creationDate {'DESC' if descending else 'ASC'}"
        query = {"order": order, "limit": limit, "skip": skip} | dict(extra_filter or {})
        return self._authorised("list the oldest jobs", "GET", "/jobs/v2", query=query)

    def job_result(self, job_id: str) -> bytes:
        """Return the body of the result of one of the oldest jobs, from the object store.

        Source: ``GET /Jobs/ID/resultDownloadUrl``, whose reply names the URL.

        Raises:
            RequestFailed: If the service or the object store refused or could not be reached.
        """
        reply = self._job_call("find the result of", job_id, "GET", "/resultDownloadUrl")
        found = documents.value(reply, "result location").value_or(None)
        url = _text(found, "url", "result location")
        return object_store.read(url, doing=f"read the result of job {job_id}", parameters=self.params)

    def job_cancel(self, job_id: str) -> bytes:
        """Request the cancellation of one of the oldest jobs, and return the reply. Source: ``POST /Jobs/ID/cancel``.

        Raises:
            RequestFailed: If the service refused or could not be reached.
        """
        return self._job_call("cancel", job_id, "POST", "/cancel")

    def close(self) -> None:
        """Close all connections."""
        self.http.close()

    def _job_call(self, verb: str, job_id: str, method: str, part: str) -> bytes:
        return self._authorised(f"{verb} job {job_id}", method, f"/Jobs/{quote(job_id, safe='')}{part}")

    def _authorised(self, doing: str, method: str, path: str, *, query: Mapping[str, Any] | None = None) -> bytes:
        """Send a request with the token; send it again with a new token if the service rejects the first."""
        headers = self.headers()
        try:
            return self.http.request(doing, method, self.params.url + path, headers=headers, query=query).content
        except RequestFailed as error:
            if error.status_code != 401:
                raise
        again = self.headers(headers)
        return self.http.request(doing, method, self.params.url + path, headers=again, query=query).content

    def _call(
        self,
        doing: str,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        seconds: float | None = None,
        brings_token: bool = False,
    ) -> Any:
        url = self.params.url + path
        response = self.http.request(
            doing, method, url, headers=headers, body=body, seconds=seconds, brings_token=brings_token
        )
        # The reply may contain a token, so messages never repeat its content.
        read = documents.value(response.content, f"answer of {url}")
        if not isinstance(read, Success) and read.failure().is_page:
            # A web page is not the service's own, so the message may show it; but it may repeat secrets that were sent.
            read = documents.value(self.http.page_without_secrets(response.content), f"answer of {url}")
            raise RequestFailed(read.failure())
        reply = read.value_or(None)
        # The failure repeats what cannot be read, and a traceback may show the local variables of this frame.
        del read
        if reply is None:
            raise RequestFailed(Unreadable(f"answer of {url}", "", "expected JSON; is this the service's URL?"))
        return reply


_TOKEN: Final = re.compile(r"[!-~]+")


def is_token(token: str) -> bool:
    """Return whether a text can be an access token.

    A token becomes the value of a header, so it is printable ASCII without blanks.

    Example:
        >>> is_token("abc.def"), is_token("abc" + chr(10) + "X-Injected: yes"), is_token("")
        (True, False, False)
    """
    return _TOKEN.fullmatch(token) is not None


def check_is_safe(runtime: str, login: str) -> None:
    """Check that the token will not be sent in plain text, but for a plain log-in to a service on this machine.

    Args:
        runtime: The URL of the API, which the service has named.
        login: The URL of the log-in.

    Raises:
        RequestFailed: If the URL of the API is not https, and is not on this machine after a log-in by http.
    """
    is_plain_login = login.lower().startswith("http:")
    is_allowed = object_store.is_allowed(runtime) and (is_plain_login or runtime.lower().startswith("https:"))
    if not is_allowed:
        expected = "expected an https URL, or an http one on this machine after a login by http"
        raise RequestFailed(Unsupported("read the account's URLs", f"{expected}; the token is not sent there"))


def _text(reply: Any, name: str, what: str) -> str:
    if isinstance(reply, Mapping) and isinstance(reply.get(name), str):
        return str(reply[name])
    raise RequestFailed(Unreadable(what, name, "expected a string; is this the service's URL?"))


def _object(reply: Any, name: str, what: str) -> Mapping[str, Any]:
    if isinstance(reply, Mapping) and isinstance(reply.get(name), Mapping):
        found: Mapping[str, Any] = reply[name]
        return found
    raise RequestFailed(Unreadable(what, name, "expected an object; is this the service's URL?"))
