"""The members of a handle that say what the service measured: the queue, usage, log, calibration."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from returns.io import IOFailure, IOResult, IOSuccess
from returns.result import Failure as Bad

from ibm_circuit_job import effects
from ibm_circuit_job.errors import (
    Failure,
    Unsupported,
    is_answer,
)
from ibm_circuit_job.job.handle import Handle
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.queue_info import QueueInfo
from ibm_circuit_job.wire import queries

if TYPE_CHECKING:
    from ibm_circuit_job.devices.properties import BackendProperties


class MeasuredMembers(Handle):
    """What the service measures of a job: its place in the queue, its usage, its log, its backend's calibration."""

    def queue_info(self) -> QueueInfo | None:
        """Ask the service where in the queue the job is. A job that has ended is not asked for.

        Returns:
            What the service says; ``None`` where there is nothing useful.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        if self.state.is_confirmed_final:
            return None
        self._cell.measure()
        return queries.queue_info(self.state, None)

    def queue_position(self, refresh: bool = False) -> int | None:
        """Return the job's place in the queue of its backend, within its hub/group/project; 1 is next.

        Args:
            refresh: Ask the service for the latest place. Else what was learned before counts; it is asked for
                where nothing was.

        Returns:
            The place; ``None`` where it is not known, or the job is in no queue.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        if not self.state.is_confirmed_final and (refresh or not self._cell.measured):
            self._cell.measure()
        return queries.queue_position(self.state)

    def metrics(self) -> dict[str, Any]:
        """Return what the service measured, as its JSON has it: ``timestamps`` (ISO 8601, UTC), ``usage`` ...

        Once the job has ended, and the service knows what it is charged for, it is not asked for again.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        if not (self._cell.measured and self._cell.metrics_are_final) or queries.usage_is_pending(self.state):
            self._cell.measure()
        return queries.metrics(self.state)

    def usage(self, partial: bool = False) -> float:
        """Return the seconds of quantum time that the service charges for the job.

        The service works the figure out after the job has ended, and says ``"pending"`` until it has. A final figure
        that a job reply or a listing held is not asked for again.

        Args:
            partial: Return what is charged so far while it is pending; else that is 0.0.

        Returns:
            The seconds; 0.0 as long as the service does not say.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.

        Example:
            >>> from ibm_circuit_job import IBMCircuitJob
            >>> from ibm_circuit_job.testing import ScriptedClient
            >>> charged = b'{"usage": {"qpu_charge_time_seconds": 5, "status": "complete"}}'
            >>> IBMCircuitJob(None, None, "a", runtime_client=ScriptedClient(metrics=[charged])).usage()
            5.0
        """
        state = self.state
        is_known = self._cell.metrics_are_final and not queries.usage_is_pending(state)
        if not is_known and not queries.usage_is_complete(state):
            self._cell.measure()
        return queries.usage(self.state, partial=partial) or 0.0

    def logs(self) -> str:
        """Return the job's log; empty as long as there is none. The service has it when the job has ended.

        Raises:
            IBMJobApiError: If the service refused otherwise, or could not be reached.
        """
        return effects.value(effects.fetch_logs(self._cell.client, self.state.job_id).lash(_no_log))

    def properties(self, refresh: bool = False) -> BackendProperties | None:
        """Return how good the job's backend was when the job ran; as long as it did not run, when it was created.

        Args:
            refresh: Ask the service again. Else what was learned for that time counts.

        Returns:
            The properties, in SI units and with times in the machine's zone; ``None`` for simulators, and where the
            service has none.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
            IBMBackendApiError: If what it sent are no properties.
        """
        backend = self._cell.backend_name
        if backend is None:
            self._cell.ask()
            backend = self._cell.backend_name
        if backend is None or getattr(self._found_backend(), "simulator", None) is True:
            return None
        moment = self._ran_at()
        if not refresh and self._calibration is not None and self._calibration[0] == moment:
            return self._calibration[1]
        read = effects.perform(effects.fetch_properties(self._cell.client, backend, moment))
        match read:
            case Bad(failure) if isinstance(failure, Unsupported) or is_answer(failure, 404):
                return None
        reply = effects.value(IOResult.from_result(read))
        from ibm_circuit_job.devices.properties import BackendProperties  # noqa: PLC0415 - costly, and seldom asked for

        properties = None if reply is None else BackendProperties.from_dict(reply)
        self._calibration = (moment, properties)
        return properties

    def _ran_at(self) -> datetime | None:
        """When the job began to run, or else when it was created."""
        ran = self._cell.known(_running_since)
        if ran is None and not self._cell.metrics_are_final:
            self._cell.measure_if_possible()
            ran = self._cell.known(_running_since)
        return ran or self._cell.answer(_created)


def _running_since(job: Job) -> datetime | None:
    """When the job began to run, UTC. The service has spelt its steps in upper and in lower case."""
    steps = () if job.metrics is None else job.metrics.timestamps
    return next((moment for step, moment in steps if step.lower() == "running"), None)


def _created(job: Job) -> datetime | None:
    return job.created


def _no_log(failure: Failure) -> IOResult[str, Failure]:
    """The empty log of a job of which the service has none."""
    return IOSuccess("") if is_answer(failure, 404) else IOFailure(failure)
