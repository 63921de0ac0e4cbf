"""The documents of the 68 devices that qiskit-ibm-runtime ships, for comparisons of models. No service is needed."""

import json
import sys
from datetime import datetime
from pathlib import Path

FOLDER = next(
    Path(sys.prefix).parent.glob("runtime/lib/python*/site-packages/qiskit_ibm_runtime/fake_provider/backends")
)
DEVICES = sorted(FOLDER.glob("*/conf_*.json"))


def document(path):
    return json.loads(path.read_text(encoding="utf-8"))


def properties_of(device):
    found = device.with_name(device.name.replace("conf_", "props_"))
    return document(found)


def name_of(device):
    return device.parent.name


def as_plain(value):
    """Return a value of either library as numbers, texts, lists and dictionaries."""
    if hasattr(value, "to_dict"):
        value = value.to_dict()
    if isinstance(value, dict):
        return {name: as_plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_plain(each) for each in value]
    # Their dates are wrong where the document's zone is not UTC: it is ignored.
    return "a date" if isinstance(value, datetime) else value


def different(names, ours, theirs):
    """Return the attributes that differ, with both answers."""
    asked = {name: (as_plain(getattr(ours, name)), as_plain(getattr(theirs, name))) for name in names}
    return {name: pair for name, pair in asked.items() if pair[0] != pair[1]}
