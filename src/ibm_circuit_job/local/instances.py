"""The instances of the service: which one pays for a job, by which plan, and up to how many seconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import msgspec

from ibm_circuit_job.local.charges import charged_for
from ibm_circuit_job.local.records import JobRecord

PERIOD: Final = timedelta(days=28)
"""The limit of an instance is for the jobs of this period before now."""
_PRICING: Final = {"open": "free", "lite": "free", "trial": "trial", "pay-as-you-go": "paygo"}
"""Plan, in lower case -> pricing type. Every other plan has the type ``subscription``."""
_Part = Annotated[str, msgspec.Meta(pattern=r"\A[\w.-]{1,60}\Z")]


class NoInstances(ValueError):  # noqa: N818 - named for what it says
    """The instances cannot be set up; the message says why."""


class Instance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One instance of IBM Quantum Platform."""

    name: _Part = "local"
    """Its name."""
    plan: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] = "Open"
    """Its plan, as in ``"Open"``, ``"Flex"``, ``"Premium"``, ``"Pay-As-You-Go"``."""
    region: _Part = "us-east"
    """Its region."""
    limit_seconds: Annotated[float, msgspec.Meta(gt=0)] | None = None
    """The most seconds that its jobs may be charged in 28 days; any number by default."""
    tags: tuple[str, ...] = ()
    """Its tags."""

    @property
    def crn(self) -> str:
        """Its Cloud Resource Name."""
        return f"crn:v1:bluemix:public:quantum-computing:{self.region}:a/local:{self.name}::"

    @property
    def plan_id(self) -> str:
        """The ID of its plan in the catalog."""
        return f"{self.plan.lower().replace(' ', '-')}-plan"

    @property
    def pricing_type(self) -> str:
        """The pricing type of its plan: ``free``, ``trial``, ``paygo`` or ``subscription``."""
        return _PRICING.get(self.plan.lower(), "subscription")


def read_instances(given: object) -> tuple[Instance, ...]:
    """Return the instances in decoded JSON; an empty list stands for one with the plan ``Open`` and no limit.

    Args:
        given: A list of objects with the fields of :class:`Instance`.

    Raises:
        NoInstances: If they cannot be read, or two have the same CRN.

    Example:
        >>> [each.crn for each in read_instances([{"name": "lab", "plan": "Premium", "limit_seconds": 600}])]
        ['crn:v1:bluemix:public:quantum-computing:us-east:a/local:lab::']
    """
    try:
        found = msgspec.convert(given or [{}], tuple[Instance, ...])
    except msgspec.ValidationError as error:
        raise NoInstances(f"instances: {error}") from None
    if len({each.crn for each in found}) < len(found):
        raise NoInstances("instances: expected different names in one region, got the same name twice")
    return found


def used_seconds(jobs: Iterable[JobRecord], now: datetime) -> float:
    """Return the seconds that the jobs of the last 28 days were charged.

    Args:
        jobs: The jobs of an instance.
        now: The time now, in UTC.
    """
    return sum(charged_for(job, now) for job in jobs if job.created >= now - PERIOD)


def usage_reply(instance: Instance, limit: float | None, used: float, now: datetime) -> dict[str, Any]:
    """Return the reply to ``GET /instances/usage``.

    Args:
        instance: The instance.
        limit: Its limit in seconds; ``None`` if it has none.
        used: The seconds that it has used.
        now: The time now, in UTC.
    """
    start, end = ((moment.isoformat().replace("+00:00", "Z")) for moment in (now - PERIOD, now))
    reply = {
        "instance_id": instance.crn,
        "plan_id": instance.plan_id,
        "usage_period": {"start_time": start, "end_time": end},
        "usage_consumed_seconds": round(used, 3),
    }
    if limit is None:
        return reply
    return reply | {
        "usage_limit_seconds": limit,
        "usage_allocation_seconds": limit,
        "usage_limit_reached": used >= limit,
    }


def by_crn(instances: Sequence[Instance]) -> dict[str, Instance]:
    """Return CRN -> instance."""
    return {each.crn: each for each in instances}
