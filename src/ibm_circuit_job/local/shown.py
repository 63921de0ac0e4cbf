"""Converts jobs and devices of the service to the plain values that ``views`` turns into HTML. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Any, Final

from ibm_circuit_job.local.charges import charged_for
from ibm_circuit_job.local.coupling_layout import places
from ibm_circuit_job.local.device import Device
from ibm_circuit_job.local.devices import measured
from ibm_circuit_job.local.records import JobRecord
from ibm_circuit_job.state.status import status_of
from ibm_circuit_job.views.page_records import CouplingView, DeviceView, QubitView
from ibm_circuit_job.views.records import JobView

_LEVELS: Final = 5
_ENDED: Final = frozenset({"Completed", "Failed", "Cancelled"})


def job_view(
    job: JobRecord, place: int | None, expected: tuple[datetime, datetime] | None, *, usage_is_pending: bool
) -> JobView:
    """Return the view of a job.

    Args:
        job: The job.
        place: Its place in the queue, from 1; ``None`` if it is not waiting.
        expected: The times at which it is expected to start and to end, in UTC; ``None`` if they are not shown.
        usage_is_pending: Whether the seconds that it is charged are not settled yet.
    """
    steps = (("created", job.created), ("running", job.running), ("finished", job.finished))
    start, end = expected or (None, None)
    has_ended = job.status in _ENDED
    return JobView(
        job.id,
        status=status_of(job.status).name,
        server_status=job.status,
        reason=job.reason,
        backend=job.backend,
        program=job.program,
        created=job.created,
        steps=[(step, moment) for step, moment in steps if moment is not None],
        place=place,
        expected_start=start,
        expected_end=end,
        usage=charged_for(job, job.finished or job.created) if has_ended else None,
        usage_is_pending=has_ended and usage_is_pending,
        usage_estimate=job.estimate,
        tags=job.tags,
        session_id=job.session_id,
        private=job.private,
    )


def metrics_of(job: JobRecord, params_bytes: int, result_bytes: int | None) -> list[tuple[str, str]]:
    """Return the figures of a job, as pairs of a name and a text.

    Args:
        job: The job.
        params_bytes: The size of its parameters in bytes.
        result_bytes: The size of its result in bytes; ``None`` if it has none.
    """
    waited = None if job.running is None else (job.running - job.created).total_seconds()
    ran = None if job.running is None or job.finished is None else (job.finished - job.running).total_seconds()
    values = [
        ("Queued", None if waited is None else f"{waited:.3g} s"),
        ("Ran", None if ran is None else f"{ran:.3g} s"),
        ("Charged", None if job.charged is None else f"{job.charged:.3g} s"),
        ("Estimate", None if job.estimate is None else f"{job.estimate:.3g} s"),
        ("May be charged", None if job.cost is None else f"{job.cost:,} s"),
        ("Parameters", f"{params_bytes:,} bytes"),
        ("Result", None if result_bytes is None else f"{result_bytes:,} bytes"),
        ("Client", job.client),
        ("Instance", job.instance),
    ]
    return [(name, value) for name, value in values if value is not None]


def device_view(
    device: Device,
    properties: Mapping[str, Any],
    *,
    running: Sequence[str] = (),
    waiting: Sequence[str] = (),
    calibrated_at: datetime | None = None,
) -> DeviceView:
    """Return the view of a backend.

    Args:
        device: The backend.
        properties: Its properties, as in the reply of the service; empty for a simulator.
        running: The IDs of the jobs that are running.
        waiting: The IDs of the jobs that are waiting, the next one first.
        calibrated_at: The time of its last calibration, in UTC; ``None`` for a simulator.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ibm_circuit_job.local.devices import DEVICES, properties
        >>> shown = device_view(DEVICES["local_5q"], properties(DEVICES["local_5q"], datetime.now(UTC)))
        >>> len(shown.qubits), len(shown.couplings)
        (5, 4)
    """
    if not device.coupling:
        return DeviceView(device.name, device.qubits, simulator=True, running=running, waiting=waiting)
    found = [measured(entries) for entries in properties.get("qubits", ())]
    readout = {number: values.get("readout_error") for number, values in enumerate(found)}
    gates = _two_qubit_gates(properties.get("gates", ()))
    levels_of_readout, levels_of_gates = _levels(readout), _levels({pair: error for pair, (_, error) in gates.items()})
    figures = [
        ("Median readout error", _median(readout.values(), "{:.2e}")),
        ("Median two-qubit error", _median((error for _, error in gates.values()), "{:.2e}")),
        ("Median T1", _median((_micro(values.get("T1")) for values in found), "{:.0f} µs")),
        ("Median T2", _median((_micro(values.get("T2")) for values in found), "{:.0f} µs")),
    ]
    return DeviceView(
        device.name,
        device.qubits,
        running=running,
        waiting=waiting,
        calibrated_at=calibrated_at,
        figures=[(name, value) for name, value in figures if value is not None],
        qubits=[
            QubitView(number, x, y, readout.get(number), levels_of_readout.get(number))
            for number, (x, y) in enumerate(places(device.qubits, device.coupling))
        ],
        couplings=[
            CouplingView(*pair, gate=gate, error=error, level=levels_of_gates.get(pair))
            for pair in sorted({(min(each), max(each)) for each in device.coupling})
            for gate, error in [gates.get(pair, (None, None))]
        ],
    )


def _two_qubit_gates(gates: Iterable[Mapping[str, Any]]) -> dict[tuple[int, int], tuple[str, float | None]]:
    """Return pair of qubits -> the name of its two-qubit gate and the error; of several gates, the worst."""
    found: dict[tuple[int, int], tuple[str, float | None]] = {}
    for gate in gates:
        qubits = sorted(gate["qubits"])
        if len(qubits) != 2:
            continue
        pair, error = (qubits[0], qubits[1]), measured(gate["parameters"]).get("gate_error")
        if pair not in found or (error or 0.0) > (found[pair][1] or 0.0):
            found[pair] = gate["gate"], error
    return found


def _levels(errors: Mapping[Any, float | None]) -> dict[Any, int]:
    """Return key -> in which fifth of all errors its error is, from 0 (the smallest errors) to 4."""
    ordered = sorted((error, key) for key, error in errors.items() if error is not None)
    return {key: _LEVELS * rank // len(ordered) for rank, (_, key) in enumerate(ordered)}


def _median(values: Iterable[float | None], form: str) -> str | None:
    known = [value for value in values if value is not None]
    return form.format(median(known)) if known else None


def _micro(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1e6
