"""IBMBackendService: ``provider.backend``, for programs that were written for the archived client."""

from __future__ import annotations

import keyword
import re
from typing import TYPE_CHECKING, Any, Protocol

from ibm_circuit_job.errors import IBMError, IBMJobNotFoundError
from ibm_circuit_job.job.circuit_job import IBMCircuitJob
from ibm_circuit_job.job.ibm_job import IBMJob
from ibm_circuit_job.state.composite import ID_PREFIX

if TYPE_CHECKING:
    from ibm_circuit_job.account.backend import IBMBackend


class ProviderOfService(Protocol):
    """The members of ``IBMProvider`` that the service uses."""

    @property
    def url(self) -> str:
        """The URL that was logged into."""
        ...

    def backends(self, *arguments: Any, **filters: Any) -> list[IBMBackend]:
        """Return the backends that match the arguments."""
        ...

    def get_backend(self, name: str) -> IBMBackend:
        """Return the backend of that name."""
        ...

    def jobs(self, *arguments: Any, **filters: Any) -> list[IBMCircuitJob]:
        """Return the jobs that match the arguments."""
        ...

    def retrieve_job(self, job_id: str) -> IBMCircuitJob:
        """Return the job of that ID."""
        ...

    def backend_names(self) -> list[str]:
        """Return the names of all backends."""
        ...


class IBMBackendService:
    """The backends and jobs of a provider, under the name ``provider.backend``.

    Each backend is an attribute, too: ``provider.backend.ibm_fez``. Characters that a Python name cannot have are
    underscores in it.

    Args:
        provider: The provider.

    Example:
        >>> from ibm_circuit_job import IBMProvider
        >>> with IBMProvider.local(store=None) as provider:
        ...     provider.backend.local_5q.num_qubits, provider.backend.jobs()
        (5, [])
    """

    def __init__(self, provider: ProviderOfService) -> None:
        self._provider = provider

    def __repr__(self) -> str:
        return f"<IBMBackendService({self._provider.url!r})>"

    def backends(self, *arguments: Any, **filters: Any) -> list[IBMBackend]:
        """Return the backends that match the arguments; see :meth:`IBMProvider.backends`."""
        return self._provider.backends(*arguments, **filters)

    def jobs(self, *arguments: Any, **filters: Any) -> list[IBMCircuitJob]:
        """Return the jobs that match the arguments; see :meth:`IBMProvider.jobs`."""
        return self._provider.jobs(*arguments, **filters)

    def retrieve_job(self, job_id: str) -> IBMJob:
        """Return a job; for the ID of a composite job an ``IBMCompositeJob``. See :meth:`IBMProvider.retrieve_job`.

        Args:
            job_id: The ID of the job; that of a composite job begins with ``ibm_composite_job_id_``.

        Raises:
            IBMJobNotFoundError: If the service knows no such job.
            IBMJobInvalidStateError: If a part of a composite job is missing.
            IBMJobApiError: If the service refused or could not be reached.
        """
        if not str(job_id).startswith(ID_PREFIX):
            return self._provider.retrieve_job(job_id)
        from ibm_circuit_job.job.composite_job import IBMCompositeJob  # noqa: PLC0415 - loaded on first use

        jobs = self._provider.jobs(limit=None, job_tags=[job_id])
        if not jobs:
            raise IBMJobNotFoundError(f"could not find job {job_id}: the account has no job with this tag")
        return IBMCompositeJob(job_id, jobs)

    job = retrieve_job

    def __getattr__(self, name: str) -> IBMBackend:
        if not name.startswith("_"):
            found = self._by_identifier().get(name)
            if found is not None:
                return self._provider.get_backend(found)
        raise AttributeError(f"the account has no backend {name!r}")

    def __dir__(self) -> list[str]:
        try:
            return sorted({*super().__dir__(), *self._by_identifier()})
        except IBMError:
            # dir() and completion work without the service, too.
            return sorted(super().__dir__())

    def _by_identifier(self) -> dict[str, str]:
        return {to_python_identifier(name): name for name in self._provider.backend_names()}


def to_python_identifier(name: str) -> str:
    """Return a name as a Python name, in lower case: other characters become underscores.

    Example:
        >>> to_python_identifier("ibm-Fez.2"), to_python_identifier("5q"), to_python_identifier("lambda")
        ('ibm_fez_2', '_5q', 'lambda_')
    """
    found = re.sub(r"\W|^(?=\d)", "_", name, flags=re.ASCII).lower()
    return f"{found}_" if keyword.iskeyword(found) else found
