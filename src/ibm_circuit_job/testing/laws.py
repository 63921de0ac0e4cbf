"""The laws of the pure core, as functions that raise ``AssertionError`` where one is broken.

Our own property tests call them, and so can anybody's, on histories of their own.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence

from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.state.facts import Fact, StatusReport
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.status import UNKNOWN, is_known
from ibm_circuit_job.state.transitions import apply_status, merge, refresh
from ibm_circuit_job.state.wire import from_json, to_json


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


def order_does_not_matter(job: Job, history: Sequence[Fact], other_order: Sequence[Fact]) -> None:
    """Law 1 for histories: the same facts in another order, some of them twice, make the same record."""
    _hold(
        refresh(job, *history) == refresh(job, *other_order, *history[:2]),
        "the order of facts does not matter",
        history,
        other_order,
    )


def splitting_does_not_matter(job: Job, history: Sequence[Fact], at: int) -> None:
    """Law 1 for watchers: two who saw a part each, and merge, know what one knows who saw it all."""
    first, second = refresh(job, *history[:at]), refresh(job, *history[at:])
    _hold(merge(first, second) == refresh(job, *history), "splitting does not matter", history, at)


def final_is_final(job: Job, history: Sequence[Fact]) -> None:
    """Law 2: a final status is never left, what the service said is never lost to what we assumed, and rank holds."""
    before = job
    for fact in history:
        after = refresh(before, fact)
        if before.status is not None and before.status.is_final:
            _hold(after.in_final_state, "final is final", before, fact)
            assert after.status is not None  # noqa: S101 - the law above
            _hold(
                _strength(after.status) >= _strength(before.status),
                "a final status only gives way to a stronger one",
                before,
                fact,
            )
        before = after


_CLAIMS = (JobStatus.CANCELLED, JobStatus.ERROR, JobStatus.DONE)
"""Said once more, and not read from the table: the law is what the table is checked against."""


def _strength(report: StatusReport) -> tuple[bool, int]:
    return (not report.assumed, _CLAIMS.index(report.status))


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


def unknown_is_no_error(job: Job, report: StatusReport) -> None:
    """Law 5: a status that was never heard of is kept verbatim, and is not final."""
    if is_known(report.server_status):
        return
    _hold(report.status is UNKNOWN and not report.is_final, "an unknown status is not final", report)
    after = apply_status(job, report)
    _hold(after.in_final_state == job.in_final_state, "an unknown status ends no job", job, report)


def same_in_same_out(job: Job, history: Sequence[Fact]) -> None:
    """Law 6: the same facts give the same record, and facts that are known already the very same object."""
    known = refresh(job, *history)
    _hold(known == refresh(job, *history), "same in, same out", job, history)
    _hold(refresh(known, *history) is known, "what changes nothing returns the same object", known, history)
    _hold(merge(known, job) is known, "merging what is known returns the same object", known, job)


def record_survives(job: Job) -> None:
    """Law 7: JSON and pickle bring back an equal record with an equal hash."""
    for name, copy in (("JSON", from_json(to_json(job)).unwrap()), ("pickle", pickle.loads(pickle.dumps(job)))):  # noqa: S301 - our own pickle
        _hold(copy == job and hash(copy) == hash(job), f"{name} brings back an equal record", job, copy)


ON_RECORDS: tuple[Callable[[Job, Job, Job], None], ...] = (merge_is_a_join,)
"""The laws of three records of one job."""

ON_HISTORIES: tuple[Callable[[Job, Sequence[Fact]], None], ...] = (
    final_is_final,
    newest_wins,
    nothing_learned_is_lost,
    same_in_same_out,
)
"""The laws of a record and a history of facts about the same job."""
