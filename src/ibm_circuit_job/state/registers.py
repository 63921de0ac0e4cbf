"""Facts field by field: which of two facts of one kind said the newest of each field.

Each field of a fact is a register: its value, and when that was said. The newest says what holds; what a newer fact
does not say, it leaves as it was. Of two that were said at the same time, the larger in a fixed order holds, so that
there is always exactly one answer. The join of two facts has the newest of each register, and its own time is that of
the newest fact; what was said before that is in ``earlier``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeVar

from attrs import fields

from ibm_circuit_job.state.facts import Earlier, JobDetails, JobMetrics, StatusReport

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
    if _is_before(held, seen):
        found = _said_later(held, seen)
    elif _is_before(seen, held):
        found = _said_later(seen, held)
    else:
        found = held if held == seen else None
    return _joined(held, seen) if found is None else found


def _said_later(before: _F, later: _F) -> _F | None:
    """Join a fact with one reply that came later, the usual case, quickly; ``None`` where it is another case."""
    if later.earlier or len(before.earlier) > 1:
        return None
    left = _left_by(later, before)
    if not left:
        return later if left is not None else None
    names = tuple(sorted(left))
    earlier: tuple[Earlier, ...] = before.earlier or (Earlier(before.observed_at, before.stamp, names),)
    if earlier[0].fields != names:
        return None
    return _with(later, before, frozenset(name.partition(":")[0] for name in names), earlier)


def _left_by(later: _F, before: _F) -> list[str] | None:
    """The fields of which a later reply says nothing; ``None`` where it says a part of those with many names."""
    names, values, named = _FIELDS[type(later)]
    was, said = values(before), values(later)
    left: list[str] = []
    # Most replies say what the one before has said.
    if was != said:
        left = [name for name, old, new in zip(names, was, said, strict=True) if new is None and old is not None]
    for name in named:
        old, new = getattr(before, name), getattr(later, name)
        if old == new or not old:
            continue
        if not new:
            left += [_key(name, item) for item, _ in old]
        elif not {_key(name, item) for item, _ in old} <= {_key(name, item) for item, said in new if said != _NULL}:
            return None
    return left


def _with(later: _F, before: _F, left: frozenset[str], earlier: tuple[Earlier, ...]) -> _F:
    """The later fact, with these fields of the one before. Each was checked when its fact was made."""
    both: _F = object.__new__(type(later))
    for name in _SLOTS[type(later)]:
        object.__setattr__(both, name, getattr(before if name in left else later, name))
    object.__setattr__(both, "earlier", earlier)
    return both


_SLOTS: Final = {kind: tuple(slot.name for slot in fields(kind)) for kind in (StatusReport, JobDetails, JobMetrics)}


def _joined(held: _F, seen: _F) -> _F:
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


def _status(fact: object) -> tuple[str, ...]:
    """What every report says, so that the newest report says it."""
    return (fact.status.name, fact.server_status, str(fact.assumed)) if isinstance(fact, StatusReport) else ()


_NULL: Final = "null"


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
        if held is None or (held != register and _order(held) < _order(register)):
            both[name] = register
    return both


def _order(register: _Register) -> tuple[bool, int, datetime, str]:
    is_said = not isinstance(register.value, tuple) or register.value[1:] != (_NULL,)
    return is_said, register.stamp, register.observed_at, repr(register.value)


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
