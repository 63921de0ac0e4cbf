"""The exceptions of accounts, under the module name of ``qiskit_ibm_provider``.

``IBMProvider`` saves and loads accounts: ``save_account()``, ``saved_accounts()``, ``delete_account()``.
"""

from ibm_circuit_job.errors import AccountAlreadyExistsError, AccountNotFoundError, AccountsError, InvalidAccountError

__all__ = ["AccountAlreadyExistsError", "AccountNotFoundError", "AccountsError", "InvalidAccountError"]
