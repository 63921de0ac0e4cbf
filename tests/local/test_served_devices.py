"""The devices that ``ibm-circuit-job serve`` is told to offer, over the real command line."""

import json
import re
import signal
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from command_line import run_line
from qiskit import QuantumCircuit

from ibm_circuit_job import IBMProvider
from ibm_circuit_job.local.devices import DEVICES

SERVE = ["serve", "--port", "0"]
DAY = datetime(2025, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def files(tmp_path):
    """A configuration and its properties, as IBM's API gives them."""
    device = DEVICES["local_5q"]
    paths = []
    for name, document in (("conf", device.configuration()), ("props", device.properties(DAY))):
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps(document | {"backend_name": "ibm_past"}))
    return [str(path) for path in paths]


@pytest.fixture
def served(program, tmp_path):
    """A provider that is connected to a service of some options."""

    @contextmanager
    def connected(*words):
        with program("-m", "ibm_circuit_job.cli", *SERVE, "--data", str(tmp_path / "data"), *words) as process:
            said = ""
            while "IBMProvider(" not in said:
                said += process.stdout.readline()
            [(token, url)] = re.findall(r"IBMProvider\(token='(\S+)', url='(\S+)', store", said)
            with IBMProvider(token, url) as provider:
                yield provider
            process.send_signal(signal.SIGINT)
            process.communicate()

    return connected


def refused(folder, *words):
    """What the command says on standard error, in one line."""
    ended = run_line(*SERVE, "--data", str(folder / "data"), *words)
    assert ended.exit_code == 1
    return " ".join(ended.stderr.split())


def counted(backend):
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure([0, 1], [0, 1])
    return backend.run(circuit, shots=200).result(timeout=100).get_counts()


def test_devices_are_those_of_the_options(served, files):
    with served("--device", "ibmq_qasm_simulator", "--device", ",".join(files)) as provider:
        assert [backend.name for backend in provider.backends()] == ["ibmq_qasm_simulator", "ibm_past"]
        assert counted(provider.get_backend("ibmq_qasm_simulator")) == {"01": 200}
        past = provider.get_backend("ibm_past")
        assert past.properties().last_update_date == datetime(2025, 5, 1, 4, tzinfo=UTC)
        assert counted(past)["01"] > 150


def test_devices_are_those_of_the_settings(served, tmp_path, files):
    settings = tmp_path / "service.toml"
    settings.write_text(f'devices = ["local_heron", {json.dumps(files)}]')
    with served("--config", str(settings)) as provider:
        assert [backend.name for backend in provider.backends()] == ["local_heron", "ibm_past"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (
            ["--device", "local_hero"],
            "local_simulator, local_5q, local_27q, local_heron, .* did you mean 'local_heron'?",
        ),
        (["--device", "none.json,none.json"], "the file none.json cannot be read: No such file or directory"),
    ],
)
def test_what_is_no_device_ends_the_command(tmp_path, words, why):
    assert re.search(why, refused(tmp_path, *words))
