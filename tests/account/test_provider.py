"""The provider and its backends over the local service: what they list, find, refuse, and where accounts come from."""

import json
import logging
import pickle
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import pytest
from loopback import LoopbackServer, Replying, served
from qiskit import QuantumCircuit, qasm3
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import (
    BackendConfiguration,
    BackendProperties,
    BackendStatus,
    IBMAccountError,
    IBMBackend,
    IBMBackendError,
    IBMBackendValueError,
    IBMCircuitJob,
    IBMJobApiError,
    IBMJobFailureError,
    IBMJobNotFoundError,
    IBMProvider,
    IBMRetiredBackend,
)
from ibm_circuit_job.effects import now
from ibm_circuit_job.local.devices import DEVICES
from ibm_circuit_job.local.devices import configuration as described


def names(backends):
    return [backend.name for backend in backends]


def ids(jobs):
    return [job.job_id() for job in jobs]


def one_qubit():
    circuit = QuantumCircuit(1, 1, name="one")
    circuit.x(0)
    circuit.measure(0, 0)
    return circuit


# Backends


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["local_simulator", "local_5q", "local_27q", "local_heron", "ibmq_qasm_simulator"]),
        ({"name": "local_5q"}, ["local_5q"]),
        ({"min_num_qubits": 6}, ["local_simulator", "local_27q", "local_heron", "ibmq_qasm_simulator"]),
        ({"simulator": False}, ["local_5q", "local_27q", "local_heron"]),
        ({"simulator": False, "min_num_qubits": 6}, ["local_27q", "local_heron"]),
        ({"filters": lambda backend: backend.num_qubits == 5}, ["local_5q"]),
        ({"operational": True, "n_qubits": 5}, ["local_5q"]),
        ({"operational": False}, []),
        ({"colour": "blue"}, []),
        ({"instance": "ibm-q/open/main", "name": "local_5q"}, ["local_5q"]),
    ],
)
def test_backends_that_fit(provider, wanted, found):
    assert names(provider.backends(**wanted)) == found


def test_backend_by_name_is_the_same_each_time(provider):
    backend = provider.get_backend("local_5q")
    assert isinstance(backend, IBMBackend)
    assert provider.get_backend("local_5q") is backend
    assert provider.backends("local_5q") == [backend]
    assert backend.provider is provider


def test_first_backend_that_fits_is_got_where_no_name_is_given(provider):
    assert provider.get_backend().name == "local_simulator"
    assert provider.get_backend(simulator=False).name == "local_5q"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"name": "ibmq_lima"}, "local_5q, local_27q, local_heron, ibmq_qasm_simulator, got 'ibmq_lima'"),
        ({"name": "local_5q", "simulator": True}, "got 'local_5q' with {'simulator': True}"),
        ({"name": ["x"]}, "local_5q, local_27q, local_heron, ibmq_qasm_simulator, got ['x']"),
    ],
)
def test_absent_backend_is_an_error_that_names_the_others(provider, wanted, message):
    with pytest.raises(QiskitBackendNotFoundError) as raised:
        provider.get_backend(**wanted)
    assert message in str(raised.value)


def test_backend_describes_itself(device, simulator):
    configuration = device.configuration()
    assert isinstance(configuration, BackendConfiguration)
    assert (configuration.backend_name, configuration.n_qubits, configuration.simulator) == ("local_5q", 5, False)
    assert (device.simulator, simulator.simulator) == (False, True)
    assert device.max_circuits == configuration.max_experiments == 300
    with pytest.raises(AttributeError):
        _ = device.no_such_field


def test_backend_says_how_it_is(device):
    status = device.status()
    assert isinstance(status, BackendStatus)
    assert (status.backend_name, status.operational, status.status_msg) == ("local_5q", True, "active")
    assert status.pending_jobs >= 0


def test_properties_are_cached_and_can_be_those_of_a_day(device, simulator):
    properties = device.properties()
    assert isinstance(properties, BackendProperties)
    assert device.properties() is properties
    assert device.properties(refresh=True) == properties
    then = device.properties(datetime=datetime(2024, 2, 3, 12, tzinfo=UTC))
    assert then.last_update_date == datetime(2024, 2, 3, 4, tzinfo=UTC)
    assert device.properties() == properties != then
    assert simulator.properties() is None


def test_time_of_properties_must_be_one(device):
    with pytest.raises(TypeError, match="expected datetime to be a datetime or None, got '2024'"):
        device.properties(datetime="2024")


# Running


def test_job_knows_what_was_run(simulator):
    job = simulator.run(
        one_qubit(), False, ["t1", "t2"], header={"note": "x"}, shots=7, memory=True, seed_simulator=3, meas_level=2
    )
    assert isinstance(job, IBMCircuitJob)
    assert job.backend() is simulator
    result = job.result(timeout=60)
    assert result.get_counts() == {"1": 7}
    assert result.get_memory() == ["1"] * 7
    assert job.header() == {"note": "x"}
    assert [circuit.name for circuit in job.circuits()] == ["one"]
    options = job.backend_options()
    assert (options["shots"], options["memory"], options["seed_simulator"]) == (7, True, 3)
    assert job.tags() == ["t1", "t2"]


def test_options_of_the_backend_count_where_nothing_is_given(provider):
    backend = IBMBackend(provider, provider.get_backend("local_simulator").configuration().to_dict())
    backend.set_options(shots=9)
    assert backend.run(one_qubit()).backend_options()["shots"] == 9
    assert backend.run(one_qubit(), shots=3).backend_options()["shots"] == 3


def test_unknown_argument_is_passed_on_with_a_helpful_warning(simulator):
    with pytest.warns(UserWarning, match="'shot'.* did you mean 'shots'"):
        job = simulator.run(one_qubit(), shot=5)
    assert job.backend_options()["shot"] == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"meas_level": 1}, "expected meas_level to be one of 2 for local_5q, got 1"),
        ({"meas_level": "2"}, "got '2'"),
        ({"meas_return": "all"}, "expected meas_return to be 'single' or 'avg', got 'all'"),
        ({"use_measure_esp": True}, "local_5q has no ESP readout"),
        ({"use_measure_esp": "yes"}, "expected use_measure_esp to be True or False"),
        ({"init_qubits": 2}, "expected init_qubits to be True or False, got 2"),
        ({"noise_model": object()}, "local_5q is no simulator"),
        ({"init_num_resets": 2}, "expected no init_num_resets, because it needs dynamic=True"),
        ({"init_circuit": QuantumCircuit(1)}, "expected no init_circuit, because it needs dynamic=True"),
        ({"init_circuit": QuantumCircuit(6), "dynamic": True}, "expected init_circuit to be a circuit of at most 5"),
        ({"init_num_resets": -1, "dynamic": True}, "expected init_num_resets to be a whole number from 0 up"),
        ({"program_id": "sampler"}, "expected program_id to be 'circuit-runner' or 'qasm3-runner', got 'sampler'"),
        ({"rep_delay": "soon"}, "expected rep_delay from 0 to 0.0005 seconds"),
    ],
)
def test_wrong_argument_of_run_says_what_would_be_right(device, arguments, message):
    with pytest.raises(IBMBackendValueError) as raised:
        device.run(one_qubit(), **arguments)
    assert message in str(raised.value)
    assert isinstance(raised.value, (IBMBackendError, ValueError))


def test_properties_of_a_job_are_those_of_the_device_when_it_ran(device, simulator):
    job = device.run(one_qubit(), shots=1, rep_delay=0.0)
    job.wait_for_final_state(timeout=60)
    assert job.properties() == device.properties(datetime=job.time_per_step()["running"])
    assert simulator.run(one_qubit(), shots=1).properties() is None


# The listing


@pytest.fixture(scope="module")
def listed(provider):
    """Five jobs, the oldest first: done, done with another tag, failed, done on the device, done."""
    simulator, device = provider.get_backend("local_simulator"), provider.get_backend("local_5q")
    impossible = QuantumCircuit(1, 1)
    impossible.h(0)
    jobs = []
    for backend, circuit, tags in (
        (simulator, one_qubit(), ["listing"]),
        (simulator, one_qubit(), ["listing", "second"]),
        (device, qasm3.dumps(impossible), ["listing"]),
        (device, one_qubit(), ["listing"]),
        (simulator, one_qubit(), ["listing"]),
    ):
        jobs.append(backend.run(circuit, shots=1, job_tags=tags))
        jobs[-1].wait_for_final_state(timeout=60)
    return jobs


def chosen(listed, *numbers):
    return [listed[number].job_id() for number in numbers]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ({}, [4, 3, 2, 1, 0]),
        ({"descending": False}, [0, 1, 2, 3, 4]),
        ({"limit": 2}, [4, 3]),
        ({"limit": 2, "skip": 1}, [3, 2]),
        ({"limit": 2, "skip": 4}, [0]),
        ({"limit": None}, [4, 3, 2, 1, 0]),
        ({"skip": 5}, []),
        ({"backend_name": "local_5q"}, [3, 2]),
        ({"job_tags": ["listing", "second"]}, [1]),
        ({"status": "completed"}, [4, 3, 2, 1, 0]),
        ({"status": "pending"}, []),
        ({"status": JobStatus.ERROR}, [2]),
        ({"status": "DONE"}, [4, 3, 1, 0]),
        ({"status": ["ERROR", JobStatus.RUNNING]}, [2]),
        ({"status": "DONE", "skip": 1, "limit": 2}, [3, 1]),
        ({"instance": "ibm-q/open/main"}, [4, 3, 2, 1, 0]),
    ],
)
def test_jobs_that_fit(provider, listed, wanted, numbers):
    assert ids(provider.jobs(**{"job_tags": ["listing"]} | wanted)) == chosen(listed, *numbers)


def test_jobs_are_chosen_by_the_time_of_their_creation(provider, listed):
    second, fourth = listed[1].creation_date(), listed[3].creation_date()
    between = provider.jobs(job_tags=["listing"], start_datetime=second, end_datetime=fourth)
    assert ids(between) == chosen(listed, 3, 2, 1)
    naive = provider.jobs(job_tags=["listing"], start_datetime=fourth.replace(tzinfo=None))
    assert ids(naive) == chosen(listed, 4, 3)
    assert provider.jobs(start_datetime=now() + timedelta(days=1)) == []


def test_jobs_are_read_page_by_page_and_none_twice(provider, listed, monkeypatch):
    monkeypatch.setattr("ibm_circuit_job.account.jobs_of_account.PAGE", 2)
    assert ids(provider.jobs(limit=None, job_tags=["listing"])) == chosen(listed, 4, 3, 2, 1, 0)
    assert ids(provider.jobs(limit=3, skip=1, job_tags=["listing"], status="DONE")) == chosen(listed, 3, 1, 0)


def test_limits_beyond_all_jobs_are_those_of_all(provider, listed):
    assert ids(provider.jobs(limit=2**70, job_tags=["listing"])) == chosen(listed, 4, 3, 2, 1, 0)
    assert provider.jobs(skip=2**70, job_tags=["listing"]) == []


def test_listed_job_knows_what_the_listing_said(provider, listed):
    [job] = provider.jobs(limit=1, job_tags=["second"])
    assert job.state.is_final
    assert (job.backend().name, job.tags()) == ("local_simulator", ["listing", "second"])
    assert job.creation_date() == listed[1].creation_date()
    assert job.result(timeout=60).get_counts() == {"1": 1}


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"limit": -1}, "expected limit to be a whole number from 0 up, or None for all, got -1"),
        ({"limit": "5"}, "got '5'"),
        ({"limit": True}, "got True"),
        ({"skip": -1}, "expected skip to be a whole number from 0 up, got -1"),
        ({"skip": None}, "got None"),
        ({"status": "finished"}, "expected status to be 'pending', 'completed', a JobStatus"),
        ({"status": []}, "got []"),
        ({"status": 5}, "got 5"),
        ({"start_datetime": datetime.min}, "expected start_datetime to be between"),  # noqa: DTZ901 - naive on purpose
        ({"start_datetime": "2024"}, "expected start_datetime to be a datetime or None, got '2024'"),
        ({"end_datetime": 5}, "expected end_datetime to be a datetime or None, got 5"),
        (
            {"start_datetime": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))},
            "expected start_datetime to be between",
        ),
        ({"job_tags": "listing"}, "expected job_tags to be a list of strings, got 'listing'"),
        ({"job_tags": ["\ud800"]}, "expected job_tags to be a list of strings"),
    ],
)
def test_wrong_filter_says_what_would_be_right(provider, wanted, message):
    with pytest.raises(IBMBackendValueError) as raised:
        provider.jobs(**wanted)
    assert message in str(raised.value)


# One job


def test_retrieved_job_is_the_job(provider, listed):
    job = provider.retrieve_job(listed[0].job_id())
    assert job.job_id() == listed[0].job_id()
    assert (job.status(), job.tags()) == (JobStatus.DONE, ["listing"])
    assert job.backend() is provider.get_backend("local_simulator")
    assert job.result(timeout=60).get_counts() == {"1": 1}


def test_retrieved_job_that_failed_says_why(provider, listed):
    job = provider.retrieve_job(listed[2].job_id())
    assert "it has no h" in job.error_message()
    with pytest.raises(IBMJobFailureError, match="it has no h"):
        job.result()


@pytest.mark.parametrize("job_id", ["nope", "", None, 5, "../users/me", "a/../b", "\ud800", "a\n"])
def test_job_that_is_not_there_is_not_found(provider, job_id):
    with pytest.raises(IBMJobNotFoundError):
        provider.retrieve_job(job_id)


def test_job_on_a_retired_backend_has_its_name_and_cannot_run(provider):
    backend = provider._backend_of_job("ibmq_lima")
    assert isinstance(backend, IBMRetiredBackend)
    assert backend.name == "ibmq_lima"
    assert provider._backend_of_job("ibmq_lima") is backend
    with pytest.raises(IBMBackendError, match="'ibmq_lima' is retired"):
        backend.run(one_qubit())
    with pytest.raises(QiskitBackendNotFoundError):
        provider.get_backend("ibmq_lima")


@pytest.mark.parametrize("asked", [False, True], ids=["before it asked", "after it asked"])
def test_pickled_job_is_attached_again(provider, simulator, asked):
    job = simulator.run(one_qubit(), shots=1, job_tags=["pickled"])
    if asked:
        job.refresh()
    kept = pickle.dumps(job)
    assert provider.token.encode() not in kept
    detached = pickle.loads(kept)
    with pytest.raises(IBMJobApiError, match=r"IBMProvider\.attach\(job\)"):
        detached.result(timeout=60)
    assert provider.attach(detached) is detached
    assert detached.backend() is simulator
    assert detached.result(timeout=60).get_counts() == {"1": 1}
    assert detached.tags() == ["pickled"]


def test_job_that_names_no_backend_cannot_be_attached(provider):
    with pytest.raises(IBMJobNotFoundError, match="nope"):
        provider.attach(IBMCircuitJob(None, None, "nope"))


# A service that is large, or damaged


class Classic(LoopbackServer):
    """A service of the classic dialect on loopback, with two projects, two backends, and whatever jobs a test gives."""

    def __init__(self):
        super().__init__(_Replies)
        self.asked = []
        self.submitted = []
        self.broken = set()
        """Paths that are answered with 501, after which nobody tries again."""
        self.page = lambda query: {"jobs": []}

    def answer(self, path, query, body):
        self.asked.append(path)
        if path in self.broken:
            return 501, {"error": {"message": "It is broken."}}
        reply = self.reply(path.strip("/").split("/"), query, body)
        return (404, {"error": {"message": "Not here."}}) if reply is None else (200, reply)

    def reply(self, path, query, body):
        reply = None
        match path:
            case ["users", "loginWithToken"]:
                reply = {"id": "access"}
            case ["users", "me"]:
                reply = {"urls": {"http": self.url, "services": {"runtime": self.url}}}
            case ["Network"]:
                projects = {"one": {"isDefault": True}, "two": {}}
                reply = [{"name": "h", "groups": {"g": {"projects": projects}}}]
            case ["backends"]:
                reply = {"devices": ["local_5q", "local_27q"]}
            case ["backends", name, "configuration"]:
                reply = described(DEVICES[name])
            case ["jobs"] if body:
                self.submitted.append(json.loads(body))
                reply = {"id": "new"}
            case ["jobs"]:
                reply = self.page({name: values[0] for name, values in query.items()})
            case ["jobs", job_id]:
                reply = listing_entry(job_id)
        return reply


class _Replies(Replying, BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        status, reply = self.server.answer(parts.path, parse_qs(parts.query), body)
        self.reply(status, json.dumps(reply))

    def do_POST(self):
        self.do_GET()


def listing_entry(job_id, status="Completed", backend="local_5q", **more):
    return {"id": job_id, "state": {"status": status}, "backend": backend, "created": "2024-02-03T10:00:00Z", **more}


def page_of(entries, query):
    offset, limit = int(query.get("offset", 0)), int(query["limit"])
    return {"jobs": entries[offset : offset + limit], "count": len(entries), "offset": offset}


@pytest.fixture
def classic():
    with served(Classic()) as classic:
        yield classic


@pytest.fixture
def account_there(classic):
    with IBMProvider("the-token", classic.url, channel="ibm_quantum") as provider:
        classic.asked.clear()
        yield provider


def test_job_is_charged_to_the_instance_of_its_backend(classic, account_there):
    two = account_there.get_backend("local_5q", instance="h/g/two")
    assert account_there.get_backend("local_5q", instance="h/g/two") is two
    assert account_there.get_backend("local_5q") is not two
    assert account_there.backends("local_5q", instance="h/g/two") == [two]
    two.run(one_qubit())
    account_there.get_backend("local_5q").run(one_qubit())
    assert [sent["project"] for sent in classic.submitted] == ["two", "one"]


def test_one_cancelled_job_in_a_thousand_costs_few_requests(classic, account_there):
    entries = [listing_entry(f"j{number}", "Cancelled" if number == 999 else "Completed") for number in range(1000)]
    classic.page = lambda query: page_of(entries, query)
    assert ids(account_there.jobs(limit=1, status="CANCELLED")) == ["j999"]
    assert classic.asked.count("/jobs") == 5


def test_listing_ends_if_the_service_ignores_skip_and_count(classic, account_there):
    entries = [listing_entry("a"), listing_entry("b")]
    classic.page = lambda _: {"jobs": entries if classic.asked.count("/jobs") < 10 else []}
    assert ids(account_there.jobs(limit=None)) == ["a", "b"]
    assert classic.asked.count("/jobs") == 2


def test_job_that_comes_twice_is_passed_over_once(classic, account_there):
    pages = [["e", "d"], ["d", "c"], ["c", "b"], []]
    classic.page = lambda _: {"jobs": [listing_entry(job_id) for job_id in pages.pop(0)]}
    assert ids(account_there.jobs(limit=None, skip=2)) == ["c", "b"]


def test_undescribed_backend_hides_no_other_and_no_jobs(classic, account_there, caplog):
    classic.broken.add("/backends/local_5q/configuration")
    assert names(account_there.backends()) == ["local_27q"]
    assert "local_5q is left out" in caplog.text
    classic.page = lambda query: page_of([listing_entry("a"), listing_entry("b", backend="local_27q")], query)
    assert ids(account_there.jobs()) == ["a", "b"]
    job = account_there.retrieve_job("a")
    assert (job.backend().name, job.status()) == ("local_5q", JobStatus.DONE)
    with pytest.raises(IBMBackendError, match="could not describe it"):
        job.backend().run(one_qubit())
    classic.broken.clear()
    assert account_there.retrieve_job("a").backend().num_qubits == 5


@pytest.mark.parametrize("broken", [True, False])
def test_backend_of_many_jobs_is_asked_for_once(classic, account_there, broken):
    classic.broken |= {"/backends/local_5q/configuration"} if broken else set()
    classic.page = lambda query: page_of([listing_entry(f"j{number}") for number in range(50)], query)
    jobs = account_there.jobs(limit=None)
    assert (len(jobs), classic.asked) == (50, ["/jobs"])
    assert {job.backend().name for job in jobs} == {"local_5q"}
    assert classic.asked == ["/jobs", "/backends", "/backends/local_5q/configuration"]


def test_jobs_on_a_known_backend_are_listed_with_one_request(classic, account_there):
    backend = account_there.get_backend("local_5q")
    classic.asked.clear()
    classic.page = lambda query: page_of([listing_entry("a"), listing_entry("b")], query)
    assert [job.backend() for job in account_there.jobs()] == [backend, backend]
    assert classic.asked == ["/jobs"]


def test_unreadable_job_is_left_out_with_a_warning(classic, account_there, caplog):
    entries = [listing_entry("a"), listing_entry("b", state={"status": 3}), listing_entry("c")]
    classic.page = lambda query: page_of(entries, query)
    assert ids(account_there.jobs()) == ["a", "c"]
    [record] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "jobs[1].state.status: expected a string, got 3" in record.getMessage()


def test_listing_of_which_no_job_can_be_read_is_an_api_error(classic, account_there):
    classic.page = lambda query: page_of([listing_entry("a", state={"status": 3})], query)
    with pytest.raises(IBMJobApiError, match=r"jobs\[0\]\.state\.status"):
        account_there.jobs()


# Accounts


@pytest.fixture
def home(monkeypatch, tmp_path):
    """A home directory with nothing in it, and an environment without an account."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("TOKEN", "URL", "INSTANCE", "CHANNEL"):
        monkeypatch.delenv(f"QISKIT_IBM_{name}", raising=False)
    return tmp_path


def save(home, **accounts):
    folder = home / ".qiskit"
    folder.mkdir(exist_ok=True)
    (folder / "qiskit-ibm.json").write_text(json.dumps(accounts))


def account(provider, **more):
    return {"token": provider.token, "url": provider.url, "channel": "ibm_quantum", "verify": True} | more


def test_no_account_is_an_error_that_lists_where_it_is_looked_up(home):
    with pytest.raises(IBMAccountError, match="'token', in the variable QISKIT_IBM_TOKEN, or save an account"):
        IBMProvider()


def test_saved_default_account_is_found(home, provider):
    save(home, **{"default-ibm-quantum": account(provider)})
    with IBMProvider() as found:
        assert (found.token, found.url, found.instance) == (provider.token, provider.url, "ibm-q/open/main")


def test_account_that_is_marked_as_default_comes_first(home, provider):
    save(
        home,
        mine=account(provider, is_default_account=True),
        **{"default-ibm-quantum": account(provider, token="wrong")},
    )
    with IBMProvider() as found:
        assert found.token == provider.token


def test_saved_account_is_found_by_name(home, provider):
    save(home, mine=account(provider), **{"default-ibm-quantum": account(provider, token="wrong")})
    with IBMProvider(name="mine") as found:
        assert found.token == provider.token
    with pytest.raises(IBMAccountError, match=r"qiskit-ibm\.json \(default-ibm-quantum, mine\), got 'yours'"):
        IBMProvider(name="yours")


def test_environment_comes_before_the_saved_default(home, provider, monkeypatch):
    save(home, **{"default-ibm-quantum": account(provider, token="wrong", url="http://127.0.0.1:1/api")})
    monkeypatch.setenv("QISKIT_IBM_TOKEN", provider.token)
    monkeypatch.setenv("QISKIT_IBM_URL", provider.url)
    monkeypatch.setenv("QISKIT_IBM_INSTANCE", "ibm-q/open/main")
    with IBMProvider() as found:
        assert (found.token, found.url) == (provider.token, provider.url)


def test_url_of_the_environment_without_a_token_is_not_used(home, provider, monkeypatch, caplog):
    save(home, **{"default-ibm-quantum": account(provider)})
    monkeypatch.setenv("QISKIT_IBM_URL", "http://127.0.0.1:1/api")
    with IBMProvider() as found:
        assert found.url == provider.url
    assert "Ignored QISKIT_IBM_URL, because QISKIT_IBM_TOKEN is not set." in caplog.text


def test_name_comes_before_the_environment(home, provider, monkeypatch):
    save(home, mine=account(provider))
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "wrong")
    monkeypatch.setenv("QISKIT_IBM_URL", "http://127.0.0.1:1/api")
    with IBMProvider(name="mine") as found:
        assert found.url == provider.url


def test_token_comes_before_the_environment_and_the_file(home, provider, monkeypatch):
    save(home, **{"default-ibm-quantum": account(provider, token="wrong")})
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "wrong")
    with IBMProvider(provider.token, provider.url) as found:
        assert found.token == provider.token


def test_instance_that_is_given_counts_before_the_saved_one(home, provider):
    save(home, mine=account(provider, instance="a/b/c"))
    with IBMProvider(name="mine", url=provider.url, instance="ibm-q/open/main") as found:
        assert (found.url, found.instance) == (provider.url, "ibm-q/open/main")


def test_active_account_is_what_the_log_says_without_the_token(home, provider, caplog):
    save(home, mine=account(provider))
    with caplog.at_level("INFO", logger="ibm_circuit_job.account.provider"), IBMProvider(name="mine") as found:
        shown = found.active_account()
    assert shown["source"] == f"the account 'mine' in {home / '.qiskit' / 'qiskit-ibm.json'}"
    assert (shown["channel"], shown["url"], shown["instance"]) == ("ibm_quantum", provider.url, "ibm-q/open/main")
    lines = [record.getMessage() for record in caplog.records if record.levelname == "INFO"]
    assert len(lines) == 1
    assert all(shown[what] in lines[0] for what in ("channel", "url", "instance", "source"))
    assert provider.token not in f"{shown} {lines}"


def account_of_today(service, **more):
    more = {"channel": "ibm_quantum_platform"} | more
    return {"token": service.token, "url": service.platform_url, "instance": service.instance, **more}


@pytest.mark.parametrize("asked", [{}, {"channel": "ibm_cloud"}, {"channel": "ibm_quantum_platform"}])
@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("default-ibm-quantum-platform", {}),
        ("default-ibm-cloud", {"channel": "ibm_cloud"}),
        ("mine", {"channel": "ibm_cloud", "is_default_account": True}),
        ("mine", {"is_default_account": True}),
    ],
)
def test_saved_default_account_of_today_is_found(home, service, name, saved, asked):
    save(home, **{name: account_of_today(service, **saved)})
    with IBMProvider(**asked) as found:
        assert (found.token, found.url, found.instance) == (service.token, service.platform_url, service.instance)
        assert found.channel == "ibm_quantum_platform"


def test_named_account_has_its_own_channel_despite_variables(home, provider, monkeypatch):
    save(home, mine=account(provider))
    monkeypatch.setenv("QISKIT_IBM_INSTANCE", "crn:v1:bluemix:public:quantum-computing:us-east:a/1:2::")
    with IBMProvider(name="mine") as found:
        assert (found.channel, found.instance) == ("ibm_quantum", "ibm-q/open/main")


@pytest.mark.parametrize("given", [{"channel": ["x"]}, {"instance": 5}, {"instance": ["x"]}])
def test_argument_of_the_wrong_kind_is_an_account_error(home, given):
    with pytest.raises(IBMAccountError, match=r"expected (channel|instance) to be"):
        IBMProvider("x", **given)


@pytest.mark.parametrize(
    "body",
    [
        "not JSON, with s3cret in it",
        '["s3cret"]',
        '{"default-ibm-quantum": "s3cret"}',
        '{"default-ibm-quantum": {"token": ["s3cret"]}}',
        '{"default-ibm-quantum": {"token": "s3cret\\n"}}',
        '{"default-ibm-quantum": {"token": "s3cret", "url": "not a url"}}',
        '{"default-ibm-quantum": {"token": "s3cret", "url": "http://127.0.0.1:1/api", "proxies": 5}}',
        '{"default-ibm-quantum": {"token": "s3cret", "url": "http://127.0.0.1:1/api", "instance": 5}}',
    ],
)
def test_error_about_a_saved_account_never_shows_the_token(home, body):
    (home / ".qiskit").mkdir()
    (home / ".qiskit" / "qiskit-ibm.json").write_text(body)
    with pytest.raises(IBMAccountError) as raised:
        IBMProvider()
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("more", [{}, {"instance": "a/b/c"}, {"instance": "nonsense"}, {"url": "nonsense"}])
def test_error_about_an_account_never_shows_the_token(provider, more):
    token = "s3cret" if not more else provider.token
    with pytest.raises(IBMAccountError) as raised:
        IBMProvider(token, **{"url": provider.url} | more)
    assert token not in str(raised.value)
    assert token not in repr(raised.value)


def test_provider_and_its_clients_show_no_token(provider):
    shown = repr([provider, provider.account_client, provider.runtime_client, provider._parameters])
    assert provider.token not in shown
