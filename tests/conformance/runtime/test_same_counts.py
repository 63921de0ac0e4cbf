"""What each primitive of this client counts is kept, to be compared with what others count; our handle reads it all."""

import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime import EstimatorV2, SamplerV2
from qiskit_ibm_runtime.executor import Executor
from qiskit_ibm_runtime.executor_estimator import Estimator
from qiskit_ibm_runtime.executor_sampler import Sampler
from qiskit_ibm_runtime.quantum_program import QuantumProgram
from same_counts import DEVICES, SHOTS, SIGMAS, apart, circuits, value

from ibm_circuit_job import IBMProvider

SECONDS = 300
EXECUTION = {"rep_delay": 0.0}


@pytest.fixture(scope="module")
def ours(services):
    where, patch = services.seeded, pytest.MonkeyPatch()
    for variable, url in where.environment.items():
        if not variable.startswith("QISKIT_IBM_"):
            patch.setenv(variable, url)
    with IBMProvider(where.token, where.platform_url, instance=where.instance) as provider:
        yield provider
    patch.undo()


@pytest.fixture(scope="module", params=DEVICES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def seeded(connect, services, name):
    return connect(services.seeded).backend(name)


def by_sampler(mode):
    return SamplerV2(mode=mode, options={"execution": EXECUTION}).run(circuits(mode.name), shots=SHOTS)


def by_client_side_sampler(mode):
    sampler = Sampler(mode=mode)
    sampler.options.execution.rep_delay = 0.0
    return sampler.run(circuits(mode.name), shots=SHOTS)


def by_executor(mode):
    program = QuantumProgram(shots=SHOTS)
    for circuit in circuits(mode.name):
        program.append_circuit_item(circuit)
    executor = Executor(mode)
    executor.options.execution.rep_delay = 0.0
    return executor.run(program)


def counts_of(result):
    """The counts of the circuits of a result of either kind."""
    if hasattr(result[0], "data"):
        return [pub.data.meas.get_counts() for pub in result]
    return [_counts(item["meas"]) for item in result]


def _counts(bits):
    outcomes, numbers = np.unique(bits @ (1 << np.arange(5)), return_counts=True)
    return {f"{outcome:05b}": int(number) for outcome, number in zip(outcomes, numbers, strict=True)}


@pytest.fixture(scope="module")
def counted(seeded):
    """The counts by the sampler that runs in the service."""
    return counts_of(by_sampler(seeded).result(timeout=SECONDS))


@pytest.mark.parametrize("run", [by_sampler, by_client_side_sampler, by_executor], ids=lambda run: run.__name__)
def test_twenty_circuits_are_counted_on_a_seeded_device(run, seeded, name, counted, ours, keep_counts):
    job = run(seeded)
    counts = counts_of(job.result(timeout=SECONDS))
    assert len(counts) == 20
    assert apart(counts, counted) <= SIGMAS
    handle = ours.retrieve_job(job.job_id())
    assert handle.result(timeout=SECONDS).get_counts() == counts
    assert handle.backend().name == name
    keep_counts(name, f"{run.__name__} of qiskit-ibm-runtime", counts)


def by_estimator(mode, pubs):
    options = {"execution": EXECUTION, "resilience_level": 0}
    return EstimatorV2(mode=mode, options=options).run(pubs, precision=SHOTS**-0.5)


def by_client_side_estimator(mode, pubs):
    estimator = Estimator(mode=mode)
    estimator.options.execution.rep_delay = 0.0
    estimator.options.resilience.measure_mitigation = False
    return estimator.run(pubs, precision=SHOTS**-0.5)


@pytest.mark.parametrize("run", [by_estimator, by_client_side_estimator], ids=lambda run: run.__name__)
def test_values_of_an_estimator_are_those_of_the_counts(run, seeded, name, counted, ours):
    _, size, qubits, _ = DEVICES[name]
    observables = [SparsePauliOp.from_sparse_list([("Z", [qubit], 1.0)], num_qubits=size) for qubit in qubits]
    pubs = [(circuit.remove_final_measurements(inplace=False), observables) for circuit in circuits(name)]
    job = run(seeded, pubs)
    result = job.result(timeout=SECONDS)
    for pub, counts in zip(result, counted, strict=True):
        found = np.array([value(counts, bit) for bit in range(5)])
        # The rule of succession: where all shots agree, an error is still possible.
        mean = found * SHOTS / (SHOTS + 2)
        sigma = np.hypot(pub.data.stds, np.sqrt((1 - mean**2) / SHOTS))
        assert (np.abs(pub.data.evs - found) <= SIGMAS * sigma).all()
    mine = ours.retrieve_job(job.job_id()).primitive_result()
    for pub, theirs in zip(mine, result, strict=True):
        assert np.allclose(pub.data.evs, theirs.data.evs)
        assert np.allclose(pub.data.stds, theirs.data.stds)
