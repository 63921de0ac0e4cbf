"""Any life of a job through a bad network, with the classic object on one side and a model on the other."""

import os

from hypothesis import settings

from ibm_circuit_job.testing import JobLifecycle

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"

TestJobLifecycle = JobLifecycle.TestCase
TestJobLifecycle.settings = settings(
    max_examples=1000 if THOROUGH else 30,
    stateful_step_count=50 if THOROUGH else 20,
    deadline=None,
)
