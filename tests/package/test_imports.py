"""What is loaded by an import, seen in a process of its own."""

import json
import subprocess
import sys

import pytest

NETWORK = {"requests", "urllib3", "websocket", "sqlalchemy"}

STEPS = {
    "the two classes": "from ibm_circuit_job import IBMProvider, IBMCircuitJob",
    "the pure core": "import ibm_circuit_job.state.transitions, ibm_circuit_job.wire.replies",
    "HTML": ("from ibm_circuit_job.views.html import job_html; from ibm_circuit_job.views.records import JobView"),
    "a page": "job_html(JobView('a'))",
    "threads": (
        "import threading; from ibm_circuit_job import clients; start, found = threading.Barrier(8), []\n"
        "threads = [threading.Thread(target=lambda: (start.wait(), found.append(clients.RuntimeClient)))"
        " for _ in range(8)]; [each.start() for each in threads]; [each.join() for each in threads]\n"
        "assert len(found) == 8 and len(set(found)) == 1"
    ),
    "the rooms": (
        "from ibm_circuit_job import clients, job, wire; from ibm_circuit_job.wire import queries, results\n"
        "import ibm_circuit_job.job.parts\n"
        "[getattr(room, name) for room in (clients, results) for name in room._MODULE_OF]\n"
        "[getattr(room, name) for room in (clients, wire) for name in room._MODULES]\n"
        "[getattr(job.parts, name) for name in job.parts.__all__]; [getattr(job, name) for name in job._MODULE_OF]\n"
        "[getattr(queries, name) for name in queries._OF_INPUTS]"
    ),
}
"""What a program does, one after another, since each process loads Qiskit."""


@pytest.fixture(scope="module")
def loaded():
    """Step -> the modules that are loaded after it, by itself or by those before it."""
    program = (
        "import json, sys; shown = {}\n"
        "for name, step in json.load(sys.stdin).items(): exec(step); shown[name] = [*sys.modules]\n"
        "print(json.dumps(shown))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(STEPS), check=True, capture_output=True, text=True
    )
    return {name: set(modules) for name, modules in json.loads(done.stdout).items()}


def test_the_pure_core_loads_no_network_and_no_database(loaded):
    assert "ibm_circuit_job.wire.replies" in loaded["the pure core"]
    assert not loaded["the pure core"] & NETWORK


def test_the_two_classes_load_what_is_used_later_when_it_is(loaded):
    found = loaded["the two classes"]
    assert {"ibm_circuit_job.account.provider", "ibm_circuit_job.job.circuit_job"} <= found
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
    assert not found & (NETWORK | later)


def test_jinja_is_loaded_with_the_first_page(loaded):
    assert "jinja2" not in loaded["HTML"]
    assert "jinja2" in loaded["a page"]


@pytest.mark.parametrize("room", ["clients", "job", "wire", "wire.results", "wire.queries"])
def test_a_room_has_no_name_that_it_does_not_list(room):
    found = pytest.importorskip(f"ibm_circuit_job.{room}")
    with pytest.raises(AttributeError, match=f"'ibm_circuit_job.{room}' has no attribute 'nothing'"):
        _ = found.nothing


def test_names_listed_by_a_room_are_there(loaded):
    assert {"requests", "ibm_circuit_job.wire.inputs"} <= loaded["the rooms"]


def test_threads_that_use_a_name_first_at_once_get_the_same(loaded):
    assert "ibm_circuit_job.clients.runtime" in loaded["threads"] - loaded["the pure core"]
