"""Progress in a real notebook: a cell that is replaced as the job goes on. A real kernel runs it."""

import asyncio

import pytest

CONNECT = """
from qiskit import QuantumCircuit
from ibm_circuit_job import IBMProvider, job_monitor, wait_all
provider = IBMProvider({token!r}, {url!r})
backend = provider.get_backend("local_5q")
circuit = QuantumCircuit(1, 1)
circuit.x(0)
circuit.measure(0, 0)
"""
MONITOR = "job = backend.run(circuit, shots=4000)\njob_monitor(job)"
SEVERAL = "jobs = [backend.run(circuit, shots=10) for _ in range(2)]\nwait_all(jobs, progress=True)"
AWAIT = "result = await job\nprint(sum(result.get_counts().values()))"
FILE = """
import io
output = io.StringIO()
job_monitor(job, output=output)
print(output.getvalue())
"""
INTERRUPT = """
import _thread
held = backend.run(circuit, shots=100000)
def interrupt(job_id, status, job, **kwargs):
    _thread.interrupt_main()
try:
    wait_all([held], progress=True, callback=interrupt)
except KeyboardInterrupt:
    print(held.job_id(), held.cancel())
"""


@pytest.fixture(scope="module")
def cells(service):
    """The outputs of each cell, and each version of those that were replaced."""
    import nbclient  # noqa: PLC0415 - slow to load
    import nbformat  # noqa: PLC0415 - the same

    connect = CONNECT.format(token=service.token, url=service.url)
    sources = [connect, MONITOR, SEVERAL, AWAIT, FILE, INTERRUPT]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])

    shown = []

    class Client(nbclient.NotebookClient):
        def process_message(self, message, cell, index):
            if message["msg_type"] in {"display_data", "update_display_data"}:
                shown.append((sources.index(cell.source), message["content"]["data"]))
            return super().process_message(message, cell, index)

    client = Client(book, timeout=100, kernel_name="python3")
    asyncio.run(client.async_execute())
    outputs = [cell.outputs for cell in book.cells]
    versions = [[data for number, data in shown if number == index] for index in range(len(sources))]
    return {"outputs": outputs, "versions": versions}


@pytest.mark.parametrize(("index", "jobs"), [(1, 1), (2, 2)])
def test_cell_is_replaced_until_the_jobs_have_ended(cells, index, jobs):
    (shown,) = cells["outputs"][index]
    assert shown["output_type"] == "display_data"
    assert shown["data"]["text/html"].count("job has successfully run") == jobs
    assert shown["data"]["text/plain"].count("job has successfully run, DONE") == jobs
    versions = [version["text/html"] for version in cells["versions"][index]]
    assert len(versions) > 1
    assert versions[-1] == shown["data"]["text/html"]


def test_job_is_awaited_in_a_cell(cells):
    assert [output["text"] for output in cells["outputs"][3]] == ["4000\n"]


def test_file_gets_lines_in_a_notebook_too(cells):
    (shown,) = cells["outputs"][4]
    assert shown["text"].startswith("Job Status: job has successfully run, DONE")


def test_interrupted_cell_says_how_to_come_back(cells):
    shown, *said = cells["outputs"][5]
    assert "data" in shown
    first, second = "".join(each["text"] for each in said).splitlines()
    job_id, cancelled = second.split()
    assert first == f'The job goes on. To come back to it: provider.retrieve_job("{job_id}")'
    assert cancelled == "True"
