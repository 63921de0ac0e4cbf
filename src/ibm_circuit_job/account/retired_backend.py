"""IBMRetiredBackend: the backend of a job of which nothing but the name is known."""

from __future__ import annotations

from datetime import datetime as python_datetime
from typing import Any, NoReturn

from ibm_circuit_job.account.backend import IBMBackend, ProviderOfBackend
from ibm_circuit_job.errors import IBMBackendError


class IBMRetiredBackend(IBMBackend):
    """A backend that is known by its name alone: it is gone, or cannot be described. Nothing can be run on it.

    Jobs that ran on it still name it. A job of a store has one where the service cannot be asked.

    Args:
        provider: The provider that it belonged to; ``None`` without a connection.
        name: Its name.

    Example:
        >>> backend = IBMRetiredBackend(None, "ibm_x")
        >>> backend.name, backend.num_qubits
        ('ibm_x', 0)
    """

    def __init__(self, provider: ProviderOfBackend | None, name: str) -> None:
        description = {"backend_name": name, "n_qubits": 0, "basis_gates": [], "simulator": False}
        # Nothing runs, so that no instance is needed: it may be unknown, where the service cannot be reached.
        super().__init__(provider, description, instance="")

    def properties(self, refresh: bool = False, datetime: python_datetime | None = None) -> None:
        """Return ``None``: the service has no properties of it.

        Args:
            refresh: Has no effect.
            datetime: Has no effect.
        """
        del refresh, datetime

    def estimate(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse.

        Raises:
            IBMBackendError: Always.
        """
        self._refuse()

    def run(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse.

        Raises:
            IBMBackendError: Always.
        """
        self._refuse()

    def _refuse(self) -> NoReturn:
        if self._provider is None:
            raise IBMBackendError(
                f"backend {self.name!r} is known by its name alone; get one that runs jobs with "
                "IBMProvider.get_backend(), or give the job to IBMProvider.attach()"
            )
        raise IBMBackendError(f"backend {self.name!r} is gone, or the service could not describe it")
