"""What the property tests share."""

import os

# Jobs of tests are kept where a test says so, and not with those of whoever runs them.
os.environ["IBM_CIRCUIT_JOB_STORE"] = "none"
