"""What was seen last holds, whatever clocks say; what a reply leaves out stays known."""

from datetime import UTC, datetime, timedelta

import pytest

from ibm_circuit_job import IBMCircuitJob, Job, JobDetails, JobStore, ResultPayload, effects
from ibm_circuit_job.job.journal import journal_of
from ibm_circuit_job.state.transitions import after, merge
from ibm_circuit_job.store.writing import Writing
from ibm_circuit_job.testing import ModelService, ScriptedClient
from ibm_circuit_job.wire.replies import status_report

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
QUEUED = b'{"id": "a", "state": {"status": "Queued"}}'
RUNNING = b'{"id": "a", "state": {"status": "Running"}}'
DONE = b'{"id": "a", "state": {"status": "Completed"}}'


def tagged(moment, *tags):
    return Job("a", details=JobDetails(moment, tags=tags))


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""
    times = {"now": NOON}
    monkeypatch.setattr(effects, "now", lambda: times["now"])
    return times


@pytest.mark.parametrize("back", [timedelta(0), timedelta(microseconds=1), timedelta(minutes=1), timedelta(days=400)])
def test_what_was_done_last_holds_whatever_the_clock_says(clock, back):
    service = ModelService("a")
    job = IBMCircuitJob.from_state(Job("a"), runtime_client=service)
    job.update_tags(["first"])
    clock["now"] -= back
    assert job.update_tags(["second"]) == job.tags() == ["second"]
    job.observe(tagged(clock["now"], "third"))
    assert job.tags() == ["third"]


def test_status_seen_last_holds_after_the_clock_was_set_back(clock):
    job = IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient([RUNNING, QUEUED]))
    assert job.status().name == "RUNNING"
    clock["now"] -= timedelta(minutes=1)
    assert job.status().name == "QUEUED"


def test_metrics_of_the_end_hold_after_the_clock_was_set_back(clock):
    measured = [b'{"usage": {"quantum_seconds": 0}}', b'{"usage": {"quantum_seconds": 3}}']
    job = IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient([RUNNING, DONE], metrics=measured))
    job.refresh()
    clock["now"] -= timedelta(minutes=1)
    job.refresh()
    assert job.usage() == 3


def test_stamp_is_the_wall_time_while_clocks_agree():
    seen = tagged(NOON, "x")
    assert after(seen, tagged(NOON - timedelta(microseconds=1), "y"), NOON) is seen


def test_older_fact_that_arrives_late_is_not_made_newer():
    older, newer = tagged(NOON, "older"), tagged(NOON + timedelta(seconds=1), "newer")
    assert merge(newer, after(older, newer, NOON + timedelta(seconds=2))).tags == ("newer",)


def test_wall_time_stays_beside_the_stamp():
    seen = after(tagged(NOON, "x"), tagged(NOON + timedelta(hours=1), "y"), NOON)
    assert seen.details.observed_at == NOON
    assert seen.stamp == tagged(NOON + timedelta(hours=1)).stamp + 1


def test_store_has_the_last_observation_of_skewed_machines(tmp_path):
    fast, slow = NOON + timedelta(hours=1), NOON
    with JobStore(tmp_path / "jobs.sqlite") as store:
        store.save(tagged(fast, "first"), now=fast)
        store.save(tagged(slow, "second"), now=slow)
        assert store.record("a").tags == ("second",)
        store.save(tagged(slow - timedelta(minutes=1), "old, found in an archive"))
        assert store.record("a").tags == ("second",)


def test_result_that_was_read_last_is_first_with_clock_set_back(clock, tmp_path):
    bodies = [b'{"results": [1]}', b'{"results": [2]}']
    with JobStore(tmp_path / "jobs.sqlite") as store:
        store.save(Job("a", payload=ResultPayload(NOON, bodies[0])), now=NOON)
        earlier = NOON - timedelta(minutes=1)
        store.save(Job("a", payload=ResultPayload(earlier, bodies[1])), now=earlier)
        assert [store.payload("a", newer).raw for newer in (0, 1)] == bodies[::-1]
        assert store.load("a").payload.raw == bodies[1]


THIN = [
    b'{"id": "a"}',
    b'{"id": "a", "tags": null, "session_id": null, "private": null, "created": null, "cost": null}',
]


@pytest.mark.parametrize("thin", THIN)
def test_reply_that_says_less_takes_nothing_away(thin):
    full = (
        b'{"id": "a", "tags": ["x"], "session_id": "s", "private": true, "cost": 5, "created": "2024-02-03T12:00:00Z"}'
    )
    job = IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient([full, thin, thin]))
    for _ in range(3):
        job.refresh()
        assert (job.tags(), job.session_id, job.private, job.cost) == (["x"], "s", True, 5)
        assert job.creation_date() == NOON


def test_empty_list_of_tags_says_that_there_are_none():
    replies = [b'{"id": "a", "tags": ["x"]}', b'{"id": "a", "tags": []}']
    job = IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient(replies))
    job.refresh()
    job.refresh()
    assert job.tags() == []


def test_submitted_job_asks_for_what_the_submission_lacks(tmp_path):
    client = ScriptedClient([b'{"id": "a", "created": "2024-02-03T12:00:00Z"}'])
    submitted = Job("a", details=JobDetails(NOON, backend="b", program="sampler", tags=["x"]))
    job = IBMCircuitJob.from_state(submitted, runtime_client=client)
    assert (job.tags(), client.calls) == (["x"], [])
    assert job.creation_date() == NOON


def test_record_prints_in_a_few_lines():
    job = Job("a", details=JobDetails(NOON, backend="b", created=NOON, tags=["x", "y"]))
    assert str(job).splitlines() == [
        "Job a",
        "  created  2024-02-03 12:00:00 UTC",
        "  backend  b",
        "  tags     x, y",
    ]


RESULTS = [
    b'{"results": [{"shots": 1, "success": true, "data": {"counts": {"0x%d": 1}}}], "success": true}' % value
    for value in (0, 1)
]


def read_twice(clock, job):
    job.result()
    clock["now"] -= timedelta(minutes=1)
    job.result(refresh=True)


def test_result_that_arrived_last_counts_with_clock_set_back(clock):
    job = IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient([DONE], results=RESULTS))
    read_twice(clock, job)
    assert job.state.payload.raw == RESULTS[1]


def test_stored_result_that_came_last_is_first_on_a_slow_clock(clock, tmp_path):
    with JobStore(tmp_path / "jobs.sqlite") as store:
        client = ScriptedClient([DONE], results=RESULTS)
        read_twice(clock, IBMCircuitJob.from_store(store, Job("a"), runtime_client=client))
        assert [store.payload("a", newer).raw for newer in (0, 1)] == RESULTS[::-1]


def test_what_is_written_later_is_not_what_was_seen_last(tmp_path):
    with JobStore(tmp_path / "jobs.sqlite") as store:
        journal = journal_of(store, "a")
        journal.add(Job("a"), tagged(NOON, "mine"), None, seen_at=effects.now())
        with journal.writing():
            assert not isinstance(journal.write(Writing.AT_ONCE), Job)
        store.save(tagged(NOON + timedelta(days=40_000), "theirs, of a clock that is ahead"))
        journal.write()
        assert store.record("a").tags == ("theirs, of a clock that is ahead",)


def test_status_that_was_pushed_says_nothing_of_the_name():
    client = ScriptedClient([b'{"id": "a", "name": "bell", "state": {"status": "Running"}}'])
    job = IBMCircuitJob.from_state(Job("a"), runtime_client=client)
    job.observe(Job("a", status=status_report("Running", NOON)))
    assert job.name() == "bell"


def test_reply_that_says_nothing_is_asked_for_once():
    client = ScriptedClient([b'{"id": "a"}'])
    job = IBMCircuitJob.from_state(Job("a"), runtime_client=client)
    assert [job.name(), job.name()] == [None, None]
    assert len(client.calls) == 1
