"""PlatformAccount and PlatformClient: the account and the client of IBM Quantum Platform.

IAM issues a token for the API key. A token is valid for about an hour. The host of the API is derived from the region
in the CRN of the instance.
"""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit

from attrs import evolve
from returns.result import Success

from ibm_circuit_job.clients import api_versions
from ibm_circuit_job.clients.account import ServiceUrls, acquired, is_token
from ibm_circuit_job.clients.client_application import client_headers
from ibm_circuit_job.clients.http import HttpSession, RequestFailed, deadline_of, seconds_until
from ibm_circuit_job.clients.instance_search import InstanceSearch
from ibm_circuit_job.clients.instances import Instance, InstanceWish, candidates, choose_instance, with_plans
from ibm_circuit_job.clients.log_in_errors import log_in_error
from ibm_circuit_job.clients.parameters import ClientParameters
from ibm_circuit_job.clients.runtime import RuntimeClient
from ibm_circuit_job.clients.service_urls import api_url, iam_url, knows_api_url, service_url
from ibm_circuit_job.clients.version_agreement import VersionAgreement
from ibm_circuit_job.errors import Failure, IBMAccountError, Unreadable, Unsupported, account_error, describe, is_answer
from ibm_circuit_job.threads.background import await_end, started
from ibm_circuit_job.threads.locks import ForkFreeLock
from ibm_circuit_job.wire import documents
from ibm_circuit_job.wire.hidden_values import HiddenBytes, HiddenText

_T = TypeVar("_T")

RENEWED_AT: Final = 0.8
"""The fraction of a token's life after which it is renewed."""
_SHORTEST_LIFE_SECONDS: Final = 1.0
_DEFAULT_LIFE_SECONDS: Final = 3600.0
_LONGEST_LIFE_SECONDS: Final = 86_400.0
_RENEWAL_SECONDS: Final = 5.0
"""The time limit of a renewal while the old token is still valid, and the pause after a renewal that failed."""
_GRANT: Final = "urn:ibm:params:oauth:grant-type:apikey"


class PlatformAccount:
    """An account of IBM Quantum Platform: its tokens from IAM, and its instances.

    The environment variables ``IAM_URL``, ``GLOBAL_SEARCH_URL`` and ``GLOBAL_CATALOG_URL`` may name other hosts.

    Source: ``POST /identity/token`` of IAM. See :class:`~ibm_circuit_job.clients.instance_search.InstanceSearch` for
    the instances.

    Args:
        params: The URL and the credentials of the account.
    """

    def __init__(self, params: ClientParameters) -> None:
        self.params = params
        self.http = HttpSession(params)
        # Read once: a variable that changes later must not send the key to another host.
        self._iam_url = iam_url(params)
        self.instance = params.instance
        """The instance (CRN) of the requests."""
        self.source: str | None = None
        """The source of the account in words, for error messages about its key; ``None`` where it is not known."""
        self.chosen: Instance | None = None
        """The instance, after :meth:`find_instance`; ``None`` before. Its plan is ``None`` if it was not needed."""
        self._must_find_instance = False
        self._lock = ForkFreeLock()
        self._token: str | None = None
        self._renew_at = 0.0
        self._ends_at = 0.0

    def __repr__(self) -> str:
        return f"<PlatformAccount({self.params.url!r})>"

    def access_token(self, rejected: str | None = None, *, seconds: float | None = None) -> str:
        """Return a token. Request one from IAM first if there is none, or if the present one is about to expire.

        Args:
            rejected: A token that the service has rejected. Several threads that pass the same token cause one renewal.
            seconds: The time limit; the request is then sent once. By default it is sent again after some failures.

        Raises:
            RequestFailed: If IAM refused or could not be reached.
        """
        old, deadline = self._token, deadline_of(seconds)
        if old is not None and old != rejected and time.monotonic() < self._ends_at and self._lock().locked():
            # Another thread renews the token, and the old one is still valid.
            return old
        with acquired(self._lock(), seconds, "log in", self.params.url):
            if self._token is None or self._token == rejected or time.monotonic() >= self._renew_at:
                self._token = self._renewed(rejected, seconds_until(deadline))
            return self._token

    def _renewed(self, rejected: str | None, seconds: float | None) -> str:
        old = self._token
        if old is None or old == rejected or time.monotonic() >= self._ends_at:
            return self._new_token(seconds)
        try:
            # With a short limit: the old token is still valid, and other threads may wait for the lock.
            return self._new_token(_RENEWAL_SECONDS if seconds is None else min(seconds, _RENEWAL_SECONDS))
        except RequestFailed as error:
            if not error.failure.can_retry:
                raise
            self._renew_at = time.monotonic() + _RENEWAL_SECONDS
            return old

    def _new_token(self, seconds: float | None) -> str:
        url = f"{self._iam_url}/identity/token"
        form = {"grant_type": _GRANT, "apikey": self.params.token, "response_type": "cloud_iam"}
        response = self.http.request(
            "log in",
            "POST",
            url,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=HiddenBytes(urlencode(form).encode()),
            seconds=seconds,
            brings_token=True,
        )
        # The reply contains the token, so messages never repeat its content.
        read = documents.value(response.content, "answer of IAM")
        if not isinstance(read, Success) and read.failure().is_page:
            # A web page is not IAM's own, so the message may show it; but it may repeat secrets that were sent.
            read = documents.value(self.http.page_without_secrets(response.content), "answer of IAM")
            raise RequestFailed(read.failure())
        token, life = _token_in(read.value_or(None))
        # The reply contains the token, and a traceback may show the local variables of this frame.
        del read
        if token is None:
            raise RequestFailed(Unreadable("IAM's answer", "access_token", "expected a string; is this IAM's URL?"))
        self.http.add_secret(token)
        is_known = isinstance(life, (int, float)) and 0 < life < _LONGEST_LIFE_SECONDS
        life = float(life) if is_known else _DEFAULT_LIFE_SECONDS
        now = time.monotonic()
        self._ends_at = now + life
        self._renew_at = now + max(_SHORTEST_LIFE_SECONDS, RENEWED_AT * life)
        return token

    def headers(self, rejected: Mapping[str, str] | None = None, *, seconds: float | None = None) -> dict[str, str]:
        """Return the headers of a request: the token of :meth:`access_token`, client, API version and instance."""
        if self._must_find_instance:
            self._find_instance()
        deadline = deadline_of(seconds)
        old = None if rejected is None else HiddenText(rejected["Authorization"].removeprefix("Bearer "))
        headers = client_headers() | {
            "Authorization": HiddenText(f"Bearer {self.access_token(old, seconds=seconds)}"),
            api_versions.HEADER: self._agreement().version(self.http, seconds_until(deadline)),
        }
        return headers if self.instance is None else headers | {"Service-CRN": self.instance}

    def agree_after(self, refusal: RequestFailed, sent: Mapping[str, str], *, seconds: float | None = None) -> None:
        """Choose another API version, after the service has refused a request because of its version.

        Args:
            refusal: The refusal.
            sent: The headers of the request.
            seconds: The time limit of the refused call; half of it is used here at most.

        Raises:
            RequestFailed: The refusal, if another version would not help.
        """
        self._agreement().agree_after(refusal, sent[api_versions.HEADER], self.http, seconds)

    def _agreement(self) -> VersionAgreement:
        return VersionAgreement.with_service(api_url(self.params))

    def user_urls(self, *, seconds: float | None = None) -> ServiceUrls:
        """Return the URL of the API, from the region of the instance or from the parameters. There are no streams."""
        del seconds
        api = api_url(self.params)
        return ServiceUrls(api, api, "")

    def find_instance(self) -> str:
        """Choose the instance for all later requests, and return its CRN.

        If the parameters have a CRN, no request is sent. Otherwise the account's instances are searched; see
        :func:`~ibm_circuit_job.clients.instances.choose_instance`.

        Raises:
            IBMAccountError: If no instance fits, several fit, or the search fails.
        """
        if not self._knows_instance():
            self.check_login()
            try:
                self._find_instance()
            except RequestFailed as error:
                raise self._log_in_error(error.failure) from None
        elif self.chosen is None:
            self.chosen = Instance(str(self.params.instance))
        return str(self.instance)

    def _log_in_error(self, failure: Failure) -> IBMAccountError:
        return log_in_error(failure, self.params.url, self.source)

    def find_instance_later(self) -> None:
        """Choose the instance before the next request, since the service cannot be reached now."""
        self._must_find_instance = not self._knows_instance()

    def _knows_instance(self) -> bool:
        return self.params.instance is not None and self.params.is_located

    def _find_instance(self) -> None:
        params = self.params
        wish = InstanceWish(params.instance, params.region, params.plans_preference, params.tags)
        every = self._search().instances(self._bearer())
        left = candidates(every, wish)
        # Plans are requested only for the instances that the choice, or the message of its failure, needs.
        if len(left) > 1 or (wish.named is None and wish.plans_preference):
            every = self._with_plans(left)
        elif not left:
            every = self._with_plans(every)
        choice = choose_instance(every, wish)
        if not isinstance(choice, Success):
            raise RequestFailed(choice.failure())
        self.chosen = choice.unwrap()
        self.params = evolve(params, instance=self.chosen.crn)
        self.instance = self.chosen.crn
        self._must_find_instance = False

    def instances(self) -> list[Instance]:
        """Return the instances that the account may use, sorted by name, with their plans.

        Instances without an allocation are left out: they have no backends.

        Raises:
            RequestFailed: If IAM or the search refused or could not be reached.
        """
        return candidates(self._with_plans(self._search().instances(self._bearer())), InstanceWish())

    def _with_plans(self, found: Sequence[Instance]) -> list[Instance]:
        plan_ids = [each.plan_id for each in found if each.has_allocation and each.plan_id is not None]
        return with_plans(found, self._search().plans(plan_ids, self._bearer()))

    def _search(self) -> InstanceSearch:
        return InstanceSearch(
            self.http,
            service_url(self.params.url, "GLOBAL_SEARCH_URL", "api.global-search-tagging"),
            service_url(self.params.url, "GLOBAL_CATALOG_URL", "globalcatalog"),
        )

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": HiddenText(f"Bearer {self.access_token()}")}

    def refused_instance(self, failure: Failure) -> IBMAccountError:
        """Return the exception for a refused first request to the API. The search of instances gives the reason.

        Args:
            failure: The failure of the request.
        """
        if not is_answer(failure, 400, 401, 403, 404):
            return log_in_error(failure, api_url(self.params))
        return account_error(failure, f"; {self._why_refused()}")

    def _why_refused(self) -> str:
        meant = Instance(str(self.instance))
        try:
            every = self._search().instances(self._bearer())
            left = candidates(every, InstanceWish(meant.crn))
            if left:
                return "the account has this instance, but may not use it now: ask its administrator for access"
            refused = choose_instance(self._with_plans(every), InstanceWish(meant.crn)).failure()
            return refused.message if isinstance(refused, Unsupported) else describe(refused)
        except RequestFailed:
            return "check the instance"

    def check_login(self) -> None:
        """Log in now, so that a wrong key raises here and not with the first job.

        Raises:
            IBMAccountError: If IAM cannot be reached or rejects the key, or if the instance belongs to another account
                than the key.
        """
        versions = self._requested_versions()
        try:
            self._check_key()
        except IBMAccountError:
            if versions is not None:
                # The request has a short time limit. The wait for it leaves no thread behind.
                await_end(versions, None)
            raise

    def _check_key(self) -> None:
        try:
            token = self.access_token()
        except RequestFailed as error:
            raise self._log_in_error(error.failure) from None
        account, meant = _account_of(token), Instance(self.instance).account if self.instance else None
        if None not in {account, meant} and account != meant:
            raise IBMAccountError(
                f"the key is valid, but the instance belongs to account {meant} and the key to account {account}: use "
                "an API key of the instance's account, or an instance of the key's account"
            )

    def _requested_versions(self) -> Future[str] | None:
        """Request the API versions during the log-in; ``None`` where that saves no time, or they are known.

        The request needs no token. On one host, IAM and the API share a connection, and a second one would take longer.
        The first request to the API uses the reply, and raises if this request failed.
        """
        if self._token is not None or not knows_api_url(self.params):
            return None
        agreement, api = self._agreement(), api_url(self.params)
        if agreement.is_reached or urlsplit(api).netloc == urlsplit(self._iam_url).netloc:
            return None
        return started(lambda: agreement.version(self.http, None))

    def close(self) -> None:
        """Close all connections."""
        self.http.close()


def _token_in(reply: Any) -> tuple[HiddenText | None, Any]:
    """The token in a reply of IAM, and its life in seconds as the reply states it; ``None`` for a missing one."""
    token = reply.get("access_token") if isinstance(reply, Mapping) else None
    if not isinstance(reply, Mapping) or not isinstance(token, str) or not is_token(token):
        return None, None
    return HiddenText(token), reply.get("expires_in")


def _account_of(token: str | None) -> str | None:
    """The ID of the account in the claims of a token of IAM; ``None`` where it cannot be read."""
    claims = (token or "").split(".")[1:2]
    try:
        body = urlsafe_b64decode(claims[0] + "==") if claims else b""
    except ValueError:
        return None
    read = documents.value(body, "token").value_or(None)
    account = read.get("account") if isinstance(read, Mapping) else None
    found = account.get("bss") if isinstance(account, Mapping) else None
    return found if isinstance(found, str) and found else None


class PlatformClient(RuntimeClient):
    """A client of the jobs and backends of IBM Quantum Platform. This service has no push: jobs are polled.

    Every method raises :class:`~ibm_circuit_job.clients.RequestFailed` if the service refuses or cannot be reached. An
    expired token is renewed once per call.

    Args:
        params: The URL and the credentials of the account.
        account: The account, which has the tokens; by default a new one.
    """

    offers_stream = False
    names_instance = False
    session_limit = "max_ttl"
    limits_tags = True

    def __init__(self, params: ClientParameters, *, account: PlatformAccount | None = None) -> None:
        self._platform = account or PlatformAccount(params)
        super().__init__(params, account=self._platform)

    def __repr__(self) -> str:
        return f"<PlatformClient({self.params.url!r})>"

    def instance_usage(self) -> bytes:
        """Return the reply with the usage of the instance. Source: ``GET /instances/usage``."""
        return self._call("read the usage of the instance", "GET", "/instances/usage").content

    def job_type(self, job_id: str) -> str:
        """Return ``"RUNTIME"``: this service has no other jobs."""
        del job_id
        return "RUNTIME"

    def _authorised(self, send: Callable[[Mapping[str, str], float | None], _T], deadline: float | None) -> _T:
        """Send a request as the base class does; send it again if the service requires another API version."""
        sent: dict[str, str] = {}

        def send_and_record(headers: Mapping[str, str], left: float | None) -> _T:
            sent.update(headers)
            return send(headers, left)

        try:
            return super()._authorised(send_and_record, deadline)
        except RequestFailed as refusal:
            if not sent:
                raise
            self._platform.agree_after(refusal, sent, seconds=seconds_until(deadline))
        return super()._authorised(send, deadline)
