"""qiskit-experiments: experiments that run on our backend, and our jobs as their data."""

import copy
import json

import numpy as np
import pytest
from qiskit.quantum_info import Statevector, state_fidelity
from qiskit_experiments.framework import ExperimentData, ExperimentDecoder, ExperimentEncoder, ParallelExperiment
from qiskit_experiments.library import T1, LocalReadoutError, StandardRB, StateTomography

from ibm_circuit_job import IBMProvider, JobStore

DELAYS = np.linspace(1e-6, 4e-4, 6)
"""In seconds."""
SHOTS = 400


def finished(data):
    """Wait for jobs and analysis, and see that nothing went wrong."""
    data.block_for_results(timeout=120)
    assert data.status().name == "DONE", data.errors()
    return data


def found(data, name):
    """The value of that name, and its standard error."""
    (row,) = data.analysis_results(name, dataframe=True).itertuples()
    return row.value.nominal_value, row.value.std_dev


def assert_rows(data, jobs):
    """Each delay has its row, with all shots, from one of the jobs."""
    rows = data.data()
    assert [row["metadata"]["xval"] for row in rows] == pytest.approx(list(DELAYS), rel=1e-3)
    assert {sum(row["counts"].values()) for row in rows} == {SHOTS}
    assert {row["job_id"] for row in rows} == {job.job_id() for job in jobs}


def assert_t1(data, expected):
    value, error = found(data, "T1")
    assert value == pytest.approx(expected, abs=5 * error)
    assert error < expected


@pytest.fixture
def t1(device):
    return T1([0], DELAYS, backend=device)


@pytest.fixture
def submit(device, t1):
    return lambda: device.run(t1._transpiled_circuits(), shots=SHOTS)


@pytest.mark.parametrize("backend_run", [False, True])
def test_t1_is_that_of_the_calibration(t1, calibrated, backend_run):
    data = finished(t1.run(shots=SHOTS, backend_run=backend_run))
    assert_t1(data, calibrated(0).t1)
    assert_rows(data, data.jobs())
    assert data.backend_name == "local_5q"


def test_backend_may_come_with_run(device, calibrated):
    assert_t1(finished(T1([1], DELAYS).run(device, shots=SHOTS)), calibrated(1).t1)


def test_benchmarked_cx_errs_by_its_gate_error(device):
    lengths = [1, 10, 25, 50, 80]
    experiment = StandardRB([0, 1], lengths, num_samples=3, seed=5, backend=device)
    # All errors are put down to the cx: those of single qubits are a tenth of it.
    data = finished(experiment.run(shots=SHOTS))
    expected = [device.properties().gate_error("cx", pair) for pair in ([0, 1], [1, 0])]
    value, error = found(data, "EPG_cx")
    assert 0.6 * min(expected) < value < 1.6 * max(expected)
    assert error < min(expected)


def test_benchmarked_qubit_is_nearly_ideal(device):
    data = finished(StandardRB([2], [1, 100, 300, 600], num_samples=2, seed=5, backend=device).run(shots=SHOTS))
    value, error = found(data, "EPC")
    # So small an error is nearly a straight line, of which the fit sometimes knows no standard error.
    assert value == pytest.approx(5e-4, abs=2e-3 + 5 * np.nan_to_num(error))


def test_tomography_finds_the_bell_state(device, pair):
    data = finished(StateTomography(pair, backend=device, physical_qubits=[0, 1]).run(shots=SHOTS))
    (state,) = data.analysis_results("state", dataframe=True)["value"]
    assert 0.8 < state_fidelity(state, Statevector(pair)) <= 1
    (fidelity,) = data.analysis_results("state_fidelity", dataframe=True)["value"]
    assert fidelity == pytest.approx(state_fidelity(state, Statevector(pair)), abs=1e-6)


def test_readout_errors_are_those_of_the_calibration(device, calibrated):
    data = finished(LocalReadoutError(range(5), backend=device).run(shots=2000))
    (mitigator,) = data.analysis_results("Local Readout Mitigator", dataframe=True)["value"]
    for qubit in range(5):
        matrix = mitigator.assignment_matrix([qubit])
        for measured, expected in [
            (matrix[0, 1], calibrated(qubit).wrong_zero),
            (matrix[1, 0], calibrated(qubit).wrong_one),
        ]:
            assert measured == pytest.approx(expected, abs=1e-3 + 5 * np.sqrt(expected / 2000))


def test_parallel_experiments_run_in_one_job(device, calibrated):
    qubits = (0, 2, 4)
    experiment = ParallelExperiment([T1([qubit], DELAYS) for qubit in qubits], backend=device, flatten_results=False)
    data = finished(experiment.run(shots=SHOTS))
    assert len(data.jobs()) == 1
    for child, qubit in zip(data.child_data(), qubits, strict=True):
        assert_t1(child, calibrated(qubit).t1)


def test_live_jobs_become_data(t1, submit, calibrated):
    job = submit()
    data = ExperimentData(experiment=t1)
    data.add_jobs(job)
    assert_t1(finished(t1.analysis.run(data)), calibrated(0).t1)
    assert data.jobs() == [job]
    assert data.job_status().name == "DONE"
    assert_rows(data, [job])


def test_data_cancels_its_jobs(device, t1):
    job = device.run(t1._transpiled_circuits(), shots=100_000, rep_delay=500e-6)
    data = ExperimentData(experiment=t1)
    data.add_jobs(job)
    assert data.cancel_jobs()
    assert data.job_status().name == job.status().name == "CANCELLED"


def test_data_goes_to_json_and_back(t1, submit):
    job = submit()
    data = ExperimentData(experiment=t1)
    data.add_jobs(job)
    finished(t1.analysis.run(data))
    again = json.loads(json.dumps(data, cls=ExperimentEncoder), cls=ExperimentDecoder)
    assert again.data() == data.data()
    assert again.job_ids == [job.job_id()]
    assert found(again, "T1") == found(data, "T1")
    assert_rows(data.copy(), [job])


def test_experiment_with_our_backend_is_copied_and_saved(t1):
    assert copy.deepcopy(t1).backend.name == t1.copy().backend.name == "local_5q"
    saved = json.loads(json.dumps(t1.config(), cls=ExperimentEncoder), cls=ExperimentDecoder)
    assert saved.experiment().physical_qubits == (0,)


def test_jobs_of_a_store_become_data_without_the_service(tmp_path):
    with IBMProvider.local(store=JobStore(str(tmp_path / "jobs.sqlite")), seed=7) as provider:
        backend = provider.get_backend("local_5q")
        experiment = T1([0], DELAYS, backend=backend)
        submitted = backend.run(experiment._transpiled_circuits(), shots=SHOTS, rep_delay=0.0)
        submitted.result(timeout=60)
        expected = backend.properties().t1(0)
    (job,) = JobStore(str(tmp_path / "jobs.sqlite")).jobs()
    data = ExperimentData(experiment=T1([0], DELAYS))
    data.add_jobs(job)
    assert_t1(finished(T1([0], DELAYS).analysis.run(data)), expected)
    assert_rows(data, [job])
    assert (data.backend_name, data.job_status().name) == ("local_5q", "DONE")


def test_examples_of_the_documentation_run(run_documented):
    run_documented("qiskit-experiments")
