"""Checks of the arguments of ``IBMBackend.run()``, which become a ``RunRequest``. No request is sent.

A wrong argument raises an ``IBMBackendValueError`` that says what would be right.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Final

from attrs import frozen
from qiskit import QuantumCircuit

from ibm_circuit_job.devices.configuration import BackendConfiguration
from ibm_circuit_job.devices.delays import with_delays_in_dt
from ibm_circuit_job.devices.documents import readable
from ibm_circuit_job.devices.target import CONTROL_FLOW
from ibm_circuit_job.errors import IBMBackendValueError, IBMUsageLimitError
from ibm_circuit_job.state.tag_limits import checked_tags, excess_of_tags
from ibm_circuit_job.wire.values import integer_of

DEFAULT_SHOTS: Final = 4000
_DYNAMIC_ONLY: Final = ("init_circuit", "init_num_resets")
_NOT_SENT: Final = ("program_id", "image", "private")


@frozen
class RunRequest:
    """The checked arguments of ``run()``."""

    program: str
    """The program that runs the job: ``circuit-runner``, ``qasm3-runner``, ``sampler`` or ``executor``."""
    circuits: list[QuantumCircuit | str]
    """The circuits; a text is a circuit in OpenQASM 3."""
    shots: int
    """How often each circuit is run."""
    tags: list[str]
    """The job's tags."""
    options: dict[str, Any]
    """All other arguments that have a value, by name."""
    params: dict[str, Any]
    """The parameters of the program."""
    private: bool = False
    """Whether the job's inputs are hidden, and its result can be read once."""
    unknown: tuple[str, ...] = ()
    """The names of options that no version of ``run()`` has."""
    warnings: tuple[str, ...] = ()
    """The texts of warnings for the caller about the arguments."""


def checked_request(
    configuration: BackendConfiguration,
    defaults: Mapping[str, Any],
    circuits: object,
    *,
    dynamic: Any,
    job_tags: Any,
    limited_tags: bool,
    run_config: Mapping[str, Any],
    **given: Any,
) -> RunRequest:
    """Check all arguments of ``run()``, and return the request.

    Args:
        configuration: The service's description of the backend.
        defaults: The backend's options: the values of arguments that are ``None``.
        circuits: One circuit, or a list of circuits; a text is a circuit in OpenQASM 3.
        dynamic: Whether the circuits contain control flow; by default this is detected.
        job_tags: The job's tags.
        limited_tags: Whether the service limits the number and the length of tags.
        run_config: Arguments that no version of ``run()`` has.
        **given: The other arguments of ``run()``, by name.

    Raises:
        IBMBackendValueError: If an argument is wrong.
    """
    listed = [_to_send(circuit, configuration) for circuit in _checked_circuits(circuits, configuration)]
    tags = checked_tags(job_tags)
    if limited_tags and (excess := excess_of_tags(tags)):
        raise IBMBackendValueError(f"expected job_tags to be {excess}")
    _checked_flag("dynamic", dynamic)
    texts = any(isinstance(circuit, str) for circuit in listed)
    is_dynamic = bool(dynamic) or texts or any(has_control_flow(circuit) for circuit in listed)
    wanted = {name: defaults.get(name) if value is None else value for name, value in given.items()}
    shots = _checked_shots(
        wanted.pop("shots"), configuration, source="" if given["shots"] is not None else " in options"
    )
    checks = {
        "header": _checked_header,
        "memory": lambda flag: _checked_flag("memory", flag),
        "meas_level": lambda level: _checked_meas_level(level, configuration),
        "meas_return": _checked_meas_return,
        "rep_delay": lambda delay: _checked_rep_delay(delay, configuration),
        "init_qubits": lambda flag: _checked_flag("init_qubits", flag),
        "use_measure_esp": lambda flag: _checked_esp(flag, configuration),
        "noise_model": lambda model: _checked_noise_model(model, configuration),
        "seed_simulator": _checked_seed,
        "init_circuit": lambda circuit: _to_send(_checked_init_circuit(circuit, configuration), configuration),
        "init_num_resets": _checked_resets,
    }
    options = {name: checks[name](value) for name, value in wanted.items() if value is not None}
    if not is_dynamic:
        for name in _DYNAMIC_ONLY:
            if name in options:
                raise IBMBackendValueError(f"expected no {name}, because it needs dynamic=True; got {options[name]!r}")
    program = run_config.get("program_id") or ("qasm3-runner" if is_dynamic else "circuit-runner")
    if not isinstance(program, str) or program not in {"circuit-runner", "qasm3-runner"}:
        raise IBMBackendValueError(f"expected program_id to be 'circuit-runner' or 'qasm3-runner', got {program!r}")
    if texts and program == "circuit-runner":
        raise IBMBackendValueError("expected program_id to be 'qasm3-runner', because only it runs OpenQASM 3 text")
    private = _checked_flag("private", run_config.get("private"))
    more = {name: value for name, value in run_config.items() if name not in _NOT_SENT and value is not None}
    params: dict[str, Any] = {"circuits": listed, "shots": shots, **options, **more}
    if program == "circuit-runner":
        params["skip_transpilation"] = True
    warned = (
        *_about_shots(given["shots"], shots),
        *_about_flow(listed, dynamic=dynamic),
        *("run() sends no image: programs run in the service's own" for name in ("image",) if run_config.get(name)),
        *map(_about_unknown, more),
    )
    return RunRequest(program, listed, shots, tags, options | more, params, bool(private), tuple(more), warned)


def check_options(configuration: BackendConfiguration, fields: Mapping[str, Any]) -> None:
    """Raise for values of options that are not within a backend's limits.

    Args:
        configuration: The service's description of the backend.
        fields: The values by name; ``None`` for the default.

    Raises:
        IBMBackendValueError: If ``shots``, ``rep_delay`` or ``noise_model`` is not within the limits.
    """
    if (shots := fields.get("shots")) is not None:
        _checked_shots(shots, configuration, source="")
    _checked_rep_delay(fields.get("rep_delay"), configuration)
    _checked_noise_model(fields.get("noise_model"), configuration)


def _about_shots(given: Any, shots: int) -> list[str]:
    return [] if given is None or given == shots else [f"shots={given!r} is no whole number: {shots} are run"]


def _about_flow(circuits: Sequence[QuantumCircuit | str], *, dynamic: bool | None) -> list[str]:
    if dynamic is None or dynamic or not any(has_control_flow(circuit) for circuit in circuits):
        return []
    return ["dynamic is False, but a circuit contains control flow: the job runs as a dynamic one"]


def _about_unknown(name: str) -> str:
    meant = "".join(f"; did you mean {close!r}?" for close in close_matches(name))
    return f"run() has no argument {name!r}, so it is sent to the service unchanged{meant}"


def _to_send(circuit: Any, configuration: BackendConfiguration) -> Any:
    """Return a circuit with its delays in the backend's unit ``dt``."""
    if isinstance(circuit, QuantumCircuit) and configuration.dt:
        return with_delays_in_dt(circuit, configuration.dt)
    return circuit


def close_matches(name: str) -> list[str]:
    """Return the arguments of ``run()`` with a name similar to *name*.

    Example:
        >>> close_matches("shot")
        ['shots']
    """
    return difflib.get_close_matches(name, ("circuits", *ARGUMENTS), n=1, cutoff=0.7)


ARGUMENTS: Final = (
    "dynamic", "job_tags", "init_circuit", "init_num_resets", "header", "shots", "memory", "meas_level",
    "meas_return", "rep_delay", "init_qubits", "use_measure_esp", "noise_model", "seed_simulator",
)  # fmt: skip
"""The arguments of ``run()`` in all its versions, except the circuits."""


def refuse_above(most: Any, seconds: float) -> None:
    """Raise if a job is expected to use more quantum time than the caller allows.

    Args:
        most: The most seconds that the job may use.
        seconds: The seconds that the job is expected to use.

    Raises:
        IBMBackendValueError: If ``most`` is no number from 0 up.
        IBMUsageLimitError: If ``most`` is less than ``seconds``.

    Example:
        >>> refuse_above(2.0, 1.5)
        >>> refuse_above(1.0, 1.5)
        Traceback (most recent call last):
        ibm_circuit_job.errors.IBMUsageLimitError: expected a job of at most 1 s of quantum time \
(max_quantum_seconds), got one of about 1.5 s; nothing was sent. Use fewer shots or circuits, or allow more
    """
    if isinstance(most, bool) or not isinstance(most, Real) or not float(most) >= 0:
        raise IBMBackendValueError(f"expected max_quantum_seconds to be a number from 0 up, got {most!r}")
    if seconds > float(most):
        raise IBMUsageLimitError(
            f"expected a job of at most {float(most):g} s of quantum time (max_quantum_seconds), got one of about "
            f"{seconds:.4g} s; nothing was sent. Use fewer shots or circuits, or allow more",
            seconds,
            float(most),
        )


def has_control_flow(circuit: QuantumCircuit | str) -> bool:
    """Return whether a circuit contains control flow; False for a text, which is not parsed."""
    return not isinstance(circuit, str) and any(
        instruction.operation.name in CONTROL_FLOW for instruction in circuit.data
    )


def _checked_circuits(circuits: object, configuration: BackendConfiguration) -> list[QuantumCircuit | str]:
    listed = list(circuits) if isinstance(circuits, Sequence) and not isinstance(circuits, str) else [circuits]
    if not listed:
        raise IBMBackendValueError("expected at least one circuit, got an empty list")
    most, name = configuration.get("max_experiments"), configuration.backend_name
    if most is not None and len(listed) > most:
        raise IBMBackendValueError(f"expected at most {most} circuits for {name}, got {len(listed)}")
    return [_checked_circuit(circuit, index, configuration) for index, circuit in enumerate(listed)]


_OPENQASM: Final = re.compile(
    r"(?:\s|//[^\n]*(?:\n|\Z)|/\*.*?\*/)*+OPENQASM\s+(?P<version>\d+)(?:\.\d+)?\s*;", re.DOTALL
)
"""The beginning of a program in OpenQASM: comments, then the version."""


def _checked_text(text: str, index: int) -> str:
    found = _OPENQASM.match(text)
    if found is None:
        raise IBMBackendValueError(
            "expected circuits to be a QuantumCircuit, or OpenQASM 3 text that begins with 'OPENQASM 3.0;', "
            f"or a list of them, got {text[:40]!r} at [{index}]"
        )
    if found["version"] != "3":
        raise IBMBackendValueError(
            f"expected text of a circuit to be OpenQASM 3, got OpenQASM {found['version']} at [{index}]; "
            "qiskit.qasm2.loads() returns a QuantumCircuit for OpenQASM 2"
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise IBMBackendValueError(f"expected text of a circuit that UTF-8 can encode: {error} at [{index}]") from None
    return text


def _checked_circuit(circuit: object, index: int, configuration: BackendConfiguration) -> QuantumCircuit | str:
    if isinstance(circuit, str):
        return _checked_text(circuit, index)
    if not isinstance(circuit, QuantumCircuit):
        raise IBMBackendValueError(
            "expected circuits to be a QuantumCircuit, or OpenQASM 3 text, or a list of them, "
            f"got a {type(circuit).__name__} at [{index}]"
        )
    most, name = configuration.n_qubits, configuration.backend_name
    if circuit.num_qubits > most:
        raise IBMBackendValueError(
            f"expected circuits of at most {most} qubits for {name}, "
            f"got {circuit.num_qubits} in circuit {circuit.name!r} at [{index}]"
        )
    if circuit.num_parameters:
        names = ", ".join(sorted(parameter.name for parameter in circuit.parameters))
        raise IBMBackendValueError(
            f"expected circuits without free parameters, got {names} in circuit {circuit.name!r} at [{index}]; "
            "bind them with assign_parameters()"
        )
    return circuit


def _checked_shots(shots: Any, configuration: BackendConfiguration, *, source: str) -> int:
    most = configuration.get("max_shots")
    is_number = isinstance(shots, Integral) or (isinstance(shots, Real) and math.isfinite(shots))
    if isinstance(shots, bool) or not is_number or shots < 1:
        limit = "up" if most is None else f"to {most}"
        raise IBMBackendValueError(f"expected shots{source} to be a whole number from 1 {limit}, got {shots!r}")
    if most is not None and int(shots) > most:
        raise IBMBackendValueError(
            f"expected at most {most} shots{source} for {configuration.backend_name}, got {shots}"
        )
    return int(shots)


def _checked_flag(name: str, flag: Any) -> bool | None:
    if flag is None or isinstance(flag, bool):
        return flag
    # Existing programs pass memory=1.
    if isinstance(flag, int) and flag in {0, 1}:
        return bool(flag)
    raise IBMBackendValueError(f"expected {name} to be True or False, got {flag!r}")


def _checked_seed(seed: Any) -> int | None:
    if seed is None:
        return None
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= int(seed) < 2**63:
        raise IBMBackendValueError(f"expected seed_simulator to be a whole number from 0 to 2**63 - 1, got {seed!r}")
    return int(seed)


def _checked_noise_model(model: Any, configuration: BackendConfiguration) -> Any:
    if model is None:
        return None
    if not configuration.get("simulator", False):
        raise IBMBackendValueError(f"expected no noise_model, because {configuration.backend_name} is no simulator")
    if type(model).__name__ != "NoiseModel":
        raise IBMBackendValueError(f"expected noise_model to be a NoiseModel of qiskit-aer, got {model!r}")
    return model


def _checked_header(header: Any) -> dict[str, Any] | None:
    if header is None:
        return None
    if not isinstance(header, Mapping) or not all(isinstance(name, str) for name in header):
        raise IBMBackendValueError(f"expected header to be a dictionary with strings as keys, got {header!r}")
    return dict(header)


def _checked_rep_delay(delay: Any, configuration: BackendConfiguration) -> float | None:
    if delay is None:
        return None
    name = configuration.backend_name
    if not configuration.get("dynamic_reprate_enabled", False):
        raise IBMBackendValueError(f"expected no rep_delay, because {name} does not support it; got {delay!r}")
    limits = configuration.get("rep_delay_range", [])
    low, high = limits if len(limits) == 2 else (0.0, math.inf)
    is_number = isinstance(delay, (int, float)) and not isinstance(delay, bool) and math.isfinite(delay)
    if not is_number or not low <= delay <= high:
        raise IBMBackendValueError(f"expected rep_delay from {low:g} to {high:g} seconds for {name}, got {delay!r}")
    return float(delay)


def _checked_meas_level(level: Any, configuration: BackendConfiguration) -> int:
    offered = readable(configuration.get("meas_levels"), integer_of) or [2]
    if isinstance(level, bool) or not isinstance(level, Integral) or int(level) not in offered:
        listed, name = ", ".join(map(str, offered)), configuration.backend_name
        raise IBMBackendValueError(f"expected meas_level to be one of {listed} for {name}, got {level!r}")
    return int(level)


def _checked_meas_return(kind: Any) -> str:
    # qiskit 1 has an enumeration of these texts.
    text = getattr(kind, "value", kind)
    if not isinstance(text, str) or text not in {"single", "avg"}:
        raise IBMBackendValueError(f"expected meas_return to be 'single' or 'avg', got {kind!r}")
    return str(text)


def _checked_esp(flag: Any, configuration: BackendConfiguration) -> bool | None:
    wanted = _checked_flag("use_measure_esp", flag)
    if wanted and configuration.get("measure_esp_enabled", False) is not True:
        name = configuration.backend_name
        raise IBMBackendValueError(f"expected use_measure_esp to be False, because {name} has no ESP readout; got True")
    return wanted


def _checked_init_circuit(circuit: Any, configuration: BackendConfiguration) -> QuantumCircuit:
    if not isinstance(circuit, QuantumCircuit) or circuit.num_qubits > configuration.n_qubits:
        most = configuration.n_qubits
        raise IBMBackendValueError(f"expected init_circuit to be a circuit of at most {most} qubits, got {circuit!r}")
    return circuit


def _checked_resets(number: Any) -> int:
    if isinstance(number, bool) or not isinstance(number, Integral) or int(number) < 0:
        raise IBMBackendValueError(f"expected init_num_resets to be a whole number from 0 up, got {number!r}")
    return int(number)
