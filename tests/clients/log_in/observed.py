"""What a client was seen to do in a set-up, in one line, as ``official.json`` has it and the comparison prints it."""

import json
import os
import re
from pathlib import Path

from setups import LoggedIn, Offline, Refused, leaked
from table import ROWS

_LONGEST = 110
_NAMES = {each.crn: each.name for row in ROWS for account in row.cloud.accounts for each in account.instances}
_CHANGING = re.compile(r"0x[0-9a-f]+|/(?:tmp|home|root|var)/[^\s'\"]*")


def observation(outcome, kind, message, seen, setup):
    """Return the line: the instance and the requests, or the exception; and where a key went that it should not.

    Args:
        outcome: What came of it.
        kind: The class of the exception; nothing where there was none.
        message: Its message.
        seen: The requests, each as a mapping.
        setup: The row of the table.
    """
    match outcome:
        case LoggedIn():
            line = f"{_NAMES.get(outcome.instance, outcome.instance)}, {outcome.requests} requests"
        case Offline():
            line = "offline"
        case Refused():
            text = _CHANGING.sub("...", " ".join(message.split()))
            for secret in leaked(setup, text):
                text = text.replace(secret, "[the secret]")
            line = f"{kind}: {text[:_LONGEST]}"
    astray = sorted({each["host"] for each in seen if each["has_key"] and each["host"] not in setup.key_hosts})
    plain = any(each["has_key"] and not each["is_encrypted"] for each in seen)
    return line + (f" [key to {', '.join(astray)}]" if astray else "") + (" [key unencrypted]" if plain else "")


def write_down(setup, outcome, line, found):
    """Add what was seen to the file that the variable ACCOUNTS_SEEN names, where it is set."""
    sent = outcome.requests if isinstance(outcome, LoggedIn) else None
    if path := os.environ.get("ACCOUNTS_SEEN"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"name": setup.name, "saw": line, "requests": sent, "problems": found}) + "\n")


def read_down(path):
    """Return what was written down: set-up -> the line and the problems."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {each["name"]: each for each in map(json.loads, lines)}


def side_by_side(ours, theirs, *, every_row=False):
    """Return the comparison of what two clients did, as lines.

    Args:
        ours: What ours did, by set-up.
        theirs: What the official one did.
        every_row: Whether each row is shown, and not only their number.
    """
    both = [row for row in ROWS if row.name in ours and row.name in theirs]
    right = [sum(not each[row.name]["problems"] for row in both) for each in (ours, theirs)]
    lines = [f"{len(both)} set-ups: ours does what the table expects in {right[0]}, the official client in {right[1]}"]
    in_both = [row.name for row in both if ours[row.name]["requests"] and theirs[row.name]["requests"]]
    sent = [sum(each[name]["requests"] for name in in_both) for each in (ours, theirs)]
    lines.append(
        f"  where both log in ({len(in_both)} set-ups): ours sends {sent[0]} requests, the official client {sent[1]}"
    )
    lines.extend(
        f"  {name}: ours {ours[name]['requests']}, the official client {theirs[name]['requests']}"
        for name in ("a key and a CRN", "a key alone", "an instance by its name")
        if name in in_both
    )
    for row in both if every_row else ():
        lines.append(row.name)
        lines.extend(
            f"  {client}, {'wrong' if each['problems'] else 'right'}: {each['saw']}"
            for client, each in (("ours", ours[row.name]), ("official", theirs[row.name]))
        )
    return lines
