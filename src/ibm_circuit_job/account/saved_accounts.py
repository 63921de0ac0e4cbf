"""The members of a provider that read and write the file of saved accounts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ibm_circuit_job import clients
from ibm_circuit_job.clients import quiet_traces
from ibm_circuit_job.wire.hidden_values import HiddenFields, hidden


class SavedAccounts:
    """The accounts that are saved in the file of the official client."""

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
        """Save an account in the file of the official client, which reads it, too. No request is sent.

        The file is replaced in one step, and readable by its owner alone; the other accounts in it stay as they are.

        Args:
            token: The API key.
            url: The URL to log into; IBM's by default.
            instance: What to work in: the CRN of an instance, its name, or ``"auto"``.
            name: The name to save it under; by default that of the channel's default account.
            proxies: Proxies, see :class:`IBMProvider`.
            verify: Whether certificates are checked, or the path of those to trust.
            overwrite: Whether it may replace an account of that name, and take the place of the default account.
            channel: ``"ibm_quantum_platform"`` by default.
            filename: The file; by default ``.qiskit/qiskit-ibm.json`` in the home directory.
            set_as_default: Whether it is the account that is used where none is named; an account that is replaced
                stays what it was by default.
            private_endpoint: Whether the private network of IBM Cloud is used.
            region: The region that the instance is to be in.
            plans_preference: The plans that the instance is to have, the preferred one first.
            tags: The tags that the instance is to have.

        Raises:
            InvalidAccountError: If an argument cannot be right.
            AccountAlreadyExistsError: If there is an account of that name, and ``overwrite`` is not set.
            IBMAccountError: If the file cannot be read or written. In each case nothing is changed.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> import tempfile
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     IBMProvider.save_account("secret", instance="mine", filename=f"{folder}/a.json")
            ...     IBMProvider.saved_accounts(filename=f"{folder}/a.json")["default-ibm-quantum-platform"]["instance"]
            'mine'
        """
        # No traceback that shows local variables shows the key, and what is in the URLs of proxies.
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
        """Return the saved accounts by name, each as its fields in the file without the token and passwords of proxies.

        Args:
            default: Only those that are the default, of their channel or of all; where False only the others.
            name: Only that of this name.
            channel: Only those of this channel.
            filename: The file; by default ``.qiskit/qiskit-ibm.json`` in the home directory.

        Raises:
            IBMAccountError: If the file cannot be read. An entry in it that is no account is passed over.

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
        """Delete a saved account. The other accounts in the file stay as they are.

        Args:
            name: Its name; by default that of the channel's default account.
            channel: The channel whose default account is meant; ``"ibm_quantum_platform"`` by default.
            filename: The file; by default ``.qiskit/qiskit-ibm.json`` in the home directory.

        Returns:
            Whether there was one of that name.

        Raises:
            IBMAccountError: If the file cannot be read or written; then nothing is changed.

        Example:
            >>> from ibm_circuit_job import IBMProvider
            >>> IBMProvider.delete_account(name="no such account")
            False
        """
        with quiet_traces.cleared():
            return clients.account_file.delete(filename=filename, name=name, channel=channel)
