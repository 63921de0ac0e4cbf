"""What tests of both folders share: a quick way to start a service."""

import sys

import pytest


@pytest.fixture(scope="session", autouse=sys.platform == "linux")
def prepared_services():
    """Fork the services that tests start from one process, which has loaded what they need."""
    from prepared_services import PreparedServices  # noqa: PLC0415 - its folder is on the path by now

    prepared = PreparedServices()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ibm_circuit_job.local.service._new_process", prepared.start)
        yield
    prepared.stop()
