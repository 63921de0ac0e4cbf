"""The frozen records that one reply of the service becomes: what was said, and when it was seen.

Facts hold what the service said and draw no conclusions. A fact is partial: a field that is ``None`` was not said.
Each fact has the time at which it was seen, ``observed_at``, for people, and a ``stamp`` that orders it, for machines.
Each is deeply immutable, hashable, comparable and picklable. How two facts are joined is the business of ``registers``
and ``transitions``; what they mean to a person that of ``queries``; how they are read from bytes that of ``wire``.
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
"""How many bytes a body of inputs or of a result may hold, where another program says how many there are."""


_RANK_BY_IDENTITY: Final = {id(status): 2 * rank for status, rank in FINAL_RANK.items()}
"""Twice FINAL_RANK, with room between; to hash a member of an enumeration takes longer than all else a report does."""
_RANK_OF_CANCELLED: Final = 2 * FINAL_RANK[JobStatus.CANCELLED]
_MOST_RANK: Final = 2 * max(FINAL_RANK.values())


@frozen
class Earlier:
    """Which fields of a fact were said before the fact itself was seen, and when."""

    observed_at: datetime = field(converter=utc)
    """When they were seen, UTC."""
    stamp: int
    """The stamp of that time."""
    fields: tuple[str, ...] = field(converter=names_of)
    """The fields, in alphabetical order: ``"tags"``, ``"unknown:cost"``, ``"timestamps:running"`` ..."""


def micros_of(moment: datetime) -> int:
    """Return the microseconds since 1970, UTC, of an aware time.

    Example:
        >>> from datetime import UTC, datetime
        >>> micros_of(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
        1000000
    """
    return (moment - _EPOCH) // _MICROSECOND


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def _stamp() -> Any:
    """The field ``stamp``: the wall time, unless the maker of the fact knows that the clock was set back.

    Source: a hybrid logical clock (Kulkarni et al., 2014), with its counter in the microseconds.
    """
    return field(
        default=Factory(lambda fact: micros_of(fact.observed_at), takes_self=True),
        kw_only=True,
        validator=instance_of(int),
        repr=False,
    )


_ARE_EARLIER: Final = deep_iterable(instance_of(Earlier))


def _earlier() -> Any:
    """The field ``earlier``, which only ``registers`` fills."""
    return field(default=(), kw_only=True, converter=tuple, validator=_ARE_EARLIER, repr=False)


@frozen
class StatusReport:
    """That the job had this status when we looked.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> from qiskit.providers.jobstatus import JobStatus
        >>> StatusReport(datetime(2024, 2, 3, tzinfo=UTC), JobStatus.DONE, "Completed").is_final
        True
    """

    observed_at: datetime = field(converter=utc)
    """When this was seen, UTC."""
    status: JobStatus = field(validator=instance_of(JobStatus))
    """What the service's string means; see ``status.STATUS_OF``."""
    server_status: str = field(validator=instance_of(str))
    """The service's own string, verbatim."""
    reason: str | None = field(default=None, validator=is_text_or_none)
    """Why, in the service's words."""
    reason_code: int | str | None = field(default=None, validator=instance_of((int, str, NoneType)))
    """The service's number for the reason; as text where it is no number."""
    assumed: bool = field(default=False, validator=instance_of(bool))
    """True where the service did not say so: we conclude it from a cancel that it accepted."""
    reason_solution: str | None = field(default=None, validator=is_text_or_none)
    """What the user can do about it, in the service's words."""
    strength: int = field(init=False, eq=False, repr=False)
    """How firmly it holds: 0 while it is not final; then by rank, where that the job ran too long counts above a plain
    cancel; above all that where the service said it."""
    stamp: int = _stamp()
    """What orders it: the microseconds since 1970 of ``observed_at``, or later where a clock was set back."""
    earlier: tuple[Earlier, ...] = _earlier()
    """Which of its fields an earlier report of the same status said, and when."""

    @strength.default
    def _strength_of_status(self) -> int:
        # Computed once, since every merge compares it.
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
        """Whether a job never leaves this status: DONE, ERROR or CANCELLED."""
        return self.strength > 0

    @property
    def is_known(self) -> bool:
        """Whether the service's string is one that this version of the library knows."""
        return is_known(self.server_status)


@frozen
class JobDetails:
    """What the service said of the job itself, without its circuits."""

    observed_at: datetime = field(converter=utc)
    """When this was seen, UTC."""
    backend: str | None = field(default=None, validator=is_text_or_none)
    """The backend's name."""
    program: str | None = field(default=None, validator=is_text_or_none)
    """The program that runs: ``circuit-runner``, ``qasm3-runner``, ``sampler`` ..."""
    created: datetime | None = field(default=None, converter=utc_or_none)
    """When the job was created, UTC."""
    name: str | None = field(default=None, validator=is_text_or_none)
    """The name that the user gave to the job."""
    tags: tuple[str, ...] | None = field(default=None, converter=texts_or_none)
    """The tags that the user gave to the job, in the service's order; ``None`` where it did not say."""
    session_id: str | None = field(default=None, validator=is_text_or_none)
    """The session that the job belongs to."""
    run_mode: str | None = field(default=None, validator=is_text_or_none)
    """How the job is scheduled: ``fairshare``, ``dedicated`` ..."""
    usage_estimate: float | None = field(default=None, converter=finite_or_none)
    """The time that the job is expected to occupy the quantum computer, in seconds."""
    private: bool | None = field(default=None, validator=is_flag_or_none)
    """Whether inputs are hidden and the result can be read only once."""
    unknown: tuple[tuple[str, JsonText], ...] = field(default=(), converter=unknown_fields)
    """Every other field of the reply: (name, JSON text verbatim), sorted by name."""
    charged_seconds: float | None = field(default=None, converter=finite_or_none)
    """The quantum time that the service charges for the job so far, in seconds."""
    usage_status: str | None = field(default=None, validator=is_text_or_none)
    """Whether that figure is final, in the service's words: ``"pending"`` or ``"complete"``. Without a figure it says
    nothing, and is ``None``."""
    service_url: str | None = field(default=None, validator=is_text_or_none)
    """The URL of the service that took the job, as its submitter knows it, without credentials. No reply says it."""
    stamp: int = _stamp()
    """What orders it: the microseconds since 1970 of ``observed_at``, or later where a clock was set back."""
    earlier: tuple[Earlier, ...] = _earlier()
    """Which of its fields an earlier reply said, and when."""

    def __attrs_post_init__(self) -> None:
        if self.usage_status is not None and self.charged_seconds is None:
            # Else it would say of an older figure what was not said of that.
            object.__setattr__(self, "usage_status", None)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said of the job."""
        # The first thing that is said decides; in nearly every reply that is an unknown field.
        return not (self.unknown or self.tags is not None) and all(
            said is None
            for said in (
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
    """What the service measured: when each step began, where in the queue the job is, what it used."""

    observed_at: datetime = field(converter=utc)
    """When this was seen, UTC."""
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
    """The versions of the submitting client, as the service keeps them: ``"0.1.0,0.21.2"``, ``"0.45.1"`` ..."""
    unknown: tuple[tuple[str, JsonText], ...] = field(default=(), converter=unknown_fields)
    """Every other field of the reply: (name, JSON text verbatim), sorted by name."""
    charged_seconds: float | None = field(default=None, converter=finite_or_none)
    """The quantum time that the service charges for the job so far, in seconds; said since API version 2026-03-15."""
    usage_status: str | None = field(default=None, validator=is_text_or_none)
    """Whether the figure of the usage is final, in the service's words: ``"pending"`` or ``"complete"``. Without a
    figure it says nothing, and is ``None``."""
    caller: str | None = field(default=None, validator=is_text_or_none)
    """What the submitting client said of itself, as the service returns it: ``"qiskit/2.6.2/ibm-circuit-job"`` ..."""
    stamp: int = _stamp()
    """What orders it: the microseconds since 1970 of ``observed_at``, or later where a clock was set back."""
    earlier: tuple[Earlier, ...] = _earlier()
    """Which of its fields an earlier reply said, and when."""

    def __attrs_post_init__(self) -> None:
        if self.usage_status is None:
            return
        if self.charged_seconds is None and self.quantum_seconds is None and self.usage_seconds is None:
            object.__setattr__(self, "usage_status", None)


@frozen
class JobInputs:
    """The parameters with which the job was submitted, as raw bytes. ``queries`` decodes them on demand."""

    observed_at: datetime = field(converter=utc)
    """When this was seen, UTC."""
    raw: bytes = field(converter=exact_bytes, repr=lambda raw: f"<{len(raw)} bytes>")
    """The JSON of the ``params`` of a job reply."""
    stamp: int = _stamp()
    """What orders it: the microseconds since 1970 of ``observed_at``, or later where a clock was set back."""

    @property
    def sha256(self) -> str:
        """SHA-256 of ``raw`` as 64 hexadecimal digits."""
        return hashlib.sha256(self.raw).hexdigest()


@frozen
class ResultPayload:
    """The body of a results reply, as raw bytes. ``results.decode`` reads it on demand.

    Two payloads are equal when they were seen at the same time and have the same bytes. Hashing never touches a hundred
    megabytes.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> payload = ResultPayload(datetime(2024, 2, 3, tzinfo=UTC), b"{}")
        >>> payload.sha256[:8]
        '44136fa3'
    """

    observed_at: datetime = field(converter=utc)
    """When this arrived in full, UTC."""
    raw: bytes = field(converter=exact_bytes, repr=lambda raw: f"<{len(raw)} bytes>", hash=False)
    """The body, as it came."""
    stamp: int = _stamp()
    """What orders it: the microseconds since 1970 of ``observed_at``, or later where a clock was set back."""

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of ``raw`` as 64 hexadecimal digits. It is worked out when it is first asked for."""
        return hashlib.sha256(self.raw).hexdigest()


@frozen
class JobTags:
    """The tags that the service accepted for the job, all of them."""

    observed_at: datetime = field(converter=utc)
    """When the service accepted them, UTC."""
    tags: tuple[str, ...] = field(converter=texts_of)
    """The tags."""
    stamp: int = _stamp()
    """What orders it: the microseconds since 1970 of ``observed_at``, or later where a clock was set back."""


@frozen
class JobName:
    """The name that the user gave to the job. The service need not know of it."""

    observed_at: datetime = field(converter=utc)
    """When the job was named, UTC."""
    name: str = field(validator=instance_of(str))
    """The name."""
    stamp: int = _stamp()
    """What orders it: the microseconds since 1970 of ``observed_at``, or later where a clock was set back."""

    def __attrs_post_init__(self) -> None:
        check_whole(self.name)


def _read_older(kind: Any) -> None:
    """Let a kind of fact be unpickled that was pickled when it had fewer fields."""
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
"""One thing that was learned about a job: a closed union, to be taken apart with ``match``."""
Body: TypeAlias = JobInputs | ResultPayload
"""A fact that is bytes, not read yet."""
