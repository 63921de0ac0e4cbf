"""The members of a handle that say what the job is: name, tags, times, versions, inputs."""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial as bound
from typing import TYPE_CHECKING, Any, Final

from returns.io import IOFailure, IOResult, IOSuccess

from ibm_circuit_job import effects
from ibm_circuit_job.devices.attribute_errors import or_missing
from ibm_circuit_job.errors import Failure, IBMJobApiError, IBMJobInvalidStateError, Unsupported
from ibm_circuit_job.job.handle import Handle
from ibm_circuit_job.state.facts import JobName, JobTags
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.tag_limits import excess_of_tags
from ibm_circuit_job.wire import queries

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


_logger: Final = logging.getLogger(__name__)
_NAME_IS_UNSAVED: Final = "The service saves no names of jobs: only this handle has the new name of job %s."
MANAGED_TAGS: Final = ("ibmq_jobset_", "ibm_composite_job_")
"""The prefixes of tags that belong to a program that manages a set of jobs."""


class DescriptionMembers(Handle):
    """The description of a job: its name, tags and times, and what was submitted."""

    def name(self) -> str | None:
        """Return the job's name, or ``None`` if it has none.

        Raises:
            IBMJobApiError: If the job was never requested, and the service refused or could not be reached.
        """
        return self._cell.known_or_requested(lambda job: job.name)

    def update_name(self, name: str) -> str:
        """Change the job's name.

        IBM's services save no names today. The name is then saved in the store; without a store only this handle has
        it, and the log has one warning.

        Args:
            name: The new name.

        Returns:
            The new name.

        Raises:
            IBMJobInvalidStateError: If ``name`` is no string, or empty.
            IBMJobApiError: If a service that saves names refused or could not be reached.
        """
        if type(name) is not str or not name:
            raise IBMJobInvalidStateError(f"expected name to be a string that is not empty, got {name!r}")
        self._cell.ensure_client()
        put = effects.put_name(self._api_client, self.state.job_id, name, clock=self._cell.clock)
        try:
            self._cell.observe_facts(JobName(effects.value(put.lash(self._named_locally)), name))
        except ValueError as wrong:
            raise IBMJobInvalidStateError(f"name: {wrong}") from None
        return name

    def _named_locally(self, failure: Failure) -> IOResult[datetime, Failure]:
        """Return the current time if the service saves no names, else *failure*."""
        if not isinstance(failure, Unsupported) and failure.http_status not in {404, 405, 501}:
            return IOFailure(failure)
        if not self._has_warned_of_name and self._cell.saved_job is None:
            self._has_warned_of_name = True
            _logger.warning(_NAME_IS_UNSAVED, self.state.job_id)
        return IOSuccess(self._cell.clock.now())

    def tags(self) -> list[str]:
        """Return the job's tags.

        Raises:
            IBMJobApiError: If they are not known yet, and the service refused or could not be reached.
        """
        known = self._cell.known_or_requested(_tags)
        return [] if known is None else list(known)

    def update_tags(self, new_tags: list[str]) -> list[str]:
        """Replace the job's tags.

        Tags that begin with ``ibmq_jobset_`` or ``ibm_composite_job_`` belong to a program that manages a set of
        jobs, and stay. Source: ``PUT /jobs/ID/tags``.

        Args:
            new_tags: The new tags.

        Returns:
            The job's tags afterwards, as the service reports them.

        Raises:
            IBMJobInvalidStateError: If ``new_tags`` is no list of strings. On IBM Quantum Platform also if the job
                would have more than 8 tags, or if one is longer than 86 characters. No tags are sent then.
            IBMJobApiError: If the service refused or could not be reached.
        """
        given: Any = new_tags
        try:
            # The record refuses texts that cannot be sent, before any request.
            JobTags(self._cell.clock.now(), given)
        except (TypeError, ValueError):
            given = None
        if not isinstance(given, list):
            raise IBMJobInvalidStateError(f"expected new_tags to be a list of strings, got {new_tags!r}")
        # Requested first, so that a managed tag which another program has added is not lost.
        self._cell.request_job_if_possible()
        managed = [tag for tag in self.state.tags if tag.startswith(MANAGED_TAGS)]
        wanted = list(dict.fromkeys([*new_tags, *managed]))
        if self._cell.client.limits_tags and (excess := excess_of_tags(wanted)):
            also = f" with the {len(managed)} that stay" if managed else ""
            raise IBMJobInvalidStateError(f"expected new_tags{also} to be {excess}")
        accepted = effects.value(effects.put_tags(self._cell.client, self.state.job_id, wanted, clock=self._cell.clock))
        self._cell.observe_facts(JobTags(accepted, wanted))
        self._cell.request_job_if_possible()
        return list(self.state.tags)

    def creation_date(self) -> datetime:
        """Return when the job was created, as an aware ``datetime`` in the machine's zone.

        Raises:
            IBMJobApiError: If the time is not known yet, and the service refused, could not be reached, or sends none.
        """
        created = self._cell.known_or_requested(bound(queries.creation_date, zone=None))
        if created is None:
            raise IBMJobApiError(f"the service does not say when job {self.state.job_id} was created")
        return created

    def time_per_step(self) -> dict[str, datetime] | None:
        """Return when each step of the job began: step -> aware ``datetime`` in the machine's zone.

        The steps have the service's names: ``created``, ``running``, ``finished`` today. Each call sends a request
        until the job has ended. Times that were passed to the constructor are returned without one, until
        :meth:`refresh` has newer times or the job has ended. Source: ``GET /jobs/ID/metrics``.

        Returns:
            The times, or ``None`` if the service has none yet.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        if not self._cell.metrics_are_final and (
            self._cell.has_metrics or self.state.is_confirmed_final or not self._knows_steps()
        ):
            self._cell.request_metrics()
        return self._cell.known(bound(queries.time_per_step, zone=None))

    def _knows_steps(self) -> bool:
        return self._cell.known(queries.time_per_step) is not None

    @property
    @or_missing
    def client_version(self) -> dict[str, str]:
        """The versions of the client that submitted the job: package -> version; empty if they are not known.

        Source: ``GET /jobs/ID/metrics``, requested once.

        Raises:
            IBMJobApiError: If the metrics were never requested, and the service refused or could not be reached.
        """
        if self._cell.known(_client_version) is None and not self._cell.has_metrics:
            self._cell.request_metrics()
        return self._cell.known(_client_version) or {}

    @property
    @or_missing
    def usage_estimation(self) -> dict[str, Any]:
        """The service's estimate of the quantum time of the job, in seconds: ``{"quantum_seconds": 2.5}``.

        ``{"quantum_seconds": None}`` if the service has no estimate.

        Raises:
            IBMJobApiError: If the job was never requested, and the service refused or could not be reached.
        """
        return {"quantum_seconds": self._cell.known_or_requested(lambda job: job.usage_estimate)}

    @property
    @or_missing
    def session_id(self) -> str | None:
        """The ID of the session that the job belongs to, or ``None``.

        Raises:
            IBMJobApiError: If the job was never requested, and the service refused or could not be reached.
        """
        return self._cell.known_or_requested(lambda job: None if job.details is None else job.details.session_id)

    @property
    @or_missing
    def private(self) -> bool:
        """Whether the job is private: its inputs are hidden, and its result can be read once.

        Raises:
            IBMJobApiError: If the job was never requested, and the service refused or could not be reached.
        """
        return bool(self._cell.known_or_requested(lambda job: job.private))

    def scheduling_mode(self) -> str | None:
        """Return how the job is scheduled, or ``None`` if the service does not say.

        Raises:
            IBMJobApiError: If the job was never requested, and the service refused or could not be reached.
        """
        return self._cell.known_or_requested(lambda job: job.run_mode)

    def circuits(self) -> list[QuantumCircuit]:
        """Return the job's circuits.

        An ``executor`` job has a circuit for each of its items; for a randomized item it is the template. The inputs
        are requested once. Source: ``GET /jobs/ID``.

        Returns:
            The circuits; empty for a private job, and if they cannot be decoded.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        self._read_inputs()
        return queries.circuits(self.state)

    def header(self) -> dict[str, Any]:
        """Return the header that the job was submitted with; empty if there is none, or it cannot be decoded.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        self._read_inputs()
        return queries.header(self.state)

    def backend_options(self) -> dict[str, Any]:
        """Return the options that the job was submitted with; empty if they cannot be decoded.

        These are all parameters of the submission except the circuits and the header.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        self._read_inputs()
        return queries.backend_options(self.state)

    def _read_inputs(self) -> None:
        if self.state.inputs is not None or self._are_inputs_refused:
            return
        saved = None if self._cell.saved_job is None else self._cell.saved_job.inputs()
        if saved is not None:
            self._cell.learn_facts(saved)
            return
        inputs = effects.value(effects.fetch_inputs(self._cell.client, self.state.job_id, clock=self._cell.clock))
        if inputs is None:
            # The job is private: a later request would get no inputs either.
            self._are_inputs_refused = True
        else:
            self._cell.observe_facts(inputs)


def _tags(job: Job) -> tuple[str, ...] | None:
    """The tags, or ``None`` if they are not known."""
    return None if job.details is None else job.details.tags


def _client_version(job: Job) -> dict[str, str] | None:
    return queries.client_version(job) or None
