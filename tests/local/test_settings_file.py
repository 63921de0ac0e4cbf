"""Settings of the service from a file, and what ``serve`` prints for clients to find it."""

import shlex
import signal

import pytest
import requests

from ibm_circuit_job import IBMProvider
from ibm_circuit_job.local.settings_file import NoSettings, read_settings

SERVE = ["-m", "ibm_circuit_job.cli", "serve"]
TOML = b"""
port = 1
workers = 1
withdrawn_versions = ["2024-01-01"]

[[instances]]
name = "lab"
plan = "Premium"
limit_seconds = 600
"""


def test_settings_of_toml_and_json_are_the_same():
    json = b'{"port": 1, "workers": 1, "withdrawn_versions": ["2024-01-01"], '
    json += b'"instances": [{"name": "lab", "plan": "Premium", "limit_seconds": 600}]}'
    assert read_settings(TOML) == read_settings(json)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"port = 70000", "port"),
        (b"colour = 1", "colour"),
        (b"port", "TOML or JSON"),
        (b"{", "TOML or JSON"),
        (b"[]", "TOML or JSON"),
        (b"\xff", "TOML or JSON"),
        (b'instances = [{name = "a b"}]', "instances"),
        (b'devices = ["ibm_nowhere"]', "expected a device to be one of local_simulator"),
        (b'devices = ["local_5q", "local_5q"]', "different names"),
        (b'withdrawn_versions = ["2031-01-01"]', "a list of 2024-01-01, .*2026-04-15, got '2031-01-01'"),
        (b'faults = {faults = [{kind = "x"}]}', "kind"),
    ],
)
def test_setting_that_is_none_is_refused_by_name(content, said):
    with pytest.raises(NoSettings, match=said):
        read_settings(content)


def test_devices_are_among_the_settings():
    devices = read_settings(b'devices = ["local_heron", "local_5q"]')["devices"]
    assert [device.name for device in devices] == ["local_heron", "local_5q"]


def test_printed_variables_and_the_file_make_a_service(program, tmp_path, monkeypatch):
    data = f"data = {str(tmp_path / 'data')!r}"
    (tmp_path / "service.toml").write_bytes(data.encode() + TOML)
    with program(*SERVE, "--port", "0", "--config", str(tmp_path / "service.toml")) as process:
        try:
            printed = []
            while not printed or "RESOURCE_CONTROLLER_URL" not in printed[-1]:
                printed.append(process.stdout.readline())
                assert printed[-1], printed
            for words in map(shlex.split, printed):
                if words[0] == "export":
                    name, _, value = words[1].partition("=")
                    monkeypatch.setenv(name, value)
                    if name == "QISKIT_IBM_URL":
                        url = value
            with IBMProvider() as provider:
                assert provider.url == url
                assert [(each["name"], each["plan"]) for each in provider.instances()] == [("lab", "premium")]
                assert provider.usage().limit_seconds == 600
            assert (tmp_path / "data" / "service.sqlite").exists()
            listed = requests.get(f"{url}/versions", timeout=10).json()["versions"]
            assert "2024-01-01" not in {each["version"] for each in listed}
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()
