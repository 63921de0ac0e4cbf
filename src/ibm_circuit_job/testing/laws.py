"""The laws of the pure core, as functions that raise ``AssertionError`` where one is broken.

Our own property tests call them, and so can anybody's, on histories of their own.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.state.facts import Fact, StatusReport
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.transitions import merge, refresh
from ibm_circuit_job.state.wire import from_json, read_job, to_json


def _hold(condition: bool, law: str, *shown: object) -> None:
    if not condition:
        raise AssertionError(f"{law}: {', '.join(map(repr, shown))}")


def merge_is_a_join(a: Job, b: Job, c: Job) -> None:
    """Law 1: ``merge`` is commutative, associative and idempotent.

    So any number of watchers may merge what they saw in any order, and end with the same record.
    """
    _hold(merge(a, b) == merge(b, a), "merge is commutative", a, b)
    _hold(merge(merge(a, b), c) == merge(a, merge(b, c)), "merge is associative", a, b, c)
    _hold(merge(a, a) == a, "merge is idempotent", a)


def order_does_not_matter(job: Job, history: Sequence[Fact]) -> None:
    """Law 1 for histories: the same facts in another order, some of them twice, make the same record."""
    known = refresh(job, *history)
    middle = len(history) // 2
    for other in (
        history[::-1],
        [*history[middle:], *history[:middle]],
        [*history, *history[:2]],
        sorted(history, key=repr),
    ):
        _hold(refresh(job, *other) == known, "the order of facts does not matter", history, other)


def splitting_does_not_matter(job: Job, history: Sequence[Fact]) -> None:
    """Law 1 for watchers: two who saw a part each, and merge, know what one knows who saw it all."""
    known = refresh(job, *history)
    for at in range(len(history) + 1):
        first, second = refresh(job, *history[:at]), refresh(job, *history[at:])
        _hold(merge(first, second) == known, "splitting does not matter", history, at)


def final_is_final(job: Job, history: Sequence[Fact]) -> None:
    """Law 2: a final status is never left for one that is not, and of several final ones the strongest holds.

    What the service said beats what we assumed; then DONE beats ERROR beats CANCELLED; then the later one.
    """
    known = refresh(job, *history).status
    reports = [fact for fact in (*job.facts, *history) if isinstance(fact, StatusReport) and fact.is_final]
    if not reports:
        return
    assert known is not None  # noqa: S101 - law 4
    _hold(known.is_final, "final is final", job, history)
    strongest = max(map(_strength, reports))
    _hold(_strength(known) == strongest, "of several final statuses the strongest holds", known, reports)


_CLAIMS = (JobStatus.CANCELLED, JobStatus.ERROR, JobStatus.DONE)
"""Said once more, and not read from the table: the law is what the table is checked against."""


def _strength(report: StatusReport) -> tuple[bool, int, datetime]:
    return (not report.assumed, _CLAIMS.index(report.status), report.observed_at)


def newest_wins(job: Job, history: Sequence[Fact]) -> None:
    """Law 3: every slot but a final status holds a fact than which none is newer."""
    known = refresh(job, *history)
    for held in known.facts:
        if isinstance(held, StatusReport) and held.is_final:
            continue
        rivals = [fact for fact in (*job.facts, *history) if type(fact) is type(held)]
        _hold(all(fact.observed_at <= held.observed_at for fact in rivals), "the newest wins", held, rivals)


def nothing_learned_is_lost(job: Job, history: Sequence[Fact]) -> None:
    """Law 4: a slot that is filled stays filled, and what fills it was learned."""
    before = job
    for fact in history:
        after = refresh(before, fact)
        kinds = {type(known) for known in after.facts}
        _hold(kinds >= {type(known) for known in before.facts} | {type(fact)}, "nothing learned is lost", before, fact)
        _hold(set(after.facts) <= {*before.facts, fact}, "nothing is made up", before, fact)
        before = after


def unknown_is_no_error(job: Job, history: Sequence[Fact]) -> None:
    """Law 5: a status, a field or a type that was never heard of is kept verbatim, and ends and loses nothing."""
    known = refresh(job, *history)
    strange, moment = "Levitating above the queue", datetime(9999, 1, 1, tzinfo=UTC)
    reply = b'{"id":"%s","state":{"status":"%s"},"tags":["kept"],"new":{"__type__":"never","__value__":[1.00]}}'
    seen = read_job(reply % (job.job_id.encode(), strange.encode()), moment).unwrap()
    after = merge(known, seen)
    _hold(after.is_final == known.is_final, "an unknown status ends no job", known, seen)
    _hold(after.tags == ("kept",), "the rest of the reply is read", seen)
    assert seen.status is not None  # noqa: S101 - read_job made it
    assert seen.details is not None  # noqa: S101 - the same
    _hold(seen.status.server_status == strange, "an unknown status is kept verbatim", seen)
    unknown = (("new", '{"__type__":"never","__value__":[1.00]}'),)
    _hold(seen.details.unknown == unknown, "an unknown field is kept verbatim", seen)


def same_in_same_out(job: Job, history: Sequence[Fact]) -> None:
    """Law 6: the same facts give the same record, and facts that are known already the very same object."""
    known = refresh(job, *history)
    _hold(known == refresh(job, *history), "same in, same out", job, history)
    _hold(refresh(known, *history) is known, "what changes nothing returns the same object", known, history)
    _hold(merge(known, job) is known, "merging what is known returns the same object", known, job)


def record_survives(job: Job, history: Sequence[Fact] = ()) -> None:
    """Law 7: JSON and pickle bring back an equal record with an equal hash."""
    known = refresh(job, *history)
    for name, copy in (("JSON", from_json(to_json(known)).unwrap()), ("pickle", pickle.loads(pickle.dumps(known)))):  # noqa: S301 - our own pickle
        _hold(copy == known and hash(copy) == hash(known), f"{name} brings back an equal record", known, copy)


ON_RECORDS: tuple[Callable[[Job, Job, Job], None], ...] = (merge_is_a_join,)
"""The laws of three records of one job."""

ON_HISTORIES: tuple[Callable[[Job, Sequence[Fact]], None], ...] = (
    order_does_not_matter,
    splitting_does_not_matter,
    final_is_final,
    newest_wins,
    nothing_learned_is_lost,
    unknown_is_no_error,
    same_in_same_out,
    record_survives,
)
"""The laws of a record and a history of facts about the same job."""
