"""The table of set-ups: how people's machines, files, accounts and networks are when they log in for the first time.

A row says what is in the home directory, in the environment and in the call, what state the cloud is in, and what must
come of it. The same rows are run with our client (``tests/clients/test_first_log_in.py``) and with the official one,
unmodified (``tests/conformance/runtime/test_accounts.py``); what that one was seen to do is in ``official.py``.

In texts, ``{home}`` stands for the home directory, and ``{authority}`` for the file with the certificate of the
authority that the cloud's certificates are of.
"""

import json
from pathlib import Path

from attrs import field, frozen
from cloud_state import BACKEND, Cloud, secrets_in

FILE = ".qiskit/qiskit-ibm.json"
IAM = "iam.cloud.ibm.com"
CLASSIC = "july 2025"
"""What a message about IBM Quantum Platform Classic has to say: when it was switched off."""


@frozen
class LoggedIn:
    """It logged in, and got its first backend."""

    instance: str
    """The CRN."""
    requests: int = 6
    """How many requests that took; in a row of the table: at most."""


@frozen
class Refused:
    """It raised; each of these words must be in the message. ``a|b`` is either."""

    words: tuple
    without_request: bool = False
    """Whether no request may have been sent."""


@frozen
class Offline:
    """It started without the service, with the jobs of its store."""


@frozen
class Setup:
    """One row of the table."""

    name: str
    expected: LoggedIn | Refused | Offline
    arguments: dict = field(factory=dict)
    official: dict | None = None
    """Arguments of the official client, where they are spelled otherwise."""
    home: dict = field(factory=dict)
    """Path in the home directory -> JSON, text, bytes, or ``None`` for a folder."""
    variables: dict = field(factory=dict)
    dotenv: str | None = None
    """What is in the file ``.env`` of the working directory."""
    cloud: Cloud = field(factory=Cloud)
    key_hosts: tuple = (IAM,)
    """Hosts that may see the key."""
    is_trusted: bool = True
    """Whether the environment says that the cloud's authority is to be trusted."""
    store: bool = False
    """Whether the provider is given a store."""
    needs: str | None = None
    """A module without which the row is not run."""
    lacks: str | None = None
    """A module with which the row is not run."""
    has_home: bool = True
    source: str | None = None
    """An issue or a thread that the row is from."""

    def told(self, arguments, **places):
        """Arguments, variables or contents with the places filled in."""
        if isinstance(arguments, dict):
            return {name: self.told(value, **places) for name, value in arguments.items()}
        if isinstance(arguments, list):
            return [self.told(value, **places) for value in arguments]
        if isinstance(arguments, str):
            for name, place in places.items():
                arguments = arguments.replace(f"{{{name}}}", str(place))
        return arguments


def saved(accounts, path=FILE):
    """The home directory in which the official client saved these accounts."""
    return {path: accounts}


def prepared(setup, home, authority, patch):
    """Make the home directory and the environment of a set-up; return the arguments of ours and the official client."""
    places = {"home": home, "authority": authority}
    for path, content in setup.home.items():
        target = Path(home) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            target.mkdir()
        elif isinstance(content, bytes):
            target.write_bytes(content)
        elif isinstance(content, str):
            target.write_text(content, encoding="utf-8")
        else:
            target.write_text(json.dumps(setup.told(content, **places), indent=4), encoding="utf-8")
    variables = {"REQUESTS_CA_BUNDLE": str(authority)} if setup.is_trusted else {}
    for name in VARIABLES:
        patch.delenv(name, raising=False)
        patch.delenv(name.lower(), raising=False)
    for name, value in (variables | setup.told(setup.variables, **places)).items():
        patch.setenv(name, value)
    if setup.dotenv is not None:
        Path(".env").write_text(setup.told(setup.dotenv, **places), encoding="utf-8")
    official = setup.arguments if setup.official is None else setup.official
    return setup.told(setup.arguments, **places), setup.told(official, **places)


VARIABLES = (
    *(f"QISKIT_IBM_{name}" for name in ("TOKEN", "URL", "INSTANCE", "CHANNEL")),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "IAM_URL", "GLOBAL_SEARCH_URL", "GLOBAL_CATALOG_URL"),
)
"""Variables that a set-up has only where it says so."""


def problems(setup, outcome, message, seen):
    """Return what is wrong with what a client did, by the table; how many requests it sent is not judged here.

    Args:
        setup: The row.
        outcome: LoggedIn, Offline, or the exception as Refused.
        message: What the exception says.
        seen: The requests, each as a mapping.
    """
    found = [
        f"the key went to {each['host']}" for each in seen if each["has_key"] and each["host"] not in setup.key_hosts
    ]
    found += [
        f"the key went to {each['host']} unencrypted" for each in seen if each["has_key"] and not each["is_encrypted"]
    ]
    found += ["a secret is in the message"] if leaked(setup, message) else []
    match setup.expected, outcome:
        case LoggedIn() as wanted, LoggedIn() as got:
            if got.instance != wanted.instance:
                found.append(f"works in {got.instance}, expected {wanted.instance}")
        case Refused() as wanted, Refused():
            lowered = message.lower()
            found += [
                f"does not say {words!r}"
                for words in wanted.words
                if not any(word.lower() in lowered for word in words.split("|"))
            ]
            if wanted.without_request and seen:
                found.append(f"asked {', '.join(sorted({each['host'] for each in seen}))}")
        case Offline(), Offline():
            pass
        case wanted, got:
            found.append(f"expected {type(wanted).__name__}, got {type(got).__name__}")
    return list(dict.fromkeys(found))


def leaked(setup, text):
    """The secrets that are in a text."""
    return secrets_in(text, setup.cloud)


__all__ = ["BACKEND", "LoggedIn", "Offline", "Refused", "Setup", "leaked", "prepared", "problems", "saved"]
