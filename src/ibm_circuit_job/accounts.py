"""Errors of accounts under the name that ``qiskit_ibm_provider.accounts`` had.

Accounts are saved and found by the members of ``IBMProvider``: ``save_account()``, ``saved_accounts()``,
``delete_account()``.
"""

from ibm_circuit_job.errors import AccountAlreadyExistsError, AccountNotFoundError, AccountsError, InvalidAccountError

__all__ = ["AccountAlreadyExistsError", "AccountNotFoundError", "AccountsError", "InvalidAccountError"]
