"""What a notebook and a prompt show of the objects that users hold. Nothing is asked of a service for it."""

import json
import pickle
from datetime import UTC, datetime

import pytest

from ibm_circuit_job import IBMCircuitJob, IBMProvider, Job, JobDetails, JobInputs, JobMetrics, JobStore, QueueInfo
from ibm_circuit_job.account.backend import IBMBackend
from ibm_circuit_job.account.retired_backend import IBMRetiredBackend
from ibm_circuit_job.job.job_list import JobList
from ibm_circuit_job.testing import ScriptedClient
from ibm_circuit_job.wire.replies import status_report
from ibm_circuit_job.wire.results.decoded import DecodedResult

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
QUEUED = Job(
    "cq1x",
    status=status_report("Queued", NOON),
    details=JobDetails(NOON, backend="ibm_x", name="bell", tags=["<b>"], created=NOON),
    metrics=JobMetrics(NOON, position_in_queue=3, estimated_start=NOON.replace(hour=13)),
)
RESULT = {
    "backend_name": "ibm_x",
    "backend_version": "1",
    "job_id": "cq1x",
    "success": True,
    "results": [
        {
            "shots": 3,
            "success": True,
            "data": {"counts": {"0x0": 1, "0x3": 2}},
            "header": {"name": "bell", "memory_slots": 2, "creg_sizes": [["c", 2]]},
        }
    ],
}


def handle(record=QUEUED, client=None):
    return IBMCircuitJob.from_state(record, runtime_client=ScriptedClient() if client is None else client)


def test_a_waiting_job_says_its_place_in_a_line():
    assert repr(handle()) == "<IBMCircuitJob('cq1x', QUEUED, place 3)>"


def test_a_job_without_a_status_says_what_else_is_known():
    submitted = Job("cq1x", details=QUEUED.details)
    assert repr(handle(submitted)) == "<IBMCircuitJob('cq1x', status unknown, backend 'ibm_x', name 'bell')>"


def test_a_job_of_which_nothing_is_known_says_so():
    assert repr(handle(Job("a"))) == "<IBMCircuitJob('a', status unknown)>"
    assert "status unknown" in handle(Job("a"))._repr_html_()


def test_a_job_shows_what_is_known_without_a_request():
    client = ScriptedClient()
    page = handle(client=client)._repr_html_()
    for shown in ("QUEUED", "cq1x", "ibm_x", "bell", "&lt;b&gt;", "Place in the queue", "2024-02-03 13:00:00 UTC"):
        assert shown in page
    assert client.calls == []


def test_a_job_shows_counts_once_its_result_was_read():
    client = ScriptedClient(
        [b'{"id": "cq1x", "state": {"status": "Completed"}}'], results=[json.dumps(RESULT).encode()]
    )
    job = IBMCircuitJob(None, None, "cq1x", runtime_client=client)
    assert "icj-bar" not in job._repr_html_().split("</style>")[1]
    job.result()
    asked = len(client.calls)
    page = job._repr_html_()
    assert '<td class="icj-id">11</td><td class="icj-number">2</td>' in page
    assert '<th scope="row">Shots</th><td>3</td>' in page
    assert len(client.calls) == asked


@pytest.mark.parametrize(
    ("params", "shots"),
    [
        (b'{"shots": 4000, "circuits": []}', "4,000"),
        (b'{"pubs": [["c", null, 7], ["d", null, 7]]}', "7"),
        (b'{"quantum_program": {"shots": 9, "items": []}}', "9"),
        (b'{"pubs": [["c", null, 7], ["d", null, 8]]}', None),
        (b'{"pubs": [7, ["d"]], "shots": "many"}', None),
        (b'{"pubs": 7}', None),
        (b'{"quantum_program": []}', None),
        (b"[]", None),
    ],
)
def test_shots_are_read_from_what_was_submitted(params, shots):
    page = handle(Job("a", inputs=JobInputs(NOON, params)))._repr_html_()
    row = '<th scope="row">Shots</th>'
    assert f"{row}<td>{shots}</td>" in page if shots else row not in page


def test_a_record_shows_itself_like_a_job():
    assert "QUEUED" in QUEUED._repr_html_()
    assert "icj-pill" in Job("a")._repr_html_()


def test_a_place_that_is_over_is_not_shown():
    ended = Job("a", status=status_report("Completed", NOON), metrics=QUEUED.metrics)
    assert "Place in the queue" not in ended._repr_html_()
    assert "Expected to start" not in ended._repr_html_()


def test_queue_information_shows_place_and_times():
    page = QueueInfo("a", position=3, status="Queued", estimated_start_time=NOON, hub_priority=0.5)._repr_html_()
    for shown in ("place 3", "Queued", "2024-02-03 12:00:00 UTC", "Hub priority", "0.5"):
        assert shown in page


def test_a_result_shows_its_counts():
    page = DecodedResult.from_dict(RESULT)._repr_html_()
    assert "bell: 3 shots" in page
    assert '<td class="icj-id">11</td><td class="icj-number">2</td>' in page


@pytest.mark.parametrize("data", [{}, {"counts": {"no number": 1}}, {"counts": {"0x1": "many"}}, {"counts": []}])
def test_a_result_that_has_no_counts_shows_none(data):
    broken = DecodedResult.from_dict({**RESULT, "results": [{**RESULT["results"][0], "data": data}]})
    assert "<table" in broken._repr_html_()


def test_a_result_of_very_many_outcomes_says_how_many():
    many = {hex(number): 1 for number in range(10_001)}
    broken = DecodedResult.from_dict({**RESULT, "results": [{**RESULT["results"][0], "data": {"counts": many}}]})
    assert "10,001 outcomes" in broken._repr_html_()


class TestListOfJobs:
    jobs = JobList([handle(), handle(Job("b"))])

    def test_it_is_a_table(self):
        page = self.jobs._repr_html_()
        assert page.count("<tr>") == 3
        assert "cq1x" in page
        assert ">b<" in page

    def test_it_equals_a_list_and_shows_as_one(self):
        assert self.jobs == list(self.jobs)
        assert repr(self.jobs) == repr(list(self.jobs))

    def test_a_part_and_a_copy_are_such_lists(self):
        for part in (self.jobs[:1], self.jobs[::-1], self.jobs.copy()):
            assert type(part) is JobList
        assert self.jobs[0].job_id() == "cq1x"

    def test_it_is_pickled(self):
        back = pickle.loads(pickle.dumps(self.jobs))
        assert type(back) is JobList
        assert [job.job_id() for job in back] == ["cq1x", "b"]

    def test_with_something_else_in_it_it_shows_as_a_list(self):
        assert JobList([handle(), "b"])._repr_html_() is None


def test_a_store_gives_a_table_of_jobs_and_shows_where_it_is(tmp_path):
    with JobStore(tmp_path / "jobs.sqlite") as store:
        store.save(QUEUED)
        assert "cq1x" in store.jobs()._repr_html_()
        assert "jobs.sqlite" in store._repr_html_()


def test_provider_and_backend_show_what_was_said_at_first(provider, device):
    page = provider._repr_html_()
    assert "local_5q" in page
    assert provider.token not in page
    assert type(provider.jobs()) is JobList
    shown = device._repr_html_()
    assert "5 qubits" in shown
    assert "device" in shown


def test_a_provider_without_a_connection_shows_what_it_knows(provider):
    back = pickle.loads(pickle.dumps(provider))
    assert isinstance(back, IBMProvider)
    assert provider.url in back._repr_html_()


def test_a_backend_that_is_gone_shows_its_name():
    assert "only the name is known" in IBMRetiredBackend(None, "ibm_x")._repr_html_()


def test_a_field_that_cannot_be_read_is_left_out():
    said = {"backend_name": "ibm_x", "n_qubits": 5, "basis_gates": [7, "cx"], "max_shots": "many", "simulator": 3}
    page = IBMBackend(None, said, instance="")._repr_html_()
    assert "ibm_x" in page
    assert "Shots at most" not in page
