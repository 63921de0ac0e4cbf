"""What run() sends: QPY that the service reads, typed metadata, OpenQASM 3 text, and the executor's programs."""

import base64
import io
import zlib
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest
from ibm_quantum_schemas.executor import version_2_0 as executor
from ibm_quantum_schemas.sampler import version_0_1 as sampler
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qpy
from qiskit.circuit import Gate
from qiskit.circuit.classical import expr

from ibm_circuit_job import IBMBackend, IBMBackendApiError, IBMBackendValueError, IBMProvider, Job, JobDetails
from ibm_circuit_job.clients import PlatformClient, RequestFailed
from ibm_circuit_job.errors import Refused
from ibm_circuit_job.local.devices import DEVICES, configuration
from ibm_circuit_job.state.selection import WantedJobs
from ibm_circuit_job.wire import typed_json
from ibm_circuit_job.wire.typed_json import circuit_files

TEXT = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nbit[2] c;\nx q[0];\nc = measure q;\n'
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
METADATA = {
    "n": np.int64(3),
    "xs": np.arange(2),
    "z": 1 + 2j,
    "at": NOON,
    "set": {1, 2},
    "deep": [{"f": np.float32(0.5)}],
}


def one(**arguments):
    circuit = QuantumCircuit(1, 1, **arguments)
    circuit.x(0)
    circuit.measure(0, 0)
    return circuit


def two_registers():
    circuit = QuantumCircuit(QuantumRegister(3), ClassicalRegister(2, "low"), ClassicalRegister(1, "high"), name="two")
    circuit.x([0, 2])
    circuit.measure(range(3), range(3))
    return circuit


@pytest.fixture(params=["ibm_quantum", "ibm_quantum_platform"])
def simulator(service, request, monkeypatch):
    for name, value in service.environment.items():
        monkeypatch.setenv(name, value)
    url = service.url if request.param == "ibm_quantum" else service.platform_url
    instance = None if request.param == "ibm_quantum" else service.instance
    with IBMProvider(service.token, url, instance=instance, channel=request.param) as provider:
        yield provider.get_backend("local_simulator")


def sent(job):
    return msgspec.json.decode(job.state.inputs.raw)


class CapturingClient:
    """A client that says of each submission what it was, and accepts it."""

    limits_tags = True

    def __init__(self, *, programs=("sampler", "executor"), words="Program 'sampler' not found."):
        self.programs, self.words = programs, words
        self.submitted = []

    def program_run(self, program_id, backend_name, params, **_):
        self.submitted.append((program_id, msgspec.json.decode(params)))
        if program_id not in self.programs:
            raise RequestFailed(Refused(f"submit a job to {backend_name}", "http://x", 404, self.words))
        return b'{"id": "a"}'


class Provider:
    """A provider of backends without a service."""

    channel = "ibm_quantum_platform"
    instance = "crn"

    def __init__(self, client):
        self.runtime_client = client

    def handle_on(self, state, backend):
        return state


def backend_of(client, name="local_5q"):
    return IBMBackend(Provider(client), configuration(DEVICES[name]))


# QPY


def qpy_in(encoded):
    return zlib.decompress(base64.b64decode(msgspec.json.decode(encoded)["__value__"]))


def test_circuits_are_written_in_a_version_the_service_reads():
    assert qpy_in(typed_json.encode(one()))[6] == min(17, qpy.QPY_VERSION)


def test_circuit_of_a_newer_version_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(circuit_files, "NEWEST_QPY", 13)
    circuit = one(name="stretched")
    circuit.delay(circuit.add_stretch("s"), 0)
    with pytest.raises(IBMBackendValueError, match=r"circuit 'stretched' cannot be written in QPY version 13, and"):
        backend_of(CapturingClient()).run(circuit)


def test_control_flow_goes_to_the_versions_that_are_read(simulator):
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.if_test(expr.lift(circuit.clbits[0])):
        circuit.x(1)
    circuit.measure(1, 1)
    assert simulator.run(circuit, shots=10).result(timeout=60).get_counts() == {"11": 10}


# Metadata


def test_metadata_is_in_the_services_json():
    (back,) = qpy.load(io.BytesIO(qpy_in(typed_json.encode(one(metadata=METADATA)))))
    decoded = typed_json.decode(msgspec.json.encode(back.metadata), "metadata").unwrap()
    assert decoded["xs"].tolist() == [0, 1]
    del decoded["xs"]
    assert decoded == {"n": 3, "z": 1 + 2j, "at": NOON, "set": {1, 2}, "deep": [{"f": 0.5}]}


def test_metadata_comes_back_with_the_result(simulator):
    found = simulator.run(one(metadata=METADATA), shots=5).result(timeout=60).results[0].header["metadata"]
    assert (found["n"], list(found["xs"]), found["z"], found["set"]) == (3, [0, 1], 1 + 2j, {1, 2})
    assert found["at"] == NOON


def test_metadata_without_a_form_is_refused_before_sending():
    client = CapturingClient()
    with pytest.raises(IBMBackendValueError, match="got a object"):
        backend_of(client).run(one(metadata={"a": object()}))
    assert client.submitted == []


@pytest.mark.parametrize("value", [NOON, {1, 2}, [{"at": (NOON, {NOON})}], {"s": frozenset({3})}])
def test_times_and_sets_are_typed_values(value):
    def plain(value):
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        return {name: plain(item) for name, item in value.items()} if isinstance(value, dict) else value

    assert typed_json.decode(typed_json.encode(value), "body").unwrap() == plain(value)


# The models of the service


@pytest.mark.parametrize("circuits", [one(metadata=METADATA), two_registers(), TEXT, [one(), TEXT]])
@pytest.mark.parametrize("options", [{}, {"rep_delay": 1e-4, "init_qubits": False}])
def test_parameters_fit_the_schema_of_the_sampler(circuits, options):
    client = CapturingClient()
    backend_of(client).run(circuits, shots=10, **options)
    ((program, params),) = client.submitted
    assert program == "sampler"
    sampler.ParamsModel.model_validate(params)


@pytest.mark.parametrize("words", ["Program 'sampler' not found.", "The program sampler does not exist"])
@pytest.mark.parametrize("circuits", [[one(), two_registers()], [TEXT, one()]])
def test_service_without_a_sampler_gets_the_executor_program(circuits, words):
    client = CapturingClient(programs={"executor"}, words=words)
    backend_of(client).run(circuits, shots=10, rep_delay=1e-4, init_qubits=False)
    _, (program, params) = client.submitted
    assert program == "executor"
    model = executor.ParamsModel.model_validate(params)
    assert model.quantum_program.shots == 10
    assert (model.options.rep_delay, model.options.init_qubits) == (1e-4, False)
    read = model.quantum_program.circuits.to_python()
    assert [circuit.num_qubits for circuit in read] == [2, 1] if circuits[0] is TEXT else read == circuits
    assert all(item.circuit_arguments.to_numpy().shape == (0,) for item in model.quantum_program.items)


def test_names_of_registers_go_through_the_executors_program():
    client = CapturingClient(programs={"executor"})
    circuit = two_registers()
    circuit.metadata = METADATA
    backend_of(client).run(circuit)
    executor.ParamsModel.model_validate(client.submitted[-1][1])
    told = client.submitted[-1][1]["quantum_program"]["passthrough_data"]
    assert told["circuits"] == [{"name": "two", "registers": [["low", 2], ["high", 1]]}]
    assert told["post_processor"]["circuits_metadata"][0]["z"] == {"__type__": "complex", "__value__": [1.0, 2.0]}


def test_executor_takes_the_metadata_that_the_sampler_takes():
    client = CapturingClient(programs={"executor"})
    backend_of(client).run(one(metadata={None: 1, "z": 1j}))
    told = client.submitted[-1][1]["quantum_program"]["passthrough_data"]["post_processor"]
    assert told["circuits_metadata"] == [{"null": 1, "z": {"__type__": "complex", "__value__": [0.0, 1.0]}}]


def test_circuit_that_the_executor_cannot_be_given_is_refused():
    opaque = QuantumCircuit(1, 1)
    opaque.append(Gate("opaque gate", 1, []), [0])
    with pytest.raises(IBMBackendValueError, match="opaque gate"):
        backend_of(CapturingClient(programs={"executor"})).run([opaque, TEXT])


def test_job_of_the_executor_is_listed_like_one_of_the_sampler():
    jobs = [Job("a", details=JobDetails(NOON, program=program)) for program in ("sampler", "executor", "estimator")]
    assert [WantedJobs().fits(job) for job in jobs] == [True, True, False]


def test_service_is_asked_for_its_sampler_once():
    client = CapturingClient(programs={"executor"})
    backend = backend_of(client)
    backend.run(one())
    backend.run(one())
    assert [program for program, _ in client.submitted] == ["sampler", "executor", "executor"]


@pytest.mark.parametrize("words", ["Backend 'b' not found.", "Program inputs are not valid.", "", "<html>"])
def test_other_refusals_are_no_reason_for_the_executor(words):
    client = CapturingClient(programs=(), words=words)
    with pytest.raises(IBMBackendApiError, match="404"):
        backend_of(client).run(one())
    assert [program for program, _ in client.submitted] == ["sampler"]


def test_option_that_the_executor_lacks_is_refused_by_name():
    client = CapturingClient(programs={"executor"})
    with pytest.raises(
        IBMBackendValueError, match=r"expected no simulator, because the service has no program 'sampler'"
    ):
        backend_of(client, "local_simulator").run(one(), seed_simulator=3)


# OpenQASM 3


def test_text_is_run(simulator):
    job = simulator.run([TEXT, TEXT.replace("x q[0]", "x q[1]")], shots=10)
    assert job.result(timeout=60).get_counts() == [{"01": 10}, {"10": 10}]
    assert TEXT in msgspec.json.encode(sent(job)).decode().replace("\\n", "\n").replace('\\"', '"')


def test_text_and_circuits_may_stand_side_by_side(simulator):
    assert simulator.run([one(), TEXT], shots=10).result(timeout=60).get_counts() == [{"1": 10}, {"01": 10}]


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("x q[0]", "levitate q[0]"),
        "OPENQASM 3.0;\nqubit[99999999] q;",
        "OPENQASM 3.0;\n" + "{" * 5000,
        "OPENQASM 3.0;\nnothing",
    ],
)
def test_text_that_cannot_be_read_fails_with_the_reason(simulator, text):
    job = simulator.run(text, shots=10)
    job.wait_for_final_state(timeout=60)
    assert job.status().name == "ERROR"
    assert "circuit-0: expected " in job.error_message()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("OPENQASM 2.0;\nqreg q[1];", r"got OpenQASM 2 at \[0\]; qiskit.qasm2.loads\(\) returns a QuantumCircuit"),
        ("qubit q;", r"text that begins with 'OPENQASM 3.0;', or a list of them, got 'qubit q;' at \[0\]"),
        ("", "got '' at"),
        ("OPENQASM 3.0; // \ud800", "that UTF-8 can encode"),
    ],
)
def test_text_that_is_not_openqasm_3_is_refused(text, message):
    client = CapturingClient()
    with pytest.raises(IBMBackendValueError, match=message):
        backend_of(client).run(text)
    assert client.submitted == []


@pytest.mark.parametrize("start", ["// a comment\n", "/* one\nmore */ ", "\n\n", "/**/// x\n"])
def test_text_may_begin_with_comments(start):
    client = CapturingClient()
    backend_of(client).run(start + TEXT)
    assert client.submitted[0][1]["pubs"][0][0] == start + TEXT


def test_circuit_runner_is_not_given_text(provider):
    with pytest.raises(IBMBackendValueError, match="expected program_id to be 'qasm3-runner'"):
        provider.get_backend("local_simulator").run(TEXT, program_id="circuit-runner")


# Refused before sending


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"job_tags": list("abcdefghi")}, "expected job_tags to be at most 8 tags, got 9"),
        ({"job_tags": ["a" * 87]}, "expected job_tags to be tags of at most 86 characters, got one of 87"),
        ({"rep_delay": 1.0}, "expected rep_delay from 0 to 0.0005 seconds for local_5q, got 1.0"),
        ({"rep_delay": float("nan")}, "expected rep_delay from 0 to 0.0005 seconds for local_5q, got nan"),
        ({"rep_delay": -1e-6}, "expected rep_delay from 0 to 0.0005 seconds for local_5q, got -1e-06"),
        ({"shots": 100_001}, "expected at most 100000 shots for local_5q, got 100001"),
    ],
)
def test_what_the_service_would_refuse_is_not_sent(arguments, message):
    client = CapturingClient()
    with pytest.raises(IBMBackendValueError, match=message):
        backend_of(client).run(one(), **arguments)
    assert client.submitted == []


def test_shots_above_the_maximum_are_refused_from_options_too():
    client = CapturingClient()
    backend = backend_of(client)
    backend.options.shots = 100_001
    with pytest.raises(IBMBackendValueError, match="expected at most 100000 shots in options for local_5q, got 100001"):
        backend.run(one())
    assert client.submitted == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shots": 100_001}, "expected at most 100000 shots for local_5q, got 100001"),
        ({"shots": 0}, "expected shots to be a whole number from 1 to 100000, got 0"),
        ({"rep_delay": 1.0}, r"expected rep_delay from 0 to 0\.0005 seconds"),
        ({"noise_model": "strong"}, "expected no noise_model, because local_5q is no simulator"),
    ],
)
def test_options_beyond_the_limits_are_refused_when_set(options, message):
    backend = backend_of(CapturingClient())
    # What programs of the archived client caught.
    with pytest.raises(ValueError, match=message) as refused:
        backend.set_options(memory=True, **options)
    assert type(refused.value) is IBMBackendValueError
    assert backend.options.memory is False


def test_default_of_shots_is_what_the_backend_can_do():
    client = CapturingClient()
    backend = IBMBackend(Provider(client), configuration(DEVICES["local_5q"]) | {"max_shots": 100})
    backend.run(one())
    assert (backend.options.shots, client.submitted[0][1]["pubs"][0][2]) == (100, 100)


def test_delay_out_of_range_is_refused_from_options_too():
    backend = backend_of(CapturingClient())
    backend.options.rep_delay = 1.0
    with pytest.raises(IBMBackendValueError, match=r"expected rep_delay from 0 to 0\.0005"):
        backend.run(one())


def test_eight_tags_of_86_characters_are_sent():
    client = CapturingClient()
    backend_of(client).run(one(), job_tags=[f"{number}" * 86 for number in range(8)])
    assert len(client.submitted) == 1


def test_only_ibm_quantum_platform_limits_tags():
    assert PlatformClient.limits_tags

    class Classic(CapturingClient):
        limits_tags = False

    client = Classic()
    backend_of(client).run(one(), job_tags=["a" * 100] * 9)
    assert len(client.submitted) == 1
