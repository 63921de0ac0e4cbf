"""The ``platform`` dialect, that of the service of today: its tokens, and what is different in its API.

A token comes from IAM for the API key, and holds for about an hour. Which host serves the API follows from the region
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
"""The share of a token's life after which the next one is asked for."""
_SHORTEST_LIFE: Final = 1.0
_LIFE: Final = 3600.0
_LONGEST_LIFE: Final = 86_400.0
_PROMPT: Final = 5.0
"""Seconds that a renewal may take while the old token is still good, and after which it is tried again."""
_GRANT: Final = "urn:ibm:params:oauth:grant-type:apikey"


class PlatformAccount:
    """The account's side of the service of today: tokens from IAM, and the instances of the account.

    Source: ``POST /identity/token`` of IAM, whose host the environment variable ``IAM_URL`` may name; see
    :class:`~ibm_circuit_job.clients.instance_search.InstanceSearch` for instances, and ``GLOBAL_SEARCH_URL`` and
    ``GLOBAL_CATALOG_URL``.

    Args:
        params: Where the service is and how to prove who we are.
    """

    def __init__(self, params: ClientParameters) -> None:
        self.params = params
        self.http = HttpSession(params)
        # As it is now: what a variable says later is not where the key is from.
        self._iam_url = iam_url(params)
        self.instance = params.instance
        """The instance (CRN) that requests are sent for."""
        self.source: str | None = None
        """Where the account was found, in words, for what is said of its key; ``None`` where that is not known."""
        self.chosen: Instance | None = None
        """What is known of it once it was found; ``None`` before. The plan is ``None`` where it was not needed."""
        self._is_to_be_found = False
        self._lock = ForkFreeLock()
        self._token: str | None = None
        self._renew_at = 0.0
        self._ends_at = 0.0

    def __repr__(self) -> str:
        return f"<PlatformAccount({self.params.url!r})>"

    def access_token(self, rejected: str | None = None, *, seconds: float | None = None) -> str:
        """Return a token, asking IAM where there is none, or the one that is there is about to run out.

        Args:
            rejected: A token that the service does not accept any more; any number of threads that give the
                same one cause one renewal.
            seconds: Try once, and have the token by then.

        Raises:
            RequestFailed: If IAM refused or could not be reached.
        """
        old, deadline = self._token, deadline_of(seconds)
        if old is not None and old != rejected and time.monotonic() < self._ends_at and self._lock().locked():
            # Another thread renews it; meanwhile it is still good.
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
            # Not patiently: the old one is still good, and others wait for it.
            return self._new_token(_PROMPT if seconds is None else min(seconds, _PROMPT))
        except RequestFailed as error:
            if not error.failure.can_retry:
                raise
            self._renew_at = time.monotonic() + _PROMPT
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
        # The reply holds the token, so what it holds is never repeated in a message.
        read = documents.value(response.content, "answer of IAM")
        if not isinstance(read, Success) and read.failure().is_page:
            # Not IAM's, so it can be shown; but it may repeat what was sent.
            read = documents.value(self.http.page_without_secrets(response.content), "answer of IAM")
            raise RequestFailed(read.failure())
        token, life = _token_in(read.value_or(None))
        # It holds the token, and an error below would show what is in this frame.
        del read
        if token is None:
            raise RequestFailed(Unreadable("IAM's answer", "access_token", "expected a string; is this IAM's URL?"))
        self.http.add_secret(token)
        life = float(life) if isinstance(life, (int, float)) and 0 < life < _LONGEST_LIFE else _LIFE
        now = time.monotonic()
        self._ends_at = now + life
        self._renew_at = now + max(_SHORTEST_LIFE, RENEWED_AT * life)
        return token

    def headers(self, rejected: Mapping[str, str] | None = None, *, seconds: float | None = None) -> dict[str, str]:
        """Return the headers of a request: a token, see :meth:`access_token`, the client, API version and instance."""
        if self._is_to_be_found:
            self._find_instance()
        deadline = deadline_of(seconds)
        old = None if rejected is None else HiddenText(rejected["Authorization"].removeprefix("Bearer "))
        headers = client_headers() | {
            "Authorization": HiddenText(f"Bearer {self.access_token(old, seconds=seconds)}"),
            api_versions.HEADER: self._agreement().version(self.http, seconds_until(deadline)),
        }
        return headers if self.instance is None else headers | {"Service-CRN": self.instance}

    def agree_after(self, refusal: RequestFailed, sent: Mapping[str, str], *, seconds: float | None = None) -> None:
        """Agree on another API version, where the service refused a request because of the one that it named.

        Args:
            refusal: The refusal.
            sent: The headers of the request.
            seconds: How long the call may take that was refused.

        Raises:
            RequestFailed: The refusal, where no other version helps.
        """
        self._agreement().agree_after(refusal, sent[api_versions.HEADER], self.http, seconds)

    def _agreement(self) -> VersionAgreement:
        return VersionAgreement.with_service(api_url(self.params))

    def user_urls(self, *, seconds: float | None = None) -> ServiceUrls:
        """Return where the service is: by the region of the instance, or as it was given. There are no streams."""
        del seconds
        api = api_url(self.params)
        return ServiceUrls(api, api, "")

    def find_instance(self) -> str:
        """Return the instance (CRN) that is meant, and use it from now on.

        A CRN that was given is the instance, and costs no request. Else the account's instances are searched for; see
        :func:`~ibm_circuit_job.clients.instances.choose_instance`.

        Raises:
            IBMAccountError: If none fits, or more than one, or the account's instances cannot be found.
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
        """Find the instance with the first request that is sent for it; the service cannot be reached now."""
        self._is_to_be_found = not self._knows_instance()

    def _knows_instance(self) -> bool:
        return self.params.instance is not None and self.params.is_located

    def _find_instance(self) -> None:
        params = self.params
        wish = InstanceWish(params.instance, params.region, params.plans_preference, params.tags)
        every = self._search().instances(self._bearer())
        left = candidates(every, wish)
        # The plans of those that are chosen from, or that the refusal lists.
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
        self._is_to_be_found = False

    def instances(self) -> list[Instance]:
        """Return the instances that the account may use, by name, with their plans.

        Those without an allocation are left out: they have no backends.

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
        """Return the exception for the first request to the API, which was refused; ask the search for the reason.

        Args:
            failure: Why it failed.
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
        """Ask for a token, so that what is wrong shows here and not with the first job.

        Raises:
            IBMAccountError: If IAM cannot be reached, or does not accept the key, or the instance is one of another
                account than the key's.
        """
        versions = self._asked_for_versions()
        try:
            token = self.access_token()
        except RequestFailed as error:
            if versions is not None:
                # It takes some seconds at most, and no thread is left behind.
                await_end(versions, None)
            raise self._log_in_error(error.failure) from None
        account, meant = _account_of(token), Instance(self.instance).account if self.instance else None
        if None not in {account, meant} and account != meant:
            raise IBMAccountError(
                f"the key is good, and the instance is one of another account, {meant}, than that of the key, "
                f"{account}: use an API key of the instance's account, or an instance of the key's"
            )

    def _asked_for_versions(self) -> Future[str] | None:
        """Ask for the API versions, which takes no token, beside the log-in; ``None`` where nothing is asked.

        Not where IAM is on the host of the API: to open a second connection takes longer than that saves. What the
        answer is, or what is wrong, shows with the first request to the API.
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
    """The token in a reply of IAM, and for how many seconds it says that this holds; ``None`` where it has none."""
    token = reply.get("access_token") if isinstance(reply, Mapping) else None
    if not isinstance(reply, Mapping) or not isinstance(token, str) or not is_token(token):
        return None, None
    return HiddenText(token), reply.get("expires_in")


def _account_of(token: str | None) -> str | None:
    """The ID of the account that a token of IAM is for, which its claims name; ``None`` where they cannot be read."""
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
    """The jobs and backends of the service, in its ``platform`` dialect. There is no push: jobs are polled.

    Every method raises :class:`~ibm_circuit_job.clients.RequestFailed` where the service refuses or cannot be
    reached. A token that ran out is renewed once per call.

    Args:
        params: Where the service is and how to prove who we are.
        account: The client that gets tokens; one of its own by default.
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
        """Return the reply that says what the instance has used. Source: ``GET /instances/usage``."""
        return self._call("read the usage of the instance", "GET", "/instances/usage").content

    def job_type(self, job_id: str) -> str:
        """Return ``"RUNTIME"``: there are no others."""
        del job_id
        return "RUNTIME"

    def _authorised(self, send: Callable[[Mapping[str, str], float | None], _T], deadline: float | None) -> _T:
        """Send as in the other dialect, and once more where the service names another API version to be used."""
        sent: dict[str, str] = {}

        def noting(headers: Mapping[str, str], left: float | None) -> _T:
            sent.update(headers)
            return send(headers, left)

        try:
            return super()._authorised(noting, deadline)
        except RequestFailed as refusal:
            if not sent:
                raise
            self._platform.agree_after(refusal, sent, seconds=seconds_until(deadline))
        return super()._authorised(send, deadline)
