"""What the official client's own integration suite asks of backends, accounts and jobs that no other check asks."""

import copy
from datetime import datetime, timedelta

import pytest
from qiskit import QuantumCircuit
from qiskit.providers.backend import QubitProperties
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit.transpiler import Target
from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2, Session
from qiskit_ibm_runtime.exceptions import IBMInputValueError, RuntimeJobTimeoutError

HERON = "local_heron"


def test_names_of_backends_are_all_different(service):
    names = [backend.name for backend in service.backends()]
    assert len(names) == len(set(names))
    assert all(service.backend(name).name == name for name in names)


def test_simulator_is_found_by_the_name_that_it_had(service, bell, sample):
    backend = service.backend("ibmq_qasm_simulator")
    assert backend.simulator
    assert sample(backend, bell, shots=10).result(timeout=60)[0].data.meas.num_shots == 10


@pytest.mark.parametrize("wanted", [{}, {"instance": None}])
def test_least_busy_backend_is_of_the_instance(connect, services, wanted):
    backend = connect(**wanted).least_busy(instance=services.plain.instance)
    assert backend._instance == services.plain.instance


def test_backend_knows_its_service_target_and_qubits(service):
    backend = service.backend(HERON)
    assert isinstance(backend.service, QiskitRuntimeService)
    assert isinstance(backend.target, Target)
    assert "reset" in backend.target
    assert isinstance(backend.target_history(datetime=datetime.now() - timedelta(30)), Target)  # noqa: DTZ005
    properties = backend.qubit_properties([*range(backend.num_qubits)])
    assert all(isinstance(each, QubitProperties) for each in properties)
    assert backend.simulator == backend.configuration().simulator
    assert backend.properties(datetime=datetime.now()).backend_version == backend.properties().backend_version  # noqa: DTZ005
    with pytest.raises(AttributeError):
        backend.foobar  # noqa: B018 - this is what is checked


def test_history_leaves_the_properties_as_they_are(device):
    properties = device.properties()
    device.target_history(datetime=datetime.now() - timedelta(60))  # noqa: DTZ005 - the client takes local times
    assert device.properties() == properties


def test_refresh_reads_everything_anew(connect):
    backend = connect().backend("local_5q")
    target, configuration, properties = backend.target, backend.configuration(), backend.properties()
    backend.refresh()
    assert backend.target is not target
    assert backend.configuration() is not configuration
    assert backend.properties() is not properties


def test_backend_can_be_copied(device):
    copied = copy.deepcopy(device)
    assert copied.name == device.name
    assert copied.configuration().basis_gates == device.configuration().basis_gates
    assert copied.properties().last_update_date == device.properties().last_update_date
    assert copied._instance == device._instance


def test_backend_that_was_changed_is_read_anew(service):
    gates = copy.copy(service.backend("local_5q").basis_gates)
    service.backend("local_5q").basis_gates.remove(gates[0])
    assert service.backend("local_5q").basis_gates == gates


def test_fractional_gates_are_there_where_wanted(service):
    wanted = [service.backend(HERON, use_fractional_gates=each) for each in (True, True, False, False, True)]
    assert ["rzz" in each.basis_gates for each in wanted] == [True, True, False, False, True]
    with pytest.raises(IBMInputValueError, match="does not support fractional gates"):
        service.backend("local_5q", use_fractional_gates=True)


def test_calibration_that_there_is_none_of_is_not_found(service, caplog):
    with pytest.raises(QiskitBackendNotFoundError):
        service.backend("local_5q", calibration_id="invalid_id")
    assert "invalid_id" in caplog.text


def test_circuit_with_too_many_qubits_is_refused_with_both_numbers(device):
    with pytest.raises(IBMInputValueError, match="circuit has 6 qubits but the target system requires 5"):
        SamplerV2(mode=device).run([QuantumCircuit(6, 6)])


def test_options_of_the_backend_do_not_count_for_primitives(connect, ones):
    backend = connect().backend("local_5q")
    backend.options.shots = 2048
    backend.set_options(memory=True)
    assert SamplerV2(mode=backend).run([ones], shots=1).inputs["pubs"][0][2] == 1


# Accounts


@pytest.mark.parametrize(
    "wanted", [{"plans_preference": ["open", "no-such-plan"]}, {"plans_preference": ["open"], "region": "us-east"}]
)
def test_one_preference_that_holds_is_enough(connect, services, wanted):
    assert connect(instance=None, **wanted).active_instance() == services.plain.instance


@pytest.mark.parametrize("wanted", [{"region": "no-such-region"}, {"tags": ["no-such-tag"]}])
def test_preference_that_no_instance_has_is_refused(connect, wanted):
    with pytest.raises(IBMInputValueError):
        connect(instance=None, **wanted)


def test_backends_are_those_of_the_instance_however_it_is_named(connect, services):
    given, found = connect(), connect(instance=None)
    listed = [
        sorted(backend.name for backend in backends)
        for backends in (
            given.backends(),
            found.backends(instance=services.plain.instance),
            found.backends(instance="local"),
        )
    ]
    assert listed[0] == listed[1] == listed[2]
    assert found.backend("local_5q", instance=services.plain.instance).name == "local_5q"


def test_jobs_are_found_before_any_backend_is_asked_for(connect, simulator, bell, sample):
    made = sample(simulator, bell, shots=1)
    service = connect(instance=None)
    assert service.jobs()[0].status()
    for instance in service.instances():
        assert made.job_id() in [job.job_id() for job in connect(instance=instance["crn"]).jobs()]
    assert service.job(made.job_id()).job_id() == made.job_id()


def test_usage_says_what_remains(strict):
    usage = strict.usage()
    assert usage["usage_limit_seconds"] >= usage["usage_remaining_seconds"] > 0


# Jobs and sessions


def test_tags_that_are_no_texts_are_refused(service):
    with pytest.raises(IBMInputValueError):
        service.jobs(job_tags=[1, 2, 3])


def test_jobs_keep_the_backend_that_they_ran_on(service, device, simulator, bell, ones, sample):
    jobs = [sample(device, ones, shots=1), sample(simulator, bell, shots=1)]
    assert [service.job(job.job_id()).backend().name for job in jobs] == ["local_5q", "local_simulator"]


def test_inputs_are_there_before_the_job_has_ended(service, simulator, bell, sample):
    job = service.job(sample(simulator, bell, shots=3).job_id())
    assert job.inputs["pubs"][0][2] == 3


def test_several_jobs_run_at_once_and_have_ids_of_their_own(simulator, bell, sample):
    jobs = [sample(simulator, *[bell] * 20, shots=2048) for _ in range(4)]
    assert len({job.job_id() for job in jobs}) == 4
    assert all(len(job.result(timeout=60)) == 20 for job in jobs)
    assert {job.status() for job in jobs} == {"DONE"}


def test_result_in_a_tenth_of_a_second_times_out(slow):
    with pytest.raises(RuntimeJobTimeoutError):
        slow(20).result(timeout=0.1)


def test_backend_inside_of_a_session_is_warned_of(device, caplog):
    with Session(backend=device):
        SamplerV2(mode=device)
    assert "this job will run inside this session" in caplog.text
