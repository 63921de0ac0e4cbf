"""Credentials: the lookup of the account to use.

The sources are tried in this order:

1. the arguments, if they include a token;
2. the saved account that ``name`` or ``filename`` names;
3. the environment variables, if ``QISKIT_IBM_TOKEN`` is one of them;
4. the same variables in a file ``.env``, if ``python-dotenv`` is installed;
5. the file of saved accounts.

The first source that has an account gives the token and also the URL. So a key is never sent to a host from another
source.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import asdict, field, frozen

from ibm_circuit_job.clients import account_file, pasted, quiet_traces
from ibm_circuit_job.clients.account_file import SavedAccount
from ibm_circuit_job.clients.parameters import (
    CLASSIC,
    DEFAULT_URLS,
    PLATFORM,
    SWITCHED_OFF,
    ClientParameters,
    channel_of,
)
from ibm_circuit_job.errors import AccountNotFoundError, IBMAccountError, InvalidAccountError
from ibm_circuit_job.wire.hidden_values import hidden

_logger: Final = logging.getLogger(__name__)

_TOKEN: Final = "QISKIT_IBM_TOKEN"  # noqa: S105 - the name of a variable
_VARIABLES: Final[Mapping[str, str]] = {
    "token": _TOKEN,
    "url": "QISKIT_IBM_URL",
    "instance": "QISKIT_IBM_INSTANCE",
    "channel": "QISKIT_IBM_CHANNEL",
}
_INSTANCE_FILTERS: Final = ("region", "plans_preference", "tags")
"""The arguments that choose an instance where none is named."""
_OVERRIDES: Final = ("instance", "proxies", "verify", *_INSTANCE_FILTERS)
"""The arguments that may override a field of the account: none of them changes the host that the key is sent to."""
_COLUMN: Final = re.compile(r"expected (token|url|instance|channel)\b")


@frozen(kw_only=True)
class Asked:
    """The caller's arguments about the account, ``None`` by default. See :class:`ibm_circuit_job.IBMProvider`."""

    token: Any = field(default=None, repr=False, converter=hidden)
    url: Any = None
    name: Any = None
    instance: Any = None
    proxies: Any = field(default=None, repr=False)
    verify: Any = None
    channel: Any = None
    filename: Any = None
    region: Any = None
    plans_preference: Any = None
    tags: Any = None

    def given(self, *names: str) -> dict[str, Any]:
        """Return the arguments of these names that are not ``None``."""
        return {name: value for name in names if (value := getattr(self, name)) is not None}


@frozen
class Credentials:
    """An account and its source."""

    parameters: ClientParameters
    """The URL and the credentials of the account."""
    source: str
    """The source in words: ``"the arguments"``, ``"the variable QISKIT_IBM_TOKEN"``,
    ``"the account 'mine' in /home/me/.qiskit/qiskit-ibm.json"``."""


def find_credentials(asked: Asked, environment: Mapping[str, str] | None = None) -> Credentials:
    """Return the account to use.

    Args:
        asked: The caller's arguments.
        environment: The environment variables. By default those of this process, then those in a file ``.env`` in the
            working directory or above it.

    Raises:
        IBMAccountError: If there is no account, the arguments contradict each other, or a value is invalid. The message
            names the source, and repeats no secret.

    Example:
        >>> find_credentials(Asked(instance="mine"), {"QISKIT_IBM_TOKEN": "secret"}).source
        'the variable QISKIT_IBM_TOKEN'
    """
    with quiet_traces.cleared():
        return _found(asked, environment)


def _found(asked: Asked, environment: Mapping[str, str] | None) -> Credentials:
    _check_together(asked)
    if asked.token is not None:
        _check_other_services({"url": asked.url}, "the arguments")
        fields = {name: value for name, value in asdict(asked).items() if name not in {"name", "filename"}}
        return _credentials({name: value for name, value in fields.items() if value is not None}, "the arguments", "")
    if asked.name is None and asked.filename is None:
        files = [("", os.environ), *_dotenv()] if environment is None else [("", environment)]
        for file, variables in files:
            found = _in_variables(asked, variables, file)
            if found is not None:
                return found
        _warn_of_unused(files[0][1])
    return _in_file(asked)


def _check_together(asked: Asked) -> None:
    """Check that the arguments name one source.

    Raises:
        InvalidAccountError: If they name two sources, none for the key, or one of them is invalid.
    """
    if isinstance(asked.name, str) and (kind := pasted.kind_of(pasted.clean(asked.name))):
        raise InvalidAccountError(
            f"expected name to be the name of a saved account, got {kind}; give an instance as 'instance'"
        )
    if asked.name is not None and not isinstance(asked.name, str):
        raise InvalidAccountError(f"expected name to be the name of a saved account, got {pasted.shown(asked.name)}")
    for other in ("name", "filename"):
        if asked.token is not None and getattr(asked, other) is not None:
            raise InvalidAccountError(
                f"expected either token or {other}, got both: the token and all else of an account come from one "
                f"source. Leave out token to use the saved account, or {other} to use the token"
            )
    if asked.url is not None and asked.token is None and asked.name is None:
        raise InvalidAccountError(
            "expected a token with url, or the name of a saved account: a key from another source is not sent to this "
            "host"
        )
    if asked.channel is not None and (
        not isinstance(asked.channel, str) or channel_of(asked.channel) not in DEFAULT_URLS
    ):
        known = ", ".join(map(repr, DEFAULT_URLS))
        raise InvalidAccountError(f"expected channel to be one of {known}, got {pasted.shown(asked.channel)}")


def _credentials(fields: Mapping[str, Any], source: str, prefix: str) -> Credentials:
    parameters = ClientParameters(**fields)
    if parameters.channel == CLASSIC and pasted.is_classic_url(parameters.url):
        raise IBMAccountError(f"{prefix}{SWITCHED_OFF}")
    region = pasted.region_of_url(fields.get("url"))
    if region is not None and parameters.crn_region not in {None, region}:
        _logger.warning(
            "The url of %s is in the region %s, the instance in %s. The region of the instance is used.",
            source,
            region,
            parameters.crn_region,
        )
    return Credentials(parameters, source)


def _check_other_services(account: Mapping[str, Any], source: str) -> None:
    """Check that no environment variable sends the key, or a token made from it, to a host from another source.

    The variables name other services of the same cloud. They are ignored where the account is on this machine.

    Raises:
        IBMAccountError: If a variable names a host that does not belong to the URL of the account.
    """
    own = pasted.host_of(pasted.clean_url(account.get("url") or DEFAULT_URLS[PLATFORM]))
    if pasted.is_loopback(own):
        return
    for variable in ("IAM_URL", "GLOBAL_SEARCH_URL", "GLOBAL_CATALOG_URL"):
        given = pasted.clean(os.environ.get(variable) or "")
        host = pasted.host_of(given)
        if given and host != own and not host.endswith(f".{own}"):
            raise IBMAccountError(
                f"expected the variable {variable} to name a host below {own}; it names another one, and the key of "
                f"{source} is not sent there. Unset it, or set {_TOKEN} together with it"
            )


def _overridden(found: Mapping[str, Any], asked: Asked) -> dict[str, Any]:
    """The fields of an account, overridden by the caller's arguments.

    An instance also overrides the filters that choose an instance, and these override an instance.
    """
    given = asked.given(*_OVERRIDES)
    filters = set(_INSTANCE_FILTERS)
    replaced = filters if "instance" in given else {"instance"} if given.keys() & filters else set()
    return {name: value for name, value in found.items() if name not in replaced} | given


# The variables of the environment


def _in_variables(asked: Asked, environment: Mapping[str, str], file: str) -> Credentials | None:
    given = {name: environment.get(variable) or "" for name, variable in _VARIABLES.items()}
    found = {name: value for name, value in given.items() if value.strip()}
    if "token" not in found:
        return None
    where = f" in {file}" if file else ""
    if asked.channel is not None and channel_of(found.get("channel", asked.channel)) != channel_of(asked.channel):
        _logger.info("Ignored %s%s: its channel is not %s.", _TOKEN, where, asked.channel)
        return None
    chosen = _overridden(found | asked.given("channel"), asked)
    source = f"the variable {_TOKEN}{where}"
    try:
        if file:
            _check_other_services(chosen, source)
        return _credentials(chosen, source, f"the variable {_VARIABLES[_classic_among(given)]}{where}: ")
    except IBMAccountError as error:
        column = _COLUMN.match(str(error))
        if column is None or column[1] not in found or column[1] in asked.given(*_OVERRIDES):
            raise
        raise type(error)(f"the variable {_VARIABLES[column[1]]}{where}: {error}") from None


def _classic_among(given: Mapping[str, str]) -> str:
    """The variable whose value shows that the account is one of the archived platform, as a key of ``_VARIABLES``."""
    if given["channel"].strip() == CLASSIC:
        return "channel"
    return "url" if pasted.is_classic_url(pasted.clean(given["url"])) else "token"


def _warn_of_unused(environment: Mapping[str, str]) -> None:
    unused = [name for name in _VARIABLES.values() if name != _TOKEN and (environment.get(name) or "").strip()]
    if unused:
        _logger.warning("Ignored %s, because %s is not set.", ", ".join(unused), _TOKEN)


def _dotenv() -> list[tuple[str, Mapping[str, str]]]:
    """The file ``.env`` in the working directory or above it, and its variables; an empty list without such a file."""
    try:
        from dotenv import dotenv_values, find_dotenv  # noqa: PLC0415 - of an extra
    except ImportError:
        return []
    path = ""
    try:
        path = find_dotenv(usecwd=True)
        # Without interpolation: a file that came with a downloaded program must not read other variables.
        values = dotenv_values(path, interpolate=False) if path else {}
    except (OSError, ValueError) as error:
        _logger.warning("Ignored %s, because it cannot be read (%s).", path or ".env", type(error).__name__)
        return []
    return [(path, {name: value for name, value in values.items() if value})] if path else []


# The file of saved accounts


def _in_file(asked: Asked) -> Credentials:
    try:
        path = account_file.path_of(asked.filename)
    except IBMAccountError as error:
        if asked.name is None and asked.filename is None:
            raise AccountNotFoundError(f"{_NO_TOKEN}; {error}") from None
        raise
    entries = account_file.read(path)
    if not entries and asked.filename is not None and not path.exists():
        raise AccountNotFoundError(f"expected filename to be a file of saved accounts; {path} does not exist")
    accounts, unreadable = account_file.accounts_in(entries)
    if asked.name is not None:
        if asked.name not in entries:
            known = ", ".join(sorted(entries)) or "none"
            raise AccountNotFoundError(
                f"expected name to be the name of an account in {path} ({known}), got {asked.name!r}{_qiskitrc()}"
            )
        account = next((account for account in accounts if account.name == asked.name), None)
    else:
        account = account_file.picked(accounts, asked.channel)
    if account is None:
        raise _none_found(asked, str(path), entries, unreadable if asked.name is None else [asked.name])
    if unreadable and asked.name is None:
        _logger.warning("Ignored %s in %s: not an account.", _listed(unreadable), path)
    return _of_account(account, asked, f"the account {account.name!r} in {path}")


_NO_TOKEN: Final = (
    f"expected a token: give one as 'token', in the variable {_TOKEN}, or save an account with "
    "IBMProvider.save_account(token); API keys are made at https://quantum.cloud.ibm.com"
)


def _none_found(asked: Asked, path: str, entries: Mapping[str, Any], unreadable: list[str]) -> AccountNotFoundError:
    if unreadable:
        return AccountNotFoundError(
            f"expected {_listed(unreadable)} in {path} to be an account, a JSON object with a token"
        )
    if entries:
        return AccountNotFoundError(
            f"{_NO_TOKEN}; no account in {path} ({_listed(entries)}) is of the channel {asked.channel!r}"
        )
    found = f"; {path} is empty" if Path(path).exists() else ""
    if asked.filename is not None and not found:
        found = f"; there is no account in {path}"
    return AccountNotFoundError(f"{_NO_TOKEN}{found}{_qiskitrc()}")


def _of_account(account: SavedAccount, asked: Asked, source: str) -> Credentials:
    if account.unsupported_fields:
        raise IBMAccountError(
            f"{source} has fields that this version does not support: {_listed(account.unsupported_fields)}; save the "
            "account again without them"
        )
    if asked.channel is not None and account.channel != channel_of(asked.channel):
        raise IBMAccountError(f"{source} is of the channel {account.channel!r}, not of {asked.channel!r}")
    names = account_file.CONNECTION_FIELDS
    saved = {name: account.fields[name] for name in names if account.fields.get(name) is not None}
    if asked.url is not None:
        own = saved.get("url") or DEFAULT_URLS.get(account.channel)
        if pasted.clean_url(asked.url) != pasted.clean_url(own):
            raise IBMAccountError(
                f"expected the url of {source}, got another one: its key is not sent to another host; give the token "
                "that belongs to the url"
            )
    _check_other_services(saved, source)
    chosen = _overridden({**saved, "token": account.fields.get("token"), "channel": account.channel}, asked)
    try:
        return _credentials(chosen, source, "")
    except IBMAccountError as error:
        raise type(error)(f"{source}: {error}") from None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


def _qiskitrc() -> str:
    if not account_file.has_qiskitrc():
        return ""
    return (
        "; qiskit-ibmq-provider wrote .qiskit/qiskitrc in the home directory: its accounts are of IBM Quantum Platform "
        "Classic, which IBM switched off in July 2025"
    )
