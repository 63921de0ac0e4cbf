"""The pytest plugin, as a project has it that uses the package."""

import os
import subprocess
import sys
from pathlib import Path

import prepared_services
import pytest

pytest_plugins = ["pytester"]

PLUGIN = "ibm_circuit_job.testing.pytest_plugin"


@pytest.fixture
def run(pytester, monkeypatch):
    """Run the tests of a project with the plugin, and return how many passed, failed and so on."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    # Other plugins that are installed take longer to load than the tests take.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def ran(start, tests, *arguments):
        pytester.makepyfile(tests)
        # Whether or not the package that is tested is the installed one.
        result = start("-p", PLUGIN, "--strict-markers", "-p", "no:cacheprovider", *arguments)
        return result, result.parseoutcomes()

    return ran


@pytest.fixture
def address(request, monkeypatch):
    """Where a process of a test gets services that are forks, as those of all tests are; empty where none are."""
    monkeypatch.setenv("PYTHONPATH", str(Path(prepared_services.__file__).parent), prepend=os.pathsep)
    return request.getfixturevalue("prepared_services").address if sys.platform == "linux" else ""


def test_each_worker_has_a_service_an_ideal_backend_and_fresh_jobs(run, pytester, monkeypatch, address):
    monkeypatch.setenv("SEEN", str(pytester.path))
    monkeypatch.setenv("SERVICES", address)
    pytester.makeconftest(
        """
        import os, pytest

        @pytest.fixture(scope="session")
        def ibm_service_settings(ibm_service_settings):
            if os.environ["SERVICES"]:
                from ibm_circuit_job.local import service
                from prepared_services import forked
                service._new_process = lambda: forked(os.environ["SERVICES"])
            return ibm_service_settings | {"token": "mine"}
        """
    )
    _, outcomes = run(
        pytester.runpytest_subprocess,
        """
        import os, pathlib, pytest
        from qiskit import QuantumCircuit

        circuit = QuantumCircuit(1, 1)
        circuit.x(0)
        circuit.measure(0, 0)

        @pytest.fixture(autouse=True)
        def seen(ibm_service):
            assert ibm_service.token == "mine"
            pathlib.Path(os.environ["SEEN"], f"{os.environ['PYTEST_XDIST_WORKER']}-{ibm_service.pid}.seen").touch()

        @pytest.mark.parametrize("number", [1, 2, 3])
        def test_counts(ibm_provider, ibm_backend, number):
            assert ibm_provider.jobs() == []
            job = ibm_backend.run(circuit, shots=10)
            assert job.result().get_counts() == {"1": 10}
            assert [each.job_id() for each in ibm_provider.jobs()] == [job.job_id()]

        @pytest.mark.parametrize("number", [1, 2, 3])
        def test_job_that_runs_does_not_outlive_its_test(ibm_provider, number):
            assert ibm_provider.jobs() == []
            ibm_provider.get_backend("local_5q").run(circuit, shots=100_000)
        """,
        "-p",
        "xdist",
        "--numprocesses=2",
    )
    assert outcomes["passed"] == 6
    assert sorted(path.name.partition("-")[0] for path in pytester.path.glob("*.seen")) == ["gw0", "gw1"]


def test_faults_hold_for_the_marked_test_alone(run, pytester):
    result, outcomes = run(
        pytester.runpytest_inprocess,
        """
        import pytest
        import requests

        @pytest.mark.ibm_faults({"kind": "status", "status": 503, "path": "/version"})
        def test_marked(ibm_service, ibm_provider):
            assert requests.get(f"{ibm_service.url}/version").status_code == 503

        def test_not_marked(ibm_service):
            assert requests.get(f"{ibm_service.url}/version").status_code == 200

        @pytest.mark.ibm_faults({"kind": "status", "status": 429, "times": 1, "path": "/version"}, seed=7)
        class TestMarked:
            @pytest.mark.ibm_faults({"kind": "status", "status": 503, "times": 1, "path": "/version"})
            def test_both(self, ibm_backend, ibm_service):
                statuses = [requests.get(f"{ibm_service.url}/version").status_code for _ in range(3)]
                assert statuses == [503, 429, 200]

        @pytest.mark.ibm_faults({"kind": "status", "status": 500})
        def test_fails(ibm_backend):
            raise ValueError

        def test_after_it(ibm_provider):
            assert ibm_provider.jobs() == []

        @pytest.mark.ibm_faults({"kind": "earthquake"})
        def test_no_such_fault(ibm_service):
            pass

        @pytest.mark.ibm_faults({"kind": "html", "rate": 2})
        def test_no_such_rate(ibm_service):
            pass

        @pytest.mark.ibm_faults({"kind": "html"})
        def test_no_service():
            pass

        @pytest.mark.ibm_faults(kind="html")
        def test_no_dictionary(ibm_service):
            pass

        @pytest.mark.ibm_faults
        def test_no_fault(ibm_service):
            pass
        """,
    )
    assert outcomes == {"passed": 4, "failed": 6}
    said = result.stdout.str()
    assert "Invalid enum value 'earthquake'" in said
    assert "expected a number from 0 to 1, got 2.0" in said
    assert "expected ibm_faults to have a dictionary for each fault" in said
    assert "got kind" in said
    assert "got nothing" in said
    assert "ibm_faults needs one of ibm_service, ibm_provider and ibm_backend" in said


def test_plugin_imports_nothing_that_is_costly():
    program = (
        f"import sys, pytest; before = set(sys.modules); import {PLUGIN};"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["ibm_circuit_job"]
