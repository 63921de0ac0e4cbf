"""Take the pictures of a notebook, a terminal, plots and the local service's page: ``make pictures``."""

import asyncio
import html
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nbclient
import nbformat
import PIL.Image
import rich.console
import rich.text
from qiskit import QuantumCircuit, transpile
from selenium.webdriver.support.ui import WebDriverWait

from ibm_circuit_job import IBMProvider, JobStore, plot_timeline, plot_usage
from ibm_circuit_job.local import LocalService

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "shared"))

from chromium import browser

FOLDER = Path(__file__).parent / "pictures"
MOST_BYTES = 60_000
NOTEBOOK_WIDTH = 1000

CELLS = (
    """\
from qiskit import QuantumCircuit, transpile
from ibm_circuit_job import IBMProvider, job_monitor

ghz = QuantumCircuit(3, name="ghz")
ghz.h(0)
ghz.cx(0, [1, 2])
ghz.measure_all()

provider = IBMProvider.local()
backend = provider.get_backend("local_5q")
circuit = transpile(ghz, backend)
jobs = [backend.run(circuit, shots=shots, job_tags=["ghz"]) for shots in (1000, 4000)]
job_monitor(jobs)""",
    "result = jobs[1].result()\njobs[1]",
    "provider.jobs()",
)
STYLE = """
body { font: 14px/1.5 "DejaVu Sans", sans-serif; margin: 16px; color: #222; background: #fff; }
.cell { display: grid; grid-template-columns: 3.2em 1fr; margin-bottom: 12px; }
.cell > * { min-width: 0; }
.number { color: #777; font: 13px "DejaVu Sans Mono", monospace; padding-top: 7px; }
pre { font: 13px/1.45 "DejaVu Sans Mono", monospace; margin: 0; }
pre.source { background: #f6f6f6; border: 1px solid #ddd; border-radius: 3px; padding: 6px 8px; }
.output { padding: 8px 0 0 8px; }
"""


def ghz(qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits, qubits, name=f"ghz-{qubits}")
    circuit.h(0)
    for qubit in range(1, qubits):
        circuit.cx(qubit - 1, qubit)
    circuit.measure(range(qubits), range(qubits))
    return circuit


def take(driver, name: str, view: str, has: str) -> None:
    """Take a picture of a view, when it has all of some words."""
    driver.execute_script("location.hash = arguments[0]", f"#/{view}")
    seen = "return document.getElementById('view').innerText"
    WebDriverWait(driver, 60).until(lambda _: all(word in driver.execute_script(seen) for word in has.split()))
    save(driver, name)


def save(driver, name: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    driver.save_screenshot(str(FOLDER / f"{name}.png"))
    shrink(name)


def shrink(name: str) -> None:
    """Give a picture a palette of 128 colours, which makes its file a third as large."""
    path = FOLDER / f"{name}.png"
    with PIL.Image.open(path) as picture:
        small = picture.convert("RGB").quantize(128, dither=PIL.Image.Dither.NONE)
    small.save(path, optimize=True)
    size = path.stat().st_size
    assert size <= MOST_BYTES, f"{name}.png has {size:,} bytes; expected at most {MOST_BYTES:,}"


def notebook_page() -> str:
    """Run the cells in a kernel, and return what a notebook shows as a page of HTML."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    asyncio.run(nbclient.NotebookClient(book, timeout=100, kernel_name="python3").async_execute())
    shown = [
        f'<div class="cell"><div class="number">[{number}]:</div><pre class="source">{html.escape(cell.source)}</pre>'
        f'<div></div><div class="output">{"".join(each["data"]["text/html"] for each in cell.outputs)}</div></div>'
        for number, cell in enumerate(book.cells, start=1)
    ]
    return f"<!DOCTYPE html><meta charset='utf-8'><title>Notebook</title><style>{STYLE}</style>{''.join(shown)}"


def take_notebook(driver, folder: str) -> None:
    """Take a picture of a notebook, as high as it is."""
    page = Path(folder) / "notebook.html"
    page.write_text(notebook_page(), encoding="utf-8")
    driver.get(page.as_uri())
    take_whole(driver, "notebook")


def take_whole(driver, name: str) -> None:
    """Take a picture of a page, as high as it is."""
    height, frame = driver.execute_script(
        "return [document.body.parentElement.getBoundingClientRect().height, window.outerHeight - window.innerHeight]"
    )
    driver.set_window_size(NOTEBOOK_WIDTH, round(height + frame) + 1)
    save(driver, name)


def take_terminal(driver, folder: str, store: str, *words: str) -> None:
    """Take a picture of what a command prints."""
    command = [str(Path(sys.executable).with_name("ibm-circuit-job")), *words]
    wide = os.environ | {"FORCE_COLOR": "1", "COLUMNS": "110", "TERM": "xterm-256color", "IBM_CIRCUIT_JOB_STORE": store}
    printed = subprocess.run(command, env=wide, capture_output=True, text=True, check=True).stdout
    console = rich.console.Console(record=True, width=110, file=io.StringIO())
    console.print(rich.text.Text(f"$ ibm-circuit-job {' '.join(words)}", style="bold"))
    console.print(rich.text.Text.from_ansi(printed), end="")
    page = Path(folder) / "terminal.html"
    style = 'body { background: #fff; margin: 16px } pre { font: 14px/1.35 "DejaVu Sans Mono", monospace }'
    page.write_text(console.export_html(inline_styles=True) + f"<style>{style}</style>", encoding="utf-8")
    driver.get(page.as_uri())
    take_whole(driver, "terminal")


def take_plots(store: JobStore) -> None:
    for name, figure in (("timeline", plot_timeline(store.jobs())), ("usage", plot_usage(store, by="tag"))):
        figure.savefig(FOLDER / f"{name}.png", dpi=90)
        shrink(name)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, browser(NOTEBOOK_WIDTH, 900) as driver:
        # The jobs are saved in no store of the user's, whose zone the times are not in either.
        os.environ.update({"IBM_CIRCUIT_JOB_STORE": f"{folder}/jobs.sqlite", "TZ": "UTC"})
        take_notebook(driver, folder)
    with (
        LocalService(seed=7, port=8080) as service,
        IBMProvider(service.token, service.url, store=None) as provider,
        browser(1280, 940) as driver,
    ):
        simulator, device = provider.get_backend("local_simulator"), provider.get_backend("local_5q")
        on_device = transpile(ghz(3), device, optimization_level=1, seed_transpiler=7)
        simulator.run(ghz(5), shots=4000, job_tags=["ideal"]).result()
        simulator.run(QuantumCircuit(1, name="empty"), shots=100, job_tags=["check"]).wait_for_final_state()
        whole = [device.run(on_device, shots=4000, job_tags=["ghz", "july"]) for _ in range(2)][-1]
        whole.result()
        device.run(on_device, shots=20_000, rep_delay=500e-6, job_tags=["ghz", "august"])
        for number in (1, 2):
            device.run(on_device, shots=2000 * number, job_tags=["ghz", f"sweep {number}"])
        driver.get(service.page_url)
        take(driver, "jobs", "jobs", "RUNNING QUEUED DONE")
        driver.set_window_size(1280, 1480)
        take(driver, "job", f"jobs/{whole.job_id()}", "Timeline ┌ shots Completed")
    with (
        tempfile.TemporaryDirectory() as folder,
        JobStore(f"{folder}/jobs.sqlite") as store,
        LocalService(seed=7) as service,
        IBMProvider(service.token, service.url, store=store) as provider,
        browser(NOTEBOOK_WIDTH, 900) as driver,
    ):
        for name in ("local_5q", "local_heron"):
            device = provider.get_backend(name)
            for number in range(1, 5):
                circuit = transpile(ghz(number + 1), device, optimization_level=1, seed_transpiler=7)
                device.run(circuit, shots=1500 * number, job_tags=[f"ghz-{number + 1}"])
        for job in provider.jobs():
            job.result()
        take_plots(store)
        take_terminal(driver, folder, f"{folder}/jobs.sqlite", "jobs")


main()
