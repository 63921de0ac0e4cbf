"""IBMRetiredBackend: a backend without a description: only its name is known."""

from __future__ import annotations

from datetime import datetime as python_datetime
from typing import Any, NoReturn

from ibm_circuit_job.account.backend import IBMBackend, ProviderOfBackend
from ibm_circuit_job.errors import IBMBackendError


class IBMRetiredBackend(IBMBackend):
    """A backend without a description: the service has retired it, or could not describe it. It runs no jobs.

    It is the ``backend()`` of jobs that ran on a retired backend, and of jobs of a store without a connection.

    Args:
        provider: The provider that it belonged to; ``None`` without a connection.
        name: The name of the backend.

    Example:
        >>> backend = IBMRetiredBackend(None, "ibm_x")
        >>> backend.name, backend.num_qubits
        ('ibm_x', 0)
    """

    def __init__(self, provider: ProviderOfBackend | None, name: str) -> None:
        description = {"backend_name": name, "n_qubits": 0, "basis_gates": [], "simulator": False}
        # The provider's instance is not requested: it is not needed, and the service may be out of reach.
        super().__init__(provider, description, instance="")

    def properties(self, refresh: bool = False, datetime: python_datetime | None = None) -> None:
        """Return ``None``: the properties are not known.

        Args:
            refresh: Has no effect.
            datetime: Has no effect.
        """
        del refresh, datetime

    def estimate(self, *_: Any, **__: Any) -> NoReturn:
        """Raise ``IBMBackendError``: the backend runs no jobs.

        Raises:
            IBMBackendError: Always.
        """
        self._refuse()

    def run(self, *_: Any, **__: Any) -> NoReturn:
        """Raise ``IBMBackendError``: the backend runs no jobs.

        Raises:
            IBMBackendError: Always.
        """
        self._refuse()

    def _refuse(self) -> NoReturn:
        if self._provider is None:
            raise IBMBackendError(
                f"backend {self.name!r} has no connection and no description; get one that runs jobs with "
                "IBMProvider.get_backend(), or connect the job with IBMProvider.attach()"
            )
        raise IBMBackendError(
            f"backend {self.name!r} is retired, or the service could not describe it; "
            "IBMProvider.backends() returns the backends that run jobs"
        )
