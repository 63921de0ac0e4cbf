"""The versions of IBM's API that this client knows, and the choice of one for a service. Pure: no I/O.

A version is a date. Every request to IBM Quantum Platform names a version in the header ``IBM-API-Version``. The
service lists its versions at ``GET /versions``. Replies differ between versions in a few fields only, and the readers
in ``wire`` read all forms. So the table of versions contains dates alone.

Source: IBM's API description (``get_versions``). Its release notes list the changes of each version.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from ibm_circuit_job.errors import Failure, Refused
from ibm_circuit_job.wire import documents

KNOWN: Final = (
    "2024-01-01",
    "2025-01-01",
    "2025-05-01",
    "2026-02-01",
    "2026-02-15",
    "2026-03-15",
    "2026-04-15",
)
"""The versions that this client supports, oldest first."""
NEWEST: Final = KNOWN[-1]
"""The version to use with a service that does not list its versions."""
HEADER: Final = "IBM-API-Version"
"""The header that names the version of a request."""

LIVE: Final = "live"
"""The status of a version that the service does not plan to withdraw."""
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOST_NAMED: Final = 20
_REFUSAL_STATUSES: Final = frozenset({400, 406, 410, 412})
_ABOUT_VERSION: Final = re.compile(r"api[-_ ]?version", re.IGNORECASE)


@frozen
class OfferedVersion:
    """A version that a service serves."""

    version: str
    """Its date, ``YYYY-MM-DD``."""
    status: str
    """``"live"``, or ``"deprecated"``."""
    sunset_date: str | None = None
    """The first date, ``YYYY-MM-DD``, on which the service may withdraw it; ``None`` where the service names none."""

    @property
    def is_live(self) -> bool:
        """Whether the service has no plan to withdraw the version."""
        return self.status == LIVE


def read_versions(body: bytes) -> tuple[OfferedVersion, ...]:
    """Return the versions in a reply to ``GET /versions``; an empty tuple for any other reply.

    Entries that cannot be read are left out.

    Example:
        >>> read_versions(b'{"versions": [{"version": "2026-04-15", "status": "live"}, {"version": 3}]}')
        (OfferedVersion(version='2026-04-15', status='live', sunset_date=None),)
        >>> read_versions(b"<html>not found</html>")
        ()
    """
    reply = documents.value(body, "versions reply").value_or(None)
    entries = reply.get("versions") if isinstance(reply, Mapping) else None
    found = [_offered(entry) for entry in entries] if isinstance(entries, list) else []
    return tuple(offered for offered in found if offered is not None)


def _offered(entry: Any) -> OfferedVersion | None:
    if not isinstance(entry, Mapping):
        return None
    version, status, sunset = entry.get("version"), entry.get("status"), entry.get("sunset_date")
    if not isinstance(version, str) or not _DATE.fullmatch(version) or not isinstance(status, str):
        return None
    return OfferedVersion(
        version, status.lower(), sunset if isinstance(sunset, str) and _DATE.fullmatch(sunset) else None
    )


def best_version(offered: Sequence[OfferedVersion], known: Sequence[str] = KNOWN) -> OfferedVersion | None:
    """Return the version to use: the newest live version that both sides support, else their newest common version.

    Args:
        offered: The versions that the service serves.
        known: The versions that the client supports.

    Returns:
        The version; ``None`` where there is no common version.

    Example:
        >>> old, new = OfferedVersion("2025-05-01", "deprecated", "2027-01-01"), OfferedVersion("2026-04-15", "live")
        >>> best_version([old, new]).version, best_version([old]).version
        ('2026-04-15', '2025-05-01')
        >>> best_version([OfferedVersion("2031-01-01", "live")]) is None
        True
    """
    common = [each for each in offered if each.version in known]
    return max(common, key=lambda each: (each.is_live, each.version), default=None)


def nothing_in_common(offered: Sequence[OfferedVersion], known: Sequence[str] = KNOWN) -> str:
    """Return the error message for a service that serves no version that this client supports.

    Example:
        >>> print(nothing_in_common([OfferedVersion("2031-01-01", "live")], ["2026-04-15"]))
        the service offers API versions 2031-01-01, and ibm-circuit-job supports 2026-04-15; upgrade ibm-circuit-job
    """
    return (
        f"the service offers API versions {_named([each.version for each in offered])}, "
        f"and ibm-circuit-job supports {_named(known)}; upgrade ibm-circuit-job"
    )


def version_refused(sent: str, offered: Sequence[OfferedVersion]) -> str:
    """Return the error message for a request that the service refused because of its version.

    Example:
        >>> version_refused("2025-05-01", [])
        'it does not accept API version 2025-05-01, and does not list its versions; upgrade ibm-circuit-job'
    """
    offer = f"offers {_named([each.version for each in offered])}" if offered else "does not list its versions"
    return f"it does not accept API version {sent}, and {offer}; upgrade ibm-circuit-job"


def is_about_version(failure: Failure, sent: str) -> bool:
    """Return whether the service refused a request because of the API version in its header.

    Args:
        failure: The failure of the request.
        sent: The version in the header of the request.

    Example:
        >>> from ibm_circuit_job.errors import Refused
        >>> is_about_version(Refused("list jobs", "https://x", 400, "Unsupported IBM-API-Version."), "2025-05-01")
        True
        >>> is_about_version(Refused("list jobs", "https://x", 400, "QPY version 18 is not read."), "2025-05-01")
        False
    """
    if not isinstance(failure, Refused) or failure.http_status not in _REFUSAL_STATUSES:
        return False
    text = f"{failure.code or ''} {failure.message}"
    return sent in text or _ABOUT_VERSION.search(text) is not None


def _named(versions: Sequence[str]) -> str:
    named = ", ".join(versions[:_MOST_NAMED])
    return named if len(versions) <= _MOST_NAMED else f"{named} and {len(versions) - _MOST_NAMED} more"
