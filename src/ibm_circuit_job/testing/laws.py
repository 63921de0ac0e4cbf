"""The laws of the pure core, as functions that raise ``AssertionError`` if a law is broken.

The property tests of this library call them on histories from Hypothesis. You can call them on your own histories:

1. Join: :func:`merge_is_a_join`, :func:`order_does_not_matter`, :func:`splitting_does_not_matter`.
2. Final is final: :func:`final_is_final`.
3. Newest wins: :func:`newest_wins` by the stamp of each field; :func:`what_is_seen_last_wins` with any clock.
4. Nothing learned is lost: :func:`nothing_learned_is_lost` for every query,
   :func:`partial_fact_changes_only_what_it_says` for every field.
5. Unknown is no error: :func:`unknown_is_no_error`, :func:`damage_costs_its_own_part`.
6. Same in, same out: :func:`same_in_same_out`.
7. Round trip: :func:`record_survives`.

Example:
    >>> from datetime import UTC, datetime
    >>> from ibm_circuit_job import Job, JobDetails
    >>> from ibm_circuit_job.testing.laws import ON_HISTORIES
    >>> noon, later = (datetime(2024, 2, 3, hour, tzinfo=UTC) for hour in (12, 13))
    >>> for law in ON_HISTORIES:
    ...     law(Job("a"), [JobDetails(noon, backend="b"), JobDetails(later, tags=["x"])])
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final, assert_never

import msgspec
from attrs import frozen
from qiskit.providers.jobstatus import JobStatus
from returns.result import Result

from ibm_circuit_job.state.facts import (
    Fact,
    JobDetails,
    JobInputs,
    JobMetrics,
    JobName,
    JobTags,
    ResultPayload,
    StatusReport,
)
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.registers import registers
from ibm_circuit_job.state.transitions import after, merge, refresh
from ibm_circuit_job.testing.replies import job_reply, metrics_reply
from ibm_circuit_job.wire import queries
from ibm_circuit_job.wire.records import from_json, to_json
from ibm_circuit_job.wire.replies import read_job, read_metrics


def _check(condition: bool, law: str, *shown: object) -> None:
    if not condition:
        raise AssertionError(f"{law}: {', '.join(map(repr, shown))}")


# Law 1


def merge_is_a_join(a: Job, b: Job, c: Job) -> None:
    """Law 1: ``merge`` is commutative, associative and idempotent.

    So programs that observe a job may merge their records in any order, and get the same record.

    Args:
        a: A record of a job.
        b: Another record of the same job.
        c: A third record of the same job.

    Raises:
        AssertionError: If the law is broken. The other laws raise it, too.
    """
    _check(merge(a, b) == merge(b, a), "merge is commutative", a, b)
    _check(merge(merge(a, b), c) == merge(a, merge(b, c)), "merge is associative", a, b, c)
    _check(merge(a, a) == a, "merge is idempotent", a)
    _check(merge(merge(a, b), b) == merge(a, b), "merge is idempotent", a, b)


def order_does_not_matter(job: Job, history: Sequence[Fact]) -> None:
    """Law 1 for histories: the same facts in another order, and some of them twice, give the same record.

    Args:
        job: A record of a job.
        history: Facts about the same job. The other laws have the same arguments.
    """
    known = refresh(job, *history)
    middle = len(history) // 2
    for other in (
        history[::-1],
        [*history[middle:], *history[:middle]],
        [*history, *history[:2]],
        sorted(history, key=repr),
    ):
        _check(refresh(job, *other) == known, "the order of facts does not matter", history, other)


def splitting_does_not_matter(job: Job, history: Sequence[Fact]) -> None:
    """Law 1 for two programs: if each sees a part of a history, their merged records equal the record of the whole."""
    known = refresh(job, *history)
    for at in range(len(history) + 1):
        first, second = refresh(job, *history[:at]), refresh(job, *history[at:])
        _check(merge(first, second) == known, "splitting does not matter", history, at)


# Law 2


def final_is_final(job: Job, history: Sequence[Fact]) -> None:
    """Law 2: a final status is never replaced by one that is not final. Of several final reports the strongest wins.

    A report of the service is stronger than an assumed one. Then DONE is stronger than ERROR, and ERROR than CANCELLED.
    "Cancelled - Ran too long" is stronger than other reports of CANCELLED. Then the later report is stronger.
    """
    ended = refresh(job, *history)
    known = ended.status
    reports = [fact for fact in (*job.facts, *history) if isinstance(fact, StatusReport) and fact.is_final]
    if not reports:
        return
    assert known is not None  # noqa: S101 - law 4
    _check(ended.is_final, "final is final", job, history)
    is_reported = any(not report.assumed for report in reports)
    _check(ended.is_confirmed_final == is_reported, "a report of the service is confirmed", job, history)
    strongest = max(map(_strength, reports))
    _check(_strength(known) == strongest, "of several final statuses the strongest wins", known, reports)


_CLAIMS: Final = (JobStatus.CANCELLED, JobStatus.ERROR, JobStatus.DONE)
"""The final statuses, the strongest last. Not read from the table in ``state``, since the law checks that table."""


def _strength(report: StatusReport) -> tuple[bool, int, bool, int]:
    return not report.assumed, _CLAIMS.index(report.status), queries.ran_too_long(report), report.stamp


# Law 3


def newest_wins(job: Job, history: Sequence[Fact]) -> None:
    """Law 3: each field has the value with the latest stamp. For the status, only reports of equal strength compete.

    An empty value, such as a null, does not replace another value.
    """
    known = refresh(job, *history)
    strength = None if known.status is None else known.status.strength
    newest: dict[str, int] = {}
    alone = [_alone(job.job_id, fact) for fact in history]
    for seen in (job, *alone):
        for name, said in fields_of(seen).items():
            if name.startswith("status.") and (seen.status is None or seen.status.strength != strength):
                continue
            if not _is_empty(name, said.value):
                newest[name] = max(newest.get(name, said.stamp), said.stamp)
    for name, field in fields_of(known).items():
        stamp = newest.get(name)
        _check(stamp is None or (field.stamp == stamp), "the newest wins", name, field, job, history)
    stamps = [seen.stamp for seen in (job, *alone) if seen.stamp is not None]
    _check(known.status is not None or known.stamp == max(stamps, default=None), "the newest is the time", known)


def what_is_seen_last_wins(job: Job, history: Sequence[Fact]) -> None:
    """Law 3 for clocks: the fact that is seen last wins, even if the clock of the program is behind.

    ``transitions.after`` ensures it. The time of each fact is the clock's time, which may jump from fact to fact.
    """
    known = job
    for fact in history:
        seen = _alone(job.job_id, fact)
        stamped = after(seen, known, fact.observed_at)
        now = merge(known, stamped)
        in_fact, in_record = fields_of(stamped), fields_of(now)
        as_it_was = {name: field.value for name, field in fields_of(seen).items()}
        _check({name: field.value for name, field in in_fact.items()} == as_it_was, "a stamp changes no value", seen)
        for name, field in in_fact.items():
            if not (_is_empty(name, field.value) or (name.startswith("status.") and _is_weaker(fact, known.status))):
                _check(in_record[name].value == field.value, "what is seen last wins", name, known, fact)
        known = now


def _is_weaker(fact: Fact, known: StatusReport | None) -> bool:
    return isinstance(fact, StatusReport) and known is not None and fact.strength < known.strength


# Law 4


@frozen
class FieldSaid:
    """One field of a record."""

    stamp: int
    """The stamp of the fact that the value is from."""
    value: Any
    """The value."""


def fields_of(job: Job) -> dict[str, FieldSaid]:
    """Return the fields of a record by name: ``status.reason``, ``details.tags``, ``metrics.timestamps:running`` ...

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job import Job, JobTags, refresh
        >>> fields_of(refresh(Job("a"), JobTags(datetime(1970, 1, 1, tzinfo=UTC), ["x"])))
        {'details.tags': FieldSaid(stamp=0, value=('x',))}
    """
    found: dict[str, FieldSaid] = {}
    for slot in ("status", "details", "metrics"):
        fact = getattr(job, slot)
        if fact is not None:
            said = registers(fact).items()
            found |= {f"{slot}.{name}": FieldSaid(each.stamp, each.value) for name, each in said}
    if job.status is not None:
        status = (job.status.status, job.status.server_status, job.status.assumed)
        found["status.status"] = FieldSaid(job.status.stamp, status)
    for slot, body in (("inputs", job.inputs), ("payload", job.payload)):
        if body is not None:
            found[slot] = FieldSaid(body.stamp, body.sha256)
    return found


def _alone(job_id: str, fact: Fact) -> Job:  # noqa: PLR0911 - one for each kind of fact
    """A record of one fact, made without a transition."""
    match fact:
        case StatusReport():
            return Job(job_id, status=fact)
        case JobDetails():
            return Job(job_id, details=fact)
        case JobMetrics():
            return Job(job_id, metrics=fact)
        case JobInputs():
            return Job(job_id, inputs=fact)
        case ResultPayload():
            return Job(job_id, payload=fact)
        case JobTags():
            return Job(job_id, details=JobDetails(fact.observed_at, tags=fact.tags, stamp=fact.stamp))
        case JobName():
            return Job(job_id, details=JobDetails(fact.observed_at, name=fact.name, stamp=fact.stamp))
        case _:
            assert_never(fact)


_EMPTY: Final[Mapping[str, Callable[[Any], bool]]] = {
    "status.reason": lambda reason: reason in {"", "Error"},
    "status.reason_code": lambda code: code == "",
    "status.reason_solution": lambda solution: solution == "",
    "metrics.caller": lambda text: _has_no_version(JobMetrics(_EPOCH, caller=text)),
    "metrics.client_version": lambda text: _has_no_version(JobMetrics(_EPOCH, client_version=text)),
}


def _has_no_version(metrics: JobMetrics) -> bool:
    return not queries.client_version(Job("a", metrics=metrics))


_EPOCH: Final[datetime] = datetime(1970, 1, 1, tzinfo=UTC)


def _is_empty(name: str, value: Any) -> bool:
    """Whether a value is empty, so that it must not replace another value."""
    # The value of an unknown field is a pair of its name and its text.
    return _EMPTY[name](value) if name in _EMPTY else ":" in name and value[1] == "null"


def partial_fact_changes_only_what_it_says(job: Job, history: Sequence[Fact]) -> None:
    """Law 4, field by field: a fact does not change the value or the stamp of a field that it does not contain.

    No field is invented either. A stronger status report replaces all status fields of a weaker one.
    """
    before = job
    for fact in history:
        now = refresh(before, fact)
        old, in_fact, new = map(fields_of, (before, _alone(job.job_id, fact), now))
        if isinstance(fact, StatusReport) and before.status is not None and fact.strength != before.status.strength:
            stronger, weaker = (in_fact, old) if fact.strength > before.status.strength else (old, in_fact)
            for name in [name for name in weaker if name.startswith("status.")]:
                del weaker[name]
            _check(all(new[name] == stronger[name] for name in stronger), "the stronger report wins", before, fact)
        _check(new.keys() == old.keys() | in_fact.keys(), "no field is lost or made up", before, fact)
        for name, field in new.items():
            _check(field in (old.get(name), in_fact.get(name)), "a fact changes only what it says", name, before, fact)
        before = now


def _figures(job: Job) -> dict[str, Any]:
    """The figures of the usage, without its status, which has no meaning without a figure."""
    usage = queries.metrics(job).get("usage") or {}
    return {name: usage.get(name) for name in ("quantum_seconds", "seconds", "qpu_charge_time_seconds")}


QUERIES: Final[Mapping[str, Callable[[Job], Any]]] = {
    **{
        name: getattr(queries, name)
        for name in (
            *("status", "creation_date", "time_per_step", "queue_position", "queue_info", "metrics", "unknown_fields"),
            *("usage", "usage_is_complete", "usage_is_pending", "client_version", "error_message", "has_reason"),
            *("params", "circuits", "header", "backend_options", "sampled_names", "named_bindings"),
        )
    },
    "usage so far": lambda job: queries.usage(job, partial=True),
    "usage in metrics": _figures,
    "timestamps in metrics": lambda job: queries.metrics(job).get("timestamps"),
    **{
        f"Job.{name}": attrgetter(name)
        for name in (
            *("is_final", "is_confirmed_final", "backend", "program", "created", "name", "tags", "session_id"),
            *("run_mode", "usage_estimate", "private", "facts", "stamp"),
        )
    },
}
"""Name -> query of a record: the functions of ``wire.queries``, and the properties of ``Job``."""

_YES_OR_NO: Final = frozenset(
    {"usage_is_complete", "usage_is_pending", "has_reason", "Job.is_final", "Job.is_confirmed_final"}
)
"""Queries for which False means "not known"."""

_PART_BY_PART: Final = frozenset(
    {"time_per_step", "metrics", "unknown_fields", "usage in metrics", "timestamps in metrics"}
)
"""Queries that return an object whose entries are known one by one."""


@frozen
class ExceptionToLaw4:
    """A query whose answer may become unknown again."""

    reason: str
    """Why it may."""
    holds: Callable[[Job, Job], bool]
    """Return whether it may, from a record to a later record of the job."""


def _left_the_queue(_: Job, now: Job) -> bool:
    return queries.status(now) in {JobStatus.RUNNING, *_CLAIMS}


def _stronger_report(before: Job, now: Job) -> bool:
    return before.status is not None and now.status is not None and now.status.strength > before.status.strength


def _other_usage(before: Job, now: Job) -> bool:
    return _usage_fields(before) != _usage_fields(now)


def _usage_fields(job: Job) -> list[Any]:
    names = ("charged_seconds", "quantum_seconds", "usage_seconds", "usage_status")
    return [getattr(fact, name, None) for fact in (job.details, job.metrics) for name in names]


def _other_inputs(before: Job, now: Job) -> bool:
    return before.inputs is not now.inputs


_OUT_OF_QUEUE: Final = ExceptionToLaw4("a job that runs or has ended has no place in the queue", _left_the_queue)
_STRONGER: Final = ExceptionToLaw4("the reason belongs to the status, and a stronger one replaced it", _stronger_report)
_USAGE: Final = ExceptionToLaw4("the service reported another charge, or another status of the charge", _other_usage)
_INPUTS: Final = ExceptionToLaw4("inputs are one document, and another document replaced it", _other_inputs)

EXCEPTIONS_TO_LAW_4: Final[Mapping[str, ExceptionToLaw4]] = {
    "queue_position": _OUT_OF_QUEUE,
    "queue_info": _OUT_OF_QUEUE,
    "error_message": _STRONGER,
    "has_reason": _STRONGER,
    "usage_is_complete": _USAGE,
    "usage_is_pending": _USAGE,
    "Job.tags": ExceptionToLaw4(
        "the service reported an empty list of tags", lambda _, now: "details.tags" in fields_of(now)
    ),
    **dict.fromkeys(("params", "circuits", "header", "backend_options", "sampled_names", "named_bindings"), _INPUTS),
}
"""Name of a query whose answer may become unknown again -> the reason."""


def nothing_learned_is_lost(job: Job, history: Sequence[Fact]) -> None:
    """Law 4, query by query: the answer of a query never becomes unknown again.

    Unknown means ``None``, or an empty list, object or tuple. If the entries of an object are known one by one, no
    entry is lost. :data:`EXCEPTIONS_TO_LAW_4` lists the exceptions.
    """
    before, knew = job, _all_known(job)
    for fact in history:
        now = refresh(before, fact)
        knows = _all_known(now)
        for name, was in knew.items():
            if not was <= knows[name]:
                may_end = EXCEPTIONS_TO_LAW_4.get(name)
                _check(may_end is not None and may_end.holds(before, now), "nothing is lost", name, was, before, fact)
        before, knew = now, knows


def _all_known(job: Job) -> dict[str, frozenset[object]]:
    return {name: _known(name, query(job)) for name, query in QUERIES.items()}


def _known(name: str, answer: Any) -> frozenset[object]:
    """The content of an answer: an empty set if it is unknown, else its entries or ``True``."""
    if isinstance(answer, Result):
        answer = answer.value_or(None)
    if answer is None or (name in _YES_OR_NO and not answer):
        return frozenset()
    if isinstance(answer, (tuple, list, dict)) and not answer:
        return frozenset()
    if name in _PART_BY_PART:
        # The service has spelled its steps in upper and in lower case.
        fold = str.lower if name in {"time_per_step", "timestamps in metrics"} else str
        return frozenset(fold(entry) for entry, value in answer.items() if value is not None)
    return frozenset({True})


# Law 5


def unknown_is_no_error(job: Job, history: Sequence[Fact]) -> None:
    """Law 5: a record has unknown statuses, fields and types verbatim. They end no job, and nothing else is lost."""
    known = refresh(job, *history)
    strange, moment = "Levitating above the queue", datetime(9999, 1, 1, tzinfo=UTC)
    reply = b'{"id":"%s","state":{"status":"%s"},"tags":["bell"],"new":{"__type__":"never","__value__":[1.00]}}'
    seen = read_job(reply % (job.job_id.encode(), strange.encode()), moment).unwrap()
    now = merge(known, seen)
    _check(now.is_final == known.is_final, "an unknown status ends no job", known, seen)
    _check(now.tags == ("bell",), "the rest of the reply is read", seen)
    assert seen.status is not None  # noqa: S101 - read_job made it
    assert seen.details is not None  # noqa: S101 - the same
    _check(seen.status.server_status == strange, "an unknown status is recorded verbatim", seen)
    unknown = (("new", '{"__type__":"never","__value__":[1.00]}'),)
    _check(seen.details.unknown == unknown, "an unknown field is recorded verbatim", seen)


def damage_costs_its_own_part(job: Job, history: Sequence[Fact]) -> None:
    """Law 5: if one field of a reply cannot be read, it is recorded verbatim, and all other fields are read.

    The ID and the status of a job reply are exceptions: without them, nothing of the reply is read.
    """
    known = refresh(job, *history)
    moment = datetime(9999, 1, 1, tzinfo=UTC)
    whole = msgspec.json.decode(job_reply(known), type=dict[str, msgspec.Raw])
    _check_damage(whole, lambda body: read_job(body, moment).unwrap(), essential={"id", "state"})
    if known.metrics is not None:
        measured = msgspec.json.decode(metrics_reply(known.metrics), type=dict[str, msgspec.Raw])
        job_id = job.job_id
        _check_damage(measured, lambda body: Job(job_id, metrics=read_metrics(body, moment).unwrap()), essential=set())


_DAMAGE: Final = msgspec.Raw(b'[{"no":"such thing"}]')


def _check_damage(whole: dict[str, msgspec.Raw], read: Callable[[bytes], Job], *, essential: set[str]) -> None:
    for name in whole.keys() - essential:
        body = msgspec.json.encode(whole | {name: _DAMAGE})
        without = fields_of(read(msgspec.json.encode({other: whole[other] for other in whole if other != name})))
        damaged = fields_of(read(body))
        verbatim = {full for full in damaged if full.endswith(f".unknown:{name}")}
        _check({full: damaged[full] for full in damaged if full not in verbatim} == without, "damage", name, body)
        _check(
            bool(verbatim) and damaged[verbatim.pop()].value == (name, bytes(_DAMAGE).decode()), "verbatim", name, body
        )


# Law 6


def same_in_same_out(job: Job, history: Sequence[Fact]) -> None:
    """Law 6: the same facts give an equal record. Facts that the record already has return the same object."""
    known = refresh(job, *history)
    _check(known == refresh(job, *history), "same in, same out", job, history)
    _check(refresh(known, *history) is known, "what changes nothing returns the same object", known, history)
    _check(merge(known, job) is known, "merging what is known returns the same object", known, job)


# Law 7


def record_survives(job: Job, history: Sequence[Fact] = ()) -> None:
    """Law 7: a record read back from JSON or pickle is equal and has an equal hash."""
    known = refresh(job, *history)
    for name, copy in (("JSON", from_json(to_json(known)).unwrap()), ("pickle", pickle.loads(pickle.dumps(known)))):  # noqa: S301 - our own pickle
        _check(copy == known and hash(copy) == hash(known), f"{name} brings back an equal record", known, copy)
        _check(fields_of(copy) == fields_of(known), f"{name} brings back every stamp", known, copy)


ON_RECORDS: tuple[Callable[[Job, Job, Job], None], ...] = (merge_is_a_join,)
"""The laws that take three records of one job."""

ON_HISTORIES: tuple[Callable[[Job, Sequence[Fact]], None], ...] = (
    order_does_not_matter,
    splitting_does_not_matter,
    final_is_final,
    newest_wins,
    what_is_seen_last_wins,
    nothing_learned_is_lost,
    partial_fact_changes_only_what_it_says,
    unknown_is_no_error,
    damage_costs_its_own_part,
    same_in_same_out,
    record_survives,
)
"""The laws that take a record and a history of facts about the same job."""
