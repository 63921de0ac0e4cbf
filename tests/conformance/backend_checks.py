"""What the backends say of themselves: the same checks for each of the official clients.

``device``, ``simulator`` and ``slow`` are fixtures of the client's own folder.
"""

from datetime import datetime, timedelta

import pytest


class BackendChecks:
    def test_backend_has_a_status(self, device):
        status = device.status()
        assert (status.backend_name, status.operational, status.status_msg) == ("local_5q", True, "active")
        assert status.pending_jobs >= 0

    def test_status_counts_the_jobs_that_wait(self, device, slow, until):
        first = slow(20)
        until(first.running)
        before = device.status().pending_jobs
        slow(20)
        assert device.status().pending_jobs == before + 1

    def test_backend_has_a_configuration(self, device):
        configuration = device.configuration()
        assert (configuration.backend_name, configuration.n_qubits, configuration.simulator) == ("local_5q", 5, False)
        assert set(configuration.basis_gates) >= {"cx", "rz", "sx", "x"}
        assert [0, 1] in configuration.coupling_map
        assert configuration.max_shots == 100_000
        assert configuration.max_experiments == 300
        assert configuration.memory
        assert configuration.default_rep_delay == pytest.approx(250e-6)
        assert configuration.rep_delay_range == pytest.approx([0, 500e-6])
        assert configuration.online_date.year == 2024

    def test_backend_has_properties(self, device):
        properties = device.properties()
        assert 50e-6 < properties.t1(0) < 250e-6
        assert 4e9 < properties.frequency(4) < 6e9
        assert 0 < properties.readout_error(2) < 0.1
        assert 0 < properties.gate_error("cx", [0, 1]) < 0.1
        assert properties.gate_length("sx", [0]) == pytest.approx(35.6e-9)
        assert properties.is_qubit_operational(0)
        assert not properties.faulty_qubits()

    def test_properties_of_an_earlier_day_are_older(self, device):
        yesterday = datetime.now() - timedelta(days=1)  # noqa: DTZ005 - the client takes local times
        earlier, now = device.properties(datetime=yesterday), device.properties()
        assert earlier.last_update_date < now.last_update_date
        assert earlier.last_update_date <= yesterday.astimezone()
        assert earlier.t1(0) != now.t1(0)
        assert device.properties(datetime=yesterday).to_dict() == earlier.to_dict()

    def test_simulator_has_no_properties(self, simulator):
        assert simulator.properties() is None

    def test_target_of_a_device_has_errors_and_lengths(self, device):
        assert device.target.num_qubits == 5
        assert device.target["cx"][0, 1].error > 0
        assert device.target["cx"][0, 1].duration > 0
        assert device.target["measure"][0,].error > 0
        assert (0, 2) not in device.target["cx"]
        assert device.target_history(datetime=datetime.now() - timedelta(days=2))["cx"][0, 1].error > 0  # noqa: DTZ005
