"""MeasuredBackend: the base class of ``IBMBackend``, which requests properties and status and makes the target.

``devices`` reads the replies.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC
from datetime import datetime as python_datetime
from typing import Any, Final

from qiskit import QuantumCircuit
from qiskit.transpiler import Target

from ibm_circuit_job.account.client_calls import replied
from ibm_circuit_job.clients import ClientParameters, RequestFailed
from ibm_circuit_job.clients.no_account import NoAccount
from ibm_circuit_job.devices.attribute_errors import or_missing
from ibm_circuit_job.devices.configuration import BackendConfiguration, BackendStatus
from ibm_circuit_job.devices.described_backend import DescribedBackend
from ibm_circuit_job.devices.instruction_set import InstructionSet, mixes_fractional_gates, why_not
from ibm_circuit_job.devices.properties import BackendProperties
from ibm_circuit_job.devices.target import target_of
from ibm_circuit_job.errors import IBMBackendApiError, IBMBackendValueError, to_exception

_logger: Final = logging.getLogger(__name__)


class MeasuredBackend(DescribedBackend):
    """A backend whose properties and status are requested from the service.

    Args:
        record: The service's description of the backend.
        calibration_id: The ID of the calibration of the properties; ``None`` for the newest.
        use_fractional_gates: Whether a device has its fractional gates.
        **described: The arguments of qiskit's ``BackendV2``.
    """

    def __init__(
        self,
        record: BackendConfiguration,
        calibration_id: str | None,
        use_fractional_gates: bool | None,
        **described: Any,
    ) -> None:
        super().__init__(**described)
        self._record = record
        self._calibration_id = calibration_id
        self._use_fractional_gates = use_fractional_gates
        self._target: Target | None = None
        self._properties: BackendProperties | None = None
        self._has_requested_properties = False
        self._knows_properties = False
        self.last_status: BackendStatus | None = None
        """The status in the last reply or listing; ``None`` if there was none yet."""

    @property
    def _client(self) -> Any:
        return _UNCONNECTED if self._provider is None else self._provider.runtime_client

    @property
    def calibration_id(self) -> str | None:
        """The ID of the calibration that the backend was requested with; ``None`` for the newest."""
        return self._calibration_id

    @property
    @or_missing
    def target(self) -> Target:
        """The ``Target`` for qiskit's transpiler: the gates of the backend with their errors and durations.

        Qubits and gates that do not work are left out, so the properties are requested first. A backend without a
        connection, for example an unpickled one, has a target without errors and durations if its properties are not
        known; the log then has a warning.

        Raises:
            IBMBackendApiError: If the properties are not known, and the service refused or could not be reached. It is
                an ``AttributeError`` as well.
        """
        if self._target is None:
            try:
                if not self._knows_properties:
                    self.properties()
            except IBMBackendApiError as error:
                if self._is_connected:
                    raise
                _logger.warning("The target of %s has no errors and durations: %s", self.name, error)
            self._target = target_of(self._record, self._properties, self._use_fractional_gates)
        return self._target

    @property
    def _is_connected(self) -> bool:
        return self._client is not _UNCONNECTED and not isinstance(
            getattr(self.provider, "account_client", None), NoAccount
        )

    def target_history(self, datetime: python_datetime | None = None) -> Target:
        """Return the target with the properties at another time.

        Args:
            datetime: The time; now by default. A time without a zone is in the machine's zone.

        Returns:
            A new target. :attr:`target` does not change.

        Raises:
            TypeError: If ``datetime`` is no ``datetime``.
            IBMBackendValueError: If the time is outside the calendar in UTC.
            IBMBackendApiError: If the service refused or could not be reached.

        Example:
            >>> from datetime import UTC, datetime
            >>> from ibm_circuit_job import IBMProvider
            >>> with IBMProvider.local(store=None) as provider:
            ...     backend = provider.get_backend("local_5q")
            ...     old = backend.target_history(datetime(2024, 2, 3, tzinfo=UTC))
            ...     old["x"][(0,)].error == backend.target["x"][(0,)].error
            False
        """
        return target_of(self._record, self.properties(datetime=datetime), self._use_fractional_gates)

    def configuration(self) -> BackendConfiguration:
        """Return the service's description of the backend: its size, gates and limits. No request is sent."""
        return self._record

    def properties(self, refresh: bool = False, datetime: python_datetime | None = None) -> BackendProperties | None:
        """Return the properties of the backend: errors, durations and coherence times.

        Source: ``GET /backends/NAME/properties``.

        Args:
            refresh: Whether to request the properties again. By default an earlier reply is used.
            datetime: The time of the properties; now by default. A time without a zone is in the machine's zone.

        Returns:
            The properties, in SI units and with times in the machine's zone; ``None`` for a simulator, and if the
            service has none.

        Raises:
            TypeError: If ``datetime`` is no ``datetime``.
            IBMBackendValueError: If the time is outside the calendar in UTC.
            IBMBackendApiError: If the service refused or could not be reached.
        """
        if datetime is not None and not isinstance(datetime, python_datetime):
            raise TypeError(f"expected datetime to be a datetime or None, got {datetime!r}")
        if datetime is None and not refresh and self._properties is not None:
            return self._properties
        try:
            moment = None if datetime is None else datetime.astimezone(UTC)
        except (OverflowError, ValueError):
            raise IBMBackendValueError(f"expected datetime to be within the calendar, got {datetime!r}") from None
        if datetime is None:
            self._has_requested_properties = True
        reply = self._calibration(moment)
        found = BackendProperties.from_dict(reply) if reply else None
        if found is not None and found.unreadable:
            more = f"; and {len(found.unreadable) - 3} more" if len(found.unreadable) > 3 else ""
            listed = "; ".join(found.unreadable[:3]) + more
            _logger.warning("Parts of the properties of %s could not be read: %s", self.name, listed)
        if datetime is None:
            if found != self._properties:
                # The target was made without these properties.
                self._target = None
            self._properties, self._knows_properties = found, True
        return found

    def fetch_properties(self) -> None:
        """Request the properties of a device in advance for :meth:`run`, unless they are known.

        ``get_backend()`` calls it. A failure is a warning in the log; circuits are then checked without the properties.
        """
        is_needed = not self._knows_properties and not self._record.get("simulator", False)
        # A third-party client may lack this method.
        if is_needed and callable(getattr(self._client, "backend_properties", None)):
            try:
                self.properties()
            except IBMBackendApiError as error:
                _logger.warning("Circuits for %s are checked without its properties: %s", self.name, error)

    def _target_to_check(self) -> Target:
        """Return the target for checking circuits, without the properties if the service refuses them."""
        if not self._has_requested_properties:
            # A backend of a listing has no properties yet. They are requested once, whatever the reply is.
            self.fetch_properties()
        target = self._target or target_of(self._record, self._properties, self._use_fractional_gates)
        if self._knows_properties:
            self._target = target
        return target

    def _refuse_foreign_instructions(
        self, circuits: Sequence[QuantumCircuit | str], initial: QuantumCircuit | None
    ) -> None:
        """Raise for circuits that are not in the device's instruction set. Texts and simulators are not checked."""
        if self._record.get("simulator", False):
            return
        within = InstructionSet(self._target_to_check(), self._properties, mixes_fractional_gates(self._record))
        for index, circuit in enumerate(circuits):
            if not isinstance(circuit, str) and (reason := why_not(circuit, within)):
                raise IBMBackendValueError(_not_for_this_device(self.name, f"{circuit.name!r} at [{index}]", reason))
        if initial is not None and (reason := why_not(initial, within)):
            raise IBMBackendValueError(_not_for_this_device(self.name, "init_circuit", reason))

    def _calibration(self, moment: python_datetime | None = None) -> Mapping[str, Any] | None:
        if self._record.get("simulator", False):
            return None
        try:
            # Passed only if it is set: some clients do not have this argument.
            calibration = {} if self._calibration_id is None else {"calibration_id": self._calibration_id}
            found: Mapping[str, Any] | None = self._client.backend_properties(self.name, datetime=moment, **calibration)
        except RequestFailed as error:
            if error.status_code == 404:
                return None
            raise to_exception(error.failure, IBMBackendApiError) from None
        return found

    def status(self) -> BackendStatus:
        """Request the status of the backend: whether it is operational, and how many jobs are pending.

        Source: ``GET /backends/NAME/status``.

        Raises:
            IBMBackendApiError: If the service refused or could not be reached.
        """
        reply = replied(lambda: self._client.backend_status(self.name), IBMBackendApiError)
        self.last_status = BackendStatus.from_reply(reply, self.name)
        return self.last_status

    def fetch_status(self) -> None:
        """Request the status in advance, unless it is known: :meth:`run` warns if the backend is paused.

        ``get_backend()`` calls it on the channel ``ibm_quantum``. On IBM Quantum Platform the log-in lists the
        statuses. Failures are ignored.
        """
        if self.last_status is None and callable(getattr(self._client, "backend_status", None)):
            with suppress(IBMBackendApiError):
                self.status()

    def _warn_if_paused(self) -> None:
        if self.last_status is None or _runs_jobs(self.last_status):
            return
        # Requested again, because the pause may be over.
        seen = self.last_status
        with suppress(IBMBackendApiError):
            seen = self.status()
        if not _runs_jobs(seen):
            does = "accepts jobs, and does not run them now" if seen.operational else "does not accept jobs now"
            warnings.warn(f"The backend {self.name} is paused: it {does} ({seen.status_msg}).", stacklevel=3)


def _runs_jobs(status: BackendStatus) -> bool:
    """Whether the backend runs jobs: ``active``, or ``online`` in IBM Quantum Platform's listing."""
    return status.status_msg.lower() in {"", "active", "online"}


def _not_for_this_device(backend: str, which: str, reason: str) -> str:
    return (
        f"expected circuits in the instruction set of {backend}, got {which}: {reason}. Transpile it first, with "
        "transpile(circuit, backend) or generate_preset_pass_manager(backend=backend).run(circuit)"
    )


_UNCONNECTED: Final = NoAccount(ClientParameters("-")).client()
"""The client of a backend without a provider."""
