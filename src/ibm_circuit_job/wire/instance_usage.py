"""The quantum time that an instance has used of its plan, and the reader of that reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from attrs import frozen
from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job.errors import Unreadable
from ibm_circuit_job.wire import documents
from ibm_circuit_job.wire.values import flag_of, number_of, text_of

_T = TypeVar("_T")


@frozen
class InstanceUsage:
    """The quantum time of an instance in the current period. Unknown values are ``None``.

    Source: ``GET /instances/usage``.

    Example:
        >>> InstanceUsage(consumed_seconds=12.0, limit_seconds=60.0).remaining_seconds
        48.0
    """

    consumed_seconds: float | None = None
    """Seconds used in the period."""
    limit_seconds: float | None = None
    """Seconds that may be used in the period."""
    allocation_seconds: float | None = None
    """Seconds that are allocated to the instance in the period."""
    period_start: datetime | None = None
    """When the period began, UTC."""
    period_end: datetime | None = None
    """When the period ends, UTC."""
    limit_reached: bool | None = None
    """Whether the limit is reached, so that no more jobs run in the period; ``None`` if no limit applies."""
    plan_id: str | None = None
    """The ID of the plan."""

    @property
    def remaining_seconds(self) -> float | None:
        """Seconds left of the limit, or of the allocation if there is no limit; at least 0.0, ``None`` if unknown."""
        most = self.allocation_seconds if self.limit_seconds is None else self.limit_seconds
        if most is None or self.consumed_seconds is None:
            return None
        return max(most - self.consumed_seconds, 0.0)


def read_instance_usage(body: bytes) -> Result[InstanceUsage, Unreadable]:
    """Read the reply to ``GET /instances/usage``. A field that cannot be read is ``None``.

    Example:
        >>> read_instance_usage(b'{"usage_consumed_seconds": 12, "usage_limit_seconds": "x"}').unwrap().consumed_seconds
        12.0
    """
    return documents.value(body, _WHAT).bind(_usage)


_WHAT = "instance usage"


def _usage(reply: Any) -> Result[InstanceUsage, Unreadable]:
    if not isinstance(reply, Mapping):
        return Bad(Unreadable(_WHAT, "", f"expected an object, got a {type(reply).__name__}"))
    period = reply.get("usage_period")
    bounds = period if isinstance(period, Mapping) else {}
    return Success(
        InstanceUsage(
            _read(number_of, float, reply.get("usage_consumed_seconds")),
            _read(number_of, float, reply.get("usage_limit_seconds")),
            _read(number_of, float, reply.get("usage_allocation_seconds")),
            _moment(bounds.get("start_time")),
            _moment(bounds.get("end_time")),
            _read(flag_of, bool, reply.get("usage_limit_reached")),
            _read(text_of, str, reply.get("plan_id")),
        )
    )


def _read(reader: Callable[[Any, type], _T], kind: type, value: Any) -> _T | None:
    try:
        return None if value is None else reader(value, kind)
    except (TypeError, ValueError):
        return None


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        return None
