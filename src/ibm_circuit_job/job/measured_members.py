"""The members of a handle that return measurements of the service: the queue, usage, log, calibration."""

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
    """Measurements of a job: its place in the queue, its usage, its log, and its backend's calibration."""

    def queue_info(self) -> QueueInfo | None:
        """Return where the job is in the queue, from one request. Source: ``GET /jobs/ID/metrics``.

        Returns:
            The place and the estimated times; ``None`` if the service says nothing useful. For a job that has ended it
            is ``None``, without a request.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        if self.state.is_confirmed_final:
            return None
        self._cell.request_metrics()
        return queries.queue_info(self.state, None)

    def queue_position(self, refresh: bool = False) -> int | None:
        """Return the job's place in the queue of its backend, within its hub/group/project; 1 is next.

        Args:
            refresh: Whether to request the place again. By default the place of an earlier reply is returned, if
                there was one.

        Returns:
            The place; ``None`` if it is not known, or the job is in no queue.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        if not self.state.is_confirmed_final and (refresh or not self._cell.has_metrics):
            self._cell.request_metrics()
        return queries.queue_position(self.state)

    def metrics(self) -> dict[str, Any]:
        """Return the job's metrics as in the service's JSON: ``timestamps`` (ISO 8601, UTC), ``usage`` ...

        Each call sends a request, until the job has ended and its usage is final. Source: ``GET /jobs/ID/metrics``.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        if not (self._cell.has_metrics and self._cell.metrics_are_final) or queries.usage_is_pending(self.state):
            self._cell.request_metrics()
        return queries.metrics(self.state)

    def usage(self, partial: bool = False) -> float:
        """Return the seconds of quantum time that the service charges for the job.

        The service computes the final figure after the job has ended; until then the figure is ``"pending"``. A final
        figure in any earlier reply saves the request. Source: ``GET /jobs/ID/metrics``.

        Args:
            partial: Whether to return the charge so far while the final figure is pending.

        Returns:
            The seconds; 0.0 while the figure is pending, unless ``partial`` is set, and if the service has none.

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
            self._cell.request_metrics()
        return queries.usage(self.state, partial=partial) or 0.0

    def logs(self) -> str:
        """Return the job's log; empty until the service has one, after the job has ended.

        Source: ``GET /jobs/ID/logs``.

        Raises:
            IBMJobApiError: If the service refused, or could not be reached. A reply 404 means an empty log.
        """
        return effects.value(effects.fetch_logs(self._cell.client, self.state.job_id).lash(_no_log))

    def properties(self, refresh: bool = False) -> BackendProperties | None:
        """Return the properties of the job's backend at the time when the job ran.

        Before the job runs, they are the properties at the time when it was created.

        Args:
            refresh: Whether to request the properties again. By default an earlier reply for the same time is used.

        Returns:
            The properties, in SI units and with times in the machine's zone; ``None`` for simulators, and if the
            service has none.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
            IBMBackendApiError: If the reply contains no properties.
        """
        backend = self._cell.backend_name
        if backend is None:
            self._cell.request_job()
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
        from ibm_circuit_job.devices.properties import BackendProperties  # noqa: PLC0415 - slow to import, and rarely needed

        properties = None if reply is None else BackendProperties.from_dict(reply)
        self._calibration = (moment, properties)
        return properties

    def _ran_at(self) -> datetime | None:
        """Return when the job began to run, else when it was created."""
        ran = self._cell.known(_running_since)
        if ran is None and not self._cell.metrics_are_final:
            self._cell.request_metrics_if_possible()
            ran = self._cell.known(_running_since)
        return ran or self._cell.known_or_requested(_created)


def _running_since(job: Job) -> datetime | None:
    """When the job began to run, in UTC. Services spell the names of the steps in upper or in lower case."""
    steps = () if job.metrics is None else job.metrics.timestamps
    return next((moment for step, moment in steps if step.lower() == "running"), None)


def _created(job: Job) -> datetime | None:
    return job.created


def _no_log(failure: Failure) -> IOResult[str, Failure]:
    """Return an empty log if the service replied that it has none, else *failure*."""
    return IOSuccess("") if is_answer(failure, 404) else IOFailure(failure)
