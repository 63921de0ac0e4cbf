"""Take the pictures of the page of the local service, into docs/pictures/: ``make pictures``."""

import sys
from pathlib import Path

from qiskit import QuantumCircuit, transpile
from selenium.webdriver.support.ui import WebDriverWait

from ibm_circuit_job import IBMProvider
from ibm_circuit_job.local import LocalService

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "shared"))

from chromium import browser

FOLDER = Path(__file__).parent / "pictures"
MOST_BYTES = 150_000


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
    FOLDER.mkdir(exist_ok=True)
    driver.save_screenshot(str(FOLDER / f"{name}.png"))
    size = (FOLDER / f"{name}.png").stat().st_size
    assert size <= MOST_BYTES, f"{name}.png has {size:,} bytes; expected at most {MOST_BYTES:,}"


def main() -> None:
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


main()
