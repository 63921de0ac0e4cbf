"""The file of saved accounts, which the official clients write and read: of every era, read and written.

Source: ``~/.qiskit/qiskit-ibm.json``, a JSON object of accounts by name. ``qiskit-ibm-runtime`` of 2022 wrote the field
``auth`` (``"cloud"`` or ``"legacy"``) where later ones write ``channel``. ``qiskitrc`` in the same folder is of
``qiskit-ibmq-provider``, and of the archived platform alone.

The functions from :func:`entries_in` to :func:`text_of` are pure; the rest reads and writes the file.
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
"""The accounts of a file by name, each as the bytes that it is written as."""

OBEYED: Final = ("url", "instance", "proxies", "verify", "region", "plans_preference", "tags", "private_endpoint")
"""The fields of an account, beside its token and channel, that a connection is made with."""
_KNOWN: Final = frozenset({*OBEYED, "token", "channel", "auth", "is_default_account", "channel_strategy"})
_DEFAULT_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    PLATFORM: ("default-ibm-quantum-platform",),
    "ibm_cloud": ("default-ibm-cloud", "default-cloud"),
    CLASSIC: ("default-ibm-quantum", "default-legacy"),
}
"""By channel: under which names the official clients save an account that was given none; the newest first."""
_AUTH: Final[Mapping[Any, str]] = {"cloud": "ibm_cloud", "legacy": CLASSIC}
_INDENT: Final = "    "


@frozen
class SavedAccount:
    """An account as it was saved. Its fields, which hold the token, are in no repr."""

    name: str
    """The name that it was saved under."""
    fields: Mapping[str, Any] = field(repr=False, hash=False)
    """Its fields as they stand in the file."""

    @property
    def spelled_channel(self) -> Any:
        """Its channel as the official client of its time spelled it."""
        channel = self.fields.get("channel")
        if channel is None and "auth" in self.fields:
            auth = self.fields["auth"]
            return _AUTH.get(auth, auth) if isinstance(auth, str) else auth
        if channel is None:
            url = pasted.clean_url(self.fields.get("url"))
            return channel_of_url(url) if isinstance(url, str) else PLATFORM
        return channel

    @property
    def channel(self) -> Any:
        """Its channel, by its name today."""
        return channel_of(self.spelled_channel)

    @property
    def is_default(self) -> bool:
        """Whether it is marked as the default, or has the name of one."""
        names = (name for names in _DEFAULT_NAMES.values() for name in names)
        return self.fields.get("is_default_account") is True or self.name in names

    @property
    def not_obeyed(self) -> tuple[str, ...]:
        """Fields that say something which this version does not obey."""
        unknown = tuple(name for name, value in self.fields.items() if name not in _KNOWN and value)
        strategy = self.fields.get("channel_strategy")
        return unknown if strategy in {None, "default"} else (*unknown, "channel_strategy")

    def public(self) -> dict[str, Any]:
        """Return its fields without the token, and without passwords in URLs and of proxies."""
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
    """Return the accounts that the text of a file has, by name.

    A byte order mark in front does no harm. A file without any text has no accounts.

    Args:
        body: What the file holds.
        where: The file, for the error.

    Raises:
        IBMAccountError: If it is no JSON object. The message repeats nothing of it.
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
    """Notepad's "Unicode" is UTF-16."""
    with contextlib.suppress(UnicodeDecodeError):
        return body.decode("utf-16").encode()
    return body


def accounts_in(entries: Entries) -> tuple[list[SavedAccount], list[str]]:
    """Return the accounts of a file, and the names of those entries that are none."""
    read = {name: documents.value(raw, "account").value_or(None) for name, raw in entries.items()}
    accounts = [SavedAccount(name, fields) for name, fields in read.items() if isinstance(fields, Mapping)]
    return accounts, [name for name, fields in read.items() if not isinstance(fields, Mapping)]


def picked(accounts: list[SavedAccount], channel: str | None = None) -> SavedAccount | None:
    """Return the account that is meant where no name is given; ``None`` where there is none.

    In the order of the official client: the one marked as default; the one with the name of a default; the first.
    Accounts of the archived platform are passed over, unless there are no others or the channel asks for them.

    Args:
        accounts: Those of the file, in its order.
        channel: Only those of this channel. ``"ibm_cloud"`` is another name of ``"ibm_quantum_platform"``, by which
            those that were saved as such are preferred.

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
    """Those with the name of a default first, the newest name of all; else in their order."""
    names = [name for names in _DEFAULT_NAMES.values() for name in names]
    return sorted(accounts, key=lambda account: names.index(account.name) if account.name in names else len(names))


def default_name(channel: str | None) -> str:
    """Return the name that an account is saved under which is given none."""
    return _DEFAULT_NAMES.get(channel or PLATFORM, _DEFAULT_NAMES[PLATFORM])[0]


def with_account(
    entries: Entries, name: str, fields: Mapping[str, Any], *, overwrite: bool, set_as_default: bool | None
) -> Entries:
    """Return the entries with an account more, all others as they were.

    Args:
        entries: Those of the file.
        name: The name of the account.
        fields: Its fields.
        overwrite: Whether it may replace the account of that name, and take the place of the default.
        set_as_default: Whether it is marked as the default, and no other is; as it was where ``None``.

    Raises:
        IBMAccountError: If there is an account of that name, or another default, and it must not be replaced.
    """
    accounts = {account.name: account for account in accounts_in(entries)[0]}
    if name in entries and not overwrite:
        raise AccountAlreadyExistsError(
            f"expected name to be a new one, there is an account {name!r}; replace it with overwrite=True"
        )
    marked = [each for each in accounts.values() if each.fields.get("is_default_account") is True]
    others = [each for each in marked if each.name != name] if set_as_default else []
    if others and not overwrite:
        raise AccountAlreadyExistsError(
            f"expected no other default account, there is {others[0].name!r}; take its place with overwrite=True"
        )
    is_default = name in {each.name for each in marked} if set_as_default is None else set_as_default
    unmarked = {
        each.name: _raw({key: value for key, value in each.fields.items() if key != "is_default_account"})
        for each in others
    }
    return {**entries, **unmarked, name: _raw({**fields, **({"is_default_account": True} if is_default else {})})}


def without(entries: Entries, name: str) -> Entries:
    """Return the entries without that one, all others as they were."""
    return {other: raw for other, raw in entries.items() if other != name}


def text_of(entries: Entries) -> bytes:
    """Return the text of a file with these accounts, laid out as the official client does."""
    lines = (f"{_INDENT}{json.dumps(name)}: ".encode() + bytes(raw) for name, raw in entries.items())
    return b"{\n" + b",\n".join(lines) + b"\n}\n" if entries else b"{}\n"


def _raw(fields: Mapping[str, Any]) -> msgspec.Raw:
    text = json.dumps(fields, indent=len(_INDENT), sort_keys=True).replace("\n", f"\n{_INDENT}")
    return msgspec.Raw(text.encode())


def path_of(filename: str | os.PathLike[str] | None = None) -> Path:
    """Return the path of the file; by default that of the official client in the home directory.

    Raises:
        IBMAccountError: If the name is none, or there is no home directory.
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
            "there is no home directory, in which saved accounts are by default; name their file as 'filename'"
        ) from None


def read(path: Path) -> Entries:
    """Return the accounts of a file by name; none where there is no file.

    Raises:
        IBMAccountError: If it cannot be read; the message says why, and repeats nothing of it.
    """
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise IBMAccountError(f"cannot read the saved accounts in {path}: {_words(error)}") from None
    return entries_in(body, str(path))


def write(path: Path, entries: Entries) -> None:
    """Replace the file in one step, readable by its owner alone.

    Where it is a symbolic link, the file that it leads to is replaced.

    Raises:
        IBMAccountError: If it cannot be written; then it is as it was.
    """
    target, temporary = Path(os.path.realpath(path)), None
    try:
        private_files.make_folder(target.parent)
        # Its owner's alone from the beginning.
        handle, temporary = private_files.open_temporary(target)
        with os.fdopen(handle, "wb") as file:
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
    """Read the file, and write what becomes of its accounts where that is different; return them.

    Two processes that change the file do so one after the other, so that neither undoes what the other did.

    Args:
        path: The file.
        changed: Returns the accounts to write, given those that are there. What it raises goes on.

    Raises:
        IBMAccountError: If the file cannot be read or written; then it is as it was.
    """
    with _changed_by_one(path):
        before = read(path)
        after = changed(before)
        if after != before:
            write(path, after)
        return after


@contextlib.contextmanager
def _changed_by_one(path: Path) -> Iterator[None]:
    """Lock the folder of the file, since the file itself is replaced. The lock ends with its process.

    Where a file system has no locks, and on Windows, nothing is locked, and the file is still replaced in one step.
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
    # Reading and writing raise what is wrong with the path.
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
    """Save an account, in the form that the official client reads.

    Args:
        parameters: The account.
        is_cloud: Whether its channel is spelled as it was in 2022, ``"ibm_cloud"``.
        filename: The file; that of the official client by default.
        name: The name to save it under; by default that of the channel's default account.
        overwrite: Whether it may replace the account of that name, and take the place of the default.
        set_as_default: Whether it is marked as the default; as it was where ``None``.

    Raises:
        IBMAccountError: If it cannot be saved; then the file is as it was.
    """
    if parameters.channel == CLASSIC and pasted.is_classic_url(parameters.url):
        raise IBMAccountError(SWITCHED_OFF)
    channel = "ibm_cloud" if is_cloud else parameters.channel
    chosen = default_name(channel) if name is None else name
    _check_name(chosen)
    path = path_of(filename)
    fields = {"channel": channel, "token": str(parameters.token)} | _said(parameters)
    change(
        path, lambda entries: with_account(entries, chosen, fields, overwrite=overwrite, set_as_default=set_as_default)
    )


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not name.strip() or pasted.kind_of(name):
        raise InvalidAccountError(f"expected name to be one to find the account by, got {pasted.shown(name)}")


def _said(parameters: ClientParameters) -> dict[str, Any]:
    """What parameters say beside token and channel, as JSON has it."""
    values = {name: getattr(parameters, name) for name in OBEYED}
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
    """Delete an account, and return whether there was one of that name; see ``IBMProvider.delete_account``.

    Raises:
        IBMAccountError: If the file cannot be read or written; then it is as it was.
    """
    path = path_of(filename)
    chosen = default_name(channel) if name is None else name
    if chosen not in read(path):
        return False
    change(path, lambda entries: without(entries, chosen))
    return True


def has_qiskitrc() -> bool:
    """Return whether there is the file of ``qiskit-ibmq-provider``, whose accounts are of the archived platform."""
    try:
        return (Path.home() / ".qiskit" / "qiskitrc").is_file()
    except (RuntimeError, OSError):
        return False


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
