"""``backend.estimate()`` and ``run(max_quantum_seconds=)``: what circuits cost, before they are sent."""

import pickle

import attrs
import pytest
from qiskit import QuantumCircuit, transpile

from ibm_circuit_job import (
    BackendConfiguration,
    BackendProperties,
    IBMBackendError,
    IBMBackendValueError,
    IBMProvider,
    IBMRetiredBackend,
    IBMUsageLimitError,
    UsageEstimate,
)
from ibm_circuit_job.devices.target import target_of
from ibm_circuit_job.devices.usage_estimate import estimated_usage

PROPERTIES = {
    "backend_name": "ibm_x",
    "last_update_date": "2024-02-03T04:00:00Z",
    "qubits": [[{"name": "readout_length", "value": 1.0, "unit": "us", "date": "2024-02-03T04:00:00Z"}]] * 2,
    "gates": [
        {
            "gate": name,
            "qubits": on,
            "parameters": [{"name": "gate_length", "value": ns, "unit": "ns", "date": "2024-02-03T04:00:00Z"}],
        }
        for name, on, ns in [("x", [0], 100), ("x", [1], 300), ("cz", [0, 1], 500)]
    ],
    "general": [],
}
SAID = {
    "backend_name": "ibm_x",
    "n_qubits": 2,
    "basis_gates": ["cz", "x"],
    "coupling_map": [[0, 1]],
    "default_rep_delay": 250,
    "dt": 4.0,
    "supported_instructions": ["cz", "x", "measure", "delay", "if_else", "for_loop", "while_loop", "switch_case"],
}


def estimated(*circuits, shots=1, said=SAID, properties=PROPERTIES, **options):
    configuration = BackendConfiguration.from_dict(said)
    target = target_of(configuration, properties and BackendProperties.from_dict(properties))
    return estimated_usage(configuration, target, circuits, shots, **options)


def microseconds(circuit, **options):
    return pytest.approx([1e6 * seconds for seconds in estimated(circuit, **options).circuit_seconds])


def two(*, bits=0):
    return QuantumCircuit(2, bits)


def test_each_execution_is_charged_its_delay_and_its_circuit():
    circuit = two()
    circuit.x(0)
    found = estimated(circuit, two(), shots=1000, rep_delay=1e-3)
    assert found.executions == 2000
    assert found.quantum_seconds == pytest.approx(2 + 1000 * (1e-3 + 100e-9) + 1000 * 1e-3)
    assert (found.overhead_seconds, found.rep_delay, found.unknown) == (2.0, 1e-3, ())


def test_the_longest_path_is_the_length_of_a_circuit():
    circuit = two(bits=2)
    circuit.x(0)
    circuit.x(1)
    circuit.cz(0, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    assert microseconds(circuit) == [300 / 1000 + 500 / 1000 + 100 / 1000 + 1]


def test_barriers_and_bits_make_qubits_wait():
    circuit = two(bits=1)
    circuit.x(1)
    circuit.barrier()
    circuit.x(0)
    assert microseconds(circuit) == [0.4]
    circuit.measure(0, 0)
    circuit.measure(1, 0)
    assert microseconds(circuit) == [2.4]


@pytest.mark.parametrize(("duration", "unit"), [(2.0, "us"), (2000, "ns"), (500, "dt"), (2e-6, "s")])
def test_delays_count_in_their_units(duration, unit):
    circuit = two()
    circuit.delay(duration, 0, unit)
    assert microseconds(circuit) == [2.0]


def test_the_longest_branch_counts_on_the_qubits_it_acts_on():
    circuit = two(bits=1)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.x(1)
    with otherwise:
        circuit.x(1)
        circuit.x(1)
    assert microseconds(circuit) == [0.6]
    assert estimated(circuit).unknown == ()


def test_for_loops_count_as_often_as_they_run():
    circuit = two()
    with circuit.for_loop(range(10)):
        circuit.x(1)
    assert microseconds(circuit) == [3.0]
    assert estimated(circuit).unknown == ()


def test_while_loops_count_once_and_are_named():
    circuit = two(bits=1)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.x(1)
    assert microseconds(circuit) == [0.3]
    assert estimated(circuit).unknown == ("how often a while loop runs is not known, so it counts once",)


def test_what_has_no_length_is_named():
    circuit = two()
    circuit.x(0)
    circuit.x(0)
    found = estimated(circuit, "OPENQASM 3.0;", properties=None, shots=1000)
    assert found.quantum_seconds == pytest.approx(2.5)
    assert found.unknown == (
        "the length of 'x' is not known, so it is not counted",
        "the length of the circuit at [1], which is a text, is not counted",
    )


@pytest.mark.parametrize(
    ("said", "overhead"), [(0, 0.0), (1.5, 1.5), (None, 2.0), ("x", 2.0), (-1, 2.0), (True, 2.0), (1e999, 2.0)]
)
def test_the_overhead_is_what_the_service_says_or_two_seconds(said, overhead):
    assert estimated(two(), said={**SAID, "usage_overhead_seconds": said}).overhead_seconds == overhead


def test_an_initial_circuit_is_run_before_each():
    circuit = two()
    circuit.x(1)
    assert microseconds(two(), init_circuit=circuit) == [0.3]


def test_estimates_are_frozen_and_print_as_one_line():
    found = estimated(two(), "OPENQASM 3.0;", shots=4000)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        found.quantum_seconds = 1.0
    assert str(found) == (
        "about 4 s of quantum time: 2 s, and 8000 executions of 250 µs each; "
        "the length of the circuit at [1], which is a text, is not counted"
    )
    assert pickle.loads(pickle.dumps(found)) == found


# On the local service, which computes what it charges by itself


@pytest.fixture(scope="module", params=["ibm_quantum", "ibm_quantum_platform"])
def provider(request):
    with IBMProvider.local(store=None, channel=request.param) as provider:
        yield provider


def ghz(backend, qubits):
    circuit = QuantumCircuit(qubits)
    circuit.h(0)
    for qubit in range(qubits - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return transpile(circuit, backend, seed_transpiler=1)


def test_estimates_are_near_what_is_charged(provider):
    names = {"ibm_quantum": "local_27q", "ibm_quantum_platform": "local_heron"}
    backend = provider.get_backend(names[provider.channel])
    slow = ghz(backend, 2)
    slow.delay(round(400e-6 / backend.dt), 0, "dt")
    for circuits, options in [
        (ghz(backend, 4), {"shots": 300}),
        ([ghz(backend, 2), slow], {"shots": 200, "rep_delay": 5e-5}),
    ]:
        found = backend.estimate(circuits, **options)
        job = backend.run(circuits, **options)
        job.result(timeout=100)
        assert found.quantum_seconds == pytest.approx(job.usage(partial=True), rel=0.2)
        assert found.unknown == ()


def test_estimates_are_above_zero_on_every_backend(provider):
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    for backend in provider.backends():
        assert isinstance(found := backend.estimate(circuit, shots=1), UsageEstimate)
        assert found.quantum_seconds > 0
    assert provider.get_backend("local_simulator").estimate(circuit).unknown == (
        "a simulator is charged the time that it computes, which is not known before",
    )


def test_estimates_take_what_run_takes_and_refuse_what_it_refuses(provider):
    backend = provider.get_backend("local_5q")
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    found = backend.estimate(circuit, shots=10, init_qubits=True, job_tags=["x"], max_execution_time=300)
    assert found == backend.estimate(circuit, shots=10)
    backend.set_options(shots=20)
    assert backend.estimate(circuit).executions == 20
    backend.set_options(shots=4000)
    for wrong, words in [
        ({"shots": 0}, "expected shots to be"),
        ({"rep_delay": 1.0}, "expected rep_delay from"),
        ({"job_tags": "x"}, "job_tags"),
    ]:
        with pytest.raises(IBMBackendValueError, match=words):
            backend.estimate(circuit, **wrong)
    circuit.h(0)
    with pytest.raises(IBMBackendValueError, match="instruction set"):
        backend.estimate(circuit)


def test_a_job_above_the_limit_is_not_sent(provider):
    backend = provider.get_backend("local_5q")
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    before = len(provider.jobs(limit=None))
    with pytest.raises(IBMUsageLimitError, match=r"at most 0\.1 s of.*got one of about 1\.003 s;") as caught:
        backend.run(circuit, shots=4000, max_quantum_seconds=0.1)
    assert len(provider.jobs(limit=None)) == before
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):
        assert error.estimated_seconds == pytest.approx(1.003, abs=1e-3)
        assert error.max_quantum_seconds == 0.1
    job = backend.run(circuit, shots=40, max_quantum_seconds=0.1)
    job.result(timeout=60)
    assert 0 < job.usage(partial=True) <= 0.1
    assert "max_quantum_seconds" not in job.backend_options()


@pytest.mark.parametrize("most", [-1, float("nan"), True, "1"])
def test_limits_that_are_no_seconds_are_refused(provider, most):
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    with pytest.raises(IBMBackendValueError, match="expected max_quantum_seconds to be a number from 0 up, got"):
        provider.get_backend("local_simulator").run(circuit, max_quantum_seconds=most)


def test_backends_that_are_known_by_name_alone_estimate_nothing():
    with pytest.raises(IBMBackendError, match="has no connection and no description"):
        IBMRetiredBackend(None, "ibm_x").estimate(QuantumCircuit(1))


def test_long_estimate_is_said_without_an_exponent():
    said = str(UsageEstimate(2402.4, 100, 0.0, (24.0,), 2.4))
    assert said == "about 2402 s of quantum time: 2.4 s, and 100 executions of 24000000 µs each"
