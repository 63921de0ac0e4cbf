"""The laws of the pure core, over histories of facts that Hypothesis makes up, reorders, repeats and splits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibm_circuit_job import Job, merge
from ibm_circuit_job.testing import laws
from ibm_circuit_job.testing.strategies import JOB_ID, histories, jobs, status_reports

# The laws are what all else rests on: they get ten times the examples of other properties.
HISTORIES = settings(max_examples=20_000 if settings.default.max_examples >= 2000 else 200)


@HISTORIES
@given(jobs(), jobs(), jobs())
def test_merge_is_a_join(a, b, c):
    laws.merge_is_a_join(a, b, c)


@HISTORIES
@given(jobs(), st.data())
def test_order_of_facts_does_not_matter(job, data):
    history = data.draw(histories())
    laws.order_does_not_matter(job, history, data.draw(st.permutations(history)))


@HISTORIES
@given(jobs(), histories(), st.integers(0, 8))
def test_splitting_a_history_does_not_matter(job, history, at):
    laws.splitting_does_not_matter(job, history, at)


@pytest.mark.parametrize("law", laws.ON_HISTORIES, ids=lambda law: law.__name__)
@HISTORIES
@given(job=jobs(), history=histories())
def test_law_holds_over_histories(law, job, history):
    law(job, history)


@HISTORIES
@given(jobs(), status_reports())
def test_unknown_status_is_no_error(job, report):
    laws.unknown_is_no_error(job, report)


@HISTORIES
@given(jobs())
def test_record_survives_json_and_pickle(job):
    laws.record_survives(job)


def test_records_of_different_jobs_are_not_merged():
    with pytest.raises(ValueError, match="'other'"):
        merge(Job(JOB_ID), Job("other"))
