"""Accounts that the official clients have saved: read from their file in the home directory, never written.

Source: ``~/.qiskit/qiskit-ibm.json``, a dictionary of accounts by name, which ``IBMProvider.save_account`` of
``qiskit-ibm-provider`` and ``QiskitRuntimeService.save_account`` write.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from ibm_circuit_job.clients.parameters import channel_of
from ibm_circuit_job.errors import IBMAccountError
from ibm_circuit_job.state import documents

DEFAULT_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "ibm_quantum": ("default-ibm-quantum",),
    "ibm_quantum_platform": ("default-ibm-quantum-platform", "default-ibm-cloud"),
}
"""By channel: under which names the official clients save an account that was given none."""


@frozen
class SavedAccount:
    """An account as it was saved. The token is in no repr."""

    name: str
    """The name that it was saved under."""
    token: str = field(repr=False)
    """The API token."""
    channel: str | None = None
    """The dialect of its service."""
    url: str | None = None
    """The URL to log into."""
    instance: str | None = None
    """The instance to work in."""
    proxies: Mapping[str, Any] | None = field(default=None, repr=False)
    """Proxies; they may hold a password and are in no repr."""
    verify: bool = True
    """Whether certificates are checked."""


def saved_account(channel: str | None, name: str | None = None) -> SavedAccount | None:
    """Return an account that is saved in the file of the official clients in the home directory.

    Args:
        channel: For which dialect, where no name is given.
        name: The name that it was saved under; by default, the account that is the channel's default.

    Returns:
        The account; ``None`` where no default is saved.

    Raises:
        IBMAccountError: If there is none of that name, or the file cannot be read. No message shows what is in it.
    """
    path = Path.home() / ".qiskit" / "qiskit-ibm.json"
    accounts = _accounts(path)
    if name is not None:
        if name not in accounts:
            known = ", ".join(sorted(accounts)) or "none"
            raise IBMAccountError(f"expected name to be that of an account in {path} ({known}), got {name!r}")
        return _account(path, name, accounts[name])
    chosen = [
        saved
        for saved, account in accounts.items()
        if isinstance(account, Mapping)
        and account.get("is_default_account")
        and channel_of(account.get("channel")) == channel
    ]
    for default in (*chosen, *DEFAULT_NAMES.get(channel or "", ())):
        if default in accounts:
            return _account(path, default, accounts[default])
    return None


def _accounts(path: Path) -> Mapping[str, Any]:
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise IBMAccountError(f"cannot read the saved accounts in {path}: {error.strerror}") from None
    accounts = documents.value(body, "saved accounts").value_or(None)
    if not isinstance(accounts, Mapping):
        raise IBMAccountError(f"expected {path} to hold accounts by name, as JSON; it does not")
    return accounts


def _account(path: Path, name: str, saved: Any) -> SavedAccount:
    if not isinstance(saved, Mapping) or not isinstance(saved.get("token"), str):
        raise IBMAccountError(f"expected the account {name!r} in {path} to have a token, as text")
    return SavedAccount(
        name,
        saved["token"],
        saved.get("channel"),
        saved.get("url"),
        saved.get("instance"),
        saved.get("proxies"),
        bool(saved.get("verify", True)),
    )
