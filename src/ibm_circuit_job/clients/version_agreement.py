"""VersionAgreement: chooses the API version for a service, once per process, and again after a refusal."""

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

_LONGEST_SECONDS: Final = 5.0
"""The time limit of the request for the versions."""
_SHARE: Final = 0.5
"""The largest part of a caller's time limit for that request; the call itself needs the rest."""


class VersionAgreement:
    """The API version for one service. All clients in a process share the object of :meth:`with_service`.

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
        # setdefault() is one step of the interpreter, so two threads get the same object.
        return _agreements.setdefault(url, cls(url))

    @property
    def is_reached(self) -> bool:
        """Whether the version is known, so that :meth:`version` sends no request."""
        return self._agreed is not None

    def version(self, http: HttpSession, seconds: float | None) -> str:
        """Return the version for requests. The service's versions are requested once.

        If they cannot be read, the newest version that this client supports is used.

        Args:
            http: The session that sends the request.
            seconds: The time limit of the call that needs the version; half of it is used here at most.

        Raises:
            RequestFailed: If the service and this client have no common version.
        """
        if (agreed := self._agreed) is not None:
            return agreed
        limit = _limit_seconds(seconds)
        lock = self._lock()
        if not lock.acquire(timeout=limit):
            # Another thread is waiting for the reply, and this call has no more time.
            return NEWEST
        try:
            return self._agreed or self._agree(self._offered(http, limit))
        finally:
            lock.release()

    def agree_after(self, refusal: RequestFailed, sent: str, http: HttpSession, seconds: float | None) -> None:
        """Choose another version after a refusal, so that the request can be sent again.

        The service's versions are requested again.

        Args:
            refusal: The refusal.
            sent: The version in the header of the request.
            http: The session that sends the request.
            seconds: The time limit of the refused call; half of it is used here at most.

        Raises:
            RequestFailed: The refusal itself, if another version would not help. If the version was the reason, the
                message names the version of the request and the versions of the service.
        """
        failure = refusal.failure
        if not is_about_version(failure, sent) or not isinstance(failure, Refused):
            raise refusal
        offered = self._offered(http, _limit_seconds(seconds))
        if sent in {each.version for each in offered}:
            raise refusal
        best = best_version(offered)
        if best is None:
            words = version_refused(sent, offered)
            raise RequestFailed(evolve(failure, message=f"{failure.message} ({words})" if failure.message else words))
        with self._lock():
            self._agree(offered)

    def _offered(self, http: HttpSession, seconds: float) -> tuple[OfferedVersion, ...]:
        """The versions that the service serves; none if it does not list them."""
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
            raise RequestFailed(Unsupported(f"use the service at {self._url}", nothing_in_common(offered)))
        if not best.is_live and best.version != self._agreed:
            _logger.warning(
                "API version %s of the service at %s is %s, and may be withdrawn%s. Upgrade ibm-circuit-job.",
                best.version,
                self._url,
                best.status,
                "" if best.sunset_date is None else f" from {best.sunset_date} on",
            )
        self._agreed = best.version
        return best.version


_agreements: Final[dict[str, VersionAgreement]] = {}


def _limit_seconds(seconds: float | None) -> float:
    return _LONGEST_SECONDS if seconds is None else max(min(seconds * _SHARE, _LONGEST_SECONDS), 0.001)
