"""The steps of ``ibm-circuit-job doctor``. Each step tries one thing that a job needs, and reports the outcome."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import frozen
from qiskit import QuantumCircuit, transpile
from qiskit.exceptions import QiskitError
from returns.result import Success

from ibm_circuit_job.account.provider import IBMProvider
from ibm_circuit_job.clients import (
    AccountClient,
    ClientParameters,
    PlatformAccount,
    PlatformClient,
    RequestFailed,
    RuntimeClient,
)
from ibm_circuit_job.clients.api_versions import best_version, nothing_in_common, read_versions
from ibm_circuit_job.clients.credentials import Asked, Credentials, find_credentials
from ibm_circuit_job.clients.instances import CREATE_AT, listed
from ibm_circuit_job.clients.network_settings import settings_for, shown_proxy
from ibm_circuit_job.clients.parameters import PLATFORM
from ibm_circuit_job.clients.service_urls import api_url, iam_url
from ibm_circuit_job.errors import Failure, IBMAccountError, IBMError, Obstacle, Refused, Unreachable, to_exception
from ibm_circuit_job.wire import queries
from ibm_circuit_job.wire.error_replies import is_page
from ibm_circuit_job.wire.replies import read_job_page

_REACH_SECONDS: Final = 15.0
"""The time limit of the first request to a host."""
_RUN_SECONDS: Final = 3600.0
_SHOTS: Final = 100

_CURES: Final = {
    Obstacle.NAME_SERVER: "check the network connection and its name server (DNS), or name a proxy in HTTPS_PROXY",
    Obstacle.NOT_LISTENING: "check the network connection, and whether a firewall lets https out",
    Obstacle.SILENT: "check the network connection, and whether the network needs a proxy in HTTPS_PROXY",
    Obstacle.CERTIFICATE: "name the certificates of your network in REQUESTS_CA_BUNDLE",
    Obstacle.TLS: "check whether a proxy or a firewall changes https connections",
    Obstacle.CERTIFICATE_FILE: "correct the path of the certificates",
    Obstacle.PROXY: "check the address of the proxy in HTTPS_PROXY, or in the saved account",
    Obstacle.PROXY_CREDENTIALS: "add user and password to the proxy, as in http://user:password@host:port",
}
"""Obstacle -> the next step."""
_LATER: Final = "try again in some minutes; https://cloud.ibm.com/status lists problems of the service"


@frozen
class Finding:
    """The outcome of one step."""

    step: str
    """The name of the step."""
    has_passed: bool | None
    """Whether the step passed; ``None`` where it was not tried."""
    said: str
    """The outcome in words."""
    next_step: str = ""
    """What to do next; empty if the step passed."""
    seconds: float = 0.0
    """The duration of the step."""


class _Failed(Exception):  # noqa: N818 - it never leaves this module
    """A step failed. The message is the reason, and ``next_step`` what to do next."""

    def __init__(self, said: str, next_step: str) -> None:
        super().__init__(said)
        self.next_step = next_step


@frozen
class _Step:
    name: str
    try_it: Callable[[], str]
    needs: tuple[str, ...] = ()
    next_step: str = ""


class Checkup:
    """Tries, step by step, what a job needs: an account, the network, the log-in, and each kind of request.

    Args:
        asked: The account.
        runs: Whether a job is run. This costs quantum time.
        backend: The backend of that job; by default the one with the fewest waiting jobs.
    """

    def __init__(self, asked: Asked, *, runs: bool = False, backend: str | None = None) -> None:
        self._asked = asked
        self._backend = backend
        self._runs = runs
        self._found: Credentials | None = None
        self._account: AccountClient | PlatformAccount | None = None
        self._client: RuntimeClient | None = None

    def findings(self) -> Iterator[Finding]:
        """Yield the outcome of each step as soon as it is known. A step is not tried if it needs a step that failed.

        The account's connections are closed at the end.
        """
        failed: set[str] = set()
        try:
            for step in self._steps():
                missing = [name for name in step.needs if name in failed]
                if missing:
                    failed.add(step.name)
                    yield Finding(step.name, None, f"not tried, because this step failed: {missing[0]}")
                    continue
                finding = _tried(step)
                if not finding.has_passed:
                    failed.add(step.name)
                yield finding
        finally:
            if self._client is not None:
                self._client.close()

    def _steps(self) -> Iterator[_Step]:
        yield _Step("account", self._find_account, (), "save an account: ibm-circuit-job login")
        if self._found is not None and not self._is_platform:
            yield _Step("log in", self._log_in_to_classic, ("account",), "check the url and the token")
        else:
            yield _Step("reach IAM", self._reach_iam, ("account",))
            yield _Step("reach the API", self._reach_api, ("account",))
            new_key = "make an API key at https://quantum.cloud.ibm.com and save it: ibm-circuit-job login --overwrite"
            yield _Step("log in", self._log_in, ("reach IAM",), new_key)
            yield _Step("API versions", self._agree_on_version, ("reach the API",), "upgrade ibm-circuit-job")
        yield _Step("instances", self._find_instance, ("log in",), f"see the instances at {CREATE_AT}")
        api = ("instances",) if self._found is None or not self._is_platform else ("instances", "reach the API")
        yield _Step("backends", self._list_backends, api, "check that the account may use the instance")
        yield _Step("jobs", self._list_jobs, api, "check that the account may read jobs in the instance")
        if self._runs:
            yield _Step("run a job", self._run, ("backends",), "see the job at https://quantum.cloud.ibm.com/workloads")

    @property
    def _is_platform(self) -> bool:
        return self._parameters.channel == PLATFORM

    @property
    def _parameters(self) -> ClientParameters:
        assert self._found is not None  # noqa: S101 - without it, the steps that need it are not tried
        return self._found.parameters

    def _find_account(self) -> str:
        self._found = find_credentials(self._asked)
        parameters = self._found.parameters
        if self._is_platform:
            account = PlatformAccount(parameters)
            self._account, self._client = account, PlatformClient(parameters, account=account)
        else:
            self._account = AccountClient(parameters)
            self._client = RuntimeClient(parameters, account=self._account)
        instance = parameters.instance or "chosen at log-in"
        return f"{self._found.source}; channel {parameters.channel}, url {parameters.url}, instance {instance}"

    def _reach_iam(self) -> str:
        # A document that IAM publishes. Any reply is fine, except a web page.
        return self._reach(f"{iam_url(self._parameters)}/identity/.well-known/openid-configuration", "IAM_URL")

    def _reach_api(self) -> str:
        return self._reach(f"{api_url(self._parameters)}/versions", "the url of the account")

    def _reach(self, url: str, named_by: str) -> str:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port or (80 if parts.scheme == "http" else 443)
        proxy = settings_for(url, self._parameters).proxy(url)
        way = _address(host, port) if proxy is None else f"{host} by the proxy {shown_proxy(proxy, self._parameters)}"
        try:
            body = self._clients()[0].http.request("reach it", "GET", url, seconds=_REACH_SECONDS).content
        except RequestFailed as error:
            failure = error.failure
            if not isinstance(failure, Refused) or next_step_after(failure):
                raise
            if not failure.by_service and 300 <= failure.http_status < 400:
                raise _Failed(f"{host} redirects to another page (HTTP {failure.http_status})", _PORTAL) from None
            return f"{way} answers"
        if is_page(body):
            raise _Failed(f"{host} answers with a web page", f"{_PORTAL}, and check {named_by}")
        return f"{way} answers"

    def _clients(self) -> tuple[AccountClient | PlatformAccount, RuntimeClient]:
        assert self._account is not None  # noqa: S101 - made with the account
        assert self._client is not None  # noqa: S101 - the same
        return self._account, self._client

    def _log_in(self) -> str:
        self._clients()[0].check_login()
        return "the key is valid"

    def _log_in_to_classic(self) -> str:
        self._clients()[0].check_login()
        return "the token is valid"

    def _agree_on_version(self) -> str:
        reply = self._clients()[0].http.request("read the API versions", "GET", f"{api_url(self._parameters)}/versions")
        offered = read_versions(reply.content)
        best = best_version(offered)
        if best is None:
            raise _Failed(nothing_in_common(offered), "upgrade ibm-circuit-job")
        sunset = "" if best.sunset_date is None else f", until {best.sunset_date}"
        others = ", ".join(each.version for each in offered if each != best) or "no others"
        return f"{best.version} ({best.status}{sunset}) is used; the service also offers {others}"

    def _find_instance(self) -> str:
        account, client = self._clients()
        if not isinstance(account, PlatformAccount):
            hubs = account.user_hubs()
            if not hubs:
                raise _Failed("the account has no hub/group/project", "ask the administrator of the hub")
            return ", ".join(hubs)
        found = account.instances()
        used = account.find_instance()
        client.params = account.params
        return f"{listed(found) or 'none'}; jobs run in {used}"

    def _list_backends(self) -> str:
        names = self._clients()[1].list_backends()
        if not names:
            raise _Failed("the instance has no backends", f"choose another instance, see {CREATE_AT}")
        return f"{len(names)}: {', '.join(names)}"

    def _list_jobs(self) -> str:
        body = self._clients()[1].jobs_get(limit=5)
        page = read_job_page(body, datetime.now(UTC))
        if not isinstance(page, Success):
            raise to_exception(page.failure(), IBMError)
        read = page.unwrap()
        if read.unreadable:
            raise _Failed(
                f"{len(read.unreadable)} of the newest {len(read.jobs) + len(read.unreadable)} jobs cannot be read",
                "report it, with a recording: ibm-circuit-job doctor --record FILE",
            )
        statuses = [known.name for job in read.jobs if (known := queries.status(job)) is not None]
        count = len(read.jobs) if read.count is None else read.count
        return f"{count}; the newest are {', '.join(statuses)}" if statuses else "there are no jobs yet"

    def _run(self) -> str:
        given = {name: value for name in ("name", "filename", "instance") if (value := getattr(self._asked, name))}
        with IBMProvider(**given) as provider:
            backend = provider.get_backend(self._backend) if self._backend else _least_busy(provider)
            job = backend.run(transpile(_bell(), backend), shots=_SHOTS)
            try:
                counts = job.result(timeout=_RUN_SECONDS).get_counts()
            except IBMError as error:
                raise _Failed(f"job {job.job_id()} on {backend.name}: {error}", "read the message of the job") from None
        if sum(counts.values()) != _SHOTS:
            raise _Failed(
                f"job {job.job_id()} on {backend.name}: expected {_SHOTS} counts, got {dict(counts)}",
                "report it, with a recording: ibm-circuit-job doctor --run --record FILE",
            )
        return f"job {job.job_id()} on {backend.name}: {dict(sorted(counts.items()))}"


_PORTAL: Final = "open a web page in a browser, and log in to the network if it asks"


def _tried(step: _Step) -> Finding:
    began = time.monotonic()

    def finding(has_passed: bool, said: str, next_step: str = "") -> Finding:
        return Finding(step.name, has_passed, said, next_step, time.monotonic() - began)

    try:
        return finding(True, step.try_it())
    except _Failed as failed:
        return finding(False, str(failed), failed.next_step)
    except RequestFailed as error:
        return finding(False, str(error), next_step_after(error.failure) or step.next_step)
    except QiskitError as error:
        may_pass = isinstance(error, IBMAccountError) and error.is_passing
        return finding(False, str(error), _LATER if may_pass else step.next_step)


def next_step_after(failure: Failure) -> str | None:
    """Return the next step after a failure; ``None`` if the failure itself does not show what is wrong.

    Example:
        >>> from ibm_circuit_job.errors import Refused
        >>> next_step_after(Refused("log in", "https://iam.cloud.ibm.com", 503))
        'try again in some minutes; https://cloud.ibm.com/status lists problems of the service'
    """
    match failure:
        case Unreachable():
            return _CURES[failure.obstacle or Obstacle.NOT_LISTENING]
        case Refused(http_status=407):
            return _CURES[Obstacle.PROXY_CREDENTIALS]
        case Refused() if failure.is_busy:
            return _LATER
    return None


def _address(host: str, port: int) -> str:
    """A host and its IP addresses, as a text."""
    try:
        found = {str(address[4][0]) for address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise _Failed(f"no name server knows {host}: {error.strerror or error}", _CURES[Obstacle.NAME_SERVER]) from None
    return f"{host} ({', '.join(sorted(found))})"


def _least_busy(provider: IBMProvider) -> Any:
    """The operational backend with the fewest waiting jobs."""
    waiting = [(backend.status(), backend) for backend in provider.backends()]
    ready = [(status.pending_jobs, backend) for status, backend in waiting if status.operational]
    if not ready:
        raise _Failed("no backend is operational now", "try again later, or name a backend with --backend")
    return min(ready, key=lambda pair: pair[0])[1]


def _bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2, name="bell")
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit
