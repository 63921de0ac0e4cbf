"""Names, exceptions and calls of programs that were written for ``qiskit_ibm_provider``."""

import inspect
import warnings
from datetime import UTC, datetime
from importlib import import_module
from types import SimpleNamespace

import pytest
from qiskit import QuantumCircuit
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit.result import Result

import ibm_circuit_job
from ibm_circuit_job import (
    BackendStatus,
    IBMBackend,
    IBMBackendService,
    IBMCircuitJob,
    IBMError,
    IBMJob,
    IBMProvider,
    QueueInfo,
    least_busy,
)
from ibm_circuit_job.errors import Refused, Unreachable, Unreadable, account_error, to_exception

NAMES = {
    "": "IBMBackend IBMBackendService IBMJob IBMProvider Session least_busy job_monitor IBMError IBMProviderError "
    "IBMProviderValueError IBMBackendError IBMBackendApiError IBMBackendApiProtocolError IBMBackendValueError "
    "IBMBackendJobLimitError IBMInputValueError IBMNotAuthorizedError IBMApiError IBMAccountError",
    ".job": "IBMCircuitJob IBMCompositeJob IBMJob QueueInfo job_monitor IBMJobError IBMJobApiError IBMJobFailureError "
    "IBMJobInvalidStateError IBMJobTimeoutError",
    ".job.exceptions": "IBMJobError IBMJobApiError IBMJobFailureError IBMJobInvalidStateError IBMJobTimeoutError "
    "IBMJobNotFoundError",
    ".exceptions": "IBMError IBMAccountError IBMApiError IBMInputValueError IBMNotAuthorizedError IBMProviderError "
    "IBMProviderCredentialsNotFound IBMProviderCredentialsInvalidToken IBMBackendJobLimitError",
    ".accounts": "AccountsError AccountNotFoundError AccountAlreadyExistsError InvalidAccountError",
    ".utils": "utc_to_local local_to_utc seconds_to_duration duration_difference to_python_identifier",
}


@pytest.mark.parametrize("module", NAMES)
def test_names_are_imported_from_where_they_were(module):
    found = import_module(f"ibm_circuit_job{module}")
    assert [name for name in NAMES[module].split() if not hasattr(found, name)] == []


@pytest.mark.parametrize("module", [module for module in NAMES if module])
def test_a_name_is_the_same_object_wherever_it_is_imported(module):
    found = import_module(f"ibm_circuit_job{module}")
    for name in NAMES[module].split():
        if name in ibm_circuit_job.__all__:
            assert getattr(found, name) is getattr(ibm_circuit_job, name)


@pytest.mark.parametrize(
    ("failure", "kind", "caught_by"),
    [
        (
            Unreachable("read job a", "http://x", "x"),
            "IBMJobListingError",
            "IBMBackendApiError IBMJobApiError IBMApiError",
        ),
        (Refused("read job a", "http://x", 404), "IBMJobListingError", "IBMJobNotFoundError IBMBackendApiError"),
        (Refused("submit a job to x", "http://x", 400, code="3458"), "IBMBackendApiError", "IBMBackendJobLimitError"),
        (Unreadable("status of the backend", "", "x"), "IBMBackendApiError", "IBMBackendApiProtocolError"),
        (Refused("log in", "http://x", 401), "IBMAccountError", "IBMNotAuthorizedError IBMProviderError IBMApiError"),
        (Refused("log in", "http://x", 400, code="BXNIM0415E"), "IBMAccountError", "IBMNotAuthorizedError"),
    ],
)
def test_old_except_clauses_catch_what_they_caught(failure, kind, caught_by):
    raised = to_exception(failure, getattr(ibm_circuit_job, kind))
    for name in caught_by.split():
        assert isinstance(raised, getattr(ibm_circuit_job, name))


def test_busy_service_is_not_a_token_that_is_refused():
    error = account_error(Refused("log in", "http://x", 503))
    assert not isinstance(error, ibm_circuit_job.IBMNotAuthorizedError)


def test_positional_orders_are_those_of_the_archived_client():
    def order(function):
        return [name for name, each in inspect.signature(function).parameters.items() if each.kind != each.KEYWORD_ONLY]

    assert order(IBMProvider) == ["token", "url", "name", "instance", "proxies", "verify"]
    assert order(IBMProvider.save_account) == ["token", "url", "instance", "name", "proxies", "verify", "overwrite"]
    assert order(IBMProvider.saved_accounts) == ["default", "name"]
    assert order(IBMProvider.delete_account) == ["name"]
    assert order(IBMProvider.jobs)[-2:] == ["instance", "legacy"]
    assert order(IBMBackendService.backends)[1:] == ["arguments", "filters"]
    assert order(IBMCircuitJob.wait_for_final_state)[1:] == ["timeout", "wait", "callback"]


def backend(name, pending, status="active", operational=True):
    said = BackendStatus(name, "1", operational, pending, status)
    return SimpleNamespace(name=name, status=lambda: said)


def test_least_busy_is_the_one_with_the_fewest_jobs_that_runs_them():
    listed = [backend("a", 5), backend("b", 0, "internal"), backend("c", 3), backend("d", 1, operational=False)]
    assert least_busy(listed).name == "c"


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ([], "expected at least one backend"),
        ([backend("a", 0, "maintenance")], r"got a \(maintenance\)"),
        ([SimpleNamespace(name="aer")], "aer has none"),
        ([SimpleNamespace(name="aer", status=lambda: SimpleNamespace(operational=True))], "how busy"),
    ],
)
def test_least_busy_of_none_says_why(listed, message):
    with pytest.raises(IBMError, match=message):
        least_busy(listed)


def test_backend_service_finds_backends_and_jobs(provider, simulator):
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    job = simulator.run(circuit, shots=5, job_tags=["by-service"])
    service = provider.backend
    assert isinstance(service, IBMBackendService)
    assert service.local_5q is provider.get_backend("local_5q")
    assert {"local_5q", "retrieve_job"} <= set(dir(service))
    assert [each.job_id() for each in service.jobs(job_tags=["by-service"])] == [job.job_id()]
    for found in (service.retrieve_job(job.job_id()), service.job(job.job_id())):
        assert isinstance(found, IBMJob)
        assert found.job_id() == job.job_id()
    assert all(isinstance(each, IBMBackend) for each in service.backends(simulator=True))
    with pytest.raises(AttributeError, match="no backend 'ibmq_lima'"):
        _ = service.ibmq_lima


def test_unknown_backend_and_instance_are_refused_everywhere(provider):
    with pytest.raises(QiskitBackendNotFoundError, match="got 'nope'"):
        provider.backends("nope")
    for call in (provider.backends, provider.get_backend, provider.jobs):
        with pytest.raises(ibm_circuit_job.IBMInputValueError, match="got 'a/b/c'"):
            call(instance="a/b/c")
    assert provider.instances() == ["ibm-q/open/main"]


def test_backends_are_chosen_by_control_flow(provider):
    dynamic = {each.name for each in provider.backends(dynamic_circuits=True)}
    assert "local_heron" in dynamic
    assert {each.name for each in provider.backends(dynamic_circuits=False)}.isdisjoint(dynamic)


def test_get_backend_gives_options_their_defaults_again(provider):
    backend = provider.get_backend("local_5q")
    backend.set_options(shots=7)
    assert provider.get_backend("local_5q").options.shots == 4000
    assert provider.get_backend("local_5q") is backend


def test_no_jobs_are_listed_where_none_are_wanted(provider):
    assert provider.jobs(0) == []
    assert provider.jobs(0, legacy=True) == []


def test_platform_has_no_legacy_jobs_and_a_warning_says_so(platform_provider):
    with pytest.warns(UserWarning, match="no service lists them"):
        assert platform_provider.jobs(legacy=True) == []


def test_arguments_that_run_took_are_taken_with_a_warning(simulator):
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        result = simulator.run(circuit, shots=10.7, memory=1, image="old").result()
    assert result.get_memory() == ["0"] * 10
    assert [str(each.message) for each in told if each.category is UserWarning] == [
        "shots=10.7 is no whole number: 10 are run",
        "run() sends no image: programs run in the service's own",
    ]


def test_paused_backend_is_warned_of_while_it_is_paused(provider, monkeypatch):
    backend = provider.get_backend("local_simulator")
    said = {"state": True, "status": "internal", "length_queue": 0}
    monkeypatch.setattr(provider.runtime_client, "backend_status", lambda _: dict(said))
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    assert backend.status().status_msg == "internal"
    with pytest.warns(UserWarning, match=r"local_simulator is paused: .* \(internal\)"):
        backend.run(circuit, shots=1)
    said["status"] = "active"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        backend.run(circuit, shots=1)


def test_statuses_and_queue_information_have_what_else_was_said():
    status = BackendStatus.from_reply({"state": True, "status": "active", "length_queue": 2, "reason": "busy"}, "x")
    assert (status.pending_jobs, status.reason) == (2, "busy")
    with pytest.raises(AttributeError, match="no 'colour'"):
        _ = status.colour
    info = QueueInfo(
        position_in_queue=3, status="Queued", estimated_completion_time="2024-02-03T12:00:00", job_id="a", fee=1
    )
    assert (info.position, info.fee) == (3, 1)
    assert info.estimated_complete_time == datetime(2024, 2, 3, 12, tzinfo=UTC)


def test_header_of_a_result_is_a_dictionary_with_attributes(simulator):
    circuit = QuantumCircuit(1, 1, name="one")
    circuit.measure(0, 0)
    result = simulator.run(circuit, shots=2, header={"x": 1}).result()
    assert (result.header.x, result.header["x"], result.header.to_dict()) == (1, 1, {"x": 1})
    assert result.results[0].header.name == "one"
    assert Result.from_dict(result.to_dict()).get_counts("one") == {"0": 2}
    assert datetime.fromisoformat(result.date)
