"""Hypothesis profiles: ``ci`` for every run, ``thorough`` for ``make thorough``."""

import os

from hypothesis import HealthCheck, settings

# Jobs of tests are kept where a test says so, and not with those of whoever runs them.
os.environ["IBM_CIRCUIT_JOB_STORE"] = "none"

# No deadlines: machines are noisy, and speed is the benchmarks' business.
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True, print_blob=True)
settings.register_profile(
    "thorough",
    max_examples=2_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
