"""What getting a backend asks the service for, so that run() is one request; and the backends' fractional gates."""

import json
import logging
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

import pytest
import self_made_device as device
from loopback import LoopbackServer, Replying, served
from qiskit import QuantumCircuit

from ibm_circuit_job import IBMBackendApiError, IBMBackendValueError, IBMProvider


class Service(LoopbackServer):
    """A service of the classic dialect with one device, and a list of the paths that it was asked for."""

    def __init__(self):
        super().__init__(_Replies)
        self.asked = []
        self.replies = {
            "/users/loginWithToken": {"id": "access"},
            "/users/me": {"urls": {"http": self.url, "services": {"runtime": self.url}}},
            "/Network": [{"name": "h", "groups": {"g": {"projects": {"one": {}}}}}],
            "/backends": {"devices": ["ibm_selfmade"]},
            "/backends/ibm_selfmade/configuration": device.configuration(),
            "/backends/ibm_selfmade/properties": device.properties(faulty_qubits=[2]),
            "/backends/ibm_selfmade/status": {"state": True, "status": "active", "length_queue": 0},
            "/jobs": {"id": "new"},
        }


class _Replies(Replying, BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = urlsplit(self.path).path
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.asked.append(path)
        # After a 501 nobody tries again.
        reply = self.server.replies.get(path)
        self.reply(501 if reply is None else 200, json.dumps(reply))

    def do_POST(self):
        self.do_GET()


@pytest.fixture
def service():
    with served(Service()) as service:
        yield service


@pytest.fixture
def provider(service):
    with IBMProvider("the-token", service.url, channel="ibm_quantum") as provider:
        service.asked.clear()
        yield provider


def x_on(qubit):
    circuit = QuantumCircuit(4, 4)
    circuit.x(qubit)
    return circuit


PROPERTIES = "/backends/ibm_selfmade/properties"
STATUS = "/backends/ibm_selfmade/status"
CONFIGURATION = "/backends/ibm_selfmade/configuration"


def test_run_is_one_request_after_get_backend(service, provider):
    backend = provider.get_backend("ibm_selfmade")
    assert service.asked == ["/backends", CONFIGURATION, PROPERTIES, STATUS]
    service.asked.clear()
    backend.run(x_on(0))
    assert service.asked == ["/jobs"]
    with pytest.raises(IBMBackendValueError, match="its qubit 2 does not work"):
        backend.run(x_on(2))
    _ = backend.target
    assert provider.get_backend("ibm_selfmade") is backend
    assert service.asked == ["/jobs"]


def test_listed_backend_asks_for_its_properties_once(service, provider):
    [backend] = provider.backends()
    assert service.asked == ["/backends", CONFIGURATION]
    service.asked.clear()
    backend.run(x_on(0))
    backend.run(x_on(0))
    assert service.asked == [PROPERTIES, "/jobs", "/jobs"]


def test_run_is_not_held_up_where_there_are_no_properties(service, provider, caplog):
    del service.replies[PROPERTIES]
    with caplog.at_level(logging.WARNING):
        backend = provider.get_backend("ibm_selfmade")
    assert "Circuits for ibm_selfmade are checked without its properties" in caplog.text
    service.asked.clear()
    backend.run(x_on(2))
    wrong = QuantumCircuit(1)
    wrong.h(0)
    with pytest.raises(IBMBackendValueError, match="it has no h"):
        backend.run(wrong)
    assert service.asked == ["/jobs"]
    with pytest.raises(IBMBackendApiError):
        _ = backend.target


def test_unreadable_parts_of_the_properties_are_in_the_log(service, provider, caplog):
    service.replies[PROPERTIES]["qubits"][1][0]["value"] = None
    with caplog.at_level(logging.WARNING):
        backend = provider.get_backend("ibm_selfmade")
    assert "Parts of the properties of ibm_selfmade could not be read: qubits[1][0].value: expected" in caplog.text
    assert backend.target.qubit_properties[1].t1 is None
    assert backend.target.qubit_properties[1].t2 == pytest.approx(8e-5)


def test_backend_has_its_fractional_gates_where_they_are_wanted(provider):
    plain = provider.get_backend("ibm_selfmade")
    whole = provider.get_backend("ibm_selfmade", use_fractional_gates=True)
    both = provider.backends(use_fractional_gates=None)[0]
    assert provider.get_backend("ibm_selfmade", use_fractional_gates=False) is plain
    for backend, has in ((plain, False), (whole, True), (both, True)):
        said = backend.configuration()
        gates = [gate["name"] for gate in said.to_dict()["gates"]]
        for names in (said.basis_gates, said.supported_instructions, gates, backend.operation_names):
            assert ({"rx", "rzz"} <= set(names)) is has
            assert "cz" in names


def test_fractional_gates_of_a_device_without_any_are_refused(service, provider):
    service.replies[CONFIGURATION]["basis_gates"] = ["cz", "rz", "sx", "x"]
    with pytest.raises(IBMBackendValueError, match="ibm_selfmade has no fractional gates, only cz, rz, sx, x"):
        provider.get_backend("ibm_selfmade", use_fractional_gates=True)
    assert provider.get_backend("ibm_selfmade", use_fractional_gates=None).name == "ibm_selfmade"


@pytest.mark.parametrize("ask", ["get_backend", "backends"])
def test_other_choices_are_refused_before_anything_is_asked(service, provider, ask):
    with pytest.raises(IBMBackendValueError, match="expected use_fractional_gates to be True, False or None, got 1"):
        getattr(provider, ask)("ibm_selfmade", use_fractional_gates=1)
    assert service.asked == []


@pytest.mark.parametrize("reply", [[], "x", 5, [1], {"status": {"name": 3}}, {"state": "maybe"}])
def test_reply_that_is_no_status_is_a_documented_error(service, provider, reply):
    service.replies["/backends/ibm_selfmade/status"] = reply
    with pytest.raises(IBMBackendApiError):
        provider.get_backend("ibm_selfmade").status()


@pytest.mark.parametrize("reply", [[1], "x", 5, {"a": 1}])
@pytest.mark.parametrize("path", [CONFIGURATION, PROPERTIES])
def test_reply_that_is_no_document_is_a_documented_error(service, provider, path, reply):
    service.replies[path] = reply
    with pytest.raises(IBMBackendApiError):
        _ = provider.get_backend("ibm_selfmade").target
    assert len(provider.backends()) == (path == PROPERTIES)
