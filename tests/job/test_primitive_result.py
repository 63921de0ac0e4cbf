"""primitive_result(): read once for both forms, kept, stored, and told apart from result()."""

import asyncio
import base64
import importlib
import io
import json
import threading
import zlib
from datetime import UTC, datetime

import numpy as np
import pytest
from ibm_quantum_schemas import common
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter
from result_bodies import CLASSIC, ESTIMATOR, NOISE_LEARNER_V3, REST_ESTIMATOR, bits, executor, packed_sampler

from ibm_circuit_job import (
    ExecutorResult,
    IBMCircuitJob,
    IBMJobApiError,
    IBMJobFailureError,
    IBMJobInvalidStateError,
    IBMJobTimeoutError,
    Job,
    JobInputs,
    JobStore,
    NoiseLearnerResult,
)
from ibm_circuit_job.errors import Refused
from ibm_circuit_job.testing import ScriptedClient
from ibm_circuit_job.wire import inputs, typed_json

DONE = b'{"id": "a", "state": {"status": "Completed"}, "private": true}'
PUBLIC = b'{"id": "a", "state": {"status": "Completed"}, "private": false, "program": {"id": "sampler"}}'
GONE = Refused("read the result of job a", "http://x", 404, "It was read.")
SAMPLER = packed_sampler({"c": bits(1, 20, 3)})
NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
THETA = Parameter("theta")


def job_of(*bodies, reply=DONE, **more):
    return IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient([reply], results=[*bodies]), **more)


def read(job):
    return [method for method, _ in job.client.calls].count("job_results")


def value(pubs):
    return float(np.ravel(pubs[0].data.evs)[0])


@pytest.mark.parametrize("body", [ESTIMATOR, REST_ESTIMATOR])
def test_estimator_has_its_values_and_no_counts(body):
    job = job_of(body, GONE)
    with pytest.raises(IBMJobInvalidStateError, match=r"job a has no counts.*primitive_result\(\)"):
        job.result()
    assert value(job.primitive_result()) == 0.5
    assert job.primitive_result() is job.primitive_result()
    with pytest.raises(IBMJobInvalidStateError):
        job.result()
    assert read(job) == 1


def test_sampler_is_read_once_for_both_forms():
    job = job_of(SAMPLER, GONE)
    counts = job.primitive_result()[0].data.c.get_counts()
    assert job.result().get_counts() == counts
    assert read(job) == 1


def test_threads_that_ask_for_both_forms_read_once():
    job = job_of(SAMPLER, GONE)
    asked = [job.result, job.primitive_result] * 4
    threads = [threading.Thread(target=ask) for ask in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert job.result().get_counts() == job.primitive_result()[0].data.c.get_counts()
    assert read(job) == 1


def test_other_programs_have_records_of_arrays():
    assert isinstance(job_of(executor("v2.0", {"c": bits(1, 20, 3)})).primitive_result(), ExecutorResult)
    assert isinstance(job_of(NOISE_LEARNER_V3).primitive_result(), NoiseLearnerResult)


def test_classic_result_has_no_primitive_form():
    job = job_of(CLASSIC, GONE)
    with pytest.raises(IBMJobInvalidStateError, match=r"result\(\) returns it"):
        job.primitive_result()
    assert job.result().success
    assert read(job) == 1


@pytest.mark.parametrize("body", [ESTIMATOR, NOISE_LEARNER_V3, executor("v1.0", {"x": np.array([0.5])})])
def test_result_without_counts_outlives_the_process(body, tmp_path):
    with JobStore(tmp_path / "jobs.sqlite") as store:
        job = job_of(body, GONE, store=store)
        with pytest.raises(IBMJobInvalidStateError):
            job.result()
        assert store.load("a").payload.raw == body
    with JobStore(tmp_path / "jobs.sqlite") as store:
        [back] = store.jobs()
        assert len(back.primitive_result()) == 1
        with pytest.raises(IBMJobInvalidStateError, match="no counts"):
            back.result()
        assert store.unfinished() == []


def test_result_given_to_the_constructor_costs_no_request():
    job = IBMCircuitJob(None, None, "a", status="Completed", result=REST_ESTIMATOR.decode())
    assert value(job.primitive_result()) == 0.5
    with pytest.raises(IBMJobInvalidStateError, match="no counts"):
        job.result()


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b'{"id": "a", "state": {"status": "Cancelled"}}', IBMJobInvalidStateError),
        (b'{"id": "a", "state": {"status": "Failed", "reason": "Too hot."}}', IBMJobFailureError),
    ],
)
def test_job_that_is_not_done_has_no_primitive_result(reply, error):
    with pytest.raises(error):
        job_of(ESTIMATOR, reply=reply).primitive_result()


def test_primitive_result_that_was_read_elsewhere_is_said_to_be():
    with pytest.raises(IBMJobApiError, match="read only once"):
        job_of(GONE).primitive_result(timeout=5)


def test_timeout_of_primitive_result_is_honoured():
    with pytest.raises(IBMJobTimeoutError):
        job_of(ESTIMATOR, reply=b'{"id": "a", "state": {"status": "Running"}}').primitive_result(timeout=0.01)


def test_event_loop_gets_the_same():
    job = job_of(ESTIMATOR, GONE)
    assert value(asyncio.run(job.primitive_result_async())) == 0.5
    assert asyncio.run(job.primitive_result_async()) is job.primitive_result()


# The names of circuits, and what was submitted


def circuit(name="sweep"):
    made = QuantumCircuit(3, 3, name=name)
    made.rx(THETA, 0)
    made.measure(range(3), range(3))
    return made


class Retrieved(ScriptedClient):
    """The client of a job that another process submitted."""

    def __init__(self, params, body):
        super().__init__([PUBLIC], results=[body])
        self.params = params
        self.asked_for_inputs = 0

    def job_get(self, job_id, exclude_params=True):
        if exclude_params:
            return super().job_get(job_id)
        self.asked_for_inputs += 1
        return PUBLIC[:-1] + b', "params": ' + self.params + b"}"


def test_retrieved_job_learns_the_names_of_its_circuits_once():
    params = typed_json.encode({"pubs": [[circuit(), np.array([[0.5], [0.7]]), 20]]})
    client = Retrieved(params, packed_sampler({"c": bits(1, 2, 20, 3)}))
    job = IBMCircuitJob(None, None, "a", runtime_client=client)
    result = job.result()
    assert len(result.get_counts(circuit())) == 2
    assert result.results[1].header["parameters"] == {"theta": 0.7}
    assert job.circuits() == [circuit()]
    assert job.backend_options() == {"shots": 20}
    assert job.result() is result
    assert client.asked_for_inputs == 1


def test_result_comes_without_names_if_the_inputs_cannot_be_read():
    client = Retrieved(b"{", SAMPLER)
    result = IBMCircuitJob(None, None, "a", runtime_client=client).result()
    assert sum(result.get_counts("circuit-0").values()) == 20
    assert client.asked_for_inputs == 1


def submitted(params):
    return Job("a", inputs=JobInputs(NOON, typed_json.encode(params)))


def test_circuits_of_an_estimator_are_those_of_its_pubs():
    job = submitted({"pubs": [[circuit(), {"ZZZ": 1.0}, np.zeros(1), None]], "resilience_level": 1})
    assert inputs.circuits(job) == [circuit()]
    assert inputs.backend_options(job) == {"resilience_level": 1}


@pytest.mark.parametrize("version", ["0_1", "0_2", "1_0", "1_1", "2_0"])
def test_circuits_of_an_executor_are_those_of_its_items(version):
    params = executor_params(version, [circuit("first"), circuit("second")])
    job = Job("a", inputs=JobInputs(NOON, params))
    assert [each.name for each in inputs.circuits(job)] == ["first", "second"]
    [(name, binding), _] = inputs.named_bindings(job)
    assert (name, binding.registers, binding.parameters, binding.values.tolist()) == (
        "first",
        ("c",),
        ("theta",),
        [[0.5]],
    )
    assert inputs.backend_options(job)["shots"] == 20
    assert inputs.header(job) == {}


def executor_params(version, circuits):
    """The parameters of an ``executor`` job, written by the service's own models."""
    models = importlib.import_module(f"ibm_quantum_schemas.executor.version_{version}")
    tensor = common.F64CompressedTensorModel if version == "2_0" else common.F64TensorModel
    arguments = tensor.from_numpy(np.array([[0.5]]))
    program = {"shots": 20}
    if version < "1":
        model = common.QpyModelV13ToV16 if version == "0_1" else common.QpyModelV13ToV17
        items = [
            {"circuit": model.from_quantum_circuit(each, qpy_version=16), "circuit_arguments": arguments}
            for each in circuits
        ]
    else:
        file = common.CompressedQpyDataModel if version == "2_0" else common.QpyDataV13ToV17Model
        program["circuits"] = file.from_python(circuits, qpy_version=16)
        items = [{"circuit_arguments": arguments, "shape": []} for _ in circuits]
    item = models.CircuitItemModel
    program = models.QuantumProgramModel(**program, items=[item(**each) for each in items])
    return models.ParamsModel(quantum_program=program, options=models.OptionsModel()).model_dump_json().encode()


def test_metadata_of_a_circuit_may_hold_typed_values():
    noted = circuit()
    array = json.loads(typed_json.encode(np.arange(2)))
    noted.metadata = {"xs": array, "bad": {"__type__": "ndarray", "__value__": "AAAA"}, "n": 3}
    file = io.BytesIO()
    qpy.dump(noted, file, version=17)
    text = base64.b64encode(zlib.compress(file.getvalue())).decode()
    body = json.dumps({"__type__": "QuantumCircuit", "__value__": text}).encode()
    metadata = typed_json.decode(body, "circuit").unwrap().metadata
    assert metadata["xs"].tolist() == [0, 1]
    assert (metadata["bad"], metadata["n"]) == ({"__type__": "ndarray", "__value__": "AAAA"}, 3)
