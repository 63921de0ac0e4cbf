"""Facts field by field: which of two facts of one kind said the newest of each field.

Each field of a fact is a register: its value, and when that was said. The newest says what holds; what a newer fact
does not say, it leaves as it was. A value that answers nothing, such as a null or an empty reason, gives way to one
that does. Of two that were said at the same time, the larger in a fixed order holds, so that there is always exactly
one answer. The join of two facts has the newest of each register, and its own time is that of
the newest fact; what was said before that is in ``earlier``.
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
"""By kind of fact: the fields that a reply may leave out, what reads them all, and the fields that are pairs of a name
and a value, each of which is a register of its own."""


class _Register(NamedTuple):
    stamp: int
    observed_at: datetime
    value: Any


def joined(held: _F, seen: _F) -> _F:
    """Return what two facts of one kind say together: of each field what was said last.

    Returns:
        ``held`` itself where the other adds nothing; ``seen`` itself where it says all that the other does.

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
    if type(held) is StatusReport:
        # The usual case of a report, at once: nothing but its status is said by the one before.
        before = held if held.stamp < seen.stamp else seen if held.stamp > seen.stamp else None
        if before is not None and before.reason is before.reason_code is before.reason_solution is None:
            return seen if before is held else held
    if _is_before(held, seen):
        found = _said_later(held, seen)
    elif _is_before(seen, held):
        found = _said_later(seen, held)
    else:
        found = held if held == seen else None
    return joined_slowly(held, seen) if found is None else found


def _said_later(before: _F, later: _F) -> _F | None:
    """Join a fact with one reply that came later, the usual case, quickly; ``None`` where it is another case."""
    if later.earlier or len(before.earlier) > 1:
        return None
    left = _left_by(later, before)
    if not left:
        return later if left is not None else None
    kind: Any = type(later)
    names, places = _places(kind, tuple(left))
    earlier: tuple[Earlier, ...] = before.earlier or (Earlier(before.observed_at, before.stamp, names),)
    if earlier[0].fields != names:
        return None
    # Each value was checked when its fact was made.
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


def _left_by(later: _F, before: _F) -> list[str] | None:
    """The fields of which a later reply says nothing; ``None`` where that is not all that differs from newest wins."""
    names, values, named = _FIELDS[type(later)]
    was, said = values(before), values(later)
    left: list[str] = []
    # Most replies say what the one before has said.
    if was != said:
        for name, old, new in zip(names, was, said, strict=True):
            if new is old or old is None:
                continue
            if new is None:
                left.append(name)
            elif name in _ANSWERS and not _ANSWERS[name](new):
                return None
    for name in named:
        old, new = getattr(before, name), getattr(later, name)
        if old is new or not old or old == new:
            continue
        if not new:
            left += [_key(name, item) for item, _ in old]
        elif not {_key(name, item) for item, _ in old} <= {_key(name, item) for item, said in new if said != _NULL}:
            return None
    return left


@lru_cache(maxsize=1000)
def _places(kind: Any, left: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return names of fields in alphabetical order, and where among the slots of their kind they are."""
    slots = [slot.name for slot in fields(kind)]
    return tuple(sorted(left)), tuple({slots.index(name.partition(":")[0]) for name in left})


def _slots(kind: type) -> tuple[Callable[[Any], tuple[Any, ...]], tuple[str, ...], int]:
    slots = tuple(slot.name for slot in fields(kind))
    return attrgetter(*slots), slots, slots.index("earlier")


_SLOTS: Final = {kind: _slots(kind) for kind in (StatusReport, JobDetails, JobMetrics)}
"""By kind of fact: what reads all its slots, their names, and the place of ``earlier``."""


def joined_slowly(held: _F, seen: _F) -> _F:
    """Return the same as :func:`joined`, register by register: the rule that the quick ways must agree with."""
    ours, theirs = registers(held), registers(seen)
    both = _newest(ours, theirs)
    newest = seen if _is_before(held, seen) or (not _is_before(seen, held) and _status(held) < _status(seen)) else held
    time = _time(newest)
    if ours == both and _time(held) == time:
        return held
    return seen if theirs == both and _time(seen) == time else _made(newest, both)


def _time(fact: _F) -> tuple[object, ...]:
    return fact.stamp, fact.observed_at, _status(fact)


def _is_before(fact: _F, other: _F) -> bool:
    if fact.stamp != other.stamp:
        return fact.stamp < other.stamp
    return fact.observed_at < other.observed_at


def _status(fact: object) -> tuple[object, ...]:
    """What every report says, so that the newest report says it."""
    if not isinstance(fact, StatusReport):
        return ()
    # Of two at one time, the one that says why, for its reason code may be replaced by that of the other.
    return fact.status.name, says_ran_too_long(fact.server_status), fact.server_status, fact.assumed


_NULL: Final = "null"
_ANSWERS: Final[Mapping[str, Callable[[Any], object]]] = {
    "reason": is_reason,
    "reason_code": lambda code: code != "",
    "reason_solution": bool,
    "caller": named_versions,
    "client_version": lambda told: told not in {"", "{}"},
}
"""Fields of which some values answer nothing, and whether one does."""


def registers(fact: _F) -> dict[str, _Register]:
    """Return what a fact says, by field: the value, and when it was said.

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
            said = before.get(name, fact)
            found[name] = _Register(said.stamp, said.observed_at, value)
    for name in named:
        for item, value in getattr(fact, name):
            key = _key(name, item)
            said = before.get(key, fact)
            found[key] = _Register(said.stamp, said.observed_at, (item, value))
    return found


def _key(name: str, item: str) -> str:
    """What a register of a field with many names is called. The service has spelt its steps in either case."""
    return f"{name}:{item.lower() if name == 'timestamps' else item}"


def stamp_of(fact: JobDetails | JobMetrics, name: str) -> int:
    """Return the stamp of what a fact says of one field.

    Example:
        >>> from datetime import UTC, datetime
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import JobDetails
        >>> stamp_of(JobDetails(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), backend="a"), "backend")
        1000000
    """
    return next((group.stamp for group in fact.earlier if name in group.fields), fact.stamp)


def said_by(fact: _F, moment: datetime) -> _F | None:
    """Return what a fact says that had been seen by a moment; ``None`` where that is nothing.

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
    said = {name: register for name, register in registers(fact).items() if register.observed_at <= moment}
    if fact.observed_at <= moment:
        return _made(fact, said)
    # What a report is about is its status, and that was seen last.
    if isinstance(fact, StatusReport) or not said:
        return None
    stamp, observed_at = max((register.stamp, register.observed_at) for register in said.values())
    return _made(evolve(fact, observed_at=observed_at, stamp=stamp), said)


def counts(fact: _F, known: _F) -> bool:
    """Return whether a fact says anything of what a join of facts says, or when; else the join does without it.

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
    said = registers(known)
    return any(said.get(name) == register for name, register in registers(fact).items())


def _newest(ours: Mapping[str, _Register], theirs: Mapping[str, _Register]) -> dict[str, _Register]:
    both = dict(ours)
    for name, register in theirs.items():
        held = ours.get(name)
        if held is None or (held != register and _order(name, held) < _order(name, register)):
            both[name] = register
    return both


def _order(name: str, register: _Register) -> tuple[bool, int, datetime, str]:
    value = register.value
    says = ":" not in name or value[1] != _NULL
    answers = bool(_ANSWERS[name](value)) if name in _ANSWERS else says
    return answers, register.stamp, register.observed_at, repr(value)


def _made(newest: _F, both: Mapping[str, _Register]) -> _F:
    """A fact of these registers, with the time and the status of the newest one."""
    kind = type(newest)
    groups: dict[tuple[int, datetime], list[str]] = {}
    said: dict[str, Any] = {}
    named: dict[str, list[tuple[str, Any]]] = {name: [] for name in _FIELDS[kind][2]}
    for name, register in both.items():
        outer, colon, _ = name.partition(":")
        if colon:
            named[outer].append(register.value)
        else:
            said[name] = register.value
        if register.stamp != newest.stamp or register.observed_at != newest.observed_at:
            groups.setdefault((register.stamp, register.observed_at), []).append(name)
    earlier = tuple(Earlier(seen, stamp, sorted(groups[stamp, seen])) for stamp, seen in sorted(groups))
    times: dict[str, Any] = {"observed_at": newest.observed_at, "stamp": newest.stamp, "earlier": earlier}
    if isinstance(newest, StatusReport):
        times |= {"status": newest.status, "server_status": newest.server_status, "assumed": newest.assumed}
    make: Callable[..., _F] = kind
    return make(**times, **said, **named)
