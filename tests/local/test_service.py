"""The whole path, real from end to end: a backend, a service, a queue, a simulator, a websocket, a result."""

import asyncio
import os
import select
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import requests
from known_circuits import flipped
from qiskit import QuantumCircuit, qasm3, transpile
from qiskit.circuit import Gate
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import (
    IBMAccountError,
    IBMJobFailureError,
    IBMJobInvalidStateError,
    IBMJobNotFoundError,
    IBMJobTimeoutError,
    IBMProvider,
)
from ibm_circuit_job.local import LocalService, LocalServiceError
from ibm_circuit_job.local.crew import Crew
from ibm_circuit_job.local.jobs import CannotCancel, JobQueues
from ibm_circuit_job.local.limits import Limits
from ibm_circuit_job.local.records import Records
from ibm_circuit_job.local.service import _new_process

STARTS_AS_USERS_DO = _new_process


@pytest.fixture
def started_as_users_do(monkeypatch):
    """Start services by a program of their own, and not as ``prepared_services`` does."""
    monkeypatch.setattr("ibm_circuit_job.local.service._new_process", STARTS_AS_USERS_DO)


def test_bell_job_from_run_to_counts(simulator, bell):
    before = datetime.now(UTC)
    job = simulator.run(bell, shots=1000, memory=True, job_tags=["bell", "pair"])
    result = job.result(timeout=60)
    counts = result.get_counts()
    assert set(counts) == {"00", "11"}
    assert sum(counts.values()) == 1000
    assert len(result.get_memory()) == 1000
    assert (result.job_id, result.backend_name, result.success) == (job.job_id(), "local_simulator", True)
    assert job.done()
    assert job.tags() == ["bell", "pair"]
    # The service says milliseconds.
    assert before - timedelta(milliseconds=1) <= job.creation_date() <= datetime.now(UTC)


def test_fifty_jobs_from_eight_threads_give_fifty_right_results(simulator):
    def run(number):
        return simulator.run(flipped(6, number), shots=100).result(timeout=60).get_counts()

    with ThreadPoolExecutor(8) as threads:
        counts = list(threads.map(run, range(50)))
    assert counts == [{f"{number:06b}": 100} for number in range(50)]


def test_several_circuits_keep_their_order_and_their_registers(simulator):
    two_registers = QuantumCircuit(2)
    two_registers.measure_all()
    two_registers.x(0)
    two_registers.measure_all()
    counts = simulator.run([flipped(2, 2), two_registers], shots=10).result(timeout=60).get_counts()
    assert counts == [{"10": 10}, {"01 00": 10}]


def test_seed_gives_the_same_counts_again(simulator, bell):
    first, second = (simulator.run(bell, seed_simulator=7).result(timeout=60).get_counts() for _ in range(2))
    assert first == second


def test_control_flow_runs(simulator):
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    job = simulator.run(circuit, shots=10)
    assert job.result(timeout=60).get_counts() == {"11": 10}
    job.refresh()
    assert job.state.details.program == "qasm3-runner"


def test_header_comes_back_with_the_result(simulator, bell):
    assert simulator.run(bell, shots=1, header={"note": "x"}).result(timeout=60).header == {"note": "x"}


def test_transpiled_circuit_runs_on_a_noisy_device(device, bell):
    ready = transpile(bell, device, optimization_level=1, seed_transpiler=1)
    counts = device.run(ready, shots=2000, rep_delay=0.0).result(timeout=60).get_counts()
    assert counts["00"] + counts["11"] > 1700
    assert set(counts) == {"00", "01", "10", "11"}


def test_unsupported_circuit_fails_with_the_instruction_named(device, bell):
    job = device.run(qasm3.dumps(bell), shots=10)
    with pytest.raises(IBMJobFailureError, match=r"Error code 1517; .* it has no h, but cx"):
        job.result(timeout=60)
    assert job.status() is JobStatus.ERROR
    assert "it has no h" in job.error_message()


def test_undefined_gate_fails_by_name_on_the_simulator(simulator):
    circuit = QuantumCircuit(1, 1)
    circuit.append(Gate("mystery", 1, []), [0])
    with pytest.raises(IBMJobFailureError, match="Instruction 'mystery' is not supported by local_simulator"):
        simulator.run(circuit).result(timeout=60)


def test_second_job_has_a_queue_position_and_can_be_cancelled(slow):
    first, second, third = slow(30), slow(30), slow(30)
    while first.status() is JobStatus.QUEUED:
        pass
    for job, position in ((second, 1), (third, 2)):
        assert job.status() is JobStatus.QUEUED
        job.refresh()
        assert job.state.metrics.position_in_queue == position
    assert second.cancel()
    assert second.cancelled()
    with pytest.raises(IBMJobInvalidStateError, match="cancelled"):
        second.result(timeout=10)
    third.refresh()
    assert third.state.metrics.position_in_queue == 1
    assert third.cancel()
    assert first.cancel()
    first.wait_for_final_state(timeout=10)
    assert first.cancelled()


def test_cancelled_job_does_not_make_the_next_one_hang(simulator, slow, bell):
    for _ in range(4):
        first = slow(20)
        while not first.running():
            time.sleep(0.01)
        first.cancel()
        assert simulator.run(bell, shots=10).result(timeout=30).success


def test_cancel_of_a_job_that_is_done_is_refused(simulator, bell):
    job = simulator.run(bell)
    job.wait_for_final_state(timeout=60)
    with pytest.raises(IBMJobInvalidStateError, match="cannot be cancelled"):
        job.cancel()


def test_wait_is_told_by_the_stream_and_hardly_asks(slow, provider, monkeypatch):
    job = slow(2)
    while job.status() is JobStatus.QUEUED:
        pass
    asked = []
    ask = provider.runtime_client.job_get
    monkeypatch.setattr(type(provider.runtime_client), "job_get", lambda _, *a, **k: asked.append(a) or ask(*a, **k))
    job.wait_for_final_state(timeout=60)
    assert job.done()
    assert len(asked) <= 2


def test_timeout_is_honoured_while_listening(slow):
    job = slow(30)
    while job.status() is JobStatus.QUEUED:
        pass
    with pytest.raises(IBMJobTimeoutError, match=r"within 0\.5 seconds"):
        job.wait_for_final_state(timeout=0.5)
    assert not job.in_final_state()
    job.cancel()


def test_retrieved_job_has_the_same_result(provider, simulator, bell):
    job = simulator.run(bell, shots=100)
    counts = job.result(timeout=60).get_counts()
    again = provider.retrieve_job(job.job_id())
    assert again.result(timeout=60).get_counts() == counts
    assert again.backend().name == "local_simulator"


def test_unknown_names_are_refused_by_name(provider):
    with pytest.raises(QiskitBackendNotFoundError, match="local_heron, ibmq_qasm_simulator, got 'ibmq_lima'"):
        provider.get_backend("ibmq_lima")
    with pytest.raises(IBMJobNotFoundError, match="Job nope not found"):
        provider.retrieve_job("nope")


def test_devices_have_couplings_errors_and_lengths(provider):
    device = provider.get_backend("local_27q")
    assert device.num_qubits == 27
    assert device.target["cx"][0, 1].error > 0
    assert device.target["cx"][0, 1].duration > 0
    assert device.target["measure"][0,].error > 0
    assert (0, 2) not in device.coupling_map.get_edges()
    assert provider.get_backend("local_simulator").num_qubits == 30


def test_wrong_token_names_the_url_and_not_the_token(provider):
    with pytest.raises(IBMAccountError) as raised:
        IBMProvider("not-the-token", provider.url)
    assert provider.url in str(raised.value)
    assert "not-the-token" not in str(raised.value)
    assert "token" in str(raised.value)


@pytest.mark.parametrize("path", ["", "/api/elsewhere"])
def test_url_without_a_service_is_named(provider, path):
    root = provider.url.removesuffix("/api")
    with pytest.raises(IBMAccountError, match=f"{root}{path}.*check the url"):
        IBMProvider("secret-token", root + path, channel="ibm_quantum")


def test_port_without_a_listener_is_named():
    with pytest.raises(IBMAccountError, match=r"no answer from http://127\.0\.0\.1:9/api.*refused.*check the url"):
        IBMProvider("secret-token", "http://127.0.0.1:9/api")


def test_url_that_is_none_is_refused():
    with pytest.raises(IBMAccountError, match="with http:// or https:// at the front"):
        IBMProvider("secret-token", "localhost")


def test_missing_token_says_where_to_put_it(monkeypatch):
    monkeypatch.delenv("QISKIT_IBM_TOKEN", raising=False)
    with pytest.raises(IBMAccountError, match="QISKIT_IBM_TOKEN"):
        IBMProvider()


def test_instance_that_the_account_does_not_have_is_refused(provider):
    with pytest.raises(IBMAccountError, match="expected instance to be one of ibm-q/open/main, got 'a/b/c'"):
        IBMProvider(provider.token, provider.url, instance="a/b/c")


@pytest.mark.parametrize(
    "arguments",
    [
        {"token": "https://auth.example.com/api", "url": "TOP-SECRET"},
        {"token": "x", "url": "http://user:TOP-SECRET@127.0.0.1"},
        {"token": "x", "url": "htp://user:TOP-SECRET@127.0.0.1"},
        {"token": "TOP-SECRET", "url": "http://127.0.0.1:9"},
        {"token": "TOP SECRET\n", "url": "http://127.0.0.1:9"},
        {"token": "x", "url": "http://127.0.0.1:9", "proxies": {"urls": {"http": "http://u:TOP-SECRET@h:99999"}}},
        {"token": "x", "url": "http://127.0.0.1:9", "proxies": "TOP-SECRET"},
    ],
)
def test_secrets_are_in_no_error(arguments):
    with pytest.raises(IBMAccountError) as raised:
        IBMProvider(**arguments)
    error = raised.value
    while error is not None:
        assert "SECRET" not in f"{error} {error!r} {vars(error)}"
        error = error.__cause__ or error.__context__


def test_objects_that_break_the_worker_do_not_stop_the_queue(provider, simulator, bell):
    result = {"backend_name": "b", "job_id": "x", "success": True, "results": []}
    odd = {"r": {"__type__": "Result", "__value__": {**result, "results": [{"shots": 1, "success": True, "data": 5}]}}}
    job = simulator.run(bell, shots=1, header=odd)
    with pytest.raises(IBMJobFailureError, match="expected a Result"):
        job.result(timeout=60)
    assert simulator.run(bell, shots=1).result(timeout=60).success


def test_log_says_how_the_job_ended(provider, device, bell):
    job = device.run(qasm3.dumps(bell))
    job.wait_for_final_state(timeout=60)
    assert "it has no h, but cx" in provider.runtime_client.job_logs(job.job_id())


@pytest.mark.parametrize(
    "path", ["/users/me", "/Network", "/jobs", "/jobs/x", "/jobs/x/results", "/jobs/x/metrics", "/backends"]
)
def test_service_demands_a_token(provider, path):
    assert requests.get(provider.url + path, timeout=10).status_code == 401


def test_service_lists_jobs_by_page_and_filter(provider, simulator, bell):
    jobs = [simulator.run(bell, shots=1, job_tags=["listed", str(number)]) for number in range(3)]
    for job in jobs:
        job.wait_for_final_state(timeout=60)
    headers = provider.account_client.headers()

    def listed(**query):
        reply = requests.get(f"{provider.url}/jobs", params=query, headers=headers, timeout=10).json()
        return [entry["id"] for entry in reply["jobs"]], reply["count"]

    newest_first = [job.job_id() for job in reversed(jobs)]
    assert listed(tags="listed") == (newest_first, 3)
    assert listed(tags="listed", limit=1, offset=1) == (newest_first[1:2], 3)
    assert listed(tags="listed", sort="ASC") == (newest_first[::-1], 3)
    assert listed(tags=["listed", "2"]) == (newest_first[:1], 1)
    assert listed(tags="listed", pending="true") == ([], 0)
    assert listed(tags="listed", backend="local_5q") == ([], 0)
    after = jobs[1].creation_date().isoformat()
    assert listed(tags="listed", created_after=after) == (newest_first[:2], 2)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/jobs", b"{", 400),
        ("POST", "/jobs", b'{"program_id": "circuit-runner", "backend": "nope", "params": {}}', 404),
        ("POST", "/jobs", b'{"program_id": "nope", "backend": "local_5q", "params": {}}', 404),
        ("GET", "/jobs?limit=-1", None, 400),
        ("GET", "/jobs?backend=nowhere&created_after=noon", None, 400),
        ("GET", "/jobs/v2?created_before=noon", None, 400),
        ("GET", "/nowhere", None, 404),
        ("GET", "/backends/nope/configuration", None, 404),
    ],
)
def test_service_refuses_a_bad_request_in_its_own_words(provider, method, path, body, status):
    reply = requests.request(
        method, provider.url + path, data=body, headers=provider.account_client.headers(), timeout=10
    )
    assert reply.status_code == status
    assert reply.json()["error"]["message"]


def test_params_without_circuits_fail_the_job_only(provider):
    client = provider.runtime_client
    for params in ({"circuits": [3]}, {}, {"circuits": [{"__type__": "QuantumCircuit", "__value__": "AAAA"}]}):
        reply = client.program_run(program_id="circuit-runner", backend_name="local_simulator", params=params)
        job = provider.retrieve_job(reply.split(b'"')[3].decode())
        job.wait_for_final_state(timeout=60)
        assert job.status() is JobStatus.ERROR
        assert job.error_message()


def test_expired_access_token_is_renewed(provider, simulator, bell):
    provider.account_client._access_token = "expired"
    job = simulator.run(bell)
    provider.account_client._access_token = "expired"
    assert job.result(timeout=60).success


def test_taken_port_is_said_to_be_taken(provider):
    port = int(provider.url.split(":")[2].split("/")[0])
    with pytest.raises(LocalServiceError, match=f"port {port} of 127.0.0.1 is taken"):
        IBMProvider.local(port=port)


@pytest.mark.usefixtures("started_as_users_do")
def test_service_imports_nothing_of_the_folder_and_stops(tmp_path, monkeypatch):
    (tmp_path / "jwt.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    with LocalService(workers=1) as service:
        assert service.is_running
        assert service.token not in repr(service)
    assert not service.is_running
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{service.url}/version", timeout=10)


@pytest.mark.parametrize("ending", ["raise ValueError", "os.kill(os.getpid(), signal.SIGKILL)", "pass"])
def test_service_does_not_outlive_the_program_that_started_it(program, ending):
    text = (
        "import os, signal\n"
        "from ibm_circuit_job import IBMProvider\n"
        "provider = IBMProvider.local()\n"
        "print(provider._service.pid, flush=True)\n"
        f"{ending}\n"
    )
    with program("-c", text) as process:
        assert gone(int(process.stdout.readline()))


def test_service_does_not_outlive_ctrl_c(program):
    text = (
        # A program in the background of a shell is deaf to it by default.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from ibm_circuit_job import IBMProvider\n"
        "provider = IBMProvider.local()\n"
        "print(provider._service.pid, flush=True)\n"
        "import threading; threading.Event().wait()\n"
    )
    with program("-c", text) as process:
        pid = int(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
    assert gone(pid)


def gone(pid):
    """Whether a process ends within 20 seconds."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 20.0)[0])
    finally:
        os.close(process)


def test_forked_child_does_not_keep_the_service_alive(program):
    text = (
        "import os, signal\n"
        "from ibm_circuit_job.local import LocalService\n"
        "service = LocalService()\n"
        "print(service.pid, flush=True)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    signal.pause()\n"
        "print(child, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with program("-c", text) as process:
        service, child = (int(process.stdout.readline()) for _ in range(2))
        try:
            assert gone(service)
        finally:
            os.kill(child, signal.SIGKILL)


def test_service_that_was_killed_is_not_said_to_run():
    with LocalService(workers=1) as service:
        os.kill(service.pid, signal.SIGKILL)
        assert gone(service.pid)
        assert not service.is_running


@pytest.mark.parametrize("port", [-1, 70_000, "8080", True])
def test_port_that_is_none_is_refused(port):
    with pytest.raises(LocalServiceError, match="expected port to be a whole number from 0 to 65535"):
        LocalService(port=port)


def test_job_whose_outcome_is_there_cannot_be_cancelled_any_more(tmp_path):
    """Between the end of the execution and the moment at which the queue writes it down."""

    async def scene():
        queues = JobQueues(Records(tmp_path), Crew(1, Limits(memory_mb=512)))
        job = queues.submit("local_simulator", "circuit-runner", b"{}", [], None)
        job.status = "Running"
        outcome = asyncio.get_running_loop().create_future()
        outcome.set_result(None)
        queues._current[job.id] = outcome
        with pytest.raises(CannotCancel):
            queues.cancel(job)
        await queues.stop()
        return job.status

    assert asyncio.run(scene()) == "Running"
