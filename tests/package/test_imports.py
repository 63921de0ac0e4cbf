"""What is loaded by an import, seen in a process of its own."""

import subprocess
import sys

import pytest

CORE = "import ibm_circuit_job.state.transitions, ibm_circuit_job.wire.replies"
CLASSES = "from ibm_circuit_job import IBMProvider, IBMCircuitJob"
NETWORK = {"requests", "urllib3", "websocket", "sqlalchemy"}


def loaded_by(program):
    shown = subprocess.run(
        [sys.executable, "-c", f"import sys; {program}; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(shown.stdout.split())


def test_the_pure_core_loads_no_network_and_no_database():
    loaded = loaded_by(CORE)
    assert "ibm_circuit_job.wire.replies" in loaded
    assert not loaded & NETWORK


def test_the_two_classes_load_what_is_used_later_when_it_is():
    loaded = loaded_by(CLASSES)
    assert {"ibm_circuit_job.account.provider", "ibm_circuit_job.job.circuit_job"} <= loaded
    later = {
        "IPython",
        "asyncio",
        "cattrs",
        "ibm_circuit_job.account.backend",
        "ibm_circuit_job.clients.http",
        "ibm_circuit_job.devices.properties",
        "ibm_circuit_job.job.journal",
        "ibm_circuit_job.job.progress",
        "ibm_circuit_job.job.watch",
        "ibm_circuit_job.local",
        "ibm_circuit_job.state.course",
        "ibm_circuit_job.state.waiting",
        "ibm_circuit_job.store.record_store",
        "ibm_circuit_job.threads.following",
        "ibm_circuit_job.wire.masking",
        "ibm_circuit_job.wire.reply_fields",
        "ibm_circuit_job.wire.results.decoding",
        "msgspec",
        "rich",
    }
    assert not loaded & (NETWORK | later)


@pytest.mark.parametrize("room", ["clients", "job", "wire", "wire.results", "wire.queries"])
def test_a_room_has_no_name_that_it_does_not_list(room):
    found = pytest.importorskip(f"ibm_circuit_job.{room}")
    with pytest.raises(AttributeError, match=f"'ibm_circuit_job.{room}' has no attribute 'nothing'"):
        _ = found.nothing


def test_names_listed_by_a_room_are_there():
    program = (
        "from ibm_circuit_job import clients, job, wire; from ibm_circuit_job.wire import queries, results;"
        " import ibm_circuit_job.job.parts;"
        " [getattr(room, name) for room in (clients, results) for name in room._MODULE_OF];"
        " [getattr(room, name) for room in (clients, wire) for name in room._MODULES];"
        " [getattr(job.parts, name) for name in job.parts.__all__]; [getattr(job, name) for name in job._MODULE_OF];"
        " [getattr(queries, name) for name in queries._OF_INPUTS]"
    )
    assert {"requests", "ibm_circuit_job.wire.inputs"} <= loaded_by(program)


def test_threads_that_use_a_name_first_at_once_get_the_same():
    program = (
        "import threading; from ibm_circuit_job import clients; start, found = threading.Barrier(8), [];"
        " threads = [threading.Thread(target=lambda: (start.wait(), found.append(clients.RuntimeClient)))"
        " for _ in range(8)]; [each.start() for each in threads]; [each.join() for each in threads];"
        " assert len(found) == 8 and len(set(found)) == 1"
    )
    assert "ibm_circuit_job.clients.runtime" in loaded_by(program)
