"""The join of two facts of one kind, field by field.

Each field of a fact is a register: a value, and the time of the reply that contained it. The rules for two registers of
one field:

1. A value with information wins over one without, such as ``null`` or an empty reason.
2. Then the newer one wins. A fact that lacks a field leaves that field unchanged.
3. Of two of the same time, the larger one in a fixed order wins. So there is always exactly one answer.

The joined fact has the time of the newer fact. ``earlier`` lists the fields whose values are older.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeVar

from attrs import evolve, fields

from ibm_circuit_job.state.client_versions import named_versions
from ibm_circuit_job.state.facts import Earlier, JobDetails, JobMetrics, StatusReport
from ibm_circuit_job.state.status import is_reason, says_ran_too_long

_F = TypeVar("_F", StatusReport, JobDetails, JobMetrics)
_FIELDS: Final[Mapping[type, tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]], tuple[str, ...]]]] = {
    kind: (names, attrgetter(*names), named)
    for kind, names, named in (
        (StatusReport, ("reason", "reason_code", "reason_solution"), ()),
        (
            JobDetails,
            (
                "backend",
                "charged_seconds",
                "created",
                "name",
                "private",
                "program",
                "run_mode",
                "service_url",
                "session_id",
                "tags",
                "usage_estimate",
                "usage_status",
            ),
            ("unknown",),
        ),
        (
            JobMetrics,
            (
                "caller",
                "charged_seconds",
                "client_version",
                "estimated_completion",
                "estimated_start",
                "position_in_provider",
                "position_in_queue",
                "quantum_seconds",
                "usage_seconds",
                "usage_status",
            ),
            ("timestamps", "unknown"),
        ),
    )
}
"""Kind of fact -> (optional fields, function that reads them all, fields of (name, value) pairs).

Each pair of the last ones is a register of its own.
"""


class _Register(NamedTuple):
    stamp: int
    observed_at: datetime
    value: Any


def joined(known: _F, seen: _F) -> _F:
    """Return the join of two facts of one kind: the newest value of each field.

    Returns:
        *known* itself if *seen* adds nothing; *seen* itself if *known* adds nothing.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import JobDetails
        >>> noon, later = (datetime(2024, 2, 3, hour, tzinfo=UTC) for hour in (12, 13))
        >>> both = joined(JobDetails(noon, backend="a", tags=["x"]), JobDetails(later, tags=[]))
        >>> both.backend, both.tags, both.observed_at.hour
        ('a', (), 13)
        >>> both.earlier[0].fields, both.earlier[0].observed_at.hour
        (('backend',), 12)
    """
    if type(known) is StatusReport:
        # A short cut for the usual case: the older report has no reason that would have to be copied.
        before = known if known.stamp < seen.stamp else seen if known.stamp > seen.stamp else None
        if before is not None and before.reason is before.reason_code is before.reason_solution is None:
            return seen if before is known else known
    if _is_before(known, seen):
        found = _quickly_joined(known, seen)
    elif _is_before(seen, known):
        found = _quickly_joined(seen, known)
    else:
        found = known if known == seen else None
    return joined_slowly(known, seen) if found is None else found


def _quickly_joined(before: _F, later: _F) -> _F | None:
    """Join a fact with a single later reply, the usual case; ``None`` if the facts are another case."""
    if later.earlier or len(before.earlier) > 1:
        return None
    left = _missing_in(later, before)
    if not left:
        return later if left is not None else None
    kind: Any = type(later)
    names, places = _places(kind, tuple(left))
    earlier: tuple[Earlier, ...] = before.earlier or (Earlier(before.observed_at, before.stamp, names),)
    if earlier[0].fields != names:
        return None
    # attrs would check and convert each value again, so the slots are set directly.
    get, slots, place_of_earlier = _SLOTS[kind]
    values, was = list(get(later)), get(before)
    for place in places:
        values[place] = was[place]
    values[place_of_earlier] = earlier
    both: _F = object.__new__(kind)
    set_slot = object.__setattr__.__get__(both)
    for slot, value in zip(slots, values, strict=True):
        set_slot(slot, value)
    return both


def _missing_in(later: _F, before: _F) -> list[str] | None:
    """The registers that only the earlier fact has; ``None`` if an older value may win for another reason (rule 1)."""
    names, values, named = _FIELDS[type(later)]
    was, now = values(before), values(later)
    left: list[str] = []
    # Most replies repeat the reply before.
    if was != now:
        for name, old, new in zip(names, was, now, strict=True):
            if new is old or old is None:
                continue
            if new is None:
                left.append(name)
            elif name in _INFORMS and not _INFORMS[name](new):
                return None
    for name in named:
        old, new = getattr(before, name), getattr(later, name)
        if old is new or not old or old == new:
            continue
        if not new:
            left += [_key(name, item) for item, _ in old]
        elif not {_key(name, item) for item, _ in old} <= {_key(name, item) for item, value in new if value != _NULL}:
            return None
    return left


@lru_cache(maxsize=1000)
def _places(kind: Any, left: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The names of registers in alphabetical order, and the indices of their slots."""
    slots = [slot.name for slot in fields(kind)]
    return tuple(sorted(left)), tuple({slots.index(name.partition(":")[0]) for name in left})


def _slots(kind: type) -> tuple[Callable[[Any], tuple[Any, ...]], tuple[str, ...], int]:
    slots = tuple(slot.name for slot in fields(kind))
    return attrgetter(*slots), slots, slots.index("earlier")


_SLOTS: Final = {kind: _slots(kind) for kind in (StatusReport, JobDetails, JobMetrics)}
"""Kind of fact -> (function that reads all slots, names of the slots, index of ``earlier``)."""


def joined_slowly(known: _F, seen: _F) -> _F:
    """Return the join of two facts, register by register.

    :func:`joined` returns the same and is faster; the property tests compare the two.
    """
    ours, theirs = registers(known), registers(seen)
    both = _newest(ours, theirs)
    is_later = _is_before(known, seen) or (not _is_before(seen, known) and _status(known) < _status(seen))
    newest = seen if is_later else known
    time = _time(newest)
    if ours == both and _time(known) == time:
        return known
    return seen if theirs == both and _time(seen) == time else _made(newest, both)


def _time(fact: _F) -> tuple[object, ...]:
    return fact.stamp, fact.observed_at, _status(fact)


def _is_before(fact: _F, other: _F) -> bool:
    if fact.stamp != other.stamp:
        return fact.stamp < other.stamp
    return fact.observed_at < other.observed_at


def _status(fact: object) -> tuple[object, ...]:
    """The fields that every report has, so that they are not registers: the newer report replaces all of them."""
    if not isinstance(fact, StatusReport):
        return ()
    # Of two reports of one time, the one that says "ran too long" must win: its reason code may lose against the other.
    return fact.status.name, says_ran_too_long(fact.server_status), fact.server_status, fact.assumed


_NULL: Final = "null"
_INFORMS: Final[Mapping[str, Callable[[Any], object]]] = {
    "reason": is_reason,
    "reason_code": lambda code: code != "",
    "reason_solution": bool,
    "caller": named_versions,
    "client_version": lambda text: text not in {"", "{}"},
}
"""Field -> whether a value of it has information. Any value of another field has."""


def registers(fact: _F) -> dict[str, _Register]:
    """Return the registers of a fact: name -> value, and the time of the reply that contained it.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import JobDetails
        >>> list(registers(JobDetails(datetime(2024, 2, 3, tzinfo=UTC), backend="a", unknown=[("cost", "10")])))
        ['backend', 'unknown:cost']
    """
    before = {name: group for group in fact.earlier for name in group.fields}
    found: dict[str, _Register] = {}
    names, values, named = _FIELDS[type(fact)]
    for name, value in zip(names, values(fact), strict=True):
        if value is not None:
            source = before.get(name, fact)
            found[name] = _Register(source.stamp, source.observed_at, value)
    for name in named:
        for item, value in getattr(fact, name):
            key = _key(name, item)
            source = before.get(key, fact)
            found[key] = _Register(source.stamp, source.observed_at, (item, value))
    return found


def _key(name: str, item: str) -> str:
    """The name of the register of one pair. The service has written steps in upper and in lower case."""
    return f"{name}:{item.lower() if name == 'timestamps' else item}"


def stamp_of(fact: JobDetails | JobMetrics, name: str) -> int:
    """Return the stamp of the reply that contained a fact's value of one field.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import JobDetails
        >>> stamp_of(JobDetails(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), backend="a"), "backend")
        1000000
    """
    return next((group.stamp for group in fact.earlier if name in group.fields), fact.stamp)


def said_by(fact: _F, moment: datetime) -> _F | None:
    """Return the part of a fact that was known at a moment; ``None`` if nothing of it was known.

    Args:
        fact: The fact.
        moment: The moment, an aware time. It is compared with ``observed_at``.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import JobDetails
        >>> noon, later = (datetime(2024, 2, 3, hour, tzinfo=UTC) for hour in (12, 13))
        >>> both = joined(JobDetails(noon, backend="a"), JobDetails(later, tags=["x"]))
        >>> said_by(both, noon) == JobDetails(noon, backend="a"), said_by(both, later) is both
        (True, True)
    """
    if fact.observed_at <= moment and all(group.observed_at <= moment for group in fact.earlier):
        return fact
    known = {name: register for name, register in registers(fact).items() if register.observed_at <= moment}
    if fact.observed_at <= moment:
        return _made(fact, known)
    # The status of a report is as new as the report, and without a status there is no report.
    if isinstance(fact, StatusReport) or not known:
        return None
    stamp, observed_at = max((register.stamp, register.observed_at) for register in known.values())
    return _made(evolve(fact, observed_at=observed_at, stamp=stamp), known)


def counts(fact: _F, known: _F) -> bool:
    """Return whether a fact contributed to a join of facts: a register of the join, or its time.

    A fact that did not can be removed; the join of the others is the same.

    Args:
        fact: One of the joined facts.
        known: The join.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import JobDetails
        >>> noon, later = (datetime(2024, 2, 3, hour, tzinfo=UTC) for hour in (12, 13))
        >>> first, second = JobDetails(noon, backend="a"), JobDetails(later, tags=["x"])
        >>> both = joined(joined(first, second), JobDetails(later.replace(hour=14), tags=["y"]))
        >>> counts(first, both), counts(second, both)
        (True, False)
    """
    if _time(fact) == _time(known):
        return True
    winners = registers(known)
    return any(winners.get(name) == register for name, register in registers(fact).items())


def _newest(ours: Mapping[str, _Register], theirs: Mapping[str, _Register]) -> dict[str, _Register]:
    both = dict(ours)
    for name, register in theirs.items():
        known = ours.get(name)
        if known is None or (known != register and _order(name, known) < _order(name, register)):
            both[name] = register
    return both


def _order(name: str, register: _Register) -> tuple[bool, int, datetime, str]:
    value = register.value
    is_not_null = ":" not in name or value[1] != _NULL
    informs = bool(_INFORMS[name](value)) if name in _INFORMS else is_not_null
    return informs, register.stamp, register.observed_at, repr(value)


def _made(newest: _F, both: Mapping[str, _Register]) -> _F:
    """Make a fact of these registers, with the time and the status of *newest*."""
    kind = type(newest)
    groups: dict[tuple[int, datetime], list[str]] = {}
    values: dict[str, Any] = {}
    named: dict[str, list[tuple[str, Any]]] = {name: [] for name in _FIELDS[kind][2]}
    for name, register in both.items():
        outer, colon, _ = name.partition(":")
        if colon:
            named[outer].append(register.value)
        else:
            values[name] = register.value
        if register.stamp != newest.stamp or register.observed_at != newest.observed_at:
            groups.setdefault((register.stamp, register.observed_at), []).append(name)
    earlier = tuple(Earlier(seen, stamp, sorted(groups[stamp, seen])) for stamp, seen in sorted(groups))
    times: dict[str, Any] = {"observed_at": newest.observed_at, "stamp": newest.stamp, "earlier": earlier}
    if isinstance(newest, StatusReport):
        times |= {"status": newest.status, "server_status": newest.server_status, "assumed": newest.assumed}
    make: Callable[..., _F] = kind
    return make(**times, **values, **named)
