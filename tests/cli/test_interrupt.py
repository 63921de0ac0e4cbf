"""Ctrl-C in a command that waits."""

import signal
import subprocess
import sys

from qiskit import QuantumCircuit

from ibm_circuit_job import IBMProvider, JobStore


def test_interrupted_wait_says_how_to_come_back(service, program, tmp_path, monkeypatch):
    circuit = QuantumCircuit(1, 1, name="slow")
    circuit.x(0)
    circuit.measure(0, 0)
    path = str(tmp_path / "jobs.sqlite")
    with JobStore(path) as store, IBMProvider(service.token, service.url, store=store) as provider:
        job = provider.get_backend("local_5q").run(circuit, shots=100_000, rep_delay=500e-6)
        variables = {"QISKIT_IBM_TOKEN": service.token, "QISKIT_IBM_URL": service.url, "IBM_CIRCUIT_JOB_STORE": path}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with program("-m", "ibm_circuit_job.cli", "wait", job.job_id()[:8]) as process:
            assert f"job {job.job_id()}: " in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            _, said = process.communicate()
        assert process.returncode == 130
        assert "To come back: " in said
        assert said.endswith(f"python -m ibm_circuit_job wait {job.job_id()[:8]}\n")
        assert not job.in_final_state()
        job.cancel()


def test_ctrl_c_before_a_command_has_begun_ends_it_quietly():
    # Python names each module that it has imported on the error output.
    command = [sys.executable, "-X", "importtime", "-m", "ibm_circuit_job", "jobs"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert any("qiskit." in line for line in iter(process.stderr.readline, ""))
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130
    assert "Traceback" not in said
