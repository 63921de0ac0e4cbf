"""Reading results of 300 circuits x 4,000 shots, beside the official clients and one raw pass over the bytes.

Times are of the CPU, the fastest of some rounds: both clients are measured on the same machine, which may be busy.
"""

import json
import tracemalloc
from datetime import UTC, datetime

import msgspec
import pytest
from harness import HERE, PYTHONS, fastest, printed_by
from large_results import classic, executor, sampler

from ibm_circuit_job import ResultPayload, counts_table, memory_array
from ibm_circuit_job.wire import results

PEERS = {"classic": "provider", "sampler": "runtime", "executor": "runtime"}
NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
CIRCUITS, SHOTS, ROUNDS = 300, 4_000, 5
raw_pass = msgspec.json.Decoder(msgspec.Raw)


def theirs(program, raw, folder):
    """How long the official client takes: for the first counts, and for all; ``None`` where it is not there."""
    python = PYTHONS[PEERS[program]]
    if not python.exists():
        return None
    file = folder / "body.json"
    file.write_bytes(raw)
    return json.loads(printed_by(python, HERE / "peers/result_decoder.py", program, file))


@pytest.mark.benchmark(group="decoding results")
@pytest.mark.parametrize(("bits", "distinct"), [(60, 0), (127, 200)], ids=["all different", "200 different"])
@pytest.mark.parametrize("write", [classic, sampler, executor])
def test_counts_of_a_result(benchmark, report, tmp_path, write, bits, distinct):
    raw, program = write(CIRCUITS, SHOTS, bits, distinct), write.__name__
    payload = ResultPayload(NOON, raw)
    passed, _ = fastest(lambda: raw_pass.decode(raw))
    first, _ = fastest(lambda: results.decode(payload).unwrap().get_counts(0))
    every, counts = fastest(lambda: results.decode(payload).unwrap().get_counts(), rounds=3)
    benchmark.pedantic(lambda: results.decode(payload).unwrap().get_counts(0), rounds=ROUNDS)
    assert [sum(each.values()) for each in counts] == [SHOTS] * CIRCUITS
    peer = theirs(program, raw, tmp_path)
    what = f"{program}, {len(raw) / 1e6:.0f} MB, {distinct or SHOTS:,} outcomes a circuit"
    for label, ours, place in (("first counts", first, 0), ("all counts", every, 1)):
        report(
            f"{label}: {what}",
            ours * 1e3,
            "ms",
            **({PEERS[program]: peer[place] * 1e3} if peer else {}),
            note=f"{ours / passed:.1f} x one raw pass" if place == 0 else "",
            aim=AIMS[program][place],
            headline=not distinct,
        )


AIMS = {
    "classic": ("2 x the raw pass, 6 x as fast", "3 x as fast"),
    "sampler": ("1 x as fast", "4 x as fast"),
    "executor": ("1 x as fast", ""),
}


@pytest.mark.benchmark(group="decoding results")
@pytest.mark.parametrize("write", [classic, sampler])
def test_columns_of_a_result(benchmark, report, write):
    payload = ResultPayload(NOON, write(CIRCUITS, SHOTS, 60))
    table, found = fastest(lambda: counts_table(results.decode(payload).unwrap()), rounds=3)
    assert int(found["count"].sum()) == SHOTS * CIRCUITS

    def memory():
        result = results.decode(payload).unwrap()
        return [memory_array(result, number) for number in range(CIRCUITS)]

    arrays, _ = fastest(memory, rounds=3)
    benchmark.pedantic(memory, rounds=1)
    report(f"counts_table: {write.__name__}", table * 1e3, "ms")
    report(f"memory_array of each circuit: {write.__name__}", arrays * 1e3, "ms")


@pytest.mark.benchmark(group="decoding results")
@pytest.mark.parametrize("write", [classic, sampler, executor])
def test_memory_for_the_counts_of_one_circuit(benchmark, report, write):
    raw = write(CIRCUITS, SHOTS, 60)

    def peak():
        tracemalloc.start()
        results.decode(ResultPayload(NOON, raw)).unwrap().get_counts(0)
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return 1 + taken / len(raw)

    times = benchmark.pedantic(peak, rounds=1)
    report(f"peak memory for one circuit's counts: {write.__name__}", times, "x the body", aim="1.2 x")
