"""What a job costs on the local service beside Aer called directly, and a circuit of 100 qubits on ``local_heron``."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import known_circuits
import pytest
from harness import seconds
from qiskit import QuantumCircuit, transpile
from qiskit_aer import AerSimulator

from ibm_circuit_job.local.heron import line

JOBS, AT_ONCE, SHOTS = 320, 16, 1000
QUBITS = 100


def seconds_of_each(run):
    """Run Bell circuits from 16 threads; return the seconds of the whole, divided by the number of circuits."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        counts = list(threads.map(lambda _: run(), range(AT_ONCE)))
        took = seconds(lambda: counts.extend(threads.map(lambda _: run(), range(JOBS))))
    assert all(set(each) <= {"00", "11"} and sum(each.values()) == SHOTS for each in counts)
    return took / JOBS


@pytest.mark.benchmark(group="jobs on the local service")
def test_bell_jobs_at_16_at_once(benchmark, simulator, report):
    """320 Bell circuits of 1,000 shots, from ``run()`` to the counts."""
    bell, aer = known_circuits.bell(), AerSimulator()

    def by_service():
        return simulator.run(bell, shots=SHOTS).result(timeout=120).get_counts()

    def by_aer():
        return aer.run(bell, shots=SHOTS).result().get_counts()

    direct = seconds_of_each(by_aer)
    each = benchmark.pedantic(lambda: seconds_of_each(by_service), rounds=1, iterations=1)
    what, note = f"a Bell job on the local service, {AT_ONCE} at once", f"Aer called directly {direct * 1e3:.1f} ms"
    report(what, each * 1e3, "ms", note=note, aim="5 ms more than Aer")


@pytest.mark.benchmark(group="jobs on the local service")
def test_circuit_of_100_qubits_on_local_heron(benchmark, provider, report):
    """A chain of 100 entangled qubits, simulated with the noise of the device as a stabilizer circuit."""
    heron = provider.get_backend("local_heron")
    chain = QuantumCircuit(QUBITS)
    chain.h(0)
    for qubit in range(QUBITS - 1):
        chain.cx(qubit, qubit + 1)
    chain.measure_all()
    ready = transpile(chain, heron, initial_layout=line(QUBITS), optimization_level=1, seed_transpiler=1)
    counts = benchmark.pedantic(
        lambda: heron.run(ready, shots=SHOTS, rep_delay=0.0).result(timeout=300).get_counts(), rounds=3, iterations=1
    )
    assert sum(counts.values()) == SHOTS
    # Neighbours agree but for the errors of the device.
    walls = sum(number * sum(a != b for a, b in pairwise(bits)) for bits, number in counts.items())
    assert walls / SHOTS / (QUBITS - 1) < 0.1
    report(
        f"{QUBITS} entangled qubits on local_heron, {SHOTS} shots",
        benchmark.stats["min"],
        "s",
        note=f"from run() to counts; {walls / SHOTS:.1f} of {QUBITS - 1} neighbours differ",
    )
