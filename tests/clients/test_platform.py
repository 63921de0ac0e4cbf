"""The service of today: its dialect, its tokens, and backend.run() on its sampler."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler

import pytest
import requests
from loopback import LoopbackServer, Replying, served
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm3, transpile
from qiskit.circuit import Clbit, Qubit
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import IBMAccountError, IBMBackendValueError, IBMJobApiError, IBMJobFailureError, IBMProvider
from ibm_circuit_job.clients import ClientParameters, PlatformAccount, PlatformClient, RequestFailed
from ibm_circuit_job.clients.foreign import adapted
from ibm_circuit_job.clients.service_urls import api_url, beside
from ibm_circuit_job.local import LocalService
from ibm_circuit_job.state import reading

PLATFORM = "ibm_quantum_platform"
CRN = "crn:v1:bluemix:public:quantum-computing:{}:a/1:2::"


@pytest.fixture(scope="module")
def provider(platform_provider):
    return platform_provider


@pytest.fixture(scope="module")
def simulator(provider):
    return provider.get_backend("local_simulator")


@pytest.fixture(scope="module")
def classic(service):
    return IBMProvider(service.token, service.url)


def circuits():
    """Twenty circuits: several registers, conditions, many qubits, names."""
    found = []
    for number in range(20):
        qubits = QuantumRegister(4, "q")
        registers = [ClassicalRegister(1 + number % 3, "a"), ClassicalRegister(2, "b")]
        circuit = QuantumCircuit(qubits, *registers, name=f"circuit {number}")
        circuit.h(0)
        circuit.ry(0.1 * number, 1)
        circuit.cx(0, 2)
        circuit.measure(0, registers[0][0])
        circuit.measure([1, 2], registers[1])
        found.append(circuit)
    return found


def test_dialect_follows_from_the_instance(provider, service):
    assert provider.channel == PLATFORM
    assert isinstance(provider.runtime_client, PlatformClient)
    assert provider.instance == service.instance
    assert not adapted(provider.runtime_client).offers_stream


def test_only_instance_of_the_account_is_found(service):
    provider = IBMProvider(service.token, service.platform_url, channel=PLATFORM)
    assert provider.instance == service.instance


@pytest.mark.parametrize("name", ["local_simulator", "local_5q"])
def test_counts_are_those_of_the_classic_service(provider, classic, name):
    backend = provider.get_backend(name)
    ready = transpile(circuits(), backend, seed_transpiler=3)
    ours = backend.run(ready, shots=500).result(timeout=120)
    theirs = classic.get_backend(name).run(ready, shots=500).result(timeout=120)
    assert ours.get_counts() == theirs.get_counts()
    assert [ours.get_counts(circuit) for circuit in ready] == theirs.get_counts()
    assert ours.get_counts("circuit 3") == theirs.get_counts(3)
    assert len(ours.get_memory(0)) == 500


def test_job_that_is_retrieved_gives_its_counts(provider, simulator, bell):
    job = simulator.run(bell, shots=100, job_tags=["again"])
    job.wait_for_final_state(timeout=60)
    again = provider.retrieve_job(job.job_id())
    assert again.status() is JobStatus.DONE
    assert sum(again.result().get_counts().values()) == 100
    assert again.tags() == ["again"]
    assert [circuit.name for circuit in again.circuits()] == ["bell"]
    assert [found.job_id() for found in provider.jobs(job_tags=["again"])] == [job.job_id()]
    assert again.backend() is simulator
    # It is pending for a moment.
    while not again.usage():
        assert again.usage(partial=True) >= 0
    assert again.metrics()["usage"]["status"] == "complete"


def test_control_flow_runs_on_the_sampler(simulator):
    circuit = QuantumCircuit(1, 2)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)
    circuit.measure(0, 1)
    assert simulator.run(circuit, shots=10).result(timeout=60).get_counts() == {"01": 10}


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"meas_level": 1}, "meas_level"),
        ({"header": {"note": "x"}}, "header"),
        ({"init_circuit": QuantumCircuit(1), "dynamic": True}, "init_circuit"),
        ({"init_num_resets": 2, "dynamic": True}, "init_num_resets"),
        ({"seed_simulator": 1}, "seed_simulator"),
        ({"init_qubits": True, "execution": {"rep_delay": 1e-4}}, "execution"),
    ],
)
def test_what_the_sampler_cannot_honour_is_refused_by_name(provider, bell, arguments, name):
    with pytest.raises(IBMBackendValueError, match=name):
        provider.get_backend("local_5q").run(bell, **arguments)


def test_what_the_sampler_does_anyhow_is_no_trouble(simulator, bell):
    job = simulator.run(
        bell, shots=10, memory=True, meas_level=2, meas_return="single", init_qubits=True, seed_simulator=3
    )
    assert len(job.result(timeout=60).get_memory()) == 10
    assert job.backend_options()["options"] == {"execution": {"init_qubits": True}, "simulator": {"seed_simulator": 3}}


TAKEN = ["shape", "size", "items", "keys", "values", "ndim"]


def in_another_order():
    bits = [Clbit(), Clbit()]
    return bits, ClassicalRegister(bits=bits[::-1], name="c")


def sharing_bits():
    bits = [Clbit(), Clbit()]
    return bits, ClassicalRegister(bits=bits, name="a"), ClassicalRegister(bits=bits[:1], name="b")


@pytest.mark.parametrize(
    "circuit",
    [
        QuantumCircuit(1),
        QuantumCircuit([Qubit(), Clbit()]),
        QuantumCircuit(QuantumRegister(1), ClassicalRegister(1, "2c")),
        QuantumCircuit(QuantumRegister(1), ClassicalRegister(1, "if")),
        QuantumCircuit(QuantumRegister(1), *in_another_order()),
        QuantumCircuit(QuantumRegister(1), *sharing_bits()),
        *(QuantumCircuit(QuantumRegister(1), ClassicalRegister(1, name)) for name in TAKEN),
    ],
    ids=["no bits", "a loose bit", "no name", "a keyword", "another order", "shared bits", *TAKEN],
)
def test_circuit_whose_bits_the_sampler_cannot_return_is_refused(simulator, circuit):
    with pytest.raises(IBMBackendValueError, match="because the sampler"):
        simulator.run(circuit)


def test_seed_is_not_lost_where_more_is_said_of_the_simulation(simulator, bell):
    with pytest.raises(IBMBackendValueError, match="expected no simulator"):
        simulator.run(bell, seed_simulator=5, simulator={"noise_model": None})


def test_result_has_circuit_metadata_and_the_job_its_shots(simulator, bell):
    bell.metadata = {"experiment": "x"}
    job = simulator.run(bell, shots=10)
    result = job.result(timeout=60)
    assert result.results[0].header["metadata"] == {"experiment": "x"}
    assert result.header == {}
    assert job.backend_options()["shots"] == 10


def test_counts_have_circuit_names_once_the_circuits_are_read(provider, simulator, bell):
    job = simulator.run(bell, shots=10)
    again = provider.retrieve_job(job.job_id())
    assert sum(again.result(timeout=60).get_counts(0).values()) == 10
    again.circuits()
    assert sum(again.result().get_counts("bell").values()) == 10


def test_private_job_gives_its_result_once_and_its_inputs_never(provider, simulator, bell, monkeypatch):
    # What was read elsewhere is answered as what is not there yet; here it is not waited for.
    monkeypatch.setattr(reading, "COMES_WITHIN", 1.0)
    job = simulator.run(bell, shots=10, private=True)
    elsewhere = provider.retrieve_job(job.job_id())
    elsewhere.wait_for_final_state(timeout=60)
    assert elsewhere.private
    assert elsewhere.circuits() == []
    assert elsewhere.backend_options() == {}
    result = job.result()
    assert sum(result.get_counts().values()) == 10
    assert job.result() is result
    with pytest.raises(IBMJobApiError, match="was read before, and it can be read only once"):
        elsewhere.result()


def test_failed_job_says_why(provider, bell):
    job = provider.get_backend("local_5q").run(qasm3.dumps(bell))
    with pytest.raises(IBMJobFailureError, match=r"Error code 1517; .* it has no h"):
        job.result(timeout=60)


def test_large_result_is_read_from_its_url(bell):
    with LocalService(results_at_url=1, workers=1) as service:
        for provider in (
            IBMProvider(service.token, service.platform_url, instance=service.instance),
            IBMProvider(service.token, service.url),
        ):
            job = provider.get_backend("local_simulator").run(bell, shots=10)
            assert sum(job.result(timeout=60).get_counts().values()) == 10
            assert b'"url"' not in job.state.payload.raw


def test_submissions_beyond_the_limit_are_refused_until_later(bell):
    with LocalService(rate_limit=2, workers=1) as service:
        backend = IBMProvider(service.token, service.platform_url, instance=service.instance).get_backend(
            "local_simulator"
        )
        backend.run(bell)
        backend.run(bell)
        # Not by run(), which would wait.
        client, params = backend.provider.runtime_client, {"pubs": []}
        with pytest.raises(RequestFailed, match="429: Only 2 jobs may be submitted a minute; try again in "):
            client.program_run(program_id="sampler", backend_name="local_simulator", params=params)


# Tokens


class CountedAccount(PlatformAccount):
    """Counts how often IAM is asked."""

    asked = 0

    def _new_token(self, seconds):
        self.asked += 1
        return super()._new_token(seconds)


@pytest.fixture
def account(service):
    return CountedAccount(ClientParameters(service.token, service.platform_url, service.instance, channel=PLATFORM))


def test_token_is_asked_for_once_by_many_threads(account):
    client = PlatformClient(account.params, account=account)
    with ThreadPoolExecutor(8) as threads:
        assert len(list(threads.map(lambda _: client.list_backends(), range(16)))) == 16
    assert account.asked == 1


def test_rejected_token_is_renewed_once_for_many_threads(account):
    client = PlatformClient(account.params, account=account)
    client.list_backends()
    account._token = "expired"
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: client.list_backends(), range(16)))
    assert account.asked == 2


def test_token_is_renewed_before_it_runs_out(account):
    first = account.access_token()
    assert account._renew_at - time.monotonic() == pytest.approx(0.8 * 3600, rel=0.01)
    account._renew_at = time.monotonic()
    assert account.access_token() != first
    assert account.asked == 2


class Iam(LoopbackServer):
    """An IAM on loopback that answers to order."""

    def __init__(self):
        super().__init__(_Tokens)
        self.asked = 0
        self.answer = lambda: (200, b'{"access_token": "the-token", "expires_in": 3600}')

    def account(self):
        return PlatformAccount(ClientParameters("the-key", self.url, CRN.format("us-east"), channel=PLATFORM))


class _Tokens(Replying, BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        self.reply(*self.server.answer())


@pytest.fixture
def iam():
    with served(Iam()) as iam:
        yield iam


def test_token_that_is_still_good_is_used_while_iam_is_down(iam):
    account = iam.account()
    assert account.access_token() == "the-token"
    iam.answer = lambda: (503, b"")
    account._renew_at = time.monotonic()
    assert [account.access_token() for _ in range(5)] == ["the-token"] * 5
    assert iam.asked == 2


def test_threads_do_not_queue_during_renewal_of_a_valid_token(iam):
    renewing, go_on = threading.Event(), threading.Event()
    account = iam.account()
    account.access_token()

    def held_up():
        renewing.set()
        go_on.wait(3)
        return 503, b""

    iam.answer = held_up
    account._renew_at = time.monotonic()
    with ThreadPoolExecutor(5) as threads:
        first = threads.submit(account.access_token)
        assert renewing.wait(10)
        others = [threads.submit(account.access_token) for _ in range(4)]
        assert [other.result(timeout=2) for other in others] == ["the-token"] * 4
        assert not first.done()
        go_on.set()
        assert first.result() == "the-token"
    assert iam.asked == 2


@pytest.mark.parametrize("token", ["s3cret-\u00fc", "s3cret\nX-Header: y", "s3cret ", ""])
def test_token_that_cannot_be_sent_is_refused_and_not_repeated(iam, token):
    iam.answer = lambda: (200, json.dumps({"access_token": token, "expires_in": 3600}).encode())
    with pytest.raises(RequestFailed, match="is this IAM's URL") as raised:
        iam.account().access_token()
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("life", ["9" * 400, "-1", "0", '"soon"', "null", "1e300"])
def test_token_whose_life_nobody_understands_is_one_all_the_same(iam, life):
    iam.answer = lambda: (200, b'{"access_token": "the-token", "expires_in": %s}' % life.encode())
    assert iam.account().access_token() == "the-token"


def test_key_of_a_local_service_is_not_sent_to_iam_of_the_cloud(iam, monkeypatch):
    monkeypatch.setenv("IAM_URL", "https://iam.cloud.invalid")
    assert iam.account().access_token(seconds=5.0) == "the-token"


@pytest.mark.parametrize("end", ["", "/", "//"])
def test_iam_is_where_the_variable_says(service, monkeypatch, end):
    monkeypatch.setenv("IAM_URL", service.environment["IAM_URL"] + end)
    params = ClientParameters(service.token, "https://nowhere.invalid", CRN.format("us-east"), channel=PLATFORM)
    assert PlatformAccount(params).access_token().count(".") == 2


def test_wrong_key_is_an_account_error_that_does_not_show_it(service):
    with pytest.raises(IBMAccountError, match=r"Provided API key could not be found\..*check the token") as raised:
        IBMProvider("wrong-key", service.platform_url, instance=service.instance)
    assert "wrong-key" not in str(raised.value)


def test_instance_of_another_account_is_an_account_error(service):
    with pytest.raises(IBMAccountError, match="403: Expected the header Service-CRN"):
        IBMProvider(service.token, service.platform_url, instance=CRN.format("us-east"))


def test_instance_is_found_by_its_name(service):
    with IBMProvider(service.token, service.platform_url, instance="local", channel=PLATFORM) as provider:
        assert provider.instance == service.instance
        assert provider.account_client.headers()["Service-CRN"] == service.instance


def test_name_that_no_instance_has_is_an_account_error(service):
    with pytest.raises(IBMAccountError, match=r"one of 'local' \(open, us-east\); no instance is named 'another'"):
        IBMProvider(service.token, service.platform_url, instance="another", channel=PLATFORM)


@pytest.mark.parametrize(
    "crn",
    [
        *map(CRN.format, ["evil.example/", "evil.example#", "a@b", "evil.example\n#", "US\u0130"]),
        CRN.format("us-east").replace("quantum-computing", "cloud-object-storage"),
    ],
)
def test_crn_that_would_lead_elsewhere_is_refused(crn):
    with pytest.raises(IBMAccountError, match="expected instance to be a CRN"):
        ClientParameters("secret", instance=crn, channel=PLATFORM)


@pytest.mark.parametrize("end", ["", "/", "/api/v1"])
def test_url_of_the_service_itself_may_be_without_a_path(end):
    params = ClientParameters("secret", f"https://quantum.cloud.ibm.com{end}", CRN.format("us-east"), channel=PLATFORM)
    assert api_url(params) == "https://quantum.cloud.ibm.com/api/v1"


def test_instance_that_is_no_crn_is_refused(service):
    with pytest.raises(IBMAccountError, match="expected instance to be a CRN"):
        IBMProvider(service.token, service.platform_url, instance="ibm-q/open/main", channel=PLATFORM)


def test_jobs_of_another_instance_need_another_provider(provider):
    with pytest.raises(IBMBackendValueError, match="make another provider"):
        provider.jobs(instance=CRN.format("eu-de"))


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("us-east", "https://quantum.cloud.ibm.com/api/v1"),
        ("eu-de", "https://eu-de.quantum.cloud.ibm.com/api/v1"),
    ],
)
def test_url_follows_from_the_region_of_the_instance(region, url):
    params = ClientParameters("secret", instance=CRN.format(region), channel=PLATFORM)
    assert api_url(params) == url
    assert beside(params.url, "iam") == "https://iam.cloud.ibm.com"
    assert beside(url, "api.global-search-tagging") == "https://api.global-search-tagging.cloud.ibm.com"


def test_version_and_instance_go_with_every_request(account, service):
    headers = account.headers()
    assert headers["IBM-API-Version"] == "2026-04-15"
    assert headers["Service-CRN"] == service.instance
    reply = requests.get(f"{service.platform_url}/backends", headers=headers, timeout=10)
    assert reply.status_code == 200


def test_active_account_names_the_instance_that_was_found(service):
    with IBMProvider(service.token, service.platform_url) as provider:
        account = provider.active_account()
    assert (account["instance"], account["name"], account["region"]) == (service.instance, "local", "us-east")
    assert service.token not in str(account)
