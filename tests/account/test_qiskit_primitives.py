"""qiskit's own primitives on our backend, in both dialects."""

import numpy as np
import pytest
from known_circuits import bell
from qiskit import QuantumCircuit, transpile
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2
from qiskit.quantum_info import SparsePauliOp

from ibm_circuit_job import IBMProvider

SHOTS = 1000


@pytest.fixture(scope="module", params=["legacy_provider", "platform_provider"])
def provider(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def legacy_provider(service):
    with IBMProvider(service.token, service.url) as provider:
        yield provider


def test_sampler_gives_the_bits_of_a_bell_pair(provider):
    sampler = BackendSamplerV2(backend=provider.get_backend("local_simulator"))
    counts = sampler.run([bell()], shots=SHOTS).result()[0].data.meas.get_counts()
    assert set(counts) == {"00", "11"}
    assert sum(counts.values()) == SHOTS


def test_estimator_gives_the_values_of_a_bell_pair(provider):
    device = provider.get_backend("local_5q")
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    ready = transpile(circuit, device, optimization_level=1, seed_transpiler=1)
    observables = [SparsePauliOp(name).apply_layout(ready.layout) for name in ("ZZ", "XX", "ZI")]
    job = BackendEstimatorV2(backend=device).run([(ready, observables)], precision=1 / np.sqrt(SHOTS))
    assert np.allclose(job.result()[0].data.evs, [0.93, 0.93, 0], atol=0.15)
