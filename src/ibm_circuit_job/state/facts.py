"""Facts: frozen records of what one reply of the service contained, and when it arrived.

A fact draws no conclusions. A fact is partial: a field that is ``None`` was not in the reply. ``observed_at`` is the
time of the fact for people; ``stamp`` puts facts in order. Each fact is deeply immutable, hashable, comparable and
picklable.

Related modules: ``wire.replies`` makes facts of bytes, ``registers`` and ``transitions`` join them, ``wire.queries``
answers questions about them.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import NoneType
from typing import Any, Final, TypeAlias

from attrs import NOTHING, Factory, field, fields, frozen
from attrs.validators import deep_iterable, instance_of
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.state.field_values import (
    JsonText,
    check_whole,
    exact_bytes,
    finite_or_none,
    is_flag_or_none,
    is_integer_or_none,
    is_text_or_none,
    names_of,
    steps_of,
    texts_of,
    texts_or_none,
    unknown_fields,
    utc,
    utc_or_none,
)
from ibm_circuit_job.state.field_values import UnknownFields as UnknownFields  # noqa: PLC0414 - for older pickles
from ibm_circuit_job.state.status import FINAL_RANK, RAN_TOO_LONG, is_known, says_ran_too_long

MOST_BYTES: Final = 2 * 1024**3
"""The most bytes that a body of inputs or of a result may have, where another program declares its size."""


_RANK_BY_IDENTITY: Final = {id(status): 2 * rank for status, rank in FINAL_RANK.items()}
"""``id`` of a final status -> twice its rank, which leaves room for half ranks.

The key is an ``id`` because hashing an enumeration member takes longer than the rest of the constructor.
"""
_RANK_OF_CANCELLED: Final = 2 * FINAL_RANK[JobStatus.CANCELLED]
_MOST_RANK: Final = 2 * max(FINAL_RANK.values())


@frozen
class Earlier:
    """The fields of a fact whose values come from one earlier reply."""

    observed_at: datetime = field(converter=utc)
    """When that reply arrived, UTC."""
    stamp: int
    """The stamp of that reply."""
    fields: tuple[str, ...] = field(converter=names_of)
    """The names of the fields, in alphabetical order: ``"tags"``, ``"unknown:cost"``, ``"timestamps:running"`` ..."""


def micros_of(moment: datetime) -> int:
    """Return the microseconds from 1 January 1970 UTC to an aware time.

    Example:
        >>> from datetime import UTC, datetime
        >>> micros_of(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
        1000000
    """
    return (moment - _EPOCH) // _MICROSECOND


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def _stamp() -> Any:
    """Define the field ``stamp``: the wall time, or a later one if the clock was set back.

    Source: hybrid logical clocks (Kulkarni et al., 2014). The counter is in the microseconds.
    """
    return field(
        default=Factory(lambda fact: micros_of(fact.observed_at), takes_self=True),
        kw_only=True,
        validator=instance_of(int),
        repr=False,
    )


_ARE_EARLIER: Final = deep_iterable(instance_of(Earlier))


def _earlier() -> Any:
    """Define the field ``earlier``. Only ``registers`` fills it."""
    return field(default=(), kw_only=True, converter=tuple, validator=_ARE_EARLIER, repr=False)


@frozen
class StatusReport:
    """The status of a job at one time.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> from qiskit.providers.jobstatus import JobStatus
        >>> StatusReport(datetime(2024, 2, 3, tzinfo=UTC), JobStatus.DONE, "Completed").is_final
        True
    """

    observed_at: datetime = field(converter=utc)
    """When the status was seen, UTC."""
    status: JobStatus = field(validator=instance_of(JobStatus))
    """What the service's string means; see ``status.STATUS_OF``."""
    server_status: str = field(validator=instance_of(str))
    """The service's own string, verbatim."""
    reason: str | None = field(default=None, validator=is_text_or_none)
    """Why the job has this status, in the service's words."""
    reason_code: int | str | None = field(default=None, validator=instance_of((int, str, NoneType)))
    """The service's number for the reason; a text if it is not a number."""
    assumed: bool = field(default=False, validator=instance_of(bool))
    """True if the service did not report the status: it accepted a cancel, and we conclude the rest."""
    reason_solution: str | None = field(default=None, validator=is_text_or_none)
    """What the user can do about it, in the service's words."""
    strength: int = field(init=False, eq=False, repr=False)
    """Which of two reports wins a merge: the larger one.

    0 while the status is not final. Final statuses rank CANCELLED, cancelled because it ran too long, ERROR, DONE.
    Every final status that the service reported is stronger than every assumed one.
    """
    stamp: int = _stamp()
    """The order of facts: the microseconds since 1970 of ``observed_at``, or more if a clock was set back."""
    earlier: tuple[Earlier, ...] = _earlier()
    """The fields whose values come from earlier reports."""

    @strength.default
    def _strength_of_status(self) -> int:
        # Computed once, because every merge compares it.
        rank = _RANK_BY_IDENTITY.get(id(self.status), 0)
        if rank == _RANK_OF_CANCELLED and self.ran_too_long:
            rank += 1
        return rank + _MOST_RANK if rank and not self.assumed else rank

    @property
    def ran_too_long(self) -> bool:
        """Whether the service cancelled the job because it ran longer than allowed."""
        if self.status is not JobStatus.CANCELLED:
            return False
        return self.reason_code == RAN_TOO_LONG or says_ran_too_long(str(self.server_status))

    @property
    def is_final(self) -> bool:
        """Whether the status is final: DONE, ERROR or CANCELLED."""
        return self.strength > 0

    @property
    def is_known(self) -> bool:
        """Whether this version of the library knows the service's string."""
        return is_known(self.server_status)


@frozen
class JobDetails:
    """The fields of the job itself, without its circuits: from one reply, or joined from several.

    Source: ``GET /jobs/ID`` and the entries of ``GET /jobs``.
    """

    observed_at: datetime = field(converter=utc)
    """When the newest of these replies arrived, UTC."""
    backend: str | None = field(default=None, validator=is_text_or_none)
    """The backend's name."""
    program: str | None = field(default=None, validator=is_text_or_none)
    """The program that runs: ``circuit-runner``, ``qasm3-runner``, ``sampler`` ..."""
    created: datetime | None = field(default=None, converter=utc_or_none)
    """When the job was created, UTC."""
    name: str | None = field(default=None, validator=is_text_or_none)
    """The name that the user gave to the job."""
    tags: tuple[str, ...] | None = field(default=None, converter=texts_or_none)
    """The tags that the user gave to the job, in the service's order; ``None`` if no reply had them."""
    session_id: str | None = field(default=None, validator=is_text_or_none)
    """The session that the job belongs to."""
    run_mode: str | None = field(default=None, validator=is_text_or_none)
    """How the job is scheduled: ``fairshare``, ``dedicated`` ..."""
    usage_estimate: float | None = field(default=None, converter=finite_or_none)
    """The quantum time that the job is expected to take, in seconds."""
    private: bool | None = field(default=None, validator=is_flag_or_none)
    """Whether inputs are hidden and the result can be read only once."""
    unknown: tuple[tuple[str, JsonText], ...] = field(default=(), converter=unknown_fields)
    """Every other field of the reply: (name, JSON text verbatim), sorted by name."""
    charged_seconds: float | None = field(default=None, converter=finite_or_none)
    """The quantum time that the service charges for the job so far, in seconds."""
    usage_status: str | None = field(default=None, validator=is_text_or_none)
    """Whether ``charged_seconds`` is final, in the service's words: ``"pending"`` or ``"complete"``. It is ``None``
    whenever ``charged_seconds`` is."""
    service_url: str | None = field(default=None, validator=is_text_or_none)
    """The URL of the service that has the job, without credentials. The submitter records it; no reply contains it."""
    stamp: int = _stamp()
    """The order of facts: the microseconds since 1970 of ``observed_at``, or more if a clock was set back."""
    earlier: tuple[Earlier, ...] = _earlier()
    """The fields whose values come from earlier replies."""

    def __attrs_post_init__(self) -> None:
        if self.usage_status is not None and self.charged_seconds is None:
            # A merge would attach a status without a figure to the figure of an older reply.
            object.__setattr__(self, "usage_status", None)

    @property
    def is_empty(self) -> bool:
        """Whether no field has a value."""
        # The fields that nearly every reply has are checked first.
        return not (self.unknown or self.tags is not None) and all(
            value is None
            for value in (
                self.backend,
                self.program,
                self.created,
                self.name,
                self.session_id,
                self.run_mode,
                self.usage_estimate,
                self.private,
                self.charged_seconds,
                self.usage_status,
                self.service_url,
            )
        )


@frozen
class JobMetrics:
    """The fields that the service measured: the time of each step, the place in the queue, and the usage.

    Source: ``GET /jobs/ID/metrics``.
    """

    observed_at: datetime = field(converter=utc)
    """When the newest of these replies arrived, UTC."""
    timestamps: tuple[tuple[str, datetime], ...] = field(default=(), converter=steps_of)
    """(step, UTC time), the earliest first; steps are ``created``, ``running``, ``finished`` ..."""
    position_in_queue: int | None = field(default=None, validator=is_integer_or_none)
    """Place in the backend's queue; 1 is next."""
    position_in_provider: int | None = field(default=None, validator=is_integer_or_none)
    """Place among the jobs of the same hub/group/project."""
    estimated_start: datetime | None = field(default=None, converter=utc_or_none)
    """When the service expects the job to start, UTC."""
    estimated_completion: datetime | None = field(default=None, converter=utc_or_none)
    """When the service expects the job to end, UTC."""
    quantum_seconds: float | None = field(default=None, converter=finite_or_none)
    """Seconds that the job occupied the quantum computer."""
    usage_seconds: float | None = field(default=None, converter=finite_or_none)
    """Seconds that the service accounts for."""
    client_version: str | None = field(default=None, validator=is_text_or_none)
    """The versions of the submitting client, as the service returns them: ``"0.1.0,0.21.2"``, ``"0.45.1"`` ..."""
    unknown: tuple[tuple[str, JsonText], ...] = field(default=(), converter=unknown_fields)
    """Every other field of the reply: (name, JSON text verbatim), sorted by name."""
    charged_seconds: float | None = field(default=None, converter=finite_or_none)
    """The quantum time that the service charges for the job so far, in seconds; since API version 2026-03-15."""
    usage_status: str | None = field(default=None, validator=is_text_or_none)
    """Whether the usage is final, in the service's words: ``"pending"`` or ``"complete"``. It is ``None`` if no figure
    of the usage is known."""
    caller: str | None = field(default=None, validator=is_text_or_none)
    """How the submitting client named itself: ``"qiskit/2.6.2/ibm-circuit-job"`` ..."""
    stamp: int = _stamp()
    """The order of facts: the microseconds since 1970 of ``observed_at``, or more if a clock was set back."""
    earlier: tuple[Earlier, ...] = _earlier()
    """The fields whose values come from earlier replies."""

    def __attrs_post_init__(self) -> None:
        if self.usage_status is None:
            return
        if self.charged_seconds is None and self.quantum_seconds is None and self.usage_seconds is None:
            object.__setattr__(self, "usage_status", None)


@frozen
class JobInputs:
    """The parameters of the submitted job, as raw bytes. ``wire.queries`` decodes them on demand."""

    observed_at: datetime = field(converter=utc)
    """When they were sent, or arrived, UTC."""
    raw: bytes = field(converter=exact_bytes, repr=lambda raw: f"<{len(raw)} bytes>")
    """The JSON of ``params`` of ``GET /jobs/ID``."""
    stamp: int = _stamp()
    """The order of facts: the microseconds since 1970 of ``observed_at``, or more if a clock was set back."""

    @property
    def sha256(self) -> str:
        """SHA-256 of ``raw`` as 64 hexadecimal digits."""
        return hashlib.sha256(self.raw).hexdigest()


@frozen
class ResultPayload:
    """The body of the reply to ``GET /jobs/ID/results``, as raw bytes. ``wire.results.decode`` decodes it on demand.

    Two payloads are equal if they arrived at the same time and have the same bytes. ``hash()`` does not read the bytes,
    because there may be a hundred megabytes of them.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> payload = ResultPayload(datetime(2024, 2, 3, tzinfo=UTC), b"{}")
        >>> payload.sha256[:8]
        '44136fa3'
    """

    observed_at: datetime = field(converter=utc)
    """When the body had arrived in full, UTC."""
    raw: bytes = field(converter=exact_bytes, repr=lambda raw: f"<{len(raw)} bytes>", hash=False)
    """The body, unchanged."""
    stamp: int = _stamp()
    """The order of facts: the microseconds since 1970 of ``observed_at``, or more if a clock was set back."""

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of ``raw`` as 64 hexadecimal digits, computed at the first access."""
        return hashlib.sha256(self.raw).hexdigest()


@frozen
class JobTags:
    """All tags of the job, after the service accepted a change of them."""

    observed_at: datetime = field(converter=utc)
    """When the service accepted them, UTC."""
    tags: tuple[str, ...] = field(converter=texts_of)
    """The tags."""
    stamp: int = _stamp()
    """The order of facts: the microseconds since 1970 of ``observed_at``, or more if a clock was set back."""


@frozen
class JobName:
    """The name that the user gave to the job here. The service may not know it."""

    observed_at: datetime = field(converter=utc)
    """When the job was named, UTC."""
    name: str = field(validator=instance_of(str))
    """The name."""
    stamp: int = _stamp()
    """The order of facts: the microseconds since 1970 of ``observed_at``, or more if a clock was set back."""

    def __attrs_post_init__(self) -> None:
        check_whole(self.name)


def _read_older(kind: Any) -> None:
    """Make a kind of fact read pickles of older versions, which had fewer fields."""
    set_state = kind.__setstate__
    defaults = {
        each.name: each.default
        for each in fields(kind)
        if each.default is not NOTHING and not hasattr(each.default, "factory")
    }

    def set_older_state(fact: Any, state: Any) -> None:
        set_state(fact, state)
        if "stamp" not in state:
            object.__setattr__(fact, "stamp", micros_of(fact.observed_at))
        for name in defaults.keys() - state.keys():
            object.__setattr__(fact, name, defaults[name])

    kind.__setstate__ = set_older_state


for _kind in (StatusReport, JobDetails, JobMetrics, JobInputs, ResultPayload, JobTags, JobName):
    _read_older(_kind)

Fact: TypeAlias = StatusReport | JobDetails | JobMetrics | JobInputs | ResultPayload | JobTags | JobName
"""One piece of knowledge about a job: a closed union, for use with ``match``."""
Body: TypeAlias = JobInputs | ResultPayload
"""A fact that consists of bytes, which are not decoded yet."""
