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
_NAMED_HERE: Final = "The service keeps no names: that of job %s is known to this handle alone."
MANAGED_TAGS: Final = ("ibmq_jobset_", "ibm_composite_job_")
"""How tags begin that belong to the program that manages a set of jobs."""


class DescriptionMembers(Handle):
    """What a job is: its name, its tags, when it was created, and what was submitted."""

    def name(self) -> str | None:
        """Return the job's name, or ``None`` if it has none.

        Raises:
            IBMJobApiError: If nothing is known of the job yet, and the service refused or could not be reached.
        """
        return self._cell.answer(lambda job: job.name)

    def update_name(self, name: str) -> str:
        """Give the job another name.

        The services of today keep no names: then the name is kept in the store; where there is none, on this handle
        alone, which one warning in the log says.

        Args:
            name: The new name.

        Returns:
            The new name.

        Raises:
            IBMJobInvalidStateError: If ``name`` is no string.
            IBMJobApiError: If the service could have kept it, and refused or could not be reached.
        """
        if type(name) is not str or not name:
            raise IBMJobInvalidStateError(f"expected name to be a string that is not empty, got {name!r}")
        self._cell.ensure_client()
        put = effects.put_name(self._api_client, self.state.job_id, name, clock=self._cell.clock)
        try:
            self._cell.observe_facts(JobName(effects.value(put.lash(self._named_here)), name))
        except ValueError as wrong:
            raise IBMJobInvalidStateError(f"name: {wrong}") from None
        return name

    def _named_here(self, failure: Failure) -> IOResult[datetime, Failure]:
        """When the job was named where the service has no names; else why it was not."""
        if not isinstance(failure, Unsupported) and failure.http_status not in {404, 405, 501}:
            return IOFailure(failure)
        if not self._told_of_name and self._cell.keeper is None:
            self._told_of_name = True
            _logger.warning(_NAMED_HERE, self.state.job_id)
        return IOSuccess(self._cell.clock.now())

    def tags(self) -> list[str]:
        """Return the job's tags.

        Raises:
            IBMJobApiError: If they are not known yet, and the service refused or could not be reached.
        """
        known = self._cell.answer(_tags)
        return [] if known is None else list(known)

    def update_tags(self, new_tags: list[str]) -> list[str]:
        """Replace the job's tags.

        Tags that begin with ``ibmq_jobset_`` or ``ibm_composite_job_`` belong to the program that manages a set of
        jobs, and are kept.

        Args:
            new_tags: The new tags.

        Returns:
            The tags that the service holds afterwards.

        Raises:
            IBMJobInvalidStateError: If ``new_tags`` is no list of strings; or, on IBM Quantum Platform, if there are
                more than 8 with those that are kept, or one is longer than 86 characters. No tags are sent then.
            IBMJobApiError: If the service refused or could not be reached.
        """
        given: Any = new_tags
        try:
            # Texts that cannot be sent are refused by the record, before anything is.
            JobTags(self._cell.clock.now(), given)
        except (TypeError, ValueError):
            given = None
        if not isinstance(given, list):
            raise IBMJobInvalidStateError(f"expected new_tags to be a list of strings, got {new_tags!r}")
        # Asked for now: one that was added elsewhere, and is not known here, must not be lost.
        self._cell.ask_if_possible()
        kept = [tag for tag in self.state.tags if tag.startswith(MANAGED_TAGS)]
        wanted = list(dict.fromkeys([*new_tags, *kept]))
        if self._cell.client.limits_tags and (excess := excess_of_tags(wanted)):
            also = f" with the {len(kept)} that are kept" if kept else ""
            raise IBMJobInvalidStateError(f"expected new_tags{also} to be {excess}")
        accepted = effects.value(effects.put_tags(self._cell.client, self.state.job_id, wanted, clock=self._cell.clock))
        self._cell.observe_facts(JobTags(accepted, wanted))
        self._cell.ask_if_possible()
        return list(self.state.tags)

    def creation_date(self) -> datetime:
        """Return when the job was created, as an aware time in the machine's zone.

        Raises:
            IBMJobApiError: If it is not known yet, and the service refused, could not be reached, or does not say.
        """
        created = self._cell.answer(bound(queries.creation_date, zone=None))
        if created is None:
            raise IBMJobApiError(f"the service does not say when job {self.state.job_id} was created")
        return created

    def time_per_step(self) -> dict[str, datetime] | None:
        """Return when each step of the job began: step -> aware time in the machine's zone.

        The steps have the service's names: ``created``, ``running``, ``finished`` today. Once the job has ended, they
        are not asked for again. Those that were given when the handle was made count until :meth:`refresh` learns
        more, or the job is known to have ended.

        Returns:
            The times, or ``None`` if the service says nothing yet.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        if not self._cell.metrics_are_final and (
            self._cell.measured or self.state.is_confirmed_final or not self._knows_steps()
        ):
            self._cell.measure()
        return self._cell.known(bound(queries.time_per_step, zone=None))

    def _knows_steps(self) -> bool:
        return self._cell.known(queries.time_per_step) is not None

    @property
    @or_missing
    def client_version(self) -> dict[str, str]:
        """The versions of the client that submitted the job: package -> version; empty where it is not known.

        Raises:
            IBMJobApiError: If nothing was measured yet, and the service refused or could not be reached.
        """
        if self._cell.known(_client_version) is None and not self._cell.measured:
            self._cell.measure()
        return self._cell.known(_client_version) or {}

    @property
    @or_missing
    def usage_estimation(self) -> dict[str, Any]:
        """``{"quantum_seconds": s}``: the seconds that the job is expected to occupy the quantum computer.

        ``None`` instead of a number where the service does not say.

        Raises:
            IBMJobApiError: If it is not known yet, and the service refused or could not be reached.
        """
        return {"quantum_seconds": self._cell.answer(lambda job: job.usage_estimate)}

    @property
    @or_missing
    def session_id(self) -> str | None:
        """The session that the job belongs to, or ``None``; asked for where it is not known.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        return self._cell.answer(lambda job: None if job.details is None else job.details.session_id)

    @property
    @or_missing
    def private(self) -> bool:
        """Whether the job's inputs are hidden and its result can be read only once; asked for where not known.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        return bool(self._cell.answer(lambda job: job.private))

    def scheduling_mode(self) -> str | None:
        """Return how the job is scheduled, or ``None`` if the service does not say; asked for where not known.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        return self._cell.answer(lambda job: job.run_mode)

    def circuits(self) -> list[QuantumCircuit]:
        """Return the job's circuits; empty where the service does not give them away, or they cannot be read.

        Those of ``executor`` jobs are the circuits of its items: of one that is randomized, the template.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        self._read_inputs()
        return queries.circuits(self.state)

    def header(self) -> dict[str, Any]:
        """Return the header that the user gave to the job; empty where there is none, or it cannot be read.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        self._read_inputs()
        return queries.header(self.state)

    def backend_options(self) -> dict[str, Any]:
        """Return the options with which the job runs; empty where they cannot be read.

        These are all parameters of the submission but the circuits and the header.

        Raises:
            IBMJobApiError: If the service refused or could not be reached.
        """
        self._read_inputs()
        return queries.backend_options(self.state)

    def _read_inputs(self) -> None:
        if self.state.inputs is not None or self._inputs_kept_back:
            return
        kept = None if self._cell.keeper is None else self._cell.keeper.inputs()
        if kept is not None:
            self._cell.learn_facts(kept)
            return
        inputs = effects.value(effects.fetch_inputs(self._cell.client, self.state.job_id, clock=self._cell.clock))
        if inputs is None:
            # Those of a private job are never given away.
            self._inputs_kept_back = True
        else:
            self._cell.observe_facts(inputs)


def _tags(job: Job) -> tuple[str, ...] | None:
    """The tags, or ``None`` where nothing was said of them."""
    return None if job.details is None else job.details.tags


def _client_version(job: Job) -> dict[str, str] | None:
    return queries.client_version(job) or None
