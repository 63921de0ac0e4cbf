"""The commands about accounts: ``login``, ``whoami``, ``accounts`` and ``logout``. They never print a key."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer
from attrs import evolve
from returns.result import Success

from ibm_circuit_job.account.provider import IBMProvider
from ibm_circuit_job.cli import terminal
from ibm_circuit_job.clients import ClientParameters, PlatformAccount, PlatformClient, RequestFailed, account_file
from ibm_circuit_job.clients.credentials import Asked, find_credentials
from ibm_circuit_job.clients.instances import Instance, InstanceWish, candidates, choose_instance, listed
from ibm_circuit_job.clients.log_in_errors import log_in_error
from ibm_circuit_job.clients.parameters import PLATFORM
from ibm_circuit_job.errors import IBMAccountError, to_exception

Name = Annotated[str | None, typer.Option(help="The name of the saved account.")]
"""The option ``--name``."""
Filename = Annotated[
    str | None,
    typer.Option(help="The file of saved accounts; by default .qiskit/qiskit-ibm.json in the home directory."),
]
"""The option ``--filename``."""
_COLUMN_FIELDS: Final = ("channel", "instance", "region", "plans_preference", "tags")


def login(
    instance: Annotated[str | None, typer.Option(help="The CRN or the name of the instance.")] = None,
    region: Annotated[str | None, typer.Option(help="Only instances of this region, such as us-east.")] = None,
    plan: Annotated[str | None, typer.Option(help="Only instances of this plan, such as open.")] = None,
    name: Name = None,
    filename: Filename = None,
    url: Annotated[str | None, typer.Option(help="The URL to log into; IBM's by default.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a saved account of that name.")] = False,
    token: Annotated[
        str | None,
        typer.Option(help="The API key. Other users of the machine can see it in the list of processes."),
    ] = None,
) -> None:
    """Save an account: read its API key, list its instances, and save the key with the chosen instance.

    The key is not shown while it is typed. If the input is not a terminal, the key is the first line of the input. API
    keys are made at https://quantum.cloud.ibm.com.

    Example: ibm-circuit-job login --plan open
    """
    saved_as = name or account_file.default_name(PLATFORM)
    may_replace = overwrite or _may_replace(saved_as, filename)
    if token is not None:
        terminal.warn("other users can see a key on the command line in the list of processes; run it without --token")
        key = token
    else:
        key = typer.prompt("API key", hide_input=True) if terminal.can_ask() else sys.stdin.readline()
    wanted = Asked(
        token=key,
        url=url,
        channel=PLATFORM,
        instance=instance,
        region=region,
        plans_preference=(plan,) if plan else None,
    )
    parameters = find_credentials(wanted).parameters
    found = _instances_of(parameters)
    chosen = _chosen(
        parameters, found, InstanceWish(parameters.instance, parameters.region, parameters.plans_preference)
    )
    IBMProvider.save_account(
        parameters.token, url, chosen.crn, saved_as, channel=PLATFORM, filename=filename, overwrite=may_replace
    )
    path = account_file.path_of(filename)
    print(terminal.printable(f"The account {saved_as!r} is saved in {path}"))
    _print_other_default(f"the account {saved_as!r} in {path}", filename)


def _print_other_default(saved: str, filename: str | None) -> None:
    """Print which account a program without a name uses, if it is not the saved one."""
    try:
        used = find_credentials(Asked(filename=filename)).source
    except IBMAccountError as error:
        print(terminal.printable(f"A program that names no account finds none: {error}"))
        return
    if used != saved:
        print(terminal.printable(f"A program that names no account uses another one: {used}"))


def _may_replace(name: str, filename: str | None) -> bool:
    """Whether an account of that name exists, and the user agrees to replace it."""
    if not IBMProvider.saved_accounts(filename=filename, name=name):
        return False
    where = f"an account {name!r} in {account_file.path_of(filename)}"
    if not terminal.can_ask():
        terminal.fail(f"there is {where}; give --overwrite to replace it, or another --name")
    return typer.confirm(terminal.printable(f"There is {where}. Replace it?"), abort=True)


def _instances_of(parameters: ClientParameters) -> list[Instance]:
    account = PlatformAccount(parameters)
    try:
        account.check_login()
        return account.instances()
    except RequestFailed as error:
        raise log_in_error(error.failure, parameters.url) from None
    finally:
        account.close()


def _chosen(parameters: ClientParameters, found: Sequence[Instance], wish: InstanceWish) -> Instance:
    """The instance that fits, or the user's choice if several fit."""
    fitting = [
        each
        for each in candidates(found, wish)
        if not wish.plans_preference or each.plan == wish.plans_preference[0].lower()
    ]
    if not fitting:
        refused = choose_instance(found, wish)
        assert not isinstance(refused, Success)  # noqa: S101 - it compares plans in the same way as above
        raise to_exception(refused.failure(), IBMAccountError)
    if len(fitting) > 1 and not terminal.can_ask():
        terminal.fail(f"several instances fit: {listed(fitting)}; give --instance, --region or --plan")
    _show_instances(parameters, fitting)
    if len(fitting) == 1:
        return fitting[0]
    while (number := int(typer.prompt("Which one", type=int))) not in range(1, len(fitting) + 1):
        print(f"Expected a number from 1 to {len(fitting)}.")
    return fitting[number - 1]


def _show_instances(parameters: ClientParameters, instances: Sequence[Instance]) -> None:
    rows = [
        (str(number), each.name or each.crn, each.plan or "", each.region or "", _backends_of(parameters, each))
        for number, each in enumerate(instances, 1)
    ]
    terminal.show_rows(("", "instance", "plan", "region", "backends"), rows)


def _backends_of(parameters: ClientParameters, instance: Instance) -> str:
    """The number of backends of an instance, as a text; the error message if they cannot be listed."""
    client = PlatformClient(evolve(parameters, instance=instance.crn))
    try:
        return str(len(client.list_backends()))
    except RequestFailed as error:
        return str(error)
    finally:
        client.close()


def whoami(
    name: Name = None,
    filename: Filename = None,
    online: Annotated[bool, typer.Option("--online", help="Log in, and show the instance and its plan.")] = False,
    as_json: terminal.JsonObject = False,
) -> None:
    """Show the account that a program uses, its source, and its instance. No request is sent without --online.

    Example: ibm-circuit-job whoami --online
    """
    if online:
        with IBMProvider(name=name, filename=filename) as provider:
            account = provider.active_account()
    else:
        found = find_credentials(Asked(name=name, filename=filename))
        parameters = found.parameters
        account = {
            "channel": parameters.channel,
            "url": parameters.url,
            "instance": parameters.instance or "chosen at log-in",
            "region": parameters.crn_region or parameters.region,
            "plan": ", ".join(parameters.plans_preference),
            "source": found.source,
        }
    if as_json:
        terminal.show_json(account)
    else:
        terminal.show_rows(("", ""), [(key, str(value)) for key, value in account.items() if value not in {None, ""}])


def accounts(
    filename: Filename = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print an object as JSON: name -> account.")] = False,
) -> None:
    """List the saved accounts, without their keys.

    If the output goes to another program, each account is a line: name, channel, instance, region, plans and tags,
    separated by tabs.

    Example: ibm-circuit-job accounts
    """
    saved = IBMProvider.saved_accounts(filename=filename)
    if as_json:
        terminal.show_json(saved)
        return
    rows = [(name, *(_cell(account.get(field)) for field in _COLUMN_FIELDS)) for name, account in saved.items()]
    terminal.show_rows(("account", "channel", "instance", "region", "plans", "tags"), rows)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _default_account(filename: str | None) -> str:
    """The name of the default account of the file, or of its only account."""
    known, _ = account_file.accounts_in(account_file.read(account_file.path_of(filename)))
    used = account_file.picked(known)
    if used is None or not (used.is_default or len(known) == 1):
        names = ", ".join(repr(account.name) for account in known) or "none is saved"
        terminal.fail(f"expected the name of an account ({names})")
    return used.name


def logout(
    name: Annotated[str | None, typer.Argument(help="The account; by default the only one, or the default.")] = None,
    filename: Filename = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a saved account. The key itself remains valid; keys are deleted at https://cloud.ibm.com/iam/apikeys.

    Example: ibm-circuit-job logout mine
    """
    meant = name or _default_account(filename)
    where = f"account {meant!r} in {account_file.path_of(filename)}"
    if not yes:
        if not terminal.can_ask():
            terminal.fail(f"give --yes to delete the {where}")
        typer.confirm(terminal.printable(f"Delete the {where}?"), abort=True)
    if not IBMProvider.delete_account(filename=filename, name=meant):
        terminal.fail(f"there is no {where}")
    print(terminal.printable(f"The {where} is deleted"))
