"""The values that ``html`` and ``text`` render: texts, numbers and times.

An unknown value is ``None``, or empty. Times are aware datetimes; they are shown in the machine's zone unless another
zone is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from attrs import field, frozen


def _texts(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(given)


def _steps(given: Iterable[tuple[str, datetime]]) -> tuple[tuple[str, datetime], ...]:
    return tuple(given)


def _figures(given: Iterable[tuple[str, float | None]]) -> tuple[tuple[str, float | None], ...]:
    return tuple(given)


def _circuits(given: Iterable[CountsView]) -> tuple[CountsView, ...]:
    return tuple(given)


@frozen
class CountsView:
    """The counts of one circuit of a result.

    Example:
        >>> CountsView("bell", {"00": 510, "11": 490}).shots
        1000
    """

    name: str | None
    """The name of the circuit."""
    counts: Mapping[str, int] = field(factory=dict)
    """Outcome -> how often it was measured."""
    note: str | None = None
    """The text that is shown instead of counts, such as why there are none."""

    @property
    def shots(self) -> int:
        """How many outcomes were counted in all."""
        return sum(self.counts.values())


@frozen
class ResultView:
    """The part of a result that is shown.

    Example:
        >>> ResultView("a", circuits=[CountsView("bell", {"00": 1})], number_of_circuits=3).number_of_circuits
        3
    """

    job_id: str | None
    """The job's ID."""
    backend: str | None = None
    """The name of the backend."""
    success: bool | None = None
    """Whether all circuits ran."""
    shots: int | None = None
    """How many shots each circuit had; ``None`` if that differs between circuits."""
    circuits: tuple[CountsView, ...] = field(default=(), converter=_circuits)
    """The first circuits."""
    number_of_circuits: int = 0
    """How many circuits there are in all."""


@frozen
class JobView:
    """The known values of a job.

    Example:
        >>> JobView("cq1x", status="QUEUED", place=3).place
        3
    """

    job_id: str
    """The job's ID."""
    status: str | None = None
    """The name of its ``JobStatus``, such as ``"QUEUED"``."""
    server_status: str | None = None
    """The service's own status string."""
    is_assumed: bool = False
    """Whether the status was concluded from an accepted cancel, and not reported by the service."""
    seen_at: datetime | None = None
    """When the status was seen."""
    reason: str | None = None
    """Why the job has this status."""
    name: str | None = None
    """Its name."""
    backend: str | None = None
    """The name of its backend."""
    program: str | None = None
    """The program that runs it."""
    created: datetime | None = None
    """When it was created."""
    submitted: datetime | None = None
    """When it was submitted, by the clock of the submitting machine; ``None`` if another client submitted it."""
    service: str | None = None
    """The name of its service in a store."""
    service_url: str | None = None
    """The URL that it was submitted to, without credentials."""
    service_is_gone: bool = False
    """Whether the job has not ended and its service on this machine no longer runs."""
    steps: tuple[tuple[str, datetime], ...] = field(default=(), converter=_steps)
    """When each step began."""
    place: int | None = None
    """Its place in the queue; 1 is next."""
    expected_start: datetime | None = None
    """When it is expected to start."""
    expected_end: datetime | None = None
    """When it is expected to end."""
    ended: datetime | None = None
    """When it ended."""
    shots: int | None = None
    """How many shots each circuit has."""
    usage: float | None = None
    """The quantum time that the service charges for it, in seconds."""
    usage_is_pending: bool = False
    """Whether the charge is not final yet."""
    usage_estimate: float | None = None
    """The quantum time that it is expected to take, in seconds."""
    tags: tuple[str, ...] = field(default=(), converter=_texts)
    """Its tags."""
    session_id: str | None = None
    """Its session."""
    private: bool | None = None
    """Whether its result can be read only once."""
    result: ResultView | None = None
    """Its result; ``None`` if that is not in memory."""


@frozen
class QueueView:
    """The place of a job in the queue.

    Example:
        >>> QueueView("cq1x", position=3).position
        3
    """

    job_id: str
    """The job's ID."""
    position: int | None = None
    """Its place in the queue; 1 is next."""
    status: str | None = None
    """The service's own status string."""
    expected_start: datetime | None = None
    """When it is expected to start."""
    expected_end: datetime | None = None
    """When it is expected to end."""
    priorities: tuple[tuple[str, float | None], ...] = field(default=(), converter=_figures)
    """The priority of its hub, group and project, by their names."""


@frozen
class ProviderView:
    """An account on a service, without any secret.

    Example:
        >>> ProviderView("https://quantum.cloud.ibm.com", channel="ibm_quantum_platform").channel
        'ibm_quantum_platform'
    """

    url: str
    """The URL that was logged into."""
    channel: str | None = None
    """The channel: ``"ibm_quantum_platform"`` or ``"ibm_quantum"``."""
    instance: str | None = None
    """The CRN, or ``hub/group/project``."""
    name: str | None = None
    """The name of the instance."""
    plan: str | None = None
    """The plan of the instance."""
    region: str | None = None
    """The region of the instance."""
    source: str | None = None
    """Where the account was found."""
    backends: tuple[str, ...] = field(default=(), converter=_texts)
    """The names of the backends that the login returned."""
    store: str | None = None
    """The location of the store that has its jobs."""


@frozen
class BackendView:
    """A backend, from its description.

    Example:
        >>> BackendView("local_5q", num_qubits=5).num_qubits
        5
    """

    name: str
    """Its name."""
    num_qubits: int | None = None
    """How many qubits it has; ``None`` if only its name is known."""
    simulator: bool | None = None
    """Whether it is a simulator."""
    version: str | None = None
    """The version of the backend."""
    processor: str | None = None
    """The type of its processor."""
    basis_gates: tuple[str, ...] = field(default=(), converter=_texts)
    """Its gates."""
    max_shots: int | None = None
    """The most shots that a circuit may have."""
    max_circuits: int | None = None
    """The most circuits that a job may have."""
    online_since: datetime | None = None
    """When it went online."""
    calibrated_at: datetime | None = None
    """When its properties were last updated; ``None`` if they were not read."""


@frozen
class StoreView:
    """A store of jobs.

    Example:
        >>> StoreView("jobs.sqlite").location
        'jobs.sqlite'
    """

    location: str
    """Where it is, without any credentials."""
