"""Hypothesis profiles: ``ci`` for every run, ``thorough`` for ``make thorough``, ``mutants`` for ``make mutants``."""

import os

from hypothesis import HealthCheck, Phase, settings

# Jobs of tests are kept where a test says so, and not with those of whoever runs them.
os.environ["IBM_CIRCUIT_JOB_STORE"] = "none"

# No deadlines, and no haste: machines are noisy, and speed is the benchmarks' business.
settings.register_profile(
    "ci",
    max_examples=50,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "thorough",
    max_examples=2_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# An error is to be found, and not to be explained.
settings.register_profile(
    "mutants", max_examples=100, deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
