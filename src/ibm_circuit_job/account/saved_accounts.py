"""The members of a provider that read and write the file of saved accounts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ibm_circuit_job import clients
from ibm_circuit_job.clients import quiet_traces
from ibm_circuit_job.wire.hidden_values import HiddenFields, hidden


class SavedAccounts:
    """The accounts in the official client's file."""

    @staticmethod
    def save_account(
        token: str,
        url: str | None = None,
        instance: str | None = None,
        name: str | None = None,
        proxies: Mapping[str, Any] | None = None,
        verify: bool | str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        *,
        channel: str | None = None,
        filename: str | os.PathLike[str] | None = None,
        set_as_default: bool | None = None,
        private_endpoint: bool | None = None,
        region: str | None = None,
        plans_preference: Sequence[str] | None = None,
        tags: Sequence[str] | None = None,
    ) -> None:
        """Save an account in the official client's file. No request is sent.

        The official client can load the account, too. The file is replaced in one step, and only its owner can read
        it. The other accounts in it do not change.

        Args:
            token: The API key.
            url: The URL to log into; IBM's by default.
            instance: The CRN of an instance, its name, or ``"auto"``.
            name: The name of the saved account; by default the name of the channel's default account.
            proxies: Proxies; see :class:`IBMProvider`.
            verify: Whether to check certificates, or the path of certificates to trust.
            overwrite: Whether to replace an account of that name, or the default account.
            channel: ``"ibm_quantum_platform"`` by default.
            filename: The path of the file; by default ``.qiskit/qiskit-ibm.json`` in the home directory.
            set_as_default: Whether ``IBMProvider()`` uses the account if no account is named. By default a replaced
                account stays what it was.
            private_endpoint: Whether to use the private network of IBM Cloud.
            region: The region of the instance.
            plans_preference: The plans of the instance, the preferred one first.
            tags: The tags of the instance.

        Raises:
            InvalidAccountError: If an argument is invalid.
            AccountAlreadyExistsError: If there is an account of that name, and ``overwrite`` is not set.
            IBMAccountError: If the file cannot be read or written. The file does not change after any of these errors.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> import tempfile
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     IBMProvider.save_account("secret", instance="mine", filename=f"{folder}/a.json")
            ...     IBMProvider.saved_accounts(filename=f"{folder}/a.json")["default-ibm-quantum-platform"]["instance"]
            'mine'
        """
        # Tracebacks may show local variables: the key and the proxies' URLs are replaced.
        token, given, proxies = hidden(token), HiddenFields(proxies=proxies), None
        with quiet_traces.cleared():
            clients.account_file.save(
                clients.ClientParameters(
                    token,
                    url,  # type: ignore[arg-type] # the converters take None
                    instance,
                    given["proxies"],
                    verify,
                    channel,  # type: ignore[arg-type] # the same
                    region=region,
                    plans_preference=plans_preference,
                    tags=tags,
                    private_endpoint=private_endpoint,
                ),
                is_cloud=channel == "ibm_cloud",
                filename=filename,
                name=name,
                overwrite=overwrite,
                set_as_default=set_as_default,
            )

    @staticmethod
    def saved_accounts(
        default: bool | None = None,
        name: str | None = None,
        *,
        channel: str | None = None,
        filename: str | os.PathLike[str] | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Return the saved accounts, without tokens and without passwords of proxies.

        Args:
            default: True for only the default accounts, of all channels or of one; False for only the others.
            name: Only the account of this name.
            channel: Only accounts of this channel.
            filename: The path of the file; by default ``.qiskit/qiskit-ibm.json`` in the home directory.

        Returns:
            The accounts by name, each with the other fields that the file has. Entries that are no account are left
            out.

        Raises:
            IBMAccountError: If the file cannot be read.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> IBMProvider.saved_accounts(name="no such account")
            {}
        """
        with quiet_traces.cleared():
            return clients.account_file.saved(default=default, channel=channel, filename=filename, name=name)

    @staticmethod
    def delete_account(
        name: str | None = None, *, channel: str | None = None, filename: str | os.PathLike[str] | None = None
    ) -> bool:
        """Delete a saved account. The other accounts in the file do not change.

        Args:
            name: The account's name; by default the name of the channel's default account.
            channel: The channel of the default account; ``"ibm_quantum_platform"`` by default.
            filename: The path of the file; by default ``.qiskit/qiskit-ibm.json`` in the home directory.

        Returns:
            Whether there was an account of that name.

        Raises:
            IBMAccountError: If the file cannot be read or written. The file does not change then.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> IBMProvider.delete_account(name="no such account")
            False
        """
        with quiet_traces.cleared():
            return clients.account_file.delete(filename=filename, name=name, channel=channel)
