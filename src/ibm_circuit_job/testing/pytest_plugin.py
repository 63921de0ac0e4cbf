"""The pytest plugin: fixtures for a service on this machine, and a marker for faults of the service in one test.

If this package is installed, every run of pytest imports this module. So slow imports happen in the fixtures.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from ibm_circuit_job.account.backend import IBMBackend
    from ibm_circuit_job.account.provider import IBMProvider
    from ibm_circuit_job.local import LocalService

_MARKER: Final = "ibm_faults"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker ``ibm_faults``."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(*faults, seed=0): the faults of ibm_service while the test runs; each fault is a dictionary, "
        'as in {"kind": "status", "status": 503, "times": 2}.',
    )


@pytest.fixture(scope="session")
def ibm_service_settings() -> dict[str, Any]:
    """The arguments of the ``LocalService`` of this session. Override this fixture to change them.

    The seed is fixed, so that a test gets the same counts each time.
    """
    return {"seed": 1234, "workers": 1}


@pytest.fixture(scope="session")
def ibm_service(ibm_service_settings: dict[str, Any]) -> Iterator[LocalService]:
    """An IBM Quantum service on this machine. There is one per session; with pytest-xdist, one per worker."""
    from ibm_circuit_job.local import LocalService  # noqa: PLC0415 - for the tests that need it

    with LocalService(**ibm_service_settings) as service:
        yield service


@pytest.fixture
def ibm_provider(ibm_service: LocalService) -> Iterator[IBMProvider]:
    """An account of ``ibm_service`` on the channel ``ibm_quantum_platform``, without jobs and without a store.

    After the test, its jobs are cancelled and deleted.
    """
    from ibm_circuit_job.account.provider import IBMProvider  # noqa: PLC0415 - for the tests that need it

    with IBMProvider(
        token=ibm_service.token,
        url=ibm_service.platform_url,
        instance=ibm_service.instance,
        channel="ibm_quantum_platform",
    ) as provider:
        try:
            yield provider
        finally:
            # A test may have stopped the service.
            if ibm_service.is_running:
                ibm_service.delete_jobs()


@pytest.fixture
def ibm_backend(ibm_provider: IBMProvider) -> IBMBackend:
    """The backend ``local_simulator`` of ``ibm_provider``: a simulator without noise that runs any circuit."""
    return ibm_provider.get_backend("local_simulator")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Set the faults of a test's markers while the test function runs, but not while its fixtures run."""
    plan = _plan(item)
    if plan is None:
        return (yield)
    service = getattr(item, "funcargs", {}).get("ibm_service")
    if service is None:
        raise pytest.UsageError(f"{item.nodeid}: {_MARKER} needs one of ibm_service, ibm_provider and ibm_backend")
    service.order_faults(plan)
    try:
        return (yield)
    finally:
        if service.is_running:
            service.order_faults(None)


def _plan(item: pytest.Item) -> dict[str, Any] | None:
    """The plan from the markers of a test, the closest marker first; ``None`` for a test without markers."""
    markers = list(item.iter_markers(_MARKER))
    if not markers:
        return None
    for marker in markers:
        if not marker.args or not marker.kwargs.keys() <= {"seed"}:
            # Without this check, a test with the fields of a fault as keywords would pass without any fault.
            raise pytest.UsageError(
                f"{item.nodeid}: expected {_MARKER} to have a dictionary for each fault and no keyword but seed, got "
                f"{', '.join(marker.kwargs) or 'nothing'}"
            )
    seeds = [marker.kwargs["seed"] for marker in markers if "seed" in marker.kwargs]
    return {"faults": [fault for marker in markers for fault in marker.args], "seed": seeds[0] if seeds else 0}
