"""Agrees with each service on an API version, once in a process, and again where the service refuses that version."""

from __future__ import annotations

import logging
from typing import Final

from attrs import evolve

from ibm_circuit_job.clients.api_versions import (
    NEWEST,
    OfferedVersion,
    best_version,
    is_about_version,
    nothing_in_common,
    read_versions,
    version_refused,
)
from ibm_circuit_job.clients.http import HttpSession, RequestFailed
from ibm_circuit_job.errors import Refused, Unsupported
from ibm_circuit_job.threads.locks import ForkFreeLock

_logger: Final = logging.getLogger(__name__)

_LONGEST_QUESTION: Final = 5.0
"""Seconds that the question for the versions may take."""
_SHARE: Final = 0.5
"""The share of a caller's limit that the question may take, so that the call itself has the rest."""


class VersionAgreement:
    """The API version to speak with one service. :meth:`with_service` returns the one that all clients share.

    Source: ``GET /versions``, which takes no token and no version header.

    Args:
        url: The URL of the API, as in ``"https://quantum.cloud.ibm.com/api/v1"``.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._agreed: str | None = None
        self._lock = ForkFreeLock()

    @classmethod
    def with_service(cls, url: str) -> VersionAgreement:
        """Return the agreement with the service at a URL: the same object for each caller in this process."""
        # One step of the interpreter, so that two threads get the same object.
        return _agreements.setdefault(url, cls(url))

    @property
    def is_reached(self) -> bool:
        """Whether :meth:`version` returns without a request."""
        return self._agreed is not None

    def version(self, http: HttpSession, seconds: float | None) -> str:
        """Return the version to speak. The service is asked once; where that fails, it is the newest known.

        Args:
            http: The connections to ask through.
            seconds: How long the call may take that needs the version; half of it is spent here at most.

        Raises:
            RequestFailed: If the service and this client have no version in common.
        """
        if (agreed := self._agreed) is not None:
            return agreed
        limit = _question_seconds(seconds)
        lock = self._lock()
        if not lock.acquire(timeout=limit):
            # Another thread is asking, and this call has no time to wait for the answer.
            return NEWEST
        try:
            return self._agreed or self._agree(self._offered(http, limit))
        finally:
            lock.release()

    def agree_after(self, refusal: RequestFailed, sent: str, http: HttpSession, seconds: float | None) -> None:
        """Agree on another version after a refusal, so that the request can be sent again. The service is asked anew.

        Args:
            refusal: The refusal.
            sent: The version that the request named.
            http: The connections to ask through.
            seconds: How long the call may take that was refused.

        Raises:
            RequestFailed: The refusal itself, where another version would change nothing; with a message that says
                what was sent and what is offered, where the version was the reason.
        """
        failure = refusal.failure
        if not is_about_version(failure, sent) or not isinstance(failure, Refused):
            raise refusal
        limit = _question_seconds(seconds)
        offered = self._offered(http, limit)
        if sent in {each.version for each in offered}:
            raise refusal
        best = best_version(offered)
        if best is None:
            words = version_refused(sent, offered)
            raise RequestFailed(evolve(failure, message=f"{failure.message} ({words})" if failure.message else words))
        with self._lock():
            self._agree(offered)

    def _offered(self, http: HttpSession, seconds: float) -> tuple[OfferedVersion, ...]:
        """What the service serves; nothing where it does not say."""
        try:
            reply = http.request("read the API versions", "GET", f"{self._url}/versions", seconds=seconds)
        except RequestFailed as error:
            _logger.debug("The service at %s does not list its API versions: %s", self._url, error)
            return ()
        return read_versions(reply.content)

    def _agree(self, offered: tuple[OfferedVersion, ...]) -> str:
        if not offered:
            self._agreed = NEWEST
            return NEWEST
        best = best_version(offered)
        if best is None:
            raise RequestFailed(Unsupported(f"speak with the service at {self._url}", nothing_in_common(offered)))
        if not best.is_live and best.version != self._agreed:
            _logger.warning(
                "The service at %s has API version %s as %s, and it %s. Upgrade ibm-circuit-job.",
                self._url,
                best.version,
                best.status,
                "may be withdrawn" if best.sunset_date is None else f"may be withdrawn from {best.sunset_date} on",
            )
        self._agreed = best.version
        return best.version


_agreements: Final[dict[str, VersionAgreement]] = {}


def _question_seconds(seconds: float | None) -> float:
    return _LONGEST_QUESTION if seconds is None else max(min(seconds * _SHARE, _LONGEST_QUESTION), 0.001)
