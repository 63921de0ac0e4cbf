"""The names of qiskit-ibm-provider, of qiskit-ibmq-provider and of Qiskit before 1.0, and what became of each.

Source: the public interfaces of qiskit-ibm-provider 0.11, qiskit-ibmq-provider 0.20, and of Qiskit 0.7 to 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

import ibm_circuit_job

PACKAGE: Final = "ibm_circuit_job"
OLD_PACKAGES: Final = ("qiskit_ibm_provider", "qiskit.providers.ibmq")

IBMQ: Final = "IBMQ"
EXECUTE: Final = "execute"
ASSEMBLE: Final = "assemble"
REGISTER: Final = "register"
JOB_MANAGER: Final = "IBMQJobManager"
BASIC_AER: Final = "BasicAer"


@frozen
class Moved:
    """A name that has moved to another module, or has another spelling."""

    module: str
    name: str


@frozen
class Rewritten:
    """A name whose uses are rewritten one by one; its import is dropped."""

    name: str


@frozen
class Gone:
    """A name that does not exist any more."""

    reason: str
    is_dropped: bool = False
    """Whether a program works without the name, so that its import is dropped."""


_REWRITTEN: Final[Mapping[str, str]] = {
    "qiskit.IBMQ": IBMQ,
    "qiskit.providers.ibmq.IBMQ": IBMQ,
    "qiskit.execute": EXECUTE,
    "qiskit.execute_function.execute": EXECUTE,
    "qiskit.assemble": ASSEMBLE,
    "qiskit.compiler.assemble": ASSEMBLE,
    "qiskit.register": REGISTER,
    "qiskit.BasicAer": BASIC_AER,
    "qiskit.providers.basicaer.BasicAer": BASIC_AER,
    "qiskit.providers.ibmq.managed.IBMQJobManager": JOB_MANAGER,
    "qiskit.providers.ibmq.IBMQJobManager": JOB_MANAGER,
}

_MOVED: Final[Mapping[str, Moved]] = {
    "qiskit_ibm_provider.__version__": Moved(PACKAGE, "__version__"),
    "qiskit.providers.ibmq.__version__": Moved(PACKAGE, "__version__"),
    "qiskit.Aer": Moved("qiskit_aer", "Aer"),
    "qiskit.tools.monitor.job_monitor": Moved(PACKAGE, "job_monitor"),
    "qiskit.tools.job_monitor": Moved(PACKAGE, "job_monitor"),
    "qiskit.tools.parallel_map": Moved("qiskit.utils", "parallel_map"),
    "qiskit.tools.parallel.parallel_map": Moved("qiskit.utils", "parallel_map"),
    "qiskit.extensions.UnitaryGate": Moved("qiskit.circuit.library", "UnitaryGate"),
    "qiskit.extensions.Initialize": Moved("qiskit.circuit.library", "Initialize"),
    "qiskit.providers.JobError": Moved("qiskit.providers.exceptions", "JobError"),
    "qiskit.providers.JobTimeoutError": Moved("qiskit.providers.exceptions", "JobTimeoutError"),
}

MOVED_MODULES: Final[Mapping[str, str]] = {
    "qiskit.providers.aer": "qiskit_aer",
    "qiskit.tools.visualization": "qiskit.visualization",
    "qiskit.circuit.qpy_serialization": "qiskit.qpy",
}
"""Module -> the module that has its names now."""

_PULSES: Final = "IBM's devices take no pulses since 2025, and Qiskit 2 has no qiskit.pulse"
_PRIMITIVES: Final = "it was removed from Qiskit; the package qiskit-algorithms has what followed, on primitives"
_GONE: Final[Mapping[str, Gone]] = {
    "qiskit.pulse": Gone(_PULSES),
    "qiskit.scheduler": Gone(_PULSES),
    "qiskit.schedule": Gone(_PULSES),
    "qiskit.sequence": Gone(_PULSES),
    "qiskit.providers.aer.pulse": Gone(_PULSES),
    "qiskit.utils.QuantumInstance": Gone(
        "it was removed from Qiskit; give circuits to backend.run(transpile(circuits, backend), shots=...)"
    ),
    "qiskit.aqua": Gone(_PRIMITIVES),
    "qiskit.algorithms": Gone(_PRIMITIVES),
    "qiskit.opflow": Gone("it was removed from Qiskit; qiskit.quantum_info.SparsePauliOp takes its place"),
    "qiskit.ignis": Gone("it ended in 2021; the package qiskit-experiments has what followed"),
    "qiskit.chemistry": Gone("the package qiskit-nature has what followed"),
    "qiskit.finance": Gone("the package qiskit-finance has what followed"),
    "qiskit.optimization": Gone("the package qiskit-optimization has what followed"),
    "qiskit.ml": Gone("the package qiskit-machine-learning has what followed"),
    "qiskit.test.mock": Gone("IBMProvider.local() and qiskit_ibm_runtime.fake_provider have devices to try things on"),
    "qiskit.providers.fake_provider.Fake": Gone(
        "qiskit_ibm_runtime.fake_provider has these devices; LocalService(devices=[...]) serves them"
    ),
    "qiskit.QuantumProgram": Gone("it ended with Qiskit 0.7; make a QuantumCircuit"),
    "qiskit.compile": Gone("it ended with Qiskit 0.9; transpile() takes its place"),
    "qiskit.tools.jupyter": Gone(
        "its widgets ended; job_monitor and jobs themselves show live tables", is_dropped=True
    ),
    "qiskit_ibm_provider.jupyter": Gone("its widgets ended; jobs and backends show themselves", is_dropped=True),
    "qiskit.providers.ibmq.jupyter": Gone("its widgets ended; jobs and backends show themselves", is_dropped=True),
    "qiskit.tools.monitor.backend_overview": Gone("print provider.backends(), whose status() has the queue"),
    "qiskit.tools.backend_overview": Gone("print provider.backends(), whose status() has the queue"),
    "qiskit.tools.monitor.backend_monitor": Gone("print backend.configuration() and backend.properties()"),
    "qiskit.tools.backend_monitor": Gone("print backend.configuration() and backend.properties()"),
    "qiskit.tools": Gone("it was removed with Qiskit 1.0"),
    "qiskit.extensions": Gone("it was removed with Qiskit 1.0; see qiskit.circuit.library"),
    "qiskit.providers.ibmq.experiment": Gone("IBM's database of experiments ended"),
    "qiskit.providers.ibmq.runtime": Gone("runtime programs are qiskit-ibm-runtime's"),
    "qiskit.providers.ibmq.random": Gone("IBM's service of random numbers ended"),
    "qiskit_ibm_provider.transpiler": Gone("qiskit_ibm_runtime.transpiler has its passes"),
    "qiskit_ibm_provider.visualization": Gone("qiskit.visualization has plot_gate_map and plot_error_map"),
    "qiskit.providers.ibmq.visualization": Gone("qiskit.visualization has plot_gate_map and plot_error_map"),
}
"""Name or beginning of names -> why the name does not exist any more; the longest beginning is used."""

_OTHER_SPELLING: Final[Mapping[str, str]] = {
    "AccountProvider": "IBMProvider",
    "IBMQSimulator": "IBMBackend",
    "IBMQAccountCredentialsNotFound": "IBMAccountError",
    "IBMQAccountCredentialsInvalidFormat": "IBMAccountError",
    "IBMQAccountCredentialsInvalidToken": "IBMAccountError",
    "IBMQAccountCredentialsInvalidUrl": "IBMAccountError",
    "IBMQAccountMultipleCredentialsFound": "IBMAccountError",
    "IBMQAccountValueError": "IBMAccountError",
}
"""Name of the older clients -> name of this package, where the two are not alike."""

_MODULES: Final = frozenset({"accounts", "exceptions", "job", "utils"})
"""The modules of the older clients that this package also has."""

CIRCUIT_METHODS: Final[Mapping[str, str]] = {
    "u1": "p",
    "cu1": "cp",
    "mcu1": "mcp",
    "u3": "u",
    "iden": "id",
    "cnot": "cx",
    "toffoli": "ccx",
    "fredkin": "cswap",
    "mct": "mcx",
    "bind_parameters": "assign_parameters",
}
"""Method of ``QuantumCircuit`` that Qiskit removed -> the one that does the same."""

TRANSPILE_OPTIONS: Final = frozenset(
    {
        "approximation_degree",
        "basis_gates",
        "coupling_map",
        "dt",
        "initial_layout",
        "layout_method",
        "optimization_level",
        "output_name",
        "routing_method",
        "scheduling_method",
        "seed_transpiler",
        "translation_method",
        "unitary_synthesis_method",
    }
)
"""The arguments of ``execute()`` that are also arguments of ``transpile()``."""

ENDED_OPTIONS: Final[Mapping[str, str]] = {
    "backend_properties": "transpile() reads the properties of the backend",
    "instruction_durations": "transpile() reads the durations of the backend",
    "timing_constraints": "transpile() reads the constraints of the backend",
    "max_credits": "there are no credits any more",
    "qobj_id": "there are no Qobj any more",
    "validate_qobj": "there are no Qobj any more",
    "job_share_level": "jobs are not shared any more",
    "experiment_id": "IBM's database of experiments ended",
    "default_qubit_los": _PULSES,
    "default_meas_los": _PULSES,
    "schedule_los": _PULSES,
    "meas_map": _PULSES,
    "memory_slots": _PULSES,
    "parametric_pulses": _PULSES,
    "schedule_circuit": _PULSES,
    "inst_map": _PULSES,
}
"""Argument of ``execute()`` or ``run()`` -> why it does not exist any more."""

RETIRED_SIMULATORS: Final = frozenset(
    {"simulator_statevector", "simulator_mps", "simulator_extended_stabilizer", "simulator_stabilizer"}
)
_RETIRED_DEVICES: Final = frozenset(
    {
        "ibm_algiers",
        "ibm_auckland",
        "ibm_cairo",
        "ibm_canberra",
        "ibm_cusco",
        "ibm_geneva",
        "ibm_guadalupe",
        "ibm_hanoi",
        "ibm_ithaca",
        "ibm_jakarta",
        "ibm_kolkata",
        "ibm_kyoto",
        "ibm_lagos",
        "ibm_mumbai",
        "ibm_nairobi",
        "ibm_nazca",
        "ibm_osaka",
        "ibm_oslo",
        "ibm_peekskill",
        "ibm_perth",
        "ibm_prague",
        "ibm_seattle",
        "ibm_washington",
    }
)
CLOUD_SIMULATOR: Final = "ibmq_qasm_simulator"

OLD_HOSTS: Final = ("quantum-computing.ibm.com", "quantumexperience.ng.bluemix.net", "auth.quantum.ibm.com")
"""Hosts that IBM has switched off."""


def is_retired_device(name: str) -> bool:
    """Return whether the device of this name is retired.

    Example:
        >>> is_retired_device("ibmqx4"), is_retired_device("ibm_oslo"), is_retired_device("ibm_fez")
        (True, True, False)
    """
    old = name.startswith(("ibmqx", "ibmq_")) and name != CLOUD_SIMULATOR
    return old or name in _RETIRED_DEVICES


def new_name(name: str) -> str | None:
    """Return the name in this package for a class, an exception or a function of the older clients.

    Example:
        >>> new_name("IBMQJobTimeoutError"), new_name("least_squares")
        ('IBMJobTimeoutError', None)
    """
    public = ibm_circuit_job.__all__
    alike = f"IBM{name.removeprefix('IBMQ')}" if name.startswith("IBMQ") else name
    found = alike if alike in public else _OTHER_SPELLING.get(name, _OTHER_SPELLING.get(alike))
    return found if found in public else None


def fate(name: str) -> Moved | Rewritten | Gone | None:
    """Return the change of a name, given with its module; ``None`` if the name has not changed.

    Example:
        >>> fate("qiskit_ibm_provider.job.job_monitor")
        Moved(module='ibm_circuit_job', name='job_monitor')
        >>> fate("qiskit.execute"), fate("qiskit.QuantumCircuit")
        (Rewritten(name='execute'), None)
        >>> fate("qiskit.pulse.Schedule").reason
        "IBM's devices take no pulses since 2025, and Qiskit 2 has no qiskit.pulse"
    """
    if name in _REWRITTEN or name in _MOVED:
        return _MOVED.get(name) or Rewritten(_REWRITTEN[name])
    if beginnings := [each for each in _GONE if _begins(name, each)]:
        # A moved module is found here, before a parent module that does not exist any more.
        module = next((old for old in MOVED_MODULES if _begins(name, old)), "")
        longest = max(beginnings, key=len)
        if len(longest) > len(module):
            return _GONE[longest]
    for old, module in MOVED_MODULES.items():
        if name.startswith(f"{old}."):
            inside, _, last = f"{module}{name.removeprefix(old)}".rpartition(".")
            return Moved(inside, last)
    for package in OLD_PACKAGES:
        if name.startswith(f"{package}."):
            last = name.rpartition(".")[2]
            if last in _MODULES:
                return Moved(PACKAGE, last)
            found = new_name(last)
            return Moved(PACKAGE, found) if found else Gone(f"{PACKAGE} has no {last}")
    return None


def _begins(name: str, beginning: str) -> bool:
    if beginning.endswith(".Fake"):
        return name.startswith(beginning)
    return name == beginning or name.startswith(f"{beginning}.")
