"""What must hold of our client on a service made from the table of facts. Run as a program, it reports how many do.

Each check takes a service with some jobs and a provider that is logged in, for one API version.
"""

import sys
from contextlib import contextmanager
from datetime import timedelta

import facts
from loopback import served
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.providers.jobstatus import JobStatus
from server import BACKEND, CRN, FIRST, KEY, Service

from ibm_circuit_job import (
    IBMAccountError,
    IBMBackendApiError,
    IBMCircuitJob,
    IBMJobFailureError,
    IBMJobInvalidStateError,
    IBMJobNotFoundError,
    IBMProvider,
    WaitPolicy,
)
from ibm_circuit_job.clients import version_agreement

CHECKS = {}


def check(function):
    CHECKS[function.__name__] = function
    return function


@contextmanager
def world(*versions, status="live"):
    """Serve these versions, and log in."""
    # An earlier service may have had the same port, and other versions.
    version_agreement._agreements.clear()
    with served(Service(versions, status)) as service, IBMProvider(KEY, service.api, instance=CRN) as provider:
        yield service, provider


def schemas():
    """What validates bodies by IBM's own models; raises ImportError where they are not installed."""
    from ibm_quantum_schemas.sampler import version_0_1 as sampler  # noqa: PLC0415 - perhaps not installed

    params = {"sampler": sampler.ParamsModel}
    results = {"sampler": sampler.PrimitiveResultWrapperModel}
    return (
        lambda program, found: params[program].model_validate(found),
        lambda program, found: results[program].model_validate(found),
    )


def raised(kind, call):
    try:
        call()
    except kind as error:
        return str(error)
    raise AssertionError(f"{kind.__name__} was not raised")


def quick(job):
    """Have waits for a job poll without pauses that anybody would notice."""
    job.wait_policy = WaitPolicy(shortest_pause=0.005, longest_pause=0.005)
    return job


def two_registers():
    qubits = QuantumRegister(3)
    circuit = QuantumCircuit(qubits, ClassicalRegister(1, "a"), ClassicalRegister(2, "b"), name="two")
    circuit.x(0)
    circuit.measure([0, 1, 2], [0, 1, 2])
    return circuit


@check
def log_in_with_a_crn(service, provider):
    assert provider.instance == CRN
    # A service that had the same port before may have been asked by this process.
    assert service.operations("get_versions") in ([None], [])
    assert provider.service


@check
def wrong_key_is_an_account_error(service, _):
    assert "API key could not be found" in raised(
        IBMAccountError, lambda: IBMProvider("other", service.api, instance=CRN)
    )


@check
def instance_of_others_is_an_account_error(service, _):
    other = CRN.replace("a/1:2", "a/1:3")
    assert "not yours" in raised(IBMAccountError, lambda: IBMProvider(KEY, service.api, instance=other))


@check
def backend_describes_itself(_, provider):
    (backend,) = provider.backends()
    assert (backend.name, backend.num_qubits, backend.max_shots) == (BACKEND, 3, 10_000)
    assert {"cz", "measure"} <= set(backend.operation_names)
    status = backend.status()
    assert (status.operational, status.pending_jobs) == (True, 4)


@check
def properties_are_those_of_now_or_of_a_day(_, provider):
    backend = provider.get_backend(BACKEND)
    assert backend.properties().t1(0) == 1e-4
    now, then = backend.properties().last_update_date, backend.properties(datetime=FIRST).last_update_date
    assert then < now


@check
def listing_is_one_request_and_so_is_its_usage(service, provider):
    for _ in range(4):
        service.add()["steps"] = ["Completed"]
    before = len(service.asked)
    jobs = provider.jobs(limit=3)
    assert [job.job_id() for job in jobs] == ["job3", "job2", "job1"]
    if provider_version(service) >= "2026-03-15":
        assert [job.usage() for job in jobs] == [7.0, 7.0, 7.0]
        assert len(service.asked) == before + 1
    assert all(job.usage() == 7.0 for job in jobs)


def provider_version(service):
    return service.operations("list_backends")[-1]


def listed(service, provider, **wanted):
    del service
    return [job.job_id() for job in provider.jobs(**wanted)]


@check
def listing_filters_by_every_argument(service, provider):
    for number in range(6):
        service.add(tags=["even"] if number % 2 == 0 else ["odd", "x"])
    service.jobs["job0"]["steps"] = ["Completed"]
    service.jobs["job1"]["steps"] = ["Failed"]
    service.jobs["job2"]["steps"] = ["Running"]
    service.jobs["job5"]["backend"] = "other"
    at = lambda number: FIRST + timedelta(minutes=number)  # noqa: E731
    for wanted, expected in [
        ({"limit": 2}, "54"),
        ({"limit": 2, "skip": 1}, "43"),
        ({"limit": None}, "543210"),
        ({"descending": False, "limit": 2}, "01"),
        ({"backend_name": "other"}, "5"),
        ({"status": "pending"}, "5432"),
        ({"status": "completed"}, "10"),
        ({"status": JobStatus.DONE}, "0"),
        ({"status": [JobStatus.RUNNING, "ERROR"]}, "21"),
        ({"start_datetime": at(4)}, "54"),
        ({"end_datetime": at(1)}, "10"),
        ({"start_datetime": at(1), "end_datetime": at(2)}, "21"),
        ({"job_tags": ["even"]}, "420"),
        ({"job_tags": ["odd", "x"]}, "531"),
        ({"instance": CRN, "limit": 1}, "5"),
    ]:
        assert listed(service, provider, **wanted) == [f"job{number}" for number in expected], wanted


@check
def listing_of_many_pages_has_each_job_once(service, provider):
    for _ in range(450):
        service.add()
    assert len(set(listed(service, provider, limit=None))) == 450
    assert len(service.operations("list_jobs")) == 3


@check
def circuits_run_and_give_counts(_, provider):
    job = quick(provider.get_backend(BACKEND).run([two_registers(), two_registers()], shots=10, job_tags=["x"]))
    result = job.result(timeout=30)
    assert result.get_counts(0) == {"00 0": 5, "11 1": 5}
    assert result.get_counts(1) == result.get_counts(0)
    assert job.status() is JobStatus.DONE


@check
def submission_is_valid_by_the_schema(service, provider):
    service.validate_params, service.validate_result = schemas()
    backend = provider.get_backend(BACKEND)
    parameter = Parameter("t")
    bound = QuantumCircuit(1, 1)
    bound.rz(parameter, 0)
    bound.measure(0, 0)
    for more in ({}, {"rep_delay": 1e-4}, {"init_qubits": True}, {"memory": True, "meas_level": 2}):
        job = quick(backend.run([two_registers(), bound.assign_parameters({parameter: 0.1})], shots=4, **more))
        assert sum(job.result(timeout=30).get_counts(0).values()) == 4


@check
def retrieved_job_is_the_submitted_one(_, provider):
    submitted = provider.get_backend(BACKEND).run(two_registers(), shots=10, job_tags=["x", "y"])
    job = quick(provider.retrieve_job(submitted.job_id()))
    assert (job.tags(), job.usage_estimation, job.session_id) == (["x", "y"], {"quantum_seconds": 2.5}, None)
    assert [circuit.name for circuit in job.circuits()] == ["two"]
    assert job.creation_date() == FIRST
    assert job.backend().name == BACKEND
    assert job.cost == 600
    assert job.result(timeout=30).get_counts() == {"00 0": 5, "11 1": 5}


@check
def status_is_that_of_the_service(service, provider):
    service.add()
    job = quick(provider.retrieve_job("job0"))
    assert [job.status() for _ in range(2)] == [JobStatus.RUNNING, JobStatus.DONE]


@check
def result_that_is_late_is_waited_for(service, provider):
    job = quick(provider.get_backend(BACKEND).run(two_registers(), shots=2))
    service.late_results = 2
    assert job.result(timeout=30).get_counts() == {"00 0": 1, "11 1": 1}


@check
def private_job_is_read_once(_, provider):
    job = quick(provider.get_backend(BACKEND).run(two_registers(), shots=2, private=True))
    assert job.result(timeout=30).get_counts() == {"00 0": 1, "11 1": 1}
    assert job.private
    assert provider.retrieve_job(job.job_id()).circuits() == []


@check
def metrics_are_read(service, provider):
    service.add()["steps"] = ["Completed"]
    job = quick(provider.retrieve_job("job0"))
    metrics = job.metrics()
    version = provider_version(service)
    assert metrics["caller"] == "qiskit/2.6.2"
    assert ("circuits_execution_time_ns" in metrics) == (version >= "2026-04-15")
    assert ("bss" in metrics) == (version < "2026-03-15")
    assert list(job.time_per_step()) == ["created", "running", "finished"]
    assert job.queue_info() is None


@check
def usage_is_what_is_charged(service, provider):
    service.add()
    job = quick(provider.retrieve_job("job0"))
    if provider_version(service) >= "2026-03-15":
        assert (job.usage(), job.usage(partial=True)) == (0.0, 1.0)
    job.wait_for_final_state(timeout=30)
    assert (job.usage(), job.usage(partial=True)) == (7.0, 7.0)


@check
def client_version_is_that_of_the_submitter(_, provider):
    job = quick(provider.get_backend(BACKEND).run(two_registers()))
    assert {"qiskit", "ibm-circuit-job"} <= job.client_version.keys()


@check
def job_is_cancelled(service, provider):
    service.add()
    job = quick(provider.retrieve_job("job0"))
    assert job.cancel()
    assert job.status() is JobStatus.CANCELLED
    assert job.error_message() is None


@check
def job_that_has_ended_is_not_cancelled(service, provider):
    service.add()["steps"] = ["Queued", "Completed"]
    job = quick(provider.retrieve_job("job0"))
    assert "cannot be cancelled" in raised(IBMJobInvalidStateError, job.cancel)


@check
def tags_are_replaced(service, provider):
    service.add(tags=["old"])
    assert provider.retrieve_job("job0").update_tags(["a", "b"]) == ["a", "b"]
    assert service.jobs["job0"]["tags"] == ["a", "b"]
    assert provider.retrieve_job("job0").update_tags([]) == []


@check
def job_is_deleted(service, provider):
    service.add()["steps"] = ["Completed"]
    provider.runtime_client.job_delete("job0")
    assert service.jobs == {}
    assert "job0" in raised(IBMJobNotFoundError, lambda: provider.retrieve_job("job0"))


@check
def log_is_there_when_the_job_has_ended(service, provider):
    service.add()
    job = quick(provider.retrieve_job("job0"))
    assert job.logs() == ""
    service.jobs["job0"]["steps"] = ["Completed"]
    assert job.logs() == "2026-04-20 the log"


@check
def usage_of_the_instance_is_read(_, provider):
    usage = provider.usage()
    assert (usage.consumed_seconds, usage.limit_seconds, usage.remaining_seconds) == (12.0, 600.0, 588.0)
    assert (usage.allocation_seconds, usage.limit_reached, usage.plan_id) == (900.0, False, "plan")
    assert (usage.period_end - usage.period_start).days == 28


@check
def failed_job_says_why(service, provider):
    state = {"reason": "Too many shots.", "reason_code": 1517, "reason_solution": "Use fewer."}
    service.add(state=state)["steps"] = ["Failed"]
    job = quick(provider.retrieve_job("job0"))
    assert job.error_message() == "Error code 1517; Too many shots. Use fewer."
    assert "1517" in raised(IBMJobFailureError, job.result)


@check
def job_that_ran_too_long_is_cancelled_and_says_why(service, provider):
    state = {"reason_code": 1305, "reason_solution": "Ask for more time."}
    for status in ("Cancelled", "Failed"):
        job_id = service.add(state=state, long_status="Cancelled - Ran too long", steps=[status])["id"]
        job = quick(provider.retrieve_job(job_id))
        assert job.status() is JobStatus.CANCELLED
        assert "Ask for more time." in job.error_message()
        assert "1305" in raised(IBMJobInvalidStateError, job.result)


@check
def errors_of_the_described_form_are_repeated(service, provider):
    said = raised(IBMJobNotFoundError, lambda: provider.retrieve_job("none"))
    for words in ("The job is not found.", "Check the ID.", "1291", "trace-1"):
        assert words in said
    service.usage["usage_limit_reached"] = True
    assert "exceeds the limit" in raised(IBMBackendApiError, lambda: provider.get_backend(BACKEND).run(two_registers()))


@check
def every_request_names_the_version(service, provider):
    service.add()["steps"] = ["Completed"]
    provider.jobs()[0].metrics()
    (version,) = {version for name, version in service.asked if name != "get_versions"}
    assert version == [*service.versions][-1]


@check
def job_of_another_program_is_listed_by_its_id(service, provider):
    service.add("estimator")["steps"] = ["Completed"]
    assert provider.retrieve_job("job0").status() is JobStatus.DONE
    assert isinstance(provider.retrieve_job("job0"), IBMCircuitJob)


def run(name, *versions, status="live"):
    """Run one check on a service of its own. Return how many values the service compared with the table.

    Raises:
        AssertionError: If it does not hold, or the client did what the description does not have.
    """
    with world(*versions, status=status) as (service, provider):
        CHECKS[name](service, provider)
        assert not service.violations, service.violations
        return service.checks


def main():
    held = compared = 0
    for version in facts.VERSIONS:
        failed = []
        for name in CHECKS:
            try:
                compared += run(name, version)
            except Exception as error:  # noqa: BLE001 - reported, and the next is run
                failed.append(f"{name}: {type(error).__name__}: {error}"[:200])
        held += len(CHECKS) - len(failed)
        print(f"{version}: {len(CHECKS) - len(failed)} of {len(CHECKS)} checks hold", *failed, sep="\n  ")
    print(f"in all: {held} of {len(CHECKS) * len(facts.VERSIONS)}; {compared} values compared with the description")
    return held < len(CHECKS) * len(facts.VERSIONS)


if __name__ == "__main__":
    sys.exit(main())
