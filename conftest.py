"""What tests of both folders share: a quick way to start a service, and the profiles of Hypothesis.

The profile ``ci`` is for every run, ``thorough`` for ``make thorough``, and ``mutants`` for ``make mutants``.
"""

import gc
import os
import subprocess
import sys
from functools import cache

import pytest
from hypothesis import HealthCheck, Phase, settings

# No deadlines, and no haste: machines are noisy, and speed is the benchmarks' business.
settings.register_profile(
    "ci",
    max_examples=25,
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

# What the collection of the tests makes stays to the end: to look through it for garbage takes a seventh of its time.
gc.disable()


def pytest_collection_finish():
    """Leave what is there now out of garbage collections, which forks would copy, and collect less often than usual."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """Give each worker of pytest-xdist the process of which services are forked: one for all."""
    if sys.platform == "linux":
        node.workerinput["prepared_services"] = _prepared_for_workers(node.config).address


@cache
def _prepared_for_workers(config):
    from prepared_services import PreparedServices  # noqa: PLC0415 - its folder is on the path by now

    prepared = PreparedServices()
    config.add_cleanup(prepared.stop)
    return prepared


@pytest.fixture(scope="session", autouse=sys.platform == "linux")
def prepared_services(request):
    """Fork the services that tests start from one process, which has loaded what they need."""
    from prepared_services import PreparedServices  # noqa: PLC0415 - its folder is on the path by now

    prepared = PreparedServices(getattr(request.config, "workerinput", {}).get("prepared_services"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ibm_circuit_job.local.service._new_process", prepared.start)
        yield prepared
    prepared.stop()


@pytest.fixture(scope="session")
def program(request):
    """Start a program by its words, such as ``-m ibm_circuit_job.cli jobs``: on Linux a fork, which imports little."""
    if sys.platform == "linux":
        return request.getfixturevalue("prepared_services").program

    def started(*words, terminal=None):
        end = subprocess.PIPE if terminal is None else terminal
        return subprocess.Popen(
            [sys.executable, *words],
            stdin=end,
            stdout=end,
            stderr=end,
            text=True,
            start_new_session=terminal is not None,
        )

    return started
