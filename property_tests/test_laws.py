"""The laws of the pure core, over histories of facts that Hypothesis makes up, reorders, repeats and splits."""

import inspect
from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibm_circuit_job import Job, JobDetails, JobMetrics, StatusReport, merge, refresh
from ibm_circuit_job.state.registers import joined, joined_slowly
from ibm_circuit_job.testing import laws
from ibm_circuit_job.testing.strategies import (
    JOB_ID,
    histories,
    histories_of_several,
    job_details,
    job_metrics,
    jobs,
    lives,
    status_reports,
    terse_histories,
)
from ibm_circuit_job.wire import queries

THOROUGH = settings.default.max_examples >= 2000
# The laws are what all else rests on: they get more examples than other properties.
HISTORIES = settings(max_examples=20_000 if THOROUGH else max(40, settings.default.max_examples))


@HISTORIES
@given(jobs(), jobs(), jobs())
def test_merge_is_a_join(a, b, c):
    laws.merge_is_a_join(a, b, c)


# To make a history up takes longer than to check a law, whose error has its name: more histories, each for all laws.
@settings(max_examples=20_000 if THOROUGH else max(120, settings.default.max_examples))
@given(jobs(), histories() | lives() | terse_histories())
def test_laws_hold_over_histories(job, history):
    for law in laws.ON_HISTORIES:
        law(job, history)


@HISTORIES
@given(histories_of_several("a", "b", "c"))
def test_jobs_that_are_watched_together_do_not_mix(history):
    known = {name: Job(name) for name in "abc"}
    for job_id, fact in history:
        known[job_id] = refresh(known[job_id], fact)
    for name, job in known.items():
        assert job == refresh(Job(name), *(fact for job_id, fact in history if job_id == name))


kinds = (job_details(), job_metrics(), status_reports())


@HISTORIES
@given(st.one_of(terse_histories(max_size=8), *(st.lists(facts, max_size=4) for facts in kinds)))
def test_quick_join_agrees_with_the_rule(facts):
    for kind in (JobDetails, JobMetrics, StatusReport):
        of_kind = [fact for fact in facts if type(fact) is kind]
        # Reports are joined where they are of the same strength.
        alike = [fact for fact in of_kind if getattr(fact, "strength", 0) == getattr(of_kind[0], "strength", 0)]
        assert reduce(joined, alike, alike[:1] and alike[0]) == reduce(joined_slowly, alike, alike[:1] and alike[0])


def test_law_4_asks_every_query_of_a_record():
    functions = {
        name
        for name, function in vars(queries).items()
        if inspect.isfunction(function)
        and not name.startswith("_")
        and next(iter(inspect.signature(function).parameters), "") == "job"
    }
    properties = {f"Job.{name}" for name, member in vars(Job).items() if isinstance(member, property)}
    assert functions | properties <= laws.QUERIES.keys()
    assert laws.EXCEPTIONS_TO_LAW_4.keys() <= laws.QUERIES.keys()


def test_records_of_different_jobs_are_not_merged():
    with pytest.raises(ValueError, match="'other'"):
        merge(Job(JOB_ID), Job("other"))
