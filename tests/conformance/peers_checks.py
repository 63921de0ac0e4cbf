"""What the README's table says of an official client, as its own package shows it."""

import json
import urllib.request
from importlib.metadata import distribution
from pathlib import Path


def commands_and_fixtures(package):
    """Whether a package installs a command, and whether it has a plugin for pytest."""
    groups = {point.group for point in distribution(package).entry_points}
    return {"a command line for jobs": "console_scripts" in groups, "fixtures for pytest": "pytest11" in groups}


def members(backend, job):
    """Whether backends estimate circuits, and jobs show themselves."""
    return {
        "quantum time estimated before a job is sent": any("estimate" in name for name in dir(backend)),
        "a job shows itself in a notebook": any(hasattr(job, name) for name in ("_repr_html_", "_repr_mimebundle_")),
    }


def files_with(text):
    """The files in the home directory that have a text."""
    return [path for path in Path.home().rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def streams_of(service):
    """How many websockets a service has been asked for."""
    with urllib.request.urlopen(f"{service.environment['IAM_URL']}/faults", timeout=10) as answer:  # noqa: S310
        return json.load(answer)["served"].get("websocket", 0)
