"""The instances of an account, and the choice of one. Pure: no I/O.

As in the official client, only an instance with an allocation can be chosen: the others have no backends.

Source: ``POST /v3/resources/search`` of IBM Cloud's global search, which lists instances, and ``GET /{id}`` of its
global catalog, which gives the name and the pricing type of a plan.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import evolve, field, frozen
from returns.result import Failure as Bad
from returns.result import Result, Success

from ibm_circuit_job.errors import Failure, Unreadable, Unsupported
from ibm_circuit_job.wire import documents

CRN: Final = re.compile(
    r"crn:v1(?::[\w.-]*){2}:quantum-computing:(?P<region>[a-z0-9-]*):(?:a/)?(?P<account>[\w./-]*)(?::[\w./-]*){3}",
    re.ASCII,
)
"""The CRN of an instance. The region becomes part of a host name, so the pattern for it is strict."""
CREATE_AT: Final = "https://quantum.cloud.ibm.com/instances"
"""The page on which users create instances."""
UNKNOWN: Final = "unknown"
"""The plan of an instance that the catalog does not name. IBM may have withdrawn the plan."""
AUTOMATIC: Final = "auto"
"""The value of ``instance`` that chooses an instance, as in the official client. It means the same as ``None``."""
_WITHOUT_CHARGE: Final = ("free", "trial")
"""The pricing types that cost nothing, the preferred one first."""


@frozen
class Instance:
    """An instance of IBM Quantum.

    Example:
        >>> Instance("crn:v1:bluemix:public:quantum-computing:eu-de:a/1:2::", name="lab").to_dict()["region"]
        'eu-de'
    """

    crn: str
    """Its Cloud Resource Name."""
    name: str | None = None
    """Its name; ``None`` where it was not requested."""
    plan: str | None = None
    """Its plan in lower case, as in ``"open"``; ``None`` where it was not requested."""
    pricing_type: str | None = None
    """The pricing type of its plan, as in ``"free"``, ``"paygo"``; ``None`` where it was not requested."""
    region: str | None = field()
    """Its region, as in ``"us-east"``; by default the one that the CRN names."""
    tags: tuple[str, ...] = ()
    """Its tags."""
    has_allocation: bool = True
    """Whether backends are allocated to it."""
    plan_id: str | None = None
    """The ID of its plan in the catalog."""

    @region.default
    def _region_of_crn(self) -> str | None:
        found = CRN.fullmatch(self.crn)
        return found["region"] or None if found else None

    @property
    def account(self) -> str | None:
        """The ID of the account that owns the instance, from the CRN."""
        found = CRN.fullmatch(self.crn)
        return found["account"] or None if found else None

    def to_dict(self) -> dict[str, Any]:
        """Return the instance as a dictionary with the keys of the official client, and the region.

        Example:
            >>> Instance("crn:v1:bluemix:public:quantum-computing:us-east:a/1:2::", "lab", "open", "free").to_dict()
            {'crn': 'crn:v1:bluemix:public:quantum-computing:us-east:a/1:2::', 'plan': 'open', 'name': 'lab', \
'tags': [], 'pricing_type': 'free', 'region': 'us-east'}
        """
        return {
            "crn": self.crn,
            "plan": self.plan,
            "name": self.name,
            "tags": list(self.tags),
            "pricing_type": self.pricing_type,
            "region": self.region,
        }


@frozen
class InstanceWish:
    """The user's choice of an instance: its CRN or name, or the properties that it must have."""

    instance: str | None = None
    """The CRN or the name; ``None`` or ``"auto"`` for any instance."""
    region: str | None = None
    """The region of the instance; ``None`` for any."""
    plans_preference: Sequence[str] = ()
    """The accepted plans, the preferred one first; empty for any."""
    tags: Sequence[str] = ()
    """The tags that the instance must have, all of them."""

    @property
    def named(self) -> str | None:
        """The CRN or the name; ``None`` for any instance."""
        return None if self.instance == AUTOMATIC else self.instance

    def __str__(self) -> str:
        """Return the required properties in words, as in ``"region 'eu-de', tags 'a', 'b'"``."""
        parts = [
            f"region {self.region!r}" if self.region else "",
            f"plan {' or '.join(map(repr, self.plans_preference))}" if self.plans_preference else "",
            f"tags {', '.join(map(repr, self.tags))}" if self.tags else "",
        ]
        return ", ".join(part for part in parts if part)


@frozen
class SearchPage:
    """One page of the search."""

    instances: tuple[Instance, ...]
    """The instances that could be read."""
    cursor: str | None
    """The cursor for the request of the next page; ``None`` on the last page."""


def read_search(body: bytes) -> Result[SearchPage, Unreadable]:
    """Return one page of the search. Items without the CRN of an instance are left out.

    Example:
        >>> read_search(b'{"items": [{"crn": 3}, {"crn": "crn:v1:a:b:quantum-computing:us-east:a/1:2::"}]}').unwrap()
        SearchPage(instances=(Instance(crn='crn:v1:a:b:quantum-computing:us-east:a/1:2::', name=None, plan=None, \
pricing_type=None, region='us-east', tags=(), has_allocation=False, plan_id=None),), cursor=None)
    """
    return documents.value(body, "answer of the search").bind(_page)


def _page(reply: Any) -> Result[SearchPage, Unreadable]:
    items = reply.get("items") if isinstance(reply, Mapping) else None
    if not isinstance(items, list):
        return Bad(Unreadable("answer of the search", "items", "expected a list"))
    found = tuple(_instance(item) for item in items if isinstance(item, Mapping) and _is_crn(item.get("crn")))
    return Success(SearchPage(found, _text(reply.get("search_cursor"))))


def _is_crn(value: Any) -> bool:
    return isinstance(value, str) and CRN.fullmatch(value) is not None


def _instance(item: Mapping[str, Any]) -> Instance:
    doc, tags = item.get("doc"), item.get("tags")
    return Instance(
        str(item["crn"]),
        _text(item.get("name")),
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        has_allocation=isinstance(doc, Mapping) and bool(doc.get("extensions")),
        plan_id=_text(item.get("service_plan_unique_id")),
    )


def read_plan(body: bytes | None) -> tuple[str, str]:
    """Return the name and the pricing type of a plan in lower case, each ``"unknown"`` if it cannot be read.

    Args:
        body: The entry of the catalog; ``None`` if the catalog has none.

    Example:
        >>> read_plan(b'{"overview_ui": {"en": {"display_name": "Open"}}, "metadata": {"pricing": {"type": "free"}}}')
        ('open', 'free')
        >>> read_plan(b'{"metadata": {"pricing": {"type": "Paygo"}}}'), read_plan(None)
        (('unknown', 'paygo'), ('unknown', 'unknown'))
    """
    entry = None if body is None else documents.value(body, "entry of the catalog").value_or(None)
    return _within(entry, "overview_ui", "en", "display_name"), _within(entry, "metadata", "pricing", "type")


def _within(entry: Any, *path: str) -> str:
    for key in path:
        entry = entry.get(key) if isinstance(entry, Mapping) else None
    return (_text(entry) or UNKNOWN).lower()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def with_plans(instances: Sequence[Instance], plans: Mapping[str, tuple[str, str]]) -> list[Instance]:
    """Return the instances with the name and pricing type of their plans.

    Args:
        instances: The instances.
        plans: The name and pricing type of each plan, by its ID. Both are ``"unknown"`` for plans that are missing.
    """
    unknown = (UNKNOWN, UNKNOWN)
    found = ((each, plans.get(each.plan_id or "", unknown)) for each in instances)
    return [evolve(each, plan=plan, pricing_type=pricing_type) for each, (plan, pricing_type) in found]


def candidates(instances: Sequence[Instance], wish: InstanceWish) -> list[Instance]:
    """Return the instances that fit a wish, without a look at their plans. All of them have an allocation.

    If several are left, or the wish names plans, the plans decide; see :func:`choose_instance`.

    Example:
        >>> crn = "crn:v1:bluemix:public:quantum-computing:us-east:a/1:{}::"
        >>> lab, spare = Instance(crn.format(1), "lab"), Instance(crn.format(2), "spare")
        >>> candidates([lab, spare], InstanceWish("lab")) == [lab]
        True
    """
    usable = [each for each in _each_once(instances) if each.has_allocation]
    named = wish.named
    if named is None:
        return _fitting(usable, wish)
    same = [each for each in usable if named in {each.crn, each.name}]
    return same if len(same) == 1 else _fitting(same, wish) or same


def _each_once(instances: Sequence[Instance]) -> list[Instance]:
    """The instances without duplicates, sorted by name and CRN, so that the order of the reply does not matter."""
    return sorted({each.crn: each for each in instances}.values(), key=lambda each: (each.name or "", each.crn))


def _fitting(instances: Sequence[Instance], wish: InstanceWish) -> list[Instance]:
    wanted = {tag.lower() for tag in wish.tags}
    return [
        each
        for each in instances
        if wish.region in {None, "", each.region} and wanted <= {tag.lower() for tag in each.tags}
    ]


def choose_instance(instances: Sequence[Instance], wish: InstanceWish) -> Result[Instance, Failure]:
    """Return the instance that fits a wish. The order of *instances* does not matter.

    - A CRN chooses the instance with this CRN. A name chooses the only instance of this name. If several have the name,
      the region, the plans and the tags of the wish decide.
    - Otherwise the region, the plans and the tags of the wish decide. Of the instances that fit, a free one is chosen,
      else a trial, by name and then by CRN.
    - If several instances fit and none is free or a trial, the result is a failure that lists them. The caller has to
      choose which one is billed.

    Args:
        instances: The instances that the search found. They need their plans if :func:`candidates` returns more than
            one, or if the wish names plans.
        wish: The user's choice.

    Returns:
        One of the instances; else an ``Unsupported`` that lists the instances and says what to do.

    Example:
        >>> crn = "crn:v1:bluemix:public:quantum-computing:us-east:a/1:{}::"
        >>> open_plan = Instance(crn.format(1), "lab", "open", "free")
        >>> premium = Instance(crn.format(2), "big", "premium", "subscription")
        >>> choose_instance([premium, open_plan], InstanceWish()).unwrap().name
        'lab'
        >>> choose_instance([premium, open_plan], InstanceWish(plans_preference=["premium"])).unwrap().name
        'big'
    """
    left = candidates(instances, wish)
    if wish.named is not None:
        return _of_that_name(instances, left, wish)
    preferred = _preferred(left, wish)
    if not preferred:
        return Bad(_none(instances, wish))
    without_charge = [each for pricing in _WITHOUT_CHARGE for each in preferred if each.pricing_type == pricing]
    if without_charge or len(preferred) == 1:
        return Success((without_charge or preferred)[0])
    unknown = _unknown_plans(preferred)
    return _refused(
        f"expected instance to name one of several instances that {'may cost' if unknown else 'cost'} money: "
        f"{listed(preferred)}{unknown}; give the name or the CRN of one as 'instance'"
    )


def _unknown_plans(instances: Sequence[Instance]) -> str:
    """The end of a message about instances with an unknown plan or pricing type; else an empty text."""
    is_unknown = any(UNKNOWN in {each.plan, each.pricing_type} for each in instances)
    return "; the global catalog does not name the unknown plans" if is_unknown else ""


def _preferred(instances: Sequence[Instance], wish: InstanceWish) -> list[Instance]:
    """The instances of the most preferred plan that any of them has."""
    if not wish.plans_preference:
        return list(instances)
    of_each = ([each for each in instances if each.plan == plan.lower()] for plan in wish.plans_preference)
    return next((found for found in of_each if found), [])


def _of_that_name(
    instances: Sequence[Instance], left: Sequence[Instance], wish: InstanceWish
) -> Result[Instance, Failure]:
    if len(left) > 1:
        left = _preferred(left, wish) or left
    if len(left) == 1:
        return Success(left[0])
    if left:
        found = ", ".join(f"{each.crn} ({_plan_and_region(each)})" for each in left)
        return _refused(f"{len(left)} instances are named {wish.named!r}; give the CRN of one as 'instance': {found}")
    return Bad(_none(instances, wish))


def _none(instances: Sequence[Instance], wish: InstanceWish) -> Unsupported:
    """The failure if no instance fits."""
    usable = [each for each in _each_once(instances) if each.has_allocation]
    idle = [each for each in _each_once(instances) if not each.has_allocation]
    if wish.named is not None and any(wish.named in {each.crn, each.name} for each in idle):
        return _unsupported(
            f"the instance {wish.named!r} has no backends, because nothing is allocated to it; ask the administrator "
            f"of the account to allocate some at {CREATE_AT}"
        )
    if not usable:
        others = f"; these instances have no allocated backends: {listed(idle)}" if idle else ""
        return _unsupported(
            f"the token is valid, but its account has no instance to run jobs in; create one at {CREATE_AT}{others}"
        )
    if wish.named is not None and CRN.fullmatch(wish.named):
        return _unsupported(
            f"the token's account has no instance {wish.named!r}; use a token of the account of that instance, or an "
            f"instance of this account: {listed(usable, with_crn=True)}"
        )
    if wish.named is not None:
        return _unsupported(f"expected instance to be one of {listed(usable)}; no instance is named {wish.named!r}")
    unknown = _unknown_plans(usable) if wish.plans_preference else ""
    return _unsupported(f"no instance fits {wish}; the account has {listed(usable)}{unknown}")


def listed(instances: Sequence[Instance], *, with_crn: bool = False) -> str:
    """Return the names, plans and regions of the first twenty instances, for a message.

    Args:
        instances: The instances.
        with_crn: Whether the CRNs are listed, too.

    Example:
        >>> listed([Instance("crn:v1:bluemix:public:quantum-computing:eu-de:a/1:2::", "lab", "premium")])
        "'lab' (premium, eu-de)"
    """
    shown = [
        f"{each.name!r} ({_plan_and_region(each)}{f', {each.crn}' if with_crn else ''})" for each in instances[:_MOST]
    ]
    return ", ".join(shown) + (f" and {len(instances) - _MOST} more" if len(instances) > _MOST else "")


_MOST: Final = 20


def _plan_and_region(instance: Instance) -> str:
    return ", ".join(part for part in (instance.plan, instance.region) if part) or "plan and region not known"


def _unsupported(message: str) -> Unsupported:
    return Unsupported("choose the instance", message)


def _refused(message: str) -> Result[Instance, Failure]:
    return Bad(_unsupported(message))
