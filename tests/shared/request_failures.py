"""What a request that failed says."""

import pytest

from ibm_circuit_job.clients import RequestFailed


def failure_of(call):
    """Make a call that fails, and return its failure."""
    with pytest.raises(RequestFailed) as raised:
        call()
    return raised.value.failure
