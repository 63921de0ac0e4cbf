"""Programs in the manner of public ones of each era, migrated by the command and run on the service on this machine."""

import json
import runpy
import shutil
from pathlib import Path

import pytest
from command_line import run_line

PROGRAMS = Path(__file__).parent / "programs"
BELL = {"00", "11"}


def has_all(counts, shots, outcomes):
    return sum(counts.values()) == shots and set(counts) <= set(outcomes)


def mostly(counts, outcome):
    return max(counts, key=counts.get) == outcome


RUNS = {
    "accounts_2022": lambda ran: (
        len(ran["stored"]) == 1 and ran["active"]["url"] == ran["os"].environ["QISKIT_IBM_URL"] and not ran["after"]
    ),
    "assemble_2020": lambda ran: ran["counts"] == {"11": 33} and set(ran["at_home"]) == {"11"},
    "attribute_backend_2020": lambda ran: (
        ran["counts"] == {"1": 15} and ran["names"] == ("ibmq_qasm_simulator", "local_5q")
    ),
    "backend_filters_2021": lambda ran: (
        ran["name"] == "local_5q"
        and {each.name for each in ran["large"]} == {"local_27q", "local_heron"}
        and ran["are_backends"]
        and ran["t1"] > 0
    ),
    "basic_aer_2019": lambda ran: ran["counts"] == {"1": 14} and abs(ran["state"][1]) == 1,
    "bell_2018": lambda ran: has_all(ran["counts"], 128, BELL),
    "bell_2020": lambda ran: sum(ran["counts"].values()) == 256 and ran["backend"].name == "local_5q" and ran["figure"],
    "conditional_2018": lambda ran: ran["counts"] == ran["at_home"] == {"1 1": 20},
    "enable_account_2020": lambda ran: ran["counts"] == {"1": 20},
    "exceptions_2020": lambda ran: ran["caught"] == ["IBMJobNotFoundError", "IBMJobInvalidStateError"],
    "execute_options_2021": lambda ran: (
        len(ran["memory"]) == 64 and ran["used"] == {1, 3} and has_all(ran["by_hand"].get_counts(), 10, BELL)
    ),
    "executor_2022": lambda ran: ran["counts"] == {"1": 30} and ran["executor"].name == "local_simulator",
    "functions_2020": lambda ran: ran["name"] == "ibmq_qasm_simulator" and has_all(ran["counts"], 40, BELL),
    "job_manager_2020": lambda ran: (
        [list(each) for each in ran["counts"]] == [[f"{n:03b}"] for n in range(6)] and ran["tags"] == ["flips"]
    ),
    "made_backend_2022": lambda ran: ran["counts"] == {"1": 7},
    "mitigation_2019": lambda ran: abs(ran["mitigated"].sum() - 1) < 1e-9 and ran["mitigated"][1] < 0.2,
    "module_version_2023": lambda ran: (
        ran["version"] == ran["ibm_circuit_job"].__version__ and "local_simulator" in ran["names"]
    ),
    "noisy_cloud_2021": lambda ran: sum(ran["counts"].values()) == 500 and 0 < ran["counts"]["0"] < 250,
    "module_import_2020": lambda ran: (
        mostly(ran["counts"], "1") and ran["at_home"] == {"1": 25} and ran["method"] == "statevector"
    ),
    "monitor_loop_2019": lambda ran: ran["is_done"] and ran["name"] == "local_5q" and mostly(ran["counts"], "1"),
    "noise_2021": lambda ran: sum(ran["counts"].values()) == 500 and len(ran["counts"]) > 2,
    "provider_module_2023": lambda ran: ran["counts"] == {"1": 12} and "no such job" in ran["said"],
    "providers_2020": lambda ran: "local_5q" in ran["names"],
    "qasm_2019": lambda ran: ran["counts"] == {"111": 9} and ran["text"].startswith("OPENQASM 2.0"),
    "queue_2023": lambda ran: ran["ended"] and ran["heard"] and mostly(ran["counts"], "1"),
    "retrieve_2023": lambda ran: (
        ran["is_circuit_job"] and ran["recent"][0].job_id() == ran["job"].job_id() and mostly(ran["counts"], "1")
    ),
    "retrieve_by_tag_2021": lambda ran: (
        ran["counts"] == {"1": 10} and ran["by_tag"][:1] == ran["by_name"][:1] == [ran["first"].job_id()]
    ),
    "session_2023": lambda ran: (
        len(ran["ids"]) == 1 and None not in ran["ids"] and all(mostly(r.get_counts(), "11") for r in ran["results"])
    ),
    "star_2019": lambda ran: has_all(ran["counts"], 100, BELL) and has_all(ran["at_home"], 100, BELL),
    "sweep_2021": lambda ran: ran["excited"][0] == 0 and ran["excited"][-1] == 1 and ran["tags"] == ["rabi", "sweep"],
    "tags_2021": lambda ran: (
        ran["both"] == ["one", "two"] and ran["replaced"] == ["three"] and ran["job"].name() == "mine"
    ),
    "teleportation_2021": lambda ran: all(outcome[0] == "1" for outcome in ran["counts"]),
    "token_2018": lambda ran: ran["counts"] == {"1": 20},
}
"""Program -> what holds of its names after it has run."""
SAVED = "accounts_2022"
"""The program that saves an account; of IBM Quantum Platform, which is the default one."""
NAMES_ITS_OWN = {"enable_account_2020", "executor_2022", "token_2018"}
"""Those that name a token and a URL themselves."""


@pytest.fixture
def account(service, tmp_path, monkeypatch):
    """The variables that lead the archived client, and a migrated program, to the service of the tests."""
    for variable in ("INSTANCE", "CHANNEL"):
        monkeypatch.delenv(f"QISKIT_IBM_{variable}", raising=False)
    for variable, value in {
        "HOME": str(tmp_path),
        "QISKIT_IBM_TOKEN": service.token,
        "QISKIT_IBM_URL": service.url,
        "MY_TOKEN": service.token,
        "MY_URL": service.url,
        "MPLBACKEND": "Agg",
        # In the home directory of a test, the list of fonts would be made anew.
        "MPLCONFIGDIR": str(Path.home() / ".cache" / "matplotlib"),
    }.items():
        monkeypatch.setenv(variable, value)


def migrated(name, folder, exit_code=0):
    """Migrate a copy of a program by the command, which a second time changes nothing; return it and what was said."""
    copy = Path(shutil.copy(PROGRAMS / name, folder))
    done = run_line("migrate", "--write", "--backend", "local_5q", str(copy))
    assert done.exit_code == exit_code, done.output
    if exit_code == 0:
        before = copy.read_bytes()
        again = run_line("migrate", "--write", str(copy))
        assert (again.exit_code, copy.read_bytes()) == (0, before), again.output
    return copy, " ".join(done.output.split())


# Aer says so of the names that its simulators had, and Qiskit of options that were usual.
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning", "ignore:Providing `coupling_map`:UserWarning")
@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("name", RUNS)
def test_migrated_program_runs_on_the_service(name, tmp_path, monkeypatch, service):
    if name == SAVED:
        monkeypatch.setenv("MY_URL", service.platform_url)
    program, _ = migrated(f"{name}.py", tmp_path)
    if name in NAMES_ITS_OWN:
        monkeypatch.setenv("QISKIT_IBM_TOKEN", "of another account")
        monkeypatch.setenv("QISKIT_IBM_URL", "http://127.0.0.1:9")
    ran = runpy.run_path(str(program), run_name="__main__")
    assert RUNS[name](ran), {each: value for each, value in ran.items() if not each.startswith("__")}


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("name", ["bell_2020", "provider_2023"])
def test_migrated_notebook_runs_on_the_service(name, tmp_path):
    from IPython.core.interactiveshell import InteractiveShell  # noqa: PLC0415 - slow to load
    from traitlets.config import Config  # noqa: PLC0415 - the same

    notebook, _ = migrated(f"{name}.ipynb", tmp_path)
    # Its history would be a file of the folder of this test, which is written to when the process ends.
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    # There is no window to be shown.
    shell.enable_gui = lambda gui=None: gui
    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            shell.run_cell("".join(cell["source"])).raise_error()
    assert sum(shell.user_ns["counts"].values()) == 100


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pulse_2020", ["pulse_2020.py:2: change by hand: qiskit.pulse: IBM's devices take no pulses since 2025"]),
        (
            "quantum_instance_2021",
            [
                "quantum_instance_2021.py:3: change by hand: qiskit.algorithms.VQE: it was removed from Qiskit",
                "quantum_instance_2021.py:4: change by hand: qiskit.opflow.X: it was removed from Qiskit",
                "quantum_instance_2021.py:5: change by hand: qiskit.utils.QuantumInstance: it was removed from Qiskit",
            ],
        ),
    ],
)
def test_program_that_cannot_run_is_refused_with_reasons(name, said, tmp_path):
    _, output = migrated(f"{name}.py", tmp_path, exit_code=6)
    assert all(each in output for each in said), output


def test_every_program_is_migrated_here():
    refused = {"pulse_2020", "quantum_instance_2021"}
    assert {path.stem for path in PROGRAMS.glob("*.py")} == RUNS.keys() | refused
