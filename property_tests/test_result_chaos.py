"""Each job gives its result to one call, at a service that spoils 22 % of its replies."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from chaos_jobs import REP_DELAY, SEED, THREADS, errands, plan
from hypothesis import settings

from ibm_circuit_job import IBMProvider
from ibm_circuit_job.errors import IBMBackendApiError
from ibm_circuit_job.local import LocalService

THOROUGH = settings().max_examples > 1000
JOBS, SEEDS = (100, range(5)) if THOROUGH else (12, range(1))
SPOILT = 0.22
"""The share of replies that go wrong."""


def faults(seed):
    """The faults of the chaos test that befall replies; of twelve kinds, any one befalls 22 % of the requests."""
    chosen = [fault for fault in plan()["faults"] if "status" not in fault["kind"] or fault["kind"] == "status"]
    chosen = [fault for fault in chosen if not fault["kind"].startswith("stream")]
    each = 1 - (1 - SPOILT) ** (1 / len(chosen))
    return {"seed": SEED + seed, "faults": [{**fault, "rate": each} for fault in chosen]}


def submitted(provider, errand):
    """What a lost submission costs is another test's; here it is sent until it arrives."""
    given = {"rep_delay": REP_DELAY} if errand.takes_time else {}
    while True:
        try:
            return provider.get_backend(errand.backend).run(errand.circuit(), shots=errand.shots, **given)
        except IBMBackendApiError:
            continue


def came_to(provider, errand):
    """What one call of ``result()`` came to."""
    job = submitted(provider, errand)
    try:
        counts = job.result(timeout=120).get_counts()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
        return f"{type(error).__name__}: {error}"
    return "right" if errand.is_right(counts) else "wrong"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("channel", ["ibm_quantum", "ibm_quantum_platform"])
def test_spoilt_replies_give_each_result_to_exactly_one_call(channel, seed):
    with LocalService(seed=SEED + seed, faults=faults(seed)) as service:
        url, instance = (service.url, None) if channel == "ibm_quantum" else (service.platform_url, service.instance)
        with (
            IBMProvider(service.token, url, instance=instance, channel=channel) as provider,
            ThreadPoolExecutor(THREADS) as threads,
        ):
            outcomes = Counter(threads.map(lambda errand: came_to(provider, errand), errands(JOBS)))
    print(f"\n{channel}, seed {seed}: {dict(outcomes)}")
    assert outcomes == {"right": JOBS}
