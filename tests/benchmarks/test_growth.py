"""How the time for the counts of a result grows with its circuits and its shots. Times are of the CPU."""

from datetime import UTC, datetime

import pytest
from harness import fastest
from large_results import classic, executor, sampler

from ibm_circuit_job import ResultPayload
from ibm_circuit_job.wire import results

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
SIZES = [(30, 1_000), (100, 1_000), (300, 1_000), (30, 4_000), (30, 16_000)]
"""Circuits, and shots of each."""
BITS = 60


@pytest.mark.benchmark(group="growth of results")
@pytest.mark.parametrize("write", [classic, sampler, executor])
def test_growth_with_circuits_and_shots(benchmark, report, write):
    payloads = {size: ResultPayload(NOON, write(*size, BITS)) for size in SIZES}

    def measured():
        return {
            size: (
                fastest(lambda payload=payload: results.decode(payload).unwrap().get_counts(0))[0],
                fastest(lambda payload=payload: results.decode(payload).unwrap().get_counts())[0],
            )
            for size, payload in payloads.items()
        }

    for (circuits, shots), times in benchmark.pedantic(measured, rounds=1, iterations=1).items():
        for label, took in zip(("first counts", "all counts"), times, strict=True):
            megabytes = len(payloads[circuits, shots].raw) / 1e6
            what = f"{label}: {write.__name__}, {circuits} circuits x {shots:,} shots"
            report(what, took * 1e3, "ms", note=f"{megabytes:.1f} MB")
