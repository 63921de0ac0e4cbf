"""The dates and the IDs of the calibrations of a device.

The ID of a calibration is the name of the device and the date of the calibration in UTC: ``local_5q-20261126T040000Z``.
A client can make it from the field ``last_update_date`` of the properties.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_FORMAT: Final = "%Y%m%dT%H%M%SZ"


def calibrated_at(moment: datetime) -> datetime:
    """Return the date of the last calibration of a default device before a time: 04:00 UTC of that day, or one before.

    Args:
        moment: The time, with a time zone.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job.local.calibrations import calibrated_at
        >>> calibrated_at(datetime(2026, 1, 2, 3, 59, tzinfo=UTC)).isoformat()
        '2026-01-01T04:00:00+00:00'
    """
    utc = moment.astimezone(UTC)
    today = utc.replace(hour=4, minute=0, second=0, microsecond=0)
    return today if utc >= today else today - timedelta(days=1)


def calibration_id(name: str, calibrated: datetime) -> str:
    """Return the ID of a calibration.

    Args:
        name: The name of the device.
        calibrated: When it was calibrated, with a time zone.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job.local.calibrations import calibration_id
        >>> calibration_id("local_5q", datetime(2026, 1, 1, 4, tzinfo=UTC))
        'local_5q-20260101T040000Z'
    """
    return f"{name}-{calibrated.astimezone(UTC).strftime(_FORMAT)}"


def date_of_id(name: str, given: str) -> datetime | None:
    """Return the date in the ID of a calibration, in UTC; ``None`` if it is no ID of a calibration of this device.

    Args:
        name: The name of the device.
        given: The ID.

    Example:
        >>> from ibm_circuit_job.local.calibrations import date_of_id
        >>> date_of_id("local_5q", "local_5q-20260101T040000Z")
        datetime.datetime(2026, 1, 1, 4, 0, tzinfo=datetime.timezone.utc)
        >>> date_of_id("local_5q", "local_27q-20260101T040000Z") is None
        True
    """
    prefix = f"{name}-"
    if not given.startswith(prefix):
        return None
    try:
        found = datetime.strptime(given.removeprefix(prefix), _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
    # strptime reads other spellings as well, such as fewer digits, which are not IDs.
    return found if calibration_id(name, found) == given else None
