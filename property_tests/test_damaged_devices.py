"""Whatever a service says of a device, it is read as far as it can be, or refused with the documented error."""

import copy

import self_made_device as device
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit

from ibm_circuit_job import BackendConfiguration, BackendProperties, IBMBackend, IBMBackendApiError, IBMBackendError
from ibm_circuit_job.clients import RequestFailed
from ibm_circuit_job.devices.configuration import BackendStatus
from ibm_circuit_job.devices.instruction_set import InstructionSet, mixes_fractional_gates, why_not
from ibm_circuit_job.devices.target import target_of
from ibm_circuit_job.errors import Refused

odd_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-2, 5)
    | st.floats()
    | st.sampled_from(["", "x", "cz", "if_else", "measure", "delay", "rzz", "global_phase", "\ud800", "1e400", "3"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "value", "a"]), inner),
    max_leaves=6,
)


def places(document, path=()):
    """The paths to all parts of a document."""
    yield path
    children = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in children if isinstance(document, (dict, list)) else ():
        if isinstance(value, (dict, list)):
            yield from places(value, (*path, key))
        else:
            yield (*path, key)


CONFIGURATIONS = list(places(device.configuration()))
PROPERTIES = list(places(device.properties()))
NONE = object()
"""Stands for a part that is taken away."""


def damaged(document, changes):
    """The document with parts of it replaced, or taken away."""
    spoilt = copy.deepcopy(document)
    for path, value in changes:
        if not path:
            return None if value is NONE else value
        within = spoilt
        try:
            for key in path[:-1]:
                within = within[key]
            if value is NONE:
                del within[path[-1]]
            else:
                within[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            # What it was in is gone already.
            continue
    return spoilt


def changes_of(paths):
    return st.lists(st.tuples(st.sampled_from(paths), odd_values | st.just(NONE)), max_size=4)


CIRCUIT = QuantumCircuit(4, 4)
CIRCUIT.x(0)
CIRCUIT.cz(0, 1)
CIRCUIT.rzz(0.5, 1, 2)
CIRCUIT.delay(16, 0)
CIRCUIT.measure(0, 0)


class Client:
    """Says this of its device."""

    def __init__(self, properties, status):
        self.properties, self.status = properties, status

    def backend_properties(self, name, datetime=None):
        return self.properties

    def backend_status(self, name):
        return self.status

    def program_run(self, *_, **__):
        raise RequestFailed(Refused("submit a job", "http://x", 400, "It is no service."))


class Provider:
    channel = "ibm_quantum"
    instance = "a/b/c"

    def __init__(self, client):
        self.runtime_client = client


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(changes_of(CONFIGURATIONS), changes_of(PROPERTIES), st.sampled_from([True, False, None]))
def test_damaged_device_is_read_or_refused(of_configuration, of_properties, choice):
    try:
        configuration = BackendConfiguration.from_dict(damaged(device.configuration(), of_configuration))
        properties = BackendProperties.from_dict(damaged(device.properties(), of_properties))
    except IBMBackendApiError:
        return
    target = target_of(configuration, properties, choice)
    assert target.num_qubits == configuration.n_qubits
    within = InstructionSet(target, properties, mixes_fractional_gates(configuration))
    assert isinstance(why_not(CIRCUIT, within), str | None)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(changes_of(CONFIGURATIONS), changes_of(PROPERTIES), odd_values)
def test_backend_raises_nothing_but_what_is_documented(of_configuration, of_properties, status):
    client = Client(damaged(device.properties(), of_properties), status)
    try:
        backend = IBMBackend(Provider(client), damaged(device.configuration(), of_configuration))
    except IBMBackendApiError:
        return
    for question in (backend.status, backend.properties, lambda: backend.target, backend.fetch_properties):
        try:
            question()
        except IBMBackendApiError:
            continue
    try:
        backend.run(CIRCUIT, rep_delay=1e-4)
    except IBMBackendError:
        return


@given(odd_values)
def test_status_is_read_or_refused(said):
    try:
        assert isinstance(BackendStatus.from_reply(said, "ibm_x"), BackendStatus)
    except IBMBackendApiError:
        return


PARTS = [path for path in PROPERTIES if len(path) > 1]


@given(st.sampled_from(PARTS), odd_values)
def test_one_odd_part_of_the_properties_leaves_the_others(path, value):
    whole = BackendProperties.from_dict(device.properties())
    read = BackendProperties.from_dict(damaged(device.properties(), [(path, value)]))
    if path[0] == "qubits":
        assert len(read.qubits) == len(whole.qubits)
        assert [row for index, row in enumerate(read.qubits) if index != path[1]] == [
            row for index, row in enumerate(whole.qubits) if index != path[1]
        ]
        assert read.gates == whole.gates
    else:
        assert read.qubits == whole.qubits
        assert len(read.gates) >= len(whole.gates) - 1
        assert {*whole.gates[: path[1]], *whole.gates[path[1] + 1 :]} <= {*read.gates}
