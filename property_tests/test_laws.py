"""The laws of the pure core, over histories of facts that Hypothesis makes up, reorders, repeats and splits."""

import pytest
from hypothesis import given, settings

from ibm_circuit_job import Job, merge
from ibm_circuit_job.testing import laws
from ibm_circuit_job.testing.strategies import JOB_ID, histories, jobs

# The laws are what all else rests on: they get ten times the examples of other properties.
HISTORIES = settings(max_examples=20_000 if settings.default.max_examples >= 2000 else 100)


@HISTORIES
@given(jobs(), jobs(), jobs())
def test_merge_is_a_join(a, b, c):
    laws.merge_is_a_join(a, b, c)


@pytest.mark.parametrize("law", laws.ON_HISTORIES, ids=lambda law: law.__name__)
@HISTORIES
@given(job=jobs(), history=histories())
def test_law_holds_over_histories(law, job, history):
    law(job, history)


def test_records_of_different_jobs_are_not_merged():
    with pytest.raises(ValueError, match="'other'"):
        merge(Job(JOB_ID), Job("other"))
