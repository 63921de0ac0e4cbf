"""A device of four qubits in a row, as the service's documents: every kind of part is there."""

import json

DATE = "2024-02-03T04:00:00Z"
QUBITS = range(4)
PAIRS = [[0, 1], [1, 0], [1, 2], [2, 1], [2, 3], [3, 2]]
SINGLES = ("id", "rz", "sx", "x", "rx")
FEATURES = ["qobj", "qasm3", "dynamic_circuits"]


def figure(name, value, unit=""):
    return {"name": name, "value": value, "unit": unit, "date": DATE}


def _as_read(document):
    """The document as a client reads it: no part is another part, too."""
    return json.loads(json.dumps(document))


def _gates(coupler):
    singles = [(name, [[qubit] for qubit in QUBITS]) for name in SINGLES]
    return [*singles, (coupler, PAIRS), ("rzz", PAIRS)]


def configuration(coupler="cz", **changes):
    """The reply to ``GET /backends/NAME/configuration``, with some of its fields as given; ``None`` leaves one out."""
    names = [name for name, _ in _gates(coupler)]
    said = {
        "backend_name": "ibm_selfmade",
        "backend_version": "1.0.0",
        "n_qubits": len(QUBITS),
        "simulator": False,
        "basis_gates": names,
        "supported_instructions": [*names, "measure", "measure_2", "delay", "reset", "if_else", "store"],
        "supported_features": FEATURES,
        "coupling_map": PAIRS,
        "gates": [
            {"name": name, "parameters": [], "qasm_def": "", "coupling_map": where} for name, where in _gates(coupler)
        ],
        "instruction_signatures": [{"name": "measure_2", "num_qubits": 1, "num_clbits": 1, "parameters": []}],
        "timing_constraints": {"granularity": 8, "min_length": 16, "pulse_alignment": 8, "acquire_alignment": 4},
        "dt": 0.5,
        "max_shots": 100_000,
        "max_experiments": 300,
    }
    return _as_read({name: value for name, value in (said | changes).items() if value is not None})


def properties(coupler="cz", *, faulty_qubits=(), faulty_gates=()):
    """The reply to ``GET /backends/NAME/properties``; what does not work is named by qubit, or by gate and qubits."""
    qubits = [
        [
            figure("T1", 100.0, "us"),
            figure("T2", 80.0, "us"),
            figure("frequency", 5.0, "GHz"),
            figure("readout_error", 0.01),
            figure("readout_length", 1000.0, "ns"),
            *([figure("operational", 0)] if qubit in faulty_qubits else []),
        ]
        for qubit in QUBITS
    ]
    gates = [
        {
            "gate": name,
            "name": name + "_".join(map(str, on)),
            "qubits": on,
            "parameters": [
                figure("gate_error", 0.001),
                figure("gate_length", 60.0, "ns"),
                *([figure("operational", 0)] if (name, *on) in faulty_gates else []),
            ],
        }
        for name, where in _gates(coupler)
        for on in where
    ]
    return _as_read(
        {
            "backend_name": "ibm_selfmade",
            "backend_version": "1.0.0",
            "last_update_date": DATE,
            "qubits": qubits,
            "gates": gates,
            "general": [],
        }
    )
