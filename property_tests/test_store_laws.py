"""The laws of a store: whatever comes to it, by whom and however often, it holds the join of all that came."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta, timezone
from functools import reduce
from itertools import count
from pathlib import Path
from unittest import mock

import pytest
import sqlalchemy as sql
from attrs import evolve
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import Job, JobStore, merge, refresh
from ibm_circuit_job.state import registers
from ibm_circuit_job.state.facts import (
    Body,
    JobDetails,
    JobInputs,
    JobMetrics,
    JobName,
    JobTags,
    ResultPayload,
    StatusReport,
)
from ibm_circuit_job.state.status import FINAL_RANK
from ibm_circuit_job.state.transitions import after, news
from ibm_circuit_job.store import merging, schema
from ibm_circuit_job.store.writing import Writing
from ibm_circuit_job.testing.strategies import (
    JOB_ID,
    facts,
    histories,
    job_details,
    job_metrics,
    job_names,
    job_tags,
    jobs,
    moments,
    status_reports,
)
from ibm_circuit_job.wire import queries, results
from ibm_circuit_job.wire.replies import status_report

THOROUGH = settings.default.max_examples >= 2000
# Each of them is some transactions on a disk.
STORED = settings(max_examples=1000 if THOROUGH else 10)
NEWS = settings(max_examples=20_000 if THOROUGH else 40)

LATEST = datetime.max.replace(tzinfo=UTC)
INDIA = timezone(timedelta(hours=5, minutes=30))
BODIES = (JobInputs, ResultPayload)
TAGS, NAMES, BACKENDS = ["x", "y", "naïve\0"], ["bell", ""], ["ibm_a", "ibm_b"]
STATUSES = ["Queued", "Running", "Completed", "Failed", "Cancelled"]

small_facts = status_reports() | job_details() | job_metrics() | job_tags() | job_names()
tag_lists = st.lists(st.sampled_from(TAGS), max_size=2)
like_facts = st.one_of(
    st.builds(status_report, st.sampled_from(STATUSES), moments()),
    st.builds(StatusReport, moments(), st.just(JobStatus.CANCELLED), st.just("Cancelled"), assumed=st.just(True)),
    st.builds(
        JobDetails,
        observed_at=moments(),
        backend=st.none() | st.sampled_from(BACKENDS),
        created=st.none() | moments(),
        name=st.none() | st.sampled_from(NAMES),
        tags=st.none() | tag_lists,
    ),
    st.builds(JobMetrics, observed_at=moments(), position_in_queue=st.none() | st.integers(1, 2)),
    st.builds(JobInputs, observed_at=moments(), raw=st.sampled_from([b"{}", b'{"shots": 1}'])),
    st.builds(ResultPayload, observed_at=moments(), raw=st.sampled_from([b"", b"{}", b"text"])),
    st.builds(JobTags, observed_at=moments(), tags=tag_lists),
    st.builds(JobName, observed_at=moments(), name=st.sampled_from(NAMES)),
)
"""Facts that often say what another one says, or said at another time, or what is looked for."""
naming_facts = st.one_of(
    st.builds(
        JobDetails, observed_at=moments(), name=st.sampled_from([None, "bell"]), tags=st.sampled_from([None, ["x"]])
    ),
    st.builds(JobTags, observed_at=moments(), tags=st.sampled_from([["x"], ["y"]])),
    st.builds(JobName, observed_at=moments(), name=st.sampled_from(["bell", "ghz"])),
)
"""Facts that answer one question together, so that it matters which of them came last."""
like_histories = st.lists(like_facts, max_size=8)
like_jobs = like_histories.map(lambda history: refresh(Job(JOB_ID), *history))
named_histories = st.lists(naming_facts, max_size=4)
named_jobs = named_histories.map(lambda history: refresh(Job(JOB_ID), *history))
any_histories = histories() | like_histories


@st.composite
def ways_to_save(draw, history):
    """Any way in which a history comes to a store: in parts that may overlap and repeat, each joined or fact by fact.

    Pairs of a number, of who saves, and of the lists of facts that are a record each, to be saved at once.
    """
    parts = []
    for fact in history:
        if parts and draw(st.booleans()):
            parts[-1].append(fact)
        else:
            parts.append([fact])
    parts += draw(st.lists(st.sampled_from(parts), max_size=2)) if parts else [[]]
    parts = draw(st.permutations(parts))
    calls = []
    for part in parts:
        if calls and draw(st.integers(0, 3)) == 0:
            calls[-1][1].append(part)
        else:
            calls.append((draw(st.integers(0, 2)), [part]))
    return calls


split_histories = any_histories.flatmap(ways_to_save)
_numbers = count()


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Three stores on one file, as three processes have them."""
    file = tmp_path_factory.mktemp("laws") / "jobs.sqlite"
    with ExitStack() as stack:
        yield [stack.enter_context(JobStore(file)) for _ in range(3)]


def saved(stores, calls, job_id=None, **options):
    """Save what comes; return the ID of the job, which is new to the stores, and the facts in the order they came."""
    job_id = job_id or f"job {next(_numbers)} é"
    came = []
    for who, parts in calls:
        records = [refresh(Job(job_id), *part) for part in parts]
        if len(records) == 1:
            stores[who].save(records[0], **options)
        else:
            stores[who].save_all(records, **options)
        came += [fact for record in records for fact in record.facts]
    return job_id, came


def folded(job_id, history):
    return reduce(refresh, history, Job(job_id))


def without_bodies(job):
    return evolve(job, inputs=None, payload=None)


@STORED
@given(split_histories, st.sampled_from(Writing))
def test_store_holds_the_join_of_all_that_came_however_it_came(stores, calls, how):
    job_id, came = saved(stores, calls, how=how)
    for store in stores:
        assert store.load(job_id) == folded(job_id, came)
        assert store.record(job_id) == without_bodies(folded(job_id, came))
        assert store.inputs(job_id) == folded(job_id, came).inputs
        assert store.payload(job_id) == folded(job_id, came).payload


@STORED
@given(split_histories)
def test_result_bodies_are_listed_newest_first(stores, calls):
    job_id, came = saved(stores, calls)
    bodies = {fact for fact in came if isinstance(fact, ResultPayload)}
    expected = sorted(bodies, key=lambda body: (body.stamp, body.observed_at, body.sha256), reverse=True)
    found = [stores[0].payload(job_id, newer) for newer in range(len(bodies) + 1)]
    assert found == [*expected, None]
    assert [body.raw for body in found[:-1]] == [body.raw for body in expected]


@STORED
@given(split_histories)
def test_history_has_each_fact_once_and_folds_to_the_record(stores, calls):
    job_id, came = saved(stores, calls)
    for store in stores:
        history = store.history(job_id)
        assert history == list(dict.fromkeys(came))
        assert folded(job_id, history) == store.load(job_id)


@STORED
@given(split_histories, st.data())
def test_saving_again_changes_nothing(stores, calls, data):
    job_id, _ = saved(stores, calls)
    job = stores[0].load(job_id)
    # A record that was joined of several facts is a fact of its own the first time.
    stores[1].save(job)
    history, rows = stores[0].history(job_id), rows_of(stores[0], job_id)
    assert stores[0].load(job_id) == job
    saved(stores, data.draw(st.permutations(calls)), job_id)
    stores[1].save(job)
    stores[2].save_all([without_bodies(job), job])
    assert (stores[0].history(job_id), stores[0].load(job_id), rows_of(stores[0], job_id)) == (history, job, rows)


def rows_of(store, job_id):
    """All that the tables have of a job."""

    def look(connection):
        return [
            sorted(map(repr, connection.execute(sql.select(table).where(table.c.job_id == job_id))))
            for table in (schema.jobs, schema.history, schema.tags)
        ]

    return store._database.read("look inside", look)


@STORED
@given(split_histories, moments(), st.sampled_from([UTC, INDIA]))
def test_job_at_a_moment_is_the_fold_of_the_facts_until_then(stores, calls, moment, zone):
    job_id, came = saved(stores, calls)
    seen = [
        said
        for fact in came
        if (said := fact if isinstance(fact, Body) else registers.said_by(fact, moment)) and said.observed_at <= moment
    ]
    assert stores[0].at(job_id, moment.astimezone(zone)) == folded(job_id, seen)


@STORED
@given(st.lists(any_histories, max_size=6), st.integers(1, 3))
def test_jobs_that_are_saved_at_once_do_not_mix(stores, several, repeats):
    named = {f"job {next(_numbers)}": history for history in several}
    records = [refresh(Job(job_id), fact) for job_id, history in named.items() for fact in history]
    for store in stores[:repeats]:
        store.save_all(records)
    for job_id, history in named.items():
        assert (stores[0].load(job_id) or Job(job_id)) == folded(job_id, history)
        came = [fact for said in history for fact in refresh(Job(job_id), said).facts]
        assert stores[0].history(job_id) == list(dict.fromkeys(came))


@STORED
@given(st.lists(facts() | like_facts, max_size=24).flatmap(ways_to_save))
def test_long_history_is_bounded_and_folds_to_the_record(stores, calls):
    with mock.patch.object(merging, "MOST_FACTS", 4):
        job_id, came = saved(stores, calls)
    history = stores[0].history(job_id)
    small = [fact for fact in history if not isinstance(fact, BODIES)]
    assert len([fact for fact in small if not still_counts(fact, folded(job_id, came))]) <= 4
    assert len(set(history)) == len(history)
    assert {fact for fact in came if isinstance(fact, BODIES)} <= set(history) <= set(came)
    assert folded(job_id, history) == stores[0].load(job_id) == folded(job_id, came)


@STORED
@given(st.lists(small_facts, min_size=5, max_size=12, unique=True))
def test_newest_facts_are_those_that_a_long_history_holds(stores, history):
    with mock.patch.object(merging, "MOST_FACTS", 4):
        job_id, came = saved(stores, [(0, [[fact]]) for fact in history])
    came = list(dict.fromkeys(came))
    held = stores[0].history(job_id)
    assert held[-4:] == came[-4:]
    assert all(still_counts(fact, folded(job_id, came)) for fact in held[:-4])


def still_counts(fact, job):
    """Whether the record has a field of the fact, or its time."""
    return any(type(known) is type(fact) and registers.counts(fact, known) for known in without_bodies(job).facts)


# What is looked for

filters = st.fixed_dictionaries(
    {},
    optional={
        "status": st.one_of(
            st.sampled_from(["pending", "completed", "COMPLETED", "done", "QUEUED"]),
            st.sampled_from(JobStatus),
            st.lists(st.sampled_from(JobStatus), min_size=1, max_size=3),
        ),
        "job_tags": st.none() | tag_lists,
        "backend_name": st.none() | st.sampled_from(BACKENDS),
        "start_datetime": st.none() | moments() | moments().map(lambda moment: moment.astimezone(INDIA)),
        "end_datetime": st.none() | moments() | moments().map(lambda moment: moment.astimezone(INDIA)),
        "limit": st.none() | st.integers(1, 4),
        "skip": st.integers(0, 3),
        "descending": st.booleans(),
    },
)
services = st.sampled_from([None, "https://a.example", "https://b.example"])


@STORED
@given(
    st.lists(st.tuples(like_histories, services), max_size=8),
    st.lists(st.tuples(filters, services), min_size=3, max_size=6),
)
def test_jobs_that_are_found_are_those_that_fit_in_their_order(tmp_path_factory, saves, questions):
    with JobStore(tmp_path_factory.mktemp("found") / "jobs.sqlite") as store:
        kept = []
        for number, (history, service) in enumerate(saves):
            job_id = f"{'aB'[number % 2]}{number}"
            store.save_all([Job(job_id), *(refresh(Job(job_id), fact) for fact in history)], service=service)
            kept.append((store.load(job_id), history, service))
        for wanted, service in questions:
            expected = [without_bodies(job) for job in fitting(kept, service=service, **wanted)]
            assert store.records(service=service, **wanted) == expected
            assert [job.state for job in store.jobs(service=service, **wanted)] == expected
        unended = [job for job, history, _ in in_order(kept, descending=False) if not is_over(job, history)]
        assert store.unfinished() == [without_bodies(job) for job in unended]


def is_over(job, history):
    """Whether the service said that it has, and the result is here, or nobody has waited for one."""
    arrived = [fact for fact in history if isinstance(fact, ResultPayload)]
    was_pending = any(isinstance(fact, StatusReport) and not fact.is_final for fact in history)
    has_result = any(map(results.is_result, arrived))
    is_awaited = job.status is not None and job.status.status is JobStatus.DONE and (was_pending or arrived)
    return job.is_confirmed_final and (has_result or not is_awaited)


def in_order(kept, *, descending):
    return sorted(kept, key=lambda each: (created(*each), each[0].job_id), reverse=descending)


def created(job, history, _):
    said = None if job.details is None else job.details.created
    return said or min((fact.observed_at for fact in history), default=LATEST)


def fitting(kept, *, service, limit=None, skip=0, descending=True, **wanted):
    """The same, looked for in the records one by one."""
    fit = [
        each[0]
        for each in in_order(kept, descending=descending)
        if fits(each[0], created(*each), **wanted) and (service is None or each[2] in {None, service})
    ]
    return fit[skip:][:limit]


def fits(job, born, *, status=None, job_tags=None, backend_name=None, start_datetime=None, end_datetime=None):
    return (
        fits_status(job, status)
        and set(job_tags or ()) <= set(job.tags)
        and (backend_name is None or (job.details is not None and job.details.backend == backend_name))
        and (start_datetime is None or start_datetime <= born)
        and (end_datetime is None or born <= end_datetime)
    )


def fits_status(job, wanted):
    found = queries.status(job)
    match wanted:
        case None:
            return True
        case str() if wanted.lower() == "pending":
            return found not in FINAL_RANK
        case str() if wanted.lower() == "completed":
            return found in FINAL_RANK
        case str():
            return found is JobStatus[wanted.upper()]
        case Sequence():
            return found in wanted
        case _:
            return found is wanted


# What is written of what is known

ANSWERS = (
    queries.status,
    lambda job: job.is_final,
    lambda job: job.tags,
    lambda job: job.name,
    queries.creation_date,
    queries.time_per_step,
    queries.queue_position,
    queries.queue_info,
    queries.metrics,
    queries.unknown_fields,
    queries.usage,
    lambda job: job.usage_estimate,
    queries.client_version,
    lambda job: job.run_mode,
    queries.error_message,
    queries.header,
    queries.backend_options,
)


records = named_jobs | like_jobs | jobs()


def answers(job):
    """All that a record answers, and all that it holds, but for when it was seen."""
    asked = {query.__name__: query(job) for query in ANSWERS}
    return asked | {type(fact).__name__: evolve(fact, **NO_TIMES[isinstance(fact, BODIES)]) for fact in job.facts}


NO_TIMES = {False: {"observed_at": LATEST, "stamp": 0, "earlier": ()}, True: {"observed_at": LATEST, "stamp": 0}}
"""In place of when a fact was seen, and its fields; of a body, that is one field."""


def kept_with(kept, found):
    return kept if found is None else merge(kept, found)


SEEN = [datetime(2024, 2, 3, 12, 0, second, tzinfo=UTC) for second in range(4)]


# What was said again, by the service or by us, came after what was said in between.
@NEWS
@example(
    Job("a", details=JobDetails(SEEN[0], tags=["x"])),
    refresh(Job("a"), JobDetails(SEEN[2], tags=["x"]), JobTags(SEEN[1], ["y"])),
)
@example(
    Job("a", details=JobDetails(SEEN[0], name="bell")),
    refresh(Job("a"), JobDetails(SEEN[1], name="ghz"), JobName(SEEN[2], "bell")),
)
@given(records, records)
def test_saving_the_changes_equals_saving_everything(kept, known):
    known = evolve(known, payload=kept.payload)
    assert answers(kept_with(kept, news(kept, known))) == answers(merge(kept, known))


@NEWS
@given(records, st.lists(like_histories | named_histories, max_size=3))
def test_repeated_saves_of_changes_equal_one_save_of_everything(known, lessons):
    known = kept = evolve(known, payload=None)
    for lesson in lessons:
        known = evolve(refresh(known, *lesson), payload=None)
        kept = kept_with(kept, news(kept, known))
        assert answers(kept) == answers(known)
        assert news(kept, known) is None


@NEWS
@given(records, records)
def test_news_are_of_what_is_known_and_never_a_body_of_a_result(kept, known):
    found = news(kept, known)
    if found is not None:
        assert found.facts
        assert set(found.facts) <= set(known.facts) - {known.payload}


# All of it together


class AnyUseOfAStore(RuleBasedStateMachine):
    """Several stores on one file, and a list of what came, of which the file must hold the sum."""

    job_ids = st.sampled_from(["a", "b", "c"])
    saves = Bundle("saves")

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.stores = []
        self.came = {}
        self.wall = datetime(2024, 2, 3, 12, tzinfo=UTC)

    @property
    def file(self):
        return Path(self.folder.name) / "jobs.sqlite"

    @initialize()
    def processes_start(self):
        self.stores = [JobStore(self.file) for _ in range(2)]

    def store(self):
        # In turn: each sees what the others did.
        self.stores.append(self.stores.pop(0))
        return self.stores[0]

    @rule(target=saves, job_id=job_ids, history=like_histories, how=st.sampled_from(Writing))
    def save(self, job_id, history, how):
        record = folded(job_id, history)
        self.store().save(record, how=how)
        self.came.setdefault(job_id, []).extend(record.facts)
        return record

    @rule(seconds=st.sampled_from([-3600, -60, -1, 1, 60, 3600]))
    def set_the_clock(self, seconds):
        self.wall += timedelta(seconds=seconds)

    @rule(job_id=job_ids, tags=tag_lists)
    def change_the_tags_just_now(self, job_id, tags):
        self.wall += timedelta(seconds=1)
        seen = refresh(Job(job_id), JobTags(self.wall, tags))
        known = folded(job_id, self.came.get(job_id, []))
        self.store().save(seen, now=self.wall)
        self.came.setdefault(job_id, []).extend(after(seen, known, self.wall).facts)
        # Whatever the clocks say: by every store, what was done last is what is there.
        for store in self.stores:
            assert list(store.record(job_id).tags) == tags

    @rule(records=st.lists(saves, min_size=2, max_size=4))
    def save_some_again(self, records):
        self.store().save_all(records)
        for record in records:
            self.came.setdefault(record.job_id, []).extend(record.facts)

    @rule(record=consumes(saves))
    def delete(self, record):
        self.store().delete(record.job_id)
        self.came.pop(record.job_id, None)

    @rule()
    def one_process_ends_and_another_starts(self):
        self.stores.pop().close()
        self.stores.append(JobStore(self.file))

    @invariant()
    def stores_hold_the_sum(self):
        for store in self.stores:
            assert {job.job_id for job in store.records()} == self.came.keys()
            for job_id, came in self.came.items():
                assert store.load(job_id) == folded(job_id, came)
                assert store.history(job_id) == list(dict.fromkeys(came))

    @invariant()
    def each_body_that_counts_is_there_once_and_no_other(self):
        if self.stores:
            count, found = (
                sql.select(sql.func.count()).select_from(schema.bodies),
                sql.select(schema.body_parts.c.sha256),
            )
            there, parts = self.stores[0]._database.read(
                "count",
                lambda connection: (connection.execute(count).scalar(), connection.execute(found.distinct()).all()),
            )
            bodies = {fact.raw for came in self.came.values() for fact in came if isinstance(fact, BODIES)}
            assert there == len(parts) == len(bodies)

    def teardown(self):
        for store in self.stores:
            store.close()
        self.folder.cleanup()


TestAnyUseOfAStore = AnyUseOfAStore.TestCase
TestAnyUseOfAStore.settings = settings(
    max_examples=100 if THOROUGH else 6,
    stateful_step_count=20 if THOROUGH else 10,
    deadline=None,
)
