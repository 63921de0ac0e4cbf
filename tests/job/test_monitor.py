"""job_monitor and the progress of a wait, as lines of text; what they take; trouble of the output."""

import io
import re

import pytest

from ibm_circuit_job import (
    IBMCircuitJob,
    IBMJobInvalidStateError,
    IBMJobTimeoutError,
    WaitPolicy,
    job_monitor,
    wait_all,
)
from ibm_circuit_job.errors import Refused
from ibm_circuit_job.testing import ScriptedClient

QUICK = WaitPolicy(shortest_pause=0.001, share=0.001)
BODY = b'{"backend_name": "b", "backend_version": "1", "job_id": "a", "success": true, "results": []}'


def reply(status, job_id="a"):
    return b'{"id": "%s", "state": {"status": "%s"}}' % (job_id.encode(), status.encode())


def job_of(*statuses, job_id="a", **scripts):
    client = ScriptedClient([reply(status, job_id) for status in statuses], **scripts)
    job = IBMCircuitJob(None, None, job_id, runtime_client=client)
    job.wait_policy = QUICK
    return job


def lines(output):
    """What was written, without the times, which differ."""
    return re.sub(r", elapsed [^,\n]*|, expected to end [^,\n]*", "", output.getvalue()).splitlines()


def test_file_has_a_line_for_each_state_and_place():
    output = io.StringIO()
    metrics = [b'{"position_in_queue": %d}' % place for place in (2, 2, 1)]
    job_monitor(job_of("Queued", "Queued", "Queued", "Running", "Running", "Completed", metrics=metrics), output=output)
    assert lines(output) == [
        "Job Status: job is queued (2), QUEUED",
        "Job Status: job is queued (1), QUEUED",
        "Job Status: job is actively running, RUNNING",
        "Job Status: job has successfully run, DONE",
    ]


def test_several_jobs_are_named_in_each_line():
    output = io.StringIO()
    job_monitor((job_of("Completed", job_id=job_id) for job_id in "ab"), output=output)
    assert sorted(lines(output)) == ["a: job has successfully run, DONE", "b: job has successfully run, DONE"]


def test_real_job_is_followed_to_its_end(provider, slow):
    output = io.StringIO()
    job_monitor(provider.retrieve_job(slow(0.5).job_id()), output=output)
    assert lines(output)[-1] == "Job Status: job has successfully run, DONE"
    assert re.search(r"DONE, elapsed \d+ s\n", output.getvalue())


def test_job_that_fails_raises_nothing():
    output = io.StringIO()
    failed = b'{"id": "a", "state": {"status": "Failed", "reason": "Out of helium"}}'
    job_monitor(IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient([failed])), output=output)
    assert lines(output) == ["Job Status: job incurred error, ERROR: Out of helium"]


def test_no_jobs_are_nothing_to_watch(capsys):
    job_monitor([])
    wait_all([], progress=True)
    assert capsys.readouterr().out == ""


def test_interval_is_the_pause_between_two_polls(monkeypatch):
    pauses = []
    monkeypatch.setattr("ibm_circuit_job.effects.sleep", pauses.append)
    job_monitor(job_of("Running", "Running", "Completed"), interval=50, output=io.StringIO())
    assert [round(pause) for pause in pauses] == [0, 50, 50]


def test_interval_of_several_jobs_is_the_pause_between_two_polls():
    jobs = [job_of("Running", "Completed", job_id=job_id) for job_id in "ab"]
    job_monitor(jobs, interval=0.001, output=io.StringIO())
    assert [len(job.client.calls) for job in jobs] == [2, 2]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"job_or_jobs": "a"}, "expected an IBMCircuitJob, or several, got a str"),
        ({"job_or_jobs": 5}, "expected an IBMCircuitJob, or several, got a int"),
        ({"interval": 0}, "expected interval to be a number of seconds above 0"),
        ({"interval": "5"}, "expected interval to be a number of seconds above 0"),
        ({"output": "jobs.log"}, "expected output to be an open text file, or None, got a str"),
    ],
)
def test_wrong_argument_says_what_would_be_right(given, message):
    job = job_of("Completed")
    with pytest.raises(IBMJobInvalidStateError, match=message):
        job_monitor(**{"job_or_jobs": job} | given)
    assert job.client.calls == []


# Progress of other waits


def test_result_shows_the_progress_of_its_wait(capsys):
    job = job_of("Running", "Completed", results=[BODY])
    assert job.result(progress=True).success
    assert re.sub(r", elapsed .*", "", capsys.readouterr().out).splitlines() == [
        "Job Status: job is actively running, RUNNING",
        "Job Status: job has successfully run, DONE",
    ]


def test_progress_and_a_callback_go_together(capsys):
    heard = []
    wait_all([job_of("Completed")], progress=True, callback=lambda job_id, status, *_, **__: heard.append(status.name))
    assert heard == ["DONE"]
    assert capsys.readouterr().out == "a: job has successfully run, DONE\n"


def test_time_that_is_up_ends_the_progress_as_well(capsys):
    with pytest.raises(IBMJobTimeoutError):
        job_of("Running").result(0.05, progress=True)
    assert capsys.readouterr().out == "Job Status: job is actively running, RUNNING\n"


@pytest.mark.parametrize(
    "wait",
    [
        lambda job: job.result(progress=True),
        lambda job: wait_all([job], progress=True),
        job_monitor,
        lambda job: job_monitor([job]),
    ],
)
def test_interruption_says_how_to_come_back(capsys, wait):
    job = job_of("Running")

    def interrupted(*_):
        raise KeyboardInterrupt

    job.client.job_get = interrupted
    with pytest.raises(KeyboardInterrupt):
        wait(job)
    assert capsys.readouterr().out == 'The job goes on. To come back to it: provider.retrieve_job("a")\n'


# Trouble of the output


class Full(io.StringIO):
    """A file on a disk that is full."""

    def write(self, text):
        raise OSError(28, "No space left on device")


def test_output_that_fails_does_not_end_the_wait(caplog):
    job = job_of("Queued", "Running", "Completed")
    job_monitor(job, output=Full())
    assert job.state.is_final
    assert [record.getMessage() for record in caplog.records] == [
        "The progress of 1 job is not shown any more: [Errno 28] No space left on device"
    ]


def test_reason_that_the_encoding_lacks_is_escaped():
    raw = io.BytesIO()
    output = io.TextIOWrapper(raw, "ascii")
    failed = '{"id": "a", "state": {"status": "Failed", "reason": "zu heiß"}}'.encode()
    job_monitor(IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient([failed])), output=output)
    assert raw.getvalue() == rb"Job Status: job incurred error, ERROR: zu hei\xdf" + b"\n"


def test_trouble_of_the_service_is_raised():
    job = job_of()
    job.client._scripts["job_get"] = [Refused("read job a", "http://x", 404, "Job not found.")]
    with pytest.raises(Exception, match="404: Job not found"):
        job_monitor(job, output=io.StringIO())
