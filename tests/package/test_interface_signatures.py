"""The documented interface of a job, written out, and the class compared with it; and the pages that explain it."""

import inspect
import re
from pathlib import Path

import pytest
from qiskit.providers import JobV1

from ibm_circuit_job import IBMBackend, IBMCircuitJob, IBMProvider
from ibm_circuit_job.testing import ScriptedClient

CONSTRUCTOR = (
    "backend, api_client, job_id, creation_date=None, status=None, runtime_client=None, kind=None, name=None, "
    "time_per_step=None, result=None, error=None, session_id=None, tags=None, run_mode=None, client_info=None, **kwargs"
)

# Member -> (arguments, what is returned without what is in a container)
METHODS = {
    "backend": ("", "DescribedBackend"),  # documented as IBMBackend, whose base it is
    "backend_options": ("", "dict"),
    "cancel": ("", "bool"),
    "cancelled": ("", "bool"),
    "circuits": ("", "list"),
    "creation_date": ("", "datetime"),
    "done": ("", "bool"),
    "error_message": ("", "str | None"),
    "header": ("", "dict"),
    "in_final_state": ("", "bool"),
    "job_id": ("", "str"),
    "name": ("", "str | None"),
    "properties": ("refresh=False", "BackendProperties | None"),
    "queue_info": ("", "QueueInfo | None"),
    "queue_position": ("refresh=False", "int | None"),
    "refresh": ("", "None"),
    "result": ("timeout=None, refresh=False", "QiskitResult"),
    "running": ("", "bool"),
    "scheduling_mode": ("", "str | None"),
    "status": ("", "JobStatus"),
    "submit": ("", "NoReturn"),
    "tags": ("", "list"),
    "time_per_step": ("", "dict | None"),
    "update_name": ("name", "str"),
    "update_tags": ("new_tags", "list"),
    # documented with the first alone; qiskit's JobV1 has all three in this order
    "wait_for_final_state": ("timeout=None, wait=None, callback=None", "None"),
}
PROPERTIES = {"client_version": "dict", "usage_estimation": "dict"}

# What later versions and the official clients have beyond the documented interface.
KEYWORD_ONLY = {"result": {"partial", "progress"}}
EXTRAS = {
    "connect",
    "errored",
    "from_runtime_job",
    "future",
    "learn",
    "observe",
    "client",
    "result_async",
    "wait_for_final_state_async",
    "from_state",
    "from_listing",
    "from_store",
    "keep_in",
    "store",
    "logs",
    "reconnect_with",
    "metrics",
    "primitive_result",
    "primitive_result_async",
    "private",
    "session_id",
    "state",
    "usage",
}

RUN = (
    "circuits, dynamic=None, job_tags=None, init_circuit=None, init_num_resets=None, header=None, shots=None, "
    "memory=None, meas_level=None, meas_return=None, rep_delay=None, init_qubits=None, use_measure_esp=None, "
    "noise_model=None, seed_simulator=None, **run_config"
)
PROVIDER = "token=None, url=None, name=None, instance=None, proxies=None, verify=None"
JOBS = (
    "limit=10, skip=0, backend_name=None, status=None, start_datetime=None, end_datetime=None, job_tags=None, "
    "descending=True"
)

TESTS = Path(__file__).parents[1]
INTERFACE = TESTS.parent / "docs" / "interface.md"
INTERFACE_TESTS = TESTS.parent / "docs" / "interface_tests.md"


def parameters_of(function):
    found = list(inspect.signature(function).parameters.values())
    return [parameter for parameter in found if parameter.name != "self"]


def documented_parameters(function):
    """The arguments as the documentation writes them: without types, and without what is keyword-only."""
    return ", ".join(
        str(parameter.replace(annotation=inspect.Parameter.empty))
        for parameter in parameters_of(function)
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY
    )


def test_constructor_is_as_documented():
    assert documented_parameters(IBMCircuitJob.__init__) == CONSTRUCTOR


@pytest.mark.parametrize("method", METHODS)
def test_method_takes_what_is_documented(method):
    function = getattr(IBMCircuitJob, method)
    assert documented_parameters(function) == METHODS[method][0]
    extras = {
        parameter.name for parameter in parameters_of(function) if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    assert extras == KEYWORD_ONLY.get(method, set())
    assert all(
        parameter.default is not inspect.Parameter.empty
        for parameter in parameters_of(function)
        if parameter.name in extras
    )


def returned(function):
    return re.sub(r"\[.*\]", "", str(inspect.signature(function).return_annotation))


@pytest.mark.parametrize("method", METHODS)
def test_method_returns_what_is_documented(method):
    assert returned(getattr(IBMCircuitJob, method)) == METHODS[method][1]


@pytest.mark.parametrize("name", PROPERTIES)
def test_attribute_is_a_property(name):
    member = inspect.getattr_static(IBMCircuitJob, name)
    assert isinstance(member, property)
    assert returned(member.fget) == PROPERTIES[name]


def test_version_is_1_and_the_class_is_a_job_of_qiskit():
    job = IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient())
    assert isinstance(job, JobV1)
    assert job.version == IBMCircuitJob.version == 1


def test_there_is_no_public_member_that_nobody_documents():
    public = {name for name in dir(IBMCircuitJob) if not name.startswith("_")}
    assert public == {*METHODS, *PROPERTIES, *EXTRAS, "version"}


def test_every_public_member_has_a_docstring():
    undocumented = [
        name
        for name in {*METHODS, *PROPERTIES, *EXTRAS}
        if not inspect.getdoc(inspect.getattr_static(IBMCircuitJob, name))
    ]
    assert undocumented == []


def test_backend_runs_what_is_documented():
    assert documented_parameters(IBMBackend.run) == RUN


def test_provider_lists_jobs_by_what_is_documented():
    assert documented_parameters(IBMProvider.jobs).startswith(JOBS)
    assert documented_parameters(IBMProvider.__init__).startswith(PROVIDER)


# The pages that explain it


def rows(page):
    """The rows of a page's tables: the name of the argument or member, as it is written, and the text beside it."""
    lines = page.read_text(encoding="utf-8").splitlines()
    heads = {number - 1 for number, line in enumerate(lines) if line.startswith("| ---")}
    found = [
        line.strip("|").split("|", 1) for number, line in enumerate(lines) if line[:1] == "|" and number not in heads
    ]
    return [(name.strip().strip("`"), beside.strip()) for name, beside in found if "---" not in name]


def names_of_tests(file):
    """The tests and the classes of tests that a file defines."""
    folder = next(folder for folder in (TESTS, TESTS.parent / "property_tests") if (folder / file).exists())
    text = (folder / file).read_text()
    return set(re.findall(r"^def (test_\w+)\(", text, re.MULTILINE)) | set(
        re.findall(r"^(Test\w+) = ", text, re.MULTILINE)
    )


def test_every_documented_member_and_argument_has_a_row():
    written = {name for name, _ in rows(INTERFACE)}
    arguments = {argument.split("=")[0] for argument in CONSTRUCTOR.split(", ")}
    methods = {f"{name}({taken})" for name, (taken, _) in METHODS.items()}
    keywords = {f"{name}(*, {keyword})" for name, keywords in KEYWORD_ONLY.items() for keyword in keywords}
    assert {*arguments, *methods, *PROPERTIES, "version", *keywords} <= written
    assert {name.split("(")[0] for name in written} >= EXTRAS


def test_each_row_names_a_test_and_each_named_test_exists():
    assert [name for name, _ in rows(INTERFACE_TESTS)] == [name for name, _ in rows(INTERFACE)]
    for name, beside in rows(INTERFACE_TESTS):
        tests = re.findall(r"`([\w./]+)::(\w+)`", beside)
        assert tests, name
        for file, test in tests:
            assert test in names_of_tests(file), f"{name}: {file}::{test}"
