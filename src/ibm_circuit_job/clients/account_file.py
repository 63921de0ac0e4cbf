"""The file of saved accounts, which this library shares with the official clients.

Source: ``~/.qiskit/qiskit-ibm.json``, a JSON object of accounts by name. ``qiskit-ibm-runtime`` of 2022 wrote the field
``auth`` (``"cloud"`` or ``"legacy"``); later versions write ``channel`` instead. This module reads both. It does not
read ``qiskitrc`` in the same folder: ``qiskit-ibmq-provider`` wrote that file, for the archived platform alone.

The functions from :func:`entries_in` to :func:`text_of` are pure; the other functions read and write the file.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from attrs import field, frozen
from returns.result import Success

from ibm_circuit_job.clients import pasted, private_files
from ibm_circuit_job.clients.parameters import (
    CLASSIC,
    PLATFORM,
    SWITCHED_OFF,
    ClientParameters,
    channel_of,
    channel_of_url,
)
from ibm_circuit_job.errors import AccountAlreadyExistsError, IBMAccountError, InvalidAccountError
from ibm_circuit_job.wire import documents

Entries = Mapping[str, msgspec.Raw]
"""The accounts of a file by name, each as its bytes in the file."""

CONNECTION_FIELDS: Final = (
    "url",
    "instance",
    "proxies",
    "verify",
    "region",
    "plans_preference",
    "tags",
    "private_endpoint",
)
"""The fields of an account that a connection uses, without token and channel."""
_KNOWN_FIELDS: Final = frozenset(
    {*CONNECTION_FIELDS, "token", "channel", "auth", "is_default_account", "channel_strategy"}
)
_DEFAULT_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    PLATFORM: ("default-ibm-quantum-platform",),
    "ibm_cloud": ("default-ibm-cloud", "default-cloud"),
    CLASSIC: ("default-ibm-quantum", "default-legacy"),
}
"""Channel -> the names that the official clients give to an account without a name, the newest name first."""
_CHANNEL_OF_AUTH: Final[Mapping[Any, str]] = {"cloud": "ibm_cloud", "legacy": CLASSIC}
_INDENT: Final = "    "


@frozen
class SavedAccount:
    """A saved account. Its repr does not show the fields, which contain the token."""

    name: str
    """The name of the account in the file."""
    fields: Mapping[str, Any] = field(repr=False, hash=False)
    """The fields of the account, as the file has them."""

    @property
    def spelled_channel(self) -> Any:
        """The channel as the client that saved the account spelled it."""
        channel = self.fields.get("channel")
        if channel is None and "auth" in self.fields:
            auth = self.fields["auth"]
            return _CHANNEL_OF_AUTH.get(auth, auth) if isinstance(auth, str) else auth
        if channel is None:
            url = pasted.clean_url(self.fields.get("url"))
            return channel_of_url(url) if isinstance(url, str) else PLATFORM
        return channel

    @property
    def channel(self) -> Any:
        """The channel by its present name."""
        return channel_of(self.spelled_channel)

    @property
    def is_default(self) -> bool:
        """Whether the account is marked as the default, or has the name of a default account."""
        names = (name for names in _DEFAULT_NAMES.values() for name in names)
        return self.fields.get("is_default_account") is True or self.name in names

    @property
    def unsupported_fields(self) -> tuple[str, ...]:
        """The names of the fields with a value that this version does not support."""
        unknown = tuple(name for name, value in self.fields.items() if name not in _KNOWN_FIELDS and value)
        strategy = self.fields.get("channel_strategy")
        return unknown if strategy in {None, "default"} else (*unknown, "channel_strategy")

    def public(self) -> dict[str, Any]:
        """Return the fields without the token and without the passwords in URLs and proxies."""
        shown = {name: value for name, value in self.fields.items() if name != "token"}
        return shown | {name: _without_passwords(shown[name]) for name in ("url", "proxies") if name in shown}


def _without_passwords(proxies: Any) -> Any:
    if isinstance(proxies, Mapping):
        return {key: _without_passwords(value) for key, value in proxies.items() if key != "password_ntlm"}
    if isinstance(proxies, str) and "@" in proxies:
        before, _, host = proxies.rpartition("@")
        scheme, separator, _ = before.partition("://")
        return f"{scheme}://***@{host}" if separator else f"***@{host}"
    return proxies


def entries_in(body: bytes, where: str) -> Entries:
    """Return the accounts in the content of a file, by name.

    A byte order mark at the beginning is ignored. An empty file has no accounts.

    Args:
        body: The content of the file, in UTF-8 or UTF-16.
        where: The name of the file, for the error.

    Raises:
        IBMAccountError: If the content is not a JSON object. The message repeats nothing of the content.
    """
    text = body if not body.startswith((b"\xff\xfe", b"\xfe\xff")) else _from_utf16(body)
    if not text.strip(b"\xef\xbb\xbf \t\r\n"):
        return {}
    match documents.fields(text, "saved accounts"):
        case Success(entries):
            return dict(entries)
    raise IBMAccountError(
        f"expected {where} to be a JSON object of accounts by name; it is not. Correct it, or move it away and save "
        "the account again"
    )


def _from_utf16(body: bytes) -> bytes:
    """Return a text in UTF-16 as UTF-8. The editor Notepad calls UTF-16 "Unicode"."""
    with contextlib.suppress(UnicodeDecodeError):
        return body.decode("utf-16").encode()
    return body


def accounts_in(entries: Entries) -> tuple[list[SavedAccount], list[str]]:
    """Return the accounts of a file, and the names of the entries that are not an account."""
    read = {name: documents.value(raw, "account").value_or(None) for name, raw in entries.items()}
    accounts = [SavedAccount(name, fields) for name, fields in read.items() if isinstance(fields, Mapping)]
    return accounts, [name for name, fields in read.items() if not isinstance(fields, Mapping)]


def picked(accounts: list[SavedAccount], channel: str | None = None) -> SavedAccount | None:
    """Return the account to use where the caller names none; ``None`` where there is none.

    The order is that of the official client: the account that is marked as default; an account with the name of a
    default; the first account. An account of the archived platform is returned only where there are no others, or
    where *channel* names that platform.

    Args:
        accounts: The accounts of the file, in the order of the file.
        channel: Return an account of this channel only. ``"ibm_cloud"`` is another name of
            ``"ibm_quantum_platform"``; accounts that were saved with that name are then preferred.

    Example:
        >>> saved = [SavedAccount("old", {"channel": "ibm_quantum"}), SavedAccount("mine", {"channel": "ibm_cloud"})]
        >>> picked(saved).name, picked(saved, "ibm_quantum").name
        ('mine', 'old')
    """
    if channel is None:
        return picked(accounts, PLATFORM) or picked(accounts, CLASSIC) or next(iter(accounts), None)
    fitting = [account for account in accounts if account.channel == channel_of(channel)]
    marked = [account for account in fitting if account.fields.get("is_default_account") is True]
    spelled = [account for account in fitting if account.spelled_channel == channel]
    return next((account for account in (*marked, *_by_name(spelled), *_by_name(fitting))), None)


def _by_name(accounts: list[SavedAccount]) -> list[SavedAccount]:
    """The accounts with the name of a default first, newer names before older; then the others in their order."""
    names = [name for names in _DEFAULT_NAMES.values() for name in names]
    return sorted(accounts, key=lambda account: names.index(account.name) if account.name in names else len(names))


def default_name(channel: str | None) -> str:
    """Return the name under which an account without a name is saved."""
    return _DEFAULT_NAMES.get(channel or PLATFORM, _DEFAULT_NAMES[PLATFORM])[0]


def with_account(
    entries: Entries, name: str, fields: Mapping[str, Any], *, overwrite: bool, set_as_default: bool | None
) -> Entries:
    """Return the entries with one account added or replaced.

    Args:
        entries: The entries of the file.
        name: The name of the account.
        fields: The fields of the account.
        overwrite: Whether the account may replace an account of the same name, and another default account.
        set_as_default: Whether the account becomes the only default. ``None`` does not change the mark.

    Raises:
        AccountAlreadyExistsError: If there is an account of that name, or another default, and *overwrite* is false.
    """
    accounts = {account.name: account for account in accounts_in(entries)[0]}
    if name in entries and not overwrite:
        raise AccountAlreadyExistsError(
            f"expected a new name, the account {name!r} exists; replace it with overwrite=True"
        )
    marked = [each for each in accounts.values() if each.fields.get("is_default_account") is True]
    others = [each for each in marked if each.name != name] if set_as_default else []
    if others and not overwrite:
        raise AccountAlreadyExistsError(
            f"expected no other default account, {others[0].name!r} is the default; replace it with overwrite=True"
        )
    is_default = name in {each.name for each in marked} if set_as_default is None else set_as_default
    unmarked = {
        each.name: _raw({key: value for key, value in each.fields.items() if key != "is_default_account"})
        for each in others
    }
    return {**entries, **unmarked, name: _raw({**fields, **({"is_default_account": True} if is_default else {})})}


def without(entries: Entries, name: str) -> Entries:
    """Return the entries without the one of that name."""
    return {other: raw for other, raw in entries.items() if other != name}


def text_of(entries: Entries) -> bytes:
    """Return the content of a file with these accounts, in the layout of the official client."""
    lines = (f"{_INDENT}{json.dumps(name)}: ".encode() + bytes(raw) for name, raw in entries.items())
    return b"{\n" + b",\n".join(lines) + b"\n}\n" if entries else b"{}\n"


def _raw(fields: Mapping[str, Any]) -> msgspec.Raw:
    text = json.dumps(fields, indent=len(_INDENT), sort_keys=True).replace("\n", f"\n{_INDENT}")
    return msgspec.Raw(text.encode())


def path_of(filename: str | os.PathLike[str] | None = None) -> Path:
    """Return the path of the file of accounts; by default ``.qiskit/qiskit-ibm.json`` in the home directory.

    Raises:
        IBMAccountError: If *filename* is not a path, or there is no home directory.
    """
    given: Any = filename
    if given is not None and (not isinstance(given, str | os.PathLike) or not os.fspath(given)):
        raise InvalidAccountError(f"expected filename to be the path of a file, got {filename!r}")
    if pasted.is_secret(given):
        raise InvalidAccountError(f"expected filename to be the path of a file, got {pasted.shown(given)}")
    try:
        if filename is None:
            return Path.home() / ".qiskit" / "qiskit-ibm.json"
        return Path(filename).expanduser()
    except RuntimeError:
        raise IBMAccountError(
            "expected a home directory, where saved accounts are by default, found none; give their file as 'filename'"
        ) from None


def read(path: Path) -> Entries:
    """Return the accounts of a file by name; none where there is no file.

    Raises:
        IBMAccountError: If the file cannot be read. The message gives the reason, and repeats nothing of the content.
    """
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise IBMAccountError(f"cannot read the saved accounts in {path}: {_words(error)}") from None
    return entries_in(body, str(path))


def write(path: Path, entries: Entries) -> None:
    """Replace the file in one step. Only its owner can read the new file.

    If the path is a symbolic link, its target is replaced.

    Raises:
        IBMAccountError: If the file cannot be written; it is then unchanged.
    """
    target, temporary = Path(os.path.realpath(path)), None
    try:
        private_files.make_folder(target.parent)
        descriptor, temporary = private_files.open_temporary(target)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text_of(entries))
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except (OSError, ValueError) as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        raise IBMAccountError(f"cannot write the saved accounts to {path}: {_words(error)}") from None


def change(path: Path, changed: Callable[[Entries], Entries]) -> Entries:
    """Change the accounts of the file, and return them.

    The folder is locked meanwhile. So two processes change the file one after the other, and no change is lost.

    Args:
        path: The file.
        changed: A function from the present accounts to the accounts to write. Its exceptions are not caught.

    Raises:
        IBMAccountError: If the file cannot be read or written; it is then unchanged.
    """
    with _locked(path):
        before = read(path)
        after = changed(before)
        if after != before:
            write(path, after)
        return after


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Lock the folder of the file, since the file itself is replaced. The lock ends with its process.

    On Windows, and on a file system without locks, nothing is locked.
    """
    folder = _locked_folder(path)
    try:
        yield
    finally:
        if folder is not None:
            os.close(folder)


def _locked_folder(path: Path) -> int | None:
    """Return the open descriptor of the locked folder of a file, or ``None`` where it cannot be locked."""
    if sys.platform == "win32":
        return None
    import fcntl  # noqa: PLC0415 - not there on Windows

    folder = None
    # If the path is wrong, read() and write() raise the error.
    with contextlib.suppress(OSError, ValueError):
        parent = Path(os.path.realpath(path)).parent
        private_files.make_folder(parent)
        folder = os.open(parent, os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)
    return folder


def save(
    parameters: ClientParameters,
    *,
    is_cloud: bool = False,
    filename: str | os.PathLike[str] | None = None,
    name: str | None = None,
    overwrite: bool = False,
    set_as_default: bool | None = None,
) -> None:
    """Save an account in the format of the official client.

    Args:
        parameters: The account.
        is_cloud: Whether its channel is saved by its name of 2022, ``"ibm_cloud"``.
        filename: The file; by default the file of the official client.
        name: The name of the account; by default the name of the channel's default account.
        overwrite: Whether the account may replace an account of the same name, and another default account.
        set_as_default: Whether the account becomes the only default. ``None`` does not change the mark.

    Raises:
        IBMAccountError: If the account cannot be saved; the file is then unchanged.
    """
    if parameters.channel == CLASSIC and pasted.is_classic_url(parameters.url):
        raise IBMAccountError(SWITCHED_OFF)
    channel = "ibm_cloud" if is_cloud else parameters.channel
    chosen = default_name(channel) if name is None else name
    _check_name(chosen)
    path = path_of(filename)
    fields = {"channel": channel, "token": str(parameters.token)} | _connection_fields(parameters)
    change(
        path, lambda entries: with_account(entries, chosen, fields, overwrite=overwrite, set_as_default=set_as_default)
    )


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not name.strip() or pasted.kind_of(name):
        raise InvalidAccountError(f"expected name to be the name of an account, got {pasted.shown(name)}")


def _connection_fields(parameters: ClientParameters) -> dict[str, Any]:
    """The fields of the account without token and channel, as values of JSON."""
    values = {name: getattr(parameters, name) for name in CONNECTION_FIELDS}
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    return {name: value for name, value in plain.items() if name == "verify" or value}


def saved(
    *,
    default: bool | None = None,
    channel: str | None = None,
    filename: str | os.PathLike[str] | None = None,
    name: str | None = None,
) -> dict[str, dict[str, Any]]:
    """Return the accounts of a file by name, without tokens and passwords; see ``IBMProvider.saved_accounts``.

    Raises:
        IBMAccountError: If the file cannot be read.
    """
    return {
        account.name: account.public()
        for account in accounts_in(read(path_of(filename)))[0]
        if name in {None, account.name}
        and (default is None or account.is_default is default)
        and (channel is None or account.channel == channel_of(channel))
    }


def delete(
    *, filename: str | os.PathLike[str] | None = None, name: str | None = None, channel: str | None = None
) -> bool:
    """Delete an account, and return whether it existed; see ``IBMProvider.delete_account``.

    Raises:
        IBMAccountError: If the file cannot be read or written; it is then unchanged.
    """
    path = path_of(filename)
    chosen = default_name(channel) if name is None else name
    if chosen not in read(path):
        return False
    change(path, lambda entries: without(entries, chosen))
    return True


def has_qiskitrc() -> bool:
    """Return whether ``.qiskit/qiskitrc`` exists, the file of ``qiskit-ibmq-provider`` for the archived platform."""
    try:
        return (Path.home() / ".qiskit" / "qiskitrc").is_file()
    except (RuntimeError, OSError):
        return False


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
